"""The Report tab in a real Chromium: a report of an inspected clip; its bundle verified, forged."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import picture, themes, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def forged(bundle: Path, target: Path) -> Path:
    """The same bundle with one number changed in its report."""
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            if name == "report.json":
                data = data.replace(b'"spoof_logit": ', b'"spoof_logit": 1', 1)
            out.writestr(name, data)
    return target


def test_report_bundle_verify_and_forgery(
    browser: Any, address: str, speech: Path, tmp_path: Path
) -> None:
    with visit(browser, address) as page:
        page.set_input_files("#drop input[type=file]", str(speech))
        page.wait_for_selector("#evidence-1 .js-plotly-plot .main-svg", timeout=120_000)
        page.get_by_role("tab", name="Report").click()
        page.wait_for_selector("#report-clips label:has-text('fox.wav')")
        page.fill("#report-case input, #report-case textarea", "2026-11/7 <b>")
        page.get_by_label("PDF", exact=True).check()
        page.click("#report-make")
        page.wait_for_function(
            "document.querySelector('#report-said').innerText.includes('3 files written')",
            timeout=120_000,
        )
        themes(page, "report")
        bundle = tmp_path / "bundle.zip"
        with page.expect_download() as waiting:
            page.locator("#report-files a[download*='bundle']").first.click()
        waiting.value.save_as(bundle)
        with zipfile.ZipFile(bundle) as archive:
            assert "2026-11/7 &lt;b&gt;" in archive.read("report.html").decode()

        page.set_input_files("#verify-bundle input[type=file]", str(bundle))
        page.set_input_files("#verify-clips input[type=file]", str(speech))
        page.wait_for_function("document.querySelector('#verify-clips').innerText.includes('fox')")
        page.click("#verify-go")
        page.wait_for_selector("#verify-outcome .verified", timeout=120_000)
        said = page.inner_text("#verify-outcome")
        assert "IDENTICAL" in said or "WITHIN TOLERANCE" in said
        assert "Scored again: 1 of 1" in said
        themes(page, "verify")

        page.click("#verify-bundle button[aria-label='Clear'], "
                   "#verify-bundle button[aria-label='Remove this file']")  # fmt: skip
        lie = forged(bundle, tmp_path / "forged.zip")
        page.set_input_files("#verify-bundle input[type=file]", str(lie))
        page.wait_for_function(
            "document.querySelector('#verify-bundle').innerText.includes('forged')"
        )
        page.click("#verify-go")
        page.wait_for_selector("#verify-outcome .verified.changed", timeout=60_000)
        said = page.inner_text("#verify-outcome")
        assert "CHANGED" in said
        assert "tampered with" in said
        assert "report.json was altered" in said
        picture(page, "verify_forged")
