"""Sums over ever finer points: exact for polynomials, and no point is asked for twice."""

import math
from itertools import pairwise

import pytest

from core import quadrature


@pytest.mark.parametrize("size", quadrature.sizes(65))
def test_polynomials_are_integrated_exactly(size: int) -> None:
    points, weights = quadrature.points(size), quadrature.weights(size)
    assert len(points) == len(weights) == size
    assert min(weights) > 0
    for power in range(size):
        found = math.fsum(w * p**power for p, w in zip(points, weights, strict=True))
        assert found == pytest.approx(1 / (power + 1), abs=1e-14)


def test_each_set_holds_the_coarser_one_to_the_bit() -> None:
    sizes = quadrature.sizes(65)
    assert sizes == (5, 9, 17, 33, 65)
    for coarse, fine in pairwise(sizes):
        assert set(quadrature.points(coarse)) < set(quadrature.points(fine))
    assert {0.0, 1.0} < set(quadrature.points(5))


def test_the_most_is_kept_to() -> None:
    assert quadrature.sizes(32) == (5, 9, 17)
    with pytest.raises(ValueError, match="5 at least"):
        quadrature.sizes(4)
