"""Pieces drawn anew for every batch, and the network that learns its stem from them."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from training import graphs, joint, pieces, steps
from training.augment.batched import Changes
from training.bank import Bank
from training.data import Item
from training.errors import TrainingError
from training.pieces import (
    COPIED,
    OFTEN,
    SAMPLES,
    UNCHANGED,
    USUAL,
    Handling,
    Pieces,
    changed,
    joined,
    rounded,
)
from training.zoo.copies import as_copies


def bank_of(clips: int) -> Bank:
    """Human noise is flat, machine-made noise is a low hum beside it."""
    rng = np.random.default_rng(0)
    time = np.arange(40_000) / 16_000
    items, waves = [], []
    for i in range(clips):
        label = "spoof" if i % 3 == 2 else "bonafide"
        wave = rng.normal(0, 2_000, 40_000)
        if label == "spoof":
            wave = 0.3 * wave + 4_000 * np.sin(2 * np.pi * (5_000 + 40 * i) * time)
        items.append(Item(f"U{i}", label, Path(f"{i}.flac"), family=label, source=f"s{i % 2}"))  # type: ignore[arg-type]
        waves.append(wave.astype(np.int16))
    return Bank.of(items, waves, "cpu")


def human(bank: Bank) -> Bank:
    rows = [i for i, item in enumerate(bank.items) if item.label == "bonafide"]
    waves = bank.waves()
    return Bank.of([bank.items[i] for i in rows], [waves[i] for i in rows], "cpu")


def with_copies(clips: int = 12, kinds: int = 3) -> Pieces:
    bank = bank_of(clips)
    own = human(bank)
    copied = [as_copies(own, f"k{k}", own.samples.numpy() // (k + 2)) for k in range(kinds)]
    clean = joined([bank, *copied])
    return Pieces.of(clean, clean, np.random.default_rng(1))


def test_half_of_a_batch_is_human_and_copies_are_of_its_own_clips() -> None:
    made, seen = with_copies(), set()
    for _ in range(20):
        rows = made.rows(40)
        items = [made.items[row] for row in rows]
        assert [item.label for item in items].count("bonafide") == 20
        copies = [item for item in items if item.family == "zoo"]
        assert len(copies) == round(20 * COPIED)
        people = {item.utt_id for item in items if item.label == "bonafide"}
        assert {item.utt_id for item in copies} <= people
        seen |= {item.system for item in copies}
    assert seen == {"k0", "k1", "k2"}


def test_without_a_zoo_the_machine_made_half_is_of_the_corpus() -> None:
    bank = bank_of(9)
    made = Pieces.of(bank, bank, np.random.default_rng(1))
    labels = [made.items[row].label for row in made.rows(10)]
    assert labels.count("spoof") == 5


def test_how_often_pieces_are_lossy_and_changed() -> None:
    ones = [np.full(8_000, value, np.int16) for value in (4_000, 8_000)]
    clean, lossy = (Bank.of(bank_of(1).items, [wave], "cpu") for wave in ones)
    none = replace(Changes().scaled(0.0), gain=0.0)
    rows = np.zeros(400, dtype=np.int64)
    torch.manual_seed(0)
    heard = changed(clean, lossy, rows, Handling(0.3, 1.0, none))[:, 0] * 32_768
    assert set(heard.round().tolist()) == {4_000, 8_000}
    assert abs(float((heard > 6_000).float().mean()) - 0.3) < 0.06
    louder = Handling(0.0, 0.4, replace(none, gain=1.0, decibel=(0.0, 20.0)))
    heard = changed(clean, lossy, rows, louder)[:, 0] * 32_768
    assert abs(float((heard.round() != 4_000).float().mean()) - 0.4) < 0.06
    assert (OFTEN.lossy, OFTEN.changed) > (USUAL.lossy, USUAL.changed)
    assert OFTEN.changes.decibel == USUAL.changes.decibel


def test_a_third_of_the_pieces_are_unchanged_and_all_are_of_16_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    made = with_copies()
    monkeypatch.setattr(pieces, "changed", lambda clean, _, rows: torch.zeros(len(rows), SAMPLES))
    waves = made.waves(np.zeros(600, dtype=np.int64))
    assert waves.shape == (600, SAMPLES)
    kept = (waves.abs().amax(1) > 0).float().mean()
    assert abs(float(kept) - UNCHANGED) < 0.06
    torch.testing.assert_close(waves * 32_768, (waves * 32_768).round())


def test_changed_pieces_differ_from_draw_to_draw_and_follow_from_the_seed() -> None:
    bank, rows = bank_of(3), np.arange(3)
    torch.manual_seed(1)
    one, other = changed(bank, bank, rows), changed(bank, bank, rows)
    torch.manual_seed(1)
    torch.testing.assert_close(changed(bank, bank, rows), one)
    assert not torch.equal(one, other)


def test_rounding_keeps_16_bits_and_clips() -> None:
    wave = torch.tensor([1.5, -2.0, 0.3 / 32_768, 0.7 / 32_768, -1.0])
    wanted = torch.tensor([32_767, -32_768, 0, 1, -32_768]) / 32_768
    torch.testing.assert_close(rounded(wave), wanted)


def test_banks_that_do_not_belong_together_are_refused() -> None:
    bank = bank_of(6)
    other = Bank(bank.items[::-1], bank.samples, bank.starts, bank.lengths)
    with pytest.raises(TrainingError, match="other clips"):
        Pieces.of(bank, other, np.random.default_rng(0))
    first = joined([as_copies(human(bank), "k", human(bank).samples.numpy()), bank])
    with pytest.raises(TrainingError, match="follow"):
        Pieces.of(first, first, np.random.default_rng(0))
    people = human(bank)
    alone = Pieces.of(people, people, np.random.default_rng(0))
    with pytest.raises(TrainingError, match="no spoof clip"):
        alone.rows(4)


def test_sparse_aasist_learns_from_waveforms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = count()
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))  # so that seconds are steps
    monkeypatch.setattr(steps, "time", clock)
    for name, value in {"EVERY": 5, "BATCH": 12, "MEMORY": 0.8, "WARM": 0.2}.items():
        monkeypatch.setattr(graphs, name, value)
    bank = bank_of(12)
    made = Pieces.of(bank, bank, np.random.default_rng(1))
    net = graphs.fit(made, {}, 26.0, tmp_path / "curve.json", 1)
    other = bank_of(15)
    waves = other.heads(range(15), SAMPLES)
    with torch.inference_mode():
        found = net(waves).spoof_logit.tolist()
    assert joint.eer(found, [item.label for item in other.items]) < 0.2
    assert (tmp_path / "curve.json").exists()
    assert not net.training
