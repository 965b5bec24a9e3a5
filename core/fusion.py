"""From the llrs of several detectors to one: a logistic regression for every subset of them.

Llrs are what `core.calibration` made of each detector's numbers; bounds and trust mean the same
here as there. `fusion.json` holds the rules that ship; `core.fusing` applies them to a clip.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import isfinite
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.calibration import Bounds, check_trust, cllr, is_spoof, logistic
from core.types import DetectorError

FUSION_SCHEMA = 1
CANCEL = 1e-6  # of the sum of their sizes: weights that add up to less cancel each other


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
            check_trust(made.trust)
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
    check_trust(trust)
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in llrs.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if not columns or set(lengths.values()) != {len(labels)}:
        raise DetectorError(
            f"Fusion needs one llr a trial and detector: {len(labels)} labels, {lengths or 'none'}."
        )
    spoofed = is_spoof(labels, len(labels))
    rules = {
        frozenset(subset): fit_rule(
            {name: columns[name] for name in subset}, spoofed, votes(subset, ears or {}), trust
        )
        for subset in _subsets(columns)
    }
    return Fusion(rules, dict(checkpoints or {}), dataset, trust)


def votes(names: Sequence[str], ears: Mapping[str, str]) -> dict[str, float]:
    """What each detector's llr counts among these: one vote an ear, shared by those who have it.

    Detectors that hear with one backbone err together, so that several of them are hardly more than
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
    (slope,), intercept = logistic((trials @ share)[:, None], spoofed)
    slope, intercept = trust * slope, trust * intercept
    weights = tuple(float(slope * one) for one in share)
    n_spoof = int(spoofed.sum())
    bounds = Bounds(len(spoofed) - n_spoof, n_spoof)
    llrs = np.clip(trials @ np.asarray(weights) + intercept, bounds.lower, bounds.upper)
    labels = np.where(spoofed, "spoof", "bonafide").tolist()
    by_name = dict(zip(names, weights, strict=True))
    return FusionRule(by_name, intercept, bounds.n_bonafide, n_spoof, cllr(llrs, labels))


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
