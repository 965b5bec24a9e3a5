"""SLS over a backbone of its own."""

import json
from pathlib import Path

import pytest
import torch

from core.cepstra import CepstraConfig
from core.detectors.sls import Sls
from tests.training.test_textures import SMALL, counting, plain_set
from training import cepstral, joint, steps, warm

WIDTH = CepstraConfig().width


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cepstral, "BACKBONE", {**SMALL, "stem": "cepstra"})
    for name, value in {"EVERY": 20, "BATCH": 16, "MEMORY": 0.9}.items():
        monkeypatch.setattr(cepstral, name, value)
    monkeypatch.setattr(steps, "time", counting())
    monkeypatch.setattr(warm.start, "__defaults__", (60,))


@pytest.mark.usefixtures("small")
def test_it_learns_with_its_backbone_and_keeps_its_curve(tmp_path: Path) -> None:
    train, other = plain_set(width=WIDTH), plain_set(24, width=WIDTH)
    log = tmp_path / "sls.json"
    made = cepstral.fit(train, other, 40.0, log, 1)
    curve = json.loads(log.read_text())
    assert [entry["step"] for entry in curve] == [20]
    assert curve[-1]["dev"] < 0.25
    assert not any(part.p for part in made.modules() if isinstance(part, torch.nn.Dropout))
    again = Sls.build(made.config_dict())
    again.load_state_dict(made.state_dict())
    frames = joint.batch_of(again.backbone.model.feature_extractor, other.blocks[0][:8])
    logits = again.decide({"hidden": again.backbone.encode(frames).hidden}).spoof_logit
    spoof, human = logits[1::2], logits[::2]
    assert spoof.mean() > human.mean() + 1
