"""From spoof_logit to llr: logistic calibration, fusion over detectors, and honest bounds.

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

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import isfinite, log
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.types import DetectorError

FUSION_SCHEMA = 1
CANCEL = 1e-6  # of the sum of their sizes: weights that add up to less cancel each other


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
        _check_trust(made.trust)
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


def _check_trust(trust: float) -> None:
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
    _check_trust(trust)
    scores = np.asarray(spoof_logits, dtype=np.float64).reshape(-1, 1)
    spoofed = _is_spoof(labels, len(scores))
    _check_finite(scores[:, 0])
    (slope,), intercept = _logistic(scores, spoofed)
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


@dataclass(frozen=True, slots=True)
class FusionRule:
    """`llr = intercept + sum of weight * llr` over one subset of detectors."""

    weights: Mapping[str, float]
    intercept: float
    n_bonafide: int
    n_spoof: int
    cllr: float

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.n_bonafide, self.n_spoof)

    def llr(self, llrs: Mapping[str, float]) -> float:
        total = self.intercept + sum(w * llrs[name] for name, w in self.weights.items())
        return self.bounds.cut(total)


@dataclass(frozen=True, slots=True)
class Fusion:
    """One logistic regression for every subset of the calibrated detectors.

    A detector that is missing changes the rule, not the meaning: the subset that is there has a
    rule of its own, fitted without the missing one. `checkpoints` says which checkpoint of each
    detector the rules were fitted with; they hold for no other. `trust` is in the rules.
    """

    rules: Mapping[frozenset[str], FusionRule]
    checkpoints: Mapping[str, str] = field(default_factory=dict)
    dataset: str = ""
    trust: float = 1.0

    @property
    def detectors(self) -> frozenset[str]:
        return frozenset().union(*self.rules)

    def llr(self, llrs: Mapping[str, float | None]) -> float | None:
        """Fused llr of those detectors that have one and are known here; None where none is."""
        known = {n: v for n, v in llrs.items() if v is not None and n in self.detectors}
        return self.rules[frozenset(known)].llr(known) if known else None

    def to_json(self) -> str:
        rules = [
            {
                "weights": dict(sorted(rule.weights.items())),
                "intercept": rule.intercept,
                "n_bonafide": rule.n_bonafide,
                "n_spoof": rule.n_spoof,
                "cllr": rule.cllr,
            }
            for _, rule in sorted(self.rules.items(), key=lambda kv: (len(kv[0]), sorted(kv[0])))
        ]
        record = {
            "schema": FUSION_SCHEMA,
            "checkpoints": dict(sorted(self.checkpoints.items())),
            "set": self.dataset or "unnamed",  # a card may not leave it out
            "trust": self.trust,
            "rules": rules,
        }
        return json.dumps(record, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, name: str = "fusion.json") -> Self:
        """Read what `to_json` wrote; refuse, in words, a file that lacks a subset or a number."""
        try:
            record = json.loads(text)
            found = [_rule(entry) for entry in record["rules"]]
            made = cls(
                {frozenset(rule.weights): rule for rule in found},
                dict(record["checkpoints"]),
                str(record["set"]),
                float(record.get("trust", 1.0)),
            )
            _check_trust(made.trust)
        except (KeyError, TypeError, ValueError, DetectorError) as error:
            raise DetectorError(
                f"{name} is not a fusion file of schema {FUSION_SCHEMA}: {error!r}. "
                "Fit it again, or remove it to score without fusion."
            ) from error
        missing = [s for s in _subsets(made.detectors) if frozenset(s) not in made.rules]
        if record.get("schema") != FUSION_SCHEMA or missing or not made.rules:
            raise DetectorError(
                f"{name} is not a whole fusion file of schema {FUSION_SCHEMA}: schema "
                f"{record.get('schema')!r}, {len(made.rules)} rules, without {missing[:3]}. "
                "Fit it again, or remove it to score without fusion."
            )
        return made


def load_fusion(path: Path) -> Fusion | None:
    """The fusion file at `path`; None where there is no such file."""
    return Fusion.from_json(path.read_text("utf-8"), path.name) if path.is_file() else None


def fit_fusion(
    llrs: Mapping[str, ArrayLike],
    labels: Sequence[str],
    checkpoints: Mapping[str, str] | None = None,
    dataset: str = "",
    ears: Mapping[str, str] | None = None,
    trust: float = 1.0,
) -> Fusion:
    """Fit every subset of detectors on held-out trials.

    Parameters
    ----------
    llrs : for each detector its calibrated llr of every trial, in the order of `labels`; NaN where
        that detector has none. A subset is fitted on the trials that all its members scored.
    ears : for each detector what it hears with; see `votes`.
    trust : the share of the log odds that is kept; that of the llrs, if they have one.
    """
    _check_trust(trust)
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in llrs.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if not columns or set(lengths.values()) != {len(labels)}:
        raise DetectorError(
            f"Fusion needs one llr a trial and detector: {len(labels)} labels, {lengths or 'none'}."
        )
    spoofed = _is_spoof(labels, len(labels))
    rules = {
        frozenset(subset): fit_rule(
            {name: columns[name] for name in subset}, spoofed, votes(subset, ears or {}), trust
        )
        for subset in _subsets(columns)
    }
    return Fusion(rules, dict(checkpoints or {}), dataset, trust)


def cllr(llrs: ArrayLike, labels: Sequence[str]) -> float:
    """Cost of the llrs in bits: mean of log2(1 + 1/LR) over spoof and log2(1 + LR) over bona fide.

    Bruemmer & du Preez 2006, equation for Cllr, with spoof as the target class. It is the same
    number as the ASVspoof organisers' (bona fide as target, opposite sign).
    """
    values = np.asarray(llrs, dtype=np.float64)
    spoofed = _is_spoof(labels, len(values))
    cost_spoof = np.logaddexp(0.0, -values[spoofed]).mean()
    cost_bonafide = np.logaddexp(0.0, values[~spoofed]).mean()
    return float((cost_spoof + cost_bonafide) / (2.0 * np.log(2.0)))


def min_cllr(scores: ArrayLike, labels: Sequence[str]) -> float:
    """Cllr after the best monotonic calibration (pool adjacent violators): discrimination alone.

    Tied scores are one step, as no threshold can part them.
    """
    from sklearn.isotonic import IsotonicRegression

    values = np.asarray(scores, dtype=np.float64)
    spoofed = _is_spoof(labels, len(values))
    weights = _balanced(spoofed)
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(
        values, spoofed.astype(np.float64), sample_weight=weights
    )
    with np.errstate(divide="ignore"):
        llrs = np.log(fitted) - np.log1p(-fitted)
    return cllr(llrs, labels)


def votes(names: Sequence[str], ears: Mapping[str, str]) -> dict[str, float]:
    """What each detector's llr counts among these: one vote an ear, shared by those who have it.

    Detectors that hear with one backbone err together, so that four of them are hardly more than
    one; a detector that hears otherwise is worth as much as all of them. One that is not in `ears`
    has an ear of its own.
    """
    own = {name: ears.get(name, name) for name in names}
    count = Counter(own.values())
    return {name: 1 / (count[own[name]] * len(count)) for name in names}


def fit_rule(
    columns: Mapping[str, NDArray[np.float64]],
    spoofed: NDArray[np.bool_],
    shares: Mapping[str, float],
    trust: float = 1.0,
) -> FusionRule:
    """The rule of one subset of detectors.

    Logistic regression of one number, the weighted mean of the llrs: detectors that were trained on
    the same clips agree too much for weights of their own to be told apart on some hundred trials
    (`training/ship.py` cross-validates it by source).

    Parameters
    ----------
    columns : llrs (n,) of each detector; NaN where it has none.
    spoofed : bool (n,), which trials are spoofed.
    shares : what each llr counts, on any scale; they do not add up to 0.
    trust : the share of the log odds that is kept; that of the llrs, if they have one.

    Raises
    ------
    DetectorError
        No trials of both classes that all detectors scored.
    """
    names = tuple(columns)
    trials = np.column_stack([columns[name] for name in names])
    scored = np.isfinite(trials).all(axis=1)
    trials, spoofed = trials[scored], spoofed[scored]
    if spoofed.all() or not spoofed.any():
        raise DetectorError(
            f"No trials of both classes were scored by all of {', '.join(names)}; "
            "their fusion cannot be fitted."
        )
    share = np.array([shares[name] for name in names])
    share /= share.sum()
    (slope,), intercept = _logistic((trials @ share)[:, None], spoofed)
    slope, intercept = trust * slope, trust * intercept
    weights = tuple(float(slope * one) for one in share)
    n_spoof = int(spoofed.sum())
    bounds = Bounds(len(spoofed) - n_spoof, n_spoof)
    llrs = np.clip(trials @ np.asarray(weights) + intercept, bounds.lower, bounds.upper)
    labels = np.where(spoofed, "spoof", "bonafide").tolist()
    by_name = dict(zip(names, weights, strict=True))
    return FusionRule(by_name, intercept, bounds.n_bonafide, n_spoof, cllr(llrs, labels))


def _logistic(
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


def _is_spoof(labels: Sequence[str], expected: int) -> NDArray[np.bool_]:
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


def _subsets(names: Iterable[str]) -> list[tuple[str, ...]]:
    ordered = sorted(names)
    return [s for size in range(1, len(ordered) + 1) for s in combinations(ordered, size)]


def _rule(entry: Mapping[str, Any]) -> FusionRule:
    weights = {str(name): float(weight) for name, weight in entry["weights"].items()}
    numbers = [*weights.values(), float(entry["intercept"])]
    total = sum(weights.values())
    # weights that cancel have no shares, which the interval of the likelihood-ratio card needs
    cancel = abs(total) <= CANCEL * sum(map(abs, weights.values()))
    if not weights or not all(isfinite(number) for number in numbers) or cancel:
        raise ValueError(f"a rule with the weights {entry['weights']}")
    return FusionRule(
        weights,
        float(entry["intercept"]),
        int(entry["n_bonafide"]),
        int(entry["n_spoof"]),
        float(entry["cllr"]),
    )
