"""The likelihood-ratio card: its curves by hand, its interval, and what it says when in doubt."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import trials
from core.calibration import Calibration, fit
from core.conditions import match
from core.fusion import Fusion, fit_fusion
from core.likelihood import facts, fused_facts, tippett
from core.loading import Loaded
from core.types import Detection, Score
from tests.core.loudness import Loudness, loaded
from tests.core.test_conditions import QUALITY, SOURCE

rng = np.random.default_rng(11)
LOGITS = np.concatenate([rng.normal(-1, 1, 80), rng.normal(1, 1, 60)])
LABELS = ["bonafide"] * 80 + ["spoof"] * 60
FITTED = fit(LOGITS, LABELS, "a made set")


def detector(folder: Path, calibration: Calibration | None = FITTED, **entry: object) -> Loaded:
    one = loaded(Loudness(), calibration=calibration)
    card = {"calibration": {**FITTED.to_card(), **entry}}
    return replace(one, checkpoint=replace(one.checkpoint, folder=folder, card=card))


def score(logit: float) -> Score:
    return Score(logit, FITTED.llr(logit))


def test_tippett_by_hand() -> None:
    found = tippett(
        np.array([-2.0, 0.0, 1.0, 0.0, 1.0, 3.0]),
        ["bonafide", "bonafide", "bonafide", "spoof", "spoof", "spoof"],
    )
    assert found.llr.tolist() == [-2.0, 0.0, 1.0, 3.0]
    assert found.spoof.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert found.bonafide.tolist() == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert found.at(1.0) == pytest.approx((2 / 3, 1 / 3))
    assert found.at(0.5) == pytest.approx((1 / 3, 1 / 3))
    assert found.at(-9) == pytest.approx((0, 1))
    assert found.at(9) == pytest.approx((1, 0))


def test_a_card_with_trials(tmp_path: Path) -> None:
    trials.write(tmp_path / trials.SCORES, LABELS, {"spoof_logit": LOGITS.tolist()})
    one = detector(tmp_path, conditions={"codecs": ["lossless"]})
    found = facts(one, score(0.8), QUALITY, SOURCE, repeats=60)
    assert found.llr == FITTED.llr(0.8)
    assert found.interval is not None
    low, high = found.interval
    assert low < found.llr < high
    assert 0.1 < high - low < 2.0
    assert found.tippett is not None
    assert len(found.trial_llrs) == len(found.trial_labels) == 140
    assert (found.n_bonafide, found.n_spoof, found.dataset) == (80, 60, "a made set")
    assert found.match.status == "matched"
    text = " ".join(found.sentences)
    assert "times more probable if the speech is synthetic than if it is bona fide" in text
    assert "95 % interval" in text
    assert "80 bona fide and 60 spoofed trials (a made set)" in text
    assert "can support an llr from −4.11 to +4.39 and no stronger one" in text  # ln 61, ln 81
    assert found.sentences[-1].endswith("the conditions of the calibration: codec lossless.")
    assert "synthetic or converted, of the kinds in a made set" in found.propositions[0]


def test_the_interval_narrows_with_more_trials_and_is_the_same_each_time(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    width = {}
    for folder, times in ((few, 1), (many, 8)):
        folder.mkdir()
        logits, labels = np.tile(LOGITS, times), LABELS * times
        trials.write(folder / trials.SCORES, labels, {"spoof_logit": logits.tolist()})
        one = detector(folder, fit(logits, labels))
        interval = facts(one, score(0.8), repeats=40).interval
        assert interval == facts(one, score(0.8), repeats=40).interval
        assert interval is not None
        width[folder] = interval[1] - interval[0]
    assert width[many] < 0.6 * width[few]  # about 1 / sqrt(8)


def test_without_trials_it_says_so_and_keeps_the_rest(tmp_path: Path) -> None:
    found = facts(detector(tmp_path), score(-3.0))
    assert found.interval is None
    assert found.tippett is None
    assert found.match.status == "conditions unknown"
    text = " ".join(found.sentences)
    assert "no interval and no Tippett plot" in text
    assert found.sentences[0].startswith("Conditions unknown")
    assert "if the speech is bona fide than if it is synthetic" in text


def test_trials_of_another_calibration_are_not_used(tmp_path: Path) -> None:
    trials.write(tmp_path / trials.SCORES, LABELS[1:], {"spoof_logit": LOGITS[1:].tolist()})
    found = facts(detector(tmp_path), score(0.8))
    assert found.tippett is None
    assert "79 bona fide and 60 spoofed" in " ".join(found.sentences)
    (tmp_path / trials.SCORES).write_text("label,spoof_logit\nspoof,x\n")
    assert "'x' is not a finite number" in " ".join(facts(detector(tmp_path), score(1)).sentences)


def test_the_bound_is_said(tmp_path: Path) -> None:
    found = facts(detector(tmp_path), score(99.0))
    assert found.at_bound
    assert found.llr == pytest.approx(np.log(81))
    text = " ".join(found.sentences)
    assert "at least 81 times more probable" in text
    assert "80 bona fide calibration trials cannot support" in text
    low = facts(detector(tmp_path), score(-99.0))
    assert "60 spoofed calibration trials" in " ".join(low.sentences)


def test_a_condition_that_does_not_match_comes_first(tmp_path: Path) -> None:
    one = detector(tmp_path, conditions={"bandwidth_hz": [7_000, 8_000]})
    found = facts(one, score(1.0), replace(QUALITY, bandwidth_hz=3_400.0), SOURCE)
    assert found.match.status == "not calibrated for this condition"
    assert found.sentences[0].startswith("Not calibrated for this condition: bandwidth 3400 Hz")


def test_outside_the_conditions_there_is_no_number_but_what_it_rests_on(tmp_path: Path) -> None:
    trials.write(tmp_path / trials.SCORES, LABELS, {"spoof_logit": LOGITS.tolist()})
    one = detector(tmp_path, conditions={"codecs": ["lossless"]})
    found = facts(one, score(1.0), QUALITY, replace(SOURCE, codec="MP3"))
    assert (found.llr, found.interval, found.tippett) == (None, None, None)
    assert (found.n_bonafide, found.n_spoof) == (80, 60)
    text = " ".join(found.sentences)
    assert "codec MP3, calibrated on lossless" in text
    assert "No likelihood ratio is given" in text
    assert "80 bona fide and 60 spoofed trials" in text
    assert "more probable" not in text


def test_no_calibration_no_ratio(tmp_path: Path) -> None:
    found = facts(detector(tmp_path, None), Score(5.0, None))
    assert found.llr is None
    assert found.propositions == ()
    assert found.sentences == ("Not calibrated: this number has no likelihood ratio.",)
    assert found.match == match(None, None, None)


@pytest.fixture
def fusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fusion:
    """A fusion of two made detectors, installed with its trials."""
    llrs = {"loudness": LOGITS, "other": LOGITS[::-1] * -0.5 + 0.1 * LOGITS}
    made = fit_fusion(llrs, LABELS, {"loudness": "loudness-1", "other": "other-1"}, "a made set")
    (tmp_path / "fusion.json").write_text(made.to_json())
    columns = {name: values.tolist() for name, values in llrs.items()}
    trials.write(tmp_path / trials.FUSION_SCORES, LABELS, columns)
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(tmp_path))
    return made


def said(detector: str, llr: float) -> Detection:
    return Detection(detector, f"{detector}-1", "0" * 64, "mix", Score(llr, llr), ())


def test_the_fused_card_is_that_of_the_detectors_that_are_there(fusion: Fusion) -> None:
    both = fused_facts([said("loudness", 1.0), said("other", 0.4)], [loaded()], fusion, repeats=20)
    assert both.llr == fusion.llr({"loudness": 1.0, "other": 0.4})
    assert both.interval is not None
    assert both.llr is not None
    assert both.interval[0] < both.llr < both.interval[1]
    rule = fusion.rules[frozenset(("loudness", "other"))]
    assert both.cllr == rule.cllr
    one = fused_facts([said("loudness", 1.0)], [loaded()], fusion, repeats=20)
    assert one.cllr == fusion.rules[frozenset(("loudness",))].cllr
    assert one.tippett is not None


def test_trust_is_said_and_is_in_the_interval(tmp_path: Path) -> None:
    """A card of half the log odds: llr, interval and trials shrink with it."""
    less = fit(LOGITS, LABELS, "a made set", 0.5)
    trials.write(tmp_path / trials.SCORES, LABELS, {"spoof_logit": LOGITS.tolist()})
    whole = facts(detector(tmp_path), score(1.0), repeats=50)
    found = facts(detector(tmp_path, less), Score(1.0, less.llr(1.0)), repeats=50)
    assert whole.interval is not None
    assert found.interval == pytest.approx([0.5 * end for end in whole.interval], abs=1e-6)
    inside = np.abs(whole.trial_llrs) < 4.0  # beyond, whole llrs are cut
    np.testing.assert_allclose(found.trial_llrs[inside], 0.5 * whole.trial_llrs[inside])
    (told,) = [one for one in found.sentences if one not in whole.sentences and "kept" in one]
    assert "50 % of its log odds are kept" in told
    assert not any("are kept" in one for one in whole.sentences)


def test_a_mean_of_llrs_has_no_card() -> None:
    found = fused_facts([said("loudness", 1.0), said("other", 0.4)], [loaded()], None)
    assert found.llr is None
    assert found.sentences == ("Not calibrated: this number has no likelihood ratio.",)
