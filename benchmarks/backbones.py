"""XLS-R 300M, its compact kin and EnCodec against what a user would run otherwise.

    python -m benchmarks.backbones [--rounds 5] [--layers 24] [--heap-only]

One thread, one process, random weights. Each round times every variant once, in rotated order; a
ratio is the median over rounds of peer / variant within a round, in process CPU time. The peer is
transformers' model in eager float32 with all hidden states, under inference_mode. Errors are
relative to the peer, of the last layer's output.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor

from core.allocator import keep_freed_memory
from core.backbones import (
    COMPACT,
    COMPACT_CODEC,
    ENCODEC_24KHZ,
    WAVLM_LARGE,
    XLSR_300M,
    Codec,
    SpeechBackbone,
)
from core.overlap import SharedFrames
from core.packed import PackedBackbone, PackedLinear, refusal

WINDOW = 64_600
Job = Callable[[], Tensor]


def peer_of(backbone: SpeechBackbone) -> Callable[[Tensor], Tensor]:
    """Transformers' own model with the same weights, eager attention, all hidden states."""
    config = backbone.model.config.to_dict() | {"attn_implementation": "eager"}
    network = type(backbone.model)
    with torch.device("meta"):
        model: Any = network(network.config_class(**config))
    model.load_state_dict(backbone.model.state_dict(), assign=True)
    model.eval()
    return lambda wave: model(wave, output_hidden_states=True).hidden_states[-1]


def timed(jobs: Mapping[str, Job], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each job in each round; the first round is not counted."""
    names = list(jobs)
    spent: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            start = time.process_time()
            jobs[name]()
            if number:
                spent[name].append(time.process_time() - start)
    return spent


def show(title: str, jobs: Mapping[str, Job], rounds: int, limit: str = "") -> None:
    """A table of times, ratios to the first job, and errors against it."""
    with torch.inference_mode():
        outputs = {name: job().double() for name, job in jobs.items()}
        spent = timed(jobs, rounds)
    peer = next(iter(jobs))
    print(
        f"\n{title} {limit}\n| variant | ms | ratio (range) | relative error |\n|---|---|---|---|"
    )
    for name, seconds in spent.items():
        ratios = sorted(a / b for a, b in zip(spent[peer], seconds, strict=True))
        error = float((outputs[name] - outputs[peer]).norm() / outputs[peer].norm())
        spread = f"**{median(ratios):.2f}** ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(f"| {name} | {1000 * median(seconds):.0f} | {spread} | {error:.0e} |")


def in_bfloat16(job: Job) -> Job:
    """The job under autocast to bfloat16."""

    def run() -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return job()

    return run


def speech(backbone: SpeechBackbone, wave: Tensor, *, transformers: bool) -> dict[str, Job]:
    """The variants of one backbone."""
    jobs: dict[str, Job] = {}
    if transformers:
        peer = peer_of(backbone)
        jobs["transformers, eager"] = lambda: peer(wave)
    fast = PackedBackbone(backbone)
    jobs["core.backbones"] = lambda: backbone(wave).hidden[:, -1]
    jobs["core.packed"] = lambda: fast(wave).hidden[:, -1]
    jobs["bfloat16 (option)"] = in_bfloat16(jobs["core.backbones"])
    return jobs


def stems(backbone: SpeechBackbone, wave: Tensor) -> dict[str, Job]:
    """The convolutions alone, plain and packed."""
    fast = PackedBackbone(backbone)
    return {
        "stem, as transformers": lambda: backbone.stem(wave),
        "stem, core.packed": lambda: fast.stem(wave),
    }


def sharing(backbone: SpeechBackbone) -> dict[str, Job]:
    """Stem frames of windows that overlap by half, one by one and shared."""
    wave, starts = 0.1 * torch.randn(8 * 32_000 + WINDOW), [32_000 * step for step in range(8)]

    def alone() -> Tensor:
        return torch.cat([backbone.stem(wave[None, at : at + WINDOW]) for at in starts])

    def shared() -> Tensor:
        read = partial(_window, wave[None])
        frames = SharedFrames(backbone, read, len(wave), WINDOW)
        return torch.cat([frames.window(at) for at in starts])

    return {"8 windows, one by one": alone, "shared": shared}


def _window(wave: Tensor, first: int) -> Tensor:
    return wave[:, first : first + WINDOW]


def product_rates() -> dict[str, float]:
    """GFLOP/s of one core on the widest matrix product of XLS-R, by who computes it."""
    x, weight = torch.randn(201, 1024), torch.randn(4096, 1024)
    layer = PackedLinear(weight, None, len(x))
    ways = {
        "MKL": lambda: torch.nn.functional.linear(x, weight),
        "oneDNN, packed": lambda: layer(x),
    }
    rates = dict.fromkeys(ways, 0.0)
    work = 20 * 2 * x.numel() * len(weight)
    for _ in range(5):
        for name, product in ways.items():
            start = time.process_time()
            for _ in range(20):
                product()
            rates[name] = max(rates[name], work / (time.process_time() - start) / 1e9)
    return rates


def main() -> None:
    """Print the tables of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", type=int, default=24, help="of XLS-R; fewer is quicker")
    parser.add_argument("--heap-only", action="store_true", help="the application's malloc setting")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if options.heap_only:
        keep_freed_memory()
    wave = 0.1 * torch.randn(1, WINDOW)
    rates = product_rates()
    print("float32 matrix products, GFLOP/s a core:", {k: round(v) for k, v in rates.items()})
    rate = max(rates.values())
    xlsr = SpeechBackbone(replace(XLSR_300M, layers=options.layers)).eval()
    print("packing refused:", refusal(xlsr))
    work = 23.0 + 120.4 * options.layers / 24  # GFLOP of a window: stem and position, layers
    limit = f"(limit {1000 * work / rate:.0f} ms: {work:.0f} GFLOP at that rate)"
    show("XLS-R 300M, one window", speech(xlsr, wave, transformers=True), options.rounds, limit)
    show("XLS-R's stem", stems(xlsr, wave), options.rounds)
    show("XLS-R's stem, overlap", sharing(xlsr), max(2, options.rounds // 2))
    wavlm = SpeechBackbone(replace(WAVLM_LARGE, layers=min(12, options.layers))).eval()
    show(
        "WavLM-Large, 12 layers, one window", speech(wavlm, wave, transformers=True), options.rounds
    )
    for stem in ("spectral", "conv"):
        compact = SpeechBackbone(replace(COMPACT, stem=stem)).eval()
        jobs = speech(compact, wave, transformers=False)
        show(f"compact backbone, {stem} stem, one window", jobs, 4 * options.rounds)
    codecs = {"EnCodec": Codec(ENCODEC_24KHZ).eval(), "compact codec": Codec(COMPACT_CODEC).eval()}
    for name, codec in codecs.items():
        job: dict[str, Job] = {"codes": partial(codec.codes, wave)}
        show(f"{name}, one window, 8 quantizers", job, options.rounds)


if __name__ == "__main__":
    main()
