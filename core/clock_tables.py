"""The plots on a clip's clock as text: its overview, and the scores of its windows.

For those who cannot see them, and for those who want the numbers:

    overview(seen) -> Table            `core.display.Overview`
    scores(curves) -> Table            `core.figures.Curve`
    scores_said(curves) -> str
"""

from collections.abc import Sequence

import numpy as np

from core.display import Overview
from core.figures import Curve
from core.numbers import Table
from core.probe_sentences import number
from core.quality import decibels
from core.types import Reading, Region
from core.verdict import seconds

STRETCHES = 24
BANDS = ((0, 1), (1, 4), (4, 8))  # kHz
ROWS = 60
NO_NUMBER = "–"


def overview(seen: Overview) -> Table:
    """Up to 24 equal stretches: peak, and the spectrogram's mean in three bands."""
    count = min(STRETCHES, len(seen.high), seen.spectrogram.shape[1])
    header = ("time (s)", "peak (dBFS)", *(f"{low}–{high} kHz (dB)" for low, high in BANDS))
    peaks = np.maximum(np.abs(seen.low), np.abs(seen.high))
    rows = []
    for place in range(count):
        start, stop = (seen.seconds * edge / count for edge in (place, place + 1))
        peak = float(_part(peaks, place, count).max())
        column = _part(seen.spectrogram.T, place, count).mean(axis=0)
        means = [column[_bands(*band, len(column))].mean() for band in BANDS]
        level = NO_NUMBER if peak == 0 else f"{decibels(peak):.1f}"
        cells = (f"{start:.2f}–{stop:.2f}", level, *(f"{mean:.0f}" for mean in means))
        rows.append(tuple(cell.replace("-", "−") for cell in cells))
    return Table(header, tuple(rows), "Bands: mean of the spectrogram, below its loudest cell.")


def scores(curves: Sequence[Curve]) -> Table:
    """A row a window, a column a detector; of many windows the most spoof-like ones, in order."""
    header = ("window", *(f"{one.title} ({_unit(one)})" for one in curves))
    count = max((len(one.readings) for one in curves), default=0)
    picked = sorted(sorted(range(count), key=lambda row: -_highest(curves, row))[:ROWS])
    rows = tuple((_window(curves, row), *(_cell(one, row) for one in curves)) for row in picked)
    left_out = f"The {ROWS} most spoof-like of {count} windows; the CSV file has all of them."
    return Table(header, rows, left_out if count > ROWS else "")


def scores_said(curves: Sequence[Curve]) -> str:
    """How many windows, and where each detector's number is highest and lowest."""
    count = max((len(one.readings) for one in curves), default=0)
    said = [f"{count} window{'' if count == 1 else 's'}."]
    for one in curves:
        if one.readings:
            high = max(one.readings, key=lambda reading: _value(one, reading))
            low = min(one.readings, key=lambda reading: _value(one, reading))
            ends = "; lowest ".join(
                f"{number(_value(one, reading))} at {seconds(_region(reading))}"
                for reading in (high, low)[: min(count, 2)]
            )
            said.append(f"{one.title} ({_unit(one)}): highest {ends}.")
    return " ".join(said)


def _part(values: np.ndarray, place: int, count: int) -> np.ndarray:
    edges = np.arange(count + 1) * len(values) // count
    return values[edges[place] : edges[place + 1]]


def _bands(low: float, high: float, count: int) -> slice:
    return slice(int(low / 8 * count), int(high / 8 * count))


def _unit(curve: Curve) -> str:
    return "LLR" if curve.calibrated else "raw score"


def _value(curve: Curve, reading: Reading) -> float:
    llr = reading.score.llr
    return llr if curve.calibrated and llr is not None else reading.score.spoof_logit


def _highest(curves: Sequence[Curve], row: int) -> float:
    """The largest number in a row, in the unit of the first kind there is: llrs before raw."""
    for calibrated in (True, False):
        found = [
            _value(one, one.readings[row])
            for one in curves
            if one.calibrated is calibrated and row < len(one.readings)
        ]
        if found:
            return max(found)
    return -np.inf


def _window(curves: Sequence[Curve], row: int) -> str:
    first = next(one for one in curves if row < len(one.readings))
    return seconds(_region(first.readings[row]))


def _region(reading: Reading) -> Region:
    return Region(reading.window.start, reading.window.stop)


def _cell(curve: Curve, row: int) -> str:
    if row >= len(curve.readings):
        return NO_NUMBER
    return number(_value(curve, curve.readings[row]))
