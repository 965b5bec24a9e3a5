"""`python -m training compact`, whole and in stages."""

import json
from pathlib import Path

import pytest
import torch

from core import loading
from core.detectors.aasist import Aasist
from tests.training.noises import corpus
from training import joint, ship, warm
from training.__main__ import main
from training.compact_set import SHAPES, backbone
from training.zoo import generators


def test_one_stage_is_trained_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generators, "KINDS", {"vocos": generators.KINDS["vocos"]})
    data, work = corpus(tmp_path / "corpus", 4), tmp_path / "work"
    asked = ["compact", "--stage", "aasist", "--data", str(data), "--work", str(work)]
    assert main([*asked, "--patience", "0.00001"]) == 0
    assert "aasist" in capsys.readouterr().out
    made = Aasist.build(size="compact")
    made.load_state_dict(torch.load(work / "aasist-done.pt", weights_only=True))
    assert {path.name for path in work.glob("*-done.pt")} >= {"aasist-done.pt", "zoo-vocos-done.pt"}
    assert not list(tmp_path.rglob("card.json"))


def test_the_stage_of_sls_needs_no_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm.start, "__defaults__", (2,))
    data, work = corpus(tmp_path / "corpus", 4), tmp_path / "work"
    asked = ["compact", "--stage", "sls", "--data", str(data), "--work", str(work)]
    assert main([*asked, "--patience", "0.00001", "--variants", "2"]) == 0
    made = joint.Together({"sls": {}}, backbone(SHAPES))
    made.load_state_dict(torch.load(work / "shapes-done.pt", weights_only=True))
    assert {path.name for path in work.glob("*-done.pt")} == {"shapes-done.pt"}


def test_without_a_place_or_a_stage_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compact"]) == 1
    assert "--out" in capsys.readouterr().err


@pytest.mark.slow
def test_from_an_empty_folder_it_writes_every_checkpoint_that_ships(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm.start, "__defaults__", (2,))
    monkeypatch.setattr(generators, "KINDS", {"vocos": generators.KINDS["vocos"]})
    data, out = corpus(tmp_path / "corpus", 16), tmp_path / "out"
    asked = ["compact", "--data", str(data), "--work", str(tmp_path / "work"), "--out", str(out)]
    assert main([*asked, "--patience", "0.0001", "--variants", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["eer"].keys() == ship.IDS.keys()
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(out))
    loaded = {one.detector.name: one for one in loading.select()}  # each passes its self-test
    assert loaded.keys() == ship.IDS.keys()
    assert {one.checkpoint.folder.parent for one in loaded.values()} == {out}
    backbones = {name: one.checkpoint.card["backbone"] for name, one in loaded.items()}
    assert backbones == {**ship.BACKBONES, "aasist": None}
