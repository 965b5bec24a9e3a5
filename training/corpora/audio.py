"""From trials to sound: where each clip lies, which are missing, and reading them for training."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from core.types import RATE
from training.corpora.common import NONE, Trial
from training.corpora.folders import AUDIO
from training.errors import TrainingError

NAMED = 5  # how many missing clips a sentence names


@dataclass(frozen=True, slots=True)
class Located:
    """Trials whose audio is there, their files, and the trials whose audio is not."""

    found: tuple[tuple[Trial, Path], ...]
    missing: tuple[Trial, ...]

    def sentence(self, folder: Path) -> str | None:
        """What is missing, counted and named; None where nothing is."""
        if not self.missing:
            return None
        total = len(self.found) + len(self.missing)
        names = ", ".join(t.utt_id for t in self.missing[:NAMED])
        more = ", ..." if len(self.missing) > NAMED else ""
        return f"{folder}: {len(self.missing):,} of {total:,} clips are missing: {names}{more}."


class AudioFolder:
    """The audio files below a folder, listed once, by path and by stem.

    Raises
    ------
    TrainingError
        No such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise TrainingError(f"{folder}: no such folder. Give the folder that holds the audio.")
        self._folder = folder
        self._by_stem: dict[str, list[Path]] = {}
        for place, _, names in os.walk(folder, followlinks=True):
            for name in names:
                stem, suffix = os.path.splitext(name)  # noqa: PTH122  (a million of them)
                if suffix.lower() in AUDIO:
                    self._by_stem.setdefault(stem, []).append(Path(place, name))
        self._every = {path for paths in self._by_stem.values() for path in paths}

    def file_of(self, trial: Trial) -> Path | None:
        """A trial's file: at a path its list gives, else by its id anywhere below the folder.

        A column named `file` or `path` beside the list's own may speak of another place, such as
        where the original lies; it is used where it fits.

        Raises
        ------
        TrainingError
            A path of the list's own that leaves the folder; two files that fit one id.
        """
        own = self._below(trial)
        others = [PurePosixPath(trial.extra.get(name, NONE)) for name in ("file", "path")]
        for path in (own, *(self._folder / other for other in others if not _leaves(other))):
            if path in self._every:
                return path
        fitting = self._by_stem.get(own.stem, []) or self._by_stem.get(trial.utt_id, [])
        if len(fitting) > 1:
            names = ", ".join(str(path) for path in fitting[:3])
            raise TrainingError(f"{trial.utt_id}: several files fit this id: {names}.")
        return fitting[0] if fitting else None

    def _below(self, trial: Trial) -> Path:
        relative = PurePosixPath(trial.path or f"{trial.utt_id}.flac")
        if _leaves(relative):
            raise TrainingError(
                f"{trial.utt_id}: the path {trial.path!r} leaves the audio folder; give paths "
                "below it."
            )
        return self._folder / relative


def locate(trials: Iterable[Trial], folder: Path) -> Located:
    """Find every trial's file, as `AudioFolder.file_of` does, and what has none."""
    audio = AudioFolder(folder)
    found: list[tuple[Trial, Path]] = []
    missing: list[Trial] = []
    for trial in trials:
        path = audio.file_of(trial)
        if path is None:
            missing.append(trial)
        else:
            found.append((trial, path))
    return Located(tuple(found), tuple(missing))


def _leaves(path: PurePosixPath) -> bool:
    return path.is_absolute() or ".." in path.parts


def read_audio(path: Path) -> NDArray[np.float32]:
    """A clip as float32 (samples,), 16 kHz, the mean of its channels.

    What libsndfile cannot read (some FLACs among others) goes through `core.intake`, whose ffmpeg
    path is the one of the app.

    Raises
    ------
    core.types.AudioError
        Nothing here can read the file; the message says why.
    """
    try:
        wave, rate = sf.read(path, dtype="float32", always_2d=True)
    except sf.LibsndfileError:
        return _through_intake(path)
    if wave.shape[0] == 0:
        return _through_intake(path)
    mono: NDArray[np.float32] = wave.mean(axis=1, dtype=np.float32)
    if rate != RATE:
        mono = soxr.resample(mono, rate, RATE, quality="VHQ")
    return np.ascontiguousarray(mono, dtype=np.float32)


def _through_intake(path: Path) -> NDArray[np.float32]:
    from core.intake import decode  # only files that soundfile refuses need it

    clip = decode(path)
    mono: NDArray[np.float32] = clip.samples.read(0, clip.samples.length).mean(
        axis=0, dtype=np.float32
    )
    return mono
