"""Clips on a device and pieces of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from training.bank import Bank, head_batches
from training.data import Item


def bank_of(*lengths: int) -> Bank:
    """Clips whose samples tell clip and place: 1,000 x clip + place."""
    waves = [np.arange(n, dtype=np.int16) + 1_000 * i for i, n in enumerate(lengths)]
    items = [Item(f"U{i}", "bonafide", Path(f"{i}.flac")) for i in range(len(lengths))]
    return Bank.of(items, waves, "cpu")


def places(wave: torch.Tensor) -> list[list[int]]:
    rows: list[list[int]] = (wave * 32_768).round().int().tolist()
    return rows


def test_heads_say_short_clips_again() -> None:
    assert places(bank_of(3, 5).heads([1, 0], 7)) == [
        [1000, 1001, 1002, 1003, 1004, 1000, 1001],
        [0, 1, 2, 0, 1, 2, 0],
    ]


def test_pieces_are_runs_of_their_own_clip() -> None:
    torch.manual_seed(0)
    bank, rows = bank_of(900, 400), np.array([0, 1, 0, 1, 1])
    for row, piece in zip(rows, places(bank.pieces(rows, 50, (1.0, 2.0))), strict=True):
        assert piece == list(range(piece[0], piece[0] + 50))
        assert 1_000 * row <= piece[0] < 1_000 * row + (900, 400)[row] - 49


def test_a_piece_shorter_than_wanted_is_said_again() -> None:
    torch.manual_seed(0)
    piece = places(bank_of(900).pieces(np.array([0]), 40, (10 / 16_000, 10.4 / 16_000)))[0]
    assert piece[:10] == list(range(piece[0], piece[0] + 10))
    assert piece[10:20] == piece[:10]


@pytest.mark.parametrize(("count", "sizes"), [(5, [2, 2, 1]), (4, [2, 2]), (0, [])])
def test_batches_cover_every_clip_once(count: int, sizes: list[int]) -> None:
    batches = head_batches(count, 2)
    assert [len(batch) for batch in batches] == sizes
    assert [row for batch in batches for row in batch] == list(range(count))


def test_pieces_may_end_in_zeros_or_turn_back() -> None:
    wave = np.arange(1, 1_001, dtype=np.int16)
    bank = Bank.of([Item("U", "bonafide", Path("u.flac"))], [wave], "cpu")
    rows = np.zeros(1, np.int64)
    heard = bank.pieces(rows, 2_500, (10.0, 10.0), (0.0, 1.0, 0.0))[0] * 32_768
    np.testing.assert_array_equal(heard[:1_000], wave)
    assert not heard[1_000:].any()
    turned = bank.pieces(rows, 2_500, (10.0, 10.0), (0.0, 0.0, 1.0))[0] * 32_768
    np.testing.assert_array_equal(turned[:1_000], wave)
    np.testing.assert_array_equal(turned[1_000:1_999], wave[-2::-1])
    np.testing.assert_array_equal(turned[1_998:2_500], wave[:502])
