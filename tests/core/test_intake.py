"""Any file in: a clip with every change recorded, or one clear sentence. Nothing else."""

import gc
import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from core import ffmpeg as ffmpeg_module
from core import intake
from core.intake import Limits, decode, decode_bytes
from core.pcm import SpooledSamples
from core.types import RATE, AudioError, Clip
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


def codes(clip: Clip) -> set[str]:
    return {notice.code for notice in clip.notices}


def wave(clip: Clip) -> np.ndarray:
    return clip.samples.read(0, clip.samples.length)


@pytest.fixture
def wav(tmp_path: Path) -> Callable[..., Path]:
    """Writes a WAV file of an array (n,) or (n, channels)."""

    def write(values: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> Path:
        path = tmp_path / "made.wav"
        soundfile.write(path, values, rate, subtype=subtype, format="WAV")
        return path

    return write


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


# Damaged files keep what could be decoded.


def test_a_truncated_flac(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.flac", tmp_path / "cut.flac"
    soundfile.write(whole, noise(10), RATE)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 3])
    clip = decode(cut)
    assert 2.5 < clip.seconds < 3.5
    np.testing.assert_array_equal(wave(clip), wave(decode(whole))[:, : clip.samples.length])
    assert [n.code for n in clip.notices] == ["damaged"]
    assert "header says 0:10" in clip.notices[0].text


@pytest.mark.parametrize("kind", ["wav", "aiff", "au", "mp3"])
def test_files_cut_short(tmp_path: Path, kind: str) -> None:
    whole, cut = tmp_path / f"whole.{kind}", tmp_path / f"cut.{kind}"
    soundfile.write(whole, noise(20), RATE)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 4])
    assert "damaged" not in codes(decode(whole))
    clip = decode(cut)
    assert clip.seconds == pytest.approx(5, abs=0.6)
    found = [n.text for n in clip.notices if n.code == "damaged"]
    assert len(found) == 1
    assert "header says 0:20" in found[0]


def test_a_truncated_foreign_file(tmp_path: Path) -> None:
    made, whole, cut = tmp_path / "in.wav", tmp_path / "whole.m4a", tmp_path / "cut.m4a"
    soundfile.write(made, noise(20), RATE)
    ffmpeg("-i", made, "-c:a", "aac", "-movflags", "faststart", whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    clip = decode(cut)
    assert 7 < clip.seconds < 13
    assert codes(clip) == {"damaged", "lossy"}


def test_noise_inside_a_flac(tmp_path: Path) -> None:
    path = tmp_path / "hit.flac"
    soundfile.write(path, noise(10), RATE)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 5000] = bytes(5000)
    path.write_bytes(data)
    clip = decode(path)
    assert clip.seconds > 3
    assert codes(clip) & {"damaged", "broken"}


def test_a_streamed_header_promises_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pipe.wav"
    soundfile.write(path, noise(2), RATE)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    clip = decode(path)
    assert clip.seconds == pytest.approx(2)
    assert clip.notices == ()


# What cannot be read has its sentence.


def refusal(path: Path, **limits: float) -> str:
    with pytest.raises(AudioError) as caught:
        decode(path, limits=Limits(**limits))  # type: ignore[arg-type]
    return str(caught.value)


def test_no_bytes(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    path.touch()
    assert refusal(path) == "“none.wav” is empty (0 bytes)."


def test_text_renamed(tmp_path: Path) -> None:
    path = tmp_path / "letter.wav"
    path.write_text("Dear examiner, this is a letter.\n" * 50)
    assert refusal(path).startswith("We could not read sound from “letter.wav”.")
    assert str(tmp_path) not in refusal(path)


def test_a_header_without_sound(wav: Callable[..., Path]) -> None:
    assert refusal(wav(np.zeros(0, np.float32))).endswith("without a single sample of sound.")


def test_a_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=d=1:s=64x48:r=5", "-c:v", "mpeg4", path)
    assert refusal(path) == "“mute.mp4” is a video without sound."


def test_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("core.pyav.available", lambda: False)
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\x00\x00\x00\x1cftypM4A " + bytes(100))
    assert refusal(path).startswith("“a.m4a” is M4A. Reading it needs FFmpeg")
    path.write_bytes(b"nothing known")
    assert refusal(path).startswith("We could not read sound")


@pytest.mark.parametrize("rate", [1, 1999, 10_000_000])
def test_absurd_rates(wav: Callable[..., Path], rate: int) -> None:
    assert "samples a second; 2,000 to 768,000 can be read" in refusal(wav(noise(1), rate))


def test_absurd_channels(wav: Callable[..., Path]) -> None:
    assert "claims 200 channels; up to 32" in refusal(wav(np.zeros((100, 200), np.float32)))


def test_limits(wav: Callable[..., Path]) -> None:
    path = wav(noise(3))
    assert "the limit here is 10 kB" in refusal(path, bytes=10_000)
    assert refusal(path, seconds=2.0).startswith("“made.wav” holds more than 2 s of sound")


def test_folders_missing_files_and_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is a folder" in refusal(tmp_path)
    assert refusal(tmp_path / "gone.wav") == "There is no file “gone.wav”."
    assert "cannot be opened" in refusal(Path("a\0b.wav"))
    assert "cannot be opened" in refusal(tmp_path / ("n" * 300))
    if os.name == "posix":
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        os.mkfifo(tmp_path / "pipe.wav")
        assert "not an ordinary file" in refusal(tmp_path / "pipe.wav")
        assert "not an ordinary file" in refusal(Path("/dev/zero"))
        with socket.socket(socket.AF_UNIX) as door:
            door.bind("door.wav")
            assert "cannot be opened" in refusal(tmp_path / "door.wav")


@pytest.mark.parametrize(
    "name",
    ["-i.m4a", "concat:a|b.m4a", "%d.m4a", "a b'\".m4a", "x\udcff.m4a", "file:x.m4a", "音\n.m4a"],
)
def test_names_are_only_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, path = tmp_path / "in.wav", tmp_path / "plain.m4a"
    soundfile.write(made, tone(1), RATE)
    ffmpeg("-i", made, "-c:a", "alac", path)
    odd = path.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for given in (odd, Path(name)):
        clip = decode(given)
        assert clip.samples.length == RATE
        json.dumps(clip.source.name).encode("utf-8")


@pytest.mark.parametrize(
    "lure",
    [
        "#EXTM3U\n#EXTINF:1,\n{secret}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {secret}\n",
        "v=0\nm=audio 5004 RTP/AVP 0\nc=IN IP4 127.0.0.1\n",
    ],
)
@pytest.mark.parametrize("suffix", ["m3u8", "wav", "txt", "sdp"])
def test_a_playlist_opens_no_other_file(tmp_path: Path, lure: str, suffix: str) -> None:
    secret = tmp_path / "secret.wav"
    soundfile.write(secret, tone(1), RATE)
    path = tmp_path / f"list.{suffix}"
    path.write_text(lure.format(secret=secret))
    assert refusal(path).startswith("We could not read sound")


def fake_program(folder: Path, name: str, body: str) -> None:
    program = folder / name
    program.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    program.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="writes small programs with a #! line")
@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(60)",
        "sys.stdout.buffer.write(b'.snd' + bytes([0,0,0,24]) + b'\\xff' * 4 + bytes([0,0,0,6,0,0,"
        "62,128,0,0,0,1]) + bytes(8000)); sys.stdout.flush(); time.sleep(60)",
        "[sys.stderr.write('complaint ' * 1000) for _ in iter(int, 1)]",
    ],
    ids=["silent", "stalls half-way", "complains for ever"],
)
def test_a_decoder_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    facts = {
        "streams": [{"index": 0, "codec_type": "audio", "codec_name": "aac"}],
        "format": {"format_name": "mov,mp4"},
    }
    fake_program(tmp_path, "ffprobe", f"print({json.dumps(json.dumps(facts))})")
    fake_program(tmp_path, "ffmpeg", f"if sys.argv[1] != '-version': {body}")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\x00\x00\x00\x1cftypM4A " + bytes(100))
    assert refusal(path, timeout=1.5).startswith("Reading “a.m4a” was stopped after 2 s.")


@pytest.mark.skipif(sys.platform != "linux", reason="limits by prlimit")
def test_the_decoder_has_a_memory_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(tmp_path, "ffprobe", "time.sleep(.3); x = bytes(4 << 30); print('{}')")
    fake_program(tmp_path, "ffmpeg", "")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\x00\x00\x00\x1cftypM4A " + bytes(100))
    assert refusal(path).startswith("We could not read sound")


def test_nothing_is_left_running(tmp_path: Path) -> None:
    ps = shutil.which("ps") or pytest.skip("no ps")
    made, path = tmp_path / "in.wav", tmp_path / "a.m4a"
    soundfile.write(made, noise(30), RATE)
    ffmpeg("-i", made, "-c:a", "alac", path)
    refusal(path, seconds=1.0)  # left in the middle
    children = subprocess.run(
        [ps, "--ppid", str(os.getpid()), "-o", "comm="], capture_output=True, text=True
    )
    assert "ffmpeg" not in children.stdout


def test_the_handles_are_closed(tmp_path: Path, wav: Callable[..., Path]) -> None:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("no /proc")
    path = wav(noise(1))
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF" + struct.pack("<I", 100) + b"WAVEjunk" + bytes(100))
    decode(path)
    before = len(list(folder.iterdir()))
    for _ in range(3):
        decode(path)
        refusal(bad)
    gc.collect()
    assert len(list(folder.iterdir())) <= before


def test_no_import_of_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import core.intake, sys; assert 'torch' not in sys.modules"],
        cwd=Path(intake.__file__).parents[1],
    )
    assert done.returncode == 0
