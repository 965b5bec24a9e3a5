"""The page as a whole: its address, a phone, and clips that come and go."""

import wave
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import drop, picture, scored, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TABS = ("inspect", "batch", "compare", "report", "models", "settings")
OPEN = "#tabs > .tab-wrapper [role=tab][aria-selected=true]"
CLEAR = "#drop button[aria-label='Remove this file'], #drop button[aria-label='Clear']"

MARK_FACTS = """() => {
    for (const one of document.querySelectorAll('#facts :not(:has(*))')) one.dataset.old = 'yes';
}"""
NEW_FACTS = """() => {
    const facts = document.querySelector('#facts');
    const old = [...facts.querySelectorAll('[data-old]')].some((one) => one.innerText.trim());
    return !old && facts.innerText.includes('fox.wav');
}"""


def opened(page: Any, address: str, name: str) -> str:
    page.goto(f"{address}?tab={name}")
    page.wait_for_selector(f"{OPEN}:has-text('{name.title()}')", timeout=30_000)
    return str(page.inner_text(OPEN))


def test_the_address_names_the_tab(browser: Any, address: str) -> None:
    with visit(browser, address) as page:
        for name in TABS:
            assert opened(page, address, name) == name.title()
        page.goto(f"{address}?tab=nonsense")
        page.wait_for_selector(f"{OPEN}:has-text('Inspect')")
        page.get_by_role("tab", name="Models").click()
        page.wait_for_function("location.search === '?tab=models'")
        page.reload()
        page.wait_for_selector(f"{OPEN}:has-text('Models')")


def test_no_tab_scrolls_sideways_on_a_phone(browser: Any, address: str, speech: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    with visit(browser, address, **phone) as page:
        drop(page, speech)
        scored(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        left = page.evaluate(
            "document.querySelector('#overview .js-plotly-plot')._fullLayout._size.l"
        )
        assert left == 62  # the margins of a wide page would take half of the plot
        for box in page.locator("[data-act]").all():
            place = box.bounding_box()
            assert place["x"] >= 0
            assert place["x"] + place["width"] <= 390
        picture(page, "phone_inspect")
        for name in TABS[1:]:
            opened(page, address, name)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            picture(page, f"phone_{name}")


def test_a_clip_taken_away_while_it_is_scored_leaves_and_comes_again(
    browser: Any, address: str, speech: Path, tmp_path: Path
) -> None:
    path = tmp_path / "minutes.wav"
    with wave.open(str(speech)) as one, wave.open(str(path), "wb") as many:
        many.setparams(one.getparams())
        sound = one.readframes(one.getnframes())
        for _ in range(20):
            many.writeframes(sound)
    with visit(browser, address) as page:
        drop(page, path)
        page.wait_for_function(
            "document.querySelector('#status').innerText.includes('Window')", timeout=60_000
        )
        page.click(CLEAR)
        page.wait_for_selector("#strip :text('No recording yet')")
        page.wait_for_timeout(4_000)  # the reading that was being made ends
        assert "No recording yet" in page.inner_text("#strip")
        assert not page.locator("#results").is_visible()
        drop(page, speech)
        scored(page)
        page.evaluate(MARK_FACTS)  # the ones on show, so that they are not taken for the new ones
        page.click(CLEAR)
        drop(page, speech)  # at once, the same one again
        page.wait_for_function(NEW_FACTS, timeout=60_000)
        scored(page)
        assert "fox.wav" in page.inner_text("#facts")


def test_every_plot_has_its_words_and_numbers(browser: Any, address: str, speech: Path) -> None:
    with visit(browser, address) as page:
        drop(page, speech)
        scored(page)
        assert "3 windows." in page.inner_text("#scores-said")
        for place in ("#bench", "#scores-said", "#evidence-1-note"):
            page.locator(f"{place} details.numbers").first.locator("summary").click()
            assert page.locator(f"{place} table.plain tbody tr").count() >= 2
