"""The outline and the spectrogram hold what the clip holds, however it is read."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core import display
from core.types import RATE, AudioError


class Memory:
    """Samples in memory."""

    def __init__(self, wave: np.ndarray) -> None:
        self.wave = np.atleast_2d(wave).astype(np.float32)

    @property
    def channels(self) -> int:
        return len(self.wave)

    @property
    def length(self) -> int:
        return int(self.wave.shape[1])

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.wave[:, start:stop]


def tone(hertz: float, seconds: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)


def test_the_outline_keeps_every_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "BLOCK", 7_001)  # edges of blocks and columns never coincide
    wave = np.random.default_rng(1).uniform(-0.2, 0.2, 100_003).astype(np.float32)
    wave[77_777], wave[3] = 0.9, -0.8
    seen = display.overview(Memory(wave))
    edges = np.arange(display.OUTLINE_COLUMNS + 1) * len(wave) // display.OUTLINE_COLUMNS
    pairs = list(pairwise(edges))
    np.testing.assert_array_equal(seen.high, [wave[a:b].max() for a, b in pairs])
    np.testing.assert_array_equal(seen.low, [wave[a:b].min() for a, b in pairs])


def test_blocks_do_not_change_the_spectrogram(monkeypatch: pytest.MonkeyPatch) -> None:
    wave = np.random.default_rng(2).normal(0, 0.1, 150_001)
    whole = display.overview(Memory(wave)).spectrogram
    monkeypatch.setattr(display, "BLOCK", 1_777)
    np.testing.assert_array_equal(display.overview(Memory(wave)).spectrogram, whole)


def test_a_tone_is_where_it_belongs() -> None:
    wave = np.concatenate([tone(1_000, 2), tone(4_000, 2)])
    seen = display.overview(Memory(wave))
    rows, columns = seen.spectrogram.shape
    assert (rows, columns) == (display.BANDS, len(wave) // 128)
    loudest = seen.spectrogram.argmax(axis=0) * 8_000 / rows
    assert set(loudest[10 : columns // 2 - 10]) <= {937.5, 1_000.0}
    assert set(loudest[columns // 2 + 10 : -10]) <= {3_937.5, 4_000.0}
    assert seen.spectrogram.max() == 0


def test_a_long_clip_stays_within_the_screen() -> None:
    seen = display.overview(Memory(tone(440, 300)))
    assert len(seen.low) == display.OUTLINE_COLUMNS
    assert seen.spectrogram.shape == (display.BANDS, display.SPECTROGRAM_COLUMNS)
    assert seen.seconds == 300


@pytest.mark.parametrize("length", [1, 5, 127, 511, 512, 513, 2_001])
def test_short_clips(length: int) -> None:
    seen = display.overview(Memory(np.full(length, 0.25)))
    assert np.isfinite(seen.low).all()
    assert (seen.high == 0.25).all()
    assert seen.spectrogram.shape[0] == display.BANDS


def test_silence_is_dark_and_nothing_is_an_error() -> None:
    assert (display.overview(Memory(np.zeros(4_000))).spectrogram == -90).all()
    with pytest.raises(AudioError, match="no sound"):
        display.overview(Memory(np.zeros(0)))


def test_the_listening_copy_sounds_the_same(tmp_path: Path) -> None:
    wave = np.stack([tone(300, 1.5), tone(500, 1.5), tone(700, 1.5)])
    path = display.listening_copy(Memory(wave), tmp_path / "a clip")
    heard, rate = soundfile.read(path, always_2d=True)
    assert path.name == "a clip.flac"
    assert rate == RATE
    np.testing.assert_allclose(heard.T, wave[:2], atol=1 / 32_000)


def test_a_long_listening_copy_is_an_mp3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "MP3_FROM", 1.0)
    path = display.listening_copy(Memory(tone(300, 2)), tmp_path / "long")
    assert path.suffix == ".mp3"
    assert soundfile.info(path).duration == pytest.approx(2, abs=0.15)
