"""Samples that a converter cut off: flat tops, counted block by block.

To be counted at the rate at which the sound was stored: resampling rounds the tops off.
"""

import numpy as np
from numpy.typing import NDArray

FLAT = 0.999  # of the clip's peak: samples that stay above it in a row were cut off
RUN = 3  # samples; speech passes its peak in one or two
LOWEST_PEAK = 0.1  # of full scale; below, no converter has cut anything


class FlatTops:
    """Counts samples in runs of at least three at the clip's highest level."""

    def __init__(self) -> None:
        self._count = 0
        self._samples = 0
        self._peak = 0.0

    def feed(self, block: NDArray[np.float32]) -> None:
        """Take in the next samples, shape (channels, n)."""
        self._samples += block.size
        peak = float(np.abs(block).max(initial=0.0))
        if FLAT * peak > self._peak:  # what was counted so far is not the top
            self._count = 0
        self._peak = max(self._peak, peak)
        height = FLAT * self._peak
        if peak >= max(height, LOWEST_PEAK):
            self._count += sum(_runs(row, height) for row in block)

    @property
    def fraction(self) -> float:
        """Of all samples so far."""
        return self._count / self._samples if self._samples else 0.0


def _runs(row: NDArray[np.float32], height: float) -> int:
    """Samples in runs of at least RUN beyond `height` on one side."""
    count = 0
    for side in (row >= height, row <= -height):
        edges = np.flatnonzero(np.diff(side.astype(np.int8), prepend=0, append=0))
        runs = edges[1::2] - edges[::2]
        count += int(runs[runs >= RUN].sum())
    return count
