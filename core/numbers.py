"""Evidence without a picture: one sentence, one table; and the same evidence over many windows.

A plot cannot be read by everyone. Whatever `core.figures` draws, this file says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.figures import WINDOWS, is_time, labels, speaks
from core.types import Axis, Evidence, Window

MAX_ROWS = 60
MAX_COLUMNS = 24
RASTER_ROWS = 40


@dataclass(frozen=True, slots=True)
class Table:
    """Text cells under a header, and what was left out to keep it readable."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


def sentence(evidence: Evidence) -> str:
    """Where the highest (and, where signs matter, the lowest) value stands, in one sentence."""
    values = evidence.values
    if not np.isfinite(values).any():
        return f"{evidence.title}: no values."
    size = " × ".join(f"{len(axis)} {axis.name}" for axis in evidence.axes)
    high = _place(evidence, int(np.nanargmax(values)))
    if evidence.signed and not speaks(evidence):
        low = _place(evidence, int(np.nanargmin(values)))
        return f"{size}. Highest: {high}; lowest: {low}."
    if evidence.signed:
        low = _place(evidence, int(np.nanargmin(values)))
        return f"{size}. Strongest towards spoof: {high}; strongest towards bona fide: {low}."
    spread = float(np.nanmax(values) - np.nanmin(values))
    if spread <= 1e-6 * max(1.0, abs(float(np.nanmax(values)))):
        return f"{size}, all equal ({float(np.nanmax(values)):.3g} {evidence.unit})."
    return f"{size}. Highest: {high}; median {float(np.nanmedian(values)):.3g}."


def table(evidence: Evidence) -> Table:
    """The values as text: a row for each entry of the first axis, time in columns.

    Beyond 60 rows those with the largest values stay, beyond 24 columns neighbours are averaged,
    and a third axis is averaged away; the note says so.
    """
    values, axes, notes = evidence.values, list(evidence.axes), []
    if values.ndim == 3:
        notes.append(f"averaged over {axes[0].name}")
        values, axes = np.nanmean(values, axis=0), axes[1:]
    if values.ndim == 1 and is_time(axes[0]) and len(axes[0]) > MAX_ROWS:
        notes.append(f"averaged over {MAX_ROWS} stretches")
        values, times = _pooled(values[None], axes[0], MAX_ROWS)
        values, axes = values[0], [times]
    if values.ndim == 2 and is_time(axes[0]):
        values, axes = values.T, axes[::-1]
    if values.ndim == 2 and len(axes[1]) > MAX_COLUMNS:
        notes.append(f"averaged into {MAX_COLUMNS} columns")
        values, columns = _pooled(values, axes[1], MAX_COLUMNS)
        axes = [axes[0], columns]
    names = labels(axes[0])
    if len(names) > MAX_ROWS:
        notes.append(f"the {MAX_ROWS} largest of {len(names)} rows")
        weight = np.nansum(np.abs(values.reshape(len(names), -1)), axis=1)
        keep = np.sort(np.argsort(-weight, kind="stable")[:MAX_ROWS])
        values, names = values[keep], [names[index] for index in keep]
    header = (axes[0].name, *(labels(axes[1]) if values.ndim == 2 else [evidence.unit]))
    cells = values.reshape(len(names), -1)
    rows = tuple(
        (name, *(f"{cell:.3g}" if np.isfinite(cell) else "–" for cell in row))
        for name, row in zip(names, cells, strict=True)
    )
    return Table(header, rows, "; ".join(notes))


def across_windows(seen: Sequence[tuple[Window, Evidence]]) -> Evidence | None:
    """One piece of evidence in all windows of a clip: its labels against time.

    Works for evidence with one axis that is not time, such as active dimensions or layer weights;
    None for any other, for what belongs to the model, and for fewer than two windows. A label
    that a window does not have is NaN there. Labels are sorted by their total size, the 40 largest
    stay.
    """
    if len(seen) < 2:
        return None
    first = seen[0][1]
    if first.scope == "model" or first.values.ndim != 1 or is_time(first.axes[0]):
        return None
    names = list(dict.fromkeys(name for _, one in seen for name in labels(one.axes[0])))
    row = {name: index for index, name in enumerate(names)}
    values = np.full((len(names), len(seen)), np.nan, np.float32)
    for column, (_, one) in enumerate(seen):
        values[[row[name] for name in labels(one.axes[0])], column] = one.values
    order = np.argsort(-np.nansum(np.abs(values), axis=1), kind="stable")[:RASTER_ROWS]
    if len(names) <= RASTER_ROWS and not first.signed:
        order = np.arange(len(names))  # layers and groups keep their order
    middles = tuple((window.start + window.stop) / 2 for window, _ in seen)
    return replace(
        first,
        key=first.key + ".windows",
        title=first.title + ", window by window",
        values=values[order],
        axes=(
            replace(first.axes[0], unit="", values=tuple(names[index] for index in order)),
            Axis(WINDOWS, "s", middles),
        ),
        sums_to_one=(),
        caption="The same numbers for every window of the clip; empty where a row plays no part.",
    )


def relabel(evidence: Evidence, names: Mapping[str, str]) -> Evidence:
    """The same with more telling labels where `names` has any: "d7" as "d7 · A13 · nMI 1.00"."""
    if not any(value in names for axis in evidence.axes for value in labels(axis)):
        return evidence
    axes = tuple(
        replace(axis, values=tuple(names.get(str(value), str(value)) for value in axis.values))
        if isinstance(axis.values[0], str)
        else axis
        for axis in evidence.axes
    )
    return replace(evidence, axes=axes)


def _place(evidence: Evidence, flat: int) -> str:
    """A value and where it stands: "+0.31 logit at d115"."""
    index = np.unravel_index(flat, evidence.values.shape)
    where = ", ".join(
        f"{axis.values[i]:.2f} s" if is_time(axis) else labels(axis)[i]
        for axis, i in zip(evidence.axes, index, strict=True)
    )
    value = float(evidence.values[index])
    number = f"{value:+.3g}" if evidence.signed else f"{value:.3g}"
    return f"{number} {evidence.unit} at {where}".replace("  ", " ")


def _pooled(
    values: NDArray[np.float32], axis: Axis, columns: int
) -> tuple[NDArray[np.float32], Axis]:
    """Means of neighbouring columns, and an axis that fits them."""
    edges = np.arange(columns + 1) * values.shape[1] // columns
    pairs = list(pairwise(edges))
    pooled = np.stack([np.nanmean(values[:, a:b], axis=1) for a, b in pairs], axis=1)
    if is_time(axis):
        means = np.asarray(axis.values, float)
        return pooled, replace(
            axis, values=tuple(round(float(means[a:b].mean()), 2) for a, b in pairs)
        )
    names = labels(axis)
    return pooled, replace(
        axis, unit="", values=tuple(f"{names[a]} – {names[b - 1]}" for a, b in pairs)
    )
