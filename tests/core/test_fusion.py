"""Fusion of llrs: rules of subsets, votes, trust, and its file."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from core.fusion import Fusion, fit_fusion, load_fusion, votes
from core.types import DetectorError
from tests.core.test_calibration import gaussians


def test_a_fusion_of_trusted_llrs_is_that_of_whole_ones_times_trust() -> None:
    """Detectors keep half of their log odds, and so does what is made of them: not a quarter."""
    scores, labels = gaussians(300, 300)
    other = scores + np.random.default_rng(8).normal(0.0, 1.0, len(scores))
    whole = fit_fusion({"a": scores, "b": other}, labels)
    less = fit_fusion({"a": 0.5 * scores, "b": 0.5 * other}, labels, {}, "made", trust=0.5)
    llrs, halves = {"a": 0.8, "b": -0.2}, {"a": 0.4, "b": -0.1}
    found, wanted = less.llr(halves), whole.llr(llrs)
    assert wanted is not None
    assert found == pytest.approx(0.5 * wanted, rel=1e-4)
    assert Fusion.from_json(less.to_json()) == less


def fusion_of_two() -> Fusion:
    scores, labels = gaussians(400, 400)
    rng = np.random.default_rng(8)
    other = scores + rng.normal(0.0, 1.0, len(scores))
    return fit_fusion({"aasist": 2 * scores, "sls": other}, labels, {"aasist": "a-1"}, "dev")


def test_every_subset_has_a_rule() -> None:
    fusion = fusion_of_two()
    assert set(fusion.rules) == {
        frozenset({"aasist"}),
        frozenset({"sls"}),
        frozenset({"aasist", "sls"}),
    }


def test_a_missing_detector_uses_the_rule_without_it() -> None:
    fusion = fusion_of_two()
    alone = fusion.rules[frozenset({"aasist"})]
    expected = alone.intercept + alone.weights["aasist"] * 1.5
    assert fusion.llr({"aasist": 1.5}) == pytest.approx(expected)
    assert fusion.llr({"aasist": 1.5, "sls": None}) == pytest.approx(expected)
    assert fusion.llr({"aasist": 1.5, "hiercon": 9.0}) == pytest.approx(expected)


def test_nothing_calibrated_gives_no_llr() -> None:
    fusion = fusion_of_two()
    assert fusion.llr({}) is None
    assert fusion.llr({"aasist": None}) is None


def test_the_fused_llr_is_bounded() -> None:
    assert fusion_of_two().llr({"aasist": 1e6}) == pytest.approx(math.log(401))


def test_a_calibrated_detector_alone_is_left_as_it_is() -> None:
    # its llr is calibrated already, so the rule of one is close to the identity
    scores, labels = gaussians(5_000, 5_000)
    rule = fit_fusion({"aasist": 2 * scores}, labels).rules[frozenset({"aasist"})]
    assert rule.weights["aasist"] == pytest.approx(1.0, rel=0.05)
    assert rule.intercept == pytest.approx(0.0, abs=0.05)


def test_the_rule_weighs_all_its_detectors_the_same() -> None:
    rule = fusion_of_two().rules[frozenset({"aasist", "sls"})]
    assert rule.weights["aasist"] == rule.weights["sls"] > 0


def test_detectors_with_one_ear_share_its_vote() -> None:
    ears = {"hiercon": "texture", "sls": "texture", "aasist": "waveform"}
    assert votes(["hiercon", "sls", "aasist"], ears) == {
        "hiercon": 0.25,
        "sls": 0.25,
        "aasist": 0.5,
    }
    assert votes(["sls", "aasist"], ears) == {"sls": 0.5, "aasist": 0.5}
    assert votes(["sls", "other", "more"], ears) == pytest.approx(
        {"sls": 1 / 3, "other": 1 / 3, "more": 1 / 3}
    )


def test_the_rule_of_a_subset_has_the_votes_of_those_in_it() -> None:
    scores, labels = gaussians(100, 100)
    llrs = dict.fromkeys(("hiercon", "sls", "aasist"), scores)
    ears = {"hiercon": "texture", "sls": "texture"}
    fusion = fit_fusion(llrs, labels, ears=ears)
    whole = fusion.rules[frozenset(llrs)].weights
    assert whole["hiercon"] == whole["sls"] == pytest.approx(whole["aasist"] / 2)
    pair = fusion.rules[frozenset({"sls", "aasist"})].weights
    assert pair["sls"] == pytest.approx(pair["aasist"])


def test_fusion_takes_the_trials_that_all_have() -> None:
    scores, labels = gaussians(30, 30)
    partial = scores.copy()
    partial[:10] = np.nan
    fusion = fit_fusion({"aasist": scores, "sls": partial}, labels)
    assert fusion.rules[frozenset({"aasist"})].n_spoof == 30
    assert fusion.rules[frozenset({"aasist", "sls"})].n_spoof == 20


def test_fusion_survives_its_file(tmp_path: Path) -> None:
    fusion = fusion_of_two()
    path = tmp_path / "fusion.json"
    path.write_text(fusion.to_json())
    assert load_fusion(path) == fusion
    assert load_fusion(tmp_path / "absent.json") is None


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"schema": 1, "rules": [], "checkpoints": {}, "set": ""}']
)
def test_a_broken_fusion_file_is_refused(text: str) -> None:
    with pytest.raises(DetectorError, match=r"fusion\.json"):
        Fusion.from_json(text)


@pytest.mark.parametrize("weights", [{"aasist": 0.0}, {"aasist": 2.0, "sls": -2.0}])
def test_weights_that_cancel_are_refused(weights: dict[str, float]) -> None:
    """The interval of the likelihood-ratio card is fitted with their shares: 0 has none."""
    record = json.loads(fusion_of_two().to_json())
    record["rules"][-1]["weights"] = weights
    with pytest.raises(DetectorError, match=r"fusion\.json is not a fusion file"):
        Fusion.from_json(json.dumps(record))


def test_a_fusion_file_with_a_trust_that_is_no_share_is_refused_by_name() -> None:
    record = json.loads(fusion_of_two().to_json()) | {"trust": 7}
    with pytest.raises(DetectorError, match=r"fusion\.json is not a fusion file"):
        Fusion.from_json(json.dumps(record))


def test_a_fusion_file_without_a_subset_is_refused() -> None:
    record = json.loads(fusion_of_two().to_json())
    record["rules"].pop(0)
    with pytest.raises(DetectorError, match="not a whole fusion file"):
        Fusion.from_json(json.dumps(record))


def test_no_fusion_is_fitted_with_a_trust_that_is_no_share() -> None:
    scores, labels = gaussians(30, 30)
    with pytest.raises(DetectorError, match="trust is a share"):
        fit_fusion({"sls": scores}, labels, trust=1.5)
