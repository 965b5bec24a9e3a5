"""Clips of some hours of speech on one device, and pieces of them drawn in batches.

Three hours are 370 MB of 16-bit samples: they fit beside the network on a GPU, and a batch is then
one gather instead of files and worker processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data import Audio, Item

RATE = 16_000


@dataclass(frozen=True, slots=True)
class Bank:
    """Clips one after another.

    Attributes
    ----------
    items : what each clip is.
    samples : int16 (all samples,).
    starts, lengths : int64 (clips,), in samples.
    """

    items: tuple[Item, ...]
    samples: Tensor
    starts: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, items: Sequence[Item], waves: Sequence[NDArray[np.int16]], device: str) -> "Bank":
        """From one array of 16-bit samples a clip."""
        lengths = torch.tensor([len(wave) for wave in waves], dtype=torch.int64)
        joined = torch.from_numpy(np.concatenate([*waves, np.zeros(0, np.int16)]))
        starts = torch.cumsum(lengths, 0) - lengths
        return cls(tuple(items), joined.to(device), starts.to(device), lengths.to(device))

    @classmethod
    def read(cls, audio: Audio, device: str) -> "Bank":
        """From the cache of a corpus."""
        waves = [audio.read(index) for index in range(len(audio.items))]
        return cls.of(audio.items, waves, device)

    def __len__(self) -> int:
        return len(self.items)

    def to(self, device: str) -> "Bank":
        """The same clips on another device."""
        moved = (part.to(device) for part in (self.samples, self.starts, self.lengths))
        return Bank(self.items, *moved)

    def waves(self) -> list[NDArray[np.int16]]:
        """The samples of each clip, in order."""
        samples = self.samples.cpu().numpy()
        spans = zip(self.starts.tolist(), self.lengths.tolist(), strict=True)
        return [samples[start : start + length] for start, length in spans]

    def heads(self, rows: Sequence[int], size: int) -> Tensor:
        """The first `size` samples of clips, short ones said again: (rows, size) in [-1, 1)."""
        index = torch.as_tensor(rows, device=self.samples.device)
        return self._cut(index, torch.zeros_like(index), self.lengths[index], size)

    def pieces(
        self,
        rows: NDArray[np.int64],
        size: int,
        seconds: tuple[float, float],
        fills: tuple[float, float, float] = (1.0, 0.0, 0.0),
    ) -> Tensor:
        """A random piece of each clip, of a random length within `seconds`, filled up to `size`.

        `fills` are the shares of pieces that are said again, followed by zeros, and reflected.
        (rows, size) in [-1, 1). Random numbers are torch's own, on the bank's device.
        """
        device = self.samples.device
        index = torch.as_tensor(rows, device=device)
        whole = self.lengths[index]
        span = torch.empty(len(rows), device=device).uniform_(*seconds) * RATE
        length = torch.minimum(span.long().clamp(1, size), whole)
        start = (torch.rand(len(rows), device=device) * (whole - length + 1)).long()
        fill = None
        if fills[0] < 1:
            shares = torch.tensor(fills, device=device)
            fill = torch.multinomial(shares, len(rows), replacement=True)[:, None]
        return self._cut(index, torch.minimum(start, whole - length), length, size, fill)

    def _cut(
        self, index: Tensor, start: Tensor, length: Tensor, size: int, fill: Tensor | None = None
    ) -> Tensor:
        at, length = torch.arange(size, device=self.samples.device)[None], length[:, None]
        time = at % length
        if fill is not None:  # 0 said again, 1 zeros, 2 reflected
            turn = (2 * length - 2).clamp_min(1)
            time = torch.where(fill == 2, torch.minimum(at % turn, turn - at % turn), time)
        wave = self.samples[(self.starts[index] + start)[:, None] + time].float() / 32_768
        return wave if fill is None else wave * ((fill != 1) | (at < length))


def head_batches(count: int, batch: int) -> list[list[int]]:
    """The clips in order, `batch` at a time."""
    return [list(range(start, min(start + batch, count))) for start in range(0, count, batch)]
