"""Decoded sound by position: in memory while it is short, in a temporary file when it is long.

An hour of sound at 16 kHz is 230 MB a channel. It is written once, while it is decoded, and read
window by window, so only the stretch in hand is ever in memory. The temporary file has no name
where the system allows it; it is closed, and so removed, when the samples are garbage collected,
at the latest when the interpreter ends.
"""

import os
import tempfile
import threading
import weakref
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from core.types import Samples

IN_MEMORY_BYTES = 16 << 20  # four minutes of mono; a longer clip goes to a temporary file
ITEM = np.dtype("<f4")  # little-endian on every machine, so that the file and its hash are one


def _check(start: int, stop: int, length: int) -> None:
    if not 0 <= start <= stop <= length:
        raise ValueError(f"samples {start} to {stop} asked of a clip of {length}")


class ArraySamples:
    """Samples in memory, from an array of shape (channels, length) or (length,)."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self._values = np.atleast_2d(np.asarray(values, dtype=np.float32)).copy()
        self._values.setflags(write=False)

    @property
    def channels(self) -> int:
        return int(self._values.shape[0])

    @property
    def length(self) -> int:
        return int(self._values.shape[1])

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Every channel from `start` up to `stop`, (channels, stop - start), not writable."""
        _check(start, stop, self.length)
        return self._values[:, start:stop]


class SpooledSamples:
    """Samples in one temporary file a channel; safe to read from several threads."""

    def __init__(self, files: Sequence[IO[bytes]], length: int) -> None:
        self._files = tuple(files)
        self._length = length
        self._lock = threading.Lock()
        for file in self._files:
            weakref.finalize(self, file.close)  # also run when the interpreter ends

    @property
    def channels(self) -> int:
        return len(self._files)

    @property
    def length(self) -> int:
        return self._length

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Every channel from `start` up to `stop`, (channels, stop - start)."""
        _check(start, stop, self._length)
        return np.stack([self._row(file, start, stop) for file in self._files])

    def _row(self, file: IO[bytes], start: int, stop: int) -> NDArray[np.float32]:
        with self._lock:  # one file position, several readers
            file.seek(start * ITEM.itemsize)
            data = file.read((stop - start) * ITEM.itemsize)
        if len(data) != (stop - start) * ITEM.itemsize:
            raise OSError("the temporary file of a decoded clip has been cut short")
        return np.frombuffer(data, ITEM).astype(np.float32, copy=False)


class SampleWriter:
    """Collects blocks of (channels, n) samples and becomes a `Samples` at the end.

    Use as a context manager: when an exception leaves the block, temporary files are removed.
    """

    def __init__(self, channels: int, in_memory_bytes: int = IN_MEMORY_BYTES) -> None:
        self._channels = channels
        self._limit = in_memory_bytes
        self._blocks: list[NDArray[np.float32]] = []
        self._files: list[IO[bytes]] = []
        self._given_away = False
        self.length = 0

    def __enter__(self) -> "SampleWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if not self._given_away:
            for file in self._files:
                file.close()

    def write(self, block: NDArray[np.float32]) -> None:
        """Append `block`, shape (channels, n)."""
        if block.shape[0] != self._channels:
            raise ValueError(f"a block of {block.shape[0]} channels among {self._channels}")
        self.length += block.shape[1]
        self._blocks.append(block.copy())
        if self._files or self.length * self._channels * ITEM.itemsize > self._limit:
            self._to_disk()

    def _to_disk(self) -> None:
        if not self._files:
            self._files = [_temporary() for _ in range(self._channels)]
        for block in self._blocks:
            for row, file in zip(block, self._files, strict=True):
                file.write(row.astype(ITEM).tobytes())
        self._blocks.clear()

    def finish(self, keep: int | None = None) -> "Samples":
        """The samples, of the first `keep` channels only where that is given."""
        keep = self._channels if keep is None else keep
        if not self._files:
            empty = np.zeros((self._channels, 0), np.float32)
            return ArraySamples(np.concatenate([empty, *self._blocks], axis=1)[:keep])
        self._given_away = True
        for file in self._files[keep:]:
            file.close()
        for file in self._files[:keep]:
            file.flush()
        return SpooledSamples(self._files[:keep], self.length)


def _temporary() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix=f"spoofscope-{os.getpid()}-")
