"""bytes -> Clip: decode, check, resample, hash; every change is recorded in words.

The file is hostile until shown otherwise: it is opened once, must be an ordinary file within the
limits, and is hashed as it lies. libsndfile reads what it knows; the rest goes to the ffmpeg
program in its own process (core.ffmpeg), or to PyAV where that is installed (core.pyav). What comes
out of any of them passes through one path, block by block, so that an hour needs no more memory
than a minute.
"""

import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from core import ffmpeg, formats, pyav, sentences
from core.conversion import Conversion
from core.decoders import (
    CannotDecodeError,
    NoAudioTrackError,
    Opened,
    TooSlowError,
    open_soundfile,
)
from core.types import AudioError, Clip, Notice, Source

LOWEST_RATE, HIGHEST_RATE = 2_000, 768_000  # Hz; beyond lies no recording of speech
SHORTFALL_SECONDS, SHORTFALL = 0.25, 0.01  # headers round, encoders pad: not yet "ends early"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused, so that no file can fill the machine."""

    bytes: int = 1_000_000_000
    seconds: float = 8 * 3600.0  # of sound; a small file can unpack to years of silence
    channels: int = 32
    timeout: float = 600.0  # seconds a foreign decoder may take


def decode(path: Path, name: str | None = None, limits: Limits = Limits()) -> Clip:
    """Read any sound or video file.

    Parameters
    ----------
    name : what to call it; the file's own name where None.

    Raises
    ------
    AudioError : with a sentence for whoever gave the file; nothing else for any content.
    """
    path = Path(path)
    name = path.name if name is None else name
    with _opened(path, name) as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise AudioError(sentences.empty_file(name))
        if size > limits.bytes:
            raise AudioError(sentences.huge(name, size, limits.bytes))
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        origin = _Origin(name, size, sha256)
        return _first_that_reads(path, file, origin, limits)


def decode_bytes(data: bytes, name: str, limits: Limits = Limits()) -> Clip:
    """Read a sound or video file that is in memory; like `decode`."""
    suffix = "".join(c for c in Path(name).suffix if c.isascii() and (c.isalnum() or c == "."))
    with tempfile.TemporaryDirectory(prefix="spoofscope-") as folder:
        path = Path(folder) / f"clip{suffix[:8]}"
        path.write_bytes(data)
        return decode(path, name, limits)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[io.BufferedReader]:
    try:
        # not to hang on a named pipe; and the kind is asked of what was opened, not of the name
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        handle = os.open(path, flags)
    except FileNotFoundError as error:
        raise AudioError(sentences.no_such_file(name)) from error
    except IsADirectoryError as error:
        raise AudioError(sentences.folder(name)) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        if isinstance(error, PermissionError) and path.is_dir():  # how Windows says it
            raise AudioError(sentences.folder(name)) from error
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(sentences.unreadable(name, reason)) from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        sentence = sentences.folder if stat.S_ISDIR(mode) else sentences.not_a_file
        raise AudioError(sentence(name))
    with os.fdopen(handle, "rb") as file:
        yield file


Opener = Callable[[], AbstractContextManager[Opened]]


def _first_that_reads(
    path: Path, file: io.BufferedReader, origin: "_Origin", limits: Limits
) -> Clip:
    """libsndfile, then ffmpeg, then PyAV; the first out of which sound comes."""
    name, complaint = origin.name, ""
    openers: list[Opener] = [lambda: open_soundfile(file, origin.bytes)]
    if ffmpeg.available():
        openers.append(lambda: ffmpeg.open_ffmpeg(path, origin.bytes, limits.timeout))
    elif pyav.available():
        openers.append(lambda: pyav.open_pyav(file, origin.bytes))
    for opener in openers:
        try:
            with opener() as opened:
                return _clip(opened, origin, limits)
        except NoAudioTrackError as error:
            raise AudioError(sentences.no_audio_track(name)) from error
        except TooSlowError as error:
            raise AudioError(sentences.took_too_long(name, limits.timeout)) from error
        except CannotDecodeError as error:
            complaint = str(error)
    file.seek(0)
    kind = formats.kind_of(file.read(formats.HEAD))
    if len(openers) == 1 and kind is not None and kind not in formats.SOUNDFILE_CONTAINERS:
        raise AudioError(sentences.ffmpeg_missing(name, kind))
    raise AudioError(sentences.not_audio(name, complaint))


@dataclass(frozen=True, slots=True)
class _Origin:
    name: str
    bytes: int
    sha256: str


def _clip(opened: Opened, origin: _Origin, limits: Limits) -> Clip:
    _check_header(opened, origin.name, limits)
    with Conversion(opened.rate, opened.channels) as conversion:
        for block in opened.blocks:
            conversion.feed(block)
            if conversion.seconds > limits.seconds:
                raise AudioError(sentences.endless(origin.name, limits.seconds))
        if not conversion.frames and opened.trouble:
            raise CannotDecodeError(opened.trouble[0])
        if not conversion.frames:
            raise AudioError(sentences.no_samples(origin.name, f"{opened.container} data"))
        samples, pcm_sha256 = conversion.finish()
        if conversion.wrong_scale:
            raise AudioError(sentences.wrong_scale(origin.name, conversion.peak))
    return Clip(
        source=Source(
            name=sentences.shown(origin.name),
            sha256=origin.sha256,
            bytes=origin.bytes,
            container=opened.container,
            codec=opened.codec,
            sample_rate=opened.rate,
            channels=opened.channels,
            seconds=conversion.seconds,
            decoder=opened.decoder,
        ),
        samples=samples,
        pcm_sha256=pcm_sha256,
        changes=conversion.changes(),
        notices=(*_notices(opened, conversion.seconds), *conversion.notices()),
        clipped_fraction=conversion.clipped_fraction,
    )


def _check_header(opened: Opened, name: str, limits: Limits) -> None:
    if not LOWEST_RATE <= opened.rate <= HIGHEST_RATE:
        raise AudioError(sentences.absurd_rate(name, opened.rate, LOWEST_RATE, HIGHEST_RATE))
    if not 1 <= opened.channels <= limits.channels:
        raise AudioError(sentences.too_many_channels(name, opened.channels, limits.channels))


def _notices(opened: Opened, seconds: float) -> Iterator[Notice]:
    """What the file itself gives reason to say."""
    declared = opened.declared or 0.0
    if declared - seconds > max(SHORTFALL_SECONDS, SHORTFALL * declared):
        yield sentences.damaged(declared, seconds)
    elif opened.trouble:
        yield sentences.broken_inside(seconds, opened.trouble[0])
    if opened.tracks > 1:
        yield sentences.several_tracks(opened.tracks)
    if formats.is_lossy(opened.codec):
        yield sentences.lossy(opened.codec, opened.kilobits)
