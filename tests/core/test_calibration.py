"""Calibration and fusion against closed forms and hand-computed values."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from core.calibration import Bounds, Calibration, cllr, fit, min_cllr
from core.fusion import Fusion, fit_fusion, load_fusion, votes
from core.types import DetectorError

LABELS = ["spoof", "spoof", "bonafide", "bonafide"]


def gaussians(
    n_spoof: int, n_bonafide: int, means: tuple[float, float] = (1.0, -1.0)
) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(7)
    scores = np.concatenate(
        [rng.normal(means[0], 1.0, n_spoof), rng.normal(means[1], 1.0, n_bonafide)]
    )
    return scores, ["spoof"] * n_spoof + ["bonafide"] * n_bonafide


def test_llr_is_the_line_within_bounds() -> None:
    line = Calibration(2.0, 0.5, 99, 49, 0.3)
    assert line.llr(1.0) == pytest.approx(2.5)
    assert line.llr(1e6) == pytest.approx(math.log(100))
    assert line.llr(-1e6) == pytest.approx(-math.log(50))


def test_two_gaussians_give_their_closed_form() -> None:
    # N(2, 1) against N(-1, 1): llr = 3 x - 1.5
    scores, labels = gaussians(20_000, 20_000, (2.0, -1.0))
    line = fit(scores, labels, "made")
    assert line.slope == pytest.approx(3.0, rel=0.03)
    assert line.intercept == pytest.approx(-1.5, rel=0.06)


def test_the_share_of_spoofed_trials_does_not_move_the_line() -> None:
    few, labels_few = gaussians(2_000, 40_000)
    line = fit(few, labels_few)
    # N(1, 1) against N(-1, 1): llr = 2 x; the empirical prior would shift it by ln(1/20) = -3.0
    assert line.intercept == pytest.approx(0.0, abs=0.1)
    assert line.slope == pytest.approx(2.0, rel=0.05)


def test_perfect_separation_stays_finite_and_bounded() -> None:
    line = fit([3.0, 2.0, -2.0, -3.0], LABELS)
    assert math.isfinite(line.slope)
    assert line.llr(1e3) == pytest.approx(math.log(3))


def test_smoothed_targets_by_hand() -> None:
    # One trial a class at +1 and -1, wrong label with weight 1/3: p(spoof | +1) = 2/3, so the
    # log odds at +1 are ln 2, and by symmetry -ln 2 at -1.
    line = fit([1.0, -1.0], ["spoof", "bonafide"])
    assert line.slope == pytest.approx(math.log(2), abs=1e-4)
    assert line.intercept == pytest.approx(0.0, abs=1e-6)


def test_fit_is_deterministic() -> None:
    scores, labels = gaussians(50, 70)
    assert fit(scores, labels) == fit(scores, labels)


@pytest.mark.parametrize(
    ("scores", "labels", "said"),
    [
        ([1.0, float("nan"), 0.0, 0.0], LABELS, "Score 1 is nan"),
        ([1.0, 2.0], ["spoof", "fake"], "'fake'"),
        ([1.0, 2.0], ["spoof", "spoof"], "0 bona fide"),
        ([1.0, 2.0, 3.0], LABELS, "3 scores but 4 labels"),
        ([-3.0, -2.0, 2.0, 3.0], LABELS, "do not score higher"),
    ],
)
def test_what_cannot_be_fitted_is_said(scores: list[float], labels: list[str], said: str) -> None:
    with pytest.raises(DetectorError, match=said):
        fit(scores, labels)


def test_cllr_of_no_information_is_one_bit() -> None:
    assert cllr([0.0, 0.0], ["spoof", "bonafide"]) == pytest.approx(1.0)


def test_cllr_by_hand() -> None:
    # spoof at ln 3: log2(1 + 1/3); bona fide at -ln 7: log2(1 + 1/7); mean of the two
    expected = 0.5 * (math.log2(4 / 3) + math.log2(8 / 7))
    assert cllr([math.log(3), -math.log(7)], ["spoof", "bonafide"]) == pytest.approx(expected)


def test_min_cllr_knows_only_the_order() -> None:
    scores, labels = gaussians(80, 60)
    assert min_cllr(scores, labels) == pytest.approx(min_cllr(np.exp(3 * scores), labels))
    assert min_cllr([5.0, 4.0, 1.0, 0.0], LABELS) == pytest.approx(0.0)
    assert min_cllr([1.0, 1.0, 1.0, 1.0], LABELS) == pytest.approx(1.0)
    assert min_cllr(scores, labels) <= cllr([fit(scores, labels).llr(s) for s in scores], labels)


def test_a_card_keeps_the_calibration() -> None:
    line = fit(*gaussians(30, 40), "dev")
    assert Calibration.from_card(json.loads(json.dumps(line.to_card()))) == line
    assert Calibration.from_card(None) is None


@pytest.mark.parametrize(
    "change", [{"slope": -1.0}, {"slope": float("inf")}, {"n_spoof": 0}, {"cllr": "low"}]
)
def test_a_card_that_cannot_be_right_is_refused(change: dict[str, object]) -> None:
    card = {**fit(*gaussians(30, 40), "dev").to_card(), **change}
    with pytest.raises(DetectorError, match="card's calibration"):
        Calibration.from_card(card)


@pytest.mark.parametrize("trust", [1.0, 0.5])
def test_trust_keeps_its_share_of_the_log_odds(trust: float) -> None:
    scores, labels = gaussians(300, 300)
    whole, less = fit(scores, labels, "dev"), fit(scores, labels, "dev", trust)
    assert less.llr(0.3) == pytest.approx(trust * whole.llr(0.3))
    assert less.bounds == whole.bounds
    llrs = np.clip(trust * (whole.slope * scores + whole.intercept), -math.log(301), math.log(301))
    assert less.cllr == pytest.approx(cllr(llrs, labels))
    assert Calibration.from_card(less.to_card()) == less


@pytest.mark.parametrize("trust", [0.0, -1.0, 1.5, math.nan])
def test_trust_is_a_share(trust: float) -> None:
    scores, labels = gaussians(30, 30)
    for attempt in (
        lambda: fit(scores, labels, trust=trust),
        lambda: fit_fusion({"sls": scores}, labels, trust=trust),
        lambda: Calibration.from_card({**fit(scores, labels).to_card(), "trust": trust}),
    ):
        with pytest.raises(DetectorError, match="trust is a share"):
            attempt()


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


def test_bounds_follow_the_number_of_trials() -> None:
    assert Bounds(0, 0).cut(5.0) == 0.0  # no trials, no evidence
    assert Bounds(9, 4).upper == pytest.approx(math.log(10))
    assert Bounds(9, 4).lower == pytest.approx(-math.log(5))
