"""Axes of evidence: frames of a window as seconds of the clip, layers and groups by name."""

from core.types import RATE, Axis, Window

FRAME = 400  # samples one backbone frame looks at
HOP = 320  # samples from one backbone frame to the next


def frame_times(window: Window, frames: int, hop: float = HOP, frame: float = FRAME) -> Axis:
    """The centres of those of `frames` frames that lie on the window's real audio, in seconds.

    Frame t looks at samples [hop t, hop t + frame) of the network's input; what lies on repeated
    padding is left out. A window shorter than one frame keeps the first, at its middle.
    """
    real = window.last - window.first
    centres = [hop * t + frame / 2 for t in range(frames) if hop * t + frame / 2 < real]
    centres = centres or [real / 2]
    return Axis("time", "s", tuple((window.first + centre) / RATE for centre in centres))


def numbered(name: str, count: int, first: int = 1) -> Axis:
    """Cells called "layer 1", "layer 2", ..."""
    return Axis(name, "", tuple(f"{name} {first + index}" for index in range(count)))
