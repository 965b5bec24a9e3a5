"""The likelihood-ratio card in a real Chromium, on shipped weights calibrated on real clips.

The checkpoints are copied; two of them are calibrated and fused anew on a few dev clips, and what
that rests on is written by the function that training calls.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.calibration import fit
from core.fusion import fit_fusion
from core.loading import Loaded, load
from tests.browser.conftest import ROOT, app, drop, scored, themes, visit
from training import basis
from training.corpus import BESIDE, read_splits
from training.run import dev_scores

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.shared]
USED = ("hiercon-compact", "sls-compact")
EACH = 20  # clips of each class


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of two shipped checkpoints with all that the card needs."""
    if not BESIDE.is_dir():
        pytest.skip("the corpus does not lie beside the checkout")
    home = tmp_path_factory.mktemp("calibrated") / "checkpoints"
    for name in (*USED, "texture-cepstra-phase-compact", "cepstra-phase-compact"):
        shutil.copytree(ROOT / "checkpoints" / name, home / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("checkpoints.store.search_path", lambda: (home,))
        _calibrate(home)
    return home


def _calibrate(home: Path) -> None:
    dev = read_splits(BESIDE).dev
    chosen = [
        i for label in ("bonafide", "spoof") for i in [x for x in dev if x.label == label][:EACH]
    ]
    labels = [item.label for item in chosen]
    scores = {one.checkpoint.id: dev_scores(one.detector, tuple(chosen)) for one in _loaded(home)}
    fitted = {name: fit(values, labels, "forty dev clips") for name, values in scores.items()}
    for name, one in fitted.items():
        path = home / name / "card.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"calibration": one.to_card()}))
    loaded = _loaded(home)
    llrs = {
        one.detector.name: [fitted[one.checkpoint.id].llr(x) for x in scores[one.checkpoint.id]]
        for one in loaded
    }
    checkpoints = {one.detector.name: one.checkpoint.id for one in loaded}
    fusion = fit_fusion(llrs, labels, checkpoints, "forty dev clips")
    (home / "fusion.json").write_text(fusion.to_json())
    basis.write(loaded, [item.path for item in chosen], labels, scores)


def _loaded(home: Path) -> list[Loaded]:
    from checkpoints.store import read_folder

    return [load(read_folder(home / name)) for name in USED]


def weighed(page: Any) -> str:
    """Ask for the card and wait for it; its words."""
    page.click("#ask-likelihood")
    page.wait_for_selector("#likelihood-card .lr", timeout=120_000)
    return str(page.inner_text("#likelihood-card"))


def test_the_card_of_a_clip_that_fits_and_of_one_that_does_not(
    browser: Any, calibrated: Path, speech: Path, m4a: Path, tmp_path: Path
) -> None:
    with app(calibrated, tmp_path / "app.log") as address, visit(browser, address) as page:
        drop(page, speech)
        scored(page)
        said = weighed(page)
        assert "All detectors, fused" in said
        assert re.search(r"A\s+The speech in this clip is synthetic", said)
        assert re.search(r"LLR [+−]\d\.\d\d", said)
        assert "95 % interval" in said
        assert "20 bona fide and 20 spoofed trials (forty dev clips)" in said
        assert "support an llr from −3.04 to +3.04" in said  # ln 21
        assert "within the conditions of the calibration" in said
        page.wait_for_selector("#tippett .js-plotly-plot .main-svg", timeout=60_000)
        assert "this clip" in str(page.text_content("#tippett .annotation-text"))
        assert "of the spoofed ones have an llr of at most this clip" in page.inner_text(
            "#tippett-said"
        )
        page.locator("#likelihood-card summary").click()
        assert page.locator("#likelihood-card tbody tr").count() == 3
        assert "If 10 % of the clips that come in were spoofed" in page.inner_text("#priors-said")
        page.fill("#prior input[type=number]", "1")
        page.locator("#prior input[type=number]").blur()
        page.wait_for_selector("#priors-said :text('If 1 % of the clips')")
        assert "1 000 clips like the calibration data, 10 of them" in page.inner_text(
            "#priors-said"
        )
        themes(page, "likelihood")

        page.click("#drop button[aria-label='Remove this file'], #drop button[aria-label='Clear']")
        page.wait_for_selector("#evidence", state="hidden")
        drop(page, m4a)
        scored(page)
        assert "Not calibrated for this condition (codec AAC" in page.inner_text("#strip")
        said = weighed(page)
        assert "Not calibrated for this condition: codec AAC, calibrated on lossless." in said
        assert "LLR" not in said.partition("Numbers")[0]
        assert page.locator("#tippett .js-plotly-plot").count() == 0
        assert not page.locator("#prior").is_visible()
