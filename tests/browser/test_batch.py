"""The Batch tab in a real Chromium: drop, score, rows, downloads, and a row opened in Inspect."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import app, picture, themes, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def address(scoring_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("app")
    cache = str(folder / "cache")
    with app(scoring_checkpoints, folder / "app.log", SPOOFSCOPE_CACHE=cache) as found:
        yield found


def test_files_and_a_zip_become_rows_and_a_row_opens(
    browser: Any, address: str, speech: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "notes <b>.wav"
    broken.write_text("This is no sound. " * 40)
    zipped = tmp_path / "calls.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(speech, "calls/second.wav")
        archive.writestr("calls/inner.zip", b"PK\x03\x04")
        archive.writestr("__MACOSX/._x", b"")
    with visit(browser, address) as page:
        page.get_by_role("tab", name="Batch").click()
        files = [str(speech), str(broken), str(zipped)]
        page.set_input_files("#batch-drop input[type=file]", files)
        page.wait_for_function(
            "document.querySelector('#batch-listed').innerText.includes('4 recordings')"
        )
        assert "1 hidden or system files" in page.inner_text("#batch-listed")
        picture(page, "batch_listed")
        page.click("#batch-start")
        page.wait_for_function(
            "document.querySelector('#batch-status').innerText.includes('All 4')", timeout=120_000
        )
        assert "2 could not be read" in page.inner_text("#batch-listed")
        table = page.inner_text("#batch-table")
        assert "calls/second.wav" in table
        assert "notes <b>.wav" in table
        assert "zip within a zip" in table
        themes(page, "batch")
        with page.expect_download() as waiting:
            page.click("#batch-json")
        entries = json.loads(Path(waiting.value.path()).read_text())
        assert [one["source"]["name"] for one in entries] == [
            "fox.wav", broken.name, "calls/second.wav", "calls/inner.zip",
        ]  # fmt: skip
        same = [one["detections"][0]["spoof_logit"] for one in (entries[0], entries[2])]
        assert same[0] == same[1]
        page.click("#batch-start")  # the second time from the results that were kept
        page.wait_for_function(
            "document.querySelector('#batch-status').innerText.includes('were kept')",
            timeout=30_000,
        )
        page.locator("#batch-table [data-testid='cell-0-2']").click()
        page.wait_for_selector("#evidence-1 .js-plotly-plot .main-svg", timeout=120_000)
        assert ".wav" in page.inner_text("#facts")
