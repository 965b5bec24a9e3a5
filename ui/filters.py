"""The row of filters above the Batch table."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.sieve import KINDS, Sieve
from core.verdict import SYMBOLS
from ui import desk_texts as texts


@dataclass(frozen=True, slots=True)
class Filters:
    """The components, in the order in which `sieve` takes their values."""

    kinds: gr.CheckboxGroup
    least: gr.Textbox
    name: gr.Textbox

    @classmethod
    def build(cls) -> "Filters":
        """Lay them out; at first everything is shown."""
        with gr.Row(elem_id="batch-filters"):
            kinds = gr.CheckboxGroup(
                [(_label(kind), kind) for kind in KINDS], label=texts.FILTER_KINDS,
                elem_id="filter-kinds", scale=4,
            )  # fmt: skip
            least = gr.Textbox(  # an empty gr.Number is zero, and zero hides rows
                label=texts.FILTER_LEAST, max_lines=1, elem_id="filter-least", scale=1,
                min_width=150, placeholder=texts.FILTER_LEAST_EXAMPLE,
            )  # fmt: skip
            name = gr.Textbox(
                label=texts.FILTER_NAME, max_lines=1, elem_id="filter-name", scale=1, min_width=150
            )
        return cls(kinds, least, name)

    @property
    def inputs(self) -> list[Any]:
        return [self.kinds, self.least, self.name]


def sieve(kinds: list[str] | None, least: str | None, name: str | None) -> Sieve:
    """What the filters let through; what is no number yet, such as "-", hides nothing."""
    try:
        lowest = float((least or "").strip().replace(",", ".").replace("−", "-"))
    except ValueError:
        lowest = None
    return Sieve(frozenset(kinds or ()), lowest, (name or "").strip())


def _label(kind: str) -> str:
    found = [symbol for lean, symbol in SYMBOLS.items() if lean == kind]
    return f"{found[0] if found else '✗'} {kind}"
