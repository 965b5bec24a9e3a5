"""Bootstrap replicates: their law, their weights, clusters and pairs."""

import time

import numpy as np
import pytest
from scipy.stats import ks_2samp

from training.bootstrap import (
    Units,
    Weighted,
    bootstrap,
    bootstrap_difference,
    bootstrap_eer,
    clusters_of,
    interval,
)
from training.curve import eer_official, scores
from training.dcf import act_dcf, min_dcf
from training.errors import TrainingError
from training.metrics import Trials, cllr


def some_trials(n: int, m: int, seed: int = 0, digits: int = 1) -> Trials:
    rng = np.random.default_rng(seed)
    logits = np.concatenate((rng.normal(-1, 1, n), rng.normal(1, 1, m))).round(digits)
    return Trials(np.arange(n + m) >= n, logits)


@pytest.mark.parametrize("digits", [0, 1, 6])
def test_weights_are_repetition(digits: int) -> None:
    given, rng = some_trials(30, 50, digits=digits), np.random.default_rng(1)
    units = Units(given.spoof)
    weighted = Weighted(given, units)
    for _ in range(50):
        weight = units.draw(rng)
        found = weighted.figures(weight, ("eer", "min_dcf", "act_dcf", "cllr"))
        score, spoof = np.repeat(-given.spoof_logit, weight), np.repeat(given.spoof, weight)
        drawn = scores(score[~spoof], score[spoof])
        assert found["eer"] == pytest.approx(eer_official(drawn).value, abs=1e-12)
        assert found["min_dcf"] == pytest.approx(min_dcf(drawn).cost, abs=1e-12)
        assert found["act_dcf"] == pytest.approx(act_dcf(drawn), abs=1e-12)
        assert found["cllr"] == pytest.approx(cllr(drawn), abs=1e-12)


@pytest.mark.parametrize("digits", [0, 1, 6])
@pytest.mark.parametrize("sizes", [(40, 90), (7, 5), (300, 200)])
def test_binomial_splitting_has_the_law_of_drawing_clips(
    digits: int, sizes: tuple[int, int]
) -> None:
    given = some_trials(*sizes, digits=digits)
    fast = bootstrap_eer(given.ranking(), 4000, seed=1)
    slow = bootstrap(given, 2000, seed=2, wanted=("eer",))["eer"]
    assert ks_2samp(fast, slow).pvalue > 1e-3
    assert set(fast.round(9)) & set(slow.round(9))


def test_splitting_is_as_repeatable_as_its_seed() -> None:
    ranking = some_trials(50, 50).ranking()
    assert np.array_equal(bootstrap_eer(ranking, 100, 3), bootstrap_eer(ranking, 100, 3))
    assert not np.array_equal(bootstrap_eer(ranking, 100, 3), bootstrap_eer(ranking, 100, 4))


def test_the_interval_covers_the_estimate_and_narrows() -> None:
    widths = []
    for n in (100, 10_000):
        given = some_trials(n, n, digits=6).ranking()
        found = interval(bootstrap_eer(given, 2000))
        assert found.low < eer_official(given).value < found.high
        widths.append(found.high - found.low)
    assert widths[0] / widths[1] == pytest.approx(10, rel=0.5)


def test_a_thousand_rounds_over_the_evaluation_set_take_less_than_a_second() -> None:
    given = some_trials(138_688, 542_086, digits=4).ranking()
    given.places  # noqa: B018  (computed once, also for the other figures)
    start = time.perf_counter()
    bootstrap_eer(given, 1000)
    assert time.perf_counter() - start < 1.0


def test_a_thousand_clustered_rounds_take_less_than_thirty_seconds() -> None:
    given = some_trials(138_688, 542_086, digits=4)
    speaker = np.random.default_rng(0).integers(0, 737, given.spoof.size)
    start = time.perf_counter()
    bootstrap(given, 100, cluster=speaker)
    assert time.perf_counter() - start < 3.0


def test_clusters_are_drawn_whole_and_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(20), 50)
    logits = rng.normal(0, 1, 20)[speaker] + rng.normal(0, 0.3, 1000)
    spoof = np.arange(1000) % 2 == 1
    given = Trials(spoof, logits + 1.5 * spoof)
    units = Units(spoof, speaker)
    drawn = units.draw(rng)
    assert drawn.sum() == 20
    repeated = np.repeat(np.arange(1000), drawn[speaker])
    again = scores(-given.spoof_logit[repeated][~spoof[repeated]],
                   -given.spoof_logit[repeated][spoof[repeated]])  # fmt: skip
    found = Weighted(given, units).figures(drawn, ("eer", "min_dcf", "act_dcf", "cllr"))
    assert found["eer"] == pytest.approx(eer_official(again).value, abs=1e-12)
    assert found["min_dcf"] == pytest.approx(min_dcf(again).cost, abs=1e-12)
    assert found["act_dcf"] == pytest.approx(act_dcf(again), abs=1e-12)
    assert found["cllr"] == pytest.approx(cllr(again), abs=1e-12)
    by_clip = interval(bootstrap(given, 300, wanted=("eer",))["eer"])
    by_speaker = interval(bootstrap(given, 300, cluster=speaker, wanted=("eer",))["eer"])
    assert by_speaker.high - by_speaker.low > 2 * (by_clip.high - by_clip.low)


def test_clips_without_a_cluster_stand_for_themselves() -> None:
    numbers = clusters_of(["s1", "-", "s1", "", "-"], ["a", "b", "c", "d", "e"])
    assert numbers[0] == numbers[2]
    assert len(set(numbers.tolist())) == 4
    with pytest.raises(TrainingError, match="one cluster"):
        clusters_of(["s", "s"], ["a", "b"])


def test_a_draw_never_leaves_a_class_empty() -> None:
    rng = np.random.default_rng(0)
    units = Units(np.array([True, False, False]), np.array([0, 1, 2]))
    for _ in range(100):
        drawn = units.draw(rng)
        assert drawn[0] > 0
        assert drawn[1:].sum() > 0


def test_paired_differences_are_narrower_than_unpaired_ones() -> None:
    first = some_trials(300, 300, digits=6)
    rng = np.random.default_rng(5)
    second = Trials(first.spoof, first.spoof_logit + rng.normal(0, 0.05, 600))
    paired = bootstrap_difference(first, second, 300)
    apart = bootstrap_eer(first.ranking(), 300, 1) - bootstrap_eer(second.ranking(), 300, 2)
    assert paired.std() < 0.5 * apart.std()
    assert np.array_equal(bootstrap_difference(first, first, 20), np.zeros(20))
    with pytest.raises(TrainingError, match="same clips"):
        bootstrap_difference(first, some_trials(299, 301))
