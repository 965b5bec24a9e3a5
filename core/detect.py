"""Detectors over windows: left to right, with progress, a way to stop, and no pass made twice.

Windows are the outer loop, detectors the inner one, so that results appear from left to right in
all detectors at once. What several detectors or windows have in common is computed once
(`core.sharing`).

One grid of windows serves all detectors, so that their scores of a stretch can be fused: it is
made for 64,600 samples, the published input of four of the five (and does not depend on which of
them are loaded). A detector that hears more (MamBo, 66,800) hears a little past its grid window,
and at the clip's end a little before it; one that hears less would make the grid finer.

Batch size is one: on a CPU a larger one is no faster (measured), and it holds back results.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from core import threads
from core.sentences import out_of_memory
from core.types import (
    RATE,
    ChannelPolicy,
    Clip,
    Detection,
    DetectorError,
    Evidence,
    Notice,
    Reading,
    Score,
    Window,
)
from core.windows import FRAME, SAMPLES, latest, segment, shares, sounding

if TYPE_CHECKING:
    from core.detectors.base import Output
    from core.loading import Loaded

Precision = Literal["float32", "bfloat16"]
StopSign = Callable[[], bool]
MAX_THREADS = 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """How a clip is scored; kept in every report, so that it can be scored again.

    Attributes
    ----------
    hop_seconds : from the start of one window to the start of the next.
    channels : what is scored where the channels differ.
    band : llr from -band to +band is inconclusive.
    precision : of the networks' arithmetic; bfloat16 changes scores a little.
    threads : of torch, at most as many as there are processors; 0 leaves torch's own choice.
    score_anyway : score what was refused for want of speech.
    skip_silence : leave out windows with hardly any speech.
    deterministic : refuse operations whose result may differ from run to run; by `prepare`.
    """

    hop_seconds: float = 4.0
    channels: ChannelPolicy = "mix"
    band: float = 1.0
    precision: Precision = "float32"
    threads: int = 0
    score_anyway: bool = False
    skip_silence: bool = False
    deterministic: bool = False

    def __post_init__(self) -> None:
        shortest = FRAME / RATE
        if not (isfinite(self.hop_seconds) and self.hop_seconds >= shortest):
            raise DetectorError(f"A hop of {self.hop_seconds} s; it must be {shortest} s or more.")
        if not (isfinite(self.band) and self.band >= 0):
            raise DetectorError(f"A band of {self.band}; it must be a number from 0 up.")
        if self.channels not in get_args(ChannelPolicy):
            raise DetectorError(
                f"Channels '{self.channels}'; there are {', '.join(get_args(ChannelPolicy))}."
            )
        if self.precision not in get_args(Precision):
            raise DetectorError(
                f"Precision '{self.precision}'; there are {', '.join(get_args(Precision))}."
            )
        if not 0 <= self.threads <= MAX_THREADS:
            raise DetectorError(f"{self.threads} threads; give 0 (automatic) to {MAX_THREADS}.")

    @property
    def hop(self) -> int:
        """Samples from window to window."""
        return round(self.hop_seconds * RATE)

    def as_record(self) -> dict[str, str | float | int | bool]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Step:
    """One reading more.

    `done` of `total` readings (windows x detectors); `window` of `windows`, counted from one.
    Where a detector failed, `reading` is None, `problem` says why, and that detector is not asked
    again; the others go on.
    """

    done: int
    total: int
    window: int
    windows: int
    loaded: "Loaded"
    reading: Reading | None
    seconds_left: float | None = None  # None until every detector was timed once
    problem: Notice | None = None


def prepare(settings: Settings) -> None:
    """Apply settings to all that a program does, beyond scans: threads and determinism."""
    import torch

    torch.set_num_threads(threads.used(settings.threads))
    decide_determinism(settings)


def decide_determinism(settings: Settings) -> None:
    """Refuse operations whose result may differ from run to run, or allow them: process-wide."""
    import torch

    torch.use_deterministic_algorithms(settings.deterministic)


def grid(clip: Clip, loaded: Sequence["Loaded"], settings: Settings) -> tuple[Window, ...]:
    """The windows that a scan goes through, left to right; see the module docstring."""
    samples = min([SAMPLES, *(one.detector.spec.samples for one in loaded)])
    # A network that hears less than a window must not leave gaps that nobody asked for.
    hop = min(settings.hop, samples) if samples < SAMPLES else settings.hop
    windows = segment(clip, samples, hop, settings.channels)
    return tuple(sorted(windows, key=lambda window: window.first))  # stable: channels keep order


def scan(
    clip: Clip,
    loaded: Sequence["Loaded"],
    settings: Settings | None = None,
    should_stop: StopSign | None = None,
    windows: Sequence[Window] | None = None,
) -> Iterator[Step]:
    """Score a clip window by window; one step a reading.

    Parameters
    ----------
    should_stop : asked before every reading; once true, the scan ends and what is done stays.
    windows : these instead of the whole grid, such as the windows of a chosen part.
    """
    settings = settings or Settings()
    windows = grid(clip, loaded, settings) if windows is None else windows
    listener = _Listener(clip, loaded, settings.precision)
    clock = _Clock(len(windows), [one.checkpoint.id for one in loaded])
    working, number = list(loaded), threads.used(settings.threads)
    done, total = 0, len(windows) * len(loaded)
    for index, window in enumerate(windows, start=1):
        for one in tuple(working):
            if should_stop is not None and should_stop():
                return
            begun = monotonic()
            with threads.limited(number):
                reading, problem = _attempt(listener, one, window)
            done += 1
            if problem is not None:
                working.remove(one)
                total -= len(windows) - index
            clock.note(one.checkpoint.id, monotonic() - begun, failed=problem is not None)
            left = clock.seconds_left()
            yield Step(done, total, index, len(windows), one, reading, left, problem)


def detections(steps: Iterable[Step]) -> tuple[Detection, ...]:
    """One Detection a checkpoint and channel; its clip score is the mean over its windows.

    Each window counts as much as its part of the sound (`core.windows.shares`). The llr of the clip
    is the calibration of that mean, not the mean of the windows' llrs.
    """
    readings: dict[tuple[str, str], list[Reading]] = {}
    loaded: dict[str, Loaded] = {}
    for step in steps:
        if step.reading is not None:
            one = step.loaded
            loaded.setdefault(one.checkpoint.id, one)
            key = (one.checkpoint.id, step.reading.window.channel)
            readings.setdefault(key, []).append(step.reading)
    return tuple(
        _detection(loaded[checkpoint], channel, tuple(found))
        for (checkpoint, channel), found in readings.items()
    )


def explain(
    clip: Clip, one: "Loaded", window: Window, precision: Precision = "float32"
) -> tuple[Evidence, ...]:
    """What one detector looked at in one window, computed for it alone."""
    listener = _Listener(clip, [one], precision)
    heard = reach(window, one.detector.spec.samples, listener.sound)
    return one.detector.evidence(listener.output(one, heard).trace, heard)


def reach(window: Window, samples: int, sound: tuple[int, int]) -> Window:
    """The stretch around a grid window that a network of `samples` hears of real audio.

    From the window's start; where the sound ends moved back, whole frames of 320 samples from its
    beginning, so that it is filled with sound rather than with repetition. `sound` is what
    `core.windows.sounding` says of the clip; silence inside the window itself is heard, since
    somebody asked for it.
    """
    begin, end = min(sound[0], window.first), max(sound[1], window.last)
    if window.first + samples <= end:
        return replace(window, last=window.first + samples)
    return replace(window, first=min(window.first, latest(begin, end, samples)), last=end)


def _detection(one: "Loaded", channel: str, readings: tuple[Reading, ...]) -> Detection:
    parts = shares([reading.window for reading in readings])
    logit = float(parts @ np.array([reading.score.spoof_logit for reading in readings]))
    checkpoint = one.checkpoint
    return Detection(
        checkpoint.detector, checkpoint.id, checkpoint.sha256, channel, _score(one, logit), readings
    )


def _score(one: "Loaded", spoof_logit: float) -> Score:
    return Score(spoof_logit, one.calibration.llr(spoof_logit) if one.calibration else None)


def _attempt(
    listener: "_Listener", one: "Loaded", window: Window
) -> tuple[Reading | None, Notice | None]:
    """A reading, or why there is none; a bug is not caught."""
    title = one.detector.label
    try:
        return listener.reading(one, window), None
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        return None, Notice("out-of-memory", out_of_memory(title))
    except DetectorError as error:
        return None, Notice("detector-failed", str(error))


def _is_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text


class _Listener:
    """What a scan scores with: the clip, the passes made for it, the arithmetic."""

    def __init__(self, clip: Clip, loaded: Sequence["Loaded"], precision: Precision) -> None:
        from core.sharing import Passes

        self.clip, self.precision, self.sound = clip, precision, sounding(clip)
        self.passes = Passes(clip, [one.detector for one in loaded])

    def reading(self, one: "Loaded", window: Window) -> Reading:
        heard = reach(window, one.detector.spec.samples, self.sound)
        logit = float(self.output(one, heard).spoof_logit.float()[0])
        if not isfinite(logit):
            raise DetectorError(
                f"{one.detector.label} gave {logit} for {heard.start:.1f}–{heard.stop:.1f} s, not "
                "a number; it was left out from there on."
            )
        padded = (one.detector.spec.samples - (heard.last - heard.first)) / RATE
        return Reading(heard, _score(one, logit), padded)

    def output(self, one: "Loaded", heard: Window) -> "Output":
        import torch

        from core.sharing import device_of

        with ExitStack() as modes:  # left before the caller is back: no mode outlives the call
            modes.enter_context(torch.inference_mode())
            modes.enter_context(_arithmetic(device_of(one.detector).type, self.precision))
            return one.detector.decide(self.passes.features(one.detector, heard))


def detector_device(one: "Loaded") -> str:
    """Where a detector's weights are, such as "cpu"."""
    from core.sharing import device_of

    return str(device_of(one.detector))


def _arithmetic(device: str, precision: Precision) -> AbstractContextManager[object]:
    import torch

    kind = torch.device(device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=precision == "bfloat16")


class _Clock:
    """Time left, from each detector's own mean time for a window."""

    def __init__(self, windows: int, ids: Sequence[str]) -> None:
        self._left: dict[str, int] = dict.fromkeys(ids, windows)
        self._spent: dict[str, tuple[float, int]] = {}

    def note(self, name: str, seconds: float, *, failed: bool) -> None:
        spent, count = self._spent.get(name, (0.0, 0))
        self._spent[name] = (spent + seconds, count + 1)
        self._left[name] = 0 if failed else self._left[name] - 1

    def seconds_left(self) -> float | None:
        waiting: Mapping[str, int] = {n: left for n, left in self._left.items() if left}
        if any(name not in self._spent for name in waiting):
            return None
        return sum(left * _mean(*self._spent[name]) for name, left in waiting.items())


def _mean(total: float, count: int) -> float:
    return total / count
