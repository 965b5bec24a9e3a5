"""What the app keeps between two clicks: detectors that are loaded, and the clip in hand.

The app knows nothing of torch or the checkpoint store; it asks here. Heavy modules are imported by
the methods that need them, so that the first page is on screen before torch is.
"""

import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checkpoints import store
from checkpoints.card import BACKBONE, CheckpointError
from checkpoints.store import Checkpoint
from core.limits import Limits
from core.types import (
    AudioError,
    ChannelPolicy,
    Clip,
    Detection,
    DetectorError,
    Evidence,
    Notice,
    Reading,
    Report,
    Score,
    Window,
)

if TYPE_CHECKING:
    from core.detect import Settings, Step
    from core.display import Overview
    from core.faithfulness import Faithfulness
    from core.loading import Loaded
    from core.preferences import Preferences
    from core.quality import Quality

__all__ = ["PROBLEMS", "Checkpoint", "Inspection", "Limits", "Workbench"]
PROBLEMS = (
    AudioError,
    CheckpointError,
    DetectorError,
)  # what is said to a person; no more, no less


class Workbench:
    """The detectors of one running app, each loaded and self-tested once."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits.here()
        self._lock = threading.Lock()
        self._loaded: dict[tuple[str, str], Loaded] = {}  # by id and weights: cards differ

    @staticmethod
    def installed() -> tuple[Checkpoint, ...]:
        """Every usable checkpoint with a detector; light, no weights are read."""
        return tuple(one for one in store.installed() if one.detector != BACKBONE)

    @staticmethod
    def backbones() -> tuple[Checkpoint, ...]:
        """The checkpoints that detectors stand on and that score nothing by themselves."""
        return tuple(one for one in store.installed() if one.detector == BACKBONE)

    @staticmethod
    def unusable() -> tuple[str, ...]:
        """A sentence for each checkpoint folder that cannot be used."""
        return store.survey()[1]

    @staticmethod
    def chosen(checkpoints: Sequence[str] = ()) -> tuple[Checkpoint, ...]:
        """The checkpoints with these ids; without any, the default one of each detector."""
        from core import loading

        return loading.choose(checkpoints=checkpoints)

    @staticmethod
    def settings() -> "Settings":
        """How clips are scored where nobody asked for anything else."""
        from core import detect

        return detect.Settings()

    def preferences(self, kept: Mapping[str, Any] | None = None) -> "Preferences":
        """What a browser kept of how clips are to be scored, as far as it can be used."""
        from core import preferences

        found = preferences.read(kept, [one.id for one in self.installed()])
        return self._allowed(found)

    def demanded(self, asked: Mapping[str, Any] | None = None) -> "Preferences":
        """What a program asks for.

        Raises
        ------
        DetectorError
            where it cannot be had, with the reason.
        """
        from core import preferences

        installed = [one.id for one in self.installed()]
        found = preferences.demand({} if asked is None else asked, installed)
        allowed = self._allowed(found)
        if allowed != found:
            raise DetectorError(
                "This server is shared: threads and deterministic cannot be chosen, and "
                f"hop_seconds is {self.limits.shortest_hop} or more."
            )
        return found

    def _allowed(self, found: "Preferences") -> "Preferences":
        from core import preferences

        if not self.limits.space:
            return found
        return preferences.in_public(found, self.limits.shortest_hop)

    def default_ids(self) -> list[str]:
        """The checkpoints that score where nobody named any.

        The same as those of `chosen()`, found without importing a network: the first page asks.
        """
        best: dict[str, Checkpoint] = {}
        for one in self.installed():
            if one.detector not in best or (
                one.card["default"] and not best[one.detector].card["default"]
            ):
                best[one.detector] = one
        return [one.id for one in best.values()]

    @staticmethod
    def prepare(settings: "Settings") -> None:
        """Apply what holds for the whole process: determinism."""
        from core import detect

        detect.decide_determinism(settings)

    def load(self, checkpoint: Checkpoint) -> "Loaded":
        """The detector of a checkpoint, from memory where it was loaded before.

        Raises
        ------
        CheckpointError
            where the weights are not what their card says.
        """
        from core import loading

        key = (checkpoint.id, checkpoint.sha256)
        if (found := self._loaded.get(key)) is not None:
            return found  # without the lock, which a copy of this process may have got closed
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = loading.load(checkpoint, list(self._loaded.values()))
            return self._loaded[key]

    def is_loaded(self, checkpoint: Checkpoint) -> bool:
        return (checkpoint.id, checkpoint.sha256) in self._loaded

    def analyse(
        self, path: Path, name: str, asked: "Preferences", device: str = "cpu"
    ) -> dict[str, Any]:
        """One recording, the whole way, as the record of `analyze --json`.

        Raises
        ------
        AudioError, CheckpointError, DetectorError
            with a sentence for whoever gave the file.
        """
        from core import analysis, loading, report

        loaded = tuple(self.load(checkpoint) for checkpoint in self.chosen(asked.checkpoints))
        if device != "cpu":
            loaded = loading.copies(loaded, device)
        self.prepare(asked.settings)
        found = analysis.analyse(
            path, loaded, asked.settings, name=name, limits=self.limits.for_intake()
        )
        return report.to_record(found)

    def warm(self) -> None:
        """Import what the first clip will need, and load the default detectors."""
        from core import analysis, figures, intake, quality  # noqa: F401 - the import is the work

        for checkpoint in self.chosen():
            self.load(checkpoint)


@dataclass(slots=True, weakref_slot=True, eq=False)
class Inspection:
    """One clip on the bench, with all that was found so far. The one mutable value of the app."""

    clip: Clip
    quality: "Quality"
    folder: Path
    extra: tuple[Notice, ...] = ()  # what is known from elsewhere, such as "from the microphone"
    settings: "Settings | None" = None
    loaded: tuple["Loaded", ...] = ()
    steps: list["Step"] = field(default_factory=list)
    report: Report | None = None
    window: Window | None = None  # the one whose evidence is on show
    tab: int = 0  # which detector's evidence is on show
    path: Path | None = None  # what was handed in, as long as it is there
    stopping: threading.Event = field(default_factory=threading.Event)
    halting: threading.Event = field(default_factory=threading.Event)  # the same for evidence
    left: bool = False  # another clip took its place, or it was taken away
    explained: dict[tuple[str, Window], tuple[Evidence, ...]] = field(default_factory=dict)
    attributed: dict[tuple[str, Window], tuple[Evidence, ...]] = field(default_factory=dict)
    faithful: "dict[tuple[str, Window, str], Faithfulness]" = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        path: Path,
        name: str,
        limits: "Limits",
        extra: tuple[Notice, ...] = (),
        channels: ChannelPolicy = "mix",
    ) -> "Inspection":
        """Decode and measure a file; `extra` is what else its reader should know.

        Raises
        ------
        AudioError
            where no sound could be read.
        """
        from core import intake, quality

        clip = intake.decode(path, name, limits.for_intake())
        folder = Path(tempfile.mkdtemp(prefix="spoofscope-"))
        opened = cls(clip, quality.measure(clip, channels), folder, extra, path=path)
        weakref.finalize(opened, shutil.rmtree, folder, ignore_errors=True)
        return opened

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Everything that a reader should know of the clip, in the order in which it was found."""
        if self.report is not None:
            return self.report.notices
        return self.extra + self.clip.notices + self.quality.notices

    def draw(self) -> "tuple[Overview, Path]":
        """The overview and the copy to listen to."""
        from core import display

        seen = display.overview(self.clip.samples)
        target = self.folder / f"{self.stem} listening copy"
        return seen, display.listening_copy(self.clip.samples, target)

    @property
    def stem(self) -> str:
        """The clip's name, fit for the name of a file that is made from it."""
        stem = Path(self.clip.source.name).stem[:60] or "clip"
        return "".join(c if c.isalnum() or c in "-_ " else "_" for c in stem)

    def refusal(self, settings: "Settings") -> Notice | None:
        """Why the clip is not scored, None where it is."""
        from core import analysis

        return analysis.refusal_of(self.quality, settings)

    def scan(self, loaded: Sequence["Loaded"], settings: "Settings") -> Iterator["Step"]:
        """Score the clip from left to right; ends early once `stopping` is set."""
        from core import analysis, detect

        self.loaded = tuple(loaded)
        self.settings = settings
        self.report = None
        self.steps.clear()
        windows = analysis.windows_to_score(self.clip, self.quality, loaded, settings)
        for step in detect.scan(self.clip, loaded, settings, self.stopping.is_set, windows):
            self.steps.append(step)
            yield step

    def conclude(self) -> Report:
        """The report of what was scored so far."""
        from core import analysis

        report = analysis.conclude(self.clip, self.quality, self.loaded, self.steps, self.settings)
        self.report = replace(report, notices=self.extra + report.notices)
        return self.report

    def write_report(self) -> tuple[Path, Path]:
        """The report as JSON and its windows as CSV, in files of the inspection's own folder."""
        from core import report

        if self.report is None:
            raise ValueError("the clip has no report yet")
        json, csv = (self.folder / f"{self.stem} report.{kind}" for kind in ("json", "csv"))
        json.write_text(report.to_json([report.to_record(self.report)]), encoding="utf-8")
        csv.write_text(report.to_csv([self.report]), encoding="utf-8")
        return json, csv

    def write_page(self) -> Path:
        """The report as one HTML file that needs nothing else."""
        from core import report_html

        if self.report is None:
            raise ValueError("the clip has no report yet")
        strongest = [
            (one.checkpoint.sha256, window)
            for one in self.loaded
            if (window := self.strongest(one.checkpoint.id)) is not None
        ]
        shown = [one for key in strongest for one in self.explained.get(key, ())]
        page = self.folder / f"{self.stem} report.html"
        full = replace(self.report, evidence=tuple(shown))
        page.write_text(report_html.to_html([full]), encoding="utf-8")
        return page

    def detections(self) -> tuple[Detection, ...]:
        """What the steps so far come to."""
        from core import detect

        return detect.detections(self.steps)

    def readings(self, checkpoint: str) -> tuple[Reading, ...]:
        """What one checkpoint said so far, from left to right."""
        own = [step for step in self.steps if step.loaded.checkpoint.id == checkpoint]
        return tuple(step.reading for step in own if step.reading is not None)

    def strongest(self, checkpoint: str) -> Window | None:
        """The window that speaks loudest for spoof, in the eyes of one checkpoint."""
        own = self.readings(checkpoint)
        best = max(own, key=lambda reading: reading.score.spoof_logit, default=None)
        return None if best is None else best.window

    def windows(self, checkpoint: str) -> tuple[Window, ...]:
        """The windows that one checkpoint has scored, in order."""
        return tuple(reading.window for reading in self.readings(checkpoint))

    def score(self, checkpoint: str, window: Window) -> Score | None:
        """What one checkpoint said of one window."""
        found = (one.score for one in self.readings(checkpoint) if one.window == window)
        return next(found, None)

    def windows_done(self) -> tuple[int, int]:
        """How many windows every detector has scored, of how many."""
        if not self.steps:
            return 0, 0
        last = self.steps[-1]
        complete = last.loaded is self.loaded[-1]
        return last.window if complete else last.window - 1, last.windows

    def explain(self, loaded: "Loaded", window: Window) -> tuple[Evidence, ...]:
        """The evidence of one window, computed on demand and then kept."""
        from core import detect, numbers

        key = (loaded.checkpoint.sha256, window)
        if key not in self.explained:
            found = detect.explain(self.clip, loaded, window)
            known = loaded.checkpoint.card.get("dimensions", ())
            names = {f"d{one['dim']}": _association(one) for one in known}
            self.explained[key] = tuple(numbers.relabel(one, names) for one in found)
        return self.explained[key]

    def shown(self, loaded: "Loaded", window: Window) -> tuple[Evidence, ...]:
        """All pictures of one window that were made so far."""
        own = self.explain(loaded, window)
        return own + self.attributed.get((loaded.checkpoint.sha256, window), ())


def _association(one: Mapping[str, Any]) -> str:
    """A dimension and the training attack that it went with."""
    return f"d{one['dim']} · {one['attack']} · nMI {one['nmi']:.2f}"
