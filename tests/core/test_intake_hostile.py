"""Damaged, absurd and hostile files: what could be read, or one clear sentence. Nothing else."""

import gc
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

from core import intake
from core.intake import decode
from core.types import RATE
from tests.core.clips import codes, refusal, wave
from tests.core.sounds import ffmpeg, noise, tone

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
