"""How the bands of a voice beat: envelopes at the rate of its pulses, and how they go together.

The folds of the throat excite all bands at once, some hundred times a second, so in a voice the
noise of high bands rises and falls with the buzz of the low ones. Vocoders and codecs draw bands
from frames and guess phases; what they make sounds alike and beats otherwise. Spectra of 25 ms
cannot show this: here they are 4 ms long and 1 ms apart, in 32 bands of 250 Hz, and each block of
100 ms is described by

* how strongly each band's logarithm moves at six ranges of rates from 8 to 400 Hz, in itself and
  as a share of all its movement;
* how well the movements of two bands 1, 2, 4, 8 or 16 apart agree at the rates of voices (60 to
  400 Hz), whatever the delay between them and without any.

`core.texture` pools these over a second or so, by activity.
"""

import torch
from torch import Tensor
from torch.nn import functional

from core.spectra import activity, spectra
from core.types import RATE

SIZE, HOP = 64, 16  # samples: 4 ms, 1 ms
BANDS = 32  # of 250 Hz, the first around 250 Hz
SPAN = 128  # spectra that a block looks at
RATES = ((8, 30), (30, 60), (60, 100), (100, 160), (160, 240), (240, 400))  # Hz
VOICE = (60, 400)  # Hz
APART = (1, 2, 4, 8, 16)  # bands
KINDS = 2 * len(RATES) + 2 * len(APART)
WIDTH = KINDS * BANDS  # numbers that describe a block
FLOOR = 1e-6  # of the mean power of the active part
ACTIVE = 30.0  # dB below the loudest block at which one counts half


def pulses(wave: Tensor, blocks: int, step: int) -> tuple[Tensor, Tensor]:
    """Numbers of each block, and how active it is.

    Parameters
    ----------
    wave : (batch, samples), at least `SIZE` of them.
    blocks : how many; what lies beyond the wave is its last spectrum said again.
    step : spectra from one block to the next.

    Returns
    -------
    (batch, blocks, WIDTH), kinds one after another with `BANDS` numbers each; where a band has no
    partner so far above it, 0. And weights (batch, blocks) in (0, 1).
    """
    power = spectra(wave, SIZE, HOP, SIZE)[..., 1:].transpose(1, 2)  # (batch, bands, spectra)
    needed = torch.arange((blocks - 1) * step + SPAN, device=wave.device)
    power = power[..., needed.clamp_max(power.shape[-1] - 1)]
    loud = power.mean(1).unfold(-1, SPAN, step).mean(-1)  # (batch, blocks)
    active, mean = activity(loud, ACTIVE)
    level = (power / (mean[:, None, None] + 1e-14) + FLOOR).log().unfold(-1, SPAN, step)
    moved = level - level.mean(-1, keepdim=True)  # (batch, bands, blocks, SPAN)
    window = torch.hann_window(SPAN, dtype=wave.dtype, device=wave.device)
    parts = torch.view_as_real(torch.fft.rfft(moved * window))  # (..., rates, 2)
    rates = torch.fft.rfftfreq(SPAN, HOP / RATE, device=wave.device)
    kinds = torch.cat([_strengths(parts, rates), _agreement(parts, rates)], -1)
    return kinds.permute(0, 2, 3, 1).flatten(2), active


def _strengths(parts: Tensor, rates: Tensor) -> Tensor:
    """(batch, bands, blocks, rates, 2) -> (batch, bands, blocks, 2 * ranges)."""
    strength = parts.square().sum(-1)
    ranges = torch.stack([((rates >= low) & (rates < high)).float() for low, high in RATES], -1)
    each = strength @ ranges
    share = each / (strength.sum(-1, keepdim=True) + 1e-6)
    return torch.cat([(each + 1e-3).log(), share], -1)


def _agreement(parts: Tensor, rates: Tensor) -> Tensor:
    """Coherence of pairs of bands: (batch, bands, blocks, 2 * distances)."""
    voice = parts[..., (rates >= VOICE[0]) & (rates < VOICE[1]), :]
    voice = voice / (voice.square().sum((-2, -1), keepdim=True) + 1e-6).sqrt()
    real, imaginary = voice.unbind(-1)
    found = []
    for apart in APART:
        low, high = slice(None, -apart), slice(apart, None)
        together = (real[:, high] * real[:, low] + imaginary[:, high] * imaginary[:, low]).sum(-1)
        across = (imaginary[:, high] * real[:, low] - real[:, high] * imaginary[:, low]).sum(-1)
        whatever = (together.square() + across.square() + 1e-9).sqrt()
        found += [functional.pad(x, (0, 0, 0, apart)) for x in (whatever, together)]
    return torch.stack(found, -1)
