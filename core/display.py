"""What a screen needs of a clip, in bounded memory: an outline, a spectrogram, a copy to play.

An hour has 57 million samples and a screen some two thousand columns, so everything is gathered
while the samples stream past once. The listening copy is for ears only; scores are never computed
from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.types import RATE, AudioError, Samples

OUTLINE_COLUMNS = 2_000
SPECTROGRAM_COLUMNS = 900
BANDS = 128  # 62.5 Hz each
FRAME = 512  # samples, 32 ms
FRAMES_A_COLUMN = 8  # spectra averaged in one column at most; more cannot be seen
FLOOR = -90.0  # dB below the loudest cell; nothing darker is drawn
BLOCK = 1 << 18  # samples read at a time
MP3_FROM = 1_200.0  # seconds; longer clips are played from an MP3, which is a fifth of the size
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Overview:
    """A clip as a screen shows it; the channels are averaged.

    Attributes
    ----------
    seconds : length of the clip.
    low, high : lowest and highest sample in each of at most 2,000 equal stretches, in [-1, 1].
    spectrogram : (128, at most 900), whole dB below the loudest cell, 0 to -90; row 0 is lowest.
    """

    seconds: float
    low: FloatArray
    high: FloatArray
    spectrogram: NDArray[np.int8]


def overview(samples: Samples) -> Overview:
    """The outline and the spectrogram of a clip, read once from start to end.

    Raises
    ------
    AudioError
        for a clip without a single sample.
    """
    if samples.length == 0:
        raise AudioError("There is no sound in this clip: 0 samples were decoded.")
    outline = _Outline(samples.length)
    spectra = _Spectra(samples.length)
    for first, block in _blocks(samples):
        outline.add(first, block)
        spectra.add(first, block)
    return Overview(samples.length / RATE, outline.low, outline.high, spectra.decibels())


def listening_copy(samples: Samples, path: Path) -> Path:
    """Write the decoded clip where any browser can play it, and say where it is.

    FLAC at 16 kHz, at most two channels; MP3 beyond 20 minutes. `path` has no suffix yet.
    """
    long = samples.length / RATE > MP3_FROM
    target = path.with_name(path.name + (".mp3" if long else ".flac"))
    kind = {"format": "MP3"} if long else {"format": "FLAC", "subtype": "PCM_16"}
    channels = min(samples.channels, 2)
    with soundfile.SoundFile(target, "w", samplerate=RATE, channels=channels, **kind) as file:
        for first in range(0, samples.length, BLOCK):
            block = samples.read(first, min(first + BLOCK, samples.length))[:channels]
            file.write(np.clip(block.T, -1.0, 1.0))
    return target


def _blocks(samples: Samples) -> Iterator[tuple[int, FloatArray]]:
    """The mean of all channels, block by block, each with the number of its first sample."""
    for first in range(0, samples.length, BLOCK):
        block = samples.read(first, min(first + BLOCK, samples.length))
        yield first, block.mean(axis=0, dtype=np.float32)


class _Outline:
    """Lowest and highest sample of each column, gathered block by block."""

    def __init__(self, length: int) -> None:
        columns = min(OUTLINE_COLUMNS, length)
        self.edges = np.arange(columns + 1, dtype=np.int64) * length // columns
        self.low = np.full(columns, np.inf, np.float32)
        self.high = np.full(columns, -np.inf, np.float32)

    def add(self, first: int, block: FloatArray) -> None:
        left = int(np.searchsorted(self.edges, first, side="right")) - 1
        right = int(np.searchsorted(self.edges, first + len(block), side="left"))
        starts = np.maximum(self.edges[left:right] - first, 0)
        here = slice(left, right)
        self.low[here] = np.minimum(self.low[here], np.minimum.reduceat(block, starts))
        self.high[here] = np.maximum(self.high[here], np.maximum.reduceat(block, starts))


class _Spectra:
    """Mean power of a few frames in each column, gathered block by block.

    Frames start at fixed places of the clip, so the result does not depend on the blocks: the tail
    that a frame still needs is kept for the next block.
    """

    def __init__(self, length: int) -> None:
        columns = max(1, min(SPECTROGRAM_COLUMNS, length // (FRAME // 4)))
        each = max(1, min(FRAMES_A_COLUMN, length // columns // (FRAME // 2)))
        count = columns * each
        room = max(length - FRAME, 0)
        self.starts = np.arange(count, dtype=np.int64) * room // max(count - 1, 1)
        self.column = np.arange(count) // each
        self.power = np.zeros((columns, BANDS), np.float64)
        self.each = each
        self.next = 0  # the first frame that was not taken yet
        self.kept: FloatArray = np.zeros(0, np.float32)
        self.length = length
        self.window = np.hanning(FRAME).astype(np.float32)

    def add(self, first: int, block: FloatArray) -> None:
        begin = first - len(self.kept)
        sound = np.concatenate([self.kept, block])
        end = begin + len(sound)
        if end == self.length and len(sound) < FRAME:
            sound = np.pad(sound, (0, FRAME - len(sound)))  # a clip shorter than one frame
            end = begin + FRAME
        last = int(np.searchsorted(self.starts, end - FRAME, side="right"))
        frames = np.arange(self.next, last)
        for some in np.array_split(frames, max(1, len(frames) // 512)):
            self._take(some, begin, sound)
        self.next = max(self.next, last)
        keep = int(self.starts[self.next]) - begin if self.next < len(self.starts) else len(sound)
        self.kept = sound[keep:] if keep < len(sound) else np.zeros(0, np.float32)

    def _take(self, frames: NDArray[np.int64], begin: int, sound: FloatArray) -> None:
        if len(frames) == 0:
            return
        index = (self.starts[frames] - begin)[:, None] + np.arange(FRAME)
        power = np.abs(np.fft.rfft(sound[index] * self.window, axis=1)[:, 1:]) ** 2
        banded = power.reshape(len(frames), BANDS, -1).mean(axis=2)  # (frames, bands)
        np.add.at(self.power, self.column[frames], banded)

    def decibels(self) -> NDArray[np.int8]:
        power = self.power / self.each
        loudest = power.max()
        if loudest <= 0:
            return np.full(power.T.shape, FLOOR, np.int8)
        relative = 10 * np.log10(np.maximum(power / loudest, 10 ** (FLOOR / 10)))
        return np.asarray(np.round(relative).astype(np.int8).T)
