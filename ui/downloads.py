"""The report of the clip on show as PDF and as an evidence bundle, with what an examiner adds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.workbench import PROBLEMS, Inspection, Workbench
from ui import desk_texts, markup, question_texts

Updates = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """The components."""

    case: gr.Textbox
    examiner: gr.Textbox
    note: gr.Textbox
    original: gr.Checkbox
    make: gr.Button
    said: gr.HTML
    files: gr.File

    @classmethod
    def build(cls) -> "Panel":
        """Lay out the fields, folded away."""
        with gr.Accordion(question_texts.CASE_FILE, open=False, elem_id="case-file"):
            with gr.Row():
                case = gr.Textbox(label=desk_texts.REPORT_CASE, elem_id="own-case")
                examiner = gr.Textbox(label=desk_texts.REPORT_EXAMINER, elem_id="own-examiner")
                note = gr.Textbox(label=desk_texts.REPORT_NOTE, elem_id="own-note", scale=2)
            original = gr.Checkbox(value=False, label=desk_texts.REPORT_ORIGINALS, container=False)
            make = gr.Button(
                question_texts.MAKE_FILES, size="sm", scale=0, min_width=220, elem_id="own-make"
            )
            said = gr.HTML("", elem_id="own-said")
            files = gr.File(
                label=desk_texts.REPORT_FILES, file_count="multiple", interactive=False,
                visible=False, elem_id="own-files",
            )  # fmt: skip
        return cls(case, examiner, note, original, make, said, files)

    @property
    def outputs(self) -> list[Any]:
        return [self.said, self.files]

    def blank(self) -> Updates:
        """Files of one clip do not stand beside another."""
        return {self.said: "", self.files: gr.update(value=None, visible=False)}


def wire(panel: Panel, state: gr.State, bench: Workbench) -> None:
    """The button writes both files."""

    def made(
        inspection: Inspection | None, case: str, examiner: str, note: str, original: Any
    ) -> Iterator[tuple[Any, Any]]:
        if inspection is None or inspection.report is None:
            yield markup.foot(question_texts.NOT_SCORED), gr.skip()
            return
        yield markup.progress(question_texts.WORKING), gr.skip()
        try:
            yield _written(inspection, (case, examiner, note), keep=bool(original))
        except (*PROBLEMS, OSError) as problem:
            yield markup.foot(str(problem)), gr.skip()

    given = [state, panel.case, panel.examiner, panel.note, panel.original]
    panel.make.click(
        made,
        given,
        panel.outputs,
        concurrency_id="evidence",
        show_progress="hidden",
        api_visibility="private",
    )


def _written(
    inspection: Inspection, fields: tuple[str, str, str], *, keep: bool
) -> tuple[str, Any]:
    from core import dossier

    if inspection.report is None:
        raise ValueError("the clip has no report yet")
    order = dossier.Order(("pdf", "bundle"), dossier.heading(*fields), originals=keep)
    subject = dossier.Subject(inspection.report, inspection.clip, inspection.path)
    loaded = {one.checkpoint.id: one for one in inspection.loaded}
    cards = {name: one.checkpoint.card for name, one in loaded.items()}
    subject = dossier.with_maps(subject, loaded)
    *_, (_, result) = dossier.write(inspection.folder, [subject], order, cards)
    said = desk_texts.REPORT_MANIFEST.format(digest=result.manifest)
    return markup.foot(said), gr.update(value=[str(path) for path in result.files], visible=True)
