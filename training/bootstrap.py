"""How far an error rate may be trusted: bootstrap intervals, by clip or by cluster, and paired.

By clip, the EER alone: `bootstrap_eer` draws only the counts that a bisection of the threshold axis
asks for. How many of the n drawn bona fide clips fall among the first k is binomial, and given
that, how many of them fall among the first half of those k is binomial again; so a round costs
some twenty draws instead of n. The law is exactly that of drawing n clips with replacement.

By cluster (speaker, source), or for other figures than the EER: `bootstrap` draws whole clusters
and gives each clip the weight with which its cluster was drawn; the sorting is done once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.curve import Floats, Ints, Scores
from training.dcf import C_FALSE_ALARM, C_MISS, P_SPOOF, bayes_threshold
from training.errors import TrainingError
from training.metrics import Trials, softplus

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A percentile interval of one figure."""

    low: float
    high: float
    rounds: int


def interval(samples: Floats, level: float = LEVEL) -> Interval:
    """Percentile interval of bootstrap replicates."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), int(samples.size))


def bootstrap_eer(given: Scores, rounds: int = 1000, seed: int = 0) -> Floats:
    """Replicates of the organisers' EER, clips drawn with replacement within each class.

    Returns
    -------
    float64 (rounds,)
    """
    rng = np.random.default_rng(seed)
    n, m = given.bonafide.size, given.spoof.size
    low = np.zeros(rounds, np.int64)  # places on the organisers' path
    high = np.full(rounds, n + m, np.int64)
    bona_low, bona_high = np.zeros(rounds, np.int64), np.full(rounds, n, np.int64)
    spoof_low, spoof_high = np.zeros(rounds, np.int64), np.full(rounds, m, np.int64)
    k_low, k_high = np.zeros(rounds, np.int64), np.full(rounds, n, np.int64)
    while np.any(high - low > 1):
        middle = (low + high) // 2
        k = np.searchsorted(given.places, middle, "left")  # bona fide among the first `middle`
        bona = bona_low + _split(rng, bona_high - bona_low, k - k_low, k_high - k_low)
        spoof = spoof_low + _split(
            rng,
            spoof_high - spoof_low,
            (middle - k) - (low - k_low),
            (high - k_high) - (low - k_low),
        )
        past = bona * m >= (m - spoof) * n  # frr >= far
        live = high - low > 1
        right, left = live & ~past, live & past
        low, k_low = np.where(right, middle, low), np.where(right, k, k_low)
        bona_low, spoof_low = np.where(right, bona, bona_low), np.where(right, spoof, spoof_low)
        high, k_high = np.where(left, middle, high), np.where(left, k, k_high)
        bona_high, spoof_high = np.where(left, bona, bona_high), np.where(left, spoof, spoof_high)
    return _crossing(bona_low, bona_high, spoof_low, spoof_high, n, m)


def _split(rng: np.random.Generator, drawn: Ints, part: Ints, whole: Ints) -> Ints:
    """How many of `drawn` fall into `part` of `whole` equally likely clips."""
    share = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    return rng.binomial(drawn, share)


def _crossing(
    bona_low: Ints, bona_high: Ints, spoof_low: Ints, spoof_high: Ints, n: Ints | int, m: Ints | int
) -> Floats:
    """EER inside one element of the path that was drawn several times.

    Before it frr < far, after it frr >= far; only one of the two counts changes. The copies are
    rejected one by one, and the first place with the least |frr - far| counts.
    """
    bona = np.clip(-(-n * (m - spoof_low) // m), bona_low, bona_high)
    spoof = np.clip(m - bona_low * m // n, spoof_low, spoof_high)
    is_bona = bona_high > bona_low
    after = (np.where(is_bona, bona, bona_low), np.where(is_bona, spoof_low, spoof))
    before = (np.where(is_bona, bona - 1, bona_low), np.where(is_bona, spoof_low, spoof - 1))
    frr = [count[0] / n for count in (before, after)]
    far = [(m - count[1]) / m for count in (before, after)]
    first = np.abs(frr[0] - far[0]) <= np.abs(frr[1] - far[1])
    return np.where(first, (frr[0] + far[0]) / 2, (frr[1] + far[1]) / 2)


@dataclass(frozen=True)
class Weighted:
    """One detector's trials, sorted once, so that figures under weights on the clips are cheap."""

    trials: Trials

    def __post_init__(self) -> None:
        self.trials.ranking()  # refuses NaN and an empty class

    @cached_property
    def order(self) -> tuple[Ints, Ints]:
        """Clip numbers of the bona fide and of the spoofed, each by rising score."""
        spoof, score = self.trials.spoof, -self.trials.spoof_logit
        human, fake = (
            np.flatnonzero(chosen)[np.argsort(score[chosen], kind="stable")]
            for chosen in (~spoof, spoof)
        )
        return human, fake

    @cached_property
    def ranked(self) -> Scores:
        score = -self.trials.spoof_logit
        return Scores(score[self.order[0]], score[self.order[1]])

    @cached_property
    def losses(self) -> Floats:
        """Each clip's part of Cllr, in bits."""
        ratio = self._ratio
        losses: Floats = softplus(np.where(self.trials.spoof, ratio, -ratio)) / np.log(2)
        return losses

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether the Bayes threshold decides the clip wrongly."""
        accepted = self._ratio >= bayes_threshold()
        wrong: NDArray[np.bool_] = accepted == self.trials.spoof
        return wrong

    @property
    def _ratio(self) -> Floats:
        return -(self.trials.spoof_logit if self.trials.llr is None else self.trials.llr)

    def figures(self, weight: Ints, wanted: Sequence[str]) -> dict[str, float]:
        """`eer`, `min_dcf`, `act_dcf`, `cllr` where clip i counts `weight[i]` times."""
        bona, spoof = (
            np.concatenate(([0], np.cumsum(weight[order], dtype=np.int64))) for order in self.order
        )
        n, m = int(bona[-1]), int(spoof[-1])
        found: dict[str, float] = {}
        if "eer" in wanted:
            found["eer"] = self._eer(bona, spoof)
        if "min_dcf" in wanted:
            spoofed = spoof[self.ranked.below]
            cost = (C_MISS * (1 - P_SPOOF) / n) * bona[:-1] + (C_FALSE_ALARM * P_SPOOF / m) * (
                m - spoofed
            )
            lowest = min(float(cost.min()), C_MISS * (1 - P_SPOOF))
            found["min_dcf"] = lowest / min(C_MISS * (1 - P_SPOOF), C_FALSE_ALARM * P_SPOOF)
        if "act_dcf" in wanted:
            frr, far = self._means(weight * self.wrong, n, m)
            cost_act = C_MISS * (1 - P_SPOOF) * frr + C_FALSE_ALARM * P_SPOOF * far
            found["act_dcf"] = cost_act / min(C_MISS * (1 - P_SPOOF), C_FALSE_ALARM * P_SPOOF)
        if "cllr" in wanted:
            found["cllr"] = sum(self._means(weight * self.losses, n, m)) / 2
        return found

    def _means(self, values: NDArray[np.generic], n: int, m: int) -> tuple[float, float]:
        """Sum over the bona fide by n, sum over the spoofed by m."""
        return float(values[~self.trials.spoof].sum() / n), float(
            values[self.trials.spoof].sum() / m
        )

    def _eer(self, bona: Ints, spoof: Ints) -> float:
        places, n, m = self.ranked.places, int(bona[-1]), int(spoof[-1])
        low, high = 0, bona.size + spoof.size - 2
        while high - low > 1:
            middle = (low + high) // 2
            k = int(places.searchsorted(middle))
            if int(bona[k]) * m >= (m - int(spoof[middle - k])) * n:
                high = middle
            else:
                low = middle
        k_low, k_high = int(places.searchsorted(low)), int(places.searchsorted(high))
        ends = [
            np.array([int(counts[at])])
            for counts, at in (
                (bona, k_low), (bona, k_high), (spoof, low - k_low), (spoof, high - k_high)
            )
        ]  # fmt: skip
        return float(_crossing(ends[0], ends[1], ends[2], ends[3], n, m)[0])


def draw_weights(rng: np.random.Generator, spoof: NDArray[np.bool_], cluster: Ints | None) -> Ints:
    """One bootstrap draw: how often each clip counts.

    By clip (cluster None) within each class; by cluster over all clusters together, drawn again
    when a class is left without a clip.
    """
    if cluster is None:
        weight = np.empty(spoof.size, np.int64)
        for chosen in (spoof, ~spoof):
            n = int(np.count_nonzero(chosen))
            weight[chosen] = np.bincount(rng.integers(0, n, n), minlength=n)
        return weight
    n = int(cluster.max()) + 1
    for _ in range(1000):
        weight = np.bincount(rng.integers(0, n, n), minlength=n)[cluster]
        if weight[spoof].any() and weight[~spoof].any():
            return weight
    raise TrainingError(
        f"1,000 draws of {n} clusters left a class without a clip; "
        "the clips of one class are in too few clusters for a clustered interval."
    )


def clusters_of(values: Sequence[str], own: Sequence[str]) -> Ints:
    """Numbers of the clusters; a clip without one (`-` or empty) is a cluster by itself.

    `own` names each clip (its utt_id), so that clips without a cluster stay apart.
    """
    names = [f"={o}" if v in {"", "-"} else v for v, o in zip(values, own, strict=True)]
    numbers: Ints = np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)
    if numbers.size and int(numbers.max()) == 0:
        raise TrainingError(f"All clips are in one cluster ({names[0]}); nothing to draw from.")
    return numbers


def bootstrap(
    trials: Trials,
    rounds: int = 1000,
    seed: int = 0,
    cluster: Ints | None = None,
    wanted: Sequence[str] = ("eer", "min_dcf", "act_dcf", "cllr"),
) -> dict[str, Floats]:
    """Replicates of several figures from the same draws, each float64 (rounds,)."""
    rng, weighted = np.random.default_rng(seed), Weighted(trials)
    found = {name: np.empty(rounds) for name in wanted}
    for i in range(rounds):
        figures = weighted.figures(draw_weights(rng, trials.spoof, cluster), wanted)
        for name, value in figures.items():
            found[name][i] = value
    return found


def bootstrap_difference(
    first: Trials, second: Trials, rounds: int = 1000, seed: int = 0, cluster: Ints | None = None
) -> Floats:
    """Replicates of EER(first) - EER(second); both detectors on the same clips in the same order.

    Each round draws clips (or clusters) once and measures both detectors on that draw.
    """
    if not np.array_equal(first.spoof, second.spoof):
        raise TrainingError("A paired comparison needs the same clips, in the same order.")
    rng, pair = np.random.default_rng(seed), (Weighted(first), Weighted(second))
    found = np.empty(rounds)
    for i in range(rounds):
        weight = draw_weights(rng, first.spoof, cluster)
        a, b = (each.figures(weight, ("eer",))["eer"] for each in pair)
        found[i] = a - b
    return found
