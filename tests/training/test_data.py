from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.types import Label
from tests.training.tiny import SAMPLES, TINY, make_corpus
from training import data, sampling
from training.corpus import read_splits
from training.errors import TrainingError
from training.recipe import Augmentation, Change, Crop, Sampling
from training.sampling import Draw, plan, shares


@dataclass(frozen=True)
class Clip:
    label: Label
    family: str = "-"
    system: str = "-"
    source: str = "-"
    speaker: str = "-"


CLIPS = [Clip("bonafide", "bonafide", source=f"s{i % 2}") for i in range(10)] + [
    Clip("spoof", "tts" if i < 25 else "codec", source=f"s{i % 3}") for i in range(30)
]


def indices(batches: list[list[Draw]]) -> list[int]:
    return [draw.clip for batch in batches for draw in batch]


def test_shuffling_takes_each_clip_once() -> None:
    batches = plan(CLIPS, Sampling(drop_last=False), 16, 1, 0)
    assert [len(batch) for batch in batches] == [16, 16, 8]
    assert sorted(indices(batches)) == list(range(40))
    assert [len(b) for b in plan(CLIPS, Sampling(), 16, 1, 0)] == [16, 16]
    assert batches == plan(CLIPS, Sampling(drop_last=False), 16, 1, 0)
    assert indices(batches) != indices(plan(CLIPS, Sampling(drop_last=False), 16, 1, 1))
    positions = [draw.position for batch in batches for draw in batch]
    assert len(set(positions)) == 40


def test_shares_are_equal_at_each_level() -> None:
    share = shares(CLIPS, ("label", "family"), 1.0)
    assert share[:10].sum() == pytest.approx(0.5)
    assert share[10:35].sum() == pytest.approx(0.25)  # tts: 25 clips
    assert share[35:].sum() == pytest.approx(0.25)  # codec: 5 clips
    assert np.allclose(shares(CLIPS, ("label",), 0.0), 1 / 40)  # by size = uniform over clips


def test_a_balanced_epoch_keeps_to_the_shares() -> None:
    rule = Sampling("balanced", ("label", "family"), clips=80)
    counts = Counter(indices(plan(CLIPS, rule, 8, 3, 0)))
    assert sum(counts[i] for i in range(10)) == 40
    assert all(counts[i] == 4 for i in range(10))  # 0.05 x 80
    assert sum(counts[i] for i in range(35, 40)) == 20
    assert {counts[i] for i in range(10, 35)} <= {0, 1}  # 0.01 x 80 = 0.8


def test_the_composition_of_a_batch() -> None:
    rule = Sampling(bonafide_per_batch=2, copies_per_batch=3, clips=50)
    for batch in plan(CLIPS, rule, 10, 0, 0):
        own = [draw for draw in batch if not draw.copy]
        humans = {d.clip for d in own if CLIPS[d.clip].label == "bonafide"}
        assert len(batch) == 10
        assert sum(CLIPS[d.clip].label == "bonafide" for d in own) == 2
        assert {d.clip for d in batch if d.copy} <= humans
    with pytest.raises(TrainingError, match="the data has none"):
        plan(CLIPS[10:], Sampling(bonafide_per_batch=2), 8, 0, 0)
    with pytest.raises(TrainingError, match="do not fill one batch"):
        plan(CLIPS, Sampling(), 64, 0, 0)


def test_crops_and_repeats() -> None:
    wave = np.arange(10.0)
    rng = np.random.default_rng(0)
    assert data.crop(wave, Crop(4, "head"), rng).tolist() == [0, 1, 2, 3]
    starts = {data.crop(wave, Crop(4, "random"), rng)[0] for _ in range(200)}
    assert starts == set(range(7))  # the last possible start, too
    assert data.crop(wave, Crop(10, "random"), rng).size == 10  # a clip of just that length
    assert data.repeat(wave, 23).tolist() == [*range(10), *range(10), 0, 1, 2]
    assert data.repeat(wave[:0], 3).tolist() == [0, 0, 0]
    long = np.zeros(64_000)
    sizes = {data.crop(long, Crop(64_600, "random", (1.0, 2.0)), rng).size for _ in range(20)}
    assert min(sizes) >= 16_000
    assert max(sizes) < 32_000


def test_the_cache_holds_the_files(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", 6, 3)
    splits = read_splits(corpus)
    cached = data.Audio.of(splits.train, tmp_path / "cache")
    direct = data.Audio.of(splits.train, None)
    for index in range(6):
        assert np.array_equal(cached.read(index), direct.read(index))
    again = data.Audio.of(splits.train, tmp_path / "cache")
    assert np.array_equal(again.read(5), direct.read(5))
    assert len(list((tmp_path / "cache").glob("*.i16"))) == 1


def test_missing_and_broken_audio_is_counted_and_named(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, 6, 3)
    splits = read_splits(corpus)
    (corpus / "flac" / "U0001.flac").write_bytes(b"not audio at all" * 50)
    with pytest.raises(TrainingError, match=r"1 of 6 clips cannot be read.*U0001"):
        data.Audio.of(splits.train, tmp_path / "cache")
    (corpus / "flac" / "U0002.flac").unlink()
    with pytest.raises(TrainingError, match=r"1 of 6 clips are missing: U0002"):
        read_splits(corpus)
    with pytest.raises(TrainingError, match="holds no corpus"):
        read_splits(tmp_path / "flac")


def test_a_draw_is_a_function_of_its_numbers(tmp_path: Path) -> None:
    audio = data.Audio.of(read_splits(make_corpus(tmp_path, 6, 3)).train, None)
    dataset = data.TrainingSet(audio, TINY)
    draw = Draw(0, 3, 1)
    wave, label = dataset[draw]
    assert wave.shape == (SAMPLES,)
    assert label == "spoof"
    assert torch.equal(wave, dataset[draw][0])
    assert not torch.equal(wave, dataset[Draw(1, 3, 1)][0])
    assert not torch.equal(wave, dataset[Draw(0, 4, 1)][0])
    copied, label = dataset[Draw(0, 0, 0, copy=True)]
    assert label == "spoof"
    assert audio.items[0].label == "bonafide"
    assert not torch.equal(copied, dataset[Draw(0, 0, 0)][0])


def test_dev_is_the_head_unless_the_recipe_changes_it(tmp_path: Path) -> None:
    audio = data.Audio.of(read_splits(make_corpus(tmp_path, 6, 3)).dev, None)
    wave, _ = data.DevSet(audio, TINY)[0]
    want = np.resize(audio.read(0) / 32_768.0, SAMPLES).astype(np.float32)
    assert np.array_equal(wave.numpy(), want)
    noisy = replace(TINY, augmentation=Augmentation((Change("noise"),), dev=True))
    changed, _ = data.DevSet(audio, noisy)[0]
    assert not torch.equal(changed, wave)
    assert torch.equal(changed, data.DevSet(audio, noisy)[0][0])


def test_the_fingerprint_sees_labels(tmp_path: Path) -> None:
    splits = read_splits(make_corpus(tmp_path, 6, 3))
    other = replace(splits, train=(replace(splits.train[0], label="spoof"), *splits.train[1:]))
    assert splits.fingerprint() != other.fingerprint()
    assert splits.fingerprint() == read_splits(tmp_path).fingerprint()


def test_draws_are_named_tuples_that_travel() -> None:
    assert sampling.Draw(0, 1, 2) == (0, 1, 2, False)
