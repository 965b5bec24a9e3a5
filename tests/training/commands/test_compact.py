"""`python -m training compact`, one stage of it."""

from pathlib import Path

import pytest
import torch

from core.detectors.aasist import Aasist
from core.detectors.sls import Sls
from tests.training.noises import corpus
from training import cepstral, warm
from training.__main__ import main
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
    made = Sls.build({"backbone": cepstral.BACKBONE}, "compact")
    made.load_state_dict(torch.load(work / "sls-done.pt", weights_only=True))
    assert {path.name for path in work.glob("*-done.pt")} == {"sls-done.pt"}


def test_without_a_place_or_a_stage_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compact"]) == 1
    assert "--out" in capsys.readouterr().err
