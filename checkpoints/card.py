"""The card of a checkpoint: which keys it has, and what each may hold.

Required keys of card.json
    id            lower-case letters, digits, '.', '_', '-'
    detector      a name of core.registry, or "backbone" for a frozen backbone of its own
    size          "paper" or "compact"
    config        the detector's full configuration, as `Detector.config_dict` gives it
    sha256        of model.safetensors, 64 hex digits
    licence       of the weights
    provenance    {source, url, commit, made_by}; null where not known, but never all null
    trained_on    names of the data sets
    recipe, command   how they were made; null for published weights
    measured      [{set, metric, value, low, high, n, command}]; error rates as fractions
    calibration   null | {slope, intercept, n_bonafide, n_spoof, cllr, set} and, optionally,
                  trust: the share of the log odds that was kept (`core.calibration`; 1 where it is
                  not said), and conditions: {bandwidth_hz: [low, high], level_dbfs: [low, high],
                  speech_seconds: [low, high], codecs: [names]}, any of them: what the calibration
                  clips were like (`core.conditions` writes and reads it)
    golden        {spoof_logit, tolerance} for `core.loading.golden_wave`; null for a backbone only
    backbone      null | id of the checkpoint that holds the frozen backbone
    default       whether this one is used when only its detector is named
    notes         sentences for people

Optional
    dimensions    [{dim, attack, nmi}]: what the dimensions of a TopK embedding stand for, as
                  `training disentangle` measured; the TopK panel shows "d115 · A13 · nMI 1.00"

Beside the card a folder may hold `calibration_scores.csv`, the trials behind `calibration`
(`core.trials`); the likelihood-ratio card draws on it.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

BACKBONE = "backbone"  # the detector name of a checkpoint that holds a frozen backbone only
ID = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*")
MAX_ID = 80


class CheckpointError(Exception):
    """Weights cannot be used; the message is a sentence that says why and what would work."""


Check = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_id(value: Any) -> bool:
    """Whether it may be the id of a checkpoint: never a path, never a hidden file."""
    return isinstance(value, str) and len(value) <= MAX_ID and bool(ID.fullmatch(value))


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _record_of(fields: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    known = {**fields, **(optional or {})}
    return lambda value: (
        isinstance(value, dict)
        and fields.keys() <= value.keys() <= known.keys()
        and all(known[name](entry) for name, entry in value.items())
    )


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(map(_is_number, value))
        and bool(value[0] <= value[1])
    )


_PROVENANCE = dict.fromkeys(("source", "url", "commit", "made_by"), _or_null(_is_text))
_MEASURED: dict[str, Check] = {
    "set": _is_text,
    "metric": _is_text,
    "value": _is_number,
    "low": _or_null(_is_number),
    "high": _or_null(_is_number),
    "n": _or_null(_is_count),
    "command": _or_null(_is_text),
}
_CALIBRATION: dict[str, Check] = {
    "slope": _is_number,
    "intercept": _is_number,
    "n_bonafide": _is_count,
    "n_spoof": _is_count,
    "cllr": _is_number,
    "set": _is_text,
}
_MORE_CALIBRATION: dict[str, Check] = {"trust": lambda value: _is_number(value) and 0 < value <= 1}
_CONDITIONS: dict[str, Check] = {
    "bandwidth_hz": _is_range,
    "level_dbfs": _is_range,
    "speech_seconds": _is_range,
    "codecs": _list_of(_is_text),
}
_GOLDEN: dict[str, Check] = {
    "spoof_logit": _is_number,
    "tolerance": lambda value: _is_number(value) and value > 0,
}
_DIMENSION: dict[str, Check] = {"dim": _is_count, "attack": _is_text, "nmi": _is_number}

_REQUIRED: dict[str, tuple[Check, str]] = {
    "id": (is_id, f"lower-case letters, digits, '.', '_' and '-', at most {MAX_ID}"),
    "detector": (is_id, "the name of a detector"),
    "size": (lambda value: value in ("paper", "compact"), '"paper" or "compact"'),
    "config": (lambda value: isinstance(value, dict), "an object"),
    "sha256": (
        lambda value: isinstance(value, str) and bool(re.fullmatch(r"[0-9a-f]{64}", value)),
        "64 lower-case hex digits",
    ),
    "licence": (_is_text, "a text that is not empty"),
    "provenance": (
        lambda value: _record_of(_PROVENANCE)(value) and any(value.values()),
        "{source, url, commit, made_by}, texts or null, not all null",
    ),
    "trained_on": (_list_of(_is_text), "a list of texts"),
    "recipe": (_or_null(_is_text), "a text or null"),
    "command": (_or_null(_is_text), "a text or null"),
    "measured": (
        _list_of(_record_of(_MEASURED)),
        "a list of {set, metric, value, low, high, n, command}",
    ),
    "calibration": (
        _or_null(
            _record_of(
                _CALIBRATION, {**_MORE_CALIBRATION, "conditions": _record_of({}, _CONDITIONS)}
            )
        ),
        "null or {slope, intercept, n_bonafide, n_spoof, cllr, set}, with or without trust (a "
        "share above 0, at most 1) and conditions {bandwidth_hz, level_dbfs, speech_seconds: "
        "[low, high], codecs: [names]}",
    ),
    "golden": (_or_null(_record_of(_GOLDEN)), "{spoof_logit, tolerance > 0}"),
    "backbone": (_or_null(is_id), "the id of a checkpoint or null"),
    "default": (lambda value: isinstance(value, bool), "true or false"),
    "notes": (_list_of(_is_text), "a list of texts"),
}
_OPTIONAL: dict[str, tuple[Check, str]] = {
    "dimensions": (_list_of(_record_of(_DIMENSION)), "a list of {dim, attack, nmi}"),
}


def check_card(card: object, where: str) -> None:
    """Hold a card to the schema above; `where` names it in the message.

    Raises
    ------
    CheckpointError
        naming every missing, unknown and ill-typed key.
    """
    if not isinstance(card, dict):
        raise CheckpointError(f"{where} holds {_shown(card)} instead of an object.")
    known = _REQUIRED | _OPTIONAL
    faults = [f"'{name}' is missing" for name in _REQUIRED if name not in card]
    faults += [f"'{name}' is not a key of a card" for name in card if name not in known]
    faults += [
        f"'{name}' must be {words}, not {_shown(card[name])}"
        for name, (check, words) in known.items()
        if name in card and not check(card[name])
    ]
    if not faults and card["golden"] is None and card["detector"] != BACKBONE:
        faults.append("'golden' must be {spoof_logit, tolerance > 0}: nothing scores unchecked")
    if faults:
        raise CheckpointError(f"{where}: {'; '.join(faults)}.")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
