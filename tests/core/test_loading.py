"""Nothing scores that did not pass: hash, strict names, self-test; and what is chosen."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from checkpoints import store
from checkpoints.store import Checkpoint, CheckpointError
from core import loading
from core.backbones import SpeechBackbone
from core.detectors.aasist import Aasist
from core.detectors.sls import Sls
from core.foreign import convert, fetch
from core.packed import PackedBackbone
from core.types import RATE, DetectorError
from tests.checkpoints.cards import card
from tests.core.detectors import tiny

TINY = {"channels": [1, 4, 6, 6], "gat_dims": [6, 4], "k": 5, "samples": 8000}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A search path with nothing but what the test puts there."""
    monkeypatch.setattr(store, "search_path", lambda: (tmp_path,))
    return tmp_path


def made(root: Path, id_: str = "one", **changes: Any) -> Checkpoint:
    """A checkpoint of a tiny network; the weights are random, which only a test may do."""
    torch.manual_seed(len(id_))
    detector = Aasist.build(TINY).eval()
    golden = {"spoof_logit": loading.golden_logit(detector), "tolerance": 1e-4}
    full = card(id=id_, config=detector.config_dict(), golden=golden) | changes
    return store.save(root / id_, detector.state_dict(), full)


def test_the_test_signal_is_a_formula() -> None:
    wave = loading.golden_wave(64_600)
    assert wave.dtype == np.float32
    assert np.array_equal(wave[:8000], loading.golden_wave(8000))
    assert 0.3 < np.abs(wave).max() < 0.5
    assert np.abs(wave).reshape(-1, 100).max(1).min() > 0.005  # never silent
    # sample 0: no buzz (sin 0), no swell, noise of 0: -0.5 * 0.05; sample 1 by hand likewise
    assert wave[0] == pytest.approx(-0.025)
    noise = (7919 + 104_729) % 65_537 / 65_537 - 0.5
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * 3 / RATE)
    buzz = sum(np.sin(2 * np.pi * 120 * k / RATE) / k for k in range(1, 30))
    assert wave[1] == pytest.approx(0.2 * swell * buzz + 0.05 * noise, abs=1e-7)


def test_a_good_checkpoint_loads_ready_to_score(root: Path) -> None:
    loaded = loading.load(made(root))
    assert not any(module.training for module in loaded.detector.modules())
    assert not any(p.requires_grad for p in loaded.detector.parameters())
    assert loaded.calibration is None


def test_the_calibration_of_the_card_is_used(root: Path) -> None:
    fitted = {
        "slope": 2.0,
        "intercept": -1.0,
        "n_bonafide": 99,
        "n_spoof": 199,
        "cllr": 0.2,
        "set": "x",
    }
    loaded = loading.load(made(root, calibration=fitted))
    assert loaded.calibration is not None
    assert loaded.calibration.llr(0.75) == pytest.approx(0.5)


def test_a_backbone_of_the_papers_size_is_packed(root: Path) -> None:
    torch.manual_seed(1)
    plain = Sls.build(tiny.SLS, "paper").eval()
    backbone = {f"model.{k}": v for k, v in plain.backbone.model.state_dict().items()}
    heads = {k: v for k, v in plain.state_dict().items() if not k.startswith("backbone.")}
    store.save(root / "speech", backbone, card(id="speech", detector="backbone", size="paper"))
    golden = {"spoof_logit": loading.golden_logit(plain), "tolerance": 1e-4}
    about = {"detector": "sls", "config": plain.config_dict(), "size": "paper", "golden": golden}
    for name in ("one", "two"):
        store.save(root / name, heads, card(id=name, backbone="speech", **about))
    one, two = loading.select(checkpoints=["one", "two"])
    assert isinstance(one.detector, Sls)
    assert isinstance(one.detector.backbone, PackedBackbone)
    assert two.detector.get_submodule("backbone") is one.detector.backbone
    wave = tiny.noise(1, tiny.SAMPLES)
    with torch.inference_mode():
        expected = plain(wave).spoof_logit
        torch.testing.assert_close(one.detector(wave).spoof_logit, expected, rtol=1e-4, atol=1e-5)
    wave.requires_grad_()
    logits = one.detector(wave).spoof_logit, plain(wave).spoof_logit
    mine, theirs = (torch.autograd.grad(logit.sum(), wave)[0] for logit in logits)
    torch.testing.assert_close(mine, theirs)
    elsewhere = loading.copies([one, two], "cpu")
    shared = [copy.detector.get_submodule("backbone") for copy in elsewhere]
    assert type(shared[0]) is SpeechBackbone
    assert shared[0] is shared[1]


def test_one_changed_weight_with_a_new_hash_fails_the_self_test(root: Path) -> None:
    saved = made(root)
    weights = store.tensors(saved)
    weights["out_layer.bias"][0] += 0.5
    store.save(saved.folder, weights, saved.card)
    with pytest.raises(CheckpointError, match=r"fails its self-test.*its card says"):
        loading.load(store.find("one"))


def test_a_weight_that_is_not_a_number_fails_the_self_test(root: Path) -> None:
    saved = made(root)
    weights = store.tensors(saved)
    weights["out_layer.bias"][0] = float("nan")
    store.save(saved.folder, weights, saved.card)
    with pytest.raises(CheckpointError, match="fails its self-test"):
        loading.load(store.find("one"))


def test_tensors_that_do_not_fit_are_named(root: Path) -> None:
    saved = made(root)
    weights = store.tensors(saved)
    del weights["pos_S"]
    store.save(saved.folder, weights, saved.card)
    with pytest.raises(CheckpointError, match="missing: pos_S"):
        loading.load(store.find("one"))


def test_a_size_that_a_detector_does_not_have_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Aasist, "sizes", ("paper",))
    with pytest.raises(CheckpointError, match="has the size 'compact'; aasist exists as paper"):
        loading.load(made(root, size="compact"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"detector": "nobody"}, "this version knows .*aasist"),
        ({"config": {"k": 10**9}}, "k is from 1 to"),
        ({"config": {"channels": [1, 10**9, 1, 1]}}, "from 1 to 4096"),
        ({"config": {"colour": "red"}}, "no setting colour"),
        ({"config": {"channels": "red"}}, "configuration in the card"),
        ({"config": {"pool_ratios": [1, 1]}}, "configuration in the card"),
        ({"config": {"k": "many"}}, "configuration in the card"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    root: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(CheckpointError, match=words):
        loading.load(made(root, **changes))


def test_nothing_installed_chooses_nothing(root: Path) -> None:
    assert root.is_dir()
    assert loading.choose() == ()
    assert loading.select() == ()
    with pytest.raises(DetectorError, match="No checkpoint of aasist is installed"):
        loading.choose(["aasist"])


def test_names_choose_checkpoints(root: Path) -> None:
    made(root, "one")
    two = made(root, "two", default=True)
    outside = made(root / "deep", "three")
    assert [c.id for c in loading.choose()] == ["two"]
    assert [c.id for c in loading.choose(["aasist", "aasist"])] == ["two"]
    assert [c.id for c in loading.choose(checkpoints=["one", "two", "one"])] == ["one", "two"]
    assert [c.id for c in loading.choose(["aasist"], ["one"])] == ["one"]
    assert loading.choose(checkpoints=[str(two.folder)]) == (two,)
    assert [c.id for c in loading.choose(checkpoints=[str(outside.folder)])] == ["three"]
    with pytest.raises(DetectorError, match=r"no detector 'aasit'.*aasist"):
        loading.choose(["aasit"])
    with pytest.raises(CheckpointError, match="No checkpoint 'four'"):
        loading.choose(checkpoints=["four"])


def test_conversion_of_an_unknown_file_says_so(root: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = Aasist.build(TINY | {"k": 20, "samples": 64_600})
    file = tmp_path / "mine.pth"
    torch.save({f"module.{k}": v for k, v in network.state_dict().items()}, file)
    made_of_it = convert("aasist", file, root / "mine")
    assert made_of_it.licence == "unknown"
    assert store.sha256_of(file) in made_of_it.card["provenance"]["source"]
    assert made_of_it.card["config"]["k"] == 20  # dense: k is the whole width
    again = loading.load(store.find("mine")).detector
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in again.state_dict().items())
    with pytest.raises(CheckpointError, match="holds a checkpoint already"):
        convert("aasist", file, root / "mine")


def test_conversion_refuses_what_it_cannot_make(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.pth"
    torch.save({"fc.weight": torch.ones(2, 2)}, file)
    with pytest.raises(CheckpointError, match="not of AASIST"):
        convert("aasist", file, root / "x")
    with pytest.raises(DetectorError, match="no detector 'nobody'"):
        convert("nobody", file, root / "x")
    weights = Aasist.build(TINY).state_dict()
    torch.save({k: v for k, v in weights.items() if k != "pos_S"}, file)
    with pytest.raises(CheckpointError, match="missing: pos_S"):
        convert("aasist", file, root / "x")
    torch.save(weights, file)
    with pytest.raises(CheckpointError, match="folder's name"):
        convert("aasist", file, root / "Not An Id")
    assert not (root / "x").exists()


def test_fetching_an_unknown_id_lists_the_known_ones(root: Path) -> None:
    with pytest.raises(CheckpointError, match="There are: aasist, aasist-l"):
        fetch("nobody")
    assert list(root.iterdir()) == []


@pytest.mark.shared
def test_published_files_get_their_true_provenance(root: Path, shared_dir: Path) -> None:
    found = convert("aasist", shared_dir / "golden" / "AASIST-L.pth", root / "anything")
    assert found.id == "aasist-l"
    assert found.licence == "MIT"
    assert found.card["config"]["pool_ratios"] == [0.4, 0.5, 0.7]
    assert json.loads((found.folder / store.CARD).read_text())["golden"]["tolerance"] == 1e-3
    with pytest.raises(CheckpointError, match="published aasist, of aasist"):
        convert("sls", shared_dir / "golden" / "AASIST.pth", root / "wrong")
