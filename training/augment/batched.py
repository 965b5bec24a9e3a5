"""What microphones, rooms and lines do to a batch of clips, as one filter, one room, one noise.

The same changes as `training.augment.channel`, written for a batch on a GPU: every linear filter of
a clip (equaliser, low-pass, high-pass, a lost band) is one frequency response, so that all of them
cost one Fourier transform. Codecs cannot be written so; see `lossy.py`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

RATE = 16_000
BINS = 257  # of the responses, which are drawn coarsely and read in between
ROOM = 6_400  # samples of a room's tail


@dataclass(frozen=True, slots=True)
class Changes:
    """How often each change is made, and how strong it is at most.

    Attributes
    ----------
    equalise, low_pass, high_pass, drop_band, room, noise, distort, quantise, silence, gain,
    speed : probability for each clip (speed: for each batch).
    decibel : of the equaliser and the gain, either way.
    snr : of the noise in dB, lowest and highest.
    """

    equalise: float = 0.3
    low_pass: float = 0.15
    high_pass: float = 0.1
    drop_band: float = 0.15
    room: float = 0.15
    noise: float = 0.3
    distort: float = 0.1
    quantise: float = 0.05
    silence: float = 0.1
    speed: float = 0.2
    gain: float = 0.8
    decibel: tuple[float, float] = (9.0, 15.0)
    snr: tuple[float, float] = (10.0, 45.0)

    def scaled(self, factor: float) -> "Changes":
        """All probabilities times `factor`, save that of the gain."""
        own = ("equalise", "low_pass", "high_pass", "drop_band", "room", "noise")
        more = ("distort", "quantise", "silence", "speed")
        return Changes(
            **{name: getattr(self, name) * factor for name in own + more},
            gain=self.gain,
            decibel=self.decibel,
            snr=self.snr,
        )


def change(wave: Tensor, rule: Changes) -> Tensor:
    """Waves (batch, samples) -> changed waves of the same shape; torch's random numbers decide."""
    wave = _speed(wave, rule.speed)
    wave = _filtered(wave, _responses(len(wave), rule, wave.device))
    wave = _roomy(wave, rule.room)
    wave = _noisy(wave, rule)
    wave = _distorted(wave, rule)
    wave = _quiet_edges(wave, rule.silence)
    level = 10 ** (_uniform(wave, -rule.decibel[1], rule.decibel[1]) / 20)
    louder = torch.where(_chosen(wave, rule.gain), wave * level, wave)
    return louder.clamp(-1, 1)


def _uniform(like: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(len(like), 1, device=like.device).uniform_(low, high)


def _chosen(like: Tensor, probability: float) -> Tensor:
    return torch.rand(len(like), 1, device=like.device) < probability


def _power(wave: Tensor) -> Tensor:
    return wave.square().mean(-1, keepdim=True)


def _responses(count: int, rule: Changes, device: torch.device) -> Tensor:
    """Amplitude responses on BINS frequencies up to 8 kHz: (count, BINS)."""
    hertz = torch.linspace(0, RATE / 2, BINS, device=device)[None]
    like = torch.empty(count, 1, device=device)
    points = torch.empty(count, 1, 6, device=device).uniform_(-rule.decibel[0], rule.decibel[0])
    curve = torch.nn.functional.interpolate(points, BINS, mode="linear", align_corners=True)[:, 0]
    decibel = torch.where(_chosen(like, rule.equalise), curve, torch.zeros_like(curve))

    def edge(at: Tensor, width: float) -> Tensor:
        return torch.sigmoid((hertz - at) / width)  # 0 below, 1 above

    low = 1 - edge(_uniform(like, 2500, 7600), 40.0)
    high = edge(_uniform(like, 60, 400), 20.0)
    start, width = _uniform(like, 0, 7000), _uniform(like, 200, 1500)
    band = 1 - edge(start, 20.0) * (1 - edge(start + width, 20.0))
    gain = 10 ** (decibel / 20)
    for shape, probability in (
        (low, rule.low_pass),
        (high, rule.high_pass),
        (band, rule.drop_band),
    ):
        gain = torch.where(_chosen(like, probability), gain * shape, gain)
    return gain


def _filtered(wave: Tensor, gain: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(wave)
    fine = torch.nn.functional.interpolate(
        gain[:, None], spectrum.shape[-1], mode="linear", align_corners=True
    )[:, 0]
    made: Tensor = torch.fft.irfft(spectrum * fine, n=wave.shape[-1])
    return made


def _roomy(wave: Tensor, probability: float) -> Tensor:
    time = torch.arange(1, ROOM, device=wave.device)[None] / RATE
    seconds = _uniform(wave, 0.1, 0.5)
    tail = torch.randn(len(wave), ROOM - 1, device=wave.device) * 10 ** (-3 * time / seconds)
    tail = tail * (time > _uniform(wave, 0.001, 0.005))
    tail = torch.nn.functional.avg_pool1d(  # walls take the high frequencies first
        torch.nn.functional.pad(tail[:, None], (1, 1)), 3, 1
    )[:, 0]
    ratio = 10 ** (-_uniform(wave, 0, 15) / 10)
    tail = tail * (ratio / tail.square().sum(-1, keepdim=True).clamp_min(1e-9)).sqrt()
    room = torch.cat([torch.ones_like(tail[:, :1]), tail], -1)
    size = wave.shape[-1] + ROOM
    heard = torch.fft.irfft(torch.fft.rfft(wave, size) * torch.fft.rfft(room, size), size)
    heard = heard[:, : wave.shape[-1]]
    heard = heard * (_power(wave) / _power(heard).clamp_min(1e-12)).sqrt()
    return torch.where(_chosen(wave, probability), heard, wave)


def _noisy(wave: Tensor, rule: Changes) -> Tensor:
    """White to brown noise, or noise with the clip's own spectrum."""
    own = torch.fft.rfft(wave)
    hertz = torch.linspace(0, RATE / 2, own.shape[-1], device=wave.device).clamp_min(20)[None]
    shape = hertz ** -_uniform(wave, 0, 1)
    shape = torch.where(_chosen(wave, 0.25), own.abs(), shape)
    noise = torch.fft.irfft(torch.fft.rfft(torch.randn_like(wave)) * shape, n=wave.shape[-1])
    wanted = _power(wave) * 10 ** (-_uniform(wave, *rule.snr) / 10)
    noise = noise * (wanted / _power(noise).clamp_min(1e-12)).sqrt()
    return torch.where(_chosen(wave, rule.noise), wave + noise, wave)


def _distorted(wave: Tensor, rule: Changes) -> Tensor:
    """Overdriven, or with fewer bits."""
    limit = wave.abs().amax(-1, keepdim=True) * _uniform(wave, 0.3, 0.95)
    wave = torch.where(_chosen(wave, rule.distort), wave.clamp(-limit, limit), wave)
    steps = 2 ** _uniform(wave, 7, 13).round()
    return torch.where(_chosen(wave, rule.quantise), (wave * steps).round() / steps, wave)


def _quiet_edges(wave: Tensor, probability: float) -> Tensor:
    """Near-silence in place of the first and last moments."""
    time = torch.arange(wave.shape[-1], device=wave.device)[None] / RATE
    seconds = wave.shape[-1] / RATE
    outside = (time < _uniform(wave, 0, 0.4)) | (time > seconds - _uniform(wave, 0, 0.4))
    floor = torch.randn_like(wave) * 10 ** (_uniform(wave, -90, -50) / 20)
    return torch.where(_chosen(wave, probability) & outside, floor, wave)


def _speed(wave: Tensor, probability: float) -> Tensor:
    """The whole batch faster or slower with its pitch, said again or cut to its length."""
    if torch.rand(()).item() >= probability:
        return wave
    size = wave.shape[-1]
    wanted = 2 * math.floor(size * (0.9 + 0.2 * torch.rand(()).item()) / 2)
    spectrum = torch.fft.rfft(wave)[:, : wanted // 2 + 1]
    spectrum = torch.nn.functional.pad(spectrum, (0, wanted // 2 + 1 - spectrum.shape[-1]))
    moved = torch.fft.irfft(spectrum, n=wanted) * (wanted / size)
    return moved[:, :size] if wanted >= size else torch.cat([moved, moved[:, : size - wanted]], -1)
