"""Error rates by hand, in closed form, and against a transcription of the organisers' steps."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

from training.curve import (
    det_points,
    eer_grouped,
    eer_official,
    lowest_cost,
    scores,
)
from training.errors import TrainingError

Floats = NDArray[np.float64]


def path(bona: Floats, spoof: Floats) -> tuple[Floats, Floats, Floats]:
    """frr, far and thresholds step by step: all scores, bona fide first, sorted stably."""
    every = np.concatenate((bona, spoof))
    is_bona = np.arange(every.size) < bona.size
    order = np.argsort(every, kind="mergesort")
    rejected = np.cumsum(is_bona[order])
    left = spoof.size - (np.arange(1, every.size + 1) - rejected)
    frr = np.concatenate(([0.0], rejected / bona.size))
    far = np.concatenate(([1.0], left / spoof.size))
    return frr, far, np.concatenate(([every[order[0]] - 0.001], every[order]))


@pytest.mark.parametrize("levels", [2, 3, 5, 50, 10_000])
@pytest.mark.parametrize("sizes", [(1, 1), (1, 7), (6, 1), (5, 5), (40, 31), (200, 1000)])
@pytest.mark.parametrize("shift", [-1.0, 0.0, 0.7, 3.0])
def test_eer_and_costs_follow_the_organisers_path(
    levels: int, sizes: tuple[int, int], shift: float
) -> None:
    rng = np.random.default_rng([levels, *sizes, int(10 * shift) + 10])
    for _ in range(10):
        bona, spoof = (
            np.round(rng.normal(mean, 1, n) * levels / 10)
            for mean, n in zip((shift, 0), sizes, strict=True)
        )
        given = scores(bona, spoof)
        frr, far, thresholds = path(bona, spoof)
        at = int(np.argmin(np.abs(frr - far)))
        found = eer_official(given)
        assert found.value == np.mean((frr[at], far[at]))
        assert found.threshold == thresholds[at]
        for miss, false_alarm in ((1.9, 1.0), (0.3, 2.0), (5.0, 0.01)):
            lowest = lowest_cost(given, miss, false_alarm)
            cost = miss * frr + false_alarm * far
            assert lowest.cost == pytest.approx(cost.min(), abs=1e-12)
            chosen = np.isclose(thresholds, lowest.threshold, atol=0)
            assert cost[chosen].min() == pytest.approx(cost.min(), abs=1e-12)


def test_eer_by_hand() -> None:
    # sorted: s0 s1 b2 s3 b4 b5; after b2: frr 1/3, far 1/3
    assert eer_official(scores([2, 4, 5], [0, 1, 3])).value == pytest.approx(1 / 3)
    # after s0 s1: frr 0, far 1/3 (threshold 1); after b1.5: frr 1/2, far 1/3 - the nearer one
    found = eer_official(scores([1.5, 4], [0, 1, 3]))
    assert found.value == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert found.threshold == 1.5


def test_perfect_separation_is_zero_and_inversion_is_one() -> None:
    assert eer_official(scores([3, 4], [1, 2])).value == 0
    assert eer_official(scores([1, 2], [3, 4])).value == 1
    assert eer_grouped(scores([3, 4], [1, 2])).value == 0
    assert eer_grouped(scores([1, 2], [3, 4])).value == 1


def test_constant_scores_are_100_percent_for_the_organisers_and_50_grouped() -> None:
    given = scores(np.zeros(7), np.zeros(9))
    assert eer_official(given).value == 1.0
    assert eer_grouped(given).value == 0.5


def test_grouped_eer_interpolates_by_hand() -> None:
    # thresholds 0: (0, 1/2); 1: (1/2, 0), as bona 1 and spoof 1 go together -> crossing at 1/4
    assert eer_grouped(scores([1, 2], [0, 1])).value == pytest.approx(0.25)


def test_grouped_eer_lies_on_the_det_curve() -> None:
    rng = np.random.default_rng(4)
    for _ in range(30):
        given = scores(np.round(rng.normal(1, 1, 40), 1), np.round(rng.normal(0, 1, 70), 1))
        frr, far, _ = det_points(given)
        at = int(np.argmax(frr >= far))
        share = (far[at - 1] - frr[at - 1]) / ((far[at - 1] - frr[at - 1]) + frr[at] - far[at])
        expected = frr[at - 1] + share * (frr[at] - frr[at - 1])
        assert eer_grouped(given).value == pytest.approx(expected)


def test_eer_of_shifted_gaussians_is_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    given = scores(rng.normal(2, 1, 200_000), rng.normal(0, 1, 300_000))
    assert eer_official(given).value == pytest.approx(ndtr(-1.0), abs=0.002)
    assert eer_grouped(given).value == pytest.approx(ndtr(-1.0), abs=0.002)


def test_swapping_sign_and_classes_leaves_the_grouped_eer() -> None:
    rng = np.random.default_rng(2)
    bona, spoof = rng.normal(1, 1, 50).round(1), rng.normal(0, 1, 80).round(1)
    turned = eer_grouped(scores(-spoof, -bona)).value
    assert turned == pytest.approx(eer_grouped(scores(bona, spoof)).value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_a_score_that_is_no_number_is_refused(bad: float, which: int) -> None:
    lists = [[0.0, 1.0], [2.0, 3.0]]
    lists[which].append(bad)
    with pytest.raises(TrainingError, match=r"1 of 3 .* scores are NaN or infinite"):
        scores(*lists)


def test_an_empty_class_is_refused() -> None:
    with pytest.raises(TrainingError, match="no spoofed score"):
        scores([1.0], [])
