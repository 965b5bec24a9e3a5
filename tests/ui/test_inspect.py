"""The way of a clip through the Inspect tab, without a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.limits import Limits
from core.preferences import Preferences
from core.workbench import Inspection, Workbench
from tests.ui.known import Known, wave
from ui import inspect, page, texts

OWN = Limits.here({})


class Empty(Workbench):
    """No detector is installed."""

    @staticmethod
    def installed() -> tuple[Any, ...]:
        return ()


@pytest.fixture
def run() -> inspect.Run:
    import gradio as gr

    with gr.Blocks():
        tab, panels = inspect.build(OWN)
        conductor = gr.HTML({}, html_template="")
    return inspect.Run(tab, panels, conductor, Empty(), OWN)


@pytest.fixture(autouse=True)
def _uploads_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    path = tmp_path / "a tone.wav"
    wave = 0.3 * np.sin(2 * np.pi * 220 * np.arange(48_000) / 16_000)
    soundfile.write(path, wave, 16_000)
    return path


def strips(run: inspect.Run, steps: Iterator[dict[Any, Any]]) -> list[str]:
    return [step[run.tab.strip] for step in steps if run.tab.strip in step]


def test_a_file_that_is_no_sound_becomes_its_sentence(run: inspect.Run, tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("no sound")
    said = strips(run, run._guarded(run._new(str(path), "my <notes>.wav", (), Preferences())))
    assert "We could not read sound from “my &lt;notes&gt;.wav”" in said[-1]
    assert "lean-not-scored" in said[-1]


def test_a_path_that_was_not_uploaded_is_not_opened(
    run: inspect.Run, tone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    last = strips(run, run._guarded(run._new(str(tone), tone.name, (), Preferences())))[-1]
    assert texts.NOT_UPLOADED in last
    outside = tmp_path / "uploads" / ".." / tone.name
    assert (
        texts.NOT_UPLOADED
        in strips(run, run._guarded(run._new(str(outside), "x", (), Preferences())))[-1]
    )


def test_a_bug_is_raised_and_owned_up_to(run: inspect.Run) -> None:
    def broken() -> Iterator[dict[Any, Any]]:
        yield {run.tab.status: str(1 // int("0"))}

    steps = run._guarded(broken())
    assert texts.BUG in next(steps)[run.tab.strip]
    with pytest.raises(ZeroDivisionError):
        next(steps)


def test_old_results_leave_first_and_facts_come_before_pictures(
    run: inspect.Run, tone: Path
) -> None:
    steps = list(run._new(str(tone), tone.name, (), Preferences()))
    assert 'class=""' in steps[0][run.tab.stage]
    facts = next(n for n, s in enumerate(steps[1:], 1) if run.tab.facts in s)
    pictures = next(n for n, s in enumerate(steps[1:], 1) if run.tab.overview in s)
    assert facts < pictures
    assert run.tab.strip in steps[0]
    last = strips(run, iter(steps))[-1]
    assert "Not scored" in last


def test_no_detector_is_said_with_what_to_do(run: inspect.Run, tone: Path) -> None:
    last = strips(run, run._new(str(tone), tone.name, (), Preferences()))[-1]
    assert "No detector is installed. Nothing was scored." in last
    assert "python -m core fetch" in last


def test_a_clip_that_was_left_says_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop keeps what is done and shows it; a clip that was taken away is not heard of again."""
    import gradio as gr

    with gr.Blocks():
        tab, panels = inspect.build(OWN)
        conductor = gr.HTML({}, html_template="")
    bench = Known("one")
    run = inspect.Run(tab, panels, conductor, bench, OWN)
    monkeypatch.setattr(inspect, "TELL", 0.0)
    path = wave(tmp_path / "a.wav", 0.1, 0.2, 0.3, 0.2)
    for end, shown in ((inspect._stop, True), (inspect._leave, False)):
        inspection = Inspection.open(path, path.name, OWN)
        steps = run._score(inspection, bench.preferences())
        next(step for step in steps if inspection.steps)
        end(inspection)
        rest = list(steps)
        assert any(tab.json in step for step in rest) is shown
        assert any("Stopped. 1 of 4" in str(step.get(tab.status)) for step in rest) is shown
        assert len(inspection.steps) == 1


def test_an_inspection_leaves_nothing_behind(tone: Path) -> None:
    inspection = Inspection.open(tone, tone.name, OWN)
    seen, player = inspection.draw()
    assert seen.seconds == 3
    folder = inspection.folder
    assert player.parent == folder
    assert player.name == "a tone listening copy.flac"
    del inspection
    assert not folder.exists()


def test_a_name_cannot_leave_the_folder(tone: Path) -> None:
    inspection = Inspection.open(tone, "../../etc/../x/..", OWN)
    assert "/" not in inspection.stem
    _, player = inspection.draw()
    assert player.parent == inspection.folder


def test_the_page_can_be_built_twice() -> None:
    assert page.build(OWN, Empty()) is not page.build(OWN, Empty())
