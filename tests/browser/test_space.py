"""The app as it runs on a public Space: it says so, allows less, keeps nothing; the Models tab."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import app, drop, picture, scored, themes, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def space(
    scoring_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The address of an app that believes it is a Space, and where its results would be kept."""
    folder = tmp_path_factory.mktemp("space")
    places = {"SPACE_ID": "somebody/spoofscope", "SPOOFSCOPE_CACHE": str(folder / "cache")}
    with app(scoring_checkpoints, folder / "app.log", **places) as found:
        yield found, folder / "cache"


def test_the_banner_stands_above_every_tab_and_the_limits_are_lower(
    browser: Any, space: tuple[str, Path], speech: Path
) -> None:
    address, cache = space
    with visit(browser, address) as page:
        banner = page.get_by_role("note").filter(has_text="Public demo")
        assert "deleted after 1 hour" in banner.inner_text()
        assert "up to 200 MB" in page.inner_text("#strip")
        themes(page, "space")
        drop(page, speech)
        scored(page)
        page.get_by_role("tab", name="Batch").click()
        assert banner.is_visible()
        assert "up to 20" in page.inner_text("#batch-drop")
        assert page.get_by_text("Use results that are kept").count() == 0
        page.set_input_files("#batch-drop input[type=file]", str(speech))
        page.wait_for_selector("#batch-listed:has-text('1 recording')")
        page.click("#batch-start")
        page.wait_for_selector("#batch-status:has-text('All 1')", timeout=60_000)
        assert not cache.exists()
        page.get_by_role("tab", name="Settings").click()
        assert page.get_by_label("Threads").count() == 0
        assert page.get_by_label("Deterministic").count() == 0
        page.fill("#set-hop_seconds input", "0.1")
        page.wait_for_selector("#set-said:has-text('Not possible here')")
        page.get_by_role("tab", name="Batch").click()
        page.wait_for_selector("#batch-how:has-text('a window every 1 s')")


def test_cards_are_tested_and_unfolded(browser: Any, space: tuple[str, Path]) -> None:
    with visit(browser, space[0]) as page:
        page.get_by_role("tab", name="Models").click()
        assert "not run yet" in page.inner_text("#models")
        page.click("#self-test")
        page.wait_for_selector("#models .good", timeout=60_000)
        assert "✓ passed" in page.inner_text("#models")
        page.get_by_text("The whole card").first.click()
        assert '"golden"' in page.inner_text("#models pre")
        themes(page, "models")
        page.set_viewport_size({"width": 420, "height": 900})
        picture(page, "models_phone")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
