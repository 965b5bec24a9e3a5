"""A detector with a known answer, for tests of everything around detectors.

Its spoof_logit is a hundred times the mean absolute sample of what it hears, plus an offset; its
features are countable. No weights, so nothing here is a score of anything.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from checkpoints.store import Checkpoint
from core.calibration import Calibration
from core.detectors.base import Detector, Features, InputSpec, Output, Size
from core.loading import Loaded
from core.pcm import ArraySamples
from core.types import RATE, Axis, Clip, Evidence, Source, Window

CALIBRATION = Calibration(1.0, 0.0, 1000, 1000, 0.1, "made up for tests")


class Loudness(Detector):
    name = "loudness"
    title = "Loudness"
    paper = "none"
    sizes = ("compact",)

    def __init__(self, samples: int = 64_600, offset: float = 0.0) -> None:
        super().__init__()
        self.samples, self.offset = samples, offset
        self.heard: list[Tensor] = []  # every wave that features was asked for
        self.fails_at: int | None = None  # on which call
        self.failure: Exception = RuntimeError("[enforce fail] can't allocate memory: you tried")

    @classmethod
    def build(cls, config: Mapping[str, Any] | None = None, size: Size = "compact") -> Self:
        return cls(**(config or {}))

    def config_dict(self) -> dict[str, Any]:
        return {"samples": self.samples, "offset": self.offset}

    @property
    def spec(self) -> InputSpec:
        return InputSpec(self.samples)

    @property
    def shortest(self) -> int:
        return 1

    def features(self, wave: Tensor) -> Features:
        assert torch.is_inference_mode_enabled()
        self.heard.append(wave)
        if self.fails_at == len(self.heard):
            raise self.failure
        return {"mean": wave.abs().mean(dim=1)}

    def decide(self, features: Features) -> Output:
        spoof = 100 * features["mean"] + self.offset
        return Output(spoof, {"logits": torch.stack([spoof, 0 * spoof], 1), **features})

    def evidence(self, trace: Mapping[str, Tensor], window: Window) -> tuple[Evidence, ...]:
        axis = Axis("time", "s", (window.start,))
        values = trace["mean"].numpy().astype(np.float32)
        return (Evidence("loudness.mean", "Loudness", values, (axis,), "amplitude", "A mean."),)


def loaded(
    detector: Loudness | None = None,
    name: str = "loudness-1",
    calibration: Calibration | None = CALIBRATION,
) -> Loaded:
    checkpoint = Checkpoint(name, "loudness", "compact", Path(), "a" * 64, "none", {})
    return Loaded((detector or Loudness()).eval(), checkpoint, calibration)


def clip_of(channels: Sequence[NDArray[np.float32]] | NDArray[np.float32]) -> Clip:
    """A clip of the given channels, each (samples,)."""
    samples = ArraySamples(np.stack([np.asarray(c, np.float32) for c in channels]))
    seconds = samples.length / RATE
    source = Source(
        "made.wav", "b" * 64, 44, "WAV", "PCM_16", RATE, samples.channels, seconds, "none"
    )
    return Clip(source, samples, "c" * 64, (), ())


def levels(*amplitudes: float, hop: int = 64_000, tail: int = 600) -> NDArray[np.float32]:
    """A wave that alternates in sign, with one amplitude a hop; `tail` samples of the last."""
    steps = np.repeat(np.asarray(amplitudes, np.float32), hop)
    wave = np.concatenate([steps, np.full(tail, amplitudes[-1], np.float32)])
    wave[1::2] *= -1
    return wave
