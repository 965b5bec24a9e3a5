"""From spoof_logit to llr: logistic calibration, and honest bounds.

Glossary
    spoof_logit   a detector's raw number; higher = more likely spoofed
    llr           natural log of p(number | spoof) / p(number | bona fide)
    Cllr          cost of the llrs in bits (Bruemmer & du Preez 2006): 0 perfect, 1 says nothing

Calibration is `llr = slope * spoof_logit + intercept` (logistic regression). Both classes weigh the
same in the fit, so that the logistic's log odds are the log likelihood ratio: the share of spoofed
clips in the training data is removed, and the reader's own prior stays the reader's.

Bounds. `n_bonafide` recordings could have contradicted a large positive llr by scoring as high;
even if none did, the rate at which bona fide speech does so is not known to be below about
1 / (n_bonafide + 1) (rule of succession: one more trial, and it may be the first). An llr above
ln(n_bonafide + 1) would claim more than the calibration set can show. Likewise below
-ln(n_spoof + 1). So every llr here is cut to [-ln(n_spoof + 1), ln(n_bonafide + 1)].

Trust. Calibration trials come from some sources, and on others the same number says less. `trust`
is the share of the fitted log odds that is kept, measured on sources that neither training nor
calibration met; 1 where nobody measured it. It moves no llr across 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.types import DetectorError


@dataclass(frozen=True, slots=True)
class Bounds:
    """The strongest llr a set of calibration trials can support, either way."""

    n_bonafide: int
    n_spoof: int

    @property
    def lower(self) -> float:
        return -log(self.n_spoof + 1)

    @property
    def upper(self) -> float:
        return log(self.n_bonafide + 1)

    def cut(self, llr: float) -> float:
        return min(max(llr, self.lower), self.upper)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A straight line from spoof_logit to llr, and what it was fitted on.

    `cllr` is that of the calibration set itself, in bits; `dataset` names the set. Slope and
    intercept are those that are used: `trust` is in them.
    """

    slope: float
    intercept: float
    n_bonafide: int
    n_spoof: int
    cllr: float
    dataset: str = ""
    trust: float = 1.0

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.n_bonafide, self.n_spoof)

    def llr(self, spoof_logit: float) -> float:
        """Bounded natural-log likelihood ratio, spoof over bona fide; see the module docstring."""
        return self.bounds.cut(self.slope * spoof_logit + self.intercept)

    @classmethod
    def from_card(cls, entry: Mapping[str, Any] | None) -> Self | None:
        """The `calibration` entry of a card.json; None stays None (not calibrated)."""
        if entry is None:
            return None
        try:
            made = cls(
                float(entry["slope"]),
                float(entry["intercept"]),
                int(entry["n_bonafide"]),
                int(entry["n_spoof"]),
                float(entry["cllr"]),
                str(entry.get("set", "")),
                float(entry.get("trust", 1.0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DetectorError(
                f"The card's calibration {dict(entry)!r} cannot be read ({error!r}). It needs the "
                "numbers slope, intercept, n_bonafide, n_spoof and cllr, or null."
            ) from error
        if not (isfinite(made.slope) and isfinite(made.intercept) and made.slope > 0):
            raise DetectorError(
                f"The card's calibration has slope {made.slope} and intercept {made.intercept}; "
                "both must be finite and the slope positive (higher = more likely spoofed)."
            )
        if min(made.n_bonafide, made.n_spoof) < 1:
            raise DetectorError(
                f"The card's calibration counts {made.n_bonafide} bona fide and {made.n_spoof} "
                "spoofed trials; it needs at least one of each."
            )
        check_trust(made.trust)
        return made

    def to_card(self) -> dict[str, float | int | str]:
        return {
            "slope": self.slope,
            "intercept": self.intercept,
            "n_bonafide": self.n_bonafide,
            "n_spoof": self.n_spoof,
            "cllr": self.cllr,
            "set": self.dataset or "unnamed",  # a card may not leave it out
            "trust": self.trust,
        }


def check_trust(trust: float) -> None:
    """Raise DetectorError where it is no share above 0 and at most 1."""
    if not 0 < trust <= 1:
        raise DetectorError(f"trust is a share above 0 and at most 1, not {trust}.")


def fit(
    spoof_logits: ArrayLike, labels: Sequence[str], dataset: str = "", trust: float = 1.0
) -> Calibration:
    """Calibrate one detector on held-out trials, one score and one label a trial.

    `trust`: the share of the log odds that is kept; see the module docstring.

    Deterministic. Targets are smoothed as in Platt (1999): a class of n trials is fitted to
    1 - 1 / (n + 2), so that scores which separate the classes perfectly give a finite slope.

    Raises
    ------
    DetectorError
        A label that is neither, a class without trials, a score that is not finite, scores that
        are not higher for spoofed trials, a trust that is no share.
    """
    check_trust(trust)
    scores = np.asarray(spoof_logits, dtype=np.float64).reshape(-1, 1)
    spoofed = is_spoof(labels, len(scores))
    _check_finite(scores[:, 0])
    (slope,), intercept = logistic(scores, spoofed)
    if slope <= 0:
        raise DetectorError(
            "Spoofed trials do not score higher than bona fide ones in this set (slope "
            f"{slope:.3g}), so there is nothing to calibrate. Check the labels and the sign."
        )
    slope, intercept = trust * slope, trust * intercept
    n_spoof = int(spoofed.sum())
    bounds = Bounds(len(spoofed) - n_spoof, n_spoof)
    llrs = np.clip(scores[:, 0] * slope + intercept, bounds.lower, bounds.upper)
    cost = cllr(llrs, labels)
    return Calibration(slope, intercept, bounds.n_bonafide, n_spoof, cost, dataset, trust)


def cllr(llrs: ArrayLike, labels: Sequence[str]) -> float:
    """Cost of the llrs in bits: mean of log2(1 + 1/LR) over spoof and log2(1 + LR) over bona fide.

    Bruemmer & du Preez 2006, equation for Cllr, with spoof as the target class. It is the same
    number as the ASVspoof organisers' (bona fide as target, opposite sign).
    """
    values = np.asarray(llrs, dtype=np.float64)
    spoofed = is_spoof(labels, len(values))
    cost_spoof = np.logaddexp(0.0, -values[spoofed]).mean()
    cost_bonafide = np.logaddexp(0.0, values[~spoofed]).mean()
    return float((cost_spoof + cost_bonafide) / (2.0 * np.log(2.0)))


def min_cllr(scores: ArrayLike, labels: Sequence[str]) -> float:
    """Cllr after the best monotonic calibration (pool adjacent violators): discrimination alone.

    Tied scores are one step, as no threshold can part them.
    """
    from sklearn.isotonic import IsotonicRegression

    values = np.asarray(scores, dtype=np.float64)
    spoofed = is_spoof(labels, len(values))
    weights = _balanced(spoofed)
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(
        values, spoofed.astype(np.float64), sample_weight=weights
    )
    with np.errstate(divide="ignore"):
        llrs = np.log(fitted) - np.log1p(-fitted)
    return cllr(llrs, labels)


def logistic(
    trials: NDArray[np.float64], spoofed: NDArray[np.bool_]
) -> tuple[tuple[float, ...], float]:
    """Weights and intercept of a logistic regression in which both classes weigh the same.

    `trials` (n, detectors). Smoothed targets: every trial stands in the fit under both labels, the
    wrong one with weight 1 / (n of its class + 2).
    """
    from sklearn.linear_model import LogisticRegression

    centre, scale = trials.mean(axis=0), trials.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    scaled = (trials - centre) / scale  # so that the optimiser sees one scale
    count = np.where(spoofed, spoofed.sum(), (~spoofed).sum())
    doubt = 1.0 / (count + 2.0)
    balance = _balanced(spoofed)
    model = LogisticRegression(C=np.inf, tol=1e-9, max_iter=10_000)
    model.fit(
        np.concatenate([scaled, scaled]),
        np.concatenate([spoofed, ~spoofed]),
        sample_weight=np.concatenate([balance * (1.0 - doubt), balance * doubt]),
    )
    weights = model.coef_[0] / scale
    intercept = float(model.intercept_[0] - weights @ centre)
    return tuple(float(w) for w in weights), intercept


def _balanced(spoofed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A weight a trial: both classes sum to the same, all to the number of trials."""
    count = np.where(spoofed, spoofed.sum(), (~spoofed).sum())
    return np.asarray(0.5 * len(spoofed) / count, dtype=np.float64)


def is_spoof(labels: Sequence[str], expected: int) -> NDArray[np.bool_]:
    """Which of the trials are spoofed, bool (expected,).

    Raises
    ------
    DetectorError
        A label that is neither, another number of labels, a class without trials.
    """
    wrong = [(i, label) for i, label in enumerate(labels) if label not in ("bonafide", "spoof")]
    if wrong:
        raise DetectorError(
            f'Label {wrong[0][0]} is {wrong[0][1]!r}; labels are "bonafide" or "spoof".'
        )
    spoofed = np.asarray([label == "spoof" for label in labels], dtype=np.bool_)
    if len(spoofed) != expected:
        raise DetectorError(f"{expected} scores but {len(spoofed)} labels; there is one a trial.")
    if spoofed.all() or not spoofed.any():
        raise DetectorError(
            f"{int(spoofed.sum())} spoofed and {int((~spoofed).sum())} bona fide trials; "
            "at least one of each is needed."
        )
    return spoofed


def _check_finite(scores: NDArray[np.float64]) -> None:
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        raise DetectorError(
            f"Score {bad[0]} is {scores[bad[0]]}, not a finite number "
            f"({bad.size} of {scores.size} are not)."
        )
