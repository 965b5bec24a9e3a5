"""Cllr, costs, t-DCF, breakdown; and the golden figures of the organisers' package."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from training.curve import Scores, eer_official, scores
from training.dcf import (
    ASVSPOOF5_RATES,
    AsvRates,
    act_dcf,
    asv_rates,
    bayes_threshold,
    min_dcf,
    min_tdcf,
    min_tdcf_2019,
    read_asv_rates,
    read_asv_rates_2021,
)
from training.errors import TrainingError
from training.metrics import Trials, breakdown, cllr, evaluate, worst

GOLDEN = Path(__file__).resolve().parents[2] / "../shared/golden"


@pytest.mark.shared
@pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden is not there")
def test_golden_figures_of_the_asvspoof5_package() -> None:
    with (GOLDEN / "asvspoof5_dev_scores.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    expected = json.loads((GOLDEN / "asvspoof5_dev_scores.metrics.json").read_text())
    spoof = np.array([row["label"] == "spoof" for row in rows])
    logits = -np.array([float(row["cm_score"]) for row in rows])
    rates = expected["asv_rates"]
    asv = AsvRates(rates["Pfa_non"], rates["Pmiss"], rates["Pfa_spoof"])
    assert asv == ASVSPOOF5_RATES
    found = evaluate(Trials(spoof, logits), asv)
    assert found["n_bonafide"] == expected["n_bonafide"]
    assert found["n_spoof"] == expected["n_spoof"]
    assert found["eer_threshold"] == pytest.approx(-expected["eer_threshold"], abs=1e-9)
    for ours, theirs in (
        ("eer", "eer"),
        ("min_dcf", "min_dcf"),
        ("act_dcf", "act_dcf"),
        ("cllr", "cllr"),
        ("min_tdcf", "min_tdcf"),
        ("min_tdcf_2019", "min_tdcf_legacy_2019"),
    ):
        assert found[ours] == pytest.approx(expected[theirs], rel=0, abs=1e-9)


def test_cllr_by_hand() -> None:
    assert cllr(scores([0, 0], [0])) == pytest.approx(1.0)
    # ln(1 + e^-ln3) = ln(4/3), ln(1 + e^ln(1/3)) = ln(4/3)
    assert cllr(scores([np.log(3)], [-np.log(3)])) == pytest.approx(np.log2(4 / 3))


def test_cllr_is_the_mean_of_the_logarithms() -> None:
    rng = np.random.default_rng(3)
    for size, scale in ((1, 1.0), (511, 3.0), (512, 3.0), (100_000, 3.0), (2000, 40.0)):
        bona, spoof = scale * rng.normal(1, 1, size), scale * rng.normal(-1, 1, size + 7)
        plain = np.logaddexp(0, -bona).mean() + np.logaddexp(0, spoof).mean()
        found = cllr(scores(bona, spoof))
        assert found == pytest.approx(plain / (2 * np.log(2)), rel=1e-13)
    tiny = cllr(scores(np.full(3, 60.0), np.full(3, -60.0)))
    assert tiny == pytest.approx(np.exp(-60) / np.log(2), rel=1e-9)


def test_cllr_does_not_overflow() -> None:
    # each class has one score that is wrong by 2,000 nats and one that is right
    expected = 1000 / np.log(2)
    assert cllr(scores([-2000, 2000], [2000, -2000])) == pytest.approx(expected)


def test_true_ratios_of_gaussians_give_the_known_values() -> None:
    # N(2, 1) against N(0, 1): the log-likelihood ratio of x is 2x - 2
    rng = np.random.default_rng(0)
    bona, spoof = rng.normal(2, 1, 200_000), rng.normal(0, 1, 800_000)
    given = scores(2 * bona - 2, 2 * spoof - 2)
    assert cllr(given) == pytest.approx(0.516, abs=0.02)
    assert min_dcf(given).cost == pytest.approx(0.435, abs=0.02)
    # calibrated scores: the Bayes threshold is the best one
    assert act_dcf(given) == pytest.approx(min_dcf(given).cost, abs=0.005)
    assert min_dcf(given).threshold == pytest.approx(bayes_threshold(), abs=0.15)


def test_min_dcf_by_hand() -> None:
    # points (frr, far): (0,1) (0,1/2) (1/2,1/2) (1/2,0) (1,0); 1.9 frr + far: least 0.5
    given = scores([1, 3], [0, 2])
    found = min_dcf(given)
    assert found.cost == pytest.approx(0.5)
    assert found.threshold == 0
    assert min_dcf(scores([0, 0], [5, 5])).cost == pytest.approx(1.0)  # accept all
    assert min_dcf(scores([5, 5], [0, 0])).cost == 0


def test_act_dcf_by_hand_at_the_bayes_threshold() -> None:
    assert bayes_threshold() == pytest.approx(-np.log(1.9))
    at = bayes_threshold()
    # one of two bona fide rejected, one of four spoofed accepted (a score at the threshold is)
    given = scores([at, at - 1e-9], [at, -5, -6, -7])
    assert act_dcf(given) == pytest.approx(1.9 / 2 + 1 / 4)


def test_tdcf_by_hand() -> None:
    asv = AsvRates(0.02, 0.03, 0.5)
    given = scores([1, 3], [0, 2])  # (frr, far) as above
    c0 = 0.9405 * 0.03 + 0.0095 * 10 * 0.02
    c1, c2 = 0.9405 - c0, 0.05 * 10 * 0.5
    points = [(0, 1), (0, 0.5), (0.5, 0.5), (0.5, 0), (1, 0)]
    expected = min(c0 + c1 * frr + c2 * far for frr, far in points) / (c0 + min(c1, c2))
    assert min_tdcf(given, asv) == pytest.approx(expected)
    old1 = 0.9405 * (1 - 0.03) - 0.0095 * 10 * 0.02
    old2 = 10 * 0.05 * (1 - 0.5)
    expected = min(old1 * frr + old2 * far for frr, far in points) / min(old1, old2)
    assert min_tdcf_2019(given, asv) == pytest.approx(expected)


def test_tdcf_refuses_an_asv_system_without_use() -> None:
    with pytest.raises(TrainingError, match="must be positive"):
        min_tdcf_2019(scores([1.0], [0.0]), AsvRates(0.9, 0.99, 0.5))
    with pytest.raises(TrainingError, match=r"expected a fraction"):
        AsvRates(1.5, 0.0, 0.0)


def test_asv_rates_at_the_eer_threshold() -> None:
    target, nontarget = np.array([1.0, 3.0, 4.0, 5.0]), np.array([0.0, -1.0, 2.0, -2.0])
    # rejected up to 1: frr 1/4, far 1/4; the threshold is that score, and it accepts it
    assert eer_official(scores(target, nontarget)).threshold == 1.0
    found = asv_rates(target, nontarget, np.array([0.5, 1.0, 6.0, 7.0]))
    assert found == AsvRates(0.25, 0.0, 0.75)


def test_asv_rates_from_files(tmp_path: Path) -> None:
    assert read_asv_rates("asvspoof5") == ASVSPOOF5_RATES
    (tmp_path / "rates.json").write_text('{"Pfa_non": 0.1, "Pmiss": 0.2, "Pfa_spoof": 0.3}')
    assert read_asv_rates(str(tmp_path / "rates.json")) == AsvRates(0.1, 0.2, 0.3)
    lines = ["- target 1", "- target 3", "- nontarget 0", "- nontarget 2", "A07 spoof 2.5"]
    (tmp_path / "asv.txt").write_text("\n".join(lines))
    assert read_asv_rates(str(tmp_path / "asv.txt")).spoof_false_alarm == 1.0
    (tmp_path / "bad.txt").write_text("- target 1\n- impostor 2\n")
    with pytest.raises(TrainingError, match=r"bad.txt, line 2: found '- impostor 2'"):
        read_asv_rates(str(tmp_path / "bad.txt"))
    with pytest.raises(TrainingError, match="no such file"):
        read_asv_rates(str(tmp_path / "none"))


def test_asv_rates_of_2021_take_one_phase(tmp_path: Path) -> None:
    keys, rows = [], []
    for kind, score, phase in (
        ("target", 1, "eval"), ("target", 3, "eval"), ("nontarget", 0, "eval"),
        ("nontarget", -2, "eval"), ("spoof", 2, "eval"), ("spoof", -9, "progress"),
    ):  # fmt: skip
        keys.append(f"spk utt codec trans attack {kind} notrim {phase}")
        rows.append(f"spk utt {score}")
    (tmp_path / "key").write_text("\n".join(keys))
    (tmp_path / "score").write_text("\n".join(rows))
    found = read_asv_rates_2021(tmp_path / "score", tmp_path / "key")
    assert found == AsvRates(0.5, 0.0, 1.0)  # the EER threshold is the greatest nontarget
    (tmp_path / "score").write_text("\n".join(rows[:-1]))
    with pytest.raises(TrainingError, match="5 lines against 6"):
        read_asv_rates_2021(tmp_path / "score", tmp_path / "key")


def trials(bona: list[float], spoof: list[float]) -> Trials:
    """Bona fide first; the numbers are spoof_logits."""
    labels = np.array([False] * len(bona) + [True] * len(spoof))
    return Trials(labels, np.array(bona + spoof))


def test_evaluate_takes_spoof_logits_and_turns_the_sign() -> None:
    found = evaluate(trials([-3.0, -2.0], [2.0, 3.0]))
    assert (found["eer"], found["min_dcf"]) == (0, 0)
    assert evaluate(trials([2.0, 3.0], [-3.0, -2.0]))["eer"] == 1


def test_llr_is_what_act_dcf_and_cllr_are_computed_on() -> None:
    raw = trials([-3.0, -2.0], [2.0, 3.0])
    flat = Trials(raw.spoof, raw.spoof_logit, np.zeros(4))
    assert evaluate(flat)["cllr"] == pytest.approx(1.0)
    assert evaluate(flat)["eer"] == 0
    assert evaluate(flat)["llr_from"] == "llr"
    assert evaluate(raw)["llr_from"] == "spoof_logit"


def test_ties_that_move_the_eer_are_said() -> None:
    assert "100.00%" in str(evaluate(trials([0.0] * 3, [0.0] * 3))["warning"])
    rng = np.random.default_rng(0)
    many = trials(list(rng.normal(-1, 1, 3000)), list(rng.normal(1, 1, 3000)))
    assert "warning" not in evaluate(many)


def test_breakdown_by_attack_is_against_all_bona_fide() -> None:
    given = trials([0.0, 2.0], [1.0, 3.0, 5.0, 6.0])
    found = breakdown(given, ["-", "-", "A01", "A01", "A02", "A02"])
    assert set(found) == {"A01", "A02"}
    assert found["A02"]["eer"] == 0
    assert found["A01"]["eer"] == 0.5
    assert found["A01"]["n_bonafide"] == 2
    assert found["A01"]["against"] == "all bona fide"
    assert worst(found) == ("A01", 0.5)


def test_breakdown_by_codec_stays_within_the_codec() -> None:
    given = trials([0.0, 9.0], [1.0, 3.0])
    found = breakdown(given, ["alaw", "opus", "alaw", "opus"])
    assert found["alaw"]["eer"] == 0
    assert found["opus"]["eer"] == 1
    assert "against" not in found["opus"]


def test_scores_type_is_what_metrics_share() -> None:
    given = scores([2, 1], [0])
    assert isinstance(given, Scores)
    assert given.bonafide.tolist() == [1, 2]
