"""The Batch tab without a browser: from files to rows, and back to Inspect."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from core.gather import Bounds
from core.limits import Limits
from core.sieve import Sieve
from core.types import AudioError
from core.workbench import Workbench
from tests.ui.known import Known, wave
from ui import batch, desk_texts
from ui.filters import sieve

OWN = Limits.here({})


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.setenv("SPOOFSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("core.fusing.search_path", lambda: (tmp_path,))
    (tmp_path / "uploads").mkdir()


@pytest.fixture
def desk() -> batch.Handlers:
    bench = Known("loud")
    with gr.Blocks():
        tab = batch.build(bench, OWN)
    return batch.Handlers(tab, bench, OWN)


def given(*paths: Path) -> list[str]:
    return [json.dumps([str(path), path.name]) for path in paths]


def two(tmp_path: Path) -> list[str]:
    folder = tmp_path / "uploads"
    bad = folder / "<b>.wav"
    bad.write_text("no sound")
    return given(wave(folder / "quiet.wav", 0.01), bad, wave(folder / "loud.wav", 0.01, 0.05))


def all_of(desk: batch.Handlers, state: batch.Desk) -> dict[Any, Any]:
    """The last value that every component was given."""
    last: dict[Any, Any] = {}
    for updates in desk.start(state, ["loud"], True):
        last |= updates
    return last


def test_rows_come_the_highest_window_first(desk: batch.Handlers, tmp_path: Path) -> None:
    listed = desk.handed_in(two(tmp_path), ["loud"])
    assert "3 recordings" in listed[desk.tab.listed]
    assert "on this machine" in listed[desk.tab.listed]
    last = all_of(desk, listed[desk.tab.state])
    assert [row[2] for row in last[desk.tab.table]] == ["loud.wav", "quiet.wav", "<b>.wav"]
    assert last[desk.tab.table][0][1] == "▲ leans spoofed"
    assert last[desk.tab.table][2][1] == "✗ not read"
    assert "All 3 recordings are done" in last[desk.tab.status]
    for kind in ("csv", "json", "html"):
        path = Path(last[getattr(desk.tab, kind)]["value"])
        assert path.is_relative_to(tmp_path / "uploads")
        assert "loud.wav" in path.read_text()


def test_a_stopped_batch_goes_on_where_it_stopped(desk: batch.Handlers, tmp_path: Path) -> None:
    state = desk.handed_in(two(tmp_path), ["loud"])[desk.tab.state]
    steps = desk.start(state, ["loud"], False)
    for updates in steps:
        if len(state.rows) == 1 and desk.tab.table in updates:
            state.stopping.set()
    done = [row.number for row in state.rows]
    assert done == [1]
    last = all_of(desk, state)
    assert [row.number for row in state.rows] == [1, 2, 3]
    assert len(last[desk.tab.table]) == 3


def test_a_row_is_opened_by_its_number_wherever_it_stands(
    desk: batch.Handlers, tmp_path: Path
) -> None:
    state = desk.handed_in(two(tmp_path), ["loud"])[desk.tab.state]
    all_of(desk, state)

    def click(cell: Any) -> tuple[Any, Any]:
        return desk.pick(state, SimpleNamespace(row_value=[cell, "…"]))  # type: ignore[arg-type]

    found, said = click("3")
    assert json.loads(found)[1] == "loud.wav"
    assert "Opening “loud.wav”" in said
    assert click(3.0)[0] == found
    nothing, said = click(2)
    assert nothing is None
    assert "could not read sound" in said
    assert "<b>" not in said
    assert click("")[0] is None
    assert desk.pick(None, SimpleNamespace(row_value=None))[0] is None  # type: ignore[arg-type]


def test_what_was_not_uploaded_is_not_opened(desk: batch.Handlers, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="Only uploads"):
        desk.handed_in(given(wave(tmp_path / "secret.wav", 0.01)), ["loud"])


def test_nothing_chosen_is_said(desk: batch.Handlers, tmp_path: Path) -> None:
    state = desk.handed_in(two(tmp_path), [])[desk.tab.state]
    (only,) = desk.start(state, [], True)
    assert desk_texts.BATCH_CHOOSE in only[desk.tab.status]


def test_kept_results_can_be_forgotten(desk: batch.Handlers, tmp_path: Path) -> None:
    state = desk.handed_in(two(tmp_path), ["loud"])[desk.tab.state]
    all_of(desk, state)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert "2 kept results" in desk.forget()
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    state = batch.Desk.open([(wave(tmp_path / "a.wav", 0.01), "a.wav")], Bounds())
    folder = state.folder
    assert folder.is_dir()
    del state
    assert not folder.exists()


@pytest.mark.parametrize("name", [n for n in vars(desk_texts) if n.isupper()])
def test_texts_promise_no_probability(name: str) -> None:
    said = str(getattr(desk_texts, name)).lower()
    assert not any(word in said for word in ("probability", "fake", "%"))


def test_filters_hold_while_the_batch_goes_on_and_downloads_hold_all(
    desk: batch.Handlers, tmp_path: Path
) -> None:
    tab = desk.tab
    state = desk.handed_in(two(tmp_path), ["loud"], None, [], "", "QUIET ")[tab.state]
    last = all_of(desk, state)
    assert [row[2] for row in last[tab.table]] == ["quiet.wav"]
    assert "1 of 3 rows are shown; the downloads hold all." in last[tab.shown]
    assert "loud.wav" in Path(last[tab.csv]["value"]).read_text()
    rows, said = desk.filter(state, ["not read"], "-", "")
    assert [row[2] for row in rows] == ["<b>.wav"]
    assert "1 of 3" in said
    rows, said = desk.filter(state, [], None, None)
    assert (len(rows), said) == (3, "")


@pytest.mark.parametrize(
    ("typed", "least"),
    [("", None), (None, None), ("-", None), ("x", None), ("1.5", 1.5), (" −2,5 ", -2.5)],
)
def test_a_number_is_read_as_people_type_it(typed: str | None, least: float | None) -> None:
    assert sieve([], typed, None) == Sieve(least=least)


def test_the_tab_follows_the_settings(desk: batch.Handlers) -> None:
    kept = {"hop_seconds": 2, "channels": "left", "precision": "bfloat16", "threads": 3}
    bench = Workbench(OWN)
    follow = batch.Handlers(desk.tab, bench, OWN).follow
    ids, said = follow({**kept, "checkpoints": [bench.default_ids()[-1]]})
    assert ids == [bench.default_ids()[-1]]
    assert "a window every 2 s, channels: left, bfloat16, 3 threads." in said
    ids, said = follow(None)
    assert ids == bench.default_ids()
    assert "a window every 4 s, channels: their mean, 32 bit." in said
