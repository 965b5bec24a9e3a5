"""EER, minDCF, actDCF, Cllr and min t-DCF of a set of scores, together and broken down.

Scores in a `Scores` are higher for bona fide (see `training.curve`); `Trials` holds this project's
own numbers, `spoof_logit` and `llr`, higher for spoof, and turns the sign in one place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.curve import Floats, Scores, eer_grouped, eer_official, scores
from training.dcf import AsvRates, act_dcf, min_dcf, min_tdcf, min_tdcf_2019
from training.errors import TrainingError

EER_GAP = 0.001  # 0.1 points between the two definitions is worth a sentence
NO_SYSTEM = frozenset({"", "-", "bonafide"})

Value = float | int | str | None


def cllr(given: Scores) -> float:
    """Cost of log-likelihood ratios in bits; 0 is perfect, 1 is what constant scores of 0 give.

    The scores are read as natural-log likelihood ratios, bona fide over spoof. Does not overflow.
    """
    bona, spoof = _mean_softplus(-given.bonafide), _mean_softplus(given.spoof)
    return (bona + spoof) / (2 * float(np.log(2)))


GROUP = 512  # factors of at most 2: their product stays below 2^512
CHUNK = 64 * GROUP  # stays in the cache


def _mean_softplus(x: Floats) -> float:
    """Mean of ln(1 + e^x): one logarithm for the product of each group, in place of 512.

    1 + e^-|x| loses what is below 1e-16; where the mean is so small that this could be seen, it is
    computed again term by term.
    """
    total = 0.0
    for start in range(0, x.size, CHUNK):
        part = x[start : start + CHUNK]
        factors = np.abs(part)
        np.negative(factors, out=factors)
        np.exp(factors, out=factors)
        factors += 1
        whole = factors.size - factors.size % GROUP
        products = np.multiply.reduce(factors[:whole].reshape(-1, GROUP), axis=1)
        total += float(np.log(products).sum() + np.log(factors[whole:]).sum())
        total += float(np.maximum(part, 0).sum())
    mean = total / x.size
    return mean if mean > 1e-3 else float(softplus(x).mean())


def softplus(x: Floats) -> Floats:
    """ln(1 + e^x), without overflow (numpy's logaddexp takes several times as long)."""
    out = np.abs(x)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.maximum(x, 0)
    return out


@dataclass(frozen=True)
class Trials:
    """One detector's numbers on labelled clips, one element a clip.

    Attributes
    ----------
    spoof : whether the clip is spoofed, bool.
    spoof_logit : higher = more likely spoofed.
    llr : natural log, spoof over bona fide, or None where the detector is not calibrated.
    """

    spoof: np.typing.NDArray[np.bool_]
    spoof_logit: Floats
    llr: Floats | None = None

    def ranking(self) -> Scores:
        """What error rates are computed on: higher = more likely bona fide."""
        return scores(-self.spoof_logit[~self.spoof], -self.spoof_logit[self.spoof])

    def ratios(self) -> Scores:
        """What is read as log-likelihood ratios, bona fide over spoof: the llr, else the logit."""
        values = self.spoof_logit if self.llr is None else self.llr
        return scores(-values[~self.spoof], -values[self.spoof])

    def take(self, chosen: np.typing.NDArray[np.bool_]) -> "Trials":
        """The clips where `chosen` is true."""
        llr = None if self.llr is None else self.llr[chosen]
        return Trials(self.spoof[chosen], self.spoof_logit[chosen], llr)


def evaluate(trials: Trials, asv: AsvRates | None = None) -> dict[str, Value]:
    """Every figure of one set of clips; rates are fractions.

    `eer` is the organisers' definition, `eer_grouped` the tie-safe one, `eer_threshold` a
    spoof_logit. `act_dcf` and `cllr` are computed on what `llr_from` names. `warning` is there
    where the two EERs differ by more than 0.1 points.
    """
    ranking = trials.ranking()
    ratios = ranking if trials.llr is None else trials.ratios()
    official, grouped = eer_official(ranking), eer_grouped(ranking)
    found: dict[str, Value] = {
        "n_bonafide": int(ranking.bonafide.size),
        "n_spoof": int(ranking.spoof.size),
        "eer": official.value,
        "eer_grouped": grouped.value,
        "eer_threshold": -official.threshold,
        "min_dcf": min_dcf(ranking).cost,
        "act_dcf": act_dcf(ratios),
        "cllr": cllr(ratios),
        "llr_from": "spoof_logit" if trials.llr is None else "llr",
    }
    if asv is not None:
        found["min_tdcf"] = min_tdcf(ranking, asv)
        found["min_tdcf_2019"] = min_tdcf_2019(ranking, asv)
    if abs(official.value - grouped.value) > EER_GAP:
        found["warning"] = (
            f"Many scores are equal: the organisers' EER is {official.value:.2%}, "
            f"with equal scores taken together it is {grouped.value:.2%}."
        )
    return found


def breakdown(
    trials: Trials, values: Sequence[str], asv: AsvRates | None = None
) -> dict[str, dict[str, Value]]:
    """The figures of each value of a column (attack, codec, family, source).

    A value that has clips of one class only is measured against *all* clips of the other class, as
    the organisers do by attack: then `against` says so. A value with both classes (a codec, a
    source) is measured within itself. Values that mean none (`-`) in one class form no group.
    """
    column = np.asarray(values)
    if column.shape != trials.spoof.shape:
        raise TrainingError(f"{column.size} values for {trials.spoof.size} clips.")
    groups: dict[str, dict[str, Value]] = {}
    names = sorted(set(column.tolist()))
    spoofed, human = set(column[trials.spoof].tolist()), set(column[~trials.spoof].tolist())
    shared = (spoofed & human) - NO_SYSTEM
    for name in names:
        if name in NO_SYSTEM:
            continue
        inside = column == name
        if name not in shared:
            other = ~trials.spoof if name in spoofed else trials.spoof
            against = "all bona fide" if name in spoofed else "all spoof"
            groups[name] = {**evaluate(trials.take(inside | other), asv), "against": against}
        else:
            groups[name] = evaluate(trials.take(inside), asv)
    return groups


def worst(groups: Mapping[str, Mapping[str, Value]]) -> tuple[str, float] | None:
    """The group with the greatest EER, or None where there is none."""
    rates = {name: float(row["eer"] or 0.0) for name, row in groups.items()}
    if not rates:
        return None
    name = max(rates, key=lambda key: rates[key])
    return name, rates[name]
