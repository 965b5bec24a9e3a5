"""Calibration against closed forms and hand-computed values."""

import json
import math

import numpy as np
import pytest

from core.calibration import Bounds, Calibration, cllr, fit, min_cllr
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
        lambda: Calibration.from_card({**fit(scores, labels).to_card(), "trust": trust}),
    ):
        with pytest.raises(DetectorError, match="trust is a share"):
            attempt()


def test_bounds_follow_the_number_of_trials() -> None:
    assert Bounds(0, 0).cut(5.0) == 0.0  # no trials, no evidence
    assert Bounds(9, 4).upper == pytest.approx(math.log(10))
    assert Bounds(9, 4).lower == pytest.approx(-math.log(5))
