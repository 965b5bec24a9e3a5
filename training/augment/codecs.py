"""Lossy codecs and telephone lines, through the `ffmpeg` program as a pipe.

What comes back has the length of what went in, and lies where it lay: the delay of a codec is
measured by cross-correlation, once for each codec and setting in each clip, and taken out.
"""

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import signal

from core.types import RATE
from training.augment.channel import fit
from training.errors import TrainingError

Wave = NDArray[np.float64]
Rng = np.random.Generator

TIMEOUT = 60.0  # seconds; a clip of a few seconds takes a tenth of one
MAX_DELAY = 6000  # samples that are searched for a codec's delay, either way


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoder of ffmpeg, its container, its sampling rate and the bit rates it is used with."""

    encoder: str
    container: str
    rate: int  # Hz
    bitrates: tuple[int, ...] = ()  # bit/s; empty where the codec has only one


CODECS: dict[str, Codec] = {
    "mp3": Codec("libmp3lame", "mp3", 16_000, (16_000, 24_000, 32_000, 48_000, 64_000)),
    "aac": Codec("aac", "adts", 16_000, (16_000, 24_000, 32_000, 48_000, 64_000)),
    "opus": Codec("libopus", "ogg", 16_000, (8_000, 12_000, 16_000, 24_000, 32_000)),
    "vorbis": Codec("libvorbis", "ogg", 16_000, (20_000, 32_000, 48_000)),
    "gsm": Codec("libgsm", "gsm", 8_000),
    "alaw": Codec("pcm_alaw", "wav", 8_000),
    "mulaw": Codec("pcm_mulaw", "wav", 8_000),
    "g722": Codec("g722", "wav", 16_000),
}


def codec(
    wave: NDArray[Any],
    rng: Rng,
    names: tuple[str, ...] = ("mp3", "aac", "opus", "vorbis", "gsm", "alaw", "mulaw"),
    bitrate: int | None = None,
) -> Wave:
    """Through one of the named codecs, with one of its bit rates unless one is given.

    `"telephone"` is the band of 300 to 3400 Hz at 8 kHz and one of the laws of G.711.

    Raises
    ------
    TrainingError
        No ffmpeg, an ffmpeg without the encoder, or an encoder that failed; in words.
    """
    name = names[int(rng.integers(len(names)))]
    if name == "telephone":
        return telephone(wave, rng)
    if name not in CODECS:
        known = ", ".join([*CODECS, "telephone"])
        raise TrainingError(f"codec {name!r} is not known; there are {known}")
    choices = CODECS[name].bitrates
    if bitrate is None and choices:
        bitrate = choices[int(rng.integers(len(choices)))]
    return through(wave, name, bitrate)


def telephone(wave: NDArray[Any], rng: Rng) -> Wave:
    """The telephone band and the A-law or mu-law of G.711."""
    taps = signal.firwin(255, [300.0, 3400.0], fs=RATE, pass_zero=False)
    x = np.asarray(wave, dtype=np.float64)
    banded = signal.oaconvolve(x, taps)[127 : 127 + x.size]
    return through(banded, ("alaw", "mulaw")[int(rng.integers(2))])


def through(wave: NDArray[Any], name: str, bitrate: int | None = None) -> Wave:
    """A clip (samples,) encoded and decoded, same length, aligned to the input."""
    x = np.asarray(wave, dtype=np.float64)
    if x.size == 0:
        return x
    wanted = CODECS[name]
    if reason := missing(name):
        raise TrainingError(reason)
    sent = x if wanted.rate == RATE else soxr.resample(x, RATE, wanted.rate)
    pcm = (np.clip(sent, -1.0, 1.0) * 32767.0).round().astype("<i2").tobytes()
    raw = ["-f", "s16le", "-ac", "1", "-ar", str(wanted.rate)]
    rate = [] if bitrate is None else ["-b:a", str(bitrate)]
    encoded = _ffmpeg(
        [*raw, "-i", "pipe:0", "-c:a", wanted.encoder, *rate, "-f", wanted.container], pcm, name
    )
    source = ["-f", "aac"] if wanted.container == "adts" else ["-f", wanted.container]
    decoded = _ffmpeg([*source, "-i", "pipe:0", *raw], encoded, name)
    back = np.frombuffer(decoded, dtype="<i2").astype(np.float64) / 32767.0
    if wanted.rate != RATE:
        back = soxr.resample(back, wanted.rate, RATE)
    return aligned(back, x)


def missing(name: str) -> str | None:
    """Why a codec cannot be used on this machine; None where it can."""
    if shutil.which("ffmpeg") is None:
        return "codecs need the program ffmpeg, and this machine has none on its PATH"
    encoder = CODECS[name].encoder
    if encoder not in _encoders():
        return f"this machine's ffmpeg has no encoder {encoder}, which {name} needs"
    return None


def aligned(wave: Wave, like: Wave) -> Wave:
    """`wave` shifted to where it correlates best with `like`, with the length of `like`."""
    delay = lag(wave, like)
    shifted = wave[delay:] if delay >= 0 else np.pad(wave, (-delay, 0))
    return fit(shifted, like.size)


def lag(wave: Wave, like: Wave) -> int:
    """Samples by which `wave` comes after `like`, at most `MAX_DELAY`; 0 for silence."""
    if not wave.any() or not like.any():
        return 0
    size = 1 << (wave.size + like.size - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(wave, size) * np.conj(np.fft.rfft(like, size)), size)
    reach = min(MAX_DELAY, size // 2 - 1)
    window = np.concatenate([product[-reach:], product[: reach + 1]])
    return int(np.argmax(window)) - reach


@cache
def _encoders() -> frozenset[str]:
    """Names of the audio encoders that this machine's ffmpeg was built with."""
    listing = _ffmpeg_output(["-encoders"])
    rows = (line.split() for line in listing.splitlines())
    return frozenset(row[1] for row in rows if len(row) > 1 and row[0].startswith("A"))


def _ffmpeg_output(arguments: list[str]) -> str:
    done = subprocess.run(  # noqa: S603 - no shell, a fixed program, our own arguments
        [_program(), "-hide_banner", *arguments], capture_output=True, timeout=TIMEOUT, check=False
    )
    return done.stdout.decode("utf-8", "replace")


def _ffmpeg(arguments: list[str], data: bytes, name: str) -> bytes:
    command = [_program(), "-nostdin", "-v", "error", "-threads", "1", *arguments, "pipe:1"]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, a fixed program, our own arguments
            command, input=data, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TrainingError(f"ffmpeg took more than {TIMEOUT:g} s for {name}") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise TrainingError(f"ffmpeg failed at {name}: {said}")
    return done.stdout


def _program() -> str:
    return shutil.which("ffmpeg") or "ffmpeg"
