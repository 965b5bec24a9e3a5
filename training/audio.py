"""Where a trial's audio lies, and its samples at 16 kHz."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from core.types import RATE, AudioError
from training.corpora.common import NONE, Trial
from training.errors import TrainingError

SUFFIXES = (".flac", ".wav", ".mp3", ".m4a", ".ogg", ".opus")


def locate(trial: Trial, folder: Path) -> Path | None:
    """The audio file of a trial: the path its list gives, else its id with an audio suffix.

    A path that leads out of `folder` is not followed. None where no such file exists.
    """
    named = [trial.path, trial.extra.get("path"), trial.extra.get("file")]
    names = [name for name in named if name and name != NONE]
    names += [f"{trial.utt_id}{suffix}" for suffix in SUFFIXES]
    return next((path for name in names if (path := _below(folder, name)) is not None), None)


def _below(folder: Path, name: str) -> Path | None:
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return None
    return path


def read_audio(path: Path) -> NDArray[np.float64]:
    """The mean of the channels, (samples,) in [-1, 1], at 16 kHz.

    libsndfile reads what it can; the rest goes the way of the analysis (ffmpeg).

    Raises
    ------
    TrainingError
        The file is missing or cannot be read by either.
    """
    if not path.is_file():
        raise TrainingError(f"{path}: no such file")
    try:
        channels, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError):
        return _decoded(path)
    wave: NDArray[np.float64] = channels.mean(axis=1)
    if rate != RATE:
        wave = soxr.resample(wave, rate, RATE, quality="VHQ")
    return wave


def _decoded(path: Path) -> NDArray[np.float64]:
    from core.intake import decode

    try:
        samples = decode(path).samples
        channels = samples.read(0, samples.length)
    except AudioError as error:
        raise TrainingError(f"{path}: {error}") from error
    return np.asarray(channels.mean(axis=0), dtype=np.float64)


def missing(trials: Iterable[Trial], folder: Path) -> list[str]:
    """Ids of the trials whose audio is not there."""
    return [trial.utt_id for trial in trials if locate(trial, folder) is None]
