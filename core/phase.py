"""The phase stem of a compact backbone: when, inside a frame, each band of it sounds.

The group delay of a spectrum is how far from the middle of its frame the energy of a frequency
lies. In a voice the pulses of the throat and the ringing of the mouth order it; vocoders and codecs
guess phases, or learn them from short windows, and order it otherwise. Power spectra do not show
this. Frame t (20 ms, at the place of frame t of XLS-R) is described, in spectra of 25 and 64 ms, by

* the mean group delay of each of 64 bands, with its sign and without;
* standard deviation, skewness and kurtosis of the cosine transform of the group delay over bands,
  and of its slopes, as `core.cepstra` has them of power.

The plain group delay has a spike at every zero of the spectrum. Here it is divided by power that is
smoothed along frequency, as in the modified group delay (Hegde, Murthy & Gadde, 2007), which
smooths by cepstra where this takes a mean over nine bins; then comes a square root, sign kept.

Alone this tells pages of machine-made speech that nothing was trained on better than texture or
cepstra do, and together with them better still (checkpoints/README.md). What makes it calm is in
`core.blocks`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from core.blocks import (
    ACTIVE,
    BLOCK,
    FRAME,
    SHORT_HOP,
    BlockStem,
    around,
    check_options,
    filterbank,
)
from core.cepstra import cosines, moments, slopes
from core.spectra import activity

BANDS = 64
SMOOTH = 9  # bins over which power is smoothed
WEAK = 1e-7  # of the mean power of what is active: below it, a delay counts for little
LONGEST = 4.0  # frames of delay; only where power is weak and delays mean nothing
KINDS = 6  # three moments of a number and of its slope


class Transform(NamedTuple):
    """Frames of `samples`, one every `SHORT_HOP`, transformed at `size`."""

    samples: int
    size: int


TRANSFORMS = (Transform(FRAME, 512), Transform(1024, 1024))


@dataclass(frozen=True, slots=True)
class PhaseConfig:
    """Options of the phase stem.

    Attributes
    ----------
    coefficients : of the cosine transform over bands, from the 0th on; at most 64.
    reach : blocks of 100 ms on either side that the statistics of a frame look at.
    """

    coefficients: int = 40
    reach: int = 7

    def __post_init__(self) -> None:
        check_options("coefficients", self.coefficients, BANDS, self.reach)

    @property
    def width(self) -> int:
        """Numbers that describe a frame."""
        return len(TRANSFORMS) * (KINDS * self.coefficients + 2 * BANDS)


def group_delay(wave: Tensor, samples: int, size: int) -> tuple[Tensor, Tensor]:
    """Group delay of each bin, and the power that goes with it.

    Parameters
    ----------
    wave : (batch, samples).
    samples, size : of a frame, and at which it is transformed.

    Returns
    -------
    (batch, frames, size // 2 + 1) each: how far from the frame's middle the energy lies, in
    frames, later is positive; and power.
    """
    window = torch.hann_window(samples, dtype=wave.dtype, device=wave.device)
    place = torch.arange(samples, dtype=wave.dtype, device=wave.device) - samples / 2
    frames = wave.unfold(-1, samples, SHORT_HOP) * window
    plain = torch.view_as_real(torch.fft.rfft(frames, n=size))
    placed = torch.view_as_real(torch.fft.rfft(frames * (place / samples), n=size))
    power = plain.square().sum(-1)
    smooth = functional.avg_pool1d(power, SMOOTH, 1, SMOOTH // 2, count_include_pad=False)
    weak = WEAK * activity(power.mean(-1), ACTIVE)[1][:, None, None] + 1e-14
    delay = (plain * placed).sum(-1) / (smooth + weak)
    return delay.clamp(-LONGEST, LONGEST), power


class PhaseStem(BlockStem):
    """Waveform -> frames of `PhaseConfig.width` numbers."""

    def __init__(self, config: PhaseConfig) -> None:
        super().__init__(config.width)
        self.config = config
        for index, one in enumerate(TRANSFORMS):
            bank = filterbank(BANDS, one.size // 2 + 1)
            self.register_buffer(f"bank_{index}", bank / bank.sum(0), persistent=False)
        self.register_buffer("cosines", cosines(BANDS, config.coefficients), persistent=False)

    @property
    def options(self) -> PhaseConfig:
        return self.config

    def statistics(self, wave: Tensor) -> Tensor:
        """Statistics around each block of 100 ms, before the scale: (batch, blocks, width)."""
        return torch.cat([self._of(wave, index) for index in range(len(TRANSFORMS))], -1)

    def _of(self, wave: Tensor, index: int) -> Tensor:
        samples, size = TRANSFORMS[index]
        missing = (samples - FRAME) // 2  # so that as many fit as of a frame's length
        delay, power = group_delay(functional.pad(wave, (missing, missing)), samples, size)
        active, _ = activity(power.mean(-1), ACTIVE)
        # a root without a vertical slope at 0, which gradients would pass through
        size_of = (delay.abs() + 1e-6).sqrt()
        bank = self.get_buffer(f"bank_{index}")
        signed, length = (size_of * delay.sign()) @ bank, size_of @ bank
        shape = signed @ self.get_buffer("cosines")
        values = torch.cat([shape, slopes(shape)], -1)
        return torch.cat(
            [
                moments(values, active, self.config.reach),
                around(torch.cat([length, signed], -1), active, BLOCK, self.config.reach),
            ],
            -1,
        )
