import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from training.augment import rawboost as rb


def speech(samples: int = 16_000) -> NDArray[np.float64]:
    time = np.arange(samples) / 16_000
    x: NDArray[np.float64] = 0.3 * np.sin(1382 * time) * (1 + np.sin(19 * time))
    return x


@pytest.mark.parametrize("algorithm", range(9))
def test_length_seed_and_silence(algorithm: int) -> None:
    x = speech(16_001)
    one = rb.rawboost(x, np.random.default_rng(5), algorithm)
    two = rb.rawboost(x, np.random.default_rng(5), algorithm)
    other = rb.rawboost(x, np.random.default_rng(6), algorithm)
    assert one.shape == x.shape
    assert np.array_equal(one, two)
    assert np.array_equal(one, other) == (algorithm == 0)
    silent = rb.rawboost(np.zeros(4000), np.random.default_rng(0), algorithm)
    assert np.array_equal(silent, np.zeros(4000))


def test_nothing_is_identity_and_nine_is_refused() -> None:
    x = speech()
    assert np.array_equal(rb.rawboost(x, np.random.default_rng(0), 0), x)
    with pytest.raises(ValueError, match="0 to 8, not 9"):
        rb.rawboost(x, np.random.default_rng(0), 9)


def test_stationary_noise_has_the_drawn_ratio() -> None:
    x = speech()
    ratios = []
    for seed in range(50):
        noise = rb.stationary_noise(x, np.random.default_rng(seed)) - x
        ratios.append(20 * np.log10(np.linalg.norm(x) / np.linalg.norm(noise)))
    assert 10 - 1e-6 <= min(ratios) < 14
    assert 36 < max(ratios) <= 40 + 1e-6


def test_impulses_touch_at_most_a_tenth_and_scale_with_the_sample() -> None:
    x = np.full(10_000, 0.25)
    out = rb.impulsive_noise(x, np.random.default_rng(1))
    changed = np.flatnonzero(out != x)
    assert 0 < changed.size <= 1000
    assert np.abs(out - x).max() <= 2 * 0.25


def test_filter_is_the_authors_lfilter_with_the_delay_taken_out() -> None:
    x = np.random.default_rng(0).standard_normal(3000)
    for count in (1, 5, 8, 251):
        taps = np.random.default_rng(count).standard_normal(count)
        extra = count + 1
        y = signal.lfilter(taps, 1, np.pad(x, (0, extra)))
        want = y[int(extra / 2) : int(y.size - extra / 2)]
        assert np.allclose(rb._filter(x, taps), want, atol=1e-9)


def test_notch_peaks_at_the_drawn_gain() -> None:
    for low, high in ((0.0, 0.0), (-5.0, -20.0)):
        taps = rb.notch(np.random.default_rng(3), rb.PUBLISHED, (low, high))
        peak = 20 * np.log10(np.abs(signal.freqz(taps)[1]).max())
        assert high - 1e-9 <= peak <= low + 1e-9


def test_convolutive_noise_has_no_mean_and_stays_in_range() -> None:
    out = rb.convolutive_noise(speech(), np.random.default_rng(2))
    assert np.abs(out).max() <= 1.0
    assert abs(out.mean()) < 1e-9
