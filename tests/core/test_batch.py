"""Batches over detectors whose answers are known: rows, stopping, memory, order, files."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile

from core import batch as module
from core.batch import Batch, Progress, Row, agreement, by_highest, counts, estimate, pace, run
from core.batch_files import highest_text, lean_text, summary, to_csv, to_html
from core.detect import Settings
from core.gather import Item
from core.limits import OWN, SPACE
from core.report import unread
from core.result_cache import ResultCache, key_of
from tests.core.loudness import levels, loaded

ANYWAY = Settings(score_anyway=True)  # the made waves are no speech


@pytest.fixture(autouse=True)
def no_installed_fusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.fusing.search_path", lambda: (tmp_path,))


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    """Three clips, loudest second; the third is no sound."""
    made = []
    for name, wave in (("low.wav", levels(0.01, 0.02)), ("high.wav", levels(0.01, 0.09))):
        path = tmp_path / name
        soundfile.write(path, wave, 16_000, subtype="FLOAT")
        made.append(Item(name, path, bytes=path.stat().st_size))
    text = tmp_path / "=notes.txt"
    text.write_text("no sound at all")
    return [*made, Item(text.name, text, bytes=15)]


def batch_of(items: Sequence[Item], folder: Path, cache: ResultCache | None = None) -> Batch:
    return Batch(items, [loaded()], folder, ANYWAY, cache)


def rows_of(batch: Batch, **options: Any) -> list[Row]:
    return [event for event in run(batch, **options) if isinstance(event, Row)]


def test_a_row_a_recording_and_a_bad_file_is_a_row(items: list[Item], tmp_path: Path) -> None:
    low, high, bad = rows_of(batch_of(items, tmp_path))
    assert [row.number for row in (low, high, bad)] == [1, 2, 3]
    assert low.highest is not None
    assert low.highest.calibrated
    assert low.highest.value == pytest.approx(2, abs=0.05)
    assert low.highest.region.start >= 3.9
    assert bad.lean == "not scored"
    assert "could not read sound" in str(bad.problem)
    assert bad.report is None
    assert [row.name for row in by_highest([low, bad, high])] == ["high.wav", "low.wav", bad.name]
    assert counts([low, high, bad])["not read"] == 1


def test_a_row_says_what_analyse_says(items: list[Item], tmp_path: Path) -> None:
    from core.analysis import analyse
    from core.report import to_record

    row = rows_of(batch_of(items[:1], tmp_path))[0]
    path = items[0].path
    assert path is not None
    assert row.entry == to_record(analyse(path, [loaded()], ANYWAY))


def test_progress_is_told_window_by_window(items: list[Item], tmp_path: Path) -> None:
    events = list(run(batch_of(items, tmp_path)))
    steps = [e for e in events if isinstance(e, Progress) and e.step is not None]
    assert [(e.done, e.name) for e in steps] == [(0, "low.wav")] * 2 + [(1, "high.wav")] * 2
    first = next(e for e in events if isinstance(e, Progress) and e.done == 1)
    assert first.seconds_left is not None  # known once one recording was scored
    assert steps[0].seconds_left is None


def test_stop_keeps_whole_rows_and_the_rest_can_follow(items: list[Item], tmp_path: Path) -> None:
    seen: list[Row] = []
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(seen) == 1 and len(asked) > 4  # inside the second recording

    for event in run(batch_of(items, tmp_path), stop):
        if isinstance(event, Row):
            seen.append(event)
    assert [row.number for row in seen] == [1]
    rest = rows_of(batch_of(items, tmp_path), skip=[1])
    assert [row.number for row in rest] == [2, 3]


def test_a_stop_inside_a_recording_gives_no_row(items: list[Item], tmp_path: Path) -> None:
    steps: list[Progress] = []
    for event in run(batch_of(items[:1], tmp_path), lambda: len(steps) > 0):  # noqa: B023 - it is the list that is asked
        assert isinstance(event, Progress)
        steps += [event] if event.step is not None else []
    assert len(steps) == 1


def test_what_was_scored_is_not_scored_again(items: list[Item], tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "cache")
    first = rows_of(batch_of(items, tmp_path, cache))
    assert not any(row.remembered for row in first)
    assert len(list(cache.folder.iterdir())) == 2  # what cannot be read is tried again
    renamed = [replace(item, name=f"new {item.name}") for item in items]
    again = rows_of(batch_of(renamed, tmp_path, cache))
    assert [row.remembered for row in again] == [True, True, False]
    assert again[0].entry["source"]["name"] == "new low.wav"
    same = {**first[0].entry, "source": {**first[0].entry["source"], "name": "new low.wav"}}
    assert again[0].entry == same


def test_other_settings_or_weights_are_other_results() -> None:
    one = loaded()
    key = key_of("a", [one], ANYWAY)
    assert key == key_of("a", [one], ANYWAY)
    assert key != key_of("b", [one], ANYWAY)
    assert key != key_of("a", [one], Settings())
    other = replace(one, checkpoint=replace(one.checkpoint, sha256="1" * 64))
    assert key != key_of("a", [other], ANYWAY)


def test_a_damaged_entry_is_ignored_and_written_anew(items: list[Item], tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "cache")
    entry = rows_of(batch_of(items[:1], tmp_path))[0].entry
    cache.keep("key", entry)
    (path,) = cache.folder.iterdir()
    whole = path.read_text()
    assert "low.wav" not in whole  # the recording's name is not kept
    assert cache.find("key", "low.wav") == entry
    for damage in ("", "[]", "{", '{"source": {}}', '{"source": {"name": 1}}', "[" * 90_000):
        path.write_text(damage)
        assert cache.find("key", "low.wav") is None
    cache.keep("key", entry)
    assert path.read_text() == whole


def test_the_cache_is_bounded_and_not_on_a_space(items: list[Item], tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "cache", entries=1)
    rows_of(batch_of(items, tmp_path, cache))
    assert len(list(cache.folder.iterdir())) == 1
    assert cache.clear() == 1
    assert ResultCache.here(SPACE, {"SPOOFSCOPE_CACHE": str(tmp_path)}) is None
    assert ResultCache.here(OWN, {"SPOOFSCOPE_CACHE": str(tmp_path)}) == ResultCache(tmp_path)


def entry(fused: float | None, *llrs: float | None) -> dict[str, Any]:
    detections: list[dict[str, Any]] = [
        {"llr": llr, "checkpoint": str(n), "windows": []} for n, llr in enumerate(llrs)
    ]
    return {**unread("x", ""), "fused": {"llr": fused, "windows": []}, "detections": detections}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (entry(2.0, 2.0, 3.0), "all 2"),
        (entry(2.0, 2.0, 0.5, None), "1 of 2"),
        (entry(0.2, 2.0, -2.0), "disagree (1 spoofed, 1 bona fide)"),
        (entry(2.0, 2.0), "one detector"),
        (entry(None, None), "–"),
    ],
)
def test_agreement_in_words(found: dict[str, Any], said: str) -> None:
    assert agreement(found) == said


def test_csv_json_and_page(items: list[Item], tmp_path: Path) -> None:
    rows = rows_of(batch_of(items, tmp_path))
    table = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert [line["clip"] for line in table] == ["low.wav", "high.wav", "'=notes.txt"]
    assert float(table[1]["highest"]) == max(
        window["llr"] for window in rows[1].entry["fused"]["windows"]
    )
    evil = replace(rows[2], name="<img src=x>", entry=unread("<img src=x>", "<b>"))
    page = to_html([*rows[:2], evil])
    assert "<img" not in page
    assert "<b>" not in page
    assert page.index("high.wav") < page.index("low.wav")
    assert "2 lean spoofed" in summary(rows)
    assert lean_text(rows[0]) == "▲ leans spoofed"
    assert lean_text(rows[2]) == "✗ not read"
    assert highest_text(rows[1]).startswith("+6.91 at 4.0")
    assert highest_text(rows[1]).endswith(" s")
    assert json.dumps(rows[2].entry)


def test_uncalibrated_rows_come_after_calibrated_ones(items: list[Item], tmp_path: Path) -> None:
    raw = Batch(items[1:2], [loaded(calibration=None)], tmp_path, ANYWAY)
    (loud,) = rows_of(raw)
    (quiet,) = rows_of(batch_of(items[:1], tmp_path))
    assert highest_text(loud).startswith("raw +")
    assert loud.llr is None
    assert by_highest([loud, replace(quiet, number=2)])[0].name == "low.wav"


def test_time_is_estimated_from_headers_and_pace(items: list[Item]) -> None:
    assert module.expected_seconds(items[0]) == pytest.approx(8, abs=0.5)
    zipped = Item("a.mp3", Path("a.zip"), 0, 160_000)
    assert module.expected_seconds(zipped) == 10
    assert estimate([*items[:2], zipped], 0.5, Settings()) == pytest.approx(3.25, abs=0.2)
    assert 0 < pace([loaded()], ANYWAY) < 5
    assert pace([], ANYWAY) == 0
