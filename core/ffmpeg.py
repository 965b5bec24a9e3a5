"""Foreign formats through the ffmpeg program: a pipe, a time limit, a memory limit, no network.

The program runs in its own process, so a file that crashes or stalls it does not take us along.
It may open the one file it is given and nothing else: playlists, concatenations, device and
network protocols are not on its lists. It gives float samples at the file's own rate with all its
channels; resampling and mixing are done here, the same for every decoder.
"""

import json
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import formats
from core.decoders import CannotDecodeError, NoAudioTrackError, Opened, TooSlowError
from core.process import Child, running

PROBE_SECONDS = 30.0
MEMORY = 2 << 30  # bytes of address space; decoding sound takes a tenth
PROBE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 18
GUARD = ["-v", "error", "-protocol_whitelist", "file,pipe", "-format_whitelist", formats.DEMUXERS]


def available() -> bool:
    """Whether both programs are on the path."""
    return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None


@contextmanager
def open_ffmpeg(path: Path, size: int, timeout: float) -> Iterator[Opened]:
    """Ask ffprobe what the file is, then start ffmpeg on its first sound track.

    Raises
    ------
    CannotDecodeError, NoAudioTrackError : at once.
    TooSlowError : at once, or while the blocks are read.
    """
    facts = _probe(path, min(PROBE_SECONDS, timeout))
    streams = facts.get("streams", [])
    tracks = [stream for stream in streams if stream.get("codec_type") == "audio"]
    if not tracks and any(stream.get("codec_type") == "video" for stream in streams):
        raise NoAudioTrackError
    if not tracks:
        raise CannotDecodeError("no sound track")
    read = [_program("ffmpeg"), "-nostdin", *GUARD, "-threads", "1", "-i", _url(path)]
    write = ["-map", f"0:{tracks[0]['index']}", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
    with path.open("rb") as file:
        head = file.read(formats.HEAD)
    with running([*read, *write], timeout, MEMORY, _url(path)) as child:
        rate, channels = _header(child)
        codec = formats.codec_name(str(tracks[0].get("codec_name", "")))
        opened = Opened(
            container=formats.container_name(facts["format"]["format_name"], head),
            codec=codec,
            rate=rate,
            channels=channels,
            decoder=_version(),
            blocks=iter(()),
            declared=_declared(facts["format"], tracks[0], alone=len(streams) == len(tracks)),
            tracks=len(tracks),
        )
        opened.kilobits = _kilobits(facts["format"], tracks[0], alone=len(streams) == 1)
        opened.blocks = _blocks(child, channels, opened.trouble)
        yield opened


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CannotDecodeError(f"{name} is not installed")
    return found


def _url(path: Path) -> str:
    # "file:" and an absolute path: no name can be an option, another protocol or a playlist
    return f"file:{path.absolute()}"


def _version() -> str:
    with running([_program("ffmpeg"), "-version"], PROBE_SECONDS, MEMORY) as child:
        words = child.exactly(200).decode("utf-8", "replace").split()
    return f"ffmpeg {words[2]}" if words[:2] == ["ffmpeg", "version"] else "ffmpeg"


def _probe(path: Path, timeout: float) -> dict[str, Any]:
    entries = (
        "format=format_name,duration,bit_rate:stream=index,codec_type,codec_name,duration,bit_rate"
        ":stream_tags=DURATION"
    )
    command = [_program("ffprobe"), *GUARD, "-show_entries", entries, "-of", "json", _url(path)]
    with running(command, timeout, MEMORY, _url(path)) as child:
        answer = child.exactly(PROBE_BYTES)
        try:
            facts = json.loads(answer)
        except ValueError:
            facts = {}
        if not isinstance(facts, dict) or not facts.get("format"):
            raise _failure(child, "not a known format")
    return facts


def _declared(kind: dict[str, Any], track: dict[str, Any], *, alone: bool) -> float | None:
    """Seconds the header promises of this track; None where ffprobe only guesses."""
    if not formats.keeps_length(kind["format_name"]):
        return None
    tag = track.get("tags", {}).get("DURATION", "")
    of_file = kind.get("duration") if alone else None  # a video may well outlast its sound
    return _number(track.get("duration") or _clock_seconds(tag) or of_file)


def _clock_seconds(text: str) -> float | None:
    """Seconds of Matroska's `00:01:02.500000000`."""
    parts = [_number(part) for part in text.split(":")]
    if len(parts) != 3 or None in parts:
        return None
    hours, minutes, seconds = (part or 0.0 for part in parts)
    return hours * 3600 + minutes * 60 + seconds


def _kilobits(kind: dict[str, Any], track: dict[str, Any], *, alone: bool) -> float | None:
    bits = _number(track.get("bit_rate") or (kind.get("bit_rate") if alone else None))
    return None if bits is None else bits / 1000


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if 0 < value < 1e12 else None


def _header(child: Child) -> tuple[int, int]:
    """(rate, channels) from the AU header that ffmpeg writes before the samples."""
    head = child.exactly(24)
    if len(head) < 24 or head[:4] != b".snd":
        raise _failure(child, "no sound came out of it")
    offset, _, _, rate, channels = struct.unpack(">5I", head[4:])
    child.exactly(offset - 24)
    return rate, channels


def _blocks(child: Child, channels: int, trouble: list[str]) -> Iterator[NDArray[np.float32]]:
    frame = 4 * channels
    while True:
        data = child.exactly(BLOCK_BYTES // frame * frame)
        whole = len(data) // frame * frame
        if not whole:
            break
        block = np.frombuffer(data[:whole], ">f4").reshape(-1, channels)
        yield block.astype(np.float32)
    status = child.end()
    if child.timed_out:
        raise TooSlowError
    trouble += child.complaints() or ([f"ffmpeg ended with status {status}"] if status else [])


def _failure(child: Child, otherwise: str) -> Exception:
    child.end()
    if child.timed_out:
        return TooSlowError()
    return CannotDecodeError(next(iter(child.complaints()), otherwise))
