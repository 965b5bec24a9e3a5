"""Finding clips and reading them for training."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from core.types import AudioError
from training.corpora.audio import AudioFolder, locate, read_audio
from training.corpora.common import Trial
from training.errors import TrainingError


def tone(rate: int, seconds: float = 0.5, hertz: float = 440.0) -> np.typing.NDArray[np.float32]:
    t = np.arange(int(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def test_clips_are_found_by_path_and_by_id_and_missing_ones_are_named(tmp_path: Path) -> None:
    for name in ("flac/U1.flac", "U2.wav", "sub/odd.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    trials = [Trial(u, None) for u in ("U1", "U2", "U4", "U5")]
    trials.insert(2, Trial("U3", None, path="sub/odd.wav"))
    located = locate(trials, tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for _, path in located.found] == [
        "flac/U1.flac",
        "U2.wav",
        "sub/odd.wav",
    ]
    assert located.sentence(tmp_path) == f"{tmp_path}: 2 of 5 clips are missing: U4, U5."
    assert locate(trials[:2], tmp_path).sentence(tmp_path) is None


def test_a_column_beside_the_list_is_used_where_it_fits(tmp_path: Path) -> None:
    for name in ("audio/a.flac", "audio/sub/c.mp3", "outside.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    folder = tmp_path / "audio"
    audio = AudioFolder(folder)
    named = Trial("x", None, extra={"path": "sub/c.mp3"})
    assert audio.file_of(named) == folder / "sub" / "c.mp3"
    elsewhere = Trial("a", None, extra={"path": "of/the/original.mp3", "file": "/data/a.wav"})
    assert audio.file_of(elsewhere) == folder / "a.flac"
    assert audio.file_of(Trial("x", None, extra={"file": "../outside.wav"})) is None
    assert audio.file_of(Trial("missing", None)) is None


def test_places_outside_and_doubles_are_refused(tmp_path: Path) -> None:
    for name in ("a/U1.flac", "b/U1.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(TrainingError, match="several files fit this id"):
        locate([Trial("U1", None)], tmp_path)
    for path in ("../U1.flac", "/etc/U1.flac"):
        with pytest.raises(TrainingError, match="leaves the audio folder"):
            locate([Trial("U1", None, path=path)], tmp_path)
    with pytest.raises(TrainingError, match="no such folder"):
        locate([], tmp_path / "none")


def test_sixteen_kilohertz_mono_is_left_alone(tmp_path: Path) -> None:
    wave = tone(16_000)
    sf.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
    read = read_audio(tmp_path / "a.wav")
    assert read.dtype == np.float32
    assert np.array_equal(read, wave)


def test_other_rates_are_resampled_and_channels_averaged(tmp_path: Path) -> None:
    wave = tone(44_100)
    sf.write(tmp_path / "a.wav", np.stack((wave, np.zeros_like(wave)), 1), 44_100, subtype="FLOAT")
    read = read_audio(tmp_path / "a.wav")
    assert abs(read.size - 8000) <= 1
    inner = slice(1000, 7000)
    assert read[inner] == pytest.approx(0.5 * tone(16_000)[inner], abs=1e-3)


def test_what_libsndfile_cannot_read_goes_another_way(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg program")
    sf.write(tmp_path / "a.wav", tone(16_000, 1.0), 16_000)
    # FLAC inside Matroska: libsndfile refuses it, ffmpeg does not
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-c:a", "flac", "-f", "matroska",  # noqa: S607
         tmp_path / "a.flac"],
        check=True,
    )  # fmt: skip
    with pytest.raises(sf.LibsndfileError):
        sf.read(tmp_path / "a.flac")
    assert read_audio(tmp_path / "a.flac") == pytest.approx(tone(16_000, 1.0), abs=1e-4)


def test_what_nothing_can_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(b"fLaC and then nothing" * 100)
    with pytest.raises(AudioError):
        read_audio(tmp_path / "a.flac")
