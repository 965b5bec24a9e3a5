"""`python -m training cards`."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoints import store
from training.__main__ import main

FIGURES: dict[str, Any] = {
    "sls": {
        "checkpoint": "sls-made",
        "n_bonafide": 30,
        "n_spoof": 12,
        "eer": 0.25,
        "cllr": 0.8,
        "intervals": {"eer": [0.2, 0.3], "cllr": [0.7, 0.95]},
        "by_system_family": {"vc": {"eer": 0.125, "n_spoof": 12}, "-": {"n_spoof": 0}},
    },
    "fused": {"checkpoint": "fused", "n_bonafide": 30, "n_spoof": 12, "eer": 0.2},
}
BLANK = dict.fromkeys(("low", "high", "n", "command"))
OLD = [
    {"set": name, "metric": "eer", "value": value} | BLANK
    for name, value in (("dev", 0.1), ("eval", 0.5))
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    card = {
        "id": "sls-made",
        "detector": "sls",
        "size": "compact",
        "config": {},
        "licence": "none",
        "provenance": {"source": "a test", "url": None, "commit": None, "made_by": None},
        "trained_on": [],
        "recipe": None,
        "command": None,
        "measured": OLD,
        "calibration": None,
        "golden": {"spoof_logit": 0.0, "tolerance": 1e-3},
        "backbone": None,
        "default": False,
        "notes": ["A note.", "EER on eval by family of something: vc 99 %."],
    }
    store.save(tmp_path / "checkpoints" / "sls-made", {"w": torch.zeros(1)}, card)
    return tmp_path


def put(root: Path, figures: object) -> int:
    path = root / "figures.json"
    path.write_text(json.dumps(figures))
    asked = ["cards", str(path), "--set", "eval", "--command", "do this"]
    return main([*asked, "--out", str(root / "checkpoints")])


def card(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (root / "checkpoints" / "sls-made" / "card.json").read_text()
    )
    return found


def test_figures_replace_those_of_their_set(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert put(root, FIGURES) == put(root, FIGURES) == 0  # twice is once
    assert capsys.readouterr().out.splitlines() == ["sls-made: eval"] * 2
    found = card(root)
    assert found["id"] == "sls-made"
    assert [(one["set"], one["metric"], one["value"]) for one in found["measured"]] == [
        ("dev", "eer", 0.1),
        ("eval", "eer", 0.25),
        ("eval", "cllr", 0.8),
    ]
    assert (
        found["measured"][1] | {"low": 0.2, "high": 0.3, "n": 42, "command": "do this"}
        == (found["measured"][1])
    )
    assert found["notes"][0] == "A note."
    assert found["notes"][1].endswith("against all human clips of it: vc 12.5 % (n = 12).")
    assert len(found["notes"]) == 2


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"sls": FIGURES["sls"] | {"checkpoint": "gone"}}, "no card of 'gone'"),
        ({"sls": {k: v for k, v in FIGURES["sls"].items() if k != "intervals"}}, "--bootstrap"),
        ({"sls": FIGURES["sls"] | {"checkpoint": "../checkpoints/sls-made"}}, "no card of"),
        ({"sls": FIGURES["sls"] | {"n_spoof": "many"}}, "--bootstrap"),
        ({"sls": FIGURES["sls"] | {"eer": "low"}}, "measured"),
        ([1, 2], "figures by detector"),
    ],
)
def test_what_cannot_be_put_is_told_and_nothing_is_written(
    root: Path, figures: object, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = card(root)
    assert put(root, figures) == 1
    assert told in capsys.readouterr().err
    assert card(root) == before
