"""Integrated gradients against captum's with a fixed number of steps: CPU time and difference.

    python -m benchmarks.attribution [--steps 64] [--heap-only]

One thread, the default checkpoint of each installed detector, one window of the signal of the
self-test. Ours stops where the parts add up and have settled, after 33 passes at most; captum gets
`--steps` Gauss-Legendre steps of the same function. Ratios are of process CPU time, captum over
ours. Occlusion is captum's own `FeatureAblation`, so it stands alone. `difference` is how far
the parts over time lie apart, sizes summed, as a share of captum's; `gap` is what captum's own
parts lack of adding up, likewise.
"""

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from captum.attr import IntegratedGradients
from numpy.typing import NDArray

from core import attribution
from core.allocator import keep_freed_memory
from core.attribution import Settings
from core.detectors.base import Detector
from core.loading import golden_wave, select
from core.types import Window

Result = TypeVar("Result")
SETTINGS = Settings()


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """CPU seconds of one call, and what it returned."""
    begun = time.process_time()
    found = work()
    return time.process_time() - begun, found


def gradients(scene: attribution._Scene, steps: int) -> NDArray[np.float32]:
    """captum's shares, summed over the same cells of time."""  # noqa: D403
    ends = (scene.relaxed(scene.clip), scene.relaxed(scene.baseline))
    parts = IntegratedGradients(scene.logit(tuple(ends[0]))).attribute(
        (scene.clip, *ends[0].values()),
        (scene.baseline, *ends[1].values()),
        n_steps=steps,
        internal_batch_size=SETTINGS.batch,
    )
    own, *codec = (part.detach()[0].sum(-1) for part in parts)
    grid = attribution._grid(scene, SETTINGS.seconds, SETTINGS.bands)
    shares = [grid.summed(own).sum(0), *(scene.folded(part, grid).sum(0) for part in codec)]
    summed: NDArray[np.float32] = np.sum(shares, 0, np.float32)
    return summed


def row(name: str, detector: Detector, steps: int) -> str:
    """One line of the table."""
    samples = detector.spec.samples
    wave, window = golden_wave(samples), Window(0, samples)
    scene = attribution._Scene(detector, wave, window)
    attribution.occlusion(detector, wave, window, Settings(occluded_bands=1))  # warms up
    made: list[int] = []
    ours, shares = timed(
        lambda: attribution.integrated_gradients(
            detector, wave, window, SETTINGS, lambda passes, left: made.append(passes)
        )
    )
    theirs, wanted = timed(lambda: gradients(scene, steps))
    quick, _ = timed(lambda: attribution.occlusion(detector, wave, window, SETTINGS))
    whole = float(np.abs(wanted).sum())
    apart = float(np.abs(shares.evidence[0].values - wanted).sum()) / whole
    gap = abs(float(wanted.sum()) - (shares.spoof_logit - shares.baseline_logit)) / whole
    return (
        f"| {name} | {ours:.1f} | {sum(made)} | **{theirs / ours:.1f}** | {apart:.2f} | {gap:.2f} "
        f"| {quick:.1f} |"
    )


def main() -> None:
    """Parse the options and print a row for each detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--heap-only", action="store_true", help="the application's allocator")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.heap_only and not keep_freed_memory():
        parser.error("the allocator setting is glibc's")
    print("| detector | gradients s | steps | ratio | difference | gap | occlusion s |")
    for one in select():
        print(row(one.checkpoint.id, one.detector, options.steps), flush=True)


if __name__ == "__main__":
    main()
