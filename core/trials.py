"""The trials behind a calibration: an optional CSV file beside the checkpoint.

`calibration_scores.csv` in a checkpoint's folder: columns `label` ("bonafide" or "spoof") and
`spoof_logit`, a row a trial of the calibration set, in any order; further columns are ignored.
`fusion_scores.csv` beside `fusion.json`: `label` and one column a detector (its name) with that
detector's llr, empty where it has none. Without them nothing is worse but the likelihood-ratio
card: it has no interval and no Tippett plot. Training writes the first (`training.run`).

    read(path) -> Trials | None          None where there is no such file
    write(path, labels, columns) -> None

They are data, not weights: bounded in size, checked cell by cell, and a file that does not fit the
calibration's own counts is not used.
"""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.types import DetectorError

SCORES = "calibration_scores.csv"
FUSION_SCORES = "fusion_scores.csv"
LABEL = "label"
MAX_BYTES = 32 << 20  # half a million trials


@dataclass(frozen=True, slots=True)
class Trials:
    """Labels of n trials, and columns of n numbers; NaN where a cell is empty."""

    labels: tuple[str, ...]
    columns: Mapping[str, NDArray[np.float64]]

    @property
    def spoofed(self) -> NDArray[np.bool_]:
        return np.array([label == "spoof" for label in self.labels], np.bool_)

    def counts(self) -> tuple[int, int]:
        """(bona fide, spoofed)."""
        spoofed = int(self.spoofed.sum())
        return len(self.labels) - spoofed, spoofed


def read(path: Path, columns: Sequence[str] | None = None) -> Trials | None:
    """The trials in `path`; of the named columns only where those are given.

    Raises
    ------
    DetectorError
        where the file is too large, lacks a column, or a cell is not what it should be.
    """
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_BYTES:
        raise DetectorError(f"{path.name} is larger than {MAX_BYTES >> 20} MB; it was not read.")
    try:
        text = path.read_text("utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DetectorError(f"{path.name} cannot be read: {error}.") from error
    return _checked(path.name, rows, columns)


def write(path: Path, labels: Sequence[str], columns: Mapping[str, Sequence[float]]) -> None:
    """Write trials, whole or not at all; NaN becomes an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((LABEL, *columns))
    for label, *numbers in zip(labels, *columns.values(), strict=True):
        writer.writerow((label, *("" if np.isnan(x) else repr(float(x)) for x in numbers)))
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text.getvalue(), "utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _checked(
    name: str, rows: Sequence[Mapping[str | None, str | None]], columns: Sequence[str] | None
) -> Trials:
    present = [column for column in (rows[0] if rows else {}) if column is not None]
    wanted = [c for c in present if c != LABEL] if columns is None else list(columns)
    missing = [column for column in (LABEL, *wanted) if column not in present]
    if missing or not wanted:
        raise DetectorError(
            f"{name} holds the columns {', '.join(present) or 'none'}; it needs "
            f"{', '.join((LABEL, *wanted))}, and a row a trial."
        )
    labels = tuple(row[LABEL] or "" for row in rows)
    for line, label in enumerate(labels, start=2):
        if label not in ("bonafide", "spoof"):
            raise DetectorError(f'{name}, line {line}: label {label!r}, not "bonafide" or "spoof".')
    return Trials(
        labels,
        {
            column: np.array(
                [_number(name, line, row[column]) for line, row in enumerate(rows, start=2)]
            )
            for column in wanted
        },
    )


def _number(name: str, line: int, cell: str | None) -> float:
    if not cell:
        return nan
    try:
        value = float(cell)
    except ValueError:
        value = nan
    if not isfinite(value):
        raise DetectorError(f"{name}, line {line}: {cell!r} is not a finite number.")
    return value
