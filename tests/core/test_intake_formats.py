"""Any file in, any format: a clip with every change recorded."""

import gc
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from core import ffmpeg as ffmpeg_module
from core.intake import decode, decode_bytes
from core.pcm import SpooledSamples
from core.types import RATE, AudioError
from tests.core.clips import codes, refusal, wave
from tests.core.sounds import ffmpeg, noise, tone

WRITTEN = [
    ("wav", "PCM_16", "PCM 16 bit"),
    ("wav", "PCM_24", "PCM 24 bit"),
    ("wav", "PCM_32", "PCM 32 bit"),
    ("wav", "PCM_U8", "PCM 8 bit"),
    ("wav", "FLOAT", "PCM float 32 bit"),
    ("wav", "DOUBLE", "PCM float 64 bit"),
    ("wav", "ALAW", "A-law"),
    ("wav", "ULAW", "mu-law"),
    ("wav", "IMA_ADPCM", "IMA ADPCM"),
    ("rf64", "PCM_16", "PCM 16 bit"),
    ("w64", "PCM_16", "PCM 16 bit"),
    ("aiff", "PCM_16", "PCM 16 bit"),
    ("au", "PCM_16", "PCM 16 bit"),
    ("caf", "PCM_16", "PCM 16 bit"),
    ("flac", "PCM_16", "FLAC"),
    ("ogg", "VORBIS", "Vorbis"),
    ("ogg", "OPUS", "Opus"),
    ("mp3", "MPEG_LAYER_III", "MP3"),
]
FOREIGN = [
    ("m4a", ["-c:a", "aac"], "M4A", "AAC"),
    ("m4a", ["-c:a", "alac"], "M4A", "ALAC"),
    ("aac", ["-c:a", "aac"], "AAC", "AAC"),
    ("webm", ["-c:a", "libopus"], "WebM", "Opus"),
    ("ogg", ["-c:a", "flac"], "OGG", "FLAC"),
    ("3gp", ["-c:a", "aac"], "3GP", "AAC"),
    ("wma", ["-c:a", "wmav2"], "ASF (WMA)", "WMA 2"),
    ("ac3", ["-c:a", "ac3"], "AC3", "AC-3"),
]
VIDEO = [
    ("mp4", "mpeg4", "aac", "MP4"),
    ("mkv", "mpeg4", "libvorbis", "Matroska"),
    ("mov", "mpeg4", "aac", "QuickTime (MOV)"),
    ("avi", "mpeg4", "pcm_s16le", "AVI"),
]


def loudest_pitch(values: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(values * np.hanning(len(values))))
    return float(np.argmax(spectrum)) * RATE / len(values)


# What can be read.


@pytest.mark.parametrize(("kind", "subtype", "codec"), WRITTEN)
def test_libsndfile_reads(tmp_path: Path, kind: str, subtype: str, codec: str) -> None:
    path = tmp_path / f"made.{kind}"
    rate = 8000 if subtype in {"ALAW", "ULAW"} else 48_000
    soundfile.write(path, tone(2, rate=rate), rate, subtype=subtype, format=kind.upper())
    clip = decode(path)
    source = clip.source
    assert (source.container, source.codec) == (kind.upper(), codec)
    assert (source.sample_rate, source.channels, source.name) == (rate, 1, f"made.{kind}")
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.bytes == path.stat().st_size
    assert source.decoder.startswith("libsndfile 1.")
    assert clip.seconds == pytest.approx(2, abs=0.06)
    assert loudest_pitch(wave(clip)[0]) == pytest.approx(440, abs=1)
    lossy = not codec.startswith(("PCM", "FLAC"))
    assert np.abs(wave(clip)).max() == pytest.approx(0.3, abs=0.06 if lossy else 0.01)
    assert codes(clip) == ({"lossy"} if lossy else set())


@pytest.mark.parametrize(("kind", "options", "container", "codec"), FOREIGN)
def test_ffmpeg_reads(
    tmp_path: Path, kind: str, options: list[str], container: str, codec: str
) -> None:
    path = tmp_path / f"made.{kind}"
    made = tmp_path / "in.wav"
    soundfile.write(made, tone(2, rate=48_000), 48_000)
    ffmpeg("-i", made, *options, path)
    clip = decode(path)
    assert (clip.source.container, clip.source.codec) == (container, codec)
    assert (clip.source.sample_rate, clip.source.channels) == (48_000, 1)
    assert clip.source.decoder.startswith("ffmpeg ")
    assert clip.seconds == pytest.approx(2, abs=0.1)
    assert loudest_pitch(wave(clip)[0]) == pytest.approx(440, abs=1)
    assert codes(clip) == (set() if codec in {"ALAC", "FLAC"} else {"lossy"})


@pytest.mark.parametrize(("kind", "picture", "sound", "container"), VIDEO)
def test_sound_of_a_video(
    tmp_path: Path, kind: str, picture: str, sound: str, container: str
) -> None:
    made, path = tmp_path / "in.wav", tmp_path / f"film.{kind}"
    soundfile.write(made, np.stack([tone(1), tone(1, 880)], axis=1), RATE)
    ffmpeg("-f", "lavfi", "-i", "testsrc=d=3:s=64x48:r=5", "-i", made, "-c:v", picture,
           "-c:a", sound, path)  # fmt: skip
    clip = decode(path)
    assert clip.source.container == container
    assert clip.samples.channels == 2
    assert clip.seconds == pytest.approx(1, abs=0.1)  # of its sound; the picture lasts 3 s
    assert "damaged" not in codes(clip)
    assert [round(loudest_pitch(row), -1) for row in wave(clip)] == [440, 880]


def test_amr_by_hand(tmp_path: Path) -> None:
    # no encoder on most machines: fifty frames of 12.2 kbit/s, each a header and 31 bytes
    path = tmp_path / "call.amr"
    body = np.random.default_rng(3).integers(0, 256, (50, 31), dtype=np.uint8)
    path.write_bytes(b"#!AMR\n" + b"".join(b"\x3c" + row.tobytes() for row in body))
    if not ffmpeg_module.available():
        pytest.skip("ffmpeg is not installed")
    clip = decode(path)
    assert (clip.source.container, clip.source.codec) == ("AMR", "AMR-NB")
    assert clip.source.sample_rate == 8000
    assert clip.seconds == pytest.approx(1.0)


def test_several_tracks_are_said(tmp_path: Path) -> None:
    made, path = tmp_path / "in.wav", tmp_path / "two.mka"
    soundfile.write(made, tone(1), RATE)
    ffmpeg("-i", made, "-map", "0:a", "-map", "0:a", "-c:a", "flac", path)
    clip = decode(path)
    assert [n.text for n in clip.notices] == ["The file holds 2 sound tracks; the first was read."]


def test_bytes_are_read_like_a_file(wav: Callable[..., Path]) -> None:
    path = wav(noise(1), 22_050)
    by_path, by_bytes = decode(path, "a.wav"), decode_bytes(path.read_bytes(), "a.wav")
    assert by_path.source == by_bytes.source
    assert by_path.pcm_sha256 == by_bytes.pcm_sha256


def test_bytes_of_a_foreign_file(tmp_path: Path) -> None:
    made, path = tmp_path / "in.wav", tmp_path / "a.m4a"
    soundfile.write(made, tone(1), RATE)
    ffmpeg("-i", made, "-c:a", "alac", path)
    clip = decode_bytes(path.read_bytes(), "../../etc/\udcff weird.m4a")
    assert clip.source.codec == "ALAC"
    assert wave(clip).shape == (1, RATE)


def test_pyav_reads_where_ffmpeg_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av", reason="PyAV is optional and not installed here")
    made, path, mute = tmp_path / "in.wav", tmp_path / "a.m4a", tmp_path / "mute.mp4"
    secret, lure = tmp_path / "list.m3u8", tmp_path / "letter.wav"
    soundfile.write(made, np.stack([tone(1), tone(1, 880)], axis=1), RATE)
    ffmpeg("-i", made, "-c:a", "alac", path)
    ffmpeg("-f", "lavfi", "-i", "testsrc=d=1:s=64x48:r=5", "-c:v", "mpeg4", mute)
    secret.write_text(f"#EXTM3U\n#EXTINF:1,\n{made}\n#EXT-X-ENDLIST\n")
    lure.write_text("Dear examiner, this is a letter.\n" * 50)
    by_ffmpeg = decode(path)
    monkeypatch.setattr("core.ffmpeg.available", lambda: False)
    by_pyav = decode(path)
    assert by_pyav.source.decoder.startswith("PyAV ")
    assert by_pyav.pcm_sha256 == by_ffmpeg.pcm_sha256
    assert refusal(mute) == "“mute.mp4” is a video without sound."
    for other in (secret, lure):
        assert refusal(other).startswith("We could not read sound")


# What is done to the samples.


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_streaming_equals_the_whole_file(
    wav: Callable[..., Path], rate: int, channels: int
) -> None:
    values = np.random.default_rng(rate).uniform(-0.3, 0.3, (rate * 3 + 77, channels))
    path = wav(values.astype(np.float32), rate)
    clip = decode(path)
    whole = soxr.resample(values.astype(np.float32), rate, RATE, quality="HQ")
    np.testing.assert_array_equal(wave(clip).T, whole)
    assert clip.changes == (
        f"resampled from {rate} Hz to 16000 Hz (soxr {soxr.__version__}, quality HQ)",
    )
    assert clip.pcm_sha256 == hashlib.sha256(whole.astype("<f4").tobytes()).hexdigest()


def test_what_needs_no_change_is_not_changed(wav: Callable[..., Path]) -> None:
    values = noise(1)
    clip = decode(wav(values))
    np.testing.assert_array_equal(wave(clip)[0], values)
    assert (clip.changes, clip.notices) == ((), ())
    assert clip.pcm_sha256 == hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()


def test_equal_channels_are_kept_once(wav: Callable[..., Path]) -> None:
    one = noise(1)
    clip = decode(wav(np.stack([one, one], axis=1)))
    assert clip.source.channels == 2
    np.testing.assert_array_equal(wave(clip), one[None])
    assert clip.changes == ("kept the first of 2 channels, which are equal",)
    assert [n.text for n in clip.notices] == ["Two equal channels; scored once."]
    assert clip.pcm_sha256 == decode(wav(one)).pcm_sha256


def test_rounding_is_no_difference(wav: Callable[..., Path]) -> None:
    one = np.round(noise(1) * 32768) / 32768
    other = one + np.where(np.arange(len(one)) % 7 == 0, 1 / 32768, 0)
    clip = decode(wav(np.stack([one, other], axis=1), subtype="PCM_16"))
    assert clip.samples.channels == 1
    assert "within one 16-bit step" in clip.changes[0]


def test_channels_that_differ_at_the_end_are_kept(wav: Callable[..., Path]) -> None:
    both = np.stack([noise(6)] * 2, axis=1)
    both[-10:, 1] = 0.5
    clip = decode(wav(both))
    np.testing.assert_array_equal(wave(clip), both.T)
    assert clip.changes == ()
    assert clip.pcm_sha256 == hashlib.sha256(both.astype("<f4").tobytes()).hexdigest()


def test_samples_that_are_not_numbers(wav: Callable[..., Path]) -> None:
    values = noise(1)
    values[[5, 6, 7]] = np.nan, np.inf, -np.inf
    clip = decode(wav(values))
    assert not wave(clip)[0, 5:8].any()
    np.testing.assert_array_equal(wave(clip)[0, 8:], values[8:])
    assert clip.changes == ("3 samples that are not finite numbers set to 0",)
    assert codes(clip) == {"not-numbers"}


def test_beyond_full_scale_is_cut_and_said(wav: Callable[..., Path]) -> None:
    clip = decode(wav(tone(1) * 5))
    assert np.abs(wave(clip)).max() == 1
    assert "cut off at full scale" in clip.changes[0]
    assert codes(clip) == {"beyond-full-scale"}


def test_one_mad_sample_does_not_spoil_the_rest(wav: Callable[..., Path]) -> None:
    values = tone(2, rate=44_100)
    values[1000] = 1e30
    clip = decode(wav(values, 44_100))
    assert np.abs(wave(clip)[0, RATE // 2 :]).max() < 0.31


def test_the_wrong_scale_is_refused(wav: Callable[..., Path]) -> None:
    with pytest.raises(AudioError, match=r"go up to 9,830 where full scale is 1"):
        decode(wav(tone(1) * 32768))


def test_a_long_clip_is_spooled_and_the_file_goes(
    wav: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pcm.IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr("core.pcm.SampleWriter.__init__.__defaults__", (1000,))
    values = noise(3)
    clip = decode(wav(np.stack([values, values], axis=1)))
    samples = clip.samples
    assert isinstance(samples, SpooledSamples)
    assert samples.channels == 1
    np.testing.assert_array_equal(samples.read(1000, 2000)[0], values[1000:2000])
    files = samples._files
    del clip, samples
    gc.collect()
    assert all(file.closed for file in files)
