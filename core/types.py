"""The values that flow through SpoofScope, in the order in which they come to be.

bytes -> Source, Clip -> Window -> Score, Evidence -> Reading -> Detection -> Verdict -> Report.
All are immutable. Nothing here knows a network, a browser or a file format.

Directions and units, the same everywhere:
    spoof_logit   a detector's raw number; higher = more likely spoofed
    llr           calibrated natural-log likelihood ratio, spoof over bona fide; None where not
                  calibrated
    time          seconds of real audio from the start of the clip
    rate          samples per second, Hz
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Label = Literal["bonafide", "spoof"]
Lean = Literal["spoofed", "bona fide", "mixed", "inconclusive", "not scored"]
ChannelPolicy = Literal["mix", "left", "right", "each"]

RATE = 16_000  # Hz; every detector here was published for 16 kHz speech


class AudioError(Exception):
    """The sound cannot be used; the message is a sentence for the person who gave it."""


class DetectorError(Exception):
    """A detector cannot do what was asked; the message says what would work."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence about a clip that its reader should know.

    `code` is stable and for programs (`"band-limited"`); `text` is for people.
    """

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """What was handed in, before anything was changed."""

    name: str
    sha256: str  # of the original bytes
    bytes: int
    container: str
    codec: str
    sample_rate: int  # Hz
    channels: int
    seconds: float  # of sound that could be decoded
    decoder: str  # program or library with its version


class Samples(Protocol):
    """Decoded sound at `RATE`, read by position, so that an hour need not be in memory."""

    @property
    def channels(self) -> int: ...

    @property
    def length(self) -> int:
        """Samples per channel."""
        ...

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Every channel from `start` up to `stop`, shape (channels, stop - start), in [-1, 1]."""
        ...


@dataclass(frozen=True, slots=True)
class Clip:
    """A decoded recording and how it came to be.

    One channel where the source has one, or where all its channels are equal; else two or more.
    """

    source: Source
    samples: Samples
    pcm_sha256: str  # of the decoded samples as they are scored, float32 little-endian, interleaved
    changes: tuple[str, ...]  # each change between source and samples, in words
    notices: tuple[Notice, ...]
    clipped_fraction: float | None = None  # at the source's own rate; None where not counted

    @property
    def seconds(self) -> float:
        return self.samples.length / RATE


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of real audio: samples `first` up to, not including, `last` of one channel."""

    first: int
    last: int
    channel: str = "mix"  # "mix" (mono, or the mean of all channels), "left", "right"

    @property
    def start(self) -> float:
        return self.first / RATE

    @property
    def stop(self) -> float:
        return self.last / RATE


@dataclass(frozen=True, slots=True)
class Score:
    """One detector's number for one window or one clip."""

    spoof_logit: float
    llr: float | None


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of an evidence array: a name, a unit and one coordinate or label a cell.

    `values` are coordinates in `unit` (seconds of the clip, Hz) or labels ("layer 3").
    """

    name: str
    unit: str
    values: tuple[float, ...] | tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a detector looked at: a named array with named axes.

    Attributes
    ----------
    key : stable name for programs, such as `"hiercon.temporal"`.
    title : a few words for people.
    values : float32, one dimension an axis, in the order of `axes`.
    unit : of the values, such as `"x uniform"`, `"logit"`, `"weight"`.
    scope : `"window"`, or `"model"` where it is the same for every clip.
    signed : whether the sign means something (positive speaks for spoof).
    sums_to_one : names of the axes over which the values sum to one; empty where none.
    caption : what the picture shows and what it does not.
    """

    key: str
    title: str
    values: NDArray[np.float32]
    axes: tuple[Axis, ...]
    unit: str
    caption: str
    scope: Literal["window", "model"] = "window"
    signed: bool = False
    sums_to_one: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = tuple(len(axis) for axis in self.axes)
        if self.values.shape != shape:
            raise ValueError(f"{self.key}: values {self.values.shape} do not fit the axes {shape}")
        self.values.setflags(write=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """One detector on one window."""

    window: Window
    score: Score
    padded: float = 0.0  # seconds of repetition that filled the network's input


@dataclass(frozen=True, slots=True)
class Detection:
    """One detector on one clip (and one channel, where channels are scored apart)."""

    detector: str
    checkpoint: str
    sha256: str  # of the checkpoint's weights
    channel: str
    score: Score  # of the clip: the mean over windows, each by its part of the sound
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of a clip, in seconds."""

    start: float
    stop: float


@dataclass(frozen=True, slots=True)
class Fused:
    """All calibrated detectors together; llr None where none is calibrated."""

    llr: float | None
    windows: tuple[tuple[Region, float], ...]  # (window, llr)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the numbers come to, in words."""

    lean: Lean
    text: str  # one or two sentences
    regions: tuple[Region, ...] = ()  # what leans spoofed, where only a part does


@dataclass(frozen=True, slots=True)
class Report:
    """All that is said of one clip, ready for JSON, HTML, PDF and the evidence bundle."""

    source: Source
    pcm_sha256: str
    changes: tuple[str, ...]
    notices: tuple[Notice, ...]
    detections: tuple[Detection, ...]
    fused: Fused
    verdict: Verdict
    versions: Mapping[str, str]
    settings: Mapping[str, str | float | int | bool]
    evidence: tuple[Evidence, ...] = field(default=())
