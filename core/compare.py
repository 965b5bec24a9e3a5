"""Two sides next to each other: the same scales, and differences where time plays no part.

The sides are two clips, one clip under two checkpoints, or the two channels of one clip. What runs
along the time of a clip is shown side by side and never subtracted: other words were spoken. What
does not (weights of layers, groups and quantizers, active dimensions, scores) has a difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.canvas import GREY, plain, timed
from core.figures import draw, is_time, labels
from core.report_words import llr_text, raw
from core.types import Detection, Evidence, Region, Report, Samples, Window

A_HUE, B_HUE = "#2A8BD0", "#E69F00"
BARS = 40  # of a difference, the largest
MAX_CELLS = 64  # of a table that is listed cell by cell
NAMED = 12  # dimensions of a list that are named
ROW = 17  # pixels

SCORE_HEAD = ("detector", "checkpoint", "A", "B", "A − B", "highest window A", "highest window B")
ClipRow = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where time plays no part: one piece of evidence of both sides.

    `names` are those that both sides have; `only_a` and `only_b` those of one side alone, such as
    dimensions that were active in one of them.
    """

    title: str
    unit: str
    names: tuple[str, ...]
    a: tuple[float, ...]
    b: tuple[float, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What the picture shows, for those who cannot see it."""
        said = []
        if self.names:
            gaps = [a - b for a, b in zip(self.a, self.b, strict=True)]
            most = max(range(len(gaps)), key=lambda index: abs(gaps[index]))
            side = "higher in A" if gaps[most] > 0 else "higher in B"
            said.append(
                "Both sides are equal."
                if gaps[most] == 0
                else f"Largest difference: {abs(gaps[most]):.3g} {self.unit} at "
                f"{self.names[most]}, {side}."
            )
        if self.only_a or self.only_b:
            said.append(f"Shared: {len(self.names)}.")
            said.append(f"Only in A: {_list(self.only_a)}. Only in B: {_list(self.only_b)}.")
        return " ".join(said)


def differences(a: Sequence[Evidence], b: Sequence[Evidence]) -> list[Difference]:
    """Every piece of evidence that both sides have and that does not run along time."""
    others = {one.key: one for one in b}
    found = []
    for one in a:
        other = others.get(one.key)
        if other is None or not (_timeless(one) and _timeless(other)):
            continue
        if one.values.ndim != other.values.ndim or one.values.ndim > 2:
            continue
        if one.values.ndim == 2 and one.values.size > MAX_CELLS:
            continue  # a list of so many pairs says nothing to anybody
        if one.scope == "model" and np.array_equal(one.values, other.values):
            continue  # the same model on both sides
        found.append(_difference(one, other))
    return found


def in_time(a: Sequence[Evidence], b: Sequence[Evidence]) -> list[tuple[Evidence, Evidence]]:
    """The evidence of both sides that runs along time, in pairs."""
    others = {one.key: one for one in b}
    return [(one, others[one.key]) for one in a if one.key in others and not _timeless(one)]


def difference_figure(found: Difference) -> go.Figure:
    """Bars of A − B, the largest, in the order in which the detector has them."""
    gaps = np.asarray(found.a, float) - np.asarray(found.b, float)
    keep = np.sort(np.argsort(-np.abs(gaps), kind="stable")[:BARS])
    names = [found.names[index] for index in keep]
    figure = go.Figure()
    figure.add_bar(
        x=gaps[keep],
        y=names,
        orientation="h",
        marker_color=[A_HUE if gap > 0 else B_HUE for gap in gaps[keep]],
        customdata=np.column_stack([np.asarray(found.a)[keep], np.asarray(found.b)[keep]]),
        hovertemplate="%{y}: A %{customdata[0]:.3g}, B %{customdata[1]:.3g}<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    left_out = f", the {len(keep)} largest of {len(gaps)}" if len(keep) < len(gaps) else ""
    cut = [name if len(name) <= 14 else name[:13] + "…" for name in names]
    reach = max(float(np.abs(gaps).max(initial=0.0)), 1e-9) * 1.1
    figure.update_xaxes(title_text=f"A − B, {found.unit}{left_out}", range=[-reach, reach])
    figure.update_yaxes(
        autorange="reversed", type="category", tickmode="array", tickvals=names, ticktext=cut
    )
    return plain(figure, 90 + ROW * max(len(names), 4), f"A − B: {found.title}")


def map_figures(
    pair: tuple[Evidence, Evidence], windows: tuple[Window, Window], place: int
) -> tuple[go.Figure, go.Figure]:
    """Both maps on one colour scale, or both lines on one axis."""
    drawn = tuple(
        draw(evidence, place, Region(window.start, window.stop))
        for evidence, window in zip(pair, windows, strict=True)
    )
    one, other = drawn
    level_values(one, other)
    return one, other


def same_clock(figures: Sequence[go.Figure], seconds: float) -> None:
    """Let plots over clips of different lengths have the same seconds per pixel."""
    for figure in figures:
        title = str((figure.layout.meta or {}).get("title", ""))
        margin, height = figure.layout.margin.b, figure.layout.height
        timed(figure, (0.0, seconds), height, title)
        figure.update_layout(margin_b=margin)


def level_values(one: go.Figure, other: go.Figure) -> None:
    """Give two figures of one kind the same value axes and the same colours for the same value."""
    known = {axis.plotly_name for axis in other.select_yaxes()}
    for axis in one.select_yaxes():
        if axis.plotly_name not in known:
            continue
        twin = other.layout[axis.plotly_name]
        if axis.range is None or twin.range is None:
            continue
        low = min(*axis.range, *twin.range)
        high = max(*axis.range, *twin.range)
        axis.range = twin.range = (low, high)
    _level_colours(one, other)


def _level_colours(one: go.Figure, other: go.Figure) -> None:
    pairs = zip(
        one.select_traces({"type": "heatmap"}),
        other.select_traces({"type": "heatmap"}),
        strict=False,
    )
    for trace, twin in pairs:
        if trace.zmin is not None and twin.zmin is not None:
            trace.zmin = twin.zmin = min(trace.zmin, twin.zmin)
            trace.zmax = twin.zmax = max(trace.zmax, twin.zmax)
    scales = [figure.layout.coloraxis for figure in (one, other)]
    if all(scale.cmin is not None for scale in scales):
        low, high = min(s.cmin for s in scales), max(s.cmax for s in scales)
        for scale in scales:
            scale.cmin, scale.cmax = low, high
    lines = [
        trace
        for figure in (one, other)
        for trace in figure.select_traces({"type": "scatter"})
        if trace.fill == "tozeroy"
    ]
    if lines:
        top = max(float(np.nanmax(trace.y)) for trace in lines)
        low = min(0.0, *(float(np.nanmin(trace.y)) for trace in lines))
        for figure in (one, other):
            figure.update_yaxes(range=[low, top * 1.05 if top > 0 else 1.0])


def score_rows(a: Report, b: Report) -> list[ClipRow]:
    """A row for each detector of either side; a difference only between numbers of one kind.

    Raw scores are subtracted only where both come from the same checkpoint.
    """
    left, right = _by_detector(a), _by_detector(b)
    rows = [_score_row(left.get(key), right.get(key)) for key in dict.fromkeys([*left, *right])]
    rows.append(
        (
            "all calibrated",
            "fused llr",
            llr_text(a.fused.llr),
            llr_text(b.fused.llr),
            _gap(a.fused.llr, b.fused.llr),
            "–",
            "–",
        )
    )
    return rows


def _by_detector(report: Report) -> dict[tuple[str, int], Detection]:
    """Detections by detector, and by their number where a detector has several."""
    found: dict[tuple[str, int], Detection] = {}
    for one in report.detections:
        number = sum(1 for name, _ in found if name == one.detector)
        found[one.detector, number] = one
    return found


def _score_row(a: Detection | None, b: Detection | None) -> ClipRow:
    there = [one for one in (a, b) if one is not None]
    checkpoints = list(dict.fromkeys(one.checkpoint for one in there))
    both = a is not None and b is not None
    calibrated = both and all(one.score.llr is not None for one in there)
    gap = "–"
    if a is not None and b is not None and calibrated:
        gap = _gap(a.score.llr, b.score.llr)
    elif a is not None and b is not None and a.sha256 == b.sha256:
        gap = f"raw {raw(a.score.spoof_logit - b.score.spoof_logit)}"
    names = (there[0].detector, " / ".join(checkpoints))
    return (*names, _number(a), _number(b), gap, _highest(a), _highest(b))


def _number(one: Detection | None) -> str:
    if one is None:
        return "–"
    if one.score.llr is None:
        return f"raw {raw(one.score.spoof_logit)}"
    return f"llr {llr_text(one.score.llr)}"


def _highest(one: Detection | None) -> str:
    if one is None or not one.readings:
        return "–"
    best = max(one.readings, key=lambda reading: reading.score.spoof_logit)
    return f"{best.window.start:.1f}–{best.window.stop:.1f} s"


def _gap(a: float | None, b: float | None) -> str:
    return "–" if a is None or b is None else llr_text(a - b)


def _difference(one: Evidence, other: Evidence) -> Difference:
    a, b = _cells(one), _cells(other)
    names = tuple(name for name in a if name in b)
    return Difference(
        one.title,
        one.unit,
        names,
        tuple(a[name] for name in names),
        tuple(b[name] for name in names),
        tuple(name for name in a if name not in b),
        tuple(name for name in b if name not in a),
    )


def _cells(evidence: Evidence) -> Mapping[str, float]:
    """Every finite value under the labels of its axes, such as "group 2 · layer 5"."""
    axes = [labels(axis) for axis in evidence.axes]
    named: dict[str, Any] = {}
    for index, value in np.ndenumerate(evidence.values):
        if np.isfinite(value):
            named[" · ".join(axes[n][i] for n, i in enumerate(index))] = float(value)
    return named


def _timeless(evidence: Evidence) -> bool:
    return not any(is_time(axis) for axis in evidence.axes)


def _list(names: Sequence[str]) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


@dataclass(frozen=True, slots=True)
class OneChannel:
    """One channel of a recording, to be drawn and heard alone."""

    whole: Samples
    number: int

    @property
    def channels(self) -> int:
        return 1

    @property
    def length(self) -> int:
        return self.whole.length

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        return self.whole.read(start, stop)[self.number : self.number + 1]
