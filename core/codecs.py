"""A stretch of sound through a lossy codec and back, in step with what went in.

Encoding goes through the ffmpeg program as a pipe (core.process); decoding through core.intake, the
way in which a file of that codec would be read. Codecs delay; the delay is measured and taken out,
so that the codec is all that has changed.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import ffmpeg
from core.process import running
from core.types import RATE, AudioError

MAX_BYTES = 4 << 20  # of encoded sound; a window of MP3 takes 32 kB
MAX_DELAY = 4_800  # samples; MP3 delays by some 1,700, Opus by 104
TIMEOUT = 60.0  # seconds
LEAST_ALIKE = 0.1  # correlation below which no delay can be told

Wave = NDArray[np.float32]


class CodecError(Exception):
    """The round trip could not be made; the message says why, as half a sentence."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A lossy codec at one bit rate, by ffmpeg's names."""

    title: str
    encoder: str
    container: str
    kilobits: int

    @property
    def key(self) -> str:
        """`"mp3"`, `"opus"`."""
        return self.title.split()[0].lower()


# in Matroska, because libsndfile takes offence at LAME's full frames and says so on stderr
MP3 = Codec("MP3 64 kbit/s", "libmp3lame", "matroska", 64)
OPUS = Codec("Opus 24 kbit/s", "libopus", "ogg", 24)


def round_trip(wave: Wave, codec: Codec) -> Wave:
    """`wave` (samples,) at 16 kHz, encoded and decoded; of the same length and in step.

    Raises
    ------
    CodecError
        where ffmpeg is absent, cannot write the codec, or takes too long.
    """
    from core import intake

    if not ffmpeg.available():
        raise CodecError("FFmpeg is not installed")
    with tempfile.TemporaryDirectory(prefix="spoofscope-") as folder:
        before, after = Path(folder) / "before.wav", Path(folder) / f"after.{codec.container}"
        _write(before, wave)
        after.write_bytes(_encoded(before, codec))
        try:
            clip = intake.decode(after)
        except AudioError as error:
            raise CodecError(f"what came out could not be read ({error})") from error
    return aligned(clip.samples.read(0, clip.samples.length)[0], wave)


def aligned(changed: Wave, original: Wave) -> Wave:
    """`changed` moved so that it fits `original` best, and cut or filled to its length.

    Where the two have nothing in common it stays where it is.
    """
    lag = delay(changed, original)
    moved = changed[lag:] if lag >= 0 else np.concatenate([np.zeros(-lag, np.float32), changed])
    missing = max(len(original) - len(moved), 0)
    return np.pad(moved[: len(original)], (0, missing)).astype(np.float32)


def delay(changed: Wave, original: Wave) -> int:
    """Samples by which `changed` lags behind `original`, up to `MAX_DELAY` either way."""
    size = 1 << (len(changed) + len(original)).bit_length()
    product = np.fft.rfft(changed, size) * np.conj(np.fft.rfft(original, size))
    likeness = np.fft.irfft(product, size)
    lags = np.arange(-MAX_DELAY, MAX_DELAY + 1)
    found = np.abs(likeness[lags])  # a codec may turn the sign, never heard
    scale = float(np.linalg.norm(changed) * np.linalg.norm(original))
    best = int(found.argmax())
    return int(lags[best]) if found[best] > LEAST_ALIKE * scale > 0 else 0


def _write(path: Path, wave: Wave) -> None:
    import soundfile

    soundfile.write(path, wave, RATE, subtype="FLOAT")


def _encoded(path: Path, codec: Codec) -> bytes:
    command = [
        *("ffmpeg", "-nostdin", "-v", "error", "-f", "wav", "-i", f"file:{path.absolute()}"),
        *("-map_metadata", "-1", "-threads", "1", "-c:a", codec.encoder),
        *("-b:a", f"{codec.kilobits}k", "-f", codec.container, "pipe:1"),
    ]
    with running(command, TIMEOUT, ffmpeg.MEMORY, str(path)) as child:
        data = child.exactly(MAX_BYTES)
        status = child.end()
        if child.timed_out:
            raise CodecError(f"encoding took longer than {TIMEOUT:.0f} s")
        if status or not data or len(data) == MAX_BYTES:
            said = next(iter(child.complaints()), f"it ended with status {status}")
            raise CodecError(f"this FFmpeg cannot write it ({said.rstrip('.')})")
    return data
