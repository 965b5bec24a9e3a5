"""Stored pieces and their texture, and the networks that learn from them."""

import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from core.backbones import COMPACT_CODEC, Codec
from core.cepstra import CepstraConfig, CepstraStem
from core.ears import EarsStem
from core.phase import PhaseConfig, PhaseStem
from core.texture import TextureConfig, TextureStem
from training import joint, quantised, steps, teacher, textures, warm
from training.bank import Bank
from training.data import Item
from training.pieces import SAMPLES
from training.textures import DEAF, DROPPED, Textures, kept

WIDTH = TextureConfig().width
STEM = TextureStem(TextureConfig()).eval()
SMALL = {
    "width": 16,
    "layers": 6,
    "heads": 2,
    "ffn": 32,
    "stem": "ears",
    "positional_kernel": 4,
}
CODEC = {"filters": 4, "entries": 16}


def bank_of(clips: int) -> Bank:
    rng = np.random.default_rng(0)
    waves = [rng.normal(0, 2_000, 30_000 + 999 * i).astype(np.int16) for i in range(clips)]
    items = [
        Item(f"U{i}", "spoof" if i % 2 else "bonafide", Path(f"{i}.flac"), source=f"s{i % 3}")
        for i in range(clips)
    ]
    return Bank.of(items, waves, "cpu")


def plain_set(clips: int = 48, variants: int = 2, width: int = WIDTH) -> Textures:
    """Statistics in which every fortieth number tells the label."""
    rng = np.random.default_rng(1)
    items = tuple(
        Item(f"U{i}", "spoof" if i % 2 else "bonafide", Path(f"{i}.flac"), source=f"s{i % 3}")
        for i in range(clips)
    )
    blocks = rng.normal(size=(variants, clips, 40, width)).astype(np.float16)
    blocks[:, 1::2, :, ::40] += 1.5
    waves = np.zeros((variants, clips, 64_600), dtype=np.int16)
    return Textures(items, tuple(waves), tuple(blocks))


def test_variant_0_is_the_unchanged_head_and_its_statistics(tmp_path: Path) -> None:
    bank = bank_of(2)
    textures.make(STEM, bank, bank, tmp_path, 0, 7)
    made = textures.read(bank.items, tmp_path)
    head = bank.heads([1], SAMPLES)
    np.testing.assert_allclose(made.waves[0][1], head[0].numpy() * 32_767, atol=0.51)
    wanted = TextureStem(TextureConfig()).statistics(head)[0]
    np.testing.assert_allclose(made.blocks[0][1], wanted.numpy(), atol=2e-2, rtol=2e-3)


def test_statistics_are_those_of_the_16_bits_that_are_kept(tmp_path: Path) -> None:
    """What rounding adds to a clip that was made quiet is heard in training as in use."""
    bank = bank_of(2)
    for variant in (0, 1):
        textures.make(STEM, bank, bank, tmp_path, variant, 7)
    made = textures.read(bank.items, tmp_path)
    stem = TextureStem(TextureConfig()).eval()
    for waves, blocks in zip(made.waves, made.blocks, strict=True):
        wave = torch.from_numpy(waves.astype(np.float32) / 32_768)
        np.testing.assert_allclose(blocks, stem.statistics(wave).numpy(), atol=2e-2, rtol=2e-3)


def test_other_variants_follow_from_the_seed(tmp_path: Path) -> None:
    bank = bank_of(2)
    for folder in ("a", "b"):
        textures.make(STEM, bank, bank, tmp_path / folder, 1, 7)
    textures.make(STEM, bank, bank, tmp_path / "c", 1, 8)
    one, same, other = (np.load(tmp_path / folder / "waves-1.npy") for folder in "abc")
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_four_in_ten_of_what_is_taken_are_unchanged() -> None:
    made, rng = plain_set(8, variants=3), np.random.default_rng(0)
    drawn = made.variants(4_000, rng)
    share = np.bincount(drawn, minlength=3) / 4_000
    np.testing.assert_allclose(share, [0.4, 0.3, 0.3], atol=0.03)
    assert set(made.variants(100, rng, limit=1)) == {0}
    clips = np.array([3, 5])
    np.testing.assert_array_equal(made.take(clips, [2, 0])[0], made.blocks[2][3])
    some = made.take(clips, [2, 0], slice(1, None, 3))
    np.testing.assert_array_equal(some[1], made.blocks[0][5][1::3])
    mean = made.blocks[1][4].astype(np.float32).mean(0)
    np.testing.assert_allclose(made.means(1)[4], mean, rtol=1e-6)
    np.testing.assert_array_equal(made.means(1, np.array([6, 4]))[1], made.means(1)[4])


def counting() -> SimpleNamespace:
    """A clock that goes on by one second each time it is read, so that seconds are steps."""
    seconds = count()
    return SimpleNamespace(monotonic=lambda: float(next(seconds)))


def eer_of(logits: list[float], made: Textures) -> float:
    return joint.eer(logits, [item.label for item in made.items])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"EVERY": 20, "BATCH": 16, "MEMORY": 0.9}.items():
        monkeypatch.setattr(joint, name, value)
    monkeypatch.setattr(quantised, "BATCH", 16)
    monkeypatch.setattr(steps, "time", counting())
    monkeypatch.setattr(warm.start, "__defaults__", (60,))


MAMBO = {"topology": 3, "ssm": "hydra", "repeats": 1, "units": 1, "width": 32}
CONFIGS: dict[str, dict[str, object]] = {"hiercon": {}, "sls": {}, "mambo": MAMBO}


@pytest.mark.usefixtures("small")
def test_heads_learn_over_one_backbone_and_qaf_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, other = plain_set(), plain_set(24)
    log = tmp_path / "joint.json"
    made = joint.fit(CONFIGS, SMALL, (train, other), 40.0, log, 1)
    curve = json.loads(log.read_text())
    assert [entry["step"] for entry in curve] == [20]
    assert curve[0]["loss"].keys() == curve[0]["dev"].keys() == CONFIGS.keys()
    assert max(joint.dev_eers(made, other).values()) < 0.25
    assert {id(made.detector(name).backbone) for name in CONFIGS} == {id(made.backbone)}
    assert not any(part.p for part in made.backbone.modules() if isinstance(part, nn.Dropout))
    rows = torch.from_numpy(train.blocks[0][::2, ::5].astype(np.float32)).flatten(0, 1)
    torch.testing.assert_close(made.stem.centre, rows.mean(0), atol=1e-3, rtol=1e-3)

    codec = Codec(replace(COMPACT_CODEC, filters=4, entries=16))
    codes = quantised.codes_of(codec, other.waves[0][:2])
    assert codes.shape == (2, 8, codec.frames(64_600))
    told: NDArray[np.int16] = (
        np.random.default_rng(0).integers(0, 16, (48, 8, 303)).astype(np.int16)
    )
    frozen = quantised.Frozen(made.backbone, codec, (told,))
    before = {k: v.clone() for k, v in made.backbone.state_dict().items()}
    config = {"backbone": SMALL, "codec": CODEC, "ssl_layers": 4, "lstm": 16}
    net = quantised.fit(config, frozen, train, 80.0, tmp_path / "qaf.json", 1)
    assert eer_of(quantised.logits(net, train, told), train) < 0.25
    for name, value in net.backbone.state_dict().items():
        torch.testing.assert_close(value, before[name])

    human = torch.tensor([float(item.label == "bonafide") for item in train.items])

    def contrary(clips: NDArray[np.int64], own: torch.Tensor) -> torch.Tensor:
        """Says that human clips are spoof, of mixtures as far as they are human."""
        return own * human[clips] + (1 - own) * human[np.roll(clips, -1)]

    monkeypatch.setattr(teacher, "fit", lambda *_: contrary)
    net = quantised.fit(config, frozen, train, 80.0, tmp_path / "qaf.json", 1)
    assert eer_of(quantised.logits(net, train, told), train) > 0.75  # it weighs more than labels


@pytest.mark.usefixtures("small")
def test_sls_reads_repeated_frames_as_its_head_would() -> None:
    """Frames are said again after the weighted sum; the head, given all of them, agrees."""
    made = joint.Together({"sls": {}}, SMALL).eval()
    frames = torch.randn(2, 67, WIDTH)  # 67 x 3 = 201, so that the mean over time is the same
    hidden = made.backbone.encode(frames).hidden
    whole = made.detector("sls").decide({"hidden": hidden.repeat_interleave(3, 2)}).trace["logits"]
    torch.testing.assert_close(made.traces(frames)["sls"]["logits"], whole, atol=1e-4, rtol=1e-4)


def test_frames_of_stored_statistics_are_those_of_the_stem() -> None:
    wave = torch.from_numpy(np.random.default_rng(4).normal(0, 0.1, (1, SAMPLES))).float()
    wanted = STEM(wave).mT
    blocks = STEM.statistics(wave).numpy()
    torch.testing.assert_close(joint.frames_of(STEM, blocks), wanted, atol=1e-3, rtol=1e-3)
    few = joint.frames_of(STEM, blocks, 12, 5)
    torch.testing.assert_close(few, wanted[:, 5:197:12], atol=1e-3, rtol=1e-3)


def test_whole_ears_are_left_out_of_some_clips_and_single_dimensions_of_all() -> None:
    torch.manual_seed(0)
    stem = EarsStem(
        [PhaseStem(PhaseConfig(2)), CepstraStem(CepstraConfig(3)), PhaseStem(PhaseConfig(3))]
    )
    first, second, third = stem.widths
    factors = kept(stem, 4_000)[:, 0]
    parts = factors.split([first, second, third], 1)
    ears = torch.stack([part.any(1) for part in parts], 1).float()
    assert ears.any(1).all()  # no clip is given nothing
    # one of the eight tosses of three coins leaves out all, and then nothing is left out
    share = (1 - DEAF) + DEAF * 5 / 8
    torch.testing.assert_close(ears.mean(0), torch.full((3,), share), atol=0.03, rtol=0)
    whole = parts[1][ears[:, 1] > 0]
    assert float((whole == 0).float().mean()) == pytest.approx(DROPPED, abs=0.01)
    assert set(whole.unique().tolist()) == {0.0, 1.25}


def test_what_comes_after_the_first_numbers_is_the_rest() -> None:
    made = plain_set(4)
    rest = made.after(25)
    assert (rest.items, rest.waves) == (made.items, made.waves)
    np.testing.assert_array_equal(
        rest.take(np.array([2]), [1]), made.take(np.array([2]), [1])[..., 25:]
    )
