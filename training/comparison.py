"""Whether one detector beats another: the same clips, drawn together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.bootstrap import bootstrap_difference, clusters_of, interval
from training.curve import eer_official
from training.errors import TrainingError
from training.metrics import Trials


@dataclass(frozen=True)
class Scored:
    """One detector on labelled clips: `trials` and `groups` have one element a clip of `utt_id`."""

    name: str
    utt_id: tuple[str, ...]
    trials: Trials
    groups: tuple[str, ...] | None = None


def paired(first: Scored, second: Scored) -> tuple[Scored, Scored]:
    """Both on the clips that both have, in the order of the first.

    Raises
    ------
    TrainingError
        No clip in common, or a clip that has two labels.
    """
    place = {utt: index for index, utt in enumerate(second.utt_id)}
    left = [index for index, utt in enumerate(first.utt_id) if utt in place]
    right = [place[first.utt_id[index]] for index in left]
    if not left:
        raise TrainingError(
            f"{first.name} and {second.name} have no clip in common; a paired comparison needs the "
            "same clips."
        )
    a, b = _take(first, left), _take(second, right)
    differ = np.flatnonzero(a.trials.spoof != b.trials.spoof)
    if differ.size:
        raise TrainingError(
            f"{first.name} and {second.name} give {a.utt_id[int(differ[0])]} different labels"
        )
    return a, b


def _take(given: Scored, places: Sequence[int]) -> Scored:
    at = np.array(places)
    llr = given.trials.llr
    trials = Trials(
        given.trials.spoof[at],
        given.trials.spoof_logit[at],
        None if llr is None else llr[at],
    )
    groups = None if given.groups is None else tuple(given.groups[i] for i in places)
    return Scored(given.name, tuple(given.utt_id[i] for i in places), trials, groups)


def compare(first: Scored, second: Scored, rounds: int = 1000, seed: int = 0) -> dict[str, Any]:
    """EER(first) - EER(second) with 95 % intervals over clips and, with `groups`, over groups.

    `better` is the share of rounds in which the first has the lower EER. Rates are fractions.
    """
    a, b = paired(first, second)
    eers = [eer_official(one.trials.ranking()).value for one in (a, b)]
    found: dict[str, Any] = {
        "first": a.name,
        "second": b.name,
        "clips": len(a.utt_id),
        "eer_first": eers[0],
        "eer_second": eers[1],
        "difference": eers[0] - eers[1],
    }
    return {**found, **_spread(a, b, rounds, seed, None), **_clustered(a, b, rounds, seed)}


def _clustered(a: Scored, b: Scored, rounds: int, seed: int) -> Mapping[str, Any]:
    if a.groups is None:
        return {}
    clusters = clusters_of(a.groups, a.utt_id)
    spread = _spread(a, b, rounds, seed, clusters)
    return {"groups": int(clusters.max()) + 1, **{f"group_{k}": v for k, v in spread.items()}}


def _spread(
    a: Scored, b: Scored, rounds: int, seed: int, clusters: np.typing.NDArray[np.int64] | None
) -> dict[str, float]:
    draws = bootstrap_difference(a.trials, b.trials, rounds, seed, clusters)
    ends = interval(draws)
    return {"low": ends.low, "high": ends.high, "better": float((draws < 0).mean())}
