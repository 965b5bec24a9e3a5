"""RawBoost: convolutive, impulsive and stationary noise on raw speech, algorithms 0 to 8.

Tak et al. 2022 (arXiv 2111.04433); TakHemlata/RawBoost-antispoofing, RawBoost.py, with its
published defaults. It acts on the whole clip, before cropping and padding.

Differences from the authors' code: scalar draws from one numpy Generator (theirs raises TypeError
on numpy 2), FFT convolution instead of lfilter (equal to rounding), and no division by zero on
silence.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Wave = NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class RawBoost:
    """The published settings; frequencies in Hz, gains and signal-to-noise ratios in dB."""

    bands: int = 5
    min_frequency: float = 20.0
    max_frequency: float = 8000.0
    min_width: float = 100.0
    max_width: float = 1000.0
    min_taps: int = 10
    max_taps: int = 100
    min_gain: float = 0.0
    max_gain: float = 0.0
    min_bias: float = 5.0  # what the gain of the non-linear terms is lowered by, at least
    max_bias: float = 20.0
    orders: int = 5
    percent: float = 10.0  # of the samples that get an impulse, at most
    impulse: float = 2.0
    min_snr: float = 10.0
    max_snr: float = 40.0
    rate: int = 16_000


PUBLISHED = RawBoost()


def rawboost(wave: NDArray[Any], rng: Rng, algorithm: int, settings: RawBoost = PUBLISHED) -> Wave:
    """One of RawBoost's algorithms on a clip (samples,), same length.

    0 nothing; 1 linear and non-linear convolutive noise; 2 impulsive, signal-dependent noise;
    3 stationary, signal-independent noise; 4 = 1, 2, 3 in series; 5 = 1, 2; 6 = 1, 3; 7 = 2, 3;
    8 = 1 and 2 in parallel. 3 may leave [-1, 1], as published.
    """
    x = np.asarray(wave, dtype=np.float64)
    if algorithm == 8:
        return _limit(
            convolutive_noise(x, rng, settings) + impulsive_noise(x, rng, settings), always=False
        )
    if algorithm not in _SERIES:
        raise ValueError(f"RawBoost has the algorithms 0 to 8, not {algorithm}")
    for step in _SERIES[algorithm]:
        x = step(x, rng, settings)
    return x


def convolutive_noise(wave: Wave, rng: Rng, settings: RawBoost = PUBLISHED) -> Wave:
    """LnL: powers of the signal, each through its own notch filter, added up."""
    total = np.zeros_like(wave)
    low, high = settings.min_gain, settings.max_gain
    for order in range(1, settings.orders + 1):
        if order == 2:  # once: the non-linear terms all share the lowered range
            low, high = low - settings.min_bias, high - settings.max_bias
        total += _filter(wave**order, notch(rng, settings, (low, high)))
    if total.size:
        total -= total.mean()
    return _limit(total, always=False)


def impulsive_noise(wave: Wave, rng: Rng, settings: RawBoost = PUBLISHED) -> Wave:
    """ISD: a random share of the samples is changed in proportion to itself."""
    share = rng.uniform(0.0, settings.percent)
    count = int(wave.size * share / 100.0)
    where = rng.permutation(wave.size)[:count]
    factor = rng.uniform(-1.0, 1.0, count) * rng.uniform(-1.0, 1.0, count)
    out = wave.copy()
    out[where] += settings.impulse * wave[where] * factor
    return _limit(out, always=False)


def stationary_noise(wave: Wave, rng: Rng, settings: RawBoost = PUBLISHED) -> Wave:
    """SSI: coloured noise at a drawn signal-to-noise ratio; not renormalised."""
    noise = rng.standard_normal(wave.size)
    noise = _filter(noise, notch(rng, settings, (settings.min_gain, settings.max_gain)))
    noise = _limit(noise, always=True)
    snr = rng.uniform(settings.min_snr, settings.max_snr)
    level = float(np.linalg.norm(noise))
    if level == 0.0:
        return wave.copy()
    noise *= float(np.linalg.norm(wave)) * 10.0 ** (-0.05 * snr) / level
    return wave + noise


def notch(rng: Rng, settings: RawBoost, gain: tuple[float, float]) -> Wave:
    """A random FIR filter: several band-stops in a row, its peak set to a gain drawn in dB."""
    taps = np.ones(1)
    for _ in range(settings.bands):
        centre = rng.uniform(settings.min_frequency, settings.max_frequency)
        width = rng.uniform(settings.min_width, settings.max_width)
        count = int(rng.uniform(settings.min_taps, settings.max_taps))
        count += 1 - count % 2  # a band-stop needs an odd number of taps
        low, high = centre - width / 2, centre + width / 2
        nyquist = settings.rate / 2
        low = 0.001 if low <= 0 else low
        high = nyquist - 0.001 if high >= nyquist else high
        band = signal.firwin(count, [low, high], window="hamming", fs=settings.rate)
        taps = np.convolve(band, taps)
    decibel = rng.uniform(min(gain), max(gain))
    peak = np.abs(signal.freqz(taps)[1]).max()
    shaped: Wave = taps * (10.0 ** (decibel / 20.0) / peak)
    return shaped


def _filter(wave: Wave, taps: Wave) -> Wave:
    """FIR filter with its delay taken out, same length as `wave`."""
    if wave.size == 0:
        return wave
    start = (taps.size + 1) // 2
    padded = np.concatenate([signal.oaconvolve(wave, taps), np.zeros(2)])
    out: Wave = padded[start : start + wave.size]
    return out


def _limit(wave: Wave, *, always: bool) -> Wave:
    peak = float(np.abs(wave).max(initial=0.0))
    return wave / peak if peak > 0.0 and (always or peak > 1.0) else wave


_SERIES = {
    0: (),
    1: (convolutive_noise,),
    2: (impulsive_noise,),
    3: (stationary_noise,),
    4: (convolutive_noise, impulsive_noise, stationary_noise),
    5: (convolutive_noise, impulsive_noise),
    6: (convolutive_noise, stationary_noise),
    7: (impulsive_noise, stationary_noise),
}
