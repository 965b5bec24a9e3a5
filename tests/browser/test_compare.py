"""The Compare tab in a real Chromium: two clips side by side, on one scale, each heard alone."""

from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.browser.conftest import themes, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_two_clips_side_by_side(browser: Any, address: str, speech: Path, tmp_path: Path) -> None:
    wave, rate = soundfile.read(speech)
    half = tmp_path / "half <i>.wav"
    soundfile.write(half, 0.2 * wave[: len(wave) // 2], rate)
    with visit(browser, address) as page:
        page.get_by_role("tab", name="Compare").click()
        page.click("#compare-go")
        page.wait_for_selector("#compare-status .lean-not-scored")
        assert "Drop recording A first" in page.inner_text("#compare-status")
        page.set_input_files("#compare-a input[type=file]", str(speech))
        page.set_input_files("#compare-b input[type=file]", str(half))
        page.wait_for_function(
            "document.querySelector('#compare-b').innerText.includes('half')", timeout=10_000
        )
        page.click("#compare-go")
        page.wait_for_function(
            "document.querySelector('#compare-status').innerText.includes('Both sides are scored')",
            timeout=120_000,
        )
        page.wait_for_selector("#difference-0 .js-plotly-plot .main-svg")
        ranges = page.evaluate(
            """[...document.querySelectorAll('.own-clock .js-plotly-plot')]
            .map(g => [g._fullLayout.xaxis.range, g._fullLayout.yaxis.range].flat())"""
        )
        assert len(ranges) == 4  # two overviews, two plots of scores
        assert [tuple(ranges[0]), tuple(ranges[1])] == [tuple(ranges[2]), tuple(ranges[3])]
        assert "half <i>.wav" in page.inner_text("#side-b")
        assert "A − B" in page.inner_text("#compare-scores")
        themes(page, "compare")
        area = page.locator("#side-b .nsewdrag").nth(1)
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
        page.wait_for_function("!document.querySelector('#side-b audio').paused")
        assert page.evaluate("document.querySelector('#side-a audio').paused")
        page.get_by_label("Left and right channel").click()
        page.click("#compare-go")
        page.wait_for_function(
            "document.querySelector('#compare-status').innerText.includes('has one channel')"
        )
