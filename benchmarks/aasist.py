"""AASIST against a plain transcription of its description: time, memory and scores.

    python -m benchmarks.aasist [--rounds 3] [--batch 16] [--train-batch 4] [--heap-only]

One thread. Each round runs the transcription (tests/core/detectors/aasist_reference.py) and ours
on the same input; a ratio is the median over rounds of their process CPU times within a round, so
that a busy machine shows in the milliseconds and hardly in the ratios. Peak memory is that of a
process of its own, above what it held before the first forward pass. The weights are random: time
and memory do not depend on them.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from core.allocator import keep_freed_memory
from core.detectors.aasist import AASIST, AASIST_L, Aasist, Config
from tests.core.detectors.aasist_reference import Reference

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = {"AASIST": AASIST, "AASIST-L": AASIST_L}
Step = Callable[[], Tensor]


def pair(config: Config) -> tuple[Reference, Aasist]:
    """The transcription and ours with the same random weights."""
    torch.manual_seed(0)
    ours = Aasist(config).eval()
    return Reference(ours.state_dict(), config.pool_ratios), ours


def forward(config: Config, batch: int) -> tuple[Step, Step]:
    """A forward pass of both on the same waves."""
    plain, ours = pair(config)
    wave = 0.1 * torch.randn(batch, config.samples)
    return (lambda: plain(wave)[1]), (lambda: ours(wave).trace["logits"])


def training(config: Config, batch: int) -> tuple[Step, Step]:
    """Forward, backward and Adam, with dropout; the numbers differ by the dropout masks."""
    plain, ours = pair(config)
    weights = {key: value.clone() for key, value in ours.state_dict().items()}
    free = [key for key, _ in ours.named_parameters()]
    mine = nn.ParameterDict({key.replace(".", "/"): weights[key] for key in free})
    weights.update({key: mine[key.replace(".", "/")] for key in free})
    plain = Reference(weights, config.pool_ratios, training=True)
    ours.train()
    wave, target = 0.1 * torch.randn(batch, config.samples), torch.arange(batch) % 2

    def step(logits: Callable[[], Tensor], parameters: list[nn.Parameter]) -> Step:
        adam = torch.optim.Adam(parameters, 1e-4)

        def run() -> Tensor:
            adam.zero_grad()
            loss = nn.functional.cross_entropy(logits(), target)
            loss.backward()
            adam.step()
            return loss.detach()

        return run

    return (
        step(lambda: plain(wave)[1], list(mine.parameters())),
        step(lambda: ours(wave).trace["logits"], list(ours.parameters())),
    )


def seconds(step: Step) -> tuple[float, Tensor]:
    """CPU seconds of one call, and what it returned."""
    start = time.process_time()
    result = step()
    return time.process_time() - start, result


def compare(name: str, steps: tuple[Step, Step], rounds: int, per: int) -> None:
    """Print one line: milliseconds a clip of both, their ratio, the largest difference."""
    times = []
    for number in range(rounds + 1):  # the first warms up
        (slow, wanted), (fast, found) = seconds(steps[0]), seconds(steps[1])
        if number:
            times.append((slow, fast))
    ratio = median(slow / fast for slow, fast in times)
    slow, fast = (1e3 * median(column) / per for column in zip(*times, strict=True))
    difference = float((wanted - found).abs().max())
    print(f"{name:34s} {slow:9.0f} {fast:9.0f} {ratio:7.2f} {difference:12.1e}", flush=True)


def peak(which: int, config: str, batch: int) -> None:
    """Print by how many MB one forward pass raises the highest memory of this process."""
    step = forward(CONFIGS[config], batch)[which]
    with torch.inference_mode():
        forward(CONFIGS[config], 1)[1]()  # what the libraries allocate once
        before = resident("VmRSS")
        step()
    print(resident("VmHWM") - before)


def resident(field: str) -> float:
    """MB of this process now (VmRSS) or at most so far (VmHWM); Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(kilobytes) / 1024


def peak_of(which: int, config: str, batch: int) -> float:
    """What `peak` prints in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.aasist", "--peak", str(which), config, str(batch)]
    done = subprocess.run(  # noqa: S603 - this file, with numbers
        command, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    """Parse the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--train-batch", type=int, default=4)
    parser.add_argument("--heap-only", action="store_true", help="the allocator setting for both")
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        peak(int(options.peak[0]), options.peak[1], int(options.peak[2]))
        return
    if options.heap_only and not keep_freed_memory():
        parser.error("the allocator setting is glibc's")
    print(f"{'one thread, per clip':34s}  plain ms   ours ms   ratio   difference")
    with torch.inference_mode():
        for name, config in CONFIGS.items():
            for batch in (1, options.batch):
                steps = forward(config, batch)
                compare(f"{name} forward, batch {batch}", steps, options.rounds, batch)
    batch = options.train_batch
    compare(f"AASIST training, batch {batch}", training(AASIST, batch), options.rounds, batch)
    if options.skip_memory:
        return
    plain, ours = (peak_of(which, "AASIST", options.batch) for which in (0, 1))
    ratio = plain / ours
    print(f"peak memory at batch {options.batch}: {plain:.0f} MB, {ours:.0f} MB, {ratio:.1f}")


if __name__ == "__main__":
    main()
