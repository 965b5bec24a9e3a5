"""The cepstral stem of a compact backbone: how the shape of the spectrum moves.

A cepstrum is the cosine transform of the logarithms of bands: its first numbers are the shape of
the mouth, the later ones pitch and fine structure. Frame t (20 ms, at the place of frame t of
XLS-R) is described by how each of these numbers is spread over a second or so around it, and so
their slopes and the slopes of these, in spectra of 128, 64 and 25 ms: standard deviation, skewness
and kurtosis, as boosted trees on LFCC statistics have them. Long spectra tell one harmonic from the
next, and cepstra of 64 ms reach as far as the pitch, so that how a voice wavers is heard, too.
Means are left out: they tell a voice and a microphone. Parts of the spectrum may have cepstra of
their own: what one of them lost on its way then spoils nothing in the others.

On pages of machine-made speech that nothing was trained on, this hears more than the texture stem,
and other things; on signal processing and old systems far less (checkpoints/README.md). What makes
it calm is in `core.blocks`.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from core.blocks import (
    ACTIVE,
    BLOCK,
    FLOOR,
    FRAME,
    SHORT_HOP,
    BlockStem,
    around,
    check_options,
    filterbank,
)
from core.spectra import activity, spectra


class Resolution(NamedTuple):
    """Spectra of `samples`, transformed at `size`, in so many bands, with so many cepstra."""

    samples: int
    size: int
    bands: int
    coefficients: int


RESOLUTIONS = (
    Resolution(2048, 2048, 128, 50),
    Resolution(1024, 1024, 128, 110),
    Resolution(FRAME, 512, 128, 50),
)
MOST = max(one.coefficients for one in RESOLUTIONS)
PARTS = (1, 2, 4)  # of the spectrum: what divides the bins of every resolution
KINDS = 9  # three moments of a number, its slope and the slope of that
REACH = 2  # spectra on either side for slopes
LEAST = 1e-4  # of a variance, so that its logarithm is finite
SKEWED = 8.0  # the most that a skewness says


@dataclass(frozen=True, slots=True)
class CepstraConfig:
    """Options of the cepstral stem.

    Attributes
    ----------
    coefficients : of each cepstrum, from the 0th on, at most; fewer where `RESOLUTIONS` says so or
        where there are fewer bands.
    reach : blocks of 100 ms on either side that the statistics of a frame look at.
    parts : equal parts of the spectrum, from 0 to 8 kHz, each of which has cepstra of its own.
    """

    coefficients: int = MOST
    reach: int = 7
    parts: int = 1

    def __post_init__(self) -> None:
        check_options("coefficients", self.coefficients, MOST, self.reach)
        if self.parts not in PARTS:
            raise ValueError(f"parts is one of {', '.join(map(str, PARTS))}, not {self.parts}.")

    def shape(self, index: int) -> tuple[int, int, int]:
        """Bins, bands and coefficients of one part of the spectrum at that resolution."""
        one = RESOLUTIONS[index]
        bins = one.size // 2 // self.parts + 1
        bands = min(one.bands, bins // 2)
        return bins, bands, min(self.coefficients, one.coefficients, bands)

    @property
    def width(self) -> int:
        """Numbers that describe a frame."""
        each = [self.shape(index)[2] for index in range(len(RESOLUTIONS))]
        return KINDS * sum(each) * self.parts


def cosines(bands: int, coefficients: int) -> Tensor:
    """The orthonormal cosine transform (DCT II) of bands: (bands, coefficients)."""
    middle = torch.arange(bands)[:, None] + 0.5
    waves = torch.cos(math.pi / bands * middle * torch.arange(coefficients)) * math.sqrt(2 / bands)
    waves[:, 0] /= math.sqrt(2)
    return waves


def slopes(values: Tensor) -> Tensor:
    """Slopes of (batch, spectra, n) over +-`REACH` spectra by regression, the ends said again."""
    padded = functional.pad(values.transpose(1, 2), (REACH, REACH), mode="replicate")
    steps = torch.arange(-REACH, REACH + 1, dtype=values.dtype, device=values.device)
    line = (steps / steps.square().sum()).expand(values.shape[2], 1, -1)
    found: Tensor = functional.conv1d(padded, line, groups=values.shape[2]).transpose(1, 2)
    return found


def moments(values: Tensor, active: Tensor, reach: int) -> Tensor:
    """Log standard deviation, skewness, log kurtosis of (batch, spectra, n) around each block.

    Values are put on a scale of the whole window first: powers of large numbers that hardly differ
    would leave nothing of their difference. (batch, blocks, 3 n).
    """
    weight = active[..., None] / active.sum(1)[:, None, None]
    mean = (values * weight).sum(1, keepdim=True)
    spread = ((values - mean).square() * weight).sum(1, keepdim=True).clamp_min(LEAST).sqrt()
    scaled = (values - mean) / spread
    powers = torch.cat([scaled, scaled**2, scaled**3, scaled**4], -1)
    one, two, three, four = around(powers, active, BLOCK, reach).chunk(4, -1)
    variance = (two - one**2).clamp_min(LEAST)
    skewness = (three - 3 * one * two + 2 * one**3) / variance**1.5
    kurtosis = (four - 4 * one * three + 6 * one**2 * two - 3 * one**4) / variance**2
    return torch.cat(
        [
            variance.log() / 2 + spread.log(),
            skewness.clamp(-SKEWED, SKEWED),
            kurtosis.clamp_min(1.0).log(),
        ],
        -1,
    )


class CepstraStem(BlockStem):
    """Waveform -> frames of `CepstraConfig.width` numbers."""

    def __init__(self, config: CepstraConfig) -> None:
        super().__init__(config.width)
        self.config = config
        for index in range(len(RESOLUTIONS)):
            bins, bands, coefficients = config.shape(index)
            self.register_buffer(f"bank_{index}", filterbank(bands, bins), persistent=False)
            self.register_buffer(f"cosines_{index}", cosines(bands, coefficients), persistent=False)

    @property
    def options(self) -> CepstraConfig:
        return self.config

    def statistics(self, wave: Tensor) -> Tensor:
        """Statistics around each block of 100 ms, before the scale: (batch, blocks, width)."""
        each = [self._of(wave, index) for index in range(len(RESOLUTIONS))]
        return torch.cat([own for part in zip(*each, strict=True) for own in part], -1)

    def _of(self, wave: Tensor, index: int) -> list[Tensor]:
        """Of each part of the spectrum at one resolution."""
        samples, size, _, _ = RESOLUTIONS[index]
        missing = (samples - FRAME) // 2  # so that as many fit as of a frame's length
        power = spectra(functional.pad(wave, (missing, missing)), samples, SHORT_HOP, size)
        bins = self.config.shape(index)[0]
        parts = [power[..., n * (bins - 1) :][..., :bins] for n in range(self.config.parts)]
        return [self._part(part, index) for part in parts]

    def _part(self, power: Tensor, index: int) -> Tensor:
        """Of power (batch, spectra, bins) in one part of the spectrum."""
        active, mean = activity(power.mean(-1), ACTIVE)
        bands = power / (mean[:, None, None] + 1e-14) @ self.get_buffer(f"bank_{index}")
        shape = (bands + FLOOR).log() @ self.get_buffer(f"cosines_{index}")
        slope = slopes(shape)
        values = torch.cat([shape, slope, slopes(slope)], -1)
        return moments(values, active, self.config.reach)
