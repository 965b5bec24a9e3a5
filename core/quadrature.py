"""Integrals over [0, 1] from ever finer sets of points, each of which holds the one before.

Clenshaw-Curtis: the points are those of a cosine, the weights those that make the sum exact for
polynomials of a degree below their number. Twice as many steps keep all points that are there, so
a sum can be made finer for the price of the new points alone, which Gauss-Legendre cannot.
(Trefethen 2008, "Is Gauss Quadrature Better than Clenshaw-Curtis?": seldom in practice.)
"""

from functools import cache
from math import cos, pi

FEWEST = 5


def sizes(most: int) -> tuple[int, ...]:
    """Numbers of points from the coarsest set to the finest that has no more than `most`.

    Raises
    ------
    ValueError
        for fewer than 5.
    """
    if most < FEWEST:
        raise ValueError(f"An integral of {most} points; it needs {FEWEST} at least.")
    found = [FEWEST]
    while 2 * found[-1] - 1 <= most:
        found.append(2 * found[-1] - 1)
    return tuple(found)


@cache
def points(size: int) -> tuple[float, ...]:
    """The points of a set, 0 and 1 among them; equal ones of two sets are equal to the bit."""
    steps = size - 1
    return tuple(_point(number / steps) for number in range(size))


def _point(share: float) -> float:
    # shares are fractions of powers of two, so sets meet exactly; the ends are exact as well
    return 0.0 if share == 0 else 1.0 if share == 1 else (1 - cos(pi * share)) / 2


@cache
def weights(size: int) -> tuple[float, ...]:
    """What the values at `points(size)` count; together 1."""
    steps = size - 1
    found = []
    for number in range(size):
        angle = 2 * pi * number / steps
        waves = sum(
            (1 if wave == steps // 2 else 2) / (4 * wave**2 - 1) * cos(wave * angle)
            for wave in range(1, steps // 2 + 1)
        )
        found.append((1 if number in {0, steps} else 2) / (2 * steps) * (1 - waves))
    return tuple(found)
