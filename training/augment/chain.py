"""The changes by name, and a recipe's list of them applied to a waveform."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.augment import channel, codecs, rawboost
from training.errors import TrainingError
from training.recipe import Change

Wave = NDArray[np.float64]

CHANGES: dict[str, Callable[..., Wave]] = {
    "rawboost": rawboost.rawboost,
    "codec": codecs.codec,
    "gain": channel.gain,
    "noise": channel.noise,
    "reverberation": channel.reverberation,
    "equalise": channel.equalise,
    "low_pass": channel.low_pass,
    "high_pass": channel.high_pass,
    "drop_band": channel.drop_band,
    "resample": channel.resample,
    "quantise": channel.quantise,
    "clip": channel.clip,
    "speed": channel.speed,
    "silence": channel.silence,
}


def augment(
    wave: NDArray[Any], changes: Iterable[Change], rng: np.random.Generator
) -> NDArray[Any]:
    """Each change in its order, with its probability."""
    for change in changes:
        if rng.random() < change.probability:
            wave = CHANGES[change.name](wave, rng, **change.options)
    return wave


def check(changes: Iterable[Change]) -> None:
    """Refuse a change that does not exist, before hours of training.

    Raises
    ------
    TrainingError
        naming the changes there are.
    """
    for change in changes:
        if change.name not in CHANGES:
            raise TrainingError(
                f"augmentation {change.name!r} does not exist; there are {', '.join(CHANGES)}"
            )
