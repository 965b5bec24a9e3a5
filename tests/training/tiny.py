"""A detector of a few hundred parameters, and a corpus of buzzes, for tests of training.

`python -m tests.training.tiny ARGUMENTS` is `python -m training ARGUMENTS` with this detector and
its recipes known, for tests that need processes of their own.
"""

import dataclasses
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import soundfile
import torch
from torch import Tensor, nn

from core.detectors.base import Detector, Features, InputSpec, Output, Size
from core.registry import DETECTORS
from core.types import Evidence, Window
from training import recipe as recipes
from training.losses import Loss
from training.recipe import Augmentation, Averaging, Change, Crop, Optimiser, Recipe, Sampling

SAMPLES = 1600


class Tiny(Detector):
    """Conv, batch norm, dropout, mean over time, linear."""

    name: ClassVar[str] = "tiny"
    title: ClassVar[str] = "Tiny"
    paper: ClassVar[str] = "none"
    sizes: ClassVar[tuple[Size, ...]] = ("paper", "compact")

    def __init__(self, norm: bool, dropout: float) -> None:
        super().__init__()
        self.options = {"norm": norm, "dropout": dropout}
        self.backbone = nn.Conv1d(1, 8, 64, 16)
        self.norm = nn.BatchNorm1d(8) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(8, 2)
        self.projection = nn.Linear(8, 4)

    @classmethod
    def build(cls, config: Mapping[str, Any] | None = None, size: Size = "paper") -> Self:
        return cls(**{"norm": True, "dropout": 0.1, **dict(config or {})})

    def config_dict(self) -> dict[str, Any]:
        return dict(self.options)

    @property
    def spec(self) -> InputSpec:
        return InputSpec(samples=SAMPLES)

    @property
    def shortest(self) -> int:
        return 64

    def features(self, wave: Tensor) -> Features:
        if self.training:  # gives a test the time to kill a run in the middle
            time.sleep(float(os.environ.get("SPOOFSCOPE_TEST_SLOW", "0")))
        return {"frames": self.backbone(wave[:, None])}

    def decide(self, features: Features) -> Output:
        frames = self.norm(features["frames"])
        pooled = self.dropout(frames.abs().mean(2).log1p() * 4.0)
        logits = self.classifier(pooled)
        trace = {"logits": logits, "embedding": pooled, "projection": self.projection(pooled)}
        return Output(logits[:, 0] - logits[:, 1], trace)

    def evidence(self, trace: Mapping[str, Tensor], window: Window) -> tuple[Evidence, ...]:
        return ()


TINY = Recipe(
    detector="tiny",
    size="compact",
    optimiser=Optimiser(lr=0.02),
    epochs=3,
    batch=8,
    sampling=Sampling(),
    crop=Crop(samples=SAMPLES, train="random"),
    augmentation=Augmentation(
        before_crop=(Change("gain", 0.5),), after_crop=(Change("noise", 0.5, {"snr": (20, 30)}),)
    ),
    loss=Loss(class_weights=(0.5, 0.5), contrast="pairwise", contrast_weight=0.1),
    seed=7,
)
PLAIN = dataclasses.replace(  # equal on any number of processes, up to rounding
    TINY,
    config={"norm": False, "dropout": 0.0},
    loss=Loss(kind="focal", class_weights=(0.5, 0.5), gamma=0.0),
    epochs=2,
)
RECIPES = {
    "tiny": TINY,
    "plain": PLAIN,
    "swa": dataclasses.replace(TINY, averaging=Averaging("swa")),
}


def make_corpus(folder: Path, train: int = 24, dev: int = 12) -> Path:
    """Human = a low buzz, machine = a high one; FLACs and a manifest.csv in `folder`."""
    rows = ["utt_id,split,label,system,system_family,speaker,source_repo"]
    (folder / "flac").mkdir(parents=True)
    for number in range(train + dev):
        split = "train" if number < train else "dev"
        human = number % 3 == 0
        rng = np.random.default_rng(number)
        tone = rng.uniform(150, 500) if human else rng.uniform(900, 2500)
        time = np.arange(int(rng.integers(1200, 4000))) / 16_000
        wave = 0.2 * np.sin(2 * np.pi * tone * time) + 0.01 * rng.standard_normal(time.size)
        name = f"U{number:04d}"
        soundfile.write(folder / "flac" / f"{name}.flac", wave, 16_000)
        label, family = ("bonafide", "-") if human else ("spoof", f"F{number % 2}")
        system = "-" if human else f"S{number % 4}"
        rows.append(f"{name},{split},{label},{system},{family},p{number % 5},r{number % 2}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


def register() -> None:
    """Make the detector and the recipes known to this process."""
    DETECTORS["tiny"] = Tiny
    known = recipes.load

    def load(name: str) -> Recipe:
        return RECIPES[name] if name in RECIPES else known(name)

    recipes.load = load


if __name__ == "__main__":
    from training.__main__ import main

    register()
    torch.set_num_threads(1)
    code = main(sys.argv[1:])
    if torch.distributed.is_initialized():
        sys.exit("the process group is still open")  # a process may be aborted as it exits with it
    sys.exit(code)
