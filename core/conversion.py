"""Blocks at a file's own rate -> samples at 16 kHz, with every change on the way counted.

One path for all decoders: what is not a number becomes zero, soxr resamples at one fixed quality,
full scale is kept, equal channels are kept once. Block by block: nothing here grows with the
length of the clip.
"""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import sentences
from core.clipping import FlatTops
from core.pcm import ITEM, SampleWriter
from core.types import RATE, Notice, Samples

if TYPE_CHECKING:
    import soxr

QUALITY = "HQ"  # always: scores depend on the resampler, so circumstances may not choose it
CHUNK = 1 << 16  # frames; small blocks are gathered to this before they are resampled
HEADROOM = 4.0  # times full scale (12 dB): decoders and resamplers overshoot by less
WRONG_SCALE = 0.01  # of samples beyond the headroom: then it is the scale, not a few bad samples
STEP = 1.01 / 32768  # one step of 16 bits: rounding, not a difference between channels


class Conversion:
    """Feed blocks of (n, channels), then `finish`. A context manager: cleans up on failure."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate, self.channels = rate, channels
        self.frames = 0
        self.peak = 0.0  # of finite samples, full scale 1
        self._bad = self._beyond = self._absurd = 0
        self._difference = 0.0
        self._waiting: list[NDArray[np.float32]] = []
        self._waiting_frames = 0
        self._resampler = _resampler(rate, channels)
        self._writer = SampleWriter(channels)
        self._tops = FlatTops()
        self._hash_all, self._hash_first = hashlib.sha256(), hashlib.sha256()

    def __enter__(self) -> "Conversion":
        return self

    def __exit__(self, *problem: object) -> None:
        self._writer.__exit__(*problem)

    @property
    def seconds(self) -> float:
        """Of sound taken in so far."""
        return self.frames / self.rate

    @property
    def clipped_fraction(self) -> float:
        """Of the samples as stored."""
        return self._tops.fraction

    @property
    def wrong_scale(self) -> bool:
        return self._absurd > WRONG_SCALE * self.frames * self.channels

    @property
    def equal(self) -> bool:
        """Whether there are several channels with one and the same sound."""
        return self.channels > 1 and self._difference <= STEP

    def feed(self, block: NDArray[np.float32]) -> None:
        """Take in `block`, shape (n, channels), at the file's rate."""
        self.frames += len(block)
        self._waiting.append(block)
        self._waiting_frames += len(block)
        if self._waiting_frames >= CHUNK:
            self._pass_on(last=False)

    def _checked(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        highest = float(np.abs(block).max(initial=0.0))
        if not np.isfinite(highest):
            finite = np.isfinite(block)
            self._bad += int(block.size - np.count_nonzero(finite))
            block = np.where(finite, block, np.float32(0))
            highest = float(np.abs(block).max(initial=0.0))
        self.peak = max(self.peak, highest)
        if highest > HEADROOM:
            self._absurd += int(np.count_nonzero(np.abs(block) > HEADROOM))
            block = np.clip(block, -HEADROOM, HEADROOM)
        if self.channels > 1:
            apart = np.abs(block[:, 1:] - block[:, :1]).max(initial=0.0)
            self._difference = max(self._difference, float(apart))
        return block

    def _pass_on(self, *, last: bool) -> None:
        empty = np.zeros((0, self.channels), np.float32)
        block = self._checked(np.concatenate([empty, *self._waiting]))
        self._waiting, self._waiting_frames = [], 0
        self._tops.feed(block.T)
        if self._resampler is not None:
            block = self._resampler.resample_chunk(block, last=last)
        if max(block.max(initial=0.0), -block.min(initial=0.0)) > 1:
            beyond = np.abs(block) > 1
            self._beyond += int(np.count_nonzero(beyond))
            block = np.clip(block, -1, 1)
        block = np.ascontiguousarray(block, ITEM)
        self._hash_all.update(block.data)
        if self.equal:
            self._hash_first.update(np.ascontiguousarray(block[:, 0]).data)
        self._writer.write(block.T)

    def finish(self) -> tuple[Samples, str]:
        """The samples and the SHA-256 of what is kept of them."""
        self._pass_on(last=True)
        if self.equal:
            return self._writer.finish(keep=1), self._hash_first.hexdigest()
        return self._writer.finish(), self._hash_all.hexdigest()

    def changes(self) -> tuple[str, ...]:
        """What was done between file and samples, in words and in order."""
        return tuple(self._changes())

    def _changes(self) -> Iterator[str]:
        if self._bad:
            yield f"{self._bad} samples that are not finite numbers set to 0"
        if self._absurd:
            yield f"{self._absurd} samples beyond {HEADROOM:.0f} times full scale cut off there"
        if self.equal:
            how = "equal" if self._difference == 0 else "equal to within one 16-bit step"
            yield f"kept the first of {self.channels} channels, which are {how}"
        if self._resampler is not None:
            import soxr

            yield (
                f"resampled from {self.rate} Hz to {RATE} Hz "
                f"(soxr {soxr.__version__}, quality {QUALITY})"
            )
        if self._beyond:
            yield f"{self._beyond} samples beyond full scale cut off at full scale"

    def notices(self) -> tuple[Notice, ...]:
        """What a reader should know of it."""
        found = []
        if self._bad:
            found.append(sentences.not_numbers(self._bad))
        total = self._writer.length * self.channels
        if self._beyond > BEYOND_WORTH_SAYING * total:
            found.append(sentences.beyond_full_scale(self._beyond / total, self.peak))
        if self.equal:
            found.append(sentences.channels_equal(self.channels))
        return tuple(found)


BEYOND_WORTH_SAYING = 1e-4  # overshoots of decoder and resampler stay below; they are in `changes`


def _resampler(rate: int, channels: int) -> "soxr.ResampleStream | None":
    if rate == RATE:
        return None
    import soxr

    return soxr.ResampleStream(rate, RATE, channels, dtype="float32", quality=QUALITY)
