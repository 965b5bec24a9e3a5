import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from checkpoints import store
from core import trials
from core.calibration import fit
from core.loading import load
from core.registry import DETECTORS
from tests.training.tiny import TINY, Tiny, make_corpus
from training.corpus import read_splits
from training.errors import TrainingError
from training.loop import Options
from training.recipe import Recipe
from training.run import Naming, build, train


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setitem(DETECTORS, "tiny", Tiny)
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(tmp_path / "checkpoints"))
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def save_backbone(folder: Path) -> dict[str, torch.Tensor]:
    """A backbone checkpoint for the tiny detector."""
    torch.manual_seed(11)
    tensors = dict(Tiny.build().backbone.state_dict())
    card: dict[str, object] = {
        "id": "tiny-backbone",
        "detector": "backbone",
        "size": "compact",
        "config": {},
        "licence": "test",
        "provenance": {"source": "random", "url": None, "commit": None, "made_by": None},
        "trained_on": [],
        "recipe": None,
        "command": None,
        "measured": [],
        "calibration": None,
        "golden": None,
        "backbone": None,
        "default": False,
        "notes": [],
    }
    store.save(folder / "tiny-backbone", tensors, card)
    return tensors


def trained(recipe: Recipe, place: Path) -> store.Checkpoint:
    splits = read_splits(make_corpus(place / "corpus", 24, 12))
    options = Options(place / "run", cpu=True, quiet=True)
    made = train(recipe, splits, options, Naming("tiny-one", "tiny", "a command"))
    assert made is not None
    return made


def test_a_frozen_backbone_is_referred_to_not_repeated(tmp_path: Path) -> None:
    tensors = save_backbone(tmp_path / "checkpoints")
    recipe = dataclasses.replace(
        TINY, backbone="tiny-backbone", freeze=("backbone",), epochs=8, config={"norm": False}
    )
    made = trained(recipe, tmp_path)
    assert made.card["backbone"] == "tiny-backbone"
    assert not any(name.startswith("backbone.") for name in store.tensors(made))
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert not any(name.startswith("backbone.") for name in state["model"])
    loaded = load(made)  # hash, strictness and the golden self-test
    assert loaded.calibration is not None
    kept = trials.read(made.folder / trials.SCORES)  # those the calibration was fitted on
    assert kept is not None
    assert fit(kept.columns["spoof_logit"], kept.labels).slope == pytest.approx(
        loaded.calibration.slope
    )
    assert torch.equal(loaded.detector.backbone.weight, tensors["weight"])  # type: ignore[union-attr, arg-type]


def test_a_run_says_what_it_was(tmp_path: Path) -> None:
    made = trained(dataclasses.replace(TINY, epochs=2), tmp_path)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["values"]["batch"] == 8
    assert record["data"]["train"] == {"bonafide": 8, "spoof": 16}
    assert len(record["data"]["fingerprint"]) == 64
    assert record["versions"]["torch"] == torch.__version__
    assert made.card["measured"][0]["n"] == 12
    assert made.card["command"] == "a command"
    assert any(name.startswith("backbone.") for name in store.tensors(made))


def test_what_cannot_be_built_is_said() -> None:
    with pytest.raises(TrainingError, match="there is no detector 'lcnn'"):
        build(dataclasses.replace(TINY, detector="lcnn"))
    with pytest.raises(TrainingError, match="tiny has no codec"):
        build(dataclasses.replace(TINY, codec="some-codec"))
