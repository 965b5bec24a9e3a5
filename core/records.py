"""A record of `analyze --json` back to a Report: the inverse of `core.report.to_record`.

What a cache or a file holds may be damaged or made up, so every value is checked for its kind.
Evidence is not part of a record; a report from one has none.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any, get_args

from core.types import (
    RATE,
    Detection,
    Fused,
    Lean,
    Notice,
    Reading,
    Region,
    Report,
    Score,
    Source,
    Verdict,
    Window,
)


def to_report(record: Mapping[str, Any]) -> Report:
    """The report that a record was made of, without its evidence.

    Raises
    ------
    ValueError
        where the record is not one of a clip that was read.
    """
    try:
        return _report(record)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not the record of a clip that was read: {error!r}") from error


def _report(record: Mapping[str, Any]) -> Report:
    source = record["source"]
    return Report(
        source=Source(
            _text(source["name"]),
            _text(source["sha256"]),
            _whole(source["bytes"]),
            _text(source["container"]),
            _text(source["codec"]),
            _whole(source["sample_rate"]),
            _whole(source["channels"]),
            _number(source["seconds"]),
            _text(source["decoder"]),
        ),
        pcm_sha256=_text(record["pcm_sha256"]),
        changes=tuple(_text(change) for change in record["changes"]),
        notices=tuple(Notice(_text(n["code"]), _text(n["text"])) for n in record["notices"]),
        detections=tuple(_detection(one) for one in record["detections"]),
        fused=_fused(record["fused"]),
        verdict=_verdict(record["verdict"]),
        versions={_text(k): _text(v) for k, v in record["versions"].items()},
        settings={_text(k): _setting(v) for k, v in record["settings"].items()},
    )


def _detection(one: Mapping[str, Any]) -> Detection:
    channel = _text(one["channel"])
    return Detection(
        _text(one["detector"]),
        _text(one["checkpoint"]),
        _text(one["sha256"]),
        channel,
        _score(one),
        tuple(
            Reading(
                Window(
                    round(_number(w["start"]) * RATE), round(_number(w["stop"]) * RATE), channel
                ),
                _score(w),
                _number(w["padded"]),
            )
            for w in one["windows"]
        ),
    )


def _fused(found: Mapping[str, Any]) -> Fused:
    windows = tuple((_region(window), _number(window["llr"])) for window in found["windows"])
    return Fused(_maybe(found["llr"]), windows)


def _verdict(found: Mapping[str, Any]) -> Verdict:
    if found["lean"] not in get_args(Lean):
        raise ValueError(f"lean {found['lean']!r}")
    return Verdict(
        found["lean"], _text(found["text"]), tuple(_region(one) for one in found["regions"])
    )


def _region(one: Mapping[str, Any]) -> Region:
    return Region(_number(one["start"]), _number(one["stop"]))


def _score(one: Mapping[str, Any]) -> Score:
    return Score(_number(one["spoof_logit"]), _maybe(one["llr"]))


def _maybe(value: Any) -> float | None:
    return None if value is None else _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def _setting(value: Any) -> str | float | int | bool:
    if not isinstance(value, str | float | int):
        raise ValueError(f"{value!r} is not a setting")
    return value
