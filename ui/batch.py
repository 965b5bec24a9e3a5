"""The Batch tab: many recordings, a row each as it is finished, the highest window first."""

import json as json_text
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from core import batch_files, sentences
from core.batch import Batch, Progress, Row, by_highest, estimate, expected_seconds, pace, run
from core.gather import Bounds, Item, gather
from core.limits import Limits
from core.report import to_json
from core.result_cache import ResultCache
from core.sieve import Sieve
from core.types import Notice
from core.workbench import PROBLEMS, Workbench
from ui import batch_table, markup, settings, uploads
from ui import desk_texts as texts
from ui.filters import Filters, sieve
from ui.texts import BUG

Updates = dict[Any, Any]
TELL = 0.3  # seconds between two lines of progress
REDRAW = 0.7  # seconds between two tables


@dataclass(slots=True, weakref_slot=True, eq=False)
class Desk:
    """One batch of one visitor: what was handed in, and the rows so far."""

    items: tuple[Item, ...]
    notices: tuple[str, ...]
    folder: Path
    rows: list[Row] = field(default_factory=list)
    sieve: Sieve = field(default_factory=Sieve)
    scored_with: tuple[Any, ...] = ()  # checkpoints and settings of the rows
    stopping: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def open(cls, given: Sequence[tuple[Path, str]], bounds: Bounds) -> "Desk":
        """The batch that these files stand for; its own folder goes when it goes."""
        uploads_ = Path(get_upload_folder())
        uploads_.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="batch-", dir=uploads_))
        found = gather(given, bounds)
        desk = cls(found.items, found.notices, folder)
        weakref.finalize(desk, shutil.rmtree, folder, ignore_errors=True)
        return desk

    def row(self, number: int) -> Row | None:
        return next((row for row in self.rows if row.number == number), None)


@dataclass(frozen=True, slots=True)
class Tab:
    """The components of the tab."""

    file: gr.File
    folder: gr.UploadButton
    detectors: gr.CheckboxGroup
    how: gr.HTML
    remember: gr.Checkbox
    forget: gr.Button
    start: gr.Button
    stop: gr.Button
    listed: gr.HTML
    status: gr.HTML
    filters: Filters
    shown: gr.HTML
    table: gr.Dataframe
    csv: gr.DownloadButton
    json: gr.DownloadButton
    html: gr.DownloadButton
    state: gr.State
    picked: gr.State

    @property
    def outputs(self) -> list[Any]:
        return [
            self.start, self.stop, self.listed, self.status, self.shown, self.table,
            self.csv, self.json, self.html, self.state,
        ]  # fmt: skip


def build(bench: Workbench, limits: Limits) -> Tab:
    """Lay out the tab."""
    ids = [one.id for one in bench.installed()]
    chosen = bench.default_ids()
    files = limits.batch_files
    cache = ResultCache.here(limits)
    gr.HTML(markup.foot(texts.BATCH_HELP.format(files=files)))
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            file = gr.File(
                label=texts.BATCH_DROP.format(files=files),
                file_count="multiple",
                height=150,
                elem_id="batch-drop",
            )
            vars(file)["preprocess"] = several
            folder = gr.UploadButton(
                texts.BATCH_FOLDER, file_count="directory", size="sm", elem_id="batch-folder"
            )
            vars(folder)["preprocess"] = several
        with gr.Column(scale=2, min_width=340):
            detectors = gr.CheckboxGroup(
                ids, value=chosen, label=texts.BATCH_DETECTORS, elem_id="batch-detectors"
            )
            how = gr.HTML(markup.foot(settings.said(bench.preferences())), elem_id="batch-how")
            with gr.Row(equal_height=True, elem_classes="buttons"):
                start = gr.Button(
                    texts.START, variant="primary", size="sm", scale=0, min_width=130,
                    interactive=False, elem_id="batch-start",
                )  # fmt: skip
                stop = gr.Button(
                    texts.STOP, size="sm", scale=0, min_width=130, interactive=False,
                    elem_id="batch-stop",
                )  # fmt: skip
            kept = cache is not None
            with gr.Row(equal_height=True, visible=kept):
                remember = gr.Checkbox(kept, label=texts.BATCH_REMEMBER, container=False, scale=3)
                forget = gr.Button(texts.BATCH_FORGET, size="sm", scale=0, min_width=170)
            listed = gr.HTML(markup.foot(texts.BATCH_NONE), elem_id="batch-listed")
    status = gr.HTML("", elem_id="batch-status")
    filters = Filters.build()
    shown = gr.HTML("", elem_id="batch-shown")
    table = batch_table.build()
    gr.HTML(markup.foot(texts.BATCH_COLUMNS))
    with gr.Row(elem_classes="downloads"):
        csv, json, html = (
            gr.DownloadButton(
                label, size="sm", scale=0, min_width=170, interactive=False, elem_id=f"batch-{name}"
            )
            for label, name in ((texts.CSV, "csv"), (texts.JSON, "json"), (texts.HTML, "html"))
        )
    return Tab(
        file, folder, detectors, how, remember, forget, start, stop, listed, status, filters, shown,
        table,
        csv, json, html, gr.State(None), gr.State(None),
    )  # fmt: skip


def several(files: Any) -> list[str] | None:
    """Uploaded files as [path, name] in JSON each, with the names of their owner's machine."""
    if files is None:
        return None
    given = files if isinstance(files, list) else getattr(files, "root", [files])
    return [found for one in given if (found := uploads.named(one)) is not None]


def wire(
    tab: Tab,
    bench: Workbench,
    limits: Limits,
    kept: gr.BrowserState,
    demo: gr.Blocks,
    opened: Callable[[Any, gr.State], None],
) -> None:
    """Connect the tab.

    Parameters
    ----------
    kept : the settings of this browser, which the tab follows.
    demo : the page.
    opened : is given the event of a picked row and the state that holds it, and opens it.
    """
    desk = Handlers(tab, bench, limits)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    light: dict[str, Any] = {**quiet, "queue": False}
    for event in (demo.load, kept.change):
        event(desk.follow, kept, [tab.detectors, tab.how], **light)
    for control in tab.filters.inputs:
        control.change(
            desk.filter, [tab.state, *tab.filters.inputs], [tab.table, tab.shown], **light
        )
    for source in (tab.file, tab.folder):
        halted = source.upload(_halt, tab.state, None, **light)
        halted.then(
            desk.handed_in, [source, tab.detectors, kept, *tab.filters.inputs], tab.outputs, **quiet
        )
    cleared = tab.file.clear(_halt, tab.state, None, **light)
    cleared.then(desk.clear, None, tab.outputs, **light)
    inputs = [tab.state, tab.detectors, tab.remember, kept]
    tab.start.click(
        desk.start, inputs, tab.outputs, concurrency_id="batch", concurrency_limit=1, **quiet
    )
    tab.stop.click(_stop, tab.state, tab.status, **light)
    tab.forget.click(desk.forget, None, tab.status, **light)
    picked = tab.table.select(desk.pick, tab.state, [tab.picked, tab.status], **light)
    opened(picked, tab.picked)


def _halt(desk: Desk | None) -> None:
    if desk is not None:
        desk.stopping.set()


def _stop(desk: Desk | None) -> str:
    _halt(desk)
    return markup.progress(texts.STOPPING)


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the tab's controls do."""

    tab: Tab
    bench: Workbench
    limits: Limits

    @property
    def bounds(self) -> Bounds:
        most = self.limits.max_bytes
        return Bounds(self.limits.batch_files, most, 4 * most)

    def follow(self, kept: Any) -> tuple[list[str], str]:
        """The detectors of the Settings tab, and how it has clips scored."""
        mine = self.bench.preferences(kept)
        return list(mine.checkpoints) or self.bench.default_ids(), markup.foot(settings.said(mine))

    def filter(self, desk: Desk | None, *values: Any) -> tuple[Any, str]:
        """Show the rows that the filters let through, now and while the batch goes on."""
        if desk is None:
            return gr.skip(), ""
        desk.sieve = sieve(*values)
        shown = _table(self.tab, desk)
        return shown[self.tab.table], shown[self.tab.shown]

    def handed_in(
        self, given: list[str] | None, ids: list[str], kept: Any = None, *filters: Any
    ) -> Updates:
        """Files were dropped: list them, and say how long they will take."""
        if not given:
            return {self.tab.state: gr.skip()}
        pairs = [(uploads.uploaded(path), name) for path, name in map(json_text.loads, given)]
        desk = Desk.open(pairs, self.bounds)
        desk.sieve = sieve(*filters) if filters else Sieve()
        blank = self.clear()
        blank |= {
            self.tab.state: desk,
            self.tab.listed: _said(self._listed(desk, ids, kept), desk.notices),
            self.tab.start: gr.update(interactive=bool(desk.items)),
        }
        return blank

    def _listed(self, desk: Desk, ids: list[str], kept: Any) -> str:
        count = len(desk.items)
        said = f"{count} recording" + ("s" if count != 1 else "")
        sound = sum(expected_seconds(item) for item in desk.items)
        chosen = self.bench.chosen(ids) if ids else ()
        time_ = texts.BATCH_NO_ESTIMATE
        if chosen and all(self.bench.is_loaded(one) for one in chosen):
            loaded = [self.bench.load(one) for one in chosen]
            settings = self.bench.preferences(kept).settings
            needed = estimate(desk.items, pace(loaded, settings), settings)
            time_ = texts.BATCH_ESTIMATE.format(time=sentences.span(needed))
        return texts.BATCH_READY.format(count=said, sound=sentences.span(sound), estimate=time_)

    def clear(self) -> Updates:
        """Nothing is on the desk."""
        tab = self.tab
        off = gr.update(value=None, interactive=False)
        return {
            tab.start: gr.update(interactive=False),
            tab.stop: gr.update(interactive=False),
            tab.listed: markup.foot(texts.BATCH_NONE),
            tab.status: "",
            tab.shown: "",
            tab.table: [],
            tab.csv: off,
            tab.json: off,
            tab.html: off,
            tab.state: None,
        }

    def forget(self) -> str:
        """Remove the kept results."""
        cache = ResultCache.here(self.limits)
        return markup.progress(texts.BATCH_FORGOTTEN.format(count=cache.clear() if cache else 0))

    def pick(self, desk: Desk | None, event: gr.SelectData) -> tuple[Any, Any]:
        """A row was clicked: what Inspect should open, None where there is nothing to hear."""
        number = str(event.row_value[0] if event.row_value else "").removesuffix(".0")
        row = desk.row(int(number)) if desk is not None and number.isdecimal() else None
        if row is None:
            return None, gr.skip()
        if row.problem is not None or row.path is None:
            said = texts.BATCH_UNREADABLE.format(problem=row.problem)
            return None, markup.progress(said)
        given = json_text.dumps([str(row.path), row.name])
        return given, markup.progress(texts.BATCH_OPENING.format(name=sentences.shown(row.name)))

    def start(
        self, desk: Desk | None, ids: list[str], remember: bool, kept: Any = None
    ) -> Iterator[Updates]:
        """Score what is on the desk and not done yet."""
        tab = self.tab
        if desk is None or not ids:
            yield {tab.status: markup.progress(texts.BATCH_CHOOSE if desk else texts.BATCH_NONE)}
            return
        desk.stopping.clear()
        yield {tab.start: gr.update(interactive=False), tab.stop: gr.update(interactive=True)}
        try:
            yield from self._run(desk, ids, self.bench.preferences(kept).settings, remember)
        except PROBLEMS as problem:
            yield {tab.status: markup.head("not scored", "Not scored", str(problem))}
        except Exception:
            yield {tab.status: markup.progress(BUG), tab.stop: gr.update(interactive=False)}
            raise
        updates = self._files(desk)
        updates |= {tab.start: gr.update(interactive=True), tab.stop: gr.update(interactive=False)}
        yield updates

    def _run(self, desk: Desk, ids: list[str], settings: Any, remember: bool) -> Iterator[Updates]:
        tab, loaded = self.tab, []
        for checkpoint in self.bench.chosen(ids):
            if not self.bench.is_loaded(checkpoint):
                size = checkpoint.weights.stat().st_size
                yield {tab.status: markup.progress(sentences.loading(checkpoint.id, size))}
            loaded.append(self.bench.load(checkpoint))
        signature = (tuple(ids), settings)
        if desk.scored_with != signature or len(desk.rows) == len(desk.items):
            desk.rows.clear()
        desk.scored_with = signature
        cache = ResultCache.here(self.limits) if remember else None
        batch = Batch(
            desk.items, loaded, desk.folder, settings, cache, self.bounds, self.limits.for_intake()
        )
        if not self.limits.space:
            self.bench.prepare(settings)
        yield from self._rows(desk, batch)

    def _rows(self, desk: Desk, batch: Batch) -> Iterator[Updates]:
        tab, told, drawn = self.tab, 0.0, 0.0
        begun = time.monotonic()
        for event in run(batch, desk.stopping.is_set, [row.number for row in desk.rows]):
            now = time.monotonic()
            updates: Updates = {}
            if isinstance(event, Row):
                desk.rows.append(event)
                if now - drawn > REDRAW:
                    drawn = now
                    updates = _table(tab, desk)
            elif now - told > TELL:
                told = now
                updates = {tab.status: markup.progress(_at(event), event.done, event.total)}
            if updates:
                yield updates
        yield _table(tab, desk) | {
            tab.status: markup.progress(_ended(desk, time.monotonic() - begun))
        }

    def _files(self, desk: Desk) -> Updates:
        """The downloads of what is done."""
        if not desk.rows:
            return {}
        ordered = sorted(desk.rows, key=lambda row: row.number)
        made = {
            "csv": batch_files.to_csv(ordered),
            "json": to_json([row.entry for row in ordered], len(desk.items)),
            "html": batch_files.to_html(ordered),
        }
        updates: Updates = {}
        for kind, text in made.items():
            path = desk.folder / f"SpoofScope batch.{kind}"
            path.write_text(text, encoding="utf-8", errors="replace")
            updates[getattr(self.tab, kind)] = gr.update(value=str(path), interactive=True)
        return updates


def _table(tab: Tab, desk: Desk) -> Updates:
    """The rows so far, the highest window first, and what they come to."""
    shown = desk.sieve.of(by_highest(desk.rows))
    hidden = len(desk.rows) - len(shown)
    said = texts.FILTER_SHOWN.format(shown=len(shown), total=len(desk.rows)) if hidden else ""
    return {
        tab.table: [batch_table.cells(row) for row in shown],
        tab.shown: markup.foot(said) if said else "",
        tab.listed: _said(batch_files.summary(desk.rows), desk.notices),
    }


def _at(event: Progress) -> str:
    window = left = ""
    if event.step is not None:
        window = texts.BATCH_WINDOW.format(window=event.step.window, windows=event.step.windows)
    if event.seconds_left is not None:
        left = texts.BATCH_LEFT.format(left=sentences.span(event.seconds_left))
    name = sentences.shown(event.name)
    return texts.BATCH_AT.format(
        done=event.done, total=event.total, name=name, window=window, left=left
    )


def _ended(desk: Desk, spent: float) -> str:
    total, done = len(desk.items), len(desk.rows)
    if done < total:
        return texts.BATCH_STOPPED.format(done=done, total=total)
    kept = sum(1 for row in desk.rows if row.remembered)
    said = texts.BATCH_KEPT.format(count=kept) if kept else ""
    return texts.BATCH_DONE.format(total=total, spent=sentences.span(spent), kept=said)


def _said(line: str, notices: Sequence[str]) -> str:
    return markup.foot(line) + markup.notices([Notice("batch", text) for text in notices])
