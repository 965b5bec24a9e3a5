"""Static pictures for reports, by matplotlib: window scores and evidence maps.

Figures are made without pyplot, so nothing is kept between two of them and threads do not meet.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from core.types import Axis, Detection, Evidence, Report

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C7A00")
WIDTH = 7.2  # inches: a page with its margins
MAX_COLUMNS = 1_000
MAX_LABELS = 32
MAX_PANES = 8
MAX_WINDOWS_MARKED = 200


def scores(report: Report) -> list[Figure]:
    """Calibrated llrs over time with their band, then raw scores, each where there are any."""
    calibrated = [one for one in report.detections if one.score.llr is not None]
    uncalibrated = [one for one in report.detections if one.score.llr is None]
    figures = []
    if calibrated:
        figures.append(_tracks(report, calibrated, raw=False))
    if uncalibrated:
        figures.append(_tracks(report, uncalibrated, raw=True))
    return figures


def evidence(item: Evidence) -> Figure:
    """A line, a map or small maps, by the number of axes."""
    values = item.values
    if values.ndim == 0:
        values = values.reshape(1)
    if values.ndim == 1:
        return _line(item)
    return _maps(item)


def to_svg(figure: Figure) -> bytes:
    """The figure as SVG, without a date and with names that follow from its content."""
    FigureCanvasSVG(figure)
    out = io.BytesIO()
    with rc_context({"svg.hashsalt": "spoofscope"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def to_png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as PNG."""
    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


def _tracks(report: Report, detections: Sequence[Detection], *, raw: bool) -> Figure:
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    axes = figure.add_subplot()
    several = len({one.channel for one in report.detections}) > 1
    for place, one in enumerate(detections):
        label = f"{one.checkpoint}{f' ({one.channel})' if several else ''}"
        _track(axes, one, label, COLOURS[place % len(COLOURS)], raw=raw)
    if not raw:
        _band(axes, report)
    axes.axhline(0.0, color="#7f8a98", linewidth=0.8)
    axes.set_xlim(0, max(report.source.seconds, 1e-3))
    axes.set_xlabel("time (s)")
    axes.set_ylabel("raw score (spoof +)" if raw else "llr (spoof +)")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return figure


def _track(axes: Any, one: Detection, label: str, colour: str, *, raw: bool) -> None:
    for index, reading in enumerate(one.readings):
        value = reading.score.spoof_logit if raw else reading.score.llr
        stretch = [reading.window.start, reading.window.stop]
        axes.plot(stretch, [value, value], color=colour, label=label if index == 0 else None)


def _band(axes: Any, report: Report) -> None:
    band = float(report.settings.get("band", 1.0))
    axes.axhspan(-band, band, color="#7f8a98", alpha=0.15, linewidth=0, label="inconclusive")
    windows = report.fused.windows
    if windows:
        middles = [(region.start + region.stop) / 2 for region, _ in windows]
        style = "ko" if len(windows) <= MAX_WINDOWS_MARKED else "k-"
        axes.plot(middles, [llr for _, llr in windows], style, markersize=3, label="fused")


def _line(item: Evidence) -> Figure:
    figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
    axes = figure.add_subplot()
    axis, values = item.axes[0], np.atleast_1d(item.values)
    places = _places(axis)
    if _is_labels(axis) and len(axis) <= MAX_LABELS * 2:
        axes.bar(places, values, color=COLOURS[0])
        _ticks(axes.xaxis, axis)
    else:
        axes.plot(places, values, color=COLOURS[0], linewidth=1)
    axes.set_xlabel(_named(axis))
    axes.set_ylabel(item.unit)
    axes.set_title(item.title, fontsize=9, loc="left")
    return figure


def _maps(item: Evidence) -> Figure:
    """The last two axes as a picture; those before as small maps, the first few of them."""
    panes = item.values.reshape(-1, *item.values.shape[-2:])[:MAX_PANES]
    figure = Figure(figsize=(WIDTH, 2.6 * len(panes)), layout="constrained")
    rows, columns = item.axes[-2], item.axes[-1]
    limit = float(np.abs(panes).max(initial=0.0)) or 1.0
    style = (
        {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit} if item.signed else {"cmap": "cividis"}
    )
    for number, pane in enumerate(panes, start=1):
        axes = figure.add_subplot(len(panes), 1, number)
        drawn = _thinned(pane)
        picture = axes.imshow(
            drawn, aspect="auto", origin="lower", interpolation="nearest",
            extent=(*_extent(columns), *_extent(rows)), **style,
        )  # fmt: skip
        figure.colorbar(picture, ax=axes, label=item.unit)
        _ticks(axes.xaxis, columns)
        _ticks(axes.yaxis, rows)
        axes.set_xlabel(_named(columns))
        axes.set_ylabel(_named(rows))
        axes.set_title(item.title if number == 1 else "", fontsize=9, loc="left")
    return figure


def _thinned(values: Any) -> Any:
    """At most MAX_COLUMNS columns, each the mean of those it stands for."""
    columns = values.shape[1]
    if columns <= MAX_COLUMNS:
        return values
    edges = np.linspace(0, columns, MAX_COLUMNS, endpoint=False).astype(int)
    counts = np.diff(np.append(edges, columns))
    return np.add.reduceat(values, edges, axis=1) / counts


def _is_labels(axis: Axis) -> bool:
    return bool(axis.values) and isinstance(axis.values[0], str)


def _places(axis: Axis) -> list[float]:
    if _is_labels(axis):
        return [float(place) for place in range(len(axis))]
    return [float(value) for value in axis.values]


def _extent(axis: Axis) -> tuple[float, float]:
    places = _places(axis)
    if len(places) < 2 or _is_labels(axis):
        return (places[0] - 0.5, places[-1] + 0.5) if places else (0.0, 1.0)
    half = (places[-1] - places[0]) / (len(places) - 1) / 2
    return (places[0] - half, places[-1] + half)


def _ticks(ticks: Any, axis: Axis) -> None:
    """Labels where the axis has labels; every n-th where they would overlap."""
    if not _is_labels(axis):
        return
    step = -(-len(axis) // MAX_LABELS)
    chosen = range(0, len(axis), step)
    ticks.set_ticks(list(chosen), [str(axis.values[place]) for place in chosen])
    ticks.set_tick_params(labelsize=6, labelrotation=90 if ticks.axis_name == "x" else 0)


def _named(axis: Axis) -> str:
    return f"{axis.name} ({axis.unit})" if axis.unit else axis.name
