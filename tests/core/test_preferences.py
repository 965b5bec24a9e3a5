"""What a browser kept is used as far as it makes sense."""

import json
from typing import Any

import pytest

from core.detect import Settings
from core.preferences import Preferences, read

IDS = ("aasist", "sls-compact")


def test_what_is_kept_comes_back() -> None:
    mine = Preferences(Settings(hop_seconds=1.0, channels="each", band=0.5), ("sls-compact",))
    assert read(json.loads(json.dumps(mine.as_record())), IDS) == mine


@pytest.mark.parametrize("kept", [None, {}, [], "x", {"hop_seconds": None}])
def test_nothing_kept_means_the_defaults(kept: Any) -> None:
    assert read(kept, IDS) == Preferences()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hop_seconds", -1),
        ("hop_seconds", "4"),
        ("hop_seconds", True),
        ("channels", "both"),
        ("band", float("nan")),
        ("precision", "float16"),
        ("threads", 10**9),
        ("score_anyway", 1),
        ("unheard_of", 1),
    ],
)
def test_one_bad_value_costs_that_value_only(name: str, value: Any) -> None:
    found = read({name: value, "skip_silence": True, "checkpoints": ["gone", "aasist"]}, IDS)
    assert found == Preferences(Settings(skip_silence=True), ("aasist",))


def test_whole_numbers_will_do() -> None:
    assert read({"hop_seconds": 2, "band": 0}, IDS).settings == Settings(hop_seconds=2, band=0)
