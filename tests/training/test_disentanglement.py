"""nMI by hand, modularity and completeness of known matrices, and the properties of the spec."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from training.disentanglement import (
    analyse,
    completeness,
    discretise,
    hard_attacks,
    importance,
    modularity,
    nmi_of_counts,
)
from training.errors import TrainingError


def test_one_dimension_an_attack_is_perfectly_modular_and_complete() -> None:
    assert modularity(np.eye(4)).tolist() == [1.0] * 4
    assert completeness(np.eye(4)).tolist() == [1.0] * 4


def test_equal_importance_is_neither() -> None:
    assert modularity(np.full((3, 5), 0.4)) == pytest.approx(0, abs=1e-12)
    assert completeness(np.full((3, 5), 0.4)) == pytest.approx(0, abs=1e-12)


def test_modularity_and_completeness_by_hand() -> None:
    matrix = np.array([[0.8, 0.4, 0.0], [0.0, 0.4, 0.0]])
    # row 0: theta .8, delta = .16 / (.64 * 2); row 1: one attack only
    assert modularity(matrix) == pytest.approx([1 - 0.125, 1.0])
    found = completeness(matrix)
    assert found[:2] == pytest.approx([1.0, 0.0])
    assert np.isnan(found[2])


def test_dead_dimensions_are_left_out_and_counted() -> None:
    assert np.isnan(modularity(np.array([[0.0, 0.0], [0.3, 0.0]]))).tolist() == [True, False]
    attack = ["A1"] * 50 + ["A2"] * 50
    values = np.zeros((100, 3))
    values[:50, 1] = 1.0
    found = analyse(values, attack)
    assert found.dead == 2
    assert [row["dim"] for row in found.table()] == [1]
    assert found.table()[0]["nmi"] == pytest.approx(1.0)


def test_order_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.random((6, 4))
    rows, columns = rng.permutation(6), rng.permutation(4)
    shuffled = matrix[rows][:, columns]
    assert modularity(shuffled) == pytest.approx(modularity(matrix)[rows])
    assert completeness(shuffled) == pytest.approx(completeness(matrix)[columns])


def test_nmi_by_hand() -> None:
    # a bin that is the attack: I = H(z) = H(a)
    for norm in ("sqrt", "factor", "arithmetic"):
        assert nmi_of_counts(np.diag([3.0, 5.0]), norm) == pytest.approx([1, 1])
    # independent
    assert nmi_of_counts(np.array([[2.0, 4.0], [1.0, 2.0]])) == pytest.approx([0, 0])
    # three attacks of two clips; the bin tells the first from the others
    counts = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 2.0]])
    third = -(1 / 3 * np.log(1 / 3) + 2 / 3 * np.log(2 / 3))
    shared = third - 2 / 3 * np.log(2)  # I(bin; attack 2) = H(a) - H(a | bin)
    assert nmi_of_counts(counts) == pytest.approx([1, shared / third, shared / third])


def test_nmi_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    values, attack = rng.normal(size=(500, 1)), rng.integers(0, 4, 500)
    values[:, 0] += attack == 2
    values[rng.random(500) < 0.3] = 0
    codes = discretise(values[:, 0])
    matrix = importance(values, attack, 4, norm="factor")
    for a in range(4):
        share = np.mean(attack == a)
        entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share))
        assert matrix[0, a] == pytest.approx(mutual_info_score(codes, attack == a) / entropy)


def test_zeros_have_their_own_bin_and_the_rest_equal_frequency() -> None:
    values = np.concatenate((np.zeros(30), np.linspace(-1, 1, 200)))
    counts = np.bincount(discretise(values))
    assert counts[0] == 30
    assert counts[1:].tolist() == [10] * 20
    assert set(discretise(np.zeros(5)).tolist()) == {0}
    # few distinct values: no value is in two bins
    few = np.array([1.0] * 90 + [2.0] * 10)
    assert len(set(discretise(few)[:90])) == 1
    assert discretise(few)[0] != discretise(few)[-1]


def test_shuffling_takes_the_bias_off() -> None:
    rng = np.random.default_rng(2)
    values, attack = rng.normal(size=(400, 5)), rng.integers(0, 3, 400)
    raw = importance(values, attack, 3)
    corrected = importance(values, attack, 3, permutations=5)
    assert raw.mean() > 0.005  # nothing is there to be known
    assert corrected.mean() < 0.4 * raw.mean()
    assert (corrected >= 0).all()


def test_hard_attacks_are_named_and_left_out() -> None:
    attack = ["bonafide"] * 4 + ["easy"] * 4 + ["easier"] * 4 + ["hard"] * 4
    logits = np.array([0.0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, 1.5, 0.5, 2.5, -1])
    hard = hard_attacks(attack, logits)
    assert set(hard) == {"hard"}
    assert hard["hard"] > 0.2
    found = analyse(np.random.default_rng(0).normal(size=(16, 3)), attack, exclude=hard)
    assert found.attacks == ("easier", "easy")
    assert found.n_clips == 8
    both = analyse(np.eye(16), attack, exclude=hard, with_bonafide=True)
    assert "bonafide" in both.attacks


def test_what_cannot_be_analysed_says_why() -> None:
    with pytest.raises(TrainingError, match="1 attacks are left"):
        analyse(np.ones((4, 2)), ["A1"] * 4)
    with pytest.raises(TrainingError, match="NaN"):
        analyse(np.full((4, 2), np.nan), ["A1", "A2"] * 2)
    with pytest.raises(TrainingError, match="one name a clip"):
        analyse(np.ones((4, 2)), ["A1"] * 3)
