"""The Report tab: files for others to read, and the verification of a bundle."""

import json as json_text
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core import sentences
from core.limits import Limits
from core.types import DetectorError
from core.workbench import PROBLEMS, Inspection, Workbench
from ui import desk_texts as texts
from ui import markup, uploads
from ui.batch import Desk, several
from ui.compare import Wanted
from ui.texts import BUG

if TYPE_CHECKING:
    from core.detect import Settings
    from core.dossier import Order, Subject
    from core.verification import Outcome

Updates = dict[Any, Any]
LABELS = {
    "HTML": "html", "PDF": "pdf", "JSON": "json", "CSV": "csv", "Evidence bundle (zip)": "bundle",
}  # fmt: skip
KEPT = 20  # inspected clips that are remembered
MARKS = {"IDENTICAL": "✓", "WITHIN TOLERANCE": "≈", "CHANGED": "✗"}


@dataclass(slots=True, weakref_slot=True, eq=False)
class Session:
    """What one visitor analysed since the page was opened."""

    folder: Path
    inspections: list[Inspection] = field(default_factory=list)
    subjects: dict[str, "Subject"] = field(default_factory=dict)

    @classmethod
    def open(cls) -> "Session":
        session = cls(Path(tempfile.mkdtemp(prefix="spoofscope-report-")))
        weakref.finalize(session, shutil.rmtree, session.folder, ignore_errors=True)
        return session


@dataclass(frozen=True, slots=True)
class Tab:
    """The components of the tab."""

    clips: gr.CheckboxGroup
    upload: gr.File
    case: gr.Textbox
    examiner: gr.Textbox
    note: gr.Textbox
    formats: gr.CheckboxGroup
    maps: gr.Checkbox
    originals: gr.Checkbox
    make: gr.Button
    said: gr.HTML
    files: gr.File
    bundle: gr.File
    recordings: gr.File
    verify: gr.Button
    outcome: gr.HTML
    session: gr.State


def build() -> Tab:
    """Lay out the tab."""
    with gr.Row():
        with gr.Column(scale=3, min_width=340):
            gr.HTML(f"<h2>Report</h2>{markup.foot(texts.REPORT_HELP)}")
            clips = gr.CheckboxGroup(
                [], label=texts.REPORT_CLIPS, info=texts.REPORT_NOTHING, elem_id="report-clips"
            )
            upload = gr.File(label=texts.REPORT_UPLOAD, height=128, elem_id="report-upload")
            vars(upload)["preprocess"] = uploads.named
            with gr.Row():
                case = gr.Textbox(label=texts.REPORT_CASE, elem_id="report-case")
                examiner = gr.Textbox(label=texts.REPORT_EXAMINER, elem_id="report-examiner")
            note = gr.Textbox(label=texts.REPORT_NOTE, lines=3, elem_id="report-note")
            formats = gr.CheckboxGroup(
                list(LABELS), value=["HTML", "Evidence bundle (zip)"], label=texts.REPORT_FORMATS,
                elem_id="report-formats",
            )  # fmt: skip
            maps = gr.Checkbox(value=True, label=texts.REPORT_MAPS, container=False)
            originals = gr.Checkbox(value=False, label=texts.REPORT_ORIGINALS, container=False)
            make = gr.Button(texts.REPORT_MAKE, variant="primary", size="sm", elem_id="report-make")
            said = gr.HTML("", elem_id="report-said")
            files = gr.File(
                label=texts.REPORT_FILES, file_count="multiple", interactive=False, visible=False,
                elem_id="report-files",
            )  # fmt: skip
        with gr.Column(scale=2, min_width=340):
            gr.HTML(f"<h2>Verify</h2>{markup.foot(texts.VERIFY_HELP)}")
            bundle = gr.File(label=texts.VERIFY_BUNDLE, height=128, elem_id="verify-bundle")
            recordings = gr.File(
                label=texts.VERIFY_CLIPS, file_count="multiple", height=128, elem_id="verify-clips"
            )
            for one in (bundle, recordings):
                vars(one)["preprocess"] = several
            verify = gr.Button(texts.VERIFY_GO, size="sm", elem_id="verify-go")
            outcome = gr.HTML("", elem_id="verify-outcome")
    return Tab(
        clips, upload, case, examiner, note, formats, maps, originals, make, said, files,
        bundle, recordings, verify, outcome, gr.State(None),
    )  # fmt: skip


def wire(
    tab: Tab,
    opened: gr.Tab,
    states: Sequence[gr.State],
    kept: gr.BrowserState,
    bench: Workbench,
    limits: Limits,
) -> None:
    """Connect the tab.

    Parameters
    ----------
    opened : the tab itself; what can be reported is listed whenever it is opened.
    states : of Inspect, Batch and Compare, in this order.
    kept : the settings of this browser.
    """
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    light: dict[str, Any] = {**quiet, "queue": False}
    work: dict[str, Any] = {**quiet, "concurrency_id": "model", "concurrency_limit": 1}
    inspected, batch, comparison = states
    inspected.change(remember, [tab.session, inspected], tab.session, **light)
    listing = [tab.session, inspected, batch, comparison, tab.clips]
    opened.select(listed, listing, [tab.session, tab.clips], **light)
    desk = Handlers(bench, limits)
    added = [tab.session, tab.clips, tab.said]
    tab.upload.upload(desk.add, [tab.session, tab.upload, tab.clips, kept], added, **work)
    fields = [tab.case, tab.examiner, tab.note, tab.formats, tab.maps, tab.originals]
    tab.make.click(desk.make, [tab.session, tab.clips, *fields], [tab.said, tab.files], **work)
    tab.verify.click(desk.verify, [tab.bundle, tab.recordings, kept], tab.outcome, **work)
    for one in (tab.bundle, tab.recordings):
        for event in (one.upload, one.clear):
            event(lambda: "", None, tab.outcome, **light)


def remember(session: Session | None, inspection: Inspection | None) -> Session:
    """Keep hold of a clip that was opened in Inspect, so that it can be reported later."""
    session = session or Session.open()
    if inspection is not None and inspection not in session.inspections:
        session.inspections.append(inspection)
        del session.inspections[:-KEPT]
    return session


def listed(
    session: Session | None,
    inspection: Inspection | None,
    desk: Desk | None,
    wanted: Wanted | None,
    chosen: list[str],
) -> tuple[Session, Any]:
    """All recordings that have a report, those chosen before still chosen; else the last."""
    from core.dossier import Subject

    session = remember(session, inspection)
    seen = list(session.inspections)
    if wanted is not None and wanted.pair is not None:
        seen += [half.inspection for half in wanted.pair.sides]
    found = [Subject(one.report, one.clip, one.path) for one in seen if one.report is not None]
    for row in desk.rows if desk is not None else ():
        if (report := row.report) is not None:
            found.append(Subject(report, None, row.path))
    for subject in found:
        if subject.key not in session.subjects or subject.clip is not None:
            session.subjects[subject.key] = subject
    choices = [(_label(one), key) for key, one in session.subjects.items()]
    kept = [key for key in chosen if key in session.subjects]
    value = kept or [key for _, key in choices[-1:]]
    info = None if choices else texts.REPORT_NOTHING
    return session, gr.CheckboxGroup(choices=choices, value=value, info=info)


def _label(subject: "Subject") -> str:
    report = subject.report
    ids = dict.fromkeys(one.checkpoint for one in report.detections)
    name = sentences.shown(report.source.name)
    parts = [name, sentences.clock(report.source.seconds), report.verdict.lean, ", ".join(ids)]
    channel = report.settings.get("channels", "mix")
    return " · ".join([*(p for p in parts if p), *([f"{channel}"] if channel != "mix" else [])])


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the two buttons do."""

    bench: Workbench
    limits: Limits

    def add(
        self, session: Session | None, given: str | None, chosen: list[str], kept: Any = None
    ) -> Iterator[tuple[Any, Any, Any]]:
        """Analyse one more recording, and choose it."""
        stay = gr.skip()
        if given is None:
            return
        path, name = json_text.loads(given)
        try:
            mine = self.bench.preferences(kept)
            inspection = Inspection.open(uploads.uploaded(path), name, self.limits)
            yield stay, stay, markup.progress(texts.REPORT_WORKING_ON.format(name=name))
            loaded = [self.bench.load(one) for one in self.bench.chosen(mine.checkpoints)]
            if not self.limits.space:
                self.bench.prepare(mine.settings)
            if loaded and inspection.refusal(mine.settings) is None:
                for step in inspection.scan(loaded, mine.settings):
                    title, left = step.loaded.detector.label, step.seconds_left
                    said = sentences.scoring(step.window, step.windows, title, left)
                    yield stay, stay, markup.progress(said, step.done, step.total)
            inspection.loaded, inspection.settings = tuple(loaded), mine.settings
            inspection.conclude()
        except PROBLEMS as problem:
            yield stay, stay, markup.head("not scored", "Not analysed", str(problem))
            return
        session, update = listed(session, inspection, None, None, chosen)
        newest = list(session.subjects)[-1]
        update = gr.CheckboxGroup(
            choices=update.choices, value=list(dict.fromkeys([*chosen, newest])), info=None
        )
        yield session, update, markup.progress(texts.REPORT_ADDED.format(name=name))

    def make(
        self,
        session: Session | None,
        chosen: list[str],
        case: str,
        examiner: str,
        note: str,
        *choices: Any,
    ) -> Iterator[tuple[Any, Any]]:
        """Write what was asked for, with a line for each step."""
        from core.dossier import Order, heading

        nothing = gr.update(value=None, visible=False)
        formats = [LABELS[name] for name in choices[0]]
        known = {} if session is None else session.subjects
        subjects = [known[key] for key in chosen if key in known]
        if session is None or not subjects or not formats:
            yield markup.progress(texts.REPORT_CHOOSE), nothing
            return
        try:
            order = Order(formats, heading(case, examiner, note), choices[1], choices[2])
            yield from self._write(session, subjects, order)
        except (*PROBLEMS, OSError) as problem:
            yield markup.head("not scored", "No report was made", str(problem)), nothing
        except Exception:
            yield markup.progress(BUG), nothing
            raise

    def _write(
        self, session: Session, subjects: "list[Subject]", order: "Order"
    ) -> Iterator[tuple[Any, Any]]:
        from core import dossier

        nothing = gr.update(value=None, visible=False)
        used = dict.fromkeys(one.checkpoint for s in subjects for one in s.report.detections)
        there = [one for one in self.bench.installed() if one.id in used]
        if order.maps and dossier.NEEDS_MAPS & set(order.formats):
            loaded = {one.id: self.bench.load(one) for one in there}
            for number, subject in enumerate(subjects):
                name = sentences.shown(subject.report.source.name)
                line = texts.REPORT_WORKING.format(name=name, done=number + 1, total=len(subjects))
                yield markup.progress(line, number, len(subjects)), nothing
                subjects[number] = dossier.with_maps(subject, loaded, self.limits.for_intake())
        folder = Path(tempfile.mkdtemp(dir=session.folder))
        cards = {one.id: one.card for one in there}
        made = dossier.Made(())
        for name, made in dossier.write(folder, subjects, order, cards):
            done = len(made.files)
            line = texts.REPORT_WORKING.format(name=name, done=done, total=len(order.formats))
            yield markup.progress(line, done, len(order.formats)), nothing
        yield _made(made), gr.update(value=[str(path) for path in made.files], visible=True)

    def verify(
        self, bundle: list[str] | None, clips: list[str] | None, kept: Any = None
    ) -> Iterator[str]:
        """Check a bundle, then say so."""
        if not bundle:
            yield markup.progress(texts.VERIFY_NEED)
            return
        yield markup.progress(texts.VERIFYING)
        try:
            yield from self._verified(bundle[0], clips or [], self.bench.preferences(kept).settings)
        except (*PROBLEMS, OSError) as problem:
            yield markup.head("not scored", "Not verified", str(problem))
        except Exception:
            yield markup.progress(BUG)
            raise

    def _verified(self, bundle: str, clips: list[str], mine: "Settings") -> Iterator[str]:
        from core import verification

        path = uploads.uploaded(json_text.loads(bundle)[0])
        if path.stat().st_size > self.limits.max_bytes:
            raise DetectorError(
                sentences.huge(path.name, path.stat().st_size, self.limits.max_bytes)
            )
        given = [uploads.uploaded(json_text.loads(one)[0]) for one in clips]
        try:
            yield verified(verification.verify(path, given))
        finally:
            self.bench.prepare(mine)  # verification scores as the bundle says


def _made(made: Any) -> str:
    files = len(made.files)
    said = [texts.REPORT_MADE.format(count=f"{files} file" + ("s" if files != 1 else ""))]
    if made.manifest is not None:
        said.append(texts.REPORT_MANIFEST.format(digest=made.manifest))
    if made.without_original:
        names = ", ".join(sentences.shown(name) for name in made.without_original)
        said.append(texts.REPORT_NO_ORIGINAL.format(names=names))
    return "".join(markup.foot(line) for line in said)


def verified(found: "Outcome") -> str:
    """The word of a verification, what it means, and why."""
    said = texts.VERIFY_SAID[found.word]
    if found.same and not found.scored_again:
        said = texts.VERIFY_RECORD_ONLY
    elif not found.scored_again:
        said = texts.VERIFY_NOT_AS_MADE
    kind = found.word.lower().replace(" ", "-")
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in found.reasons)
    return (
        f'<div class="strip verified {kind}" role="status"><p class="lean">'
        f'<span class="symbol" aria-hidden="true">{MARKS[found.word]}</span>'
        f'{escape(found.verdict)}</p><p class="said">{escape(said)}</p>'
        f'<ul class="reasons">{reasons}</ul></div>'
    )
