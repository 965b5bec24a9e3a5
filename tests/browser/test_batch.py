"""The Batch tab in a real Chromium: drop, score, rows, downloads, and a row opened in Inspect."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

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
        assert "1 hidden or system file was" in page.inner_text("#batch-listed")
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


def status(page: Any, words: str) -> None:
    """Wait until the line below the fields has these words."""
    page.wait_for_function(
        "words => document.querySelector('#batch-status').innerText.includes(words)",
        arg=words,
        timeout=120_000,
    )


def fine_hop(page: Any) -> None:
    """A hop of half a second in the Settings, which the Batch tab then names."""
    page.get_by_role("tab", name="Settings").click()
    page.fill("#set-hop_seconds input", "0.5")
    page.wait_for_function("document.querySelector('#set-said').innerText.includes('Kept')")
    page.get_by_role("tab", name="Batch").click()
    page.wait_for_selector("#batch-how:has-text('a window every 0.5 s')")


def downloaded(page: Any, kind: str) -> str:
    with page.expect_download() as waiting:
        page.click(f"#batch-{kind}")
    return Path(waiting.value.path()).read_text()


def test_a_folder_is_stopped_resumed_and_filtered_as_the_settings_say(
    browser: Any, address: str, speech: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "case"
    (folder / "more").mkdir(parents=True)
    (folder / "notes.txt").write_text("This is no sound. " * 40)
    wave, rate = soundfile.read(speech)
    for number in range(6):  # each of its own, or the results that were kept would be used
        soundfile.write(folder / "more" / f"{number}.flac", (0.5 + number / 20) * wave, rate)
    with visit(browser, address) as page:
        fine_hop(page)
        with page.expect_file_chooser() as chooser:
            page.click("#batch-folder")
        chooser.value.set_files(str(folder))
        page.wait_for_selector("#batch-listed:has-text('7 recordings')")
        page.click("#batch-start")
        status(page, "2 of 7 done")
        page.click("#batch-stop")
        status(page, "Start goes on with the rest")
        done = int(page.inner_text("#batch-status").split("Stopped. ")[1].split()[0])
        assert 2 <= done < 7
        page.wait_for_selector(f"#batch-listed:has-text('{done} done')")
        picture(page, "batch_stopped")
        page.click("#batch-start")
        status(page, "All 7 recordings are done")
        page.get_by_label("✗ not read").check()
        page.wait_for_selector("#batch-shown:has-text('1 of 7 rows are shown')")
        assert "notes.txt" in page.inner_text("#batch-table")
        page.get_by_label("✗ not read").uncheck()
        page.fill("#filter-name input, #filter-name textarea", "FLAC")
        page.wait_for_selector("#batch-shown:has-text('6 of 7 rows are shown')")
        page.fill("#filter-least input, #filter-least textarea", "100000")
        page.wait_for_selector("#batch-shown:has-text('0 of 7 rows are shown')")
        themes(page, "batch_filtered")
        entries = json.loads(downloaded(page, "json"))
        assert {one["settings"]["hop_seconds"] for one in entries} == {0.5}
        assert "Setting: hop_seconds" in downloaded(page, "html")
        assert len(downloaded(page, "csv").splitlines()) == 8
