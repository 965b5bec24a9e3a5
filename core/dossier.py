"""Recordings that were analysed, and the files that are made of them for others to read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import report as reports
from core.bundle import Exhibit, write_bundle
from core.detect import Settings, explain
from core.fusing import installed_fusion
from core.intake import Limits, decode
from core.report_words import Heading
from core.types import Clip, DetectorError, Evidence, Report

if TYPE_CHECKING:
    from core.loading import Loaded

FORMATS = ("html", "pdf", "json", "csv", "bundle")
NEEDS_MAPS = frozenset({"html", "pdf", "bundle"})
FIELD_LIMIT = 2_000  # characters of case, examiner, note


@dataclass(frozen=True, slots=True)
class Subject:
    """One analysed recording: its report, and its sound or its file where they are still there."""

    report: Report
    clip: Clip | None = None
    path: Path | None = None

    @property
    def key(self) -> str:
        """What tells it from the others: the bytes and what they were scored with."""
        weights = ",".join(one.sha256[:8] + one.channel for one in self.report.detections)
        return f"{self.report.source.sha256[:16]}:{weights}:{self.report.settings.get('channels')}"

    def original(self) -> Path | None:
        """The file itself, if it is there and still what was analysed."""
        if self.path is None:
            return None
        try:
            with self.path.open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
        except OSError:
            return None
        return self.path if digest == self.report.source.sha256 else None


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made, from what an examiner filled in."""

    formats: Sequence[str]
    heading: Heading
    maps: bool = True
    originals: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """The files of a report; `manifest` is the SHA-256 of the bundle's manifest."""

    files: tuple[Path, ...]
    manifest: str | None = None
    without_original: tuple[str, ...] = ()


def heading(case: str, examiner: str, note: str) -> Heading:
    """The fields of an examiner with the time of day.

    Raises
    ------
    DetectorError
        where a field is longer than what is printed.
    """
    for name, text in (("Case", case), ("Examiner", examiner), ("Note", note)):
        if len(text) > FIELD_LIMIT:
            said = f"{name} has {len(text):,} characters; at most {FIELD_LIMIT:,} are printed."
            raise DetectorError(said)
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return Heading(case.strip(), examiner.strip(), note.strip(), made)


def with_maps(
    subject: Subject, loaded: Mapping[str, "Loaded"], limits: Limits | None = None
) -> Subject:
    """The same with the maps of each detector's highest window, as `analyze --bundle` keeps them.

    Parameters
    ----------
    loaded : detectors by checkpoint id; a report whose weights are not among them stays as it is.

    Raises
    ------
    AudioError
        where the recording has to be read again and cannot be.
    """
    detections = subject.report.detections
    known = all(
        one.checkpoint in loaded and loaded[one.checkpoint].checkpoint.sha256 == one.sha256
        for one in detections
    )
    clip = subject.clip
    if not known or not detections or (clip is None and subject.original() is None):
        return subject
    if clip is None and subject.path is not None:
        clip = decode(subject.path, subject.report.source.name, limits or Limits())
    if clip is None or clip.pcm_sha256 != subject.report.pcm_sha256:
        return subject
    precision = Settings().precision
    if subject.report.settings.get("precision") == "bfloat16":
        precision = "bfloat16"
    found: list[Evidence] = []
    for one in detections:
        best = max(one.readings, key=lambda reading: reading.score.spoof_logit)
        found += explain(clip, loaded[one.checkpoint], best.window, precision)
    return replace(subject, report=replace(subject.report, evidence=tuple(found)))


def write(
    folder: Path,
    subjects: Sequence[Subject],
    order: Order,
    cards: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, Made]]:
    """Write the files one after another; gives each format's name and all that is made by then."""
    made = Made(())
    found = [subject.report for subject in subjects]
    entries = [reports.to_record(one) for one in found]
    texts: dict[str, Callable[[], str | bytes]] = {
        "html": lambda: _html(found, order.heading),
        "pdf": lambda: _pdf(found, order.heading),
        "json": lambda: reports.to_json(entries),
        "csv": lambda: reports.to_csv(found).encode("utf-8", "replace"),
    }
    for name in (name for name in FORMATS if name in order.formats):
        if name == "bundle":
            made = _bundle(folder / "SpoofScope bundle.zip", subjects, order, cards, made)
        else:
            path = folder / f"SpoofScope report.{name}"
            reports.write_file(path, texts[name]())
            made = replace(made, files=(*made.files, path))
        yield name, made


def _bundle(
    path: Path,
    subjects: Sequence[Subject],
    order: Order,
    cards: Mapping[str, Mapping[str, Any]],
    made: Made,
) -> Made:
    originals = [subject.original() if order.originals else None for subject in subjects]
    exhibits = [
        Exhibit(reports.to_record(subject.report), subject.report, original)
        for subject, original in zip(subjects, originals, strict=True)
    ]
    used = {one.checkpoint for subject in subjects for one in subject.report.detections}
    own = {identity: card for identity, card in cards.items() if identity in used}
    digest = write_bundle(path, exhibits, own, order.heading, installed_fusion())
    gone = [
        subject.report.source.name
        for subject, original in zip(subjects, originals, strict=True)
        if order.originals and original is None
    ]
    return Made((*made.files, path), digest, tuple(gone))


def _html(found: Sequence[Report], heading_: Heading) -> bytes:
    from core.report_html import to_html

    return to_html(found, heading_).encode("utf-8", "replace")


def _pdf(found: Sequence[Report], heading_: Heading) -> bytes:
    from core.report_pdf import to_pdf

    return to_pdf(found, heading_)
