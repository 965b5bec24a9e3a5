"""The Models tab: what is installed, where it comes from, what was measured with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.workbench import PROBLEMS, Workbench
from ui import modelcards, texts


@dataclass(frozen=True, slots=True)
class Tab:
    """The components of the tab."""

    cards: gr.HTML
    test: gr.Button


def build(bench: Workbench) -> Tab:
    """Lay out the tab with what is installed when the app starts."""
    test = gr.Button(texts.SELF_TEST, size="sm", scale=0, min_width=180, elem_id="self-test")
    cards = gr.HTML(listed(bench, {}), elem_id="models")
    return Tab(cards, test)


def listed(bench: Workbench, results: dict[str, tuple[bool, str]]) -> str:
    """A card for each checkpoint, with the result of its self-test where there is one."""
    installed = bench.installed()
    head = f"<h2>{texts.MODELS_HEAD if installed else texts.MODELS_NONE}</h2>"
    if not installed:
        return f"{head}<p>{texts.DETECTORS_HELP}</p>" + modelcards.unusable(bench.unusable())
    everything = (*installed, *bench.backbones())
    cards = "".join(modelcards.model(one, results.get(one.id)) for one in everything)
    return (
        head
        + modelcards.overview(installed, results)
        + modelcards.unusable(bench.unusable())
        + cards
    )


def wire(tab: Tab, bench: Workbench) -> None:
    """The button loads every checkpoint and says what came of it."""

    def tested() -> Iterator[str]:
        results: dict[str, tuple[bool, str]] = {}
        for checkpoint in bench.installed():
            try:
                bench.load(checkpoint)
            except PROBLEMS as problem:
                results[checkpoint.id] = (False, str(problem))
            else:
                results[checkpoint.id] = (True, f"{checkpoint.id} {texts.SELF_TEST_OK}")
            yield listed(bench, results)

    options: dict[str, Any] = {"concurrency_id": "model", "api_visibility": "private"}
    tab.test.click(tested, None, tab.cards, show_progress="minimal", **options)
