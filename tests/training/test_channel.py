from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training.augment import channel

Wave = NDArray[np.float64]
KEEP = [
    channel.gain,
    channel.noise,
    channel.reverberation,
    channel.equalise,
    channel.low_pass,
    channel.high_pass,
    channel.drop_band,
    channel.resample,
    channel.quantise,
    channel.clip,
]


def chirp(samples: int = 16_001) -> Wave:
    time = np.arange(samples) / 16_000
    x: Wave = 0.2 * np.sin(2 * np.pi * (150 * time + 800 * time**2))
    return x


def lag(one: Wave, two: Wave) -> int:
    """Samples by which `two` comes after `one`."""
    size = 2 * one.size
    product = np.fft.irfft(np.conj(np.fft.rfft(one, size)) * np.fft.rfft(two, size))
    peak = int(np.argmax(np.abs(product)))
    return peak - size if peak > one.size else peak


@pytest.mark.parametrize("change", KEEP, ids=lambda f: f.__name__)
def test_length_place_and_seed(change: Callable[..., Wave]) -> None:
    x = chirp()
    one = change(x, np.random.default_rng(3))
    assert one.shape == x.shape
    assert np.isfinite(one).all()
    assert np.array_equal(one, change(x, np.random.default_rng(3)))
    others = [change(x, np.random.default_rng(seed)) for seed in range(4, 8)]
    assert not all(np.array_equal(one, other) for other in others)
    assert abs(lag(x, one)) <= 1
    assert np.isfinite(change(np.zeros(8000), np.random.default_rng(0))).all()


def test_gain_by_hand() -> None:
    x = np.array([0.1, -0.5])
    got = channel.gain(x, np.random.default_rng(0), (20.0, 20.0))
    assert np.allclose(got, [1.0, -1.0])  # 10 x, cut at full scale
    got = channel.gain(x, np.random.default_rng(0), (20.0, 20.0), clip=False)
    assert np.allclose(got, [1.0, -5.0])


@pytest.mark.parametrize("kind", channel.NOISES)
def test_noise_has_the_ratio_it_was_given(kind: str) -> None:
    x = chirp()
    added = channel.noise(x, np.random.default_rng(1), (17.0, 17.0), (kind,)) - x
    assert 10 * np.log10(np.mean(x**2) / np.mean(added**2)) == pytest.approx(17.0, abs=1e-6)


def test_an_unknown_noise_is_named() -> None:
    with pytest.raises(ValueError, match="not 'rain'"):
        channel.noise(chirp(), np.random.default_rng(1), kinds=("rain",))


def above(wave: Wave, hertz: float) -> float:
    """Share of the energy above a frequency."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    frequency = np.fft.rfftfreq(wave.size, 1 / 16_000)
    return float(power[frequency > hertz].sum() / power.sum())


def test_filters_take_what_they_say() -> None:
    white = np.random.default_rng(0).standard_normal(16_000)
    rng = np.random.default_rng(1)
    assert above(channel.low_pass(white, rng, (4000.0, 4000.0)), 4400.0) < 1e-4
    assert above(channel.high_pass(white, rng, (1000.0, 1000.0)), 900.0) > 0.999
    dropped = np.abs(np.fft.rfft(channel.drop_band(white, rng, (500.0, 500.0)))) < 1e-9
    assert dropped.sum() == pytest.approx(500, abs=1)  # one bin a hertz at 16,000 samples
    narrow = channel.resample(white, rng, (8000,))
    assert above(narrow, 4200.0) < 0.02


def test_reverberation_keeps_level_and_adds_a_tail() -> None:
    click = np.zeros(16_000)
    click[100] = 1.0
    out = channel.reverberation(click, np.random.default_rng(0), (0.3, 0.3), (5.0, 5.0))
    assert np.mean(out**2) == pytest.approx(np.mean(click**2))
    assert np.abs(out[:100]).max() < 1e-12
    tail = np.sum(out[101:] ** 2) / out[100] ** 2
    assert 10 * np.log10(1 / tail) == pytest.approx(5.0, abs=1e-6)


def test_what_changes_the_length() -> None:
    x = chirp()
    assert channel.speed(x, np.random.default_rng(0), (2.0, 2.0)).size == pytest.approx(8000, abs=2)
    padded = channel.silence(x, np.random.default_rng(0), (0.5, 0.5), (-60.0, -60.0))
    assert padded.size == x.size + 16_000
    assert np.array_equal(padded[8000 : 8000 + x.size], x)
    assert np.std(padded[:8000]) == pytest.approx(0.001, rel=0.05)


def test_fit_cuts_and_fills() -> None:
    x: NDArray[Any] = np.ones(3)
    assert channel.fit(x, 2).tolist() == [1, 1]
    assert channel.fit(x, 4).tolist() == [1, 1, 1, 0]
