"""The texture stem of the compact backbone: what speech is like around a frame, not what it says.

Frame t (20 ms, at the place of frame t of XLS-R) is described by statistics of spectra over a
second or so around it: the mean and spread of each of 128 equally wide bands, how far it moves
from one spectrum to the next, how far neighbouring bands lie apart, how flat the spectrum is
inside broader bands, and how the bands beat at the rate of the voice (`core.pulses`). Vocoders and
codecs give themselves away in these; which of them help was chosen on `dev` and on folds of
`train` without whole sources (checkpoints/README.md).

What makes it calm is in `core.blocks`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from core import pulses
from core.blocks import (
    ACTIVE,
    BLOCK,
    FLOOR,
    FRAME,
    HOP,
    SHORT_HOP,
    BlockStem,
    around,
    check_options,
    filterbank,
)
from core.spectra import activity, spectra

FFT = 512  # samples, zeros included, of a spectrum of a frame
LONG, LONG_FFT = 1024, 1024  # samples of the spectra that resolve harmonics, every 20 ms
FLAT_BANDS = 40


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

    def __post_init__(self) -> None:
        check_options("bands", self.bands, FFT // 2 + 1, self.reach)

    @property
    def width(self) -> int:
        """Numbers that describe a frame."""
        return 8 * self.bands - 3 + 5 * FLAT_BANDS + pulses.WIDTH


class TextureStem(BlockStem):
    """Waveform -> frames of `TextureConfig.width` numbers."""

    bank: Tensor
    broad: Tensor
    broad_long: Tensor

    def __init__(self, config: TextureConfig) -> None:
        super().__init__(config.width)
        self.config = config
        for name, bands, size in (
            ("bank", config.bands, FFT),
            ("broad", FLAT_BANDS, FFT),
            ("broad_long", FLAT_BANDS, LONG_FFT),
        ):
            self.register_buffer(name, filterbank(bands, size // 2 + 1), persistent=False)

    @property
    def options(self) -> TextureConfig:
        return self.config

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
                around(beats, beating, 1, self.config.reach),
            ],
            -1,
        )

    def _bands(self, level: Tensor, active: Tensor) -> Tensor:
        count = level.shape[1]
        step = level[:, 1:] - level[:, :-1]
        jerk = step[:, 1:] - step[:, :-1]
        edge = level[..., 1:] - level[..., :-1]
        turn = edge[:, 1:] - edge[:, :-1]
        parts = (
            level,
            level.square(),
            _last(step.abs(), count),
            _last(step.square(), count),
            _last(jerk.abs(), count),
            edge.abs(),
            edge.square(),
            _last(turn.abs(), count),
        )
        sizes = [part.shape[-1] for part in parts]
        mean, square, move, move2, jolt, gap, gap2, twist = around(
            torch.cat(parts, -1), active, BLOCK, self.config.reach
        ).split(sizes, -1)
        spread = (square - mean.square()).clamp_min(1e-4).log() / 2
        width = (gap2 - gap.square()).clamp_min(1e-4).log() / 2
        rest = [(part + 1e-2).log() for part in (move, jolt, gap, twist)]
        return torch.cat([mean, spread, (move2 + 1e-4).log() / 2, width, *rest], -1)

    def _flat(self, flatness: Tensor, active: Tensor, *, step: bool) -> Tensor:
        moved = _last((flatness[:, 1:] - flatness[:, :-1]).abs(), flatness.shape[1])
        parts = torch.cat([flatness, flatness.square(), moved], -1)
        per_block = BLOCK * SHORT_HOP // HOP if step else BLOCK
        mean, square, move = around(parts, active, per_block, self.config.reach).chunk(3, -1)
        spread = (square - mean.square()).clamp_min(1e-4).log() / 2
        return torch.cat([mean, spread, *([(move + 1e-2).log()] if step else [])], -1)


def _flatness(power: Tensor, bank: Tensor) -> Tensor:
    """Log of geometric over arithmetic mean of the power inside each band."""
    weight = bank / bank.sum(0)
    power = power + FLOOR
    return power.log() @ weight - (power @ weight).log()


def _last(x: Tensor, count: int) -> Tensor:
    """The last row said again up to `count`, so that differences have a row for each spectrum.

    Where there was one spectrum only, nothing has moved.
    """
    missing = count - x.shape[1]
    last = x[:, -1:] if x.shape[1] else x.new_zeros(x.shape[0], 1, x.shape[2])
    return torch.cat([x, *[last] * missing], 1)
