"""The Compare tab without a browser."""

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.limits import Limits
from tests.ui.known import Known, wave
from ui import compare, desk_texts

OWN = Limits.here({})


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr("core.fusing.search_path", lambda: (tmp_path,))


def run_of(*names: str) -> compare.Run:
    bench = Known(*names)
    with gr.Blocks():
        tab = compare.build(bench)
    return compare.Run(tab, bench, OWN)


def given(path: Path) -> str:
    return json.dumps([str(path), path.name])


def all_of(run: compare.Run, kind: str, *inputs: Any) -> dict[Any, Any]:
    """The last value that every component was given."""
    last = run.begin()
    for updates in run.start(last[run.tab.state], kind, *inputs, None):
        last |= updates
    return last


def test_two_clips_on_one_scale(tmp_path: Path) -> None:
    run = run_of("loud")
    a, b = wave(tmp_path / "a<b>.wav", 0.01, 0.02), wave(tmp_path / "b.wav", 0.04)
    last = all_of(run, desk_texts.TWO_CLIPS, given(a), given(b), None, None)
    one, other = (last[side.scores]["value"] for side in run.tab.sides)
    assert one.layout.xaxis.range == other.layout.xaxis.range
    assert one.layout.yaxis.range == other.layout.yaxis.range
    assert "A: a&lt;b&gt;.wav" in last[run.tab.sides[0].strip]
    assert "+4.00" in last[run.tab.table]
    assert "−2.50" in last[run.tab.table]  # the means are 1.5 and 4
    assert desk_texts.COMPARE_DONE in last[run.tab.status]
    pair = last[run.tab.maps.pairs[0][1]]
    assert pair["visible"] is True  # the loudness of a window has a time


def test_two_checkpoints_of_one_clip(tmp_path: Path) -> None:
    run = run_of("loud", "other")
    a = given(wave(tmp_path / "a.wav", 0.02))
    last = all_of(run, desk_texts.TWO_CHECKPOINTS, a, None, "loud", "other")
    assert "loud / other" in last[run.tab.table]
    assert "a.wav, other" in last[run.tab.sides[1].strip]


def test_two_channels_of_one_clip(tmp_path: Path) -> None:
    run = run_of("loud")
    a = given(wave(tmp_path / "a.wav", 0.02, channels=2))
    last = all_of(run, desk_texts.TWO_CHANNELS, a, None, None, None)
    pair = last[run.tab.state].pair
    channels = [half.inspection.report.detections[0].channel for half in pair.sides]
    assert channels == ["left", "right"]
    assert pair.sides[1].samples.channels == 1
    left, right = (half.inspection.report.detections[0].score.llr for half in pair.sides)
    assert left == pytest.approx(2.0, abs=0.02)
    assert right < left


@pytest.mark.parametrize(
    ("kind", "names", "files", "said"),
    [
        (desk_texts.TWO_CLIPS, ("x",), (), "Drop recording A first"),
        (desk_texts.TWO_CLIPS, ("x",), ("a",), "Drop recording B as well"),
        (desk_texts.TWO_CHECKPOINTS, ("x",), ("a",), "Only one checkpoint is installed"),
        (desk_texts.TWO_CHECKPOINTS, ("x", "y"), ("a",), "two different checkpoints"),
        (desk_texts.TWO_CHANNELS, ("x",), ("a",), "has one channel"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, kind: str, names: tuple[str, ...], files: tuple[str, ...], said: str
) -> None:
    run = run_of(*names)
    paths = [given(wave(tmp_path / f"{name}.wav", 0.01)) for name in files]
    last = all_of(run, kind, *[*paths, None, None][:2], "x", "x")
    assert said in last[run.tab.status]
    assert last[run.tab.go]["interactive"] is True


def test_stop_is_said_and_keeps_what_is_there(tmp_path: Path) -> None:
    run = run_of("loud")
    a, b = (given(wave(tmp_path / f"{n}.wav", 0.01, 0.02)) for n in "ab")
    last = run.begin()
    wanted = last[run.tab.state]
    for updates in run.start(wanted, desk_texts.TWO_CLIPS, a, b, None, None, None):
        last |= updates
        if "A · " in str(updates.get(run.tab.status, "")):
            wanted.stopping.set()
    assert desk_texts.COMPARE_STOPPED in last[run.tab.status]
    assert "llr" in last[run.tab.table]
