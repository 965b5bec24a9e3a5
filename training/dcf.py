"""Detection costs: minDCF and actDCF of ASVspoof 5, and the tandem t-DCF in its published forms.

All take a `Scores` (higher = more likely bona fide). Spec: ASVspoof 5 evaluation plan, equations
3-4; Kinnunen et al. 2018 and 2020 for the t-DCF.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.corpora.common import text_lines
from training.curve import Floats, Lowest, Scores, eer_official, lowest_cost, scores
from training.errors import TrainingError, fault

P_SPOOF = 0.05
C_MISS = 1.0  # a bona fide clip rejected
C_FALSE_ALARM = 10.0  # a spoofed clip accepted
P_TARGET, P_NONTARGET = 0.9405, 0.0095


@dataclass(frozen=True, slots=True)
class AsvRates:
    """Error rates of the speaker verification system that the countermeasure guards."""

    false_alarm: float  # nontargets accepted
    miss: float  # targets rejected
    spoof_false_alarm: float  # spoofed trials accepted

    def __post_init__(self) -> None:
        for name in ("false_alarm", "miss", "spoof_false_alarm"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise TrainingError(f"ASV rate {name} is {value}; expected a fraction in [0, 1].")


# pooled over the evaluation set by the ASVspoof 5 organisers
ASVSPOOF5_RATES = AsvRates(0.01881016557566423, 0.01880141010575793, 0.4607082907604729)


def min_dcf(given: Scores) -> Lowest:
    """Lowest normalised cost over all thresholds: min(1.9 frr + far) with the constants above."""
    norm = min(C_MISS * (1 - P_SPOOF), C_FALSE_ALARM * P_SPOOF)
    cost, threshold = lowest_cost(given, C_MISS * (1 - P_SPOOF), C_FALSE_ALARM * P_SPOOF)
    return Lowest(cost / norm, threshold)


def bayes_threshold() -> float:
    """The score, read as a log-likelihood ratio bona fide over spoof, at which to accept."""
    return float(-np.log(C_MISS * (1 - P_SPOOF) / (C_FALSE_ALARM * P_SPOOF)))


def act_dcf(given: Scores) -> float:
    """Normalised cost at the Bayes threshold -ln 1.9; the scores are read as natural-log LRs."""
    threshold = bayes_threshold()
    frr = np.searchsorted(given.bonafide, threshold, "left") / given.bonafide.size
    far = 1 - np.searchsorted(given.spoof, threshold, "left") / given.spoof.size
    cost = C_MISS * (1 - P_SPOOF) * frr + C_FALSE_ALARM * P_SPOOF * far
    return float(cost / min(C_FALSE_ALARM * P_SPOOF, C_MISS * (1 - P_SPOOF)))


def min_tdcf(given: Scores, asv: AsvRates) -> float:
    """Normalised minimum t-DCF in the form of ASVspoof 2021 and 5 (ASV errors counted once)."""
    cost_false_alarm = 10.0  # of a nontarget, and of a spoofed trial
    c0 = P_TARGET * asv.miss + P_NONTARGET * cost_false_alarm * asv.false_alarm
    c1 = P_TARGET - c0
    c2 = P_SPOOF * cost_false_alarm * asv.spoof_false_alarm
    _check_weights(c1, c2)
    return (c0 + lowest_cost(given, c1, c2).cost) / (c0 + min(c1, c2))


def min_tdcf_2019(given: Scores, asv: AsvRates) -> float:
    """Normalised minimum t-DCF in the form of ASVspoof 2019 (legacy)."""
    c1 = P_TARGET * (1 - asv.miss) - P_NONTARGET * 10 * asv.false_alarm
    c2 = 10 * P_SPOOF * asv.spoof_false_alarm
    _check_weights(c1, c2)
    return lowest_cost(given, c1, c2).cost / min(c1, c2)


def _check_weights(c1: float, c2: float) -> None:
    if c1 <= 0 or c2 <= 0:
        raise TrainingError(
            f"The t-DCF weights are {c1:.4g} and {c2:.4g}; both must be positive. "
            "The ASV error rates are too high, or no spoofed trial fools the ASV system."
        )


def asv_rates(target: Floats, nontarget: Floats, spoof: Floats) -> AsvRates:
    """Rates at the EER threshold of targets against nontargets, as the organisers set it."""
    if spoof.size == 0:
        raise TrainingError("There is no spoofed ASV score; the t-DCF needs them.")
    threshold = eer_official(scores(target, nontarget)).threshold
    return AsvRates(
        float(np.mean(nontarget >= threshold)),
        float(np.mean(target < threshold)),
        float(np.mean(spoof >= threshold)),
    )


def read_asv_rates(name: str) -> AsvRates:
    """ASV rates for a word or a file: `asvspoof5`, a JSON file, or an ASV score file.

    JSON: `{"Pfa_non": .., "Pmiss": .., "Pfa_spoof": ..}`, fractions. Score file: lines of three
    columns, `source target|nontarget|spoof score` (ASVspoof 2019 layout).
    """
    if name == "asvspoof5":
        return ASVSPOOF5_RATES
    path = Path(name)
    if not path.is_file():
        raise TrainingError(
            f"--asv-rates {name}: no such file. Give `asvspoof5` (the organisers' pooled rates), "
            "a JSON file with Pfa_non, Pmiss and Pfa_spoof, or an ASV score file."
        )
    return _rates_of_json(path) if path.suffix == ".json" else _rates_of_scores(path)


def _rates_of_json(path: Path) -> AsvRates:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = found.get("asv_rates", found)
        return AsvRates(float(found["Pfa_non"]), float(found["Pmiss"]), float(found["Pfa_spoof"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        wanted = "a JSON object with the numbers Pfa_non, Pmiss and Pfa_spoof"
        raise fault(path, None, f"{type(error).__name__}: {error}", wanted) from error


def _rates_of_scores(path: Path) -> AsvRates:
    kinds: dict[str, list[float]] = {"target": [], "nontarget": [], "spoof": []}
    wanted = "`source target|nontarget|spoof score`, three columns"
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            parts = line.split()
            if not parts:
                continue
            if len(parts) != 3 or parts[1] not in kinds:
                raise fault(path, number, repr(line.rstrip("\n")), wanted)
            kinds[parts[1]].append(_number(parts[2], path, number))
    return asv_rates(*(np.array(kinds[kind]) for kind in ("target", "nontarget", "spoof")))


def _number(text: str, file: Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise fault(file, line, repr(text), "a finite number as score")
    return value


def read_asv_rates_2021(score_file: Path, key_file: Path, phase: str = "eval") -> AsvRates:
    """Rates of the 2021 LA files: a score file aligned line by line with its key.

    Score file: the third column is the score. Key: column 6 is target|nontarget|spoof, column 8
    the phase.
    """
    texts = [[text for _, text, _ in text_lines(path)] for path in (score_file, key_file)]
    if len(texts[0]) != len(texts[1]):
        found = f"{len(texts[0]):,} lines against {len(texts[1]):,} in {key_file}"
        raise fault(score_file, None, found, "as many scores as keys, in the same order")
    kinds: dict[str, list[float]] = {"target": [], "nontarget": [], "spoof": []}
    for number, (scored, keyed) in enumerate(zip(*texts, strict=True), 1):
        key, parts = keyed.split(), scored.split()
        if len(key) < 8 or key[5] not in kinds:
            raise fault(key_file, number, repr(keyed), "8 columns, column 6 target|nontarget|spoof")
        if len(parts) < 3:
            raise fault(score_file, number, repr(scored), "3 columns, the third a score")
        if key[7] == phase:
            kinds[key[5]].append(_number(parts[2], score_file, number))
    return asv_rates(*(np.array(kinds[kind]) for kind in ("target", "nontarget", "spoof")))
