"""Stems that describe a frame by statistics of about a second around it, in blocks of 100 ms.

What such a stem knows of a frame is what speech is like around it, not what it says. Three choices
make it calm:

* levels are relative to the active part of the window, so gain changes nothing;
* spectra count by how active they are: far below the loudest they count for nothing, so that
  silence before, after or inside a clip hardly changes a statistic, and a silent frame takes those
  of the whole window;
* each statistic is put on a fixed scale, measured once over training audio, and limited.

Nothing here is trained by gradients, but they pass through to the waveform, for attribution; the
scale is part of the weights.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

FRAME, HOP, SHORT_HOP = 400, 320, 160  # samples: of a frame, between frames, between short spectra
BLOCK = 10  # short spectra in a block of 100 ms, over which statistics are summed first
ACTIVE = 45.0  # dB below the loudest spectrum at which one counts half
FLOOR = 1e-6  # of the mean power of the active part
LIMIT = 4.0  # standard deviations
EVERYWHERE = 0.02  # share of the whole window in the statistics of any frame
FARTHEST = 100  # blocks that a card may ask a frame to look at on either side: 10 s


def check_options(what: str, count: int, most: int, reach: int) -> None:
    """Refuse options of a stem that no network has: a card is a file from outside.

    Raises
    ------
    ValueError
        `count` (of `what`) is not from 1 to `most`, or `reach` not from 0 to `FARTHEST`.
    """
    if not 1 <= count <= most:
        raise ValueError(f"{what} is from 1 to {most}, not {count}.")
    if not 0 <= reach <= FARTHEST:
        raise ValueError(f"reach is from 0 to {FARTHEST} blocks, not {reach}.")


class BlockStem(nn.Module, ABC):
    """Waveform -> frames, in the place and with the signature of wav2vec 2.0's feature encoder.

    Parameters
    ----------
    widths : how many numbers describe a frame; one count for each ear, where it has several: what
        of its statistics tells by itself, side by side.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.widths = widths
        width = sum(widths)
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    @property
    @abstractmethod
    def options(self) -> object:
        """Frozen, by value: stems with equal ones have equal statistics."""

    @abstractmethod
    def statistics(self, wave: Tensor) -> Tensor:
        """Statistics around each block of 100 ms, before the scale: (batch, blocks, width)."""

    def forward(self, wave: Tensor) -> Tensor:
        """Waveforms (batch, samples) -> (batch, width, frames)."""
        return self.framed(self.statistics(wave.float()), wave.shape[-1]).to(wave.dtype)

    def framed(self, statistics: Tensor, samples: int) -> Tensor:
        """Statistics (batch, blocks, width) of that many samples: (batch, width, frames)."""
        frames = torch.arange((samples - FRAME) // HOP + 1, device=statistics.device)
        return self.frames_of(statistics, frames)

    def frames_of(self, statistics: Tensor, frames: Tensor) -> Tensor:
        """Statistics (batch, blocks, width) on the fixed scale, at the frames of these numbers.

        (batch, width, frames).
        """
        blocks = self.scaled(statistics)
        at = frames * (HOP / SHORT_HOP / BLOCK)
        at = (at - 0.5).clamp(0, blocks.shape[1] - 1)  # from block to block in straight lines
        low = at.floor().long()
        high = (low + 1).clamp_max(blocks.shape[1] - 1)
        mixed = torch.lerp(blocks[:, low], blocks[:, high], (at - low)[None, :, None])
        return mixed.transpose(1, 2)

    def scaled(self, statistics: Tensor) -> Tensor:
        """Statistics (..., width) on the fixed scale, in standard deviations, limited."""
        return ((statistics - self.centre) / self.scale).clamp(-LIMIT, LIMIT)

    @torch.no_grad()
    def fit(self, statistics: Tensor) -> None:
        """Measure the fixed scale on rows of `statistics` (rows, width) over training audio."""
        self.centre.copy_(statistics.mean(0))
        self.scale.copy_(statistics.std(0).clamp_min(1e-3))


def around(values: Tensor, active: Tensor, per_block: int, reach: int) -> Tensor:
    """Means of (batch, spectra, n) around each block, by activity: (batch, blocks, n).

    Parameters
    ----------
    active : (batch, spectra), what each of them counts.
    per_block : spectra in a block.
    reach : blocks on either side.
    """
    weight = active[..., None]
    sums = _blocks(torch.cat([values * weight, weight], -1), per_block)
    size = 2 * reach + 1
    near = functional.avg_pool1d(
        functional.pad(sums.transpose(1, 2), (reach, reach)), size, 1
    ).transpose(1, 2)
    total = near + EVERYWHERE * sums.mean(1, keepdim=True)
    return total[..., :-1] / total[..., -1:].clamp_min(1e-6)


def _blocks(x: Tensor, size: int) -> Tensor:
    """Means over blocks of `size` rows, the last one over what is left: (batch, blocks, n)."""
    count = math.ceil(x.shape[1] / size)
    short = count * size - x.shape[1]
    padded = functional.pad(x, (0, 0, 0, short))
    means: Tensor = padded.unflatten(1, (count, size)).mean(2)
    return means


def filterbank(bands: int, bins: int) -> Tensor:
    """Triangles between equally spaced edges from the first to the last bin: (bins, bands)."""
    edges = torch.linspace(0, bins - 1, bands + 2)
    at = torch.arange(bins, dtype=torch.float32)[:, None]
    up = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return torch.minimum(up, down).clamp_min(0)
