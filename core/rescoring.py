"""Changed sound through the ordinary scan: what every probe is made of.

A window, changed, is scored by `core.detect.scan` itself, on the device and with the arithmetic of
the settings; nothing about scoring is written twice. A change is made once for each input length,
so that detectors over one backbone go on sharing its pass.

Several windows give what a clip of several windows gives: the mean of the raw scores, calibrated;
the fused llr is that of `core.fusing`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import detect
from core.detect import Settings, Step, StopSign
from core.fusing import fuse
from core.pcm import ArraySamples
from core.types import Clip, Score, Window
from core.variants import CONTEXT, Change, NotApplicableError, Stretch
from core.windows import channel_of, sounding

if TYPE_CHECKING:
    from core.fusion import Fusion
    from core.loading import Loaded

FUSED = "fused"  # the id under which the fused llr stands beside the checkpoints


class StoppedError(Exception):
    """The person asked to stop; what was not finished is thrown away."""


@dataclass(frozen=True, slots=True)
class Probing:
    """How far a probe has come: `done` of `total` passes; `name` is what is being tried."""

    done: int
    total: int
    name: str
    detector: str
    seconds_left: float


OnProbing = Callable[[Probing], None]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the detectors say of one piece of sound.

    `scores` by checkpoint id; a detector that failed is missing, and `problems` says why.
    """

    scores: Mapping[str, Score]
    fused: float | None
    problems: tuple[str, ...] = ()

    def of(self, name: str) -> tuple[float | None, str]:
        """(number, "llr" or "spoof_logit") of a checkpoint, or of `FUSED`; llr where there is."""
        if name == FUSED:
            return self.fused, "llr"
        score = self.scores.get(name)
        if score is None or score.llr is None:
            return (None if score is None else score.spoof_logit), "spoof_logit"
        return score.llr, "llr"

    def beside(self, original: "Numbers", name: str) -> float | None:
        """The number to hold against that of `original`; None where there is none.

        A fused llr of fewer detectors is another number: it is not held against one of all.
        """
        if name == FUSED and self.scores.keys() != original.scores.keys():
            return None
        return self.of(name)[0]


@dataclass(slots=True)
class Bench:
    """What a probe scores with, and how far it has come. Lives as long as one probe.

    `total` is the number of passes (windows x detectors x pieces of sound) that are expected.
    """

    loaded: Sequence["Loaded"]
    settings: Settings
    fusion: "Fusion | None"
    on_step: OnProbing | None = None
    should_stop: StopSign | None = None
    total: int = 0
    done: int = 0
    begun: float = field(default_factory=monotonic)

    def windows(self, clip: Clip, windows: Sequence[Window], change: Change, name: str) -> Numbers:
        """Each window changed, and scored; one that the change does not apply to stays as it is.

        Raises
        ------
        NotApplicableError
            where the change means nothing for any of them.
        StoppedError
            where the person asked to stop.
        """
        groups: dict[int, list[Loaded]] = {}
        for one in self.loaded:
            groups.setdefault(one.detector.spec.samples, []).append(one)
        made, refused, sound = [], [], sounding(clip)
        for window in windows:
            for samples, group in groups.items():
                heard = detect.reach(window, samples, sound)
                piece = stretch(clip, heard, samples)
                try:
                    made.append((group, change(piece), heard))
                except NotApplicableError as error:
                    refused.append(error)
                    made.append((group, piece.real, heard))
        if len(refused) == len(made):
            raise refused[0]
        steps: list[Step] = []
        for group, wave, heard in made:
            whole = Window(0, len(wave))
            found = self._scan(clip_of(wave, clip), group, (whole,), name)
            steps += [_moved(step, heard) for step in found]
        return self._numbers(steps)

    def clip(self, clip: Clip, windows: Sequence[Window], name: str) -> Numbers:
        """Windows of a clip as they are."""
        return self._numbers(self._scan(clip, self.loaded, windows, name))

    def passed_over(self, passes: int) -> None:
        """Passes that were counted and turned out not to be needed."""
        self.done += passes

    def _scan(
        self, clip: Clip, loaded: Sequence["Loaded"], windows: Sequence[Window], name: str
    ) -> list[Step]:
        steps = []
        for step in detect.scan(clip, loaded, self.settings, self.should_stop, windows):
            steps.append(step)
            self._tick(name, step.loaded.detector.label)
        if not steps or steps[-1].done < steps[-1].total:
            raise StoppedError
        return steps

    def _tick(self, name: str, title: str) -> None:
        self.done += 1
        if self.on_step is not None:
            spent = monotonic() - self.begun
            left = spent / self.done * max(self.total - self.done, 0)
            self.on_step(Probing(self.done, max(self.total, self.done), name, title, left))

    def _numbers(self, steps: Sequence[Step]) -> Numbers:
        found = detect.detections(steps)
        problems = tuple(step.problem.text for step in steps if step.problem is not None)
        failed = {step.loaded.checkpoint.id for step in steps if step.problem is not None}
        whole = tuple(one for one in found if one.checkpoint not in failed)
        scores = {one.checkpoint: one.score for one in whole}
        return Numbers(scores, fuse(whole, self.fusion).llr, problems)


def _moved(step: Step, window: Window) -> Step:
    """A step over a cut piece, as one over the place that it was cut from."""
    if step.reading is None:
        return step
    return replace(step, reading=replace(step.reading, window=window))


def stretch(clip: Clip, heard: Window, samples: int) -> Stretch:
    """What a network of `samples` hears of a clip, and a second on either side."""
    first = max(heard.first - CONTEXT, 0)
    last = min(heard.last + CONTEXT, clip.samples.length)
    wave = np.array(channel_of(clip, heard.channel, first, last), np.float32)
    return Stretch(wave, heard.first - first, heard.last - first, samples, first)


def clip_of(wave: NDArray[np.float32], origin: Clip) -> Clip:
    """Changed sound as a clip of one channel; for scoring only: its hash is not that of `wave`."""
    return Clip(origin.source, ArraySamples(wave), origin.pcm_sha256, origin.changes, ())


def spread(windows: Sequence[Window], limit: int) -> tuple[Window, ...]:
    """At most `limit` windows, of the first window's channel, evenly from the first to the last."""
    own = [window for window in windows if window.channel == windows[0].channel]
    if len(own) <= limit:
        return tuple(own)
    places = np.linspace(0, len(own) - 1, limit).round().astype(int)
    return tuple(own[place] for place in places)


def titles_of(loaded: Sequence["Loaded"]) -> dict[str, str]:
    """Checkpoint id, and `FUSED`, -> what a person calls it; the id too where titles are equal.

    `FUSED` comes first, and only where several detectors are calibrated.
    """
    plain = [one.detector.label for one in loaded]
    named = {
        one.checkpoint.id: one.detector.label
        if plain.count(one.detector.label) == 1
        else f"{one.detector.label} ({one.checkpoint.id})"
        for one in loaded
    }
    calibrated = sum(one.calibration is not None for one in loaded)
    return {FUSED: "All detectors, fused", **named} if calibrated > 1 else named
