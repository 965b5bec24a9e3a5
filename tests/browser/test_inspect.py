"""The Inspect tab in a real Chromium: drop, record, look, listen, zoom."""

import re
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import app, drop, picture, scored, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RANGES = """() => [...document.querySelectorAll('.js-plotly-plot')]
    .filter(g => g.layout?.meta?.extent && g.offsetParent && g.closest('#bench, #results'))
    .map(g => g._fullLayout.xaxis.range)"""
LEANS = re.compile("Leans|Mixed|Inconclusive|Not scored")


def box_of(page: Any, plot: str, subplot: int) -> dict[str, float]:
    """Where a subplot is in the browser's window, once it has been scrolled into it."""
    area = page.locator(f"{plot} .nsewdrag").nth(subplot)
    area.scroll_into_view_if_needed()
    found: dict[str, float] = area.bounding_box()
    return found


def playing_at(page: Any) -> float:
    return float(page.evaluate("document.querySelector('#player audio').currentTime"))


def ranges(page: Any) -> list[list[float]]:
    """The x range of every plot that is on the clock."""
    found = page.evaluate(RANGES)
    return [[float(edge) for edge in pair] for pair in found]


def test_a_wav_from_drop_to_evidence(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        drop(page, speech)
        page.wait_for_selector("#facts .facts")
        assert "fox.wav" in page.inner_text("#facts")
        page.wait_for_selector("#overview .heatmaplayer image")
        assert LEANS.search(scored(page))
        assert page.locator("#strip .card").count() >= 1
        assert "windows scored" in page.inner_text("#status")
        marks = page.locator("#scores .scatterlayer .points path")
        assert marks.count() >= 3
        note = page.inner_text("#evidence-1-note")
        assert "Numbers" in note
        page.locator("#evidence-1-note summary").click()
        assert page.locator("#evidence-1-note table.plain tbody tr").count() >= 2
        picture(page, "inspect_light")
        with page.expect_download() as waiting:
            page.click("#json")
        assert '"schema": 1' in Path(waiting.value.path()).read_text()


def test_click_seeks_and_a_window_plays_itself_only(
    browser: Any, address: str, speech: Path
) -> None:
    with visit(browser, address) as page:
        drop(page, speech)
        scored(page)
        box = box_of(page, "#overview", 1)
        seconds = page.evaluate("document.querySelector('#player audio').duration")
        page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
        page.wait_for_function("!document.querySelector('#player audio').paused")
        assert playing_at(page) == pytest.approx(seconds * 0.5, abs=1.0)
        assert page.locator("#overview .clock-cursor").is_visible()
        page.evaluate("document.querySelector('#player audio').pause()")

        box = box_of(page, "#scores", 0)
        page.mouse.click(box["x"] + box["width"] * 2 / seconds, box["y"] + box["height"] * 0.3)
        page.wait_for_function("!document.querySelector('#player audio').paused")
        assert playing_at(page) < 1.5
        page.wait_for_function(
            "document.querySelector('#evidence-head').innerText.includes('0.00–4.0')",
            timeout=60_000,
        )
        page.wait_for_function("document.querySelector('#player audio').paused", timeout=10_000)
        assert playing_at(page) == pytest.approx(4.0375, abs=0.08)


def test_zoom_is_shared_and_a_double_click_resets(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        drop(page, speech)
        scored(page)
        whole = ranges(page)[0]
        box = box_of(page, "#overview", 1)
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.1, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.3, middle, steps=8)
        page.mouse.up()
        page.wait_for_function(f"({RANGES})()[1][1] < {whole[1] / 2}")
        first, second = ranges(page)[:2]
        assert first == pytest.approx(second, abs=1e-3)
        assert first[1] - first[0] == pytest.approx(0.2 * whole[1], abs=0.1)
        picture(page, "inspect_zoomed")
        page.mouse.dblclick(box["x"] + box["width"] * 0.6, middle)
        page.wait_for_function(f"({RANGES})().slice(0, 2).every(r => r[1] == {whole[1]})")
        assert ranges(page)[:2] == [whole, whole]


def test_m_four_a_is_read_and_the_old_result_leaves(
    browser: Any, address: str, speech: Path, m4a: Path, tmp_path: Path
) -> None:
    with visit(browser, address) as page:
        drop(page, m4a)
        scored(page)
        assert "AAC" in page.inner_text("#facts").upper()
        page.click("#drop button[aria-label='Remove this file'], #drop button[aria-label='Clear']")
        page.wait_for_selector("#evidence", state="hidden")
        assert "Drop a recording" in page.inner_text("#strip")
        broken = tmp_path / "notes <b>.wav"
        broken.write_text("This is no sound at all. " * 40)
        drop(page, broken)
        page.wait_for_selector("#strip .lean-not-scored")
        said = page.inner_text("#strip")
        assert "We could not read sound from “notes <b>.wav”" in said
        assert not page.locator("#bench").is_visible()
        picture(page, "bad_file")


def test_silence_is_not_scored(browser: Any, address: str, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    data = bytes(2 * 16_000 * 3)
    head = struct.pack(
        "<4sI8sIHHIIHH", b"RIFF", 36 + len(data), b"WAVEfmt ", 16, 1, 1, 16_000, 32_000, 2, 16
    )
    path.write_bytes(head + struct.pack("<4sI", b"data", len(data)) + data)
    with visit(browser, address) as page:
        drop(page, path)
        page.wait_for_selector("#overview .js-plotly-plot .main-svg")
        page.wait_for_selector("#strip .lean-not-scored")
        assert "is silent" in page.inner_text("#strip")
        assert not page.locator("#anyway").is_visible()


def test_a_recording_from_the_microphone(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        page.click("#microphone .record-button")
        page.wait_for_timeout(4_000)  # there is nothing to wait for but the recording itself
        page.click("#microphone .stop-button")
        page.wait_for_selector("#overview .heatmaplayer image", timeout=30_000)
        page.wait_for_function(
            "document.querySelector('#strip').innerText.includes('not originals')", timeout=60_000
        )
        picture(page, "microphone")


@pytest.mark.parametrize("look", ["dark", "phone"])
def test_other_looks(browser: Any, address: str, speech: Path, look: str) -> None:
    context: dict[str, Any] = {"viewport": {"width": 420, "height": 900}} if look == "phone" else {}
    theme = "?__theme=dark" if look == "dark" else ""
    with visit(browser, address + theme, **context) as page:
        drop(page, speech)
        scored(page)
        picture(page, f"inspect_{look}")
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0


def test_the_models_tab(browser: Any, address: str) -> None:
    with visit(browser, address) as page:
        page.get_by_role("tab", name="Models").click()
        page.click("#self-test")
        page.wait_for_selector("#models .good", timeout=60_000)
        assert "sha-256" in page.inner_text("#models")
        picture(page, "models")


def test_without_a_detector_the_facts_are_there(browser: Any, speech: Path, tmp_path: Path) -> None:
    with app(tmp_path, tmp_path / "app.log") as address, visit(browser, address) as page:
        drop(page, speech)
        page.wait_for_selector("#overview .heatmaplayer image")
        page.wait_for_selector("#strip .lean-not-scored")
        assert "No detector is installed. Nothing was scored." in page.inner_text("#strip")
        assert "python -m core fetch" in page.inner_text("#strip")
        assert page.evaluate("document.querySelector('#player audio').duration") > 5
        picture(page, "no_detector")
        page.get_by_role("tab", name="Models").click()
        assert "No detector is installed." in page.inner_text("#models")
