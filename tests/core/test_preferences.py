"""What a browser kept is used as far as it makes sense."""

import json
from typing import Any

import pytest

from core.detect import Settings
from core.preferences import Preferences, demand, in_public, read
from core.types import DetectorError

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


def test_a_program_gets_what_it_asks_for() -> None:
    asked = {"hop_seconds": 2, "channels": "left", "checkpoints": ["aasist"]}
    found = Preferences(Settings(hop_seconds=2, channels="left"), ("aasist",))
    assert demand(asked, IDS) == found
    assert demand({}, IDS) == Preferences()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"hop": 1}, "There is no setting “hop”; there are hop_seconds, channels"),
        ({"hop_seconds": "x"}, "“hop_seconds” is 'x'; give a value such as 4.0"),
        ({"hop_seconds": -1}, "A hop of -1 s; it must be"),
        ({"score_anyway": 1}, "“score_anyway” is 1; give a value such as False"),
        ({"checkpoints": "aasist"}, "give a list of aasist, sls-compact"),
        ({"checkpoints": ["/etc"]}, r"\['/etc'\]; give a list of aasist, sls-compact"),
        ({"checkpoints": [["aasist"]]}, "give a list of aasist"),
        ([1], "give them as an object"),
    ],
)
def test_a_program_is_told_what_cannot_be_had(asked: Any, said: str) -> None:
    with pytest.raises(DetectorError, match=said):
        demand(asked, IDS)


def test_on_a_public_demo_nobody_chooses_for_everybody() -> None:
    mine = Preferences(Settings(hop_seconds=0.02, band=2.0, threads=9, deterministic=True), IDS)
    assert in_public(mine, 1.0) == Preferences(Settings(hop_seconds=1.0, band=2.0), IDS)
