"""Each change does what its name says, and nothing else."""

import shutil

import numpy as np
import pytest
from numpy.typing import NDArray

from core import codecs, ffmpeg
from core.codecs import CodecError
from core.types import RATE, Region
from core.variants import (
    HARMLESS,
    NotApplicableError,
    Stretch,
    high_passed,
    louder,
    low_passed,
    moved,
    padded,
    resampled,
    shortcuts,
    trimmed,
    unchanged,
    without_offset,
)
from tests.core.made import buzz
from tests.core.sounds import tone

Wave = NDArray[np.float32]


def ramp(seconds: float) -> Wave:
    return np.arange(round(seconds * RATE), dtype=np.float32)


def whole(wave: Wave, samples: int = 64_600) -> Stretch:
    return Stretch(wave, 0, len(wave), samples)


def power(wave: Wave) -> float:
    return float(np.mean(wave[4_000:-4_000].astype(np.float64) ** 2))


def test_names_and_keys_are_unique() -> None:
    for variants in (HARMLESS, shortcuts()):
        assert len({one.key for one in variants}) == len(variants)
        assert len({one.name for one in variants}) == len(variants)


def test_a_window_moves_later_earlier_or_loses_its_start() -> None:
    wave = ramp(4)
    room = moved(Stretch(wave, 8_000, 40_000, 32_000), 0.5)
    assert (room[0], room[-1], len(room)) == (16_000, 47_999, 32_000)
    at_the_end = moved(Stretch(wave, 32_000, 64_000, 32_000), 0.5)
    assert (at_the_end[0], at_the_end[-1]) == (24_000, 55_999)
    short = moved(whole(wave), 1.0)
    assert (short[0], len(short)) == (16_000, 48_000)
    with pytest.raises(NotApplicableError, match=r"only 0\.20 s would be left"):
        moved(whole(ramp(1.2)), 1.0)


def test_padding_rules() -> None:
    short = whole(np.array([1, 2, 3, 4] * 100, np.float32), 1_000)  # 600 missing, 300 before
    assert np.array_equal(padded(short, "centred"), np.resize(short.real, 1_000))  # 300 = 75 x 4
    odd = whole(np.arange(400, dtype=np.float32), 1_000)
    centred = padded(odd, "centred")
    assert np.array_equal(centred[300:700], odd.real)
    assert centred[299] == 399  # the end of the repetition before
    reflected = padded(odd, "reflected")
    assert np.array_equal(reflected[400:800], odd.real[::-1])
    assert np.array_equal(reflected[800:], odd.real[:200])
    zeros = padded(odd, "zeros")
    assert np.array_equal(zeros[300:700], odd.real)
    assert not zeros[:300].any()
    assert not zeros[700:].any()
    with pytest.raises(NotApplicableError, match="nothing is padded"):
        padded(whole(ramp(1), RATE + 319), "zeros")


def test_gain_is_a_factor_and_does_not_clip() -> None:
    stretch = whole(np.full(800, 0.5, np.float32))
    assert louder(stretch, 12)[0] == pytest.approx(0.5 * 10 ** (12 / 20))  # 1.99: beyond 1
    assert louder(stretch, -6)[0] == pytest.approx(0.5 * 10 ** (-6 / 20))


@pytest.mark.parametrize("quality", ["HQ", "LQ"])
def test_resampling_and_back_keeps_a_tone_in_step(quality: str) -> None:
    wave = tone(1.0)
    back = resampled(Stretch(wave, 3_000, 13_000, 10_000), quality)
    assert back.dtype == np.float32
    assert np.abs(back - wave[3_000:13_000]).max() < 2e-3
    assert not np.array_equal(back, wave[3_000:13_000])


def test_filters_take_what_they_say() -> None:
    for hertz, kept, gone in ((4_000.0, 3_500.0, 4_500.0), (7_000.0, 6_500.0, 7_500.0)):
        low = tone(1.0, kept)
        assert power(low_passed(whole(low), hertz)) == pytest.approx(power(low), rel=1e-3)
        assert power(low_passed(whole(tone(1.0, gone)), hertz)) < 1e-7 * power(low)
        assert np.abs(low_passed(whole(low), hertz) - low)[300:-300].max() < 1e-3  # no delay
    assert power(high_passed(whole(tone(1.0, 20.0)), 80.0)) < 1e-3 * power(tone())
    assert power(high_passed(whole(tone(1.0, 300.0)), 80.0)) == pytest.approx(
        power(tone()), rel=1e-2
    )


def test_an_offset_is_removed_and_its_absence_said() -> None:
    wave = np.tile(np.array([0.5, -0.5], np.float32), 400)
    assert np.allclose(without_offset(whole(wave + np.float32(0.25))), wave, atol=1e-6)
    with pytest.raises(NotApplicableError, match="no DC offset"):
        without_offset(whole(wave))


def test_trimming_by_measured_speech_counts_from_the_window() -> None:
    wave = ramp(6)
    stretch = Stretch(wave, RATE, 5 * RATE, 4 * RATE, begins=10 * RATE)  # 11 s to 15 s
    spoken = (Region(9, 10.5), Region(12, 12.5), Region(13, 14))
    kept = trimmed(stretch, spoken)
    assert (kept[0], len(kept)) == (2 * RATE, 2 * RATE)  # 12 s to 14 s of the clip
    with pytest.raises(NotApplicableError, match="no speech"):
        trimmed(stretch, (Region(1, 2),))
    with pytest.raises(NotApplicableError, match="from end to end"):
        trimmed(stretch, (Region(11, 15),))
    with pytest.raises(NotApplicableError, match=r"only 0\.25 s"):
        trimmed(stretch, (Region(12, 12.25),))


def test_trimming_by_level_where_speech_was_not_measured() -> None:
    wave = np.concatenate([np.zeros(8_000), tone(1.0), np.zeros(8_000)]).astype(np.float32)
    kept = trimmed(whole(wave))
    assert np.array_equal(kept, wave[8_000:24_000])
    with pytest.raises(NotApplicableError, match="silent"):
        trimmed(whole(np.zeros(8_000, np.float32)))


def test_an_unchanged_window_is_the_window() -> None:
    wave = ramp(2)
    assert np.array_equal(unchanged(Stretch(wave, 100, 900, 800)), wave[100:900])


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("codec", [codecs.MP3, codecs.OPUS], ids=lambda codec: codec.key)
def test_a_codec_changes_the_sound_and_leaves_it_in_step(codec: codecs.Codec) -> None:
    wave = buzz(2.0)
    try:
        back = codecs.round_trip(wave, codec)
    except CodecError as error:
        pytest.skip(str(error))
    assert back.shape == wave.shape
    assert codecs.delay(back, wave) == 0
    assert 0.9 < np.corrcoef(back, wave)[0, 1] < 0.9999


def test_a_known_delay_is_measured_and_taken_out() -> None:
    wave = buzz(1.0)
    late = np.concatenate([np.zeros(1_105, np.float32), wave])
    assert codecs.delay(late, wave) == 1_105
    assert np.array_equal(codecs.aligned(late, wave), wave)
    early = codecs.aligned(wave[300:], wave)
    assert np.array_equal(early[300:], wave[300:])
    assert codecs.delay(np.zeros(1_000, np.float32), wave) == 0


def test_without_ffmpeg_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "available", lambda: False)
    coded = next(one for one in HARMLESS if one.key == "opus")
    with pytest.raises(NotApplicableError, match="FFmpeg is not installed"):
        coded.change(whole(tone()))


def test_a_codec_this_ffmpeg_lacks_is_a_sentence() -> None:
    if not ffmpeg.available():
        pytest.skip("ffmpeg is not installed")
    odd = codecs.Codec("Nothing 1 kbit/s", "libnothing", "ogg", 1)
    with pytest.raises(CodecError, match="this FFmpeg cannot write it"):
        codecs.round_trip(tone(), odd)
