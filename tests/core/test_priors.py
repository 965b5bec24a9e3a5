"""Priors: hand-computed, and what holds for all of them."""

import numpy as np
import pytest

from core.priors import Rates, per_thousand, posterior, rates
from core.types import DetectorError


@pytest.mark.parametrize(
    ("lr", "prior", "after"),
    [
        (1.0, 0.3, 0.3),  # a likelihood ratio of one changes nothing
        (9.0, 0.1, 0.5),  # odds 1/9 x 9 = 1
        (99.0, 0.01, 0.5),
        (1 / 9, 0.9, 0.5),
        (100.0, 0.0, 0.0),  # what cannot be is not made possible
        (0.01, 1.0, 1.0),
    ],
)
def test_bayes(lr: float, prior: float, after: float) -> None:
    assert posterior(float(np.log(lr)), prior) == pytest.approx(after)


def test_per_thousand_by_hand() -> None:
    """2 % spoofed: 20 of 1000, of which 5 % are missed; 3 of 100 bona fide flagged: 29.4."""
    found = per_thousand(0.02, Rates(1.0, 3, 100, 1, 20))
    assert found.spoofed == pytest.approx(20)
    assert found.missed == pytest.approx(1.0)
    assert found.false_alarms == pytest.approx(29.4)
    assert found.right == pytest.approx(19 / (19 + 29.4))
    assert "Of 1 000 clips like the calibration data, 20 of them spoofed" in found.text
    assert "every llr above +1.00 would be a false alarm on about 29 (" in found.text


def test_no_observed_error_is_not_no_error() -> None:
    """None of 29 went wrong: with p = 1 - 0.05^(1/29) that happens in one of twenty sets."""
    errors = Rates(1.0, 0, 29, 0, 10)
    assert errors.false_alarm == 0
    assert errors.false_alarm_at_most == pytest.approx(1 - 0.05 ** (1 / 29))
    assert per_thousand(0.5, errors).false_alarms_at_most == pytest.approx(
        500 * (1 - 0.05 ** (1 / 29))
    )
    assert Rates(1.0, 5, 5, 0, 1).false_alarm_at_most == 1.0


def test_rates_count_both_kinds_of_error() -> None:
    llrs = np.array([-2.0, 0.5, 1.0, 3.0, -1.0, 1.0, 2.0])
    labels = ("bonafide",) * 4 + ("spoof",) * 3
    found = rates(llrs, labels, 1.0)  # 1.0 itself is not over
    assert (found.false_alarms, found.n_bonafide, found.misses, found.n_spoof) == (1, 4, 2, 3)
    assert found.false_alarm == 0.25
    assert found.miss == pytest.approx(2 / 3)
    with pytest.raises(DetectorError, match="both classes"):
        rates(llrs, ("spoof",) * 7, 1.0)


def test_nothing_flagged_has_no_share_of_right_ones() -> None:
    assert per_thousand(0.0, Rates(9.0, 0, 10, 10, 10)).right is None


@pytest.mark.parametrize("prior", [-0.1, 1.1, float("nan")])
def test_a_prior_is_a_share(prior: float) -> None:
    with pytest.raises(DetectorError, match="from 0 to 1"):
        posterior(0.0, prior)
