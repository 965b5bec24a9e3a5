"""The whole page, and how it is served."""

import logging
import os
import threading
from typing import Any

import gradio as gr

from core.limits import Limits
from core.workbench import PROBLEMS, Workbench
from ui import address, api, desk, inspect, markup, models, settings, texts
from ui.streams import send_whole
from ui.theme import CONDUCTOR, DESK_STYLE, STYLE, theme
from ui.uploads import refuse_addresses


def build(limits: Limits | None = None, bench: Workbench | None = None) -> gr.Blocks:
    """The app: its tabs, and the conductor that keeps plots and player on one clock."""
    limits = limits or Limits.here()
    bench = bench or Workbench(limits)
    demo = gr.Blocks(
        title=texts.TITLE, analytics_enabled=False, delete_cache=(600, limits.keep_seconds)
    )
    with demo:
        gr.HTML(markup.title())
        if limits.space:
            gr.HTML(f'<div class="banner" role="note">{texts.PRIVACY_BANNER}</div>')
        conductor = gr.HTML(
            {}, html_template="", js_on_load=CONDUCTOR.read_text(), elem_id="conductor"
        )
        kept = settings.memory()
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Inspect", id="inspect"):
                tab, panels = inspect.build(limits)
            others = desk.build(bench, limits)
            with gr.Tab("Models", id="models"):
                cards = models.build(bench)
            with gr.Tab("Settings", id="settings"):
                chosen = settings.build(kept, bench, limits)
        inspect.wire(tab, panels, conductor, chosen.kept, bench, limits)
        desk.wire(others, tabs, (tab, panels, conductor), chosen.kept, demo, bench, limits)
        models.wire(cards, bench)
        settings.wire(chosen, demo, bench)
        address.wire(demo, tabs)
        api.wire(bench)
    if limits.space:
        _forget(demo, limits.keep_seconds)
    send_whole(demo)
    refuse_addresses()
    demo.queue(max_size=limits.queue, default_concurrency_limit=1)
    return demo


def _forget(demo: gr.Blocks, seconds: int) -> None:
    """Let go of visitors' clips, and of the files made from them, although a page stays open."""
    for block in demo.blocks.values():
        if isinstance(block, gr.State):
            block.time_to_live = seconds


def launch_options(limits: Limits | None = None) -> dict[str, Any]:
    """How the app is served: on this machine only, without telemetry, history or sharing."""
    limits = limits or Limits.here()
    return {
        "theme": theme(),
        "css_paths": [STYLE, DESK_STYLE],
        "share": False,
        "show_error": False,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api", "settings"],
        "max_file_size": limits.max_bytes,
        "mcp_server": os.environ.get("SPOOFSCOPE_MCP") == "1",
    }


def warm(bench: Workbench) -> threading.Thread:
    """Import torch and load the default detectors while the first page is being looked at."""

    def work() -> None:
        try:
            bench.warm()
        except PROBLEMS as problem:
            logging.getLogger(__name__).warning("%s", problem)

    thread = threading.Thread(target=work, name="warm-up", daemon=True)
    thread.start()
    return thread
