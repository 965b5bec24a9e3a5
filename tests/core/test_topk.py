"""TopK: hand-computed values, ties, identity, gradient."""

import pytest
import torch

from core.topk import TopK

ROW = torch.tensor([[3.0, -5.0, 1.0, 3.0, 0.5, 3.0]])


def test_keeps_the_highest_signed_values() -> None:
    assert TopK(2, 6)(ROW).tolist() == [[3.0, 0, 0, 3.0, 0, 0]]  # of three equal, the first two
    assert TopK(5, 6)(ROW).tolist() == [[3.0, 0, 1.0, 3.0, 0.5, 3.0]]


def test_keeps_the_largest_magnitudes_where_asked() -> None:
    assert TopK(2, 6, "abs")(ROW).tolist() == [[3.0, -5.0, 0, 0, 0, 0]]


def test_all_of_them_is_the_identity_to_the_bit() -> None:
    assert torch.equal(TopK(6, 6)(ROW), ROW)


@pytest.mark.parametrize("k", [1, 20, 50, 319])
def test_exactly_k_are_left_in_each_row(k: int) -> None:
    dense = torch.randn(4, 320, generator=torch.Generator().manual_seed(0))
    sparse = TopK(k, 320)(dense)
    assert (sparse != 0).sum(1).tolist() == [k] * 4
    for row, kept in zip(dense, sparse, strict=True):
        assert torch.equal(kept[kept != 0].sort().values, row.sort().values[-k:])


def test_gradient_flows_through_kept_entries_only() -> None:
    dense = ROW.clone().requires_grad_()
    TopK(2, 6)(dense).sum().backward()
    assert dense.grad is not None
    assert dense.grad.tolist() == [[1, 0, 0, 1, 0, 0]]


@pytest.mark.parametrize("k", [0, 7, -1])
def test_an_impossible_k_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 6"):
        TopK(k, 6)
