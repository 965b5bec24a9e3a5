"""What may be asked of a clip once it is scored, and a long clip, in a real Chromium."""

import json
import re
import shutil
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.browser.conftest import ROOT, app, drop, picture, scored, themes, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHARES = "Shares over time"
PLAYER = "document.querySelector('#player audio')"
POINTS = "document.querySelectorAll('#scores .scatterlayer .points path').length"


@pytest.fixture(scope="module")
def minutes(speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three minutes: the same sentences again and again."""
    path = tmp_path_factory.mktemp("long") / "minutes.wav"
    with wave.open(str(speech)) as one, wave.open(str(path), "wb") as many:
        many.setparams(one.getparams())
        sound = one.readframes(one.getnframes())
        for _ in range(20):
            many.writeframes(sound)
    return path


def drag(page: Any, first: float, last: float) -> None:
    """Zoom to a part of the spectrogram, by shares of its width."""
    area = page.locator("#overview .nsewdrag").nth(1)
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * first, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * last, middle, steps=6)
    page.mouse.up()


def test_results_come_from_left_to_right_and_stop_keeps_them(
    browser: Any, address: str, minutes: Path
) -> None:
    with visit(browser, address) as page:
        drop(page, minutes)
        page.wait_for_function(f"{POINTS} >= 2", timeout=60_000)
        there = page.evaluate(
            "document.querySelector('#scores .js-plotly-plot')"
            ".data.flatMap(trace => trace.customdata ?? [])"
        )
        starts = [float(one[0]) for one in there]
        assert starts == sorted(starts)
        assert starts[0] == 0
        assert starts[-1] < 160  # the end is still to come
        page.click("#stop")
        scored(page)
        said = re.search(r"Stopped. (\d+) of (\d+) windows", page.inner_text("#status"))
        assert said is not None
        done, planned = map(int, said.groups())
        assert len(starts) <= done < planned
        assert page.evaluate(POINTS) == done
        for report in ("#json", "#html"):  # they are handed out one after the other
            page.wait_for_selector(f"{report}:not([disabled])", timeout=10_000)
        page.wait_for_selector("#stop", state="hidden", timeout=10_000)


def test_score_anyway_overrules_a_want_of_speech(
    browser: Any, address: str, tmp_path: Path
) -> None:
    path = tmp_path / "noise.wav"
    noise = np.random.default_rng(0).normal(0, 0.1, 6 * 16_000)
    soundfile.write(path, noise, 16_000)
    with visit(browser, address) as page:
        drop(page, path)
        page.wait_for_selector("#strip .lean-not-scored")
        page.click("#anyway")
        scored(page)
        assert "It was scored all the same, as asked." in page.inner_text("#strip")
        assert page.locator("#strip .card").count() == 1


def test_keys_and_loop(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        drop(page, speech)
        scored(page)
        page.locator("#clock").click()
        page.keyboard.press("Space")
        page.wait_for_function(f"!{PLAYER}.paused && {PLAYER}.currentTime > 0.1")
        page.keyboard.press("Space")
        page.wait_for_function(f"{PLAYER}.paused")
        before = page.evaluate(f"{PLAYER}.currentTime")
        page.keyboard.press("l")
        page.wait_for_function(f"Math.abs({PLAYER}.currentTime - {before} - 1) < 0.05")
        page.keyboard.press("j")
        page.wait_for_function(f"Math.abs({PLAYER}.currentTime - {before}) < 0.05")
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"!{PLAYER}.paused && {PLAYER}.currentTime >= 4")
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(f"!{PLAYER}.paused && {PLAYER}.currentTime < 3")
        page.click("[data-act=loop]")
        assert page.get_attribute("[data-act=loop]", "aria-pressed") == "true"
        page.evaluate(f"{PLAYER}.currentTime = 3.9")
        page.wait_for_function(f"!{PLAYER}.paused && {PLAYER}.currentTime < 2", timeout=5_000)


def test_a_stretch_is_scored_noted_and_exported(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        drop(page, speech)
        scored(page)
        drag(page, 0.2, 0.4)
        page.wait_for_selector("#stretch b")
        assert re.match(r"Stretch 1\.\d\d–3\.\d\d s", page.inner_text("#stretch b"))
        page.click("#ask-stretch")
        page.wait_for_selector("#answer h3:has-text('alone, cut out, silenced')", timeout=90_000)
        page.wait_for_selector("#answer-plot .js-plotly-plot .main-svg")
        assert page.locator("#answer .answers li").count() >= 3
        page.fill("#note textarea, #note input", "sounds <b>odd</b>")
        page.click("#add-note")
        page.wait_for_selector("#notes li")
        assert "sounds <b>odd</b>" in page.inner_text("#notes")
        page.click("#export")
        page.wait_for_selector("#region-files a")
        assert "TextGrid" in page.inner_text("#region-files")


def test_robustness_and_likelihood(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        drop(page, speech)
        scored(page)
        page.click("#ask-robustness")
        page.wait_for_selector("#answer h3:has-text('Robustness')", timeout=120_000)
        page.locator("#answer summary").click()
        assert page.locator("#answer table.plain tbody tr").count() > 10
        picture(page, "robustness")
        page.click("#ask-likelihood")
        page.wait_for_selector("#likelihood-card .lr")
        assert "Not calibrated: no likelihood ratio" in page.inner_text("#likelihood-card")


@pytest.mark.weights
@pytest.mark.parametrize("name", ["sls", "aasist"])
def test_attribution_is_drawn_on_the_clock(
    browser: Any, speech: Path, name: str, tmp_path: Path
) -> None:
    """With the shipped weights: progress, then pictures that start and end with the window."""
    mine = tmp_path / "checkpoints"
    for card in (ROOT / "checkpoints").glob("*/card.json"):
        if json.loads(card.read_text())["detector"] in {name, "backbone"}:
            shutil.copytree(card.parent, mine / card.parent.name)
    with app(mine, tmp_path / "app.log") as own, visit(browser, own) as page:
        drop(page, speech)
        scored(page)
        page.click("#attribute")
        page.wait_for_selector("#evidence-head progress", timeout=60_000)
        assert "left" in page.inner_text("#evidence-head")
        page.wait_for_selector(f"h3:has-text('{SHARES}')", timeout=240_000)
        assert not page.locator("#stop-evidence").is_visible()
        assert "add up to" in page.inner_text(".slots")
        slot = page.locator(".slot", has=page.locator(f"h3:text-is('{SHARES}')"))
        slot.locator(".main-svg").first.wait_for()
        window = page.evaluate("document.querySelector('#evidence-head').innerText")
        start, stop = map(float, re.findall(r"(\d+\.\d+)", window)[:2])
        drawn = slot.locator(".js-plotly-plot").evaluate("one => one._fullLayout.xaxis.range")
        assert drawn == pytest.approx([start, stop], abs=0.06)
        themes(page, f"attribution_{name}")
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        themes(page, f"attribution_{name}_phone")


def test_stop_ends_what_takes_long(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        drop(page, speech)
        scored(page)
        for button in ("#attribute", "#test-maps"):
            page.click(button)
            page.wait_for_selector("#evidence-head progress[max]", timeout=60_000)
            page.click("#stop-evidence")
            page.wait_for_selector("#evidence-head:has-text('Stopped')", timeout=30_000)
            assert not page.locator("#stop-evidence").is_visible()
            assert page.locator(f"h3:has-text('{SHARES}')").count() == 0
            assert page.locator(".model-scope:has-text('faithfulness')").count() == 0
        page.click("#ask-robustness")
        page.wait_for_selector("#question-said progress[max]", timeout=60_000)
        page.click("#stop-question")
        page.wait_for_selector("#answer .said:has-text('Stopped')", timeout=60_000)
        assert not page.locator("#stop-question").is_visible()


def test_maps_carry_their_faithfulness(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        drop(page, speech)
        scored(page)
        page.click("#test-maps")
        page.wait_for_selector(".model-scope:has-text('faithfulness')", timeout=120_000)
        assert re.search(r"faithfulness \d+ %", page.inner_text(".slots"))
        picture(page, "faithfulness")


def test_settings_are_kept_and_used(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        page.get_by_role("tab", name="Settings").click()
        page.fill("#set-hop_seconds input", "2")
        page.locator("#set-hop_seconds input").blur()
        page.wait_for_selector("#set-said :text('Kept')")
        page.reload()
        page.get_by_role("tab", name="Settings").click()
        page.wait_for_function("document.querySelector('#set-hop_seconds input').value === '2'")
        page.get_by_role("tab", name="Inspect").click()
        drop(page, speech)
        scored(page)
        assert page.evaluate(POINTS) == 4
        page.get_by_role("tab", name="Settings").click()
        page.click("#set-reset")
        page.wait_for_function("document.querySelector('#set-hop_seconds input').value === '4'")


def test_a_pdf_and_a_bundle_with_the_case(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        drop(page, speech)
        scored(page)
        page.click("#case-file > button, #case-file .label-wrap")
        page.fill("#own-case input, #own-case textarea", "7/2026")
        page.click("#own-make")
        page.wait_for_selector("#own-files a", timeout=60_000)
        said = page.inner_text("#own-files")
        assert ".pdf" in said
        assert ".zip" in said
        assert re.search("[0-9a-f]{64}", page.inner_text("#own-said"))
