"""Clips for training: read once, kept as 16-bit samples, cropped and changed on demand.

The audio of a corpus of some hours lies in one memory-mapped file of int16 beside the runs, so
that several runs and several processes share it; a larger corpus is read from its own files each
time (`cache=None`).
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from core.types import AudioError, Label
from training.augment import vocode
from training.augment.chain import augment
from training.corpora.audio import read_audio
from training.errors import TrainingError
from training.recipe import Crop, Recipe
from training.sampling import Draw

Int16 = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Item:
    """One clip of a training or dev set; "-" where something is not known."""

    utt_id: str
    label: Label
    path: Path
    system: str = "-"
    family: str = "-"
    source: str = "-"
    speaker: str = "-"


@dataclass(frozen=True, slots=True)
class Splits:
    """What a run learns from and what it chooses by."""

    train: tuple[Item, ...]
    dev: tuple[Item, ...]

    def fingerprint(self) -> str:
        """SHA-256 over what decides the data: ids, labels, groups and file sizes."""
        digest = hashlib.sha256()
        for name, items in (("train", self.train), ("dev", self.dev)):
            for item in sorted(items, key=lambda one: one.utt_id):
                size = item.path.stat().st_size if item.path.exists() else -1
                row = (name, item.utt_id, item.label, item.system, item.family, item.source)
                digest.update(repr((*row, item.speaker, size)).encode())
        return digest.hexdigest()


class Audio:
    """The samples of a list of clips, by index. Made by `Audio.of`.

    One memory-mapped int16 file with the clips one after another, or no cache at all.
    """

    def __init__(self, items: Sequence[Item], store: Int16 | None, ends: NDArray[np.int64]) -> None:
        self.items = items
        self._store = store
        self._ends = ends

    @classmethod
    def of(cls, items: Sequence[Item], cache: Path | None) -> "Audio":
        """The audio of `items`, read once into a file under the folder `cache`.

        Raises
        ------
        TrainingError
            Clips that are missing or unreadable: how many, and which first.
        """
        if cache is None:
            return cls(items, None, np.zeros(0, dtype=np.int64))
        key = _cache_key(items)
        samples, index = cache / f"{key}.i16", cache / f"{key}.json"
        if not index.exists():
            _fill(items, samples, index)
        lengths = json.loads(index.read_text())
        store: Int16 = np.memmap(samples, dtype=np.int16, mode="r")
        return cls(items, store, np.cumsum(lengths, dtype=np.int64))

    def read(self, index: int) -> Int16:
        """The clip (samples,) at 16 kHz."""
        if self._store is None:
            return _read(self.items[index])
        start = int(self._ends[index - 1]) if index else 0
        clip: Int16 = self._store[start : int(self._ends[index])]
        return clip


class TrainingSet(Dataset[tuple[Tensor, Label]]):
    """Draws -> what the network hears; all random choices follow from seed, epoch and position."""

    def __init__(self, audio: Audio, recipe: Recipe) -> None:
        self.audio = audio
        self.recipe = recipe

    def __getitem__(self, draw: Draw) -> tuple[Tensor, Label]:
        item = self.audio.items[draw.clip]
        rng = np.random.default_rng([self.recipe.seed, draw.epoch, draw.position])
        wave: NDArray[Any] = self.audio.read(draw.clip).astype(np.float64) / 32_768.0
        label = item.label
        if draw.copy:
            wave, label = vocode.copy(wave, rng, self.recipe.augmentation.copies), "spoof"
        wave = augment(wave, self.recipe.augmentation.before_crop, rng)
        wave = crop(wave, self.recipe.crop, rng)
        wave = augment(wave, self.recipe.augmentation.after_crop, rng)
        return torch.from_numpy(repeat(wave, self.recipe.crop.samples).astype(np.float32)), label


class DevSet(Dataset[tuple[Tensor, Label]]):
    """The head of each dev clip, changed only where the recipe says so."""

    def __init__(self, audio: Audio, recipe: Recipe) -> None:
        self.audio = audio
        self.recipe = recipe

    def __len__(self) -> int:
        return len(self.audio.items)

    def __getitem__(self, index: int) -> tuple[Tensor, Label]:
        wave: NDArray[Any] = self.audio.read(index).astype(np.float64) / 32_768.0
        augmentation = self.recipe.augmentation
        rng = np.random.default_rng([self.recipe.seed, 0xDE5, index])
        if augmentation.dev:
            wave = augment(wave, augmentation.before_crop, rng)
        wave = repeat(wave, self.recipe.crop.samples)
        if augmentation.dev:
            wave = repeat(augment(wave, augmentation.after_crop, rng), self.recipe.crop.samples)
        return torch.from_numpy(wave.astype(np.float32)), self.audio.items[index].label


def crop(wave: NDArray[Any], rule: Crop, rng: np.random.Generator) -> NDArray[Any]:
    """A piece of at most `rule.samples` samples, at the head or anywhere."""
    samples = rule.samples
    if rule.seconds is not None:
        samples = min(samples, int(rng.uniform(*rule.seconds) * 16_000))
    spare = wave.size - samples
    if spare <= 0:
        return wave
    start = int(rng.integers(spare + 1)) if rule.train == "random" else 0
    return wave[start : start + samples]


def repeat(wave: NDArray[Any], samples: int) -> NDArray[Any]:
    """The first `samples` samples of the clip said again and again; zeros for an empty clip."""
    if wave.size == 0:
        return np.zeros(samples)
    return np.resize(wave, samples)


def collate(batch: Sequence[tuple[Tensor, Label]]) -> tuple[Tensor, list[Label]]:
    """Waveforms (batch, samples) and their labels."""
    return torch.stack([wave for wave, _ in batch]), [label for _, label in batch]


def _cache_key(items: Sequence[Item]) -> str:
    digest = hashlib.sha256()
    for item in items:
        stat = item.path.stat() if item.path.exists() else None
        shape = (stat.st_size, stat.st_mtime_ns) if stat else ()
        digest.update(repr((item.utt_id, item.path.name, shape)).encode())
    return digest.hexdigest()[:24]


def _fill(items: Sequence[Item], samples: Path, index: Path) -> None:
    """Write the cache beside its place and move it there, the index last."""
    samples.parent.mkdir(parents=True, exist_ok=True)
    lengths: list[int] = []
    faults: list[str] = []
    partial = samples.with_suffix(f".partial{os.getpid()}")
    with partial.open("wb") as file:
        for item in items:
            try:
                clip = _read(item)
            except TrainingError as error:
                faults.append(str(error))
                continue
            file.write(clip.tobytes())
            lengths.append(clip.size)
    if faults:
        partial.unlink()
        raise TrainingError(
            f"{len(faults)} of {len(items)} clips cannot be read: " + "; ".join(faults[:5])
        )
    partial.replace(samples)
    described = index.with_suffix(f".partial{os.getpid()}")
    described.write_text(json.dumps(lengths))
    described.replace(index)


def _read(item: Item) -> Int16:
    try:
        wave = read_audio(item.path)
    except (AudioError, OSError) as error:
        raise TrainingError(f"{item.path}: {error}") from error
    return np.clip(np.round(wave * 32_768.0), -32_768, 32_767).astype(np.int16)
