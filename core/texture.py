"""The texture stem of the compact backbone: what speech is like around a frame, not what it says.

Frame t (20 ms, at the place of frame t of XLS-R) is described by statistics of spectra over a
second or so around it: the mean and spread of each of 128 equally wide bands, how far it moves
from one spectrum to the next, how far neighbouring bands lie apart, how flat the spectrum is
inside broader bands, and how the bands beat at the rate of the voice (`core.pulses`). Vocoders and
codecs give themselves away in these; which of them help was chosen on `dev` and on folds of
`train` without whole sources (checkpoints/README.md).

Three choices make it calm:

* levels are relative to the active part of the window, so gain changes nothing;
* spectra count by how active they are: far (`ACTIVE` dB) below the loudest they count for nothing,
  so that silence before, after or inside a clip hardly changes a statistic, and a silent frame
  takes those of the whole window;
* each statistic is put on a fixed scale, measured once over training audio, and limited.

Nothing here is trained by gradients, but they pass through to the waveform, for attribution; the
scale is part of the weights.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from core import pulses
from core.spectra import activity, spectra

FRAME, HOP, SHORT_HOP, FFT = 400, 320, 160, 512  # samples
LONG, LONG_FFT = 1024, 1024  # samples of the spectra that resolve harmonics, every 20 ms
BLOCK = 10  # short spectra in a block of 100 ms, over which statistics are summed first
ACTIVE = 45.0  # dB below the loudest spectrum at which one counts half
FLOOR = 1e-6  # of the mean power of the active part
LIMIT = 4.0  # standard deviations
FLAT_BANDS = 40
EVERYWHERE = 0.02  # share of the whole window in the statistics of any frame


@dataclass(frozen=True, slots=True)
class TextureConfig:
    """Options of the texture stem.

    Attributes
    ----------
    bands : triangular filters, equally spaced from 0 to 8 kHz.
    reach : blocks of 100 ms on either side that the statistics of a frame look at.
    """

    bands: int = 128
    reach: int = 7

    @property
    def width(self) -> int:
        """Numbers that describe a frame."""
        return 8 * self.bands - 3 + 5 * FLAT_BANDS + pulses.WIDTH


def filterbank(bands: int, bins: int) -> Tensor:
    """Triangles between equally spaced edges from the first to the last bin: (bins, bands)."""
    edges = torch.linspace(0, bins - 1, bands + 2)
    at = torch.arange(bins, dtype=torch.float32)[:, None]
    up = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return torch.minimum(up, down).clamp_min(0)


class TextureStem(nn.Module):
    """Waveform -> frames, in the place and with the signature of wav2vec 2.0's feature encoder."""

    centre: Tensor
    scale: Tensor
    bank: Tensor
    broad: Tensor
    broad_long: Tensor

    def __init__(self, config: TextureConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("centre", torch.zeros(config.width))
        self.register_buffer("scale", torch.ones(config.width))
        for name, bands, size in (
            ("bank", config.bands, FFT),
            ("broad", FLAT_BANDS, FFT),
            ("broad_long", FLAT_BANDS, LONG_FFT),
        ):
            self.register_buffer(name, filterbank(bands, size // 2 + 1), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Waveforms (batch, samples) -> (batch, width, frames)."""
        frames = (wave.shape[-1] - FRAME) // HOP + 1
        return self.frames_of(self.statistics(wave.float()), frames).to(wave.dtype)

    def frames_of(self, statistics: Tensor, frames: int) -> Tensor:
        """Statistics (batch, blocks, width) on the fixed scale: (batch, width, frames)."""
        blocks = self.scaled(statistics)
        at = torch.arange(frames, device=blocks.device) * (HOP / SHORT_HOP / BLOCK)
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

    def statistics(self, wave: Tensor) -> Tensor:
        """Statistics around each block of 100 ms, before the scale: (batch, blocks, width)."""
        power = spectra(wave, FRAME, SHORT_HOP, FFT)
        loud = power.mean(-1)  # (batch, short frames)
        active, mean = activity(loud, ACTIVE)
        power = power / (mean[:, None, None] + 1e-14)
        level = (power @ self.bank + FLOOR).log()
        long = spectra(
            functional.pad(wave, ((LONG - FRAME) // 2, (LONG - FRAME) // 2)), LONG, HOP, LONG_FFT
        )
        long = long / (mean[:, None, None] * (LONG / FRAME) + 1e-14)
        flat_long = _flatness(long, self.broad_long)
        blocks = math.ceil(power.shape[1] / BLOCK)
        beats, beating = pulses.pulses(wave, blocks, BLOCK * SHORT_HOP // pulses.HOP)
        return torch.cat(
            [
                self._bands(level, active),
                self._flat(_flatness(power, self.broad), active, step=False),
                self._flat(flat_long, active[:, ::2][:, : flat_long.shape[1]], step=True),
                self._around(beats, beating, 1),
            ],
            -1,
        )

    def _bands(self, level: Tensor, active: Tensor) -> Tensor:
        step = level[:, 1:] - level[:, :-1]
        jerk = step[:, 1:] - step[:, :-1]
        edge = level[..., 1:] - level[..., :-1]
        turn = edge[:, 1:] - edge[:, :-1]
        parts = (
            level,
            level.square(),
            _last(step.abs()),
            _last(step.square()),
            _last(jerk.abs(), 2),
            edge.abs(),
            edge.square(),
            _last(turn.abs()),
        )
        sizes = [part.shape[-1] for part in parts]
        mean, square, move, move2, jolt, gap, gap2, twist = self._around(
            torch.cat(parts, -1), active, BLOCK
        ).split(sizes, -1)
        spread = (square - mean.square()).clamp_min(1e-4).log() / 2
        width = (gap2 - gap.square()).clamp_min(1e-4).log() / 2
        rest = [(part + 1e-2).log() for part in (move, jolt, gap, twist)]
        return torch.cat([mean, spread, (move2 + 1e-4).log() / 2, width, *rest], -1)

    def _flat(self, flatness: Tensor, active: Tensor, *, step: bool) -> Tensor:
        moved = _last((flatness[:, 1:] - flatness[:, :-1]).abs())
        parts = torch.cat([flatness, flatness.square(), moved], -1)
        per_block = BLOCK * SHORT_HOP // HOP if step else BLOCK
        mean, square, move = self._around(parts, active, per_block).chunk(3, -1)
        spread = (square - mean.square()).clamp_min(1e-4).log() / 2
        return torch.cat([mean, spread, *([(move + 1e-2).log()] if step else [])], -1)

    def _around(self, values: Tensor, active: Tensor, per_block: int) -> Tensor:
        """Means of (batch, spectra, n) around each block, by activity: (batch, blocks, n)."""
        weight = active[..., None]
        sums = _blocks(torch.cat([values * weight, weight], -1), per_block)
        size = 2 * self.config.reach + 1
        near = functional.avg_pool1d(
            functional.pad(sums.transpose(1, 2), (size // 2, size // 2)), size, 1
        ).transpose(1, 2)
        total = near + EVERYWHERE * sums.mean(1, keepdim=True)
        return total[..., :-1] / total[..., -1:].clamp_min(1e-6)


def _flatness(power: Tensor, bank: Tensor) -> Tensor:
    """Log of geometric over arithmetic mean of the power inside each band."""
    weight = bank / bank.sum(0)
    power = power + FLOOR
    return power.log() @ weight - (power @ weight).log()


def _last(x: Tensor, times: int = 1) -> Tensor:
    """The last row said again, so that differences have a row for each spectrum."""
    return torch.cat([x, *[x[:, -1:]] * times], 1)


def _blocks(x: Tensor, size: int) -> Tensor:
    """Means over blocks of `size` rows, the last one over what is left: (batch, blocks, n)."""
    count = math.ceil(x.shape[1] / size)
    short = count * size - x.shape[1]
    padded = functional.pad(x, (0, 0, 0, short))
    means: Tensor = padded.unflatten(1, (count, size)).mean(2)
    return means
