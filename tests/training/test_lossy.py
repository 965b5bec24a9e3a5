"""Lossy versions through libsndfile."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from training.augment.lossy import CODECS, SHARES, Lossy, through, version, versions
from training.bank import Bank
from training.data import Item


def speech_like(samples: int = 16_000) -> NDArray[np.float64]:
    """Noise below 3 kHz that swells and fades four times a second."""
    rng = np.random.default_rng(0)
    band = signal.lfilter(
        *signal.butter(4, [200, 3_000], "band", fs=16_000), rng.normal(size=samples)
    )
    swell = 0.6 - 0.4 * np.cos(2 * np.pi * 4 * np.arange(samples) / 16_000)
    return np.asarray(0.1 * band / band.std() * swell)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.subtype)
def test_each_codec_gives_the_clip_back_changed(codec: Lossy) -> None:
    wave = speech_like()
    heard = through(wave, codec, 0.6)
    assert abs(len(heard) - len(wave)) <= 2_400
    size = min(len(heard), len(wave))
    product = signal.correlate(heard[:size], wave[:size], method="fft")
    alike = product.max() / (np.linalg.norm(heard[:size]) * np.linalg.norm(wave[:size]))
    assert alike > 0.3
    assert not np.array_equal(heard[:size], wave[:size])


def test_shares_are_of_all_codecs() -> None:
    assert len(SHARES) == len(CODECS)
    assert sum(SHARES) == pytest.approx(1.0)


def test_versions_follow_from_the_seed_alone() -> None:
    wave = (speech_like() * 32_767).astype(np.int16)
    items = [Item(f"U{i}", "spoof", Path(f"{i}.flac")) for i in range(3)]
    bank = Bank.of(items, [wave, wave[:8_000], wave], "cpu")
    made = versions(bank, 5, 1)
    assert made.items == bank.items
    again = version(wave[:8_000], (5, 1))
    start, length = int(made.starts[1]), int(made.lengths[1])
    np.testing.assert_array_equal(made.samples[start : start + length].numpy(), again)
