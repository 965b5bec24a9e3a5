"""Metrics over the size of the ASVspoof 5 evaluation set, against a plain transcription.

    python -m benchmarks.metrics [--rounds 5] [--bootstrap 1000]

The transcription follows the steps of the organisers' evaluation package as the specification
describes them: one stable sort of all scores for the EER, a loop over thresholds for minDCF, plain
formulas for actDCF and Cllr. Scores are synthetic and rounded to four digits, so that there are
ties: 138,688 bona fide from N(2.28, 1), 542,086 spoofed from N(0, 1). Both sides run in turn in one
process; medians are reported.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import bootstrap, bootstrap_eer, interval
from training.curve import eer_official, scores
from training.dcf import act_dcf, min_dcf
from training.metrics import Trials, cllr

Floats = NDArray[np.float64]
Figures = tuple[float, float, float, float]
N_BONAFIDE, N_SPOOF = 138_688, 542_086


def det_curve(bona: Floats, spoof: Floats) -> tuple[Floats, Floats]:
    """False rejection and false acceptance rates after each score in rising order."""
    every = np.concatenate((bona, spoof))
    labels = np.concatenate((np.ones(bona.size), np.zeros(spoof.size)))
    labels = labels[np.argsort(every, kind="mergesort")]
    rejected = np.cumsum(labels)
    accepted = spoof.size - (np.arange(1, every.size + 1) - rejected)
    frr = np.concatenate((np.atleast_1d(0), rejected / bona.size))
    far = np.concatenate((np.atleast_1d(1), accepted / spoof.size))
    return frr, far


def plain(bona: Floats, spoof: Floats) -> Figures:
    """EER, minDCF, actDCF and Cllr as written down, each from the raw scores."""
    frr, far = det_curve(bona, spoof)
    at = np.argmin(np.abs(frr - far))
    eer = float(np.mean((frr[at], far[at])))

    frr, far = det_curve(bona, spoof)
    lowest = float("inf")
    for i in range(len(frr)):
        cost = 0.95 * frr[i] + 10 * far[i] * 0.05
        if cost < lowest:
            lowest = cost
    least = float(lowest / 0.5)

    threshold = -np.log(1 * 0.95 / (10 * 0.05))
    miss = np.sum(bona < threshold) / bona.size
    false_alarm = np.sum(spoof >= threshold) / spoof.size
    actual = float((0.95 * miss + 0.5 * false_alarm) / 0.5)

    bits = np.mean(np.log1p(np.exp(-bona))) + np.mean(np.log1p(np.exp(spoof)))
    return eer, least, actual, float(0.5 * bits / np.log(2))


def ours(bona: Floats, spoof: Floats) -> Figures:
    """The same four figures from this project."""
    given = scores(bona, spoof)
    return eer_official(given).value, min_dcf(given).cost, act_dcf(given), cllr(given)


def plain_round(bona: Floats, spoof: Floats, rng: np.random.Generator) -> float:
    """One bootstrap round as the obvious loop does it: draw clips, sort, find the EER."""
    frr, far = det_curve(rng.choice(bona, bona.size), rng.choice(spoof, spoof.size))
    at = np.argmin(np.abs(frr - far))
    return float(np.mean((frr[at], far[at])))


def seconds(task: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def four_metrics(bona: Floats, spoof: Floats, rounds: int) -> None:
    """Time and compare the four figures; ends with an error where they differ."""
    theirs, mine = plain(bona, spoof), ours(bona, spoof)
    gap = max(abs(a - b) for a, b in zip(theirs, mine, strict=True))
    times = [
        (seconds(lambda: plain(bona, spoof)), seconds(lambda: ours(bona, spoof)))
        for _ in range(rounds)
    ]
    slow, fast = np.median(times, axis=0)
    print(f"four metrics: transcription {1e3 * slow:.0f} ms, here {1e3 * fast:.1f} ms: "
          f"{slow / fast:.1f}x; greatest difference {gap:.1e}")  # fmt: skip
    if gap > 1e-12:
        raise SystemExit("the figures differ by more than 1e-12")


def bootstraps(bona: Floats, spoof: Floats, rounds: int) -> None:
    """Time the bootstrap by clip and by cluster."""
    given = scores(bona, spoof)
    draws = bootstrap_eer(given, rounds)
    taken = seconds(lambda: bootstrap_eer(scores(bona, spoof), rounds))
    rng = np.random.default_rng(1)
    loop = seconds(lambda: [plain_round(bona, spoof, rng) for _ in range(10)]) / 10 * rounds
    found = interval(draws)
    print(f"{rounds} rounds of the EER by clip: {1e3 * taken:.1f} ms, sorting included, "
          f"[{found.low:.4%}, {found.high:.4%}]; the loop would take {loop:.0f} s "
          f"({loop / taken:,.0f}x)")  # fmt: skip

    trials = Trials(np.arange(N_BONAFIDE + N_SPOOF) >= N_BONAFIDE, -np.concatenate((bona, spoof)))
    speaker = np.random.default_rng(2).integers(0, 737, trials.spoof.size)
    for wanted in (("eer",), ("eer", "min_dcf", "act_dcf", "cllr")):
        draws_of: dict[str, Floats] = {}
        taken = seconds(
            lambda wanted=wanted, draws_of=draws_of: draws_of.update(  # type: ignore[misc]
                bootstrap(trials, rounds, cluster=speaker, wanted=wanted)
            )
        )
        found = interval(draws_of["eer"])
        print(f"{rounds} rounds of {', '.join(wanted)} by cluster (737): {taken:.1f} s, "
              f"EER [{found.low:.4%}, {found.high:.4%}]")  # fmt: skip


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bootstrap", type=int, default=1000)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    bona, spoof = rng.normal(2.28, 1, N_BONAFIDE).round(4), rng.normal(0, 1, N_SPOOF).round(4)
    four_metrics(bona, spoof, args.rounds)
    bootstraps(bona, spoof, args.bootstrap)


if __name__ == "__main__":
    main()
