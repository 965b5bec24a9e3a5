"""Below the scores: what else may be asked of the clip, and of a stretch of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.types import Region
from core.workbench import PROBLEMS, Inspection
from ui import markup
from ui import question_texts as texts
from ui.asking import Done, running
from ui.texts import STOP, STOPPING

if TYPE_CHECKING:
    from core.questions import Answer, Asked
    from core.region_files import Marked

Updates = dict[Any, Any]


@dataclass(slots=True)
class Kept:
    """What a person chose and noted of one clip."""

    view: Region | None = None
    marked: "list[Marked]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Panel:
    """The components."""

    stretch: gr.HTML
    score: gr.Button
    note: gr.Textbox
    add: gr.Button
    notes: gr.HTML
    export: gr.Button
    files: gr.File
    robust: gr.Button
    shortcuts: gr.Button
    stop: gr.Button
    said: gr.HTML
    answer: gr.HTML
    plot: gr.Plot
    kept: gr.State

    @classmethod
    def build(cls) -> "Panel":
        """Lay out a row for a stretch, a row for the clip, and room for one answer."""
        small: dict[str, Any] = {"size": "sm", "scale": 0, "min_width": 150}
        with gr.Accordion(texts.HEAD, open=True, elem_id="questions"):
            stretch = gr.HTML(_stretch(None), elem_id="stretch")
            with gr.Row(equal_height=True, elem_classes="asks"):
                score = gr.Button(texts.SCORE, elem_id="ask-stretch", **small)
                note = gr.Textbox(
                    show_label=False,
                    placeholder=texts.NOTE,
                    max_length=300,
                    min_width=240,
                    elem_id="note",
                )
                add = gr.Button(texts.ADD, elem_id="add-note", **small)
                export = gr.Button(texts.EXPORT, elem_id="export", **small)
            notes = gr.HTML("", elem_id="notes")
            files = gr.File(
                label=texts.FILES, file_count="multiple", interactive=False, visible=False,
                elem_id="region-files",
            )  # fmt: skip
            with gr.Row(equal_height=True, elem_classes="asks"):
                robust = gr.Button(texts.ROBUST, elem_id="ask-robustness", **small)
                shortcuts = gr.Button(texts.SHORTCUTS, elem_id="ask-shortcuts", **small)
                stop = gr.Button(STOP, visible=False, elem_id="stop-question", **small)
            said = gr.HTML("", elem_id="question-said")
            answer = gr.HTML("", elem_id="answer")
            with gr.Column(elem_classes="answer-plot"):
                plot = gr.Plot(show_label=False, elem_id="answer-plot")
        kept = gr.State(None)
        return cls(
            stretch, score, note, add, notes, export, files, robust, shortcuts, stop, said,
            answer, plot, kept,
        )  # fmt: skip

    @property
    def outputs(self) -> list[Any]:
        return [
            self.stretch, self.note, self.notes, self.files, self.stop, self.said, self.answer,
            self.plot, self.kept,
        ]  # fmt: skip

    def blank(self) -> Updates:
        """Nothing was asked of a new clip."""
        return {
            self.stretch: _stretch(None),
            self.note: "",
            self.notes: "",
            self.files: gr.update(value=None, visible=False),
            self.stop: gr.update(visible=False),
            self.said: "",
            self.answer: "",
            self.plot: None,
            self.kept: None,
        }


def wire(panel: Panel, state: gr.State, conductor: gr.HTML) -> None:
    """Connect the buttons; the zoomed stretch comes from the conductor."""
    do = Handlers(panel)
    given = [state, panel.kept]
    scoring: dict[str, Any] = {
        "concurrency_id": "model",
        "concurrency_limit": 1,
        "show_progress": "hidden",
        "api_visibility": "private",
    }
    quick: dict[str, Any] = {
        "queue": False,
        "show_progress": "hidden",
        "api_visibility": "private",
    }
    answers = [panel.said, panel.answer, panel.plot, panel.kept, panel.stop]
    panel.robust.click(do.robust, given, answers, **scoring)
    panel.shortcuts.click(do.shortcuts, given, answers, **scoring)
    panel.score.click(do.stretch, given, answers, **scoring)
    panel.stop.click(do.stopped, state, panel.said, **quick)
    conductor.look(do.looked, given, [panel.stretch, panel.kept], **quick)
    panel.add.click(do.noted, [*given, panel.note], [panel.notes, panel.note, panel.kept], **quick)
    panel.export.click(do.exported, given, [panel.files, panel.said], **quick)


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the buttons do."""

    panel: Panel

    def looked(
        self, inspection: Inspection | None, kept: Kept | None, event: gr.EventData
    ) -> tuple[str, Kept]:
        """The plots were zoomed to a stretch, or back."""
        kept = kept or Kept()
        start, stop = event._data.get("start"), event._data.get("stop")
        known = inspection is not None and start is not None and stop is not None
        kept.view = Region(max(0.0, float(start)), float(stop)) if known else None
        return _stretch(kept.view), kept

    def robust(self, inspection: Inspection | None, kept: Kept | None) -> Iterator[Updates]:
        yield from self._ask(inspection, lambda asked: asked.robustness())

    def shortcuts(self, inspection: Inspection | None, kept: Kept | None) -> Iterator[Updates]:
        if inspection is not None:
            speech = inspection.quality.speech
            yield from self._ask(inspection, lambda asked: asked.shortcuts(speech))

    def stretch(self, inspection: Inspection | None, kept: Kept | None) -> Iterator[Updates]:
        region = None if kept is None else kept.view
        if region is None:
            yield {self.panel.said: markup.foot(texts.CHOOSE)}
            return
        yield from self._ask(inspection, lambda asked: asked.what_if(region))

    def stopped(self, inspection: Inspection | None) -> str:
        """The Stop button: the question ends after the pass that is running."""
        if inspection is not None:
            inspection.stopping.set()
        return markup.progress(STOPPING)

    def noted(
        self, inspection: Inspection | None, kept: Kept | None, note: str
    ) -> tuple[str, str, Kept | None]:
        """The stretch on show gets a note."""
        from core.region_files import Marked

        if inspection is None or kept is None or kept.view is None:
            return markup.foot(texts.CHOOSE), note, kept
        kept.marked.append(Marked(kept.view, note.strip()))
        return markup.marked([(one.region, one.note) for one in kept.marked]), "", kept

    def exported(self, inspection: Inspection | None, kept: Kept | None) -> tuple[Any, str]:
        """The stretches with notes as files, or the one on show where there are none."""
        from core import questions
        from core.region_files import Marked

        kept = kept or Kept()
        marked = kept.marked or ([Marked(kept.view)] if kept.view is not None else [])
        if inspection is None or not marked:
            return gr.skip(), markup.foot(texts.CHOOSE)
        try:
            made = questions.exported(inspection.clip, marked, inspection.folder, inspection.stem)
        except PROBLEMS as problem:
            return gr.skip(), markup.foot(str(problem))
        return gr.update(value=[str(path) for path in made], visible=True), ""

    def _ask(
        self, inspection: Inspection | None, question: "Callable[[Asked], Answer]"
    ) -> Iterator[Updates]:
        """Progress, then the answer; the Stop button ends it with what is done."""
        from core.questions import Asked

        panel = self.panel
        if inspection is None or not inspection.loaded or inspection.settings is None:
            yield {panel.said: markup.foot(texts.NOT_SCORED)}
            return
        settings, loaded, clip = inspection.settings, inspection.loaded, inspection.clip
        stopping = inspection.stopping
        stopping.clear()
        yield {panel.said: markup.progress(texts.WORKING), panel.stop: gr.update(visible=True)}
        ended = {panel.stop: gr.update(visible=False)}
        try:
            for step in running(
                lambda tell: question(Asked(clip, loaded, settings, tell, stopping.is_set))
            ):
                if isinstance(step, Done):
                    yield {**self._answered(step.value), **ended}
                else:
                    line = texts.progress(step.name, step.detector, step.seconds_left)
                    yield {panel.said: markup.progress(line, step.done, step.total)}
        except PROBLEMS as problem:
            yield {panel.said: markup.foot(str(problem)), **ended}
        finally:
            stopping.set()  # also where the page was closed: nobody waits any more

    def _answered(self, answer: "Answer") -> Updates:
        panel = self.panel
        shown = markup.answer(
            answer.title, answer.badge, answer.text, answer.sentences, answer.table
        )
        return {
            panel.said: "",
            panel.answer: shown,
            panel.plot: answer.figure,
        }


def _stretch(region: Region | None) -> str:
    """Which stretch the buttons mean, with a button to hear it."""
    if region is None:
        return f'<p class="foot">{texts.CHOOSE}</p>'
    where = texts.STRETCH.format(start=region.start, stop=region.stop)
    return (
        f'<div class="transport"><b>{where}</b>'
        f'<button type="button" data-act="stretch">{texts.HEAR}</button></div>'
    )
