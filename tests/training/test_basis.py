"""What a calibration rests on, written beside it, and refused where it rests on something else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from checkpoints import store
from core import trials
from core.calibration import fit
from core.detectors.base import Features
from core.fusion import fit_fusion
from core.loading import Loaded, golden_logit, load
from core.registry import DETECTORS
from tests.core.loudness import Loudness
from tests.training.tiny import Tiny
from training import basis
from training.errors import TrainingError

LABELS = ["bonafide"] * 6 + ["spoof"] * 6
rng = np.random.default_rng(5)
LOGITS = {
    "one": np.concatenate([rng.normal(-1, 1, 6), rng.normal(1, 1, 6)]).tolist(),
    "two": np.concatenate([rng.normal(-2, 3, 6), rng.normal(2, 3, 6)]).tolist(),
}


def saved(folder: Path, name: str, *, calibrated: bool = True) -> Loaded:
    torch.manual_seed(0)
    detector = Tiny.build({"norm": False, "dropout": 0.0}).eval()
    card: dict[str, Any] = {
        "id": name,
        "detector": "tiny",
        "size": "compact",
        "config": detector.config_dict(),
        "licence": "none",
        "provenance": {"source": "a test", "url": None, "commit": None, "made_by": None},
        "trained_on": [],
        "recipe": None,
        "command": None,
        "measured": [],
        "calibration": fit(LOGITS[name], LABELS, "made").to_card() if calibrated else None,
        "golden": {"spoof_logit": golden_logit(detector), "tolerance": 1e-3},
        "backbone": None,
        "default": True,
        "notes": [],
    }
    return load(store.save(folder / name, detector.state_dict(), card))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(DETECTORS, "tiny", Tiny)
    folder = tmp_path / "checkpoints"
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(folder))
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twelve noises of two loudnesses."""
    folder = tmp_path_factory.mktemp("clips")
    made = [folder / f"{n}.flac" for n in range(12)]
    for n, path in enumerate(made):
        soundfile.write(path, (0.01 + 0.09 * (n % 2)) * rng.standard_normal(20_000), 16_000)
    return made


def fuse(home: Path, one: Loaded, two: Loaded) -> None:
    both = {"tiny": one, "other": two}  # a name a detector
    llrs = {
        name: [x.calibration.llr(v) for v in LOGITS[x.checkpoint.id]]  # type: ignore[union-attr]
        for name, x in both.items()
    }
    made = fit_fusion(llrs, LABELS, {name: x.checkpoint.id for name, x in both.items()}, "made")
    (home / "fusion.json").write_text(made.to_json())


def test_trials_and_conditions_lie_beside_the_calibration(home: Path, clips: list[Path]) -> None:
    one, two = saved(home, "one"), saved(home, "two")
    fuse(home, one, two)
    written = basis.write([one, two], clips, LABELS, LOGITS)
    again = load(store.find("one"))  # the card is whole, the weights are as they were
    assert again.checkpoint.card["calibration"]["conditions"] == written["one"]
    assert written["one"]["codecs"] == ["lossless"]
    low, high = written["one"]["level_dbfs"]
    assert (low, high) == (pytest.approx(-40, abs=0.5), pytest.approx(-20, abs=0.5))
    kept = trials.read(again.checkpoint.folder / trials.SCORES)
    assert kept is not None
    assert kept.columns["spoof_logit"].tolist() == LOGITS["one"]
    fused = trials.read(home / trials.FUSION_SCORES)
    assert fused is not None
    assert again.calibration is not None
    assert fused.columns["tiny"][3] == again.calibration.llr(LOGITS["one"][3])
    assert sorted(fused.columns) == ["other", "tiny"]


def test_scores_of_another_calibration_are_refused_and_nothing_is_written(
    home: Path, clips: list[Path]
) -> None:
    one, two = saved(home, "one"), saved(home, "two")
    fuse(home, one, two)
    before = (home / "one" / "card.json").read_text()
    swapped = {"one": LOGITS["two"], "two": LOGITS["one"]}
    with pytest.raises(TrainingError, match="one: its calibration was not fitted to these scores"):
        basis.write([one, two], clips, LABELS, swapped)
    with pytest.raises(TrainingError, match="no spoof_logits were given for two"):
        basis.write([one, two], clips, LABELS, {"one": LOGITS["one"]})
    with pytest.raises(TrainingError, match="11 scores for 12 labels"):
        basis.write([one], clips, LABELS, {"one": LOGITS["one"][1:]})
    with pytest.raises(TrainingError, match=r"fusion.json was fitted with two, not given here"):
        basis.write([one], clips, LABELS, LOGITS)
    fusion = json.loads((home / "fusion.json").read_text())
    for rule in fusion["rules"]:
        rule["cllr"] += 0.01
    (home / "fusion.json").write_text(json.dumps(fusion))
    with pytest.raises(TrainingError, match="was not fitted to these scores: its Cllr is"):
        basis.write([one, two], clips, LABELS, LOGITS)
    missing = [*clips[:-1], clips[-1].with_name("gone.flac")]
    (home / "fusion.json").unlink()
    with pytest.raises(TrainingError, match=r"cannot be measured: There is no file “gone.flac”"):
        basis.write([one, two], missing, LABELS, LOGITS)
    assert (home / "one" / "card.json").read_text() == before
    assert not list(home.rglob("*.csv"))


def test_what_is_not_calibrated_is_left_as_it_is(home: Path, clips: list[Path]) -> None:
    one, two = saved(home, "one"), saved(home, "two", calibrated=False)
    written = basis.write([one, two], clips, LABELS, LOGITS)
    assert sorted(written) == ["one"]
    assert not (home / "two" / trials.SCORES).exists()


def test_level_is_no_condition_of_a_detector_that_does_not_hear_it() -> None:
    class Deaf(Loudness):
        def features(self, wave: Tensor) -> Features:
            return super().features(wave / wave.abs().max())

    assert basis.hears_level(Loudness().eval())
    assert not basis.hears_level(Deaf().eval())


def test_a_large_set_is_measured_in_part(
    clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basis, "ENOUGH", 5)
    assert len(basis.measured(clips)) == 4  # every third of twelve
    assert basis.measured([]) == []
