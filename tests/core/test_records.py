"""A record back to its report."""

import copy
from typing import Any

import pytest

from core.analysis import analyse_clip
from core.detect import Settings
from core.records import to_report
from core.report import to_record, unread
from tests.core.loudness import clip_of, levels, loaded


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    clip = clip_of([levels(0.01, 0.02, 0.03)])
    return to_record(analyse_clip(clip, [loaded()], Settings(score_anyway=True)))


def test_there_and_back_again(record: dict[str, Any]) -> None:
    assert len(record["detections"][0]["windows"]) == 3
    assert to_record(to_report(record)) == record


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("verdict", "lean"), "fake"),
        (("fused", "llr"), float("nan")),
        (("fused", "llr"), "1"),
        (("source", "bytes"), True),
        (("detections", 0, "windows", 0, "start"), None),
        (("source",), []),
        (("notices",), [1]),
        (("settings", "band"), None),
    ],
)
def test_every_value_is_checked(record: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    broken = copy.deepcopy(record)
    place = broken
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(ValueError, match="not the record of a clip"):
        to_report(broken)


def test_a_clip_that_was_not_read_has_no_report() -> None:
    with pytest.raises(ValueError, match="not the record"):
        to_report(unread("a.wav", "cannot be read"))
