"""What a likelihood ratio says and what it rests on: the facts of the likelihood-ratio card.

For the app and for scripts (all values are frozen; no torch):

    facts(one, score, quality=None, source=None, repeats=200) -> Facts
    fused_facts(detections, loaded, fusion, quality=None, source=None, repeats=200) -> Facts
    tippett(llrs, labels) -> Tippett

`one` is a `core.loading.Loaded`, `score` the clip's (or a window's) `Score` by it; `detections` are
those of one channel. `Facts.trial_llrs` and `Facts.trial_labels` are what
`core.priors.rates` takes.

The trials come from `calibration_scores.csv` and `fusion_scores.csv` (see `core.trials`), where
they are there. The interval is the spread of the llr when the calibration is fitted again on trials
drawn with replacement from each class (percentile bootstrap). It is about the calibration only:
not about the detector, nor about recordings of another kind.

Where the clip lies outside the conditions of the calibration (`core.conditions`), the card says so
instead of giving a number: no llr, no interval, no plot.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from checkpoints.store import search_path
from core import probe_sentences as words
from core import trials as trial_files
from core.calibration import Bounds, Calibration, fit
from core.conditions import Match, match, strictest
from core.fusing import FUSION_FILE, fuse
from core.fusion import Fusion, FusionRule, fit_rule
from core.rescoring import FUSED
from core.trials import Trials
from core.types import Detection, DetectorError, Score, Source

if TYPE_CHECKING:
    from core.loading import Loaded
    from core.quality import Quality

Floats = NDArray[np.float64]

REPEATS = 200
LEVEL = 0.95
FAILED = 0.1  # share of draws that may be without a fit
SEED = 20_261_120


@dataclass(frozen=True, slots=True)
class Tippett:
    """Two curves over llr: how the calibration trials fell.

    `llr` is rising, (n,). `spoof` is the share of spoofed trials with an llr of at most that,
    `bonafide` the share of bona fide trials with at least that: so at a clip's llr the one is how
    many spoofed trials looked less spoofed, the other how many bona fide ones looked as spoofed.
    """

    llr: Floats
    spoof: Floats
    bonafide: Floats

    def at(self, llr: float) -> tuple[float, float]:
        """(spoof, bonafide) at any llr, also between those that occur."""
        below = int(np.searchsorted(self.llr, llr, side="right"))
        above = int(np.searchsorted(self.llr, llr, side="left"))
        return (
            float(self.spoof[below - 1]) if below else 0.0,
            float(self.bonafide[above]) if above < len(self.llr) else 0.0,
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """The likelihood-ratio card.

    Attributes
    ----------
    name : checkpoint id, or `"fused"`.
    propositions : (spoof, bona fide), in words; empty where not calibrated.
    llr : natural log, spoof over bona fide; None where not calibrated, or not for such a clip.
    bounds : the strongest llr that the number of trials supports, either way.
    at_bound : whether the llr is cut off there.
    interval : (low, high) of the llr, at `LEVEL`; None where the trials are not there.
    n_bonafide, n_spoof, cllr, dataset : of the calibration.
    tippett, trial_llrs, trial_labels : of its trials; None and empty where they are not there, or
        there is no llr to compare with them.
    match : whether the calibration holds for a recording like this.
    sentences : all of it in words, in the order in which it should be read.
    """

    name: str
    title: str
    propositions: tuple[str, ...]
    llr: float | None
    bounds: Bounds | None
    at_bound: bool
    interval: tuple[float, float] | None
    n_bonafide: int
    n_spoof: int
    cllr: float | None
    dataset: str
    tippett: Tippett | None
    trial_llrs: Floats
    trial_labels: tuple[str, ...]
    match: Match
    sentences: tuple[str, ...]


def facts(
    one: "Loaded",
    score: Score,
    quality: "Quality | None" = None,
    source: Source | None = None,
    repeats: int = REPEATS,
) -> Facts:
    """The card of one detector; see the module docstring."""
    title, calibration = one.detector.label, one.calibration
    if calibration is None or score.llr is None:
        return _uncalibrated(one.checkpoint.id, title)
    entry = one.checkpoint.card.get("calibration") or {}
    conditions = match(entry.get("conditions"), quality, source)
    basis = _Basis(
        calibration.bounds,
        calibration.cllr,
        calibration.dataset,
        score.llr,
        conditions,
        calibration.trust,
    )
    if not basis.holds:
        return _elsewhere(one.checkpoint.id, title, basis)
    found, problem = _trials_of(
        one.checkpoint.folder / trial_files.SCORES, ("spoof_logit",), calibration.bounds
    )
    if found is None:
        return _card(one.checkpoint.id, title, basis, None, (), None, problem)
    logits = found.columns["spoof_logit"]
    llrs = np.array([calibration.llr(float(logit)) for logit in logits])

    def refit(draw: NDArray[np.intp]) -> float:
        return _again(found, logits, draw, calibration.trust).llr(score.spoof_logit)

    interval = _interval(found.spoofed, refit, repeats)
    return _card(one.checkpoint.id, title, basis, llrs, found.labels, interval, "", repeats)


def fused_facts(
    detections: Sequence[Detection],
    loaded: Sequence["Loaded"],
    fusion: Fusion | None,
    quality: "Quality | None" = None,
    source: Source | None = None,
    repeats: int = REPEATS,
) -> Facts:
    """The card of all detectors together, by the fitted rule of those that are there.

    Not calibrated where there is no rule for them: a mean of llrs has no trials of its own.
    """
    title = "All detectors, fused"
    llr = fuse(detections, fusion).llr
    own = _members(detections, fusion)
    if fusion is None or llr is None or not own:
        return _uncalibrated(FUSED, title)
    rule = fusion.rules[frozenset(own)]
    members = [one.checkpoint for one in loaded if one.checkpoint.detector in own]
    cards = [checkpoint.card.get("calibration") or {} for checkpoint in members]
    conditions = strictest([match(card.get("conditions"), quality, source) for card in cards])
    basis = _Basis(rule.bounds, rule.cllr, fusion.dataset, llr, conditions, fusion.trust)
    if not basis.holds:
        return _elsewhere(FUSED, title, basis)
    found, problem = _trials_of(_fusion_scores(), tuple(own), rule.bounds)
    if found is None:
        return _card(FUSED, title, basis, None, (), None, problem)
    columns = {name: found.columns[name] for name in own}
    llrs = _by_rule(rule, columns)

    def refit(draw: NDArray[np.intp]) -> float:
        drawn = {name: column[draw] for name, column in columns.items()}
        return fit_rule(drawn, found.spoofed[draw], rule.weights, fusion.trust).llr(own)

    interval = _interval(found.spoofed, refit, repeats)
    return _card(FUSED, title, basis, llrs, found.labels, interval, "", repeats)


def tippett(llrs: Floats, labels: Sequence[str]) -> Tippett:
    """Both curves at every llr that occurs; ties are one step."""
    spoofed = np.array([label == "spoof" for label in labels], np.bool_)
    places = np.unique(llrs)
    spoof, bonafide = np.sort(llrs[spoofed]), np.sort(llrs[~spoofed])
    up_to = np.searchsorted(spoof, places, side="right") / max(len(spoof), 1)
    below = np.searchsorted(bonafide, places, side="left") / max(len(bonafide), 1)
    return Tippett(places, up_to, 1 - below)


@dataclass(frozen=True, slots=True)
class _Basis:
    bounds: Bounds
    cllr: float
    dataset: str
    llr: float
    match: Match
    trust: float

    @property
    def holds(self) -> bool:
        """Whether nothing is known that speaks against using the calibration for this clip."""
        return self.match.status != "not calibrated for this condition"

    @property
    def at_bound(self) -> bool:
        return self.llr <= self.bounds.lower or self.llr >= self.bounds.upper


def _uncalibrated(name: str, title: str) -> Facts:
    return Facts(
        name=name,
        title=title,
        propositions=(),
        llr=None,
        bounds=None,
        at_bound=False,
        interval=None,
        n_bonafide=0,
        n_spoof=0,
        cllr=None,
        dataset="",
        tippett=None,
        trial_llrs=np.zeros(0),
        trial_labels=(),
        match=match(None, None, None),
        sentences=(words.NOT_CALIBRATED,),
    )


def _elsewhere(name: str, title: str, basis: _Basis) -> Facts:
    """The clip is of another kind than the calibration's: what it rests on, and no number."""
    bounds = basis.bounds
    return replace(
        _uncalibrated(name, title),
        propositions=words.propositions(basis.dataset),
        bounds=bounds,
        n_bonafide=bounds.n_bonafide,
        n_spoof=bounds.n_spoof,
        cllr=basis.cllr,
        dataset=basis.dataset,
        match=basis.match,
        sentences=(basis.match.text, words.NO_RATIO_HERE, _rests_on(basis)),
    )


def _rests_on(basis: _Basis) -> str:
    bounds = basis.bounds
    counts, ends = (bounds.n_bonafide, bounds.n_spoof), (bounds.lower, bounds.upper)
    return words.basis(counts, ends, basis.dataset, basis.cllr)


def _card(
    name: str,
    title: str,
    basis: _Basis,
    llrs: Floats | None,
    labels: tuple[str, ...],
    interval: tuple[float, float] | None,
    problem: str,
    repeats: int = 0,
) -> Facts:
    propositions = words.propositions(basis.dataset)
    return Facts(
        name=name,
        title=title,
        propositions=propositions,
        llr=basis.llr,
        bounds=basis.bounds,
        at_bound=basis.at_bound,
        interval=interval,
        n_bonafide=basis.bounds.n_bonafide,
        n_spoof=basis.bounds.n_spoof,
        cllr=basis.cllr,
        dataset=basis.dataset,
        tippett=None if llrs is None else tippett(llrs, labels),
        trial_llrs=np.zeros(0) if llrs is None else llrs,
        trial_labels=labels,
        match=basis.match,
        sentences=tuple(_said(basis, llrs is not None, interval, problem, repeats)),
    )


def _said(
    basis: _Basis, known: bool, interval: tuple[float, float] | None, problem: str, repeats: int
) -> list[str]:
    bounds = basis.bounds
    said = [] if basis.match.status == "matched" else [basis.match.text]
    said.append(words.lr_words(basis.llr, basis.at_bound))
    if basis.at_bound and basis.llr > 0:
        said.append(words.at_bound(bounds.upper, bounds.n_bonafide, "bona fide"))
    elif basis.at_bound:
        said.append(words.at_bound(bounds.lower, bounds.n_spoof, "spoofed"))
    if interval is not None:
        said.append(words.interval_words(*interval, LEVEL, repeats))
    else:
        said.append(problem or (words.NO_INTERVAL if known else words.NO_CALIBRATION_SCORES))
    said.append(_rests_on(basis))
    if basis.trust < 1:
        said.append(words.trusted(basis.trust))
    if basis.match.status == "matched":
        said.append(basis.match.text)
    return said


def _trials_of(path: Path, columns: tuple[str, ...], bounds: Bounds) -> tuple[Trials | None, str]:
    """The trials in a file, and where they cannot be used, why."""
    try:
        found = trial_files.read(path, columns)
    except DetectorError as error:
        return None, str(error)
    if found is None:
        return None, ""
    whole = np.all([np.isfinite(found.columns[name]) for name in columns], axis=0)
    labels = tuple(np.array(found.labels)[whole].tolist())
    found = Trials(labels, {name: found.columns[name][whole] for name in columns})
    if found.counts() != (bounds.n_bonafide, bounds.n_spoof):
        return None, words.other_trials(path.name, found.counts(), bounds)
    return found, ""


def _fusion_scores() -> Path:
    """Beside the fusion file that is used."""
    folders = search_path()
    home = next((folder for folder in folders if (folder / FUSION_FILE).is_file()), folders[0])
    return home / trial_files.FUSION_SCORES


def _members(detections: Sequence[Detection], fusion: Fusion | None) -> dict[str, float]:
    """The llr of each detector that the fused llr is made of."""
    if fusion is None:
        return {}
    return {
        one.detector: one.score.llr
        for one in detections
        if one.score.llr is not None
        and one.detector in fusion.detectors
        and fusion.checkpoints.get(one.detector) == one.checkpoint
    }


def _by_rule(rule: FusionRule, columns: Mapping[str, Floats]) -> Floats:
    rows = zip(*columns.values(), strict=True)
    return np.array([rule.llr(dict(zip(columns, row, strict=True))) for row in rows])


def _again(found: Trials, logits: Floats, draw: NDArray[np.intp], trust: float) -> Calibration:
    return fit(logits[draw], [found.labels[place] for place in draw], trust=trust)


def _interval(
    spoofed: NDArray[np.bool_], refit: Callable[[NDArray[np.intp]], float], repeats: int
) -> tuple[float, float] | None:
    """Percentile bootstrap within each class; None where too many draws cannot be fitted."""
    if repeats < 1:
        return None
    rng = np.random.default_rng(SEED)
    classes = (np.flatnonzero(~spoofed), np.flatnonzero(spoofed))
    found = []
    for _ in range(repeats):
        draw = np.concatenate([rng.choice(places, len(places)) for places in classes])
        try:
            found.append(refit(draw))
        except DetectorError:
            continue
    if len(found) < (1 - FAILED) * repeats:
        return None
    edge = (1 - LEVEL) / 2
    low, high = np.quantile(found, [edge, 1 - edge])
    return float(low), float(high)
