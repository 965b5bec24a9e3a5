"""Made sound for tests: clips from arrays, speech from espeak-ng, files from ffmpeg."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from core.pcm import ArraySamples
from core.types import RATE, Clip, Source

SENTENCE = "She sells sea shells by the sea shore, and the quick brown fox jumps over the lazy dog."
Wave = NDArray[np.float32]


def clip_of(wave: NDArray[np.floating], name: str = "made.wav") -> Clip:
    """A clip at 16 kHz from an array (length,) or (channels, length)."""
    samples = ArraySamples(np.asarray(wave, np.float32))
    source = Source(
        name=name,
        sha256="0" * 64,
        bytes=1,
        container="WAV",
        codec="PCM 16 bit",
        sample_rate=RATE,
        channels=samples.channels,
        seconds=samples.length / RATE,
        decoder="made",
    )
    return Clip(source, samples, "0" * 64, (), ())


def swelling() -> Wave:
    """Two seconds of noise that swells three times a second."""
    rng = np.random.default_rng(1)
    swell = 0.6 - 0.4 * np.cos(2 * np.pi * 3 * np.arange(2 * RATE) / RATE)
    return (0.1 * swell * rng.standard_normal(2 * RATE)).astype(np.float32)


def tone(seconds: float = 2.0, pitch: float = 440.0, rate: int = RATE) -> Wave:
    """A sine, a third of full scale."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


def noise(seconds: float = 2.0, seed: int = 0) -> Wave:
    """White noise at -20 dBFS."""
    values = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return values.astype(np.float32)


def speak(folder: Path, text: str = SENTENCE) -> Wave:
    """Machine speech at 16 kHz; skips the test where espeak-ng is absent."""
    import soxr

    program = shutil.which("espeak-ng") or pytest.skip("espeak-ng is not installed")
    path = folder / "spoken.wav"
    subprocess.run([program, "-v", "en-us", "-w", str(path), text], check=True)
    wave, rate = soundfile.read(path, dtype="float32")
    spoken: Wave = soxr.resample(wave, rate, RATE, quality="HQ")
    return spoken


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg; skips the test where it is absent or lacks an encoder."""
    program = shutil.which("ffmpeg") or pytest.skip("ffmpeg is not installed")
    command = [program, "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if "nknown encoder" in done.stderr:
        pytest.skip(f"this ffmpeg lacks an encoder: {done.stderr.strip()[:80]}")
    assert done.returncode == 0, done.stderr
