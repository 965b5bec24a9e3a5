"""Scores of bona fide and spoofed speech, the error rates along the threshold, and the EER.

Here, and in everything that takes a `Scores`, the sign is the ASVspoof organisers': **higher = more
likely bona fide**. A `spoof_logit` or an `llr` enters with its sign turned.

The organisers (asvspoof5, evaluation-package/calculate_modules.py, compute_det_curve) put the
bona fide scores before the spoofed ones and sort stably, so that among equal scores the bona fide
ones are rejected first, one at a time. That path is kept here to the letter, but never written out:
each class is sorted by itself, and a place on the path is the pair (bona fide rejected, spoofed
rejected). frr - far grows along it, so the EER is found by bisection; a cost that is linear in
frr and far has its minimum just before a bona fide score is rejected, or at the end.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.errors import TrainingError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Eer(NamedTuple):
    """Equal error rate as a fraction, and the score at or above which a clip is accepted."""

    value: float
    threshold: float


@dataclass(frozen=True)
class Scores:
    """Two sorted lists of scores, higher = more likely bona fide; made by `scores`."""

    bonafide: Floats
    spoof: Floats

    @cached_property
    def below(self) -> Ints:
        """For each bona fide score the number of spoofed ones strictly below it."""
        return np.searchsorted(self.spoof, self.bonafide, "left")

    @cached_property
    def places(self) -> Ints:
        """Where each bona fide score stands (from 0) in the organisers' order of all scores."""
        return self.below + np.arange(self.bonafide.size)


def scores(bonafide: ArrayLike, spoof: ArrayLike) -> Scores:
    """Check and sort two lists of scores, higher = more likely bona fide.

    Raises
    ------
    TrainingError
        A list is empty or holds a score that is not a finite number.
    """
    ordered = []
    for name, given in (("bona fide", bonafide), ("spoofed", spoof)):
        values = np.sort(np.asarray(given, dtype=np.float64).ravel())
        if values.size == 0:
            raise TrainingError(f"There is no {name} score; error rates need both classes.")
        # sorted: -inf is first, inf and NaN are last
        if not (np.isfinite(values[0]) and np.isfinite(values[-1])):
            bad = int(np.count_nonzero(~np.isfinite(values)))
            raise TrainingError(f"{bad} of {values.size:,} {name} scores are NaN or infinite.")
        ordered.append(values)
    return Scores(*ordered)


def eer_official(given: Scores) -> Eer:
    """Equal error rate as the ASVspoof organisers compute it, ties and all.

    The mean of frr and far at the first place where they differ least: no interpolation, no convex
    hull. Equal scores are rejected one by one, bona fide first, so constant scores give 1.0.
    """
    bona, spoof = given.bonafide, given.spoof
    n, m = bona.size, spoof.size
    low, high = 0, n - 1  # the first bona fide score after whose rejection frr >= far
    while low < high:
        middle = (low + high) // 2
        rejected = np.searchsorted(spoof, bona[middle], "left")
        if (middle + 1) * m >= (m - int(rejected)) * n:
            high = middle
        else:
            low = middle + 1
    first = int(np.searchsorted(spoof, bona[low - 1], "left")) if low else 0
    last = int(np.searchsorted(spoof, bona[low], "left"))
    crossing = m - (low * m) // n  # the fewest spoofed rejections with frr >= far
    spoofed = np.unique(np.clip([crossing - 1, crossing, last], first, last))
    path_bona = np.append(np.full(spoofed.size, low), low + 1)
    path_spoof = np.append(spoofed, last)
    frr, far = path_bona / n, (m - path_spoof) / m
    best = int(np.argmin(np.abs(frr - far)))
    value = float(np.mean((frr[best], far[best])))
    return Eer(value, _threshold(given, int(path_bona[best]), int(path_spoof[best])))


def _threshold(given: Scores, bona: int, spoof: int) -> float:
    """The organisers' threshold of a place on the path: the last score rejected there."""
    if bona + spoof == 0:
        return float(min(given.bonafide[0], given.spoof[0]) - 0.001)
    last = -np.inf
    if bona:
        last = max(last, given.bonafide[bona - 1])
    if spoof:
        last = max(last, given.spoof[spoof - 1])
    return float(last)


def eer_grouped(given: Scores) -> Eer:
    """Equal error rate with equal scores rejected together, linear between thresholds.

    Does not depend on the order of ties: constant scores give 0.5.
    """
    bona, spoof = given.bonafide, given.spoof
    n, m = bona.size, spoof.size
    firsts = []
    for values in (bona, spoof):  # the first value with frr >= far once it and its like are out
        low, high = 0, values.size
        while low < high:
            middle = (low + high) // 2
            k = int(np.searchsorted(bona, values[middle], "right"))
            s = int(np.searchsorted(spoof, values[middle], "right"))
            if k * m >= (m - s) * n:
                high = middle
            else:
                low = middle + 1
        if low < values.size:
            firsts.append(float(values[low]))
    at = min(firsts)  # there is one: after the greatest score frr = 1 and far = 0
    frr0, frr1 = (np.searchsorted(bona, at, side) / n for side in ("left", "right"))
    far0, far1 = (1 - np.searchsorted(spoof, at, side) / m for side in ("left", "right"))
    before, after = frr0 - far0, frr1 - far1  # before < 0 <= after
    share = -before / (after - before)
    return Eer(float(frr0 + share * (frr1 - frr0)), at)


class Lowest(NamedTuple):
    """The minimum of a cost over the threshold, and the organisers' threshold there."""

    cost: float
    threshold: float


BLOCK = 64  # bona fide scores that are bounded together


def lowest_cost(given: Scores, miss: float, false_alarm: float) -> Lowest:
    """Minimum of `miss * frr + false_alarm * far` over the organisers' path (both weights >= 0).

    Within a block of bona fide scores frr and far both go one way, so the block's ends bound its
    cost from below; only blocks whose bound is under the best cost at a block's start are looked
    at score by score.
    """
    bona, spoof = given.bonafide, given.spoof
    n, m = bona.size, spoof.size

    def cost(places: Ints) -> tuple[Floats, Ints]:
        below = np.searchsorted(spoof, bona[places], "left")
        return miss * (places / n) + false_alarm * ((m - below) / m), below

    starts = np.arange(0, n, BLOCK)
    at_start, _ = cost(starts)
    _, below_end = cost(np.minimum(starts + BLOCK, n) - 1)
    bound = miss * (starts / n) + false_alarm * ((m - below_end) / m)
    open_blocks = starts[bound <= at_start.min()]
    places = (open_blocks[:, None] + np.arange(BLOCK)).ravel()
    places = places[places < n]
    costs, below = cost(places)
    best = int(np.argmin(costs))
    if miss < costs[best]:  # the end of the path: everything rejected
        return Lowest(float(miss), _threshold(given, n, m))
    return Lowest(float(costs[best]), _threshold(given, int(places[best]), int(below[best])))


def det_points(given: Scores) -> tuple[Floats, Floats, Floats]:
    """(frr, far, threshold) at each distinct score, equal scores together, first accept-all."""
    values = np.unique(np.concatenate((given.bonafide, given.spoof)))
    frr = np.searchsorted(given.bonafide, values, "right") / given.bonafide.size
    far = 1 - np.searchsorted(given.spoof, values, "right") / given.spoof.size
    start = [values[0] - 0.001]
    return (
        np.concatenate(([0.0], frr)),
        np.concatenate(([1.0], far)),
        np.concatenate((start, values)),
    )
