"""Discriminators and losses of adversarial vocoders (HiFi-GAN: Kong et al., 2020)."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

Features = list[Tensor]


class Periods(nn.Module):
    """Looks at every `period`-th sample, as columns of a picture."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, 16, 64, 128, 256)
        self.layers = nn.ModuleList(
            nn.Conv2d(low, high, (5, 1), (3, 1), (2, 0)) for low, high in pairwise(widths)
        )
        self.last = nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0))

    def forward(self, wave: Tensor) -> Features:
        short = -wave.shape[1] % self.period
        state = functional.pad(wave, (0, short)).unflatten(1, (-1, self.period))[:, None]
        return _through(self.layers, self.last, state)


class Resolution(nn.Module):
    """Looks at a magnitude spectrogram as at a picture."""

    window: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(1, 32, (3, 9), padding=(1, 4)),
                nn.Conv2d(32, 32, (3, 9), (1, 2), (1, 4)),
                nn.Conv2d(32, 32, (3, 9), (1, 2), (1, 4)),
                nn.Conv2d(32, 32, (3, 3), padding=1),
            ]
        )
        self.last = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, wave: Tensor) -> Features:
        spectrum = torch.stft(
            wave, self.size, self.size // 4, window=self.window, return_complex=True
        )
        state = (spectrum.abs() + 1e-5).log()[:, None].transpose(2, 3) / 4
        return _through(self.layers, self.last, state)


def _through(layers: nn.ModuleList, last: nn.Module, state: Tensor) -> Features:
    found = []
    for layer in layers:
        state = functional.leaky_relu(layer(state), 0.1)
        found.append(state)
    return [*found, last(state)]


class Critics(nn.ModuleList):
    """All discriminators; each gives its features, the verdict last."""

    def __init__(self) -> None:
        super().__init__(
            [
                *[Periods(period) for period in (2, 3, 5, 7, 11)],
                *[Resolution(n) for n in (256, 512, 1024)],
            ]
        )

    def forward(self, wave: Tensor) -> list[Features]:
        return [critic(wave) for critic in self]


def critics_loss(heard: list[Features], made: list[Features]) -> Tensor:
    """Least squares: 1 for what was heard, 0 for what was made."""
    terms = [
        (real[-1] - 1).square().mean() + false[-1].square().mean()
        for real, false in zip(heard, made, strict=True)
    ]
    return torch.stack(terms).sum()


def generator_loss(heard: list[Features], made: list[Features]) -> Tensor:
    """What the critics think of the copies, and twice how far their features lie apart."""
    terms = []
    for real, false in zip(heard, made, strict=True):
        near = [
            functional.l1_loss(b, a.detach()) for a, b in zip(real[:-1], false[:-1], strict=True)
        ]
        terms.append((false[-1] - 1).square().mean() + 2 * torch.stack(near).sum())
    return torch.stack(terms).sum()
