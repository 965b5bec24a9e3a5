"""Pictures of probes: robustness, shortcuts, regions, Tippett curves, faithfulness. No torch.

For the app and for scripts (each gives a plotly figure with the margins of `core.canvas`):

    strip(found, band) -> Figure              `core.probes.Robustness`
    dumbbells(changes, band, title) -> Figure  `Shortcuts.reliances` or `WhatIf.changes`
    tippett(facts) -> Figure                  `core.likelihood.Facts` whose `tippett` is not None
    effects(found) -> Figure                  `core.faithfulness.Faithfulness`

The same numbers as text are in `core.probe_tables`.
"""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.canvas import BONAFIDE, GREY, SPOOF, colour, f4, plain
from core.faithfulness import Faithfulness
from core.likelihood import Facts
from core.probes import Reliance, Robustness, Spread
from core.regions import Change

ROW = 34  # pixels of a detector's row
SYMBOLS = {
    "offset": "circle",
    "padding": "square",
    "gain": "triangle-up",
    "resampler": "x",
    "codec": "diamond",
}
WORDS = {
    "offset": "start moved",
    "padding": "padding",
    "gain": "louder, quieter",
    "resampler": "resampled",
    "codec": "codec",
}
AXIS = {"llr": "LLR (spoof +)", "spoof_logit": "raw score, not calibrated (spoof +)"}


def strip(found: Robustness, band: float) -> go.Figure:
    """A row a detector: its number as it is (bar) and under every harmless change (dots)."""
    figure, places = _rows(
        [(one.quantity, one.title) for one in found.spreads], band, "Robustness", found.text
    )
    group = {one.name: one.group for one in found.tried}
    shown: set[str] = set()
    for one in found.spreads:
        row = places[one.quantity]
        figure.add_scatter(
            x=f4([one.low, one.high]),
            y=[one.title] * 2,
            mode="lines",
            line={"color": GREY, "width": 3},
            opacity=0.45,
            hoverinfo="skip",
            showlegend=False,
            row=row,
            col=1,
        )
        for kind in dict.fromkeys(group.values()):
            values = [(name, value) for name, value in one.values if group[name] == kind]
            if not values:
                continue
            figure.add_scatter(
                x=f4([value for _, value in values]),
                y=[one.title] * len(values),
                mode="markers",
                name=WORDS[kind],
                legendgroup=kind,
                showlegend=kind not in shown,
                marker={"symbol": SYMBOLS[kind], "size": 9, "color": colour(0)},
                customdata=[[name] for name, _ in values],
                hovertemplate="%{customdata[0]}: %{x:+.2f}<extra></extra>",
                row=row,
                col=1,
            )
            shown.add(kind)
        if one.flipped:
            _turned(figure, one, row, legend="turned" not in shown)
            shown.add("turned")
        _as_it_is(figure, one.title, one.original, row, legend="as it is" not in shown)
        shown.add("as it is")
    _reach(
        figure, places, [(one.quantity, x) for one in found.spreads for x in (one.low, one.high)]
    )
    return figure


def dumbbells(changes: Sequence[Reliance | Change], band: float, title: str) -> go.Figure:
    """A row a detector and change: from the number as it is (bar) to the number then (dot)."""
    named = [(one, f"{one.title} · {_what(one)}") for one in changes]
    figure, places = _rows([(one.quantity, name) for one, name in named], band, title)
    for index, (one, name) in enumerate(named):
        row = places[one.quantity]
        marked = isinstance(one, Reliance) and one.hangs
        figure.add_scatter(
            x=f4([one.before, one.after]),
            y=[name, name],
            mode="lines+markers",
            line={"color": SPOOF if marked else GREY, "width": 2},
            marker={"size": [0, 10], "color": SPOOF if one.after > 0 else BONAFIDE},
            hovertemplate=f"{name}: %{{x:+.2f}}<extra></extra>",
            showlegend=False,
            row=row,
            col=1,
        )
        _as_it_is(figure, name, one.before, row, legend=index == 0)
    _reach(figure, places, [(one.quantity, x) for one in changes for x in (one.before, one.after)])
    return figure


def tippett(facts: Facts) -> go.Figure:
    """Both curves of the calibration trials, and the clip's llr with its interval."""
    curves = facts.tippett
    if curves is None or facts.llr is None:
        raise ValueError(f"{facts.name} has no calibration trials to draw")
    figure = go.Figure()
    drawn = (
        ("spoofed trials, llr up to", curves.spoof, SPOOF, "solid", "hv"),
        ("bona fide trials, llr from", curves.bonafide, BONAFIDE, "dash", "vh"),
    )
    for name, shares, hue, dash, shape in drawn:
        figure.add_scatter(
            x=f4(curves.llr),
            y=f4(100 * shares),
            mode="lines",
            name=name,
            line={"color": hue, "width": 2, "dash": dash, "shape": shape},
            hovertemplate="%{x:+.2f}: %{y:.1f} %<extra>" + name + "</extra>",
        )
    if facts.interval is not None:
        low, high = facts.interval
        figure.add_vrect(x0=low, x1=high, fillcolor=GREY, opacity=0.25, line_width=0)
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    side = "right" if facts.llr > float(curves.llr.mean()) else "left"  # the label stays inside
    figure.add_vline(
        x=facts.llr,
        line={"color": "#d00000", "width": 2},
        annotation={"text": f"this clip {facts.llr:+.2f}".replace("-", "−"), "xanchor": side},
    )
    reach = [*curves.llr[[0, -1]], facts.llr, *(facts.interval or ())]
    room = 0.05 * (max(reach) - min(reach))
    figure.update_xaxes(title_text=AXIS["llr"], range=[min(reach) - room, max(reach) + room])
    figure.update_yaxes(title_text="trials (%)", range=[-2, 102])
    plain(figure, 300, f"Tippett plot of the calibration data, {facts.title}")
    return _legend(figure, 300)


def effects(found: Faithfulness) -> go.Figure:
    """Deletion and insertion: bars for what the map marks, dots for each random choice."""
    names = ["deletion", "insertion"]
    figure = go.Figure()
    figure.add_bar(
        x=names,
        y=f4([found.marked.deletion, found.marked.insertion]),
        name="marked by the map",
        marker_color=colour(0) if found.better else GREY,
        hovertemplate="%{x}: %{y:.2f}<extra>marked by the map</extra>",
        width=0.4,
    )
    spots = [(name, getattr(one, name)) for name in names for one in found.random]
    figure.add_scatter(
        x=[name for name, _ in spots],
        y=f4([value for _, value in spots]),
        mode="markers",
        name="random stretches",
        marker={"color": "#D55E00", "size": 7, "symbol": "circle-open"},
        hovertemplate="%{x}: %{y:.2f}<extra>random stretches</extra>",
    )
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    figure.update_yaxes(title_text="effect (raw score)")
    plain(figure, 260, "Faithfulness against random stretches")
    return _legend(figure, 260)


def _rows(
    rows: Sequence[tuple[str, str]], band: float, title: str, text: str = ""
) -> tuple[go.Figure, dict[str, int]]:
    """An empty plot with a row a name, and where llrs and raw scores go: apart, as they differ."""
    kinds = [kind for kind in AXIS if any(quantity == kind for quantity, _ in rows)] or ["llr"]
    names = {kind: [n for quantity, n in rows if quantity == kind] for kind in kinds}
    counts = [max(len(set(names[kind])), 1) for kind in kinds]
    figure = make_subplots(rows=len(kinds), row_heights=counts, vertical_spacing=0.28)
    places = {kind: place for place, kind in enumerate(kinds, start=1)}
    for kind, row in places.items():
        order = list(dict.fromkeys(names[kind]))[::-1]
        cut = [name if len(name) <= 40 else f"{name[:39]}…" for name in order]
        figure.update_yaxes(
            type="category",
            categoryorder="array",
            categoryarray=order,
            tickmode="array",
            tickvals=order,
            ticktext=cut,
            row=row,
            col=1,
        )
        figure.update_xaxes(title_text=AXIS[kind], row=row, col=1)
        there = {"row": row, "col": 1, "exclude_empty_subplots": False}
        figure.add_vline(x=0, line={"color": GREY, "width": 1}, **there)
        if kind == "llr":
            figure.add_vrect(x0=-band, x1=band, fillcolor=GREY, opacity=0.2, line_width=0, **there)
    height = 120 + ROW * sum(counts) + 60 * (len(kinds) - 1)
    plain(figure, height, title)
    longest = max((len(name) for _, name in rows), default=0)
    figure.update_layout(margin_l=max(figure.layout.margin.l, 7 * min(longest, 40) + 16))
    if text:
        figure.update_layout(meta={**figure.layout.meta, "text": text})
    return _legend(figure, height), places


def _legend(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": -52 / (height - 70), "yanchor": "top"},
        margin_b=86,
        height=height + 42,
    )


def _reach(figure: go.Figure, places: dict[str, int], numbers: Sequence[tuple[str, float]]) -> None:
    """Axes with zero in their middle, so that the side and the size of a number can be seen."""
    for kind, row in places.items():
        reach = 1.1 * max([2.0, *(abs(value) for quantity, value in numbers if quantity == kind)])
        figure.update_xaxes(range=[-reach, reach], row=row, col=1)


def _turned(figure: go.Figure, one: Spread, row: int, *, legend: bool) -> None:
    """Rings around the changes that turn the sign."""
    values = [(name, value) for name, value in one.values if name in one.flipped]
    figure.add_scatter(
        x=f4([value for _, value in values]),
        y=[one.title] * len(values),
        mode="markers",
        name="turns the sign",
        legendgroup="turned",
        showlegend=legend,
        marker={"symbol": "circle-open", "size": 17, "color": "#d00000", "line": {"width": 2}},
        hoverinfo="skip",
        row=row,
        col=1,
    )


def _as_it_is(figure: go.Figure, name: str, value: float, row: int, *, legend: bool) -> None:
    figure.add_scatter(
        x=f4([value]),
        y=[name],
        mode="markers",
        name="as it is",
        legendgroup="as it is",
        showlegend=legend,
        marker={
            "symbol": "line-ns-open",
            "size": 20,
            "color": GREY,
            "line": {"color": GREY, "width": 3},
        },
        hovertemplate="as it is: %{x:+.2f}<extra></extra>",
        row=row,
        col=1,
    )


def _what(one: Reliance | Change) -> str:
    short = {
        "trimmed": "no outer silence",
        "no-dc": "no DC",
        "below-4k": "below 4 kHz",
        "below-7k": "below 7 kHz",
        "above-80": "above 80 Hz",
        "alone": "region alone",
        "without": "cut out",
        "silenced": "silenced",
    }
    return short.get(one.key, one.key)
