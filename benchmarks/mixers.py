"""The scans of core/scans.py against what a reader of the papers would write first.

    python -m benchmarks.mixers [--rounds 9] [--heap-only] [--growth]

One thread, one process. Each round times every variant once, in rotated order; a ratio is the
median over rounds of peer / ours within a round, in process CPU time, so that a busy machine
shows in the milliseconds and hardly in the ratios. Errors are the largest difference to the
float64 recurrence, relative to its largest value.
"""

import argparse
import ctypes
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from core import scans
from core.mixers import SSMS
from tests.core import recurrences

Arguments = list[Tensor]
Job = Callable[[], object]


def indexed_loop(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """S6 as minimal implementations have it: decays of all frames at once, indexed in a loop.

    Its backward pass is quadratic in length: the gradient of each index is a whole sequence.
    """
    decay = torch.exp(torch.einsum("bld,dn->bldn", dt, A))
    written = torch.einsum("bld,bln,bld->bldn", dt, B, x)
    state = x.new_zeros(x.shape[0], x.shape[2], A.shape[1])
    outputs = []
    for i in range(x.shape[1]):
        state = decay[:, i] * state + written[:, i]
        outputs.append(torch.einsum("bdn,bn->bd", state, C[:, i]))
    return torch.stack(outputs, dim=1)


def s6(batch: int, length: int) -> Arguments:
    """x, dt, A, B, C of Mamba in XLSR-MamBo: 256 channels, 16 states."""
    x, dt = torch.randn(batch, length, 256), 0.1 * torch.rand(batch, length, 256)
    A = -torch.arange(1.0, 17).repeat(256, 1)
    return [x, dt, A, torch.randn(batch, length, 16), torch.randn(batch, length, 16)]


def ssd(batch: int, length: int) -> Arguments:
    """x, dt, A, B, C of Mamba-2 in XLSR-MamBo: 4 heads of 64, 64 states."""
    x, dt = torch.randn(batch, length, 4, 64), 0.1 * torch.rand(batch, length, 4)
    A = -torch.tensor([1.0, 4.0, 8.0, 16.0])
    return [x, dt, A, torch.randn(batch, length, 64), torch.randn(batch, length, 64)]


def hydra(batch: int, length: int) -> Arguments:
    """As `ssd`, with dt, B and C for both directions."""
    x, dt, A, *parts = ssd(batch, length)
    more = [torch.randn(batch, length, 64) for _ in range(2)]
    return [x, A, dt, dt.flip(1), *parts, *more]


def hydra_ours(x: Tensor, A: Tensor, *p: Tensor) -> Tensor:
    """`core.scans` with its arguments in a row."""
    return scans.quasi_separable(x, (p[0], p[1]), A, (p[2], p[3]), (p[4], p[5]))


def hydra_loop(x: Tensor, A: Tensor, *p: Tensor) -> Tensor:
    """The recurrence with its arguments in a row."""
    return recurrences.hydra(x, (p[0], p[1]), A, (p[2], p[3]), (p[4], p[5]))


def delta(batch: int, length: int) -> Arguments:
    """q, k, v, g, beta of Gated DeltaNet in XLSR-MamBo: 4 heads, keys of 32, values of 64."""
    q, k = torch.randn(2, batch, length, 4, 32)
    gates = -torch.rand(batch, length, 4), torch.rand(batch, length, 4)
    return [q, functional.normalize(k, dim=-1), torch.randn(batch, length, 4, 64), *gates]


class Match(NamedTuple):
    """A scan, its peer, and what both are given."""

    name: str
    ours: Callable[..., Tensor]
    peer: Callable[..., Tensor]
    arguments: Callable[[int, int], Arguments]


MATCHES = (
    Match("Mamba (S6)", scans.selective_scan, indexed_loop, s6),
    Match("Mamba-2 (SSD)", scans.ssd, recurrences.ssd, ssd),
    Match("Hydra", hydra_ours, hydra_loop, hydra),
    Match("Gated DeltaNet", scans.gated_delta_rule, recurrences.gated_delta, delta),
)


def seconds(job: Job) -> float:
    """CPU time of one run."""
    start = time.process_time()
    job()
    return time.process_time() - start


def paired(jobs: list[Job], rounds: int) -> list[list[float]]:
    """CPU seconds (job, round), the order rotated from round to round; one round is not counted."""
    times: list[list[float]] = [[] for _ in jobs]
    for turn in range(rounds + 1):
        for offset in range(len(jobs)):
            number = (turn + offset) % len(jobs)
            taken = seconds(jobs[number])
            if turn:
                times[number].append(taken)
    return times


def forward(scan: Callable[..., Tensor], arguments: Arguments) -> Job:
    """Scoring: no graph."""

    def job() -> None:
        with torch.inference_mode():
            scan(*arguments)

    return job


def repeated(job: Job, times: int) -> Job:
    """Short jobs again and again, so that they are not timed on what the long ones left behind."""
    return lambda: [job() for _ in range(times)]


def training(scan: Callable[..., Tensor], arguments: Arguments) -> Job:
    """Forward and the gradient of every argument."""
    needing = [argument.clone().requires_grad_() for argument in arguments]
    return lambda: torch.autograd.grad(scan(*needing).square().mean(), needing)


def error(match: Match, arguments: Arguments) -> float:
    """Of the outputs."""
    exact = match.peer(*(argument.double() for argument in arguments))
    difference = match.ours(*arguments).double() - exact
    return float(difference.abs().max() / exact.abs().max())


def gradient_error(match: Match, arguments: Arguments) -> float:
    """Of the gradients, the worst argument."""

    def gradients(scan: Callable[..., Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
        needing = [argument.to(dtype).requires_grad_() for argument in arguments]
        return torch.autograd.grad(scan(*needing).square().mean(), needing)

    found = gradients(match.ours, torch.float32)
    exact = gradients(match.peer, torch.float64)
    pairs = zip(found, exact, strict=True)
    return max(float((a.double() - b).abs().max() / b.abs().max()) for a, b in pairs)


def against_peers(batch: int, length: int, rounds: int) -> None:
    """The table of ratios for one shape."""
    print(f"\nbatch {batch}, {length} frames\n")
    print("| scan | pass | peer ms | ours ms | ratio (range) | relative error |")
    print("|---|---|---|---|---|---|")
    for match in MATCHES:
        arguments = match.arguments(batch, length)
        for name, make, wrong in (
            ("forward", forward, error),
            ("forward + backward", training, gradient_error),
        ):
            peer, ours = paired([make(match.peer, arguments), make(match.ours, arguments)], rounds)
            ratios = sorted(p / o for p, o in zip(peer, ours, strict=True))
            print(
                f"| {match.name} | {name} | {1e3 * median(peer):.1f} | {1e3 * median(ours):.1f} "
                f"| **{median(ratios):.1f}** ({ratios[0]:.1f}-{ratios[-1]:.1f}) "
                f"| {wrong(match, arguments):.0e} |",
                flush=True,
            )


def growth(rounds: int) -> None:
    """Milliseconds a thousand frames: level where a mixer is linear in length."""
    lengths = (200, 1_000, 5_000, 20_000)
    again = [max(1, 5_000 // length) for length in lengths]
    print("\nwhole mixers and attention, batch 1, forward: ms for each 1,000 frames\n")
    print("| mixer | " + " | ".join(f"{length:,} frames" for length in lengths) + " |")
    print("|---|" + "---|" * len(lengths))
    inputs = [torch.randn(1, length, 128) for length in lengths]
    for name, kind in SSMS.items():
        mixer = kind(128).eval()
        jobs = [forward(mixer, [u]) for u in inputs]
        times = paired([repeated(*one) for one in zip(jobs, again, strict=True)], rounds)
        cells = [1e6 * median(t) / n / r for t, n, r in zip(times, lengths, again, strict=True)]
        print(f"| {name} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |", flush=True)
    heads = [u.unflatten(-1, (4, 32)).transpose(1, 2) for u in inputs]
    attend = functional.scaled_dot_product_attention
    jobs = [forward(attend, [u, u, u]) for u in heads]
    times = paired([repeated(*one) for one in zip(jobs, again, strict=True)], rounds)
    cells = [1e6 * median(t) / n / r for t, n, r in zip(times, lengths, again, strict=True)]
    print("| attention, fused | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |")


def heap_only() -> None:
    """Large blocks from the heap rather than fresh pages each time (glibc), for both sides."""
    libc = ctypes.CDLL("libc.so.6")
    mmap_max, trim_threshold = -4, -1
    if not (libc.mallopt(mmap_max, 0) and libc.mallopt(trim_threshold, 2**31 - 1)):
        raise OSError("mallopt refused.")


def main() -> None:
    """Parse the command line, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--heap-only", action="store_true", help="the application's malloc setting")
    parser.add_argument("--growth", action="store_true", help="time against length instead")
    options = parser.parse_args()
    if options.heap_only:
        heap_only()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if options.growth:
        growth(options.rounds)
        return
    against_peers(1, 208, options.rounds)
    against_peers(8, 200, options.rounds)


if __name__ == "__main__":
    main()
