"""The Batch table: its columns, and a row of cells for a recording."""

from typing import Any, Literal

import gradio as gr

from core import batch_files, sentences
from core.batch import Row
from core.verdict import seconds

Kind = Literal["str", "number"]
COLUMNS: tuple[tuple[str, Kind, str], ...] = (
    ("#", "number", "4%"),
    ("lean", "str", "12%"),
    ("clip", "str", "18%"),
    ("length", "str", "6%"),
    ("fused LLR", "number", "6%"),
    ("highest", "number", "7%"),
    ("at", "str", "9%"),
    ("agree", "str", "8%"),
    ("warnings", "str", "22%"),
    ("sha-256", "str", "8%"),
)


def build() -> gr.Dataframe:
    """An empty table."""
    names, kinds, widths = zip(*COLUMNS, strict=True)
    return gr.Dataframe(
        headers=list(names), datatype=kinds, type="array", interactive=False, wrap=True,
        column_widths=list(widths), max_height=620, max_chars=90, buttons=["copy"],
        elem_id="batch-table", show_label=False,
    )  # fmt: skip


def cells(row: Row) -> list[Any]:
    """One recording, in the order of the columns."""
    top = row.highest
    digest = row.entry["source"]["sha256"]
    where = "–" if top is None else seconds(top.region)
    return [
        row.number,
        batch_files.lean_text(row),
        sentences.shown(row.name),
        batch_files.length_text(row),
        None if row.llr is None else round(row.llr, 2),
        None if top is None else round(top.value, 2),
        where if top is None or top.calibrated else f"{where} (raw)",
        row.agreement,
        batch_files.warnings_text(row, brief=True),
        (digest or "–")[:8],
    ]
