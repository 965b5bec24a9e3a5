"""The spectral stem of the compact backbone: a stack of short spectra instead of a raw convolution.

Frame t looks at the same samples as frame t of XLS-R, [320 t, 320 t + 400), and at no others
(unless `time_kernel` > 1), so that frames, evidence in seconds and the sharing of frames between
windows mean the same for both stems. Inside those 25 ms there is one long spectrum (fine in
frequency) and several short ones (fine in time), on a filterbank whose bands are equally wide in
Hz: machine speech gives itself away as much above 4 kHz, where a mel scale looks away, as below.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

FRAME = 400  # samples a frame of XLS-R and of both compact stems looks at
HOP = 320  # samples from one frame to the next: 20 ms at 16 kHz
RELATIVE_FLOOR = 1e-6  # of the mean power of the window: 60 dB below it
ABSOLUTE_FLOOR = 1e-10  # keeps the logarithm of digital silence finite

Level = Literal["none", "gain", "bands"]


@dataclass(frozen=True, slots=True)
class SpectralConfig:
    """Options of the spectral stem.

    Attributes
    ----------
    windows : samples of each kind of spectrum; each kind tiles the frame with half overlap.
    bands : triangular filters, equally spaced from 0 to 8 kHz.
    level : `"gain"` divides by the mean power of the window, so that a change of gain changes
        nothing; `"bands"` also subtracts each band's mean over time, which takes a fixed channel
        (microphone, equaliser) away with it; `"none"` keeps absolute levels.
    channels : of the small convolutions over frequency (and time), each halving the bands.
    time_kernel : frames a convolution looks at; 1 keeps every frame by itself.
    """

    windows: tuple[int, ...] = (400, 160)
    bands: int = 80
    level: Level = "gain"
    channels: tuple[int, ...] = (24, 32, 48)
    time_kernel: int = 1

    @property
    def local(self) -> bool:
        """Whether a frame depends on its own samples only, so that windows may share frames."""
        return self.level == "none" and self.time_kernel == 1

    @property
    def spectra(self) -> int:
        """Short spectra in one frame."""
        return sum(len(_starts(samples)) for samples in self.windows)

    @property
    def width(self) -> int:
        """Numbers that describe a frame at the end of the stem."""
        bands = self.bands
        for _ in self.channels:
            bands = (bands + 1) // 2
        return bands * (self.channels[-1] if self.channels else self.spectra)


def _starts(samples: int) -> tuple[int, ...]:
    """First samples of the windows of that length that tile a frame with half overlap or more."""
    if not 16 <= samples <= FRAME:
        raise ValueError(f"A spectrum of {samples} samples does not fit into a frame of {FRAME}.")
    steps = math.ceil((FRAME - samples) / (samples / 2))
    return tuple(round(step * (FRAME - samples) / max(steps, 1)) for step in range(steps + 1))


def linear_filterbank(bands: int, bins: int) -> Tensor:
    """Triangles with centres equally spaced over all bins, each summing to one: (bins, bands)."""
    centres = torch.linspace(0, bins - 1, bands + 2)[1:-1]
    distance = (torch.arange(bins)[:, None] - centres[None]).abs()
    weights = (1 - distance / ((bins - 1) / (bands + 1))).clamp_min(0)  # (bins, bands)
    return weights / weights.sum(0)


class _BandConv(nn.Module):
    """Convolution over time and frequency that halves the bands, norm over channels, GELU."""

    def __init__(self, inputs: int, outputs: int, time_kernel: int) -> None:
        super().__init__()
        padding = (time_kernel // 2, 1)
        self.conv = nn.Conv2d(inputs, outputs, (time_kernel, 3), (1, 2), padding)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, image: Tensor) -> Tensor:
        # the norm is over the channels of one cell, so that cells stay apart
        cells = self.norm(self.conv(image).movedim(1, -1))
        return functional.gelu(cells).movedim(-1, 1)


class SpectralStem(nn.Module):
    """Waveform -> frames, in the place and with the signature of wav2vec 2.0's feature encoder."""

    FFT = 512

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        if config.time_kernel % 2 == 0:
            raise ValueError(f"time_kernel must be odd; {config.time_kernel} is not.")
        self.config = config
        bank = linear_filterbank(config.bands, self.FFT // 2 + 1)
        self.register_buffer("bank", bank, persistent=False)
        sizes = (config.spectra, *config.channels)
        self.convs = nn.ModuleList(
            _BandConv(inputs, outputs, config.time_kernel) for inputs, outputs in pairwise(sizes)
        )

    def forward(self, wave: Tensor) -> Tensor:
        """Waveforms (batch, samples) -> (batch, width, frames)."""
        image = self._levelled(self._powers(wave))  # (batch, spectra, frames, bands)
        for conv in self.convs:
            image = conv(image)
        return image.transpose(2, 3).flatten(1, 2)  # (batch, channels x bands, frames)

    def _powers(self, wave: Tensor) -> Tensor:
        """Power per band of each spectrum of each frame: (batch, spectra, frames, bands)."""
        frames = wave.unfold(-1, FRAME, HOP)  # (batch, frames, 400)
        powers = []
        for samples in self.config.windows:
            shape = torch.hann_window(samples, dtype=wave.dtype, device=wave.device)
            scale = 1 / shape.square().sum()
            for start in _starts(samples):
                spectrum = torch.fft.rfft(frames[..., start : start + samples] * shape, n=self.FFT)
                powers.append(torch.view_as_real(spectrum).square().sum(-1) * scale)
        bank: Tensor = self.get_buffer("bank")
        return torch.stack(powers, 1) @ bank.to(wave.dtype)

    def _levelled(self, power: Tensor) -> Tensor:
        if self.config.level == "none":
            return (power + ABSOLUTE_FLOOR).log()
        mean = power.mean((1, 2, 3), keepdim=True) + ABSOLUTE_FLOOR
        level = (power / mean + RELATIVE_FLOOR).log()
        if self.config.level == "bands":
            level = level - level.mean(2, keepdim=True)
        return level
