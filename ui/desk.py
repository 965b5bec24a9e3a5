"""The tabs beside Inspect that work on many recordings, and how they reach Inspect."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.limits import Limits
from core.workbench import Workbench
from ui import batch, compare, inspect, reporting
from ui.evidence import Panels

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True, slots=True)
class Desk:
    """The three tabs."""

    batch: batch.Tab
    compare: compare.Tab
    reporting: reporting.Tab
    report: gr.Tab


def build(bench: Workbench, limits: Limits) -> Desk:
    """Lay out the three tabs, inside the page's tabs."""
    with gr.Tab("Batch", id="batch"):
        many = batch.build(bench, limits)
    with gr.Tab("Compare", id="compare"):
        two = compare.build(bench)
    with gr.Tab("Report", id="report") as report:
        paper = reporting.build()
    return Desk(many, two, paper, report)


def wire(
    desk: Desk,
    tabs: gr.Tabs,
    inspected: tuple[inspect.Tab, Panels, gr.HTML],
    kept: gr.BrowserState,
    demo: gr.Blocks,
    bench: Workbench,
    limits: Limits,
) -> None:
    """Connect the three tabs with each other and with Inspect.

    Parameters
    ----------
    inspected : Inspect's components, its panels and the page's conductor.
    kept : the settings of this browser.
    demo : the page.
    """
    tab, panels, conductor = inspected
    run = inspect.Run(tab, panels, conductor, bench, limits)
    outputs = [*tab.outputs, *panels.outputs, conductor]

    def opened(picked: Any, row: gr.State) -> None:
        halted = picked.then(_halt, [row, tab.state], None, queue=False, **QUIET)
        turned = halted.then(_turn, row, [tabs, tab.file], queue=False, **QUIET)
        turned.then(
            run.from_file, [row, kept], outputs,
            concurrency_id="model", concurrency_limit=1, **QUIET,
        )  # fmt: skip

    batch.wire(desk.batch, bench, limits, kept, demo, opened)
    compare.wire(desk.compare, bench, limits, kept, demo)
    states = (tab.state, desk.batch.state, desk.compare.state)
    reporting.wire(desk.reporting, desk.report, states, kept, bench, limits)


def _halt(row: str | None, inspection: Any) -> None:
    """A row takes the place of the clip that is being scored."""
    if row is not None and inspection is not None:
        inspection.stopping.set()


def _turn(row: str | None) -> tuple[Any, Any]:
    """To the Inspect tab; the field that held another file is emptied."""
    if row is None:
        return gr.skip(), gr.skip()
    return gr.Tabs(selected="inspect"), None
