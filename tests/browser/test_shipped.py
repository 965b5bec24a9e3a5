"""All five detectors with the weights that ship: cards, verdict, and each one's evidence panels."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import ROOT, app, drop, picture, scored, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PANELS = {
    "HierCon": ("Attention of each layer over time", "Attention between the groups"),
    "QAF-Static": ("Codec weights", "Effect of each quantizer on this window"),
    "XLS-R + SLS": ("Layer gates",),
    "XLSR-MamBo": ("Weight of each moment in the pooling",),
    "Sparse AASIST (TopK)": ("Active dimensions", "What each dimension adds to the spoof logit"),
}


def test_five_detectors_score_and_show_what_they_looked_at(
    browser: Any, speech: Path, tmp_path: Path
) -> None:
    with (
        app(ROOT / "checkpoints", tmp_path / "app.log") as address,
        visit(browser, address) as page,
    ):
        drop(page, speech)
        scored(page)
        cards = page.locator("#strip .card").all_inner_texts()
        assert len(cards) == len(PANELS)
        assert all("LLR" in card for card in cards)
        assert "Fused llr" in page.inner_text("#strip")
        for name, panels in PANELS.items():
            page.get_by_role("tab", name=name, exact=True).click()
            for panel in panels:
                page.locator("h3", has_text=panel).first.wait_for(timeout=120_000)
            picture(page, f"shipped_{name.split()[0].lower()}")
