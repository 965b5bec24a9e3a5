"""How far an error rate may be trusted: bootstrap intervals, by clip or by cluster, and paired.

By clip, the EER alone: `bootstrap_eer` draws only the counts that a bisection of the threshold axis
asks for. How many of the n drawn bona fide clips fall among the first k is binomial, and given
that, how many of them fall among the first half of those k is binomial again; so a round costs
some twenty draws instead of n. The law is exactly that of drawing n clips with replacement.

By cluster (speaker, source), or for other figures than the EER: `bootstrap` draws whole clusters
and lets each clip count as often as its cluster was drawn; the sorting is done once.
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
NORM = min(C_MISS * (1 - P_SPOOF), C_FALSE_ALARM * P_SPOOF)
MISS = C_MISS * (1 - P_SPOOF) / NORM  # weights of frr and far in the normalised DCF
FALSE_ALARM = C_FALSE_ALARM * P_SPOOF / NORM

Int32s = NDArray[np.int32]


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
class Units:
    """What is drawn with replacement: clips within each class, or clusters over both classes.

    Attributes
    ----------
    spoof : of each clip, bool.
    cluster : of each clip, numbers from 0; None = every clip by itself.
    """

    spoof: NDArray[np.bool_]
    cluster: Ints | None = None

    @cached_property
    def unit(self) -> Ints:
        """The unit of each clip."""
        return np.arange(self.spoof.size) if self.cluster is None else self.cluster

    @cached_property
    def sizes(self) -> tuple[Ints, Ints]:
        """Bona fide and spoofed clips in each unit."""
        count = int(self.unit.max()) + 1
        human, fake = (
            np.bincount(self.unit[c], minlength=count) for c in (~self.spoof, self.spoof)
        )
        return human, fake

    def draw(self, rng: np.random.Generator) -> Int32s:
        """How often each unit counts in one round.

        A draw of clusters that leaves a class without a clip is drawn again.
        """
        count = self.sizes[0].size
        if self.cluster is None:
            drawn = np.empty(count, np.int32)
            for chosen in (self.spoof, ~self.spoof):
                n = int(np.count_nonzero(chosen))
                drawn[chosen] = np.bincount(rng.integers(0, n, n), minlength=n)
            return drawn
        for _ in range(1000):
            drawn = np.bincount(rng.integers(0, count, count), minlength=count).astype(np.int32)
            if all(drawn @ size > 0 for size in self.sizes):
                return drawn
        raise TrainingError(
            f"1,000 draws of {count} clusters left a class without a clip; "
            "the clips of one class are in too few clusters for a clustered interval."
        )


@dataclass(frozen=True)
class Weighted:
    """One detector's trials, sorted once, so that figures of a draw are cheap."""

    trials: Trials
    units: Units

    @cached_property
    def ranked(self) -> Scores:
        return self.trials.ranking()

    @cached_property
    def unit_by_score(self) -> tuple[Int32s, Int32s]:
        """Units of the bona fide and of the spoofed clips, each by rising score."""
        spoof, score = self.trials.spoof, -self.trials.spoof_logit
        human, fake = (
            self.units.unit[chosen][np.argsort(score[chosen], kind="stable")].astype(np.int32)
            for chosen in (~spoof, spoof)
        )
        return human, fake

    @cached_property
    def sums(self) -> dict[str, tuple[Floats, Floats]]:
        """Errors at the Bayes threshold and bits of Cllr, summed by unit, of each class."""
        trials = self.trials
        ratio = -(trials.spoof_logit if trials.llr is None else trials.llr)
        parts = {
            "act_dcf": ((ratio >= bayes_threshold()) == trials.spoof).astype(np.float64),
            "cllr": softplus(np.where(trials.spoof, ratio, -ratio)) / np.log(2),
        }
        unit, count = self.units.unit, self.units.sizes[0].size

        def by_unit(values: Floats) -> Floats:
            return np.asarray(np.bincount(unit, values, count), dtype=np.float64)

        return {
            name: (by_unit(values * ~trials.spoof), by_unit(values * trials.spoof))
            for name, values in parts.items()
        }

    def figures(self, drawn: Int32s, wanted: Sequence[str]) -> dict[str, float]:
        """`eer`, `min_dcf`, `act_dcf`, `cllr` where unit i counts `drawn[i]` times."""
        n, m = (int(drawn @ size) for size in self.units.sizes)
        found: dict[str, float] = {}
        if {"eer", "min_dcf"} & set(wanted):
            bona, spoof = (_running(drawn[units]) for units in self.unit_by_score)
            if "eer" in wanted:
                found["eer"] = self._eer(bona, spoof)
            if "min_dcf" in wanted:
                found["min_dcf"] = self._min_dcf(bona, spoof)
        if "act_dcf" in wanted:
            human, fake = self.sums["act_dcf"]
            found["act_dcf"] = float(MISS * (drawn @ human / n) + FALSE_ALARM * (drawn @ fake / m))
        if "cllr" in wanted:
            human, fake = self.sums["cllr"]
            found["cllr"] = float(drawn @ human / n + drawn @ fake / m) / 2
        return found

    def _min_dcf(self, bona: Int32s, spoof: Int32s) -> float:
        cost = bona[:-1] * (MISS / bona[-1])
        cost -= spoof[self.ranked.below] * (FALSE_ALARM / spoof[-1])
        return min(float(cost.min()) + FALSE_ALARM, MISS)

    def _eer(self, bona: Int32s, spoof: Int32s) -> float:
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


def _running(weight: Int32s) -> Int32s:
    """0 and the running sums; the clips of a draw are fewer than 2^31."""
    sums = np.empty(weight.size + 1, np.int32)
    sums[0] = 0
    np.cumsum(weight, out=sums[1:])
    return sums


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
    rng, units = np.random.default_rng(seed), Units(trials.spoof, cluster)
    weighted = Weighted(trials, units)
    found = {name: np.empty(rounds) for name in wanted}
    for i in range(rounds):
        for name, value in weighted.figures(units.draw(rng), wanted).items():
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
    rng, units = np.random.default_rng(seed), Units(first.spoof, cluster)
    pair = (Weighted(first, units), Weighted(second, units))
    found = np.empty(rounds)
    for i in range(rounds):
        drawn = units.draw(rng)
        a, b = (each.figures(drawn, ("eer",))["eer"] for each in pair)
        found[i] = a - b
    return found
