"""How well windows' scores find a stretch that was put into a recording.

A window *holds* the stretch where it hears at least half of what it could hear of it, and is
*clear* where it hears none of it; others are left out. The seconds curve gives every cell of a
`CELL` of a second the mean score of the windows that hear its middle.

    windows   area under the ROC of windows that hold the stretch over clear ones, in each clip
    pooled    the same over the windows of all clips together
    seconds   the same of the curve: cells inside the stretch over cells outside, in each clip
    hit       how often the highest window holds the stretch, and how often one drawn by lot would
    peak      how often the highest cell lies in the stretch, and how often one drawn by lot would

All are means over clips; intervals draw whole hosts. Scores are higher for spoof.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import interval
from training.curve import Floats

CELL = 0.1  # seconds
TOUCH = 0.02  # seconds of the stretch, no more than a cross-fade, that a clear window may hear


@dataclass(frozen=True)
class Scanned:
    """One spliced clip after a scan by one detector.

    `starts`, `stops`, `scores` (windows,); the stretch lies from `first` to `last`, in seconds.
    """

    host: str
    starts: Floats
    stops: Floats
    scores: Floats
    first: float
    last: float

    def heard(self) -> Floats:
        """Seconds of the stretch in each window."""
        inside = np.minimum(self.stops, self.last) - np.maximum(self.starts, self.first)
        return np.asarray(np.maximum(inside, 0.0))

    def holds(self) -> NDArray[np.bool_]:
        """Windows that hear at least half of what they could hear of the stretch."""
        most = np.minimum(self.stops - self.starts, self.last - self.first)
        return np.asarray(self.heard() >= 0.5 * most)

    def clear(self) -> NDArray[np.bool_]:
        """Windows that hear nothing of it."""
        return np.asarray(self.heard() <= TOUCH)

    def curve(self) -> tuple[Floats, NDArray[np.bool_]]:
        """The score of each cell of the clip, and whether the cell lies in the stretch."""
        middles = np.arange(CELL / 2, float(self.stops.max()), CELL)
        hears = (self.starts <= middles[:, None]) & (middles[:, None] < self.stops)
        heard = hears.any(axis=1)
        means = (hears[heard] @ self.scores) / hears[heard].sum(axis=1)
        inside = (middles >= self.first) & (middles < self.last)
        return means, inside[heard]


def area(above: Floats, below: Floats) -> float:
    """Probability that one of `above` exceeds one of `below`, ties half; NaN where one is empty."""
    if not above.size or not below.size:
        return float("nan")
    ordered = np.sort(below)
    under = np.searchsorted(ordered, above, "left") + np.searchsorted(ordered, above, "right")
    return float(under.mean() / (2.0 * below.size))


def figures(clips: Sequence[Scanned], rounds: int = 1000, seed: int = 0) -> dict[str, float]:
    """Each figure with `_low` and `_high` of its 95 % interval, hosts drawn whole.

    Where several windows share the highest score, each counts by its share. A clip without a
    clear window says nothing to `windows`.
    """
    each = np.array([_of_clip(clip) for clip in clips])
    hosts, group = np.unique([clip.host for clip in clips], return_inverse=True)
    found = _means(clips, each, np.ones(len(clips), np.int64))
    rng = np.random.default_rng(seed)
    draws: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        drawn = np.bincount(rng.integers(0, hosts.size, hosts.size), minlength=hosts.size)
        for name, value in _means(clips, each, drawn[group]).items():
            draws[name].append(value)
    for name in tuple(found):
        values = np.array(draws[name])
        spread = interval(values[np.isfinite(values)])
        found |= {f"{name}_low": spread.low, f"{name}_high": spread.high}
    return found


def _of_clip(clip: Scanned) -> tuple[float, ...]:
    """windows, seconds, hit, chance of it, peak, chance of it."""
    holds, (cells, inside) = clip.holds(), clip.curve()
    best, top = clip.scores == clip.scores.max(), cells == cells.max()
    return (
        area(clip.scores[holds], clip.scores[clip.clear()]),
        area(cells[inside], cells[~inside]),
        float(holds[best].mean()),
        float(holds.mean()),
        float(inside[top].mean()),
        float(inside.mean()),
    )


def _means(clips: Sequence[Scanned], each: Floats, times: NDArray[np.int64]) -> dict[str, float]:
    """The figures where clip i counts `times[i]` times."""
    names = ("windows", "seconds", "hit", "hit_chance", "peak", "peak_chance")
    known = np.isfinite(each)
    weight = times[:, None] * known
    total = weight.sum(axis=0)
    sums = (np.where(known, each, 0.0) * weight).sum(axis=0)
    means = np.divide(sums, total, out=np.full(len(names), np.nan), where=total > 0)
    found = dict(zip(names, means.tolist(), strict=True))
    found["hit_gain"] = found["hit"] - found["hit_chance"]
    found["peak_gain"] = found["peak"] - found["peak_chance"]
    drawn = [clip for clip, count in zip(clips, times.tolist(), strict=True) for _ in range(count)]
    above = np.concatenate([clip.scores[clip.holds()] for clip in drawn])
    below = np.concatenate([clip.scores[clip.clear()] for clip in drawn])
    found["pooled"] = area(above, below)
    return found
