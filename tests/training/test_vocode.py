import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from training.augment import vocode
from training.errors import TrainingError

Wave = NDArray[np.float64]


def voice(samples: int = 20_001) -> Wave:
    """A buzz of 120 Hz through two resonances, with a pause."""
    time = np.arange(samples) / 16_000
    pulses = np.diff(np.floor(120 * time), prepend=0.0)
    for centre, width in ((600, 80), (1700, 120)):
        radius = np.exp(-np.pi * width / 16_000)
        pulses = signal.lfilter(
            [1.0], [1, -2 * radius * np.cos(2 * np.pi * centre / 16_000), radius**2], pulses
        )
    pulses[8000:10_000] = 0.0
    x: Wave = 0.3 * pulses / np.abs(pulses).max()
    return x + 1e-4 * np.random.default_rng(0).standard_normal(samples)


def envelope(wave: Wave) -> Wave:
    """Log power in 20 bands of 400 Hz."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    return np.log10([band.mean() + 1e-9 for band in np.array_split(power, 20)])


@pytest.mark.parametrize("kind", vocode.KINDS)
def test_a_copy_sounds_alike_and_is_another_signal(kind: str) -> None:
    x = voice()
    one = vocode.copy(x, np.random.default_rng(3), (kind,))
    assert one.shape == x.shape
    assert np.isfinite(one).all()
    assert np.array_equal(one, vocode.copy(x, np.random.default_rng(3), (kind,)))
    assert np.mean(one**2) == pytest.approx(np.mean(x**2))
    assert np.corrcoef(envelope(one), envelope(x))[0, 1] > 0.8
    assert np.abs(one - x).max() > 0.05
    pause, sound = np.mean(one[8600:9400] ** 2), np.mean(one[2000:6000] ** 2)
    assert pause < 0.1 * sound  # at the same time


def test_the_pitch_is_kept() -> None:
    x = voice()
    for kind in ("world", "lpc"):
        made = vocode.copy(x, np.random.default_rng(0), (kind,))[1000:7000]
        centred = made - made.mean()
        correlation = np.correlate(centred, centred, "full")[centred.size - 1 :]
        period = 80 + int(np.argmax(correlation[80:250]))
        assert 16_000 / period == pytest.approx(120, rel=0.03)


def test_silence_and_scraps_come_back() -> None:
    rng = np.random.default_rng(0)
    assert not vocode.copy(np.zeros(4000), rng).any()
    assert np.array_equal(vocode.copy(np.ones(10), rng), np.ones(10))


def test_levinson_solves_the_normal_equations() -> None:
    from scipy.linalg import solve_toeplitz

    x = np.random.default_rng(0).standard_normal(400)
    r = np.correlate(x, x, "full")[399:412]
    want = solve_toeplitz(r[:-1], -r[1:])
    assert np.allclose(vocode._levinson(r)[1:], want, atol=1e-9)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(TrainingError, match="world, griffin_lim, lpc"):
        vocode.copy(voice(), np.random.default_rng(0), ("vocaloid",))
