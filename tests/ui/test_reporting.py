"""The Report tab without a browser: files for others, and bundles that are verified."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from checkpoints import store
from core.limits import Limits
from core.verification import Outcome
from core.workbench import Inspection, Workbench
from tests.core.made import UNTRAINED, save_untrained
from tests.ui.known import wave
from ui import desk_texts, reporting

OWN = Limits.here({})


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(store, "search_path", lambda: (tmp_path / "checkpoints",))
    monkeypatch.setattr("core.fusing.search_path", lambda: (tmp_path / "checkpoints",))
    save_untrained(tmp_path / "checkpoints")
    return Workbench()


@pytest.fixture
def session(bench: Workbench, tmp_path: Path) -> reporting.Session:
    """One inspected clip, listed."""
    from core.detect import Settings

    clip = wave(tmp_path / "a <b>.wav", 0.05)
    inspection = Inspection.open(clip, clip.name, OWN)
    loaded = [bench.load(one) for one in bench.chosen([UNTRAINED])]
    list(inspection.scan(loaded, Settings(score_anyway=True)))
    inspection.conclude()
    found, _ = reporting.listed(None, inspection, None, None, [])
    return found


def made(bench: Workbench, session: reporting.Session, *formats: str, **more: Any) -> Any:
    desk = reporting.Handlers(bench, OWN)
    chosen = list(session.subjects)
    case = more.get("case", "case <1>")
    choices = (list(formats), True, more.get("originals", False))
    return list(desk.make(session, chosen, case, "", "", *choices))[-1]


def test_every_format_and_a_bundle_that_verifies(
    bench: Workbench, session: reporting.Session, tmp_path: Path
) -> None:
    said, files = made(bench, session, *reporting.LABELS, originals=True)
    assert "5 files written" in said
    assert "SHA-256 of the bundle’s manifest" in said
    paths = {Path(path).suffix: Path(path) for path in files["value"]}
    assert "case &lt;1&gt;" in paths[".html"].read_text()
    assert json.loads(paths[".json"].read_text())["source"]["name"] == "a <b>.wav"
    assert paths[".pdf"].read_bytes().startswith(b"%PDF")
    given = [json.dumps([str(paths[".zip"]), "bundle.zip"])]
    (tmp_path / "x").mkdir()
    copy = tmp_path / "bundle.zip"
    copy.write_bytes(paths[".zip"].read_bytes())
    given = [json.dumps([str(copy), copy.name])]
    desk = reporting.Handlers(bench, OWN)
    last = list(desk.verify(given, None))[-1]
    assert "IDENTICAL" in last
    assert "Scored again: 1 of 1 clips." in last
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr("extra.txt", "x")
    last = list(desk.verify(given, None))[-1]
    assert "CHANGED" in last
    assert "tampered with" in last
    assert "extra.txt was added" in last


def test_a_clip_that_was_replaced_can_still_be_reported(session: reporting.Session) -> None:
    again, update = reporting.listed(session, None, None, None, [])
    assert again is session
    assert update.choices[0][0].startswith("a <b>.wav · ")
    assert update.value == [update.choices[0][1]]


def test_one_more_recording_is_analysed_here(
    bench: Workbench, session: reporting.Session, tmp_path: Path
) -> None:
    desk = reporting.Handlers(bench, OWN)
    before = list(session.subjects)
    new = wave(tmp_path / "b.wav", 0.03)
    steps = list(desk.add(session, json.dumps([str(new), "b.wav"]), before))
    _, update, said = steps[-1]
    assert "“b.wav” is analysed" in said
    assert len(update.value) == 2
    assert update.choices[1][0].startswith("b.wav · ")
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    steps = list(desk.add(session, json.dumps([str(bad), "<b>.wav"]), before))
    assert "could not read sound from “&lt;b&gt;.wav”" in steps[-1][2]


def test_nothing_chosen_and_too_much_text_are_said(
    bench: Workbench, session: reporting.Session
) -> None:
    assert desk_texts.REPORT_CHOOSE in made(bench, session)[0]
    said, files = made(bench, session, "JSON", case="x" * 3_000)
    assert "Case has 3,000 characters" in said
    assert files["visible"] is False
    desk = reporting.Handlers(bench, OWN)
    assert (
        desk_texts.REPORT_CHOOSE
        in list(desk.make(None, [], "", "", "", ["JSON"], True, True))[-1][0]
    )
    assert desk_texts.VERIFY_NEED in list(desk.verify(None, None))[-1]


def test_only_uploads_are_verified(bench: Workbench) -> None:
    desk = reporting.Handlers(bench, OWN)
    last = list(desk.verify([json.dumps(["/etc/passwd", "x.zip"])], None))[-1]
    assert "Only uploads are read" in last


def test_the_word_says_what_was_not_scored_again() -> None:
    whole = reporting.verified(Outcome("IDENTICAL", ("<b>",), 0))
    assert "IDENTICAL (record only)" in whole
    assert desk_texts.VERIFY_RECORD_ONLY in whole
    assert "<b>" not in whole
    assert desk_texts.VERIFY_NOT_AS_MADE in reporting.verified(Outcome("CHANGED", (), 0))
    assert "do not give" in reporting.verified(Outcome("CHANGED", (), 1))
