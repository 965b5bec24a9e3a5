"""The app for programs: one documented endpoint that takes uploads only."""

from typing import Any

import gradio as gr

from core.limits import Limits
from core.workbench import PROBLEMS, Workbench
from ui import texts
from ui.gpu import on_gpu
from ui.uploads import uploaded


def wire(bench: Workbench, limits: Limits) -> None:
    """Put `/analyze` beside the page."""
    score = on_gpu(bench.analyse)

    def analyze(clip: gr.FileData) -> dict[str, Any]:
        given = dict(clip)  # gradio hands over a record or a mapping, by version
        try:
            path = uploaded(str(given["path"]))
            return score(path, str(given.get("orig_name") or path.name), limits)
        except PROBLEMS as problem:
            raise gr.Error(str(problem), print_exception=False) from problem

    gr.api(  # type: ignore[attr-defined]  # exported at run time
        analyze,
        api_name="analyze",
        api_description=texts.API_DESCRIPTION,
        concurrency_id="model",
        concurrency_limit=1,
    )
