"""Many recordings, one after another: a row each as it is finished, and what all of them come to.

A recording that cannot be read is a row with its reason. Stopping keeps the rows that are done;
what was in hand is dropped, so that a row is always a whole clip. `core.gather` finds the files,
`core.result_cache` remembers results, `core.batch_files` writes CSV and HTML.

from core.batch import Batch, run

for event in run(Batch(gathered.items, loaded, folder=folder)):
    if isinstance(event, Row):
        print(event.lean, event.name)
"""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import analysis, detect, provenance, report, result_cache
from core.detect import Settings, Step
from core.gather import Bounds, Item, fetch
from core.intake import Limits, decode
from core.records import to_report
from core.types import RATE, AudioError, DetectorError, Region, Report
from core.verdict import BAND

if TYPE_CHECKING:
    from core.loading import Loaded
    from core.result_cache import ResultCache

BYTES_A_SECOND = {".wav": 64_000, ".aif": 64_000, ".aiff": 64_000, ".flac": 32_000}
COMPRESSED = 16_000  # bytes a second of everything else: 128 kbit/s
LEAN_ORDER = ("spoofed", "mixed", "inconclusive", "bona fide", "not scored")


@dataclass(frozen=True, slots=True)
class Highest:
    """The window that speaks loudest for spoof; `calibrated` tells an llr from a raw score."""

    value: float
    region: Region
    calibrated: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One recording that is done: `entry` is its record as `analyze --json` writes it."""

    number: int  # of the batch, from one
    name: str
    entry: Mapping[str, Any]
    path: Path | None = None  # where its bytes are; None where there are none
    remembered: bool = False  # found in the cache, not scored again
    seconds: float = 0.0  # that it took

    @property
    def problem(self) -> str | None:
        """Why it could not be read; None where it was."""
        found: str | None = self.entry.get("error")
        return found

    @property
    def lean(self) -> str:
        return str(self.entry["verdict"]["lean"])

    @property
    def llr(self) -> float | None:
        """The fused llr of the clip."""
        found: float | None = self.entry["fused"]["llr"]
        return found

    @property
    def highest(self) -> Highest | None:
        return highest(self.entry)

    @property
    def agreement(self) -> str:
        return agreement(self.entry)

    @property
    def report(self) -> Report | None:
        """The row as a report; None where the clip could not be read."""
        return None if self.problem is not None else to_report(self.entry)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a batch stands between two rows: `done` of `total` recordings, and the one in hand."""

    done: int
    total: int
    name: str
    step: Step | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be scored, with what, and within which bounds."""

    items: Sequence[Item]
    loaded: Sequence["Loaded"]
    folder: Path  # members of zips are unpacked here
    settings: Settings = field(default_factory=Settings)
    cache: "ResultCache | None" = None
    bounds: Bounds = field(default_factory=Bounds)
    limits: Limits = field(default_factory=Limits)


def run(
    batch: Batch, should_stop: Callable[[], bool] | None = None, skip: Sequence[int] = ()
) -> Iterator[Progress | Row]:
    """Score a batch from its first to its last recording.

    Parameters
    ----------
    should_stop : asked before every recording and every reading.
    skip : numbers of recordings that are done already.
    """
    stop = should_stop or (lambda: False)
    waiting = [n for n in range(1, len(batch.items) + 1) if n not in set(skip)]
    clock = _Clock({n: expected_seconds(batch.items[n - 1]) for n in waiting})
    done = len(batch.items) - len(waiting)
    for number in waiting:
        if stop():
            return
        begun = time.monotonic()
        item = batch.items[number - 1]
        yield Progress(done, len(batch.items), item.name, None, clock.left())
        for event in _one(batch, number, stop):
            if isinstance(event, Row):
                done += 1
                clock.note(number, time.monotonic() - begun, scored=not event.remembered)
                yield event
            else:
                left = clock.left(number, event)
                yield Progress(done, len(batch.items), item.name, event, left)


def _one(batch: Batch, number: int, stop: Callable[[], bool]) -> Iterator[Step | Row]:
    """The steps of one recording and its row; no row where it was stopped."""
    item = batch.items[number - 1]
    begun = time.monotonic()
    path: Path | None = None
    entry: Mapping[str, Any] | None
    remembered = False
    try:
        path = fetch(item, batch.folder, batch.bounds)
        key = "" if batch.cache is None else _key(path, batch)
        entry = None if batch.cache is None else batch.cache.find(key, item.name)
        remembered = entry is not None
        if entry is None:
            entry = yield from _scored(batch, path, item.name, stop)
            if entry is not None and batch.cache is not None:
                batch.cache.keep(key, entry)
    except (AudioError, DetectorError, MemoryError, OSError) as error:
        sentence = str(error) or f"Not enough memory for “{item.name}”."
        entry = report.unread(
            item.name, sentence, provenance.versions(), batch.settings.as_record()
        )
    if entry is not None:
        yield Row(number, item.name, entry, path, remembered, time.monotonic() - begun)


def _scored(
    batch: Batch, path: Path, name: str, stop: Callable[[], bool]
) -> Generator[Step, None, dict[str, Any] | None]:
    """`analysis.analyse`, with its steps given out; the record, None where it was stopped."""
    from core.quality import measure

    clip = decode(path, name, batch.limits)
    quality = measure(clip, batch.settings.channels)
    steps: list[Step] = []
    windows = analysis.windows_to_score(clip, quality, batch.loaded, batch.settings)
    for step in detect.scan(clip, batch.loaded, batch.settings, stop, windows):
        steps.append(step)
        yield step
    finished = not windows or (bool(steps) and steps[-1].done == steps[-1].total)
    if not finished:
        return None
    made = analysis.conclude(clip, quality, batch.loaded, steps, batch.settings)
    return report.to_record(made)


def _key(path: Path, batch: Batch) -> str:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return result_cache.key_of(digest, batch.loaded, batch.settings)


def highest(entry: Mapping[str, Any]) -> Highest | None:
    """The window that speaks loudest for spoof, by fused llr where there is one.

    Without any calibration, by the raw score of the first detector: raw scores of two detectors
    cannot be compared.
    """
    windows = entry["fused"]["windows"]
    key = "llr"
    if not windows:
        first = entry["detections"][:1]
        checkpoint = first[0]["checkpoint"] if first else None
        own = [one for one in entry["detections"] if one["checkpoint"] == checkpoint]
        windows = [window for one in own for window in one["windows"]]
        key = "spoof_logit"
    if not windows:
        return None
    best = max(windows, key=lambda window: window[key])
    return Highest(best[key], Region(best["start"], best["stop"]), key == "llr")


def agreement(entry: Mapping[str, Any]) -> str:
    """How many calibrated detectors stand where the fused llr stands, in words."""
    fused = entry["fused"]["llr"]
    llrs = [one["llr"] for one in entry["detections"] if one["llr"] is not None]
    if fused is None or not llrs:
        return "–"
    band = float(entry["settings"].get("band", BAND))
    sides = [_side(llr, band) for llr in llrs]
    if 1 in sides and -1 in sides:
        return f"disagree ({sides.count(1)} spoofed, {sides.count(-1)} bona fide)"
    if len(sides) == 1:
        return "one detector"
    same = sides.count(_side(fused, band))
    return f"all {len(sides)}" if same == len(sides) else f"{same} of {len(sides)}"


def by_highest(rows: Sequence[Row]) -> list[Row]:
    """The highest window first: llrs before raw scores, which mean less, then what has none."""

    def place(row: Row) -> tuple[int, float, int]:
        top = row.highest
        if top is None:
            return (2, 0.0, row.number)
        return (0 if top.calibrated else 1, -top.value, row.number)

    return sorted(rows, key=place)


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """How many recordings lean which way, and under "not read" those that could not be read."""
    found = Counter("not read" if row.problem is not None else row.lean for row in rows)
    return {name: found[name] for name in (*LEAN_ORDER, "not read")}


def expected_seconds(item: Item) -> float:
    """How long a recording may be: its header where that can be read, else by its size."""
    if item.problem is not None:
        return 0.0
    if item.path is not None and item.member is None:
        import soundfile

        try:
            return float(soundfile.info(str(item.path)).duration)
        except (soundfile.LibsndfileError, OSError, RuntimeError):
            pass
    return item.bytes / BYTES_A_SECOND.get(Path(item.name).suffix.lower(), COMPRESSED)


def pace(loaded: Sequence["Loaded"], settings: Settings) -> float:
    """Seconds that a window takes here with these detectors, measured on the self-test's signal."""
    from core.loading import golden_wave
    from core.pcm import ArraySamples
    from core.types import Clip, Source, Window

    if not loaded:
        return 0.0
    samples = max(one.detector.spec.samples for one in loaded)
    source = Source("", "", 0, "", "", RATE, 1, samples / RATE, "")
    clip = Clip(source, ArraySamples(golden_wave(samples)), "", (), ())
    begun = time.monotonic()
    for _ in detect.scan(clip, loaded, settings, None, (Window(0, samples),)):
        pass
    return time.monotonic() - begun


def estimate(items: Sequence[Item], window_seconds: float, settings: Settings) -> float:
    """Seconds that a batch will take at so many seconds a window; rough, for zips above all."""
    windows = sum(
        max(1.0, expected_seconds(item) / settings.hop_seconds)
        for item in items
        if item.problem is None
    )
    return windows * window_seconds


def _side(llr: float, band: float) -> int:
    return (llr > band) - (llr < -band)


class _Clock:
    """Time left, from the pace of the recordings that were scored, by their expected length."""

    def __init__(self, expected: dict[int, float]) -> None:
        self._waiting = {number: max(seconds, 1.0) for number, seconds in expected.items()}
        self._spent = self._sound = 0.0

    def note(self, number: int, spent: float, *, scored: bool) -> None:
        sound = self._waiting.pop(number)
        if scored:
            self._spent += spent
            self._sound += sound

    def left(self, number: int | None = None, step: Step | None = None) -> float | None:
        """Seconds left; while `number` is in hand, its own part as its scan says."""
        others = sum(seconds for n, seconds in self._waiting.items() if n != number)
        own = step.seconds_left if step is not None else 0.0
        if self._sound == 0:
            return own if others == 0 else None
        return None if own is None else own + others * self._spent / self._sound
