"""Power spectra of frames, and how much each stretch of a window counts: for the compact stems."""

import torch
from torch import Tensor


def spectra(wave: Tensor, samples: int, hop: int, size: int) -> Tensor:
    """Power of Hann-windowed frames: (batch, samples) -> (batch, frames, size // 2 + 1).

    Frames of `samples`, one every `hop`, transformed at `size`; nothing is padded at the ends.
    """
    window = torch.hann_window(samples, dtype=wave.dtype, device=wave.device)
    spectrum = torch.fft.rfft(wave.unfold(-1, samples, hop) * window, n=size)
    return torch.view_as_real(spectrum).square().sum(-1)


def activity(loud: Tensor, below: float) -> tuple[Tensor, Tensor]:
    """Weights by loudness, and the mean power of what counts.

    Parameters
    ----------
    loud : (batch, stretches), power of each.
    below : dB below the loudest stretch at which one counts half.

    Returns
    -------
    Weights (batch, stretches) in (0, 1), and the mean (batch,).
    """
    decibel = 10 * (loud / (loud.amax(1, keepdim=True) + 1e-14) + 1e-12).log10()
    active = torch.sigmoid((decibel + below) / 3)
    return active, (loud * active).sum(1) / active.sum(1)
