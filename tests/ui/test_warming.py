"""The detectors wait for the first page, and not for ever."""

import logging

import gradio as gr
import pytest

from checkpoints.card import CheckpointError
from core.workbench import Workbench
from ui.warming import warm


class Counted(Workbench):
    warmed = 0

    def warm(self) -> None:
        self.warmed += 1


def test_the_detectors_are_loaded_once_a_page_is_on_screen() -> None:
    bench = Counted()
    with gr.Blocks() as demo:
        pass
    thread = warm(bench, demo, patience=60)
    thread.join(timeout=0.2)
    assert bench.warmed == 0
    (opened,) = (one.fn for one in demo.fns.values() if one.targets[0][1] == "load")
    assert opened is not None
    opened()
    thread.join(timeout=10)
    assert bench.warmed == 1


def test_without_a_page_they_are_loaded_after_a_while() -> None:
    bench = Counted()
    warm(bench, gr.Blocks(), patience=0.01).join(timeout=10)
    assert bench.warmed == 1


def test_weights_that_are_broken_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Workbench):
        def warm(self) -> None:
            raise CheckpointError("The weights are damaged.")

    with caplog.at_level(logging.WARNING):
        warm(Broken(), gr.Blocks(), patience=0).join(timeout=10)
    assert "The weights are damaged." in caplog.text
