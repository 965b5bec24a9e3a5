"""The words about probes: what is named, and how numbers read."""

from math import log

import pytest

from core import probe_sentences as words


@pytest.mark.parametrize(
    ("names", "read"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ],
)
def test_lists_are_read_as_people_say_them(names: list[str], read: str) -> None:
    assert words.some(names) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [(1.44, "1.4"), (12.4, "12"), (99.6, "100"), (1_284.0, "1 300"), (25_400.0, "25 000")],
)
def test_ratios_have_two_digits_that_count(value: float, read: str) -> None:
    assert words.ratio(value) == read


def test_numbers_have_a_real_minus_and_no_negative_zero() -> None:
    assert words.number(-1.5) == "−1.50"
    assert words.number(-0.0) == "+0.00"


def test_a_ratio_never_claims_a_probability_of_a_fake() -> None:
    said = words.lr_words(log(12), at_bound=False)
    assert said == (
        "The score is about 12 times more probable if the speech is synthetic than if it is "
        "bona fide (of the kinds in the calibration data)."
    )
    other = words.lr_words(-log(12), at_bound=True)
    assert "at least 12 times more probable if the speech is bona fide than if it is synth" in other


def test_flips_are_called_flips_and_small_ones_small() -> None:
    big = words.flips("SLS", "llr", 1.0, -3.0, 2.0, ["6 dB quieter"])
    assert big == (
        "SLS: the sign of the llr flips. As it is +1.00, under harmless changes from −3.00 to "
        "+2.00; turned by: 6 dB quieter. This number is not to be relied on."
    )
    assert "inside the inconclusive band of ±1" in words.flips_inside_band(
        "SLS", 0.1, -0.2, 0.3, 1.0
    )
    assert "raw score (not calibrated)" in words.steady("SLS", "spoof_logit", 1, 0.5, 2, 15)


def test_a_faithful_map_beats_all_and_says_so() -> None:
    assert "than all 19 random choices" in words.faithful(19, 19)
    assert "than 7 of 19 random choices" in words.not_faithful(7, 19)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (0.0, "0 %"),
        (0.004, "less than 1 %"),
        (0.424, "42 %"),
        (0.997, "more than 99 %"),
        (1, "100 %"),
    ],
)
def test_shares_never_round_to_nothing_or_all(value: float, read: str) -> None:
    assert words.share(value) == read


def test_a_posterior_names_its_prior_and_its_interval() -> None:
    said = words.posterior_words(0.1, 0.5, (0.31, 0.72))
    assert said == (
        "If 10 % of the clips that come in were spoofed, about 50 % (31 % to 72 %) of those with "
        "this llr would be."
    )
    assert "about 50 % of those" in words.posterior_words(0.1, 0.5, None)
