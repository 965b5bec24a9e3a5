"""From scores on dev to calibrations and fusion, and the pieces that the stages learn from."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.calibration import Calibration, cllr, fit
from core.fusion import Fusion
from tests.training import noises
from training import ship, warm
from training.compact_set import Plan, Workshop
from training.curve import eer_official, scores
from training.pieces import SAMPLES
from training.zoo import generators
from training.zoo.copies import FAMILY

LABELS = ["bonafide", "spoof"] * 60
SOURCES = [f"page {number // 8}" for number in range(120)]


def numbers(seed: int, spread: float) -> dict[str, list[float]]:
    """Two detectors that tell the labels apart, the less the wider the spread."""
    rng = np.random.default_rng(seed)
    truth = np.array([1.0 if label == "spoof" else -1.0 for label in LABELS])
    return {name: (truth + rng.normal(0, spread, 120)).tolist() for name in ("hiercon", "sls")}


@pytest.fixture(scope="module")
def calibrations() -> dict[str, Calibration]:
    return {name: fit(own, LABELS, "made") for name, own in numbers(1, 2.0).items()}


def test_fusion_is_fitted_on_handled_clips_and_told_on_both(
    tmp_path: Path, calibrations: dict[str, Calibration]
) -> None:
    plain, handled = numbers(0, 1.0), numbers(1, 2.0)
    told = ship.save_fusion(tmp_path, (plain, handled), calibrations, LABELS, SOURCES)
    made = Fusion.from_json((tmp_path / "fusion.json").read_text())
    assert made.dataset == ship.HANDLED
    assert dict(made.checkpoints) == {name: ship.IDS[name] for name in plain}
    for what, own in (("plain", plain), ("handled", handled)):
        llrs = [
            made.llr({name: calibrations[name].llr(own[name][i]) for name in own})
            for i in range(120)
        ]
        fused = np.array(llrs, dtype=float)
        assert told[f"cllr_{what}"] == pytest.approx(cllr(fused, LABELS))
        spoof = np.array(LABELS) == "spoof"
        curve = eer_official(scores((-fused[~spoof]).tolist(), (-fused[spoof]).tolist()))
        assert told[f"eer_{what}"] == pytest.approx(curve.value)
    assert told["eer_plain"] < told["eer_handled"]
    assert told["cllr_cross_validated"] > told["cllr_handled"]  # it was not fitted on these


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noises.corpus(tmp_path_factory.mktemp("corpus") / "made", 16)


def test_pieces_come_from_an_empty_folder_and_dev_is_handled_in_part(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {kind: generators.KINDS[kind] for kind in ("vocos", "seanet")}
    monkeypatch.setattr(generators, "KINDS", quick)
    monkeypatch.setattr(warm.start, "__defaults__", (2,))
    shop = Workshop(
        corpus, tmp_path, Plan(variants=3, seconds={"zoo": 0.01, "ears": 0.0, "shapes": 0.0})
    )
    train, dev = shop.textures("train"), shop.textures("dev")
    assert (len(train.blocks), len(dev.blocks)) == (3, 2)
    assert train.blocks[2].shape[0] == len(train.items) == 8
    both = shop.sls().stem.widths, shop.ears().stem.widths  # untrained: no seconds
    assert both[0] == both[1][1:]
    assert train.blocks[0].shape[-1] == sum(both[1])
    copied_texture = shop.copied()
    assert copied_texture.blocks[2].shape == (8 + 2 * 4, 41, both[1][0])
    assert [item.family for item in copied_texture.items[8:]] == [FAMILY] * 8
    np.testing.assert_array_equal(copied_texture.waves[0][:8], train.waves[0])
    np.testing.assert_array_equal(
        shop.shapes("train").blocks[1], train.blocks[1][..., both[1][0] :]
    )
    pieces = shop.pieces()
    copied = np.load(tmp_path / "copies" / "vocos.npy")
    assert len(copied) == sum(len(wave) for wave in shop.human().waves())
    handled = shop.handled(dev)
    assert handled.shape == (8, SAMPLES)
    as_they_are = (handled == dev.waves[0]).all(1)
    assert (handled == np.where(as_they_are[:, None], dev.waves[0], dev.waves[1])).all()
    assert 0 < as_they_are.sum() < 8
    assert (shop.handled(dev) == handled).all()

    kinds = [item.system for item in pieces.items[8:]]
    assert Counter(kinds) == dict.fromkeys(quick, 4)
    assert all(len(rows) == len(quick) for rows in pieces.copies_of.values())
    assert pieces.waves(pieces.rows(4)).shape == (4, SAMPLES)


def test_licences_are_counted_over_train(corpus: Path, tmp_path: Path) -> None:
    told = Workshop(corpus, tmp_path, Plan(variants=2)).licences()
    assert told.endswith("made here (6); not stated (2)")


def test_no_checkpoint_that_ships_is_kept_out_of_the_repository() -> None:
    """A folder that .gitignore does not name is there for its maker and missing in a clone."""
    root = Path(__file__).resolve().parents[2]
    named = set((root / ".gitignore").read_text(encoding="utf-8").splitlines())
    ships = {*ship.IDS.values(), *ship.BACKBONES.values()}
    assert {f"!/checkpoints/{one}/" for one in ships} <= named
