"""The first page first: torch and the detectors are loaded once somebody sees it."""

import logging
import threading

import gradio as gr

from core.workbench import PROBLEMS, Workbench

PATIENCE = 10.0  # seconds; a program that never opens a page has its detectors then


def warm(bench: Workbench, demo: gr.Blocks, patience: float = PATIENCE) -> threading.Thread:
    """Import torch and load the default detectors once a first page is on screen.

    Before that, importing would take the processor from what draws the page.
    """
    seen = threading.Event()

    def work() -> None:
        seen.wait(patience)
        try:
            bench.warm()
        except PROBLEMS as problem:
            logging.getLogger(__name__).warning("%s", problem)

    with demo:
        demo.load(seen.set, None, None, queue=False, api_visibility="private")
    thread = threading.Thread(target=work, name="warm-up", daemon=True)
    thread.start()
    return thread
