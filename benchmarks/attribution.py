"""What integrated gradients and occlusion cost, and how far the parts can be trusted.

    python -m benchmarks.attribution [--steps 128] [--heap-only]

One thread, the default checkpoint of each installed detector, one window of the signal of the
self-test, with the settings of the app. Seconds are of the process's CPU time. `gap` is how far the
parts over time are from adding up, `difference` how far they lie from those of `--steps` steps
(sizes of the differences, summed), both as shares of the sum of the parts' sizes.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from core.allocator import keep_freed_memory
from core.attribution import Attributed, OnPasses, Settings, integrated_gradients, occlusion
from core.detectors.base import Detector
from core.loading import golden_wave, select
from core.types import Window

SETTINGS = Settings()


class Run(NamedTuple):
    """What was found, for how much."""

    found: Attributed
    passes: int
    seconds: float


def timed(work: Callable[[OnPasses], Attributed]) -> Run:
    """One call, told how to report its passes."""
    made: list[int] = []
    begun = time.process_time()
    found = work(lambda passes, left: made.append(passes))
    return Run(found, sum(made), time.process_time() - begun)


def row(name: str, detector: Detector, steps: int) -> str:
    """One line of the table."""
    samples = detector.spec.samples
    wave, window = golden_wave(samples), Window(0, samples)
    occlusion(detector, wave, window, replace(SETTINGS, occluded_bands=1))  # warms up
    shares = timed(lambda told: integrated_gradients(detector, wave, window, SETTINGS, told))
    quick = timed(lambda told: occlusion(detector, wave, window, SETTINGS, told))
    fine = integrated_gradients(detector, wave, window, replace(SETTINGS, steps=steps))
    ours, wanted = (found.evidence[0].values for found in (shares.found, fine))
    apart = float(np.abs(ours - wanted).sum() / np.abs(wanted).sum())
    gap, fine_gap = (
        abs(found.delta or 0) / float(np.abs(found.evidence[0].values).sum())
        for found in (shares.found, fine)
    )
    return (
        f"| {name} | {shares.passes} | {shares.seconds:.1f} | {gap:.3f} | {fine_gap:.3f} "
        f"| {apart:.2f} | {quick.passes} | {quick.seconds:.1f} |"
    )


def main() -> None:
    """Parse the options and print a row for each detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--heap-only", action="store_true", help="the application's allocator")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.heap_only and not keep_freed_memory():
        parser.error("the allocator setting is glibc's")
    print(
        f"| detector | gradients: passes | s | gap | gap at {options.steps} steps | difference "
        "| occlusion: passes | s |"
    )
    for one in select():
        print(row(one.checkpoint.id, one.detector, options.steps), flush=True)


if __name__ == "__main__":
    main()
