import numpy as np
import pytest
from numpy.typing import NDArray

from training.augment import codecs
from training.errors import TrainingError


def voice(samples: int = 24_001) -> NDArray[np.float64]:
    """A buzz whose pitch moves and which comes and goes, so that delays show."""
    time = np.arange(samples) / 16_000
    phase = 2 * np.pi * (120 * time + 15 * np.sin(2 * np.pi * 1.3 * time))
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20))
    x: NDArray[np.float64] = 0.1 * buzz * (np.sin(2 * np.pi * 2.1 * time) > -0.3)
    return x


@pytest.mark.parametrize("name", list(codecs.CODECS))
def test_length_and_place(name: str) -> None:
    if reason := codecs.missing(name):
        pytest.skip(reason)
    x = voice()
    out = codecs.codec(x, np.random.default_rng(1), (name,))
    assert out.shape == x.shape
    assert not np.array_equal(out, x)
    assert abs(codecs.lag(out, x)) <= 1
    assert np.corrcoef(out, x)[0, 1] > 0.8
    assert np.abs(codecs.through(np.zeros(8000), name)).max() < 2e-3


def test_telephone_keeps_its_band_only() -> None:
    white = 0.1 * np.random.default_rng(0).standard_normal(32_000)
    out = codecs.codec(white, np.random.default_rng(0), ("telephone",))
    power = np.abs(np.fft.rfft(out)) ** 2
    frequency = np.fft.rfftfreq(out.size, 1 / 16_000)
    assert power[frequency > 4200].sum() < 0.001 * power.sum()
    inside = power[(frequency > 500) & (frequency < 3200)].mean()
    assert power[frequency < 100].mean() < 0.02 * inside


def test_the_lag_of_a_shifted_clip() -> None:
    x = voice()
    late = np.pad(x, (137, 0))
    assert codecs.lag(late, x) == 137
    assert np.array_equal(codecs.aligned(late, x), x)
    assert codecs.lag(x[50:], x) == -50
    assert codecs.lag(np.zeros(10), x) == 0


def test_lower_bit_rates_do_more_harm() -> None:
    x = voice()

    def harm(rate: int) -> float:
        return float(np.mean((codecs.through(x, "opus", rate) - x) ** 2))

    if reason := codecs.missing("opus"):
        pytest.skip(reason)
    assert harm(8_000) > 1.5 * harm(64_000)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match="'flac9' is not known; there are mp3"):
        codecs.codec(voice(), np.random.default_rng(0), ("flac9",))
    monkeypatch.setattr(codecs, "_encoders", lambda: frozenset({"aac"}))
    with pytest.raises(TrainingError, match="no encoder libgsm, which gsm needs"):
        codecs.through(voice(), "gsm")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TrainingError, match="none on its PATH"):
        codecs.through(voice(), "mp3")
