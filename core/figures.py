"""Pictures of clips, scores and evidence. This file knows pictures, not networks.

`core.canvas` has the margins, colours and the clock that all of them share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from core.canvas import (
    BONAFIDE,
    DIVERGING,
    GREY,
    MARKERS,
    SPOOF,
    WAVE,
    colour,
    colour_bar,
    f4,
    plain,
    timed,
)
from core.display import Overview
from core.types import Axis, Evidence, Reading, Region
from core.windows import SECONDS

WINDOWS = "windows"  # the name of a time axis with one entry a window
MAX_COLUMNS = 2_000
MAX_BARS = 64
BARS_KEPT = 32  # of more than 64 labelled bars, the largest
MAX_PANES = 8  # small multiples of a three-dimensional array
ROW = 15  # pixels for a labelled row
ROOM = 14  # letters in the left margin, small ones
NARROW = 11  # from so many on they must be small
LETTER = 6.6  # pixels


@dataclass(frozen=True, slots=True)
class Curve:
    """One detector's windows, ready to be drawn.

    `place` chooses colour and marker; equal for the same detector wherever it appears.
    `calibrated` tells whether the readings' llr is drawn or their raw score.
    """

    title: str
    place: int
    readings: tuple[Reading, ...]
    calibrated: bool


def overview(seen: Overview) -> go.Figure:
    """Waveform above spectrogram, over the whole clip."""
    figure = make_subplots(
        rows=2, shared_xaxes=True, vertical_spacing=0.04, row_heights=[0.32, 0.68]
    )
    edges = np.linspace(0, seen.seconds, len(seen.low) + 1)
    middle = f4((edges[:-1] + edges[1:]) / 2)
    outline = {
        "mode": "lines",
        "showlegend": False,
        "line": {"width": 0.6, "color": WAVE},
        "hoverinfo": "none",
    }
    figure.add_scatter(x=middle, y=f4(seen.low), row=1, col=1, **outline)
    figure.add_scatter(
        x=middle, y=f4(seen.high), row=1, col=1, fill="tonexty", fillcolor=WAVE, **outline
    )
    bands, columns = seen.spectrogram.shape
    figure.add_heatmap(
        z=seen.spectrogram,
        x0=seen.seconds / columns / 2,
        dx=seen.seconds / columns,
        y0=8 / bands / 2,
        dy=8 / bands,
        zmin=-80,
        zmax=0,
        colorscale="Cividis",
        colorbar=colour_bar("dB", 0.36, 0.66),
        hovertemplate="%{x:.2f} s, %{y:.1f} kHz: %{z} dB<extra></extra>",
        row=2,
        col=1,
    )
    peak = float(max(abs(seen.low).max(), abs(seen.high).max(), 0.01))
    figure.update_yaxes(title_text="level", range=[-peak, peak], row=1, col=1)
    figure.update_yaxes(title_text="kHz", range=[0, 8], row=2, col=1)
    timed(figure, (0, seen.seconds), 290, "Waveform and spectrogram")
    return figure.update_layout(margin_b=24)


def scores(
    curves: Sequence[Curve], seconds: float, band: float, view: Region | None = None
) -> go.Figure:
    """The windows of all detectors over the clip: llr where calibrated, raw scores elsewhere.

    `band` is half the height of the inconclusive band, in llr; `view` is the window whose evidence
    is on show. A marker's customdata is (start, stop) of its window, in seconds.
    """
    kinds = [kind for kind in (True, False) if any(c.calibrated is kind for c in curves)] or [False]
    figure = make_subplots(rows=len(kinds), shared_xaxes=True, vertical_spacing=0.08)
    for row, calibrated in enumerate(kinds, start=1):
        drawn = [curve for curve in curves if curve.calibrated is calibrated]
        for curve in drawn:
            _steps(figure, curve, seconds, row)
        _score_axis(figure, drawn, calibrated, row)
        if calibrated:
            _band(figure, band, row)
    figure.update_layout(
        legend={"orientation": "h", "x": 0, "y": -0.46 / len(kinds), "yanchor": "top"},
        showlegend=True,
    )
    timed(figure, (0, seconds), 90 + 160 * len(kinds), "Scores of all windows")
    figure.update_xaxes(title_text="time in the clip (s)", row=len(kinds), col=1)
    figure.update_layout(margin_b=70)
    if view is not None:
        figure.add_vrect(
            x0=view.start,
            x1=view.stop,
            fillcolor="#d00000",
            opacity=0.09,
            line_width=0,
            row="all",
            col=1,
        )
    return figure


def draw(evidence: Evidence, place: int, extent: Region) -> go.Figure:
    """The picture that fits an array's axes.

    One axis: bars, or a line over time. Two: a heatmap, time across where there is a time axis.
    Three: small heatmaps, one for each entry of the shortest axis. `extent` is the stretch of the
    clip that a time axis covers.
    """
    ndim = evidence.values.ndim
    if ndim == 1 and is_time(evidence.axes[0]):
        figure, height = _over_time(evidence, place), 190
    elif ndim == 1:
        figure, height = _bars(evidence, place)
    elif ndim == 2:
        figure, height = _map(evidence, extent)
    elif ndim == 3:
        figure, height = _panes(evidence)
    else:
        raise ValueError(f"{evidence.key}: {ndim} axes; pictures have one to three")
    if is_time(evidence.axes[_positions(evidence)[2]]):
        timed(figure, (extent.start, extent.stop), height, evidence.title)
        figure.update_xaxes(title_text="time in the clip (s)")
        return figure.update_layout(margin_b=44)
    return _widened(plain(figure, height, evidence.title), evidence)


def is_time(axis: Axis) -> bool:
    """Whether an axis runs along the clip."""
    return axis.unit == "s" and not isinstance(axis.values[0], str)


def labels(axis: Axis) -> list[str]:
    """What stands beside the cells of an axis."""
    if isinstance(axis.values[0], str):
        return [str(value) for value in axis.values]
    numbers = [float(value) for value in axis.values]
    return [
        f"{n:.0f} {axis.unit}".strip() if abs(n) >= 100 else f"{n:.3g} {axis.unit}".strip()
        for n in numbers
    ]


def speaks(evidence: Evidence) -> bool:
    """Whether positive values speak for spoof, rather than being signed in another sense."""
    return evidence.signed and evidence.unit in ("logit", "llr")


def _positions(evidence: Evidence) -> tuple[list[int], int, int]:
    """Which axes get panes, run down and run across, as positions in `evidence.axes`."""
    axes = evidence.axes
    order = list(range(len(axes)))
    panes: list[int] = []
    if len(axes) == 3:
        still = [n for n in order if not is_time(axes[n])]
        panes = [min(still or order, key=lambda n: len(axes[n]))]
    rest = [n for n in order if n not in panes]
    across = next((n for n in reversed(rest) if is_time(axes[n])), rest[-1])
    down = next((n for n in rest if n != across), across)
    return panes, down, across


def _steps(figure: go.Figure, curve: Curve, seconds: float, row: int) -> None:
    readings = sorted(curve.readings, key=lambda reading: reading.window.first)
    if not readings:
        return
    middle = [(r.window.start + r.window.stop) / 2 for r in readings]
    edges = _between(middle)
    x: list[float | None] = []
    y: list[float | None] = []
    shown = [_number(reading, curve.calibrated) for reading in readings]
    lefts = [readings[0].window.start, *edges]
    rights = [*edges, readings[-1].window.stop]
    for left, right, value in zip(lefts, rights, shown, strict=True):
        x += [left, min(right, seconds)]
        y += [value, value]
    hue = colour(curve.place)
    shared = {"legendgroup": curve.title, "name": curve.title, "row": row, "col": 1}
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": hue, "width": 2},
        hoverinfo="skip",
        showlegend=False,
        **shared,
    )
    figure.add_scatter(
        x=middle,
        y=shown,
        mode="markers",
        marker={"color": hue, "size": 9, "symbol": MARKERS[curve.place % len(MARKERS)]},
        customdata=[[r.window.start, r.window.stop] for r in readings],
        hovertemplate="%{y:+.2f} at %{customdata[0]:.1f}–%{customdata[1]:.1f} s",
        **shared,
    )


def _between(middles: Sequence[float]) -> list[float]:
    """Where one window's cell ends and the next one's begins."""
    return [(a + b) / 2 for a, b in pairwise(middles)]


def _number(reading: Reading, calibrated: bool) -> float:
    llr = reading.score.llr
    return llr if calibrated and llr is not None else reading.score.spoof_logit


def _score_axis(figure: go.Figure, curves: list[Curve], calibrated: bool, row: int) -> None:
    values = [abs(_number(r, calibrated)) for curve in curves for r in curve.readings]
    reach = max([2.0, *values]) * 1.15
    title = "LLR (spoof +)" if calibrated else "raw score<br>(spoof +)"
    figure.update_yaxes(title_text=title, range=[-reach, reach], row=row, col=1)
    figure.add_hline(y=0, line={"color": GREY, "width": 1}, row=row, col=1)


def _band(figure: go.Figure, band: float, row: int) -> None:
    figure.add_hrect(
        y0=-band,
        y1=band,
        fillcolor=GREY,
        opacity=0.2,
        line_width=0,
        row=row,
        col=1,
        annotation={"text": "inconclusive", "font": {"size": 10}},
        annotation_position="top right",
    )


def _over_time(evidence: Evidence, place: int) -> go.Figure:
    hue = colour(place)
    x, values = _pooled(np.asarray(evidence.axes[0].values, float), evidence.values[None])
    figure = go.Figure()
    figure.add_scatter(
        x=f4(x),
        y=f4(values[0]),
        mode="lines",
        line={"color": hue, "width": 1.5},
        fill="tozeroy",
        hovertemplate="%{x:.2f} s: %{y:.3g}<extra></extra>",
    )
    if (level := _uniform(evidence)) is not None:
        figure.add_hline(y=level, line={"color": GREY, "dash": "dot", "width": 1.5})
    return figure.update_yaxes(title_text=evidence.unit)


def _widened(figure: go.Figure, evidence: Evidence) -> go.Figure:
    """Room on the left for the labels of bars; these plots need not align with others."""
    if evidence.values.ndim != 1:
        return figure
    longest = max(map(len, labels(evidence.axes[0])))
    return figure.update_layout(margin_l=max(figure.layout.margin.l, LETTER * longest + 16))


def _bars(evidence: Evidence, place: int) -> tuple[go.Figure, int]:
    axis = evidence.axes[0]
    names, values, left_out = labels(axis), evidence.values, ""
    figure = go.Figure()
    if len(names) > MAX_BARS and not isinstance(axis.values[0], str):
        figure.add_scatter(y=f4(values), mode="lines", line={"color": colour(place), "width": 1})
        figure.update_xaxes(title_text=axis.name)
        figure.update_yaxes(title_text=evidence.unit)
        return figure, 240
    if len(names) > MAX_BARS:
        keep = np.sort(np.argsort(-np.abs(values), kind="stable")[:BARS_KEPT])
        left_out = f", the {BARS_KEPT} largest of {len(names)}"
        names, values = [names[index] for index in keep], values[keep]
    hues = [SPOOF if v > 0 else BONAFIDE for v in values] if speaks(evidence) else colour(place)
    figure.add_bar(
        x=f4(values),
        y=names,
        orientation="h",
        marker_color=hues,
        hovertemplate="%{y}: %{x:.3g}<extra></extra>",
    )
    if (level := _uniform(evidence)) is not None:
        figure.add_vline(
            x=level, line={"color": GREY, "dash": "dot", "width": 1.5}, annotation_text="uniform"
        )
    figure.update_yaxes(autorange="reversed", **_rows(names, fits=True))
    side = " (spoof +)" if speaks(evidence) else ""
    figure.update_xaxes(title_text=evidence.unit + side + left_out)
    return figure, 90 + (ROW + 2) * max(len(names), 4)


def _map(evidence: Evidence, extent: Region) -> tuple[go.Figure, int]:
    _, lower, wide = _positions(evidence)
    down, across = evidence.axes[lower], evidence.axes[wide]
    values = evidence.values.transpose(lower, wide)
    figure = go.Figure()
    heat = _heat(evidence, values, across, down)
    if across.name == WINDOWS:
        middles = [float(x) for x in heat["x"]]
        left, right = middles[0] - SECONDS / 2, middles[-1] + SECONDS / 2
        edges = max(extent.start, left), *_between(middles), min(extent.stop, right)
        heat["x"] = f4(list(edges))
    figure.add_heatmap(**heat, colorbar=colour_bar(evidence.unit))
    _map_axes(figure, across, down)
    return figure, 90 + min(460, max(110, ROW * len(down)))


def _panes(evidence: Evidence) -> tuple[go.Figure, int]:
    (pane,), lower, wide = _positions(evidence)
    down, across = evidence.axes[lower], evidence.axes[wide]
    values = evidence.values.transpose(pane, lower, wide)[:MAX_PANES]
    columns = 1 if is_time(across) else min(4, len(values))
    rows = -(-len(values) // columns)
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=labels(evidence.axes[pane])[: len(values)],
        shared_xaxes=True,
        shared_yaxes=True,
        vertical_spacing=0.24 / rows,
        horizontal_spacing=0.03,
    )
    for index, plane in enumerate(values):
        cell = {"row": index // columns + 1, "col": index % columns + 1}
        figure.add_heatmap(**_heat(evidence, plane, across, down), coloraxis="coloraxis", **cell)
    low, high = _limits(evidence)
    scale = {"colorscale": _scale(evidence), "cmin": low, "cmax": high}
    figure.update_layout(coloraxis={**scale, "colorbar": colour_bar(evidence.unit)})
    _map_axes(figure, across, down)
    return figure, 90 + rows * min(300, max(120, ROW * len(down)))


def _heat(
    evidence: Evidence, values: NDArray[np.float32], across: Axis, down: Axis
) -> dict[str, Any]:
    """The trace of a heatmap, `values` being (down, across)."""
    x: Any = _heights(across)
    if is_time(across):
        x, values = _pooled(np.asarray(across.values, float), values)
        x = f4(x)
    low, high = _limits(evidence)
    heat: dict[str, Any] = {"z": f4(values), "x": x, "y": _heights(down)}
    if evidence.values.ndim < 3:
        heat |= {"zmin": low, "zmax": high, "colorscale": _scale(evidence)}
    if values.size <= MAX_BARS:
        heat |= {"texttemplate": "%{z:.2~g}", "xgap": 2, "ygap": 2}
    heat["hovertemplate"] = "%{x} · %{y}: %{z:.3g}<extra></extra>"
    return heat


def _heights(down: Axis) -> list[float] | list[str]:
    return labels(down) if isinstance(down.values[0], str) else [float(v) for v in down.values]


def _map_axes(figure: go.Figure, across: Axis, down: Axis) -> None:
    title = f"{across.name} ({across.unit})" if across.unit else across.name
    figure.update_xaxes(title_text=title if not is_time(across) else None, showgrid=False)
    if isinstance(down.values[0], str):
        figure.update_yaxes(autorange="reversed", showgrid=False, **_rows(labels(down)))
    else:
        figure.update_yaxes(title_text=f"{down.name} ({down.unit})", showgrid=False)


def _rows(names: list[str], *, fits: bool = False) -> dict[str, Any]:
    """Labels of rows: each one while there is room, in the margin or short enough for it."""
    cut = [name if fits else _short(name) for name in names]
    step = max(1, len(names) // 32)
    small = {} if fits or max(map(len, cut), default=0) < NARROW else {"tickfont": {"size": 9}}
    return small | {
        "tickmode": "array",
        "tickvals": names[::step],
        "ticktext": cut[::step],
        "type": "category",
    }


def _short(name: str) -> str:
    """A label for a margin that must be the same in all plots over time: "d7·A13·1.00"."""
    tight = name.replace(" · nMI ", "·").replace(" · ", "·") if len(name) > ROOM else name
    return tight if len(tight) <= ROOM else tight[: ROOM - 1] + "…"


def _limits(evidence: Evidence) -> tuple[float, float]:
    finite = evidence.values[np.isfinite(evidence.values)]
    if finite.size == 0:
        return 0.0, 1.0
    if evidence.signed:
        reach = float(max(np.quantile(np.abs(finite), 0.998), 1e-12))
        return -reach, reach
    low, high = float(min(finite.min(), 0.0)), float(np.quantile(finite, 0.998))
    return low, high if high > low else low + 1.0


def _scale(evidence: Evidence) -> Any:
    if speaks(evidence):
        return DIVERGING
    return "PRGn" if evidence.signed else "Viridis"


def _uniform(evidence: Evidence) -> float | None:
    """The value that every entry would have without a preference."""
    if evidence.unit.startswith(("×", "x ")):
        return 1.0
    if evidence.axes[0].name in evidence.sums_to_one:
        return 1.0 / len(evidence.axes[0])
    return None


def _pooled(
    x: NDArray[np.float64], values: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """At most 2,000 columns; where several share one, the value farthest from zero stays."""
    if len(x) <= MAX_COLUMNS:
        return x, values
    starts = np.arange(MAX_COLUMNS) * len(x) // MAX_COLUMNS
    highest = np.maximum.reduceat(values, starts, axis=-1)
    lowest = np.minimum.reduceat(values, starts, axis=-1)
    return x[starts], np.where(highest >= -lowest, highest, lowest)
