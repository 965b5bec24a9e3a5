"""What microphones, rooms, lines and players do to a recording: noise, reverberation, level,
equalisation, resampling, lost bands, silence.

Each function takes a float array (samples,) at 16 kHz and a numpy Generator and keeps the length
and the position of the sound, save `speed` and `silence`, which say so.
"""

from typing import Any, Literal

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import signal

from core.types import RATE

Wave = NDArray[np.float64]
Rng = np.random.Generator
Range = tuple[float, float]

NOISES = ("white", "pink", "brown", "hum", "speech")


def gain(wave: NDArray[Any], rng: Rng, decibel: Range = (-12.0, 12.0), clip: bool = True) -> Wave:
    """Louder or softer; samples beyond [-1, 1] are cut as a converter would, unless not `clip`."""
    out: Wave = _float(wave) * 10.0 ** (rng.uniform(*decibel) / 20.0)
    return np.clip(out, -1.0, 1.0) if clip else out


def noise(
    wave: NDArray[Any], rng: Rng, snr: Range = (5.0, 40.0), kinds: tuple[str, ...] = NOISES
) -> Wave:
    """Stationary noise at a drawn ratio in dB to the whole clip's power.

    `kinds`: white; pink (1/f); brown (1/f^2); hum (50 or 60 Hz and harmonics); speech (the
    clip's own long-term spectrum with random phases).
    """
    x = _float(wave)
    power = float(np.mean(x**2)) if x.size else 0.0
    if power == 0.0:
        return x
    added = _coloured(x, rng, kinds[int(rng.integers(len(kinds)))])
    ratio = 10.0 ** (-rng.uniform(*snr) / 10.0)
    out: Wave = x + added * np.sqrt(power * ratio / max(float(np.mean(added**2)), 1e-20))
    return out


def reverberation(
    wave: NDArray[Any],
    rng: Rng,
    t60: Range = (0.1, 0.6),
    direct_to_reverberant: Range = (0.0, 15.0),
) -> Wave:
    """A synthetic room: the direct sound at delay 0, then noise that decays by 60 dB in `t60` s.

    The level of the clip is kept. The tail beyond the clip's end is cut.
    """
    x = _float(wave)
    seconds = rng.uniform(*t60)
    time = np.arange(1, int(seconds * RATE)) / RATE
    tail = rng.standard_normal(time.size) * 10.0 ** (-3.0 * time / seconds)
    tail[: int(rng.uniform(0.001, 0.005) * RATE)] = 0.0  # before the first reflection
    colour = rng.uniform(0.1, 0.8)  # walls take the high frequencies first
    tail = signal.lfilter([1.0 - colour], [1.0, -colour], tail)
    energy = float(np.sum(tail**2))
    if x.size == 0 or energy == 0.0:
        return x
    tail *= np.sqrt(10.0 ** (-rng.uniform(*direct_to_reverberant) / 10.0) / energy)
    out = signal.oaconvolve(x, np.concatenate([[1.0], tail]))[: x.size]
    return _same_level(out, x)


def equalise(wave: NDArray[Any], rng: Rng, decibel: float = 9.0, bands: int = 4) -> Wave:
    """A smooth random frequency response within +-`decibel`, linear phase, delay taken out."""
    x = _float(wave)
    points = np.concatenate([[0.0], np.sort(rng.uniform(60.0, 7500.0, bands)), [RATE / 2]])
    levels = rng.uniform(-decibel, decibel, points.size)
    taps = signal.firwin2(257, points, 10.0 ** (levels / 20.0), fs=RATE)
    return _centred(x, taps)


def low_pass(wave: NDArray[Any], rng: Rng, cutoff: Range = (2500.0, 7600.0)) -> Wave:
    """Nothing above a drawn frequency in Hz, as after a narrow-band codec or a cheap microphone."""
    return _centred(_float(wave), signal.firwin(129, rng.uniform(*cutoff), fs=RATE))


def high_pass(wave: NDArray[Any], rng: Rng, cutoff: Range = (60.0, 400.0)) -> Wave:
    """Nothing below a drawn frequency in Hz, as after a telephone or a small loudspeaker."""
    taps = signal.firwin(513, rng.uniform(*cutoff), fs=RATE, pass_zero=False)
    return _centred(_float(wave), taps)


def drop_band(wave: NDArray[Any], rng: Rng, width: Range = (200.0, 1500.0), count: int = 1) -> Wave:
    """Silence in `count` bands of a drawn width in Hz, anywhere up to 8 kHz."""
    x = _float(wave)
    spectrum = np.fft.rfft(x)
    frequency = np.fft.rfftfreq(x.size, 1.0 / RATE)
    for _ in range(count):
        wide = rng.uniform(*width)
        low = rng.uniform(0.0, RATE / 2 - wide)
        spectrum[(frequency >= low) & (frequency < low + wide)] = 0.0
    return np.fft.irfft(spectrum, n=x.size)


def resample(
    wave: NDArray[Any], rng: Rng, rates: tuple[int, ...] = (8000, 11025, 12000, 22050, 24000, 44100)
) -> Wave:
    """To another sampling rate and back, in one of soxr's qualities; same length, no delay."""
    x = _float(wave)
    rate = int(rng.choice(rates))
    quality: Literal["LQ", "MQ", "HQ", "VHQ"] = ("LQ", "MQ", "HQ", "VHQ")[int(rng.integers(4))]
    there = soxr.resample(x, RATE, rate, quality=quality)
    return fit(soxr.resample(there, rate, RATE, quality=quality), x.size)


def quantise(wave: NDArray[Any], rng: Rng, bits: tuple[int, int] = (8, 14)) -> Wave:
    """Fewer bits, without dither."""
    steps = 2.0 ** (int(rng.integers(bits[0], bits[1] + 1)) - 1)
    out: Wave = np.round(_float(wave) * steps) / steps
    return out


def clip(wave: NDArray[Any], rng: Rng, share: Range = (0.3, 0.95)) -> Wave:
    """Overdriven: cut at a drawn share of the peak."""
    x = _float(wave)
    limit = rng.uniform(*share) * float(np.abs(x).max(initial=0.0))
    return np.clip(x, -limit, limit)


def speed(wave: NDArray[Any], rng: Rng, factor: Range = (0.9, 1.1)) -> Wave:
    """Faster or slower with its pitch. Changes the length."""
    x = _float(wave)
    changed: Wave = soxr.resample(x, RATE * rng.uniform(*factor), RATE, quality="HQ")
    return changed


def silence(
    wave: NDArray[Any], rng: Rng, seconds: Range = (0.0, 1.0), floor: Range = (-90.0, -45.0)
) -> Wave:
    """Near-silence before and after, noise of a drawn level in dBFS. Changes the length."""
    x = _float(wave)
    level = 10.0 ** (rng.uniform(*floor) / 20.0)
    before, after = (int(rng.uniform(*seconds) * RATE) for _ in range(2))
    return np.concatenate(
        [rng.standard_normal(before) * level, x, rng.standard_normal(after) * level]
    )


def fit(wave: Wave, samples: int) -> Wave:
    """`samples` samples: the end cut, or filled with zeros (a resampler's odd sample or two)."""
    return wave[:samples] if wave.size >= samples else np.pad(wave, (0, samples - wave.size))


def _float(wave: NDArray[Any]) -> Wave:
    return np.asarray(wave, dtype=np.float64)


def _centred(wave: Wave, taps: Wave) -> Wave:
    """Linear-phase filter of an odd number of taps with its delay taken out."""
    if wave.size == 0:
        return wave
    start = (taps.size - 1) // 2
    out: Wave = signal.oaconvolve(wave, taps)[start : start + wave.size]
    return out


def _same_level(wave: Wave, like: Wave) -> Wave:
    power = float(np.mean(wave**2))
    return wave * np.sqrt(float(np.mean(like**2)) / power) if power > 0.0 else wave


def _coloured(wave: Wave, rng: Rng, kind: str) -> Wave:
    """Noise (samples,) of one kind; its level is the caller's affair."""
    size = wave.size
    if kind == "hum":
        tones = rng.choice((50.0, 60.0)) * np.arange(1, 9)
        weights = rng.uniform(0.0, 1.0, 8) / np.arange(1, 9)
        phases = rng.uniform(0.0, 2 * np.pi, 8)
        time = np.arange(size)[:, None] / RATE
        return np.asarray(np.sin(2 * np.pi * tones * time + phases) @ weights)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    if kind == "speech":
        return np.fft.irfft(spectrum * np.abs(np.fft.rfft(wave)), n=size)
    powers = {"white": 0.0, "pink": 0.5, "brown": 1.0}
    if kind not in powers:
        raise ValueError(f"noise is one of {', '.join(NOISES)}, not {kind!r}")
    frequency = np.maximum(np.fft.rfftfreq(size, 1.0 / RATE), 20.0)
    return np.fft.irfft(spectrum / frequency ** powers[kind], n=size)
