"""The app for programs and MCP clients: one documented endpoint that takes uploads only."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.workbench import PROBLEMS, Workbench
from ui import texts
from ui.gpu import lends, on_gpu
from ui.uploads import uploaded

if TYPE_CHECKING:
    from core.preferences import Preferences


def wire(bench: Workbench) -> None:
    """Put `/analyze` beside the page."""
    lent = lends()

    def scored(path: Path, name: str, asked: "Preferences") -> dict[str, Any]:
        if lent:  # a forked process must not use OpenMP's threads: they stayed behind
            asked = replace(asked, settings=replace(asked.settings, threads=1))
        try:
            return bench.analyse(path, name, asked, "cuda" if lent else "cpu")
        except PROBLEMS as problem:
            raise gr.Error(str(problem), print_exception=False) from problem

    score = on_gpu(scored)

    def analyze(clip: gr.FileData, settings: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            path, name = _handed_over(clip)
            asked = bench.demanded(settings)
            for checkpoint in bench.chosen(asked.checkpoints):
                bench.load(checkpoint)  # here, and not anew in every process that is lent a GPU
        except PROBLEMS as problem:
            raise gr.Error(str(problem), print_exception=False) from problem
        return score(path, name, asked)

    gr.api(  # type: ignore[attr-defined]  # exported at run time
        analyze,
        api_name="analyze",
        api_description=texts.API_DESCRIPTION,
        concurrency_id="model",
        concurrency_limit=1,
    )


def _handed_over(clip: Any) -> tuple[Path, str]:
    """The upload that a call names and what its owner calls it.

    gradio hands over what the caller sent, as a record or a mapping, and checks nothing of it.
    """
    given = dict(clip) if isinstance(clip, Mapping | gr.FileData) else {}
    path = uploaded(str(given.get("path") or ""))
    return path, str(given.get("orig_name") or path.name)
