"""What a prior makes of a likelihood ratio and of error rates. Plain arithmetic.

For the app and for scripts:

    posterior(llr, prior) -> float
    rates(llrs, labels, threshold) -> Rates       `Facts.trial_llrs`, `Facts.trial_labels`, the band
    per_thousand(prior, errors, of=1000) -> Expected

How common spoofed clips are among those that come in is not in any recording: the reader brings
it. With few of them, most flags are false alarms however good the detector is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from core import probe_sentences as words
from core.types import DetectorError

Floats = NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Rates:
    """How often calibration trials fell on the wrong side of a threshold on the llr."""

    threshold: float
    false_alarms: int  # bona fide trials above it
    n_bonafide: int
    misses: int  # spoofed trials at or below it
    n_spoof: int

    @property
    def false_alarm(self) -> float:
        return self.false_alarms / self.n_bonafide

    @property
    def miss(self) -> float:
        return self.misses / self.n_spoof

    @property
    def false_alarm_at_most(self) -> float:
        """Upper end of the one-sided 95 % interval (Clopper & Pearson 1934): never 0."""
        from scipy.stats import beta

        if self.false_alarms == self.n_bonafide:
            return 1.0
        found = beta.ppf(LEVEL, self.false_alarms + 1, self.n_bonafide - self.false_alarms)
        return float(found)


@dataclass(frozen=True, slots=True)
class Expected:
    """What to expect of `of` clips, a share `prior` of which is spoofed.

    `right` is the share of the flagged clips that are spoofed; None where none is flagged.
    """

    of: int
    prior: float
    spoofed: float
    missed: float
    false_alarms: float
    false_alarms_at_most: float
    right: float | None
    text: str


def posterior(llr: float, prior: float) -> float:
    """Share of clips with this llr that are spoofed, where a share `prior` of all clips is.

    Bayes: odds after = odds before x exp(llr).
    """
    _check_prior(prior)
    if prior in (0.0, 1.0):
        return prior
    against = (1 - prior) / prior * exp(-llr)
    return 1 / (1 + against)


def rates(llrs: Floats, labels: Sequence[str], threshold: float) -> Rates:
    """Errors of the rule "spoofed where llr > threshold" on labelled trials."""
    spoofed = np.array([label == "spoof" for label in labels], np.bool_)
    if spoofed.all() or not spoofed.any():
        raise DetectorError("Error rates need trials of both classes.")
    over = np.asarray(llrs) > threshold
    return Rates(
        threshold,
        int((over & ~spoofed).sum()),
        int((~spoofed).sum()),
        int((~over & spoofed).sum()),
        int(spoofed.sum()),
    )


def per_thousand(prior: float, errors: Rates, of: int = 1_000) -> Expected:
    """What to expect of `of` clips, a share `prior` of which is spoofed; see `Rates`."""
    _check_prior(prior)
    spoofed, bonafide = of * prior, of * (1 - prior)
    missed, alarms = spoofed * errors.miss, bonafide * errors.false_alarm
    flagged = spoofed - missed + alarms
    at_most = bonafide * errors.false_alarm_at_most
    return Expected(
        of,
        prior,
        spoofed,
        missed,
        alarms,
        at_most,
        (spoofed - missed) / flagged if flagged else None,
        words.expected(errors.threshold, (of, spoofed), (alarms, at_most), missed),
    )


def _check_prior(prior: float) -> None:
    if not 0 <= prior <= 1:
        raise DetectorError(f"A prior of {prior}; it is a share, from 0 to 1.")
