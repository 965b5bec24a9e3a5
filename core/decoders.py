"""What a decoder hands over, and the first of them: libsndfile, through soundfile.

Every decoder gives blocks at the file's own rate with all its channels; what is done to them
afterwards is the same for all (core.intake).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from core import formats

BLOCK = 1 << 16  # frames a read


class CannotDecodeError(Exception):
    """One decoder cannot read this file; the message is the decoder's own."""


class NoAudioTrackError(Exception):
    """A sound decoder has opened the file and found pictures only."""


class TooSlowError(Exception):
    """Decoding took longer than it may."""


@dataclass(slots=True)
class Opened:
    """A file that a decoder has opened.

    Attributes
    ----------
    declared : seconds of sound that the header promises; None where it promises nothing.
    kilobits : kbit/s of the sound as stored; None where unknown.
    tracks : sound tracks in the file; the first is read.
    blocks : float32 of shape (n, channels), at `rate`; ends early where the file is damaged.
    trouble : the decoder's complaints; complete once `blocks` is used up.
    """

    container: str
    codec: str
    rate: int
    channels: int
    decoder: str
    blocks: Iterator[NDArray[np.float32]]
    declared: float | None = None
    kilobits: float | None = None
    tracks: int = 1
    trouble: list[str] = field(default_factory=list)


@contextmanager
def open_soundfile(file: BinaryIO, size: int) -> Iterator[Opened]:
    """Open with libsndfile.

    Raises
    ------
    CannotDecodeError : libsndfile does not know the file, or knows it by one of its odd formats.
    """
    import soundfile

    promise = formats.declared_bytes(file, size)
    os.lseek(file.fileno(), 0, os.SEEK_SET)  # file.seek moves within its buffer only
    try:
        # by descriptor: no guess by the file's name, and the very file that was hashed
        sound = soundfile.SoundFile(file.fileno(), closefd=False)
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError) as error:
        raise CannotDecodeError(_message(error)) from error
    with sound:
        if sound.format not in formats.SOUNDFILE_CONTAINERS:
            raise CannotDecodeError(f"taken for {sound.format_info}")
        container = "WAV" if sound.format == "WAVEX" else sound.format
        codec = formats.SOUNDFILE_CODECS.get(sound.subtype, sound.subtype)
        opened = Opened(
            container=container,
            codec="FLAC" if container == "FLAC" else codec,
            rate=sound.samplerate,
            channels=sound.channels,
            decoder=f"libsndfile {soundfile.__libsndfile_version__} (soundfile "
            f"{soundfile.__version__})",
            blocks=iter(()),
            declared=_declared(sound.frames, sound.samplerate, promise),
        )
        opened.blocks = _soundfile_blocks(sound, opened.trouble)
        if formats.is_lossy(opened.codec) and opened.declared:
            opened.kilobits = size * 8 / 1000 / opened.declared
        yield opened


def _declared(frames: int, rate: int, promise: tuple[int, int] | None) -> float | None:
    if not 0 < frames < 1 << 50 or rate < 1:  # libsndfile's mark of an unknown length is 2^63 - 1
        return None
    if promise is not None and promise[0] > promise[1] > 0:
        return frames / rate * promise[0] / promise[1]
    return frames / rate


def _soundfile_blocks(sound: Any, trouble: list[str]) -> Iterator[NDArray[np.float32]]:
    import soundfile

    while True:
        block = np.full((BLOCK, sound.channels), np.nan, np.float32)
        try:
            block = sound.read(dtype="float32", out=block)
        except (soundfile.SoundFileError, RuntimeError) as error:
            trouble.append(_message(error))
            # what was decoded before the damage is in the block, and the rest still is no number
            whole = ~np.isnan(block).any(axis=1)
            yield block[: int(np.argmin(np.append(whole, False)))]
            return
        if not len(block):
            return
        yield block


def _message(error: Exception) -> str:
    """The decoder's own words, without the name it was given."""
    return str(getattr(error, "error_string", "") or error).split("': ")[-1].strip()
