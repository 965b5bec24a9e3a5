"""Foreign formats through PyAV, where it is installed and the ffmpeg program is not."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from core import formats
from core.decoders import CannotDecodeError, NoAudioTrackError, Opened


def available() -> bool:
    """Whether PyAV is installed; it is not loaded."""
    return importlib.util.find_spec("av") is not None


@contextmanager
def open_pyav(file: BinaryIO, size: int) -> Iterator[Opened]:
    """Open with PyAV, from the open file and so without any other file in reach.

    Raises
    ------
    CannotDecodeError, NoAudioTrackError
    """
    import av

    file.seek(0)
    head = file.read(formats.HEAD)
    file.seek(0)
    options = {"format_whitelist": formats.DEMUXERS, "protocol_whitelist": ""}
    try:
        container = av.open(file, mode="r", options=options)
    except (av.FFmpegError, ValueError) as error:
        raise CannotDecodeError(_message(error)) from error
    with container:
        tracks = container.streams.audio
        if not tracks and container.streams.video:
            raise NoAudioTrackError
        if not tracks:
            raise CannotDecodeError("no sound track")
        track = tracks[0]
        context = track.codec_context
        opened = Opened(
            container=formats.container_name(container.format.name, head),
            codec=formats.codec_name(context.name.removesuffix("float")),
            rate=context.sample_rate,
            channels=context.channels,
            decoder=f"PyAV {av.__version__}",
            blocks=iter(()),
            declared=_declared(container.format.name, track),
            kilobits=context.bit_rate / 1000 if context.bit_rate else None,
            tracks=len(tracks),
        )
        opened.blocks = _blocks(container, track, opened)
        yield opened


def _declared(kind: str, track: Any) -> float | None:
    if not track.duration or not formats.keeps_length(kind):
        return None
    return float(track.duration * track.time_base)


def _blocks(container: Any, track: Any, opened: Opened) -> Iterator[NDArray[np.float32]]:
    import av

    # one format for all frames: planar float, the rate and layout of the header
    plain = av.AudioResampler("fltp", track.codec_context.layout, opened.rate)
    try:
        for frame in container.decode(track):
            frame.pts = None
            for part in plain.resample(frame):
                yield np.ascontiguousarray(part.to_ndarray().T)
        for part in plain.resample(None):
            yield np.ascontiguousarray(part.to_ndarray().T)
    except av.FFmpegError as error:
        opened.trouble.append(_message(error))


def _message(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
