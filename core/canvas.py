"""What all pictures have in common: margins, colours, the frame, the clock.

Every plot over time has the same margins, so that one cursor and one zoom fit all of them, and
carries `layout.meta.extent`, the seconds that it covers. Fonts and grid take the page's colours in
the browser; here they are greys that can be read on light and dark.
"""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

LEFT, RIGHT = 92, 84  # pixels; room for "layer 24" and for a colour bar
GREY = "#7f8a98"
GRID = "rgba(127,138,152,0.25)"
WAVE = "#7a8896"
# Okabe and Ito, the blue a little lighter so that it shows on a dark page too
PALETTE = ("#2A8BD0", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C7A00")
MARKERS = ("circle", "square", "diamond", "x", "triangle-up", "cross", "star")
SPOOF, BONAFIDE = "#D55E00", "#0072B2"
DIVERGING = [[0.0, "#0072B2"], [0.5, "#f2f2f2"], [1.0, "#D55E00"]]


def colour(place: int) -> str:
    """The colour of a detector, by its place among the detectors."""
    return PALETTE[place % len(PALETTE)]


def f4(values: Any) -> NDArray[np.float32]:
    """float32: half the bytes on the way to the browser."""
    return np.asarray(values, np.float32)


def colour_bar(title: str, y: float = 0.5, length: float = 1.0) -> dict[str, Any]:
    """A colour bar in the right margin, which leaves the plot its width."""
    return {
        "title": {"text": title, "side": "top", "font": {"size": 11}},
        "x": 1.01,
        "xanchor": "left",
        "y": y,
        "len": length,
        "thickness": 12,
        "outlinewidth": 0,
        "tickfont": {"size": 10},
    }


def timed(figure: go.Figure, extent: tuple[float, float], height: int, title: str) -> go.Figure:
    """Put a figure on the clock: `extent` is (start, stop) in seconds of the clip."""
    figure.update_xaxes(range=list(extent), constrain="domain")
    figure.update_layout(
        hovermode="x", hoverdistance=-1, meta={"extent": list(extent), "title": title}
    )
    return plain(figure, height, title)


def plain(figure: go.Figure, height: int, title: str) -> go.Figure:
    """Frame, fonts and margins of a figure of `height` pixels."""
    figure.update_xaxes(automargin=False, gridcolor=GRID, zeroline=False, title_standoff=6)
    figure.update_yaxes(
        automargin=False, gridcolor=GRID, zeroline=False, fixedrange=True, title_font_size=12
    )
    figure.update_traces(showlegend=False, selector={"type": "heatmap"})
    if figure.layout.meta is None:
        figure.update_layout(meta={"title": title})
    return figure.update_layout(
        height=height,
        margin={"l": LEFT, "r": RIGHT, "t": 26, "b": 44},
        font={"size": 12, "color": GREY},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode="zoom",
        modebar={
            "remove": ["select2d", "lasso2d", "autoScale2d"],
            "bgcolor": "rgba(0,0,0,0)",  # a phone shows it all the time
            "color": GREY,
        },
        template="none",
    )
