"""DET and Tippett plots of score sets, and pictures of the nMI matrix; matplotlib to a file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtri

from training.curve import Floats, Scores, det_points, eer_official
from training.disentanglement import Disentanglement
from training.errors import TrainingError

FORMATS = frozenset({".png", ".svg", ".pdf"})
TICKS = np.array([0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8])


def save(figure: Figure, file: Path) -> None:
    """Write a figure; the suffix says the format."""
    if file.suffix.lower() not in FORMATS:
        raise TrainingError(f"{file}: a figure is written as one of {', '.join(sorted(FORMATS))}.")
    figure.savefig(file, bbox_inches="tight")


def det(curves: Mapping[str, Scores]) -> Figure:
    """Detection error tradeoff: frr over far, both axes in probits, one curve a name."""
    figure = Figure(figsize=(5, 5))
    axes = figure.add_subplot()
    for name, given in curves.items():
        frr, far, _ = det_points(given)
        edge = 0.5 / min(given.bonafide.size, given.spoof.size)  # a rate of 0 has no probit
        axes.plot(*(ndtri(np.clip(rate, edge, 1 - edge)) for rate in (far, frr)), label=(
            f"{name}, EER {eer_official(given).value:.2%}"
        ))  # fmt: skip
    axes.axline((0, 0), slope=1, color="0.7", linewidth=0.8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ndtri(TICKS), [f"{100 * t:g}" for t in TICKS])
    limits = (float(ndtri(TICKS[0])), float(ndtri(TICKS[-1])))
    axes.set(
        xlim=limits,
        ylim=limits,
        xlabel="spoofed clips accepted, %",
        ylabel="bona fide clips rejected, %",
    )
    axes.legend(loc="upper right")
    axes.grid(visible=True, alpha=0.3)
    return figure


def tippett(curves: Mapping[str, Scores], unit: str = "llr, bona fide over spoof (ln)") -> Figure:
    """Share of each class at or above a score; where the curves of a class cross 0 are its errors.

    One colour a name: solid bona fide, dashed spoofed.
    """
    figure = Figure(figsize=(6, 4))
    axes = figure.add_subplot()
    for i, (name, given) in enumerate(curves.items()):
        for values, style, label in (
            (given.bonafide, "-", f"{name}, bona fide"),
            (given.spoof, "--", f"{name}, spoofed"),
        ):
            _survival(axes, values, style, f"C{i}", label)
    axes.axvline(0, color="0.7", linewidth=0.8)
    axes.set(xlabel=unit, ylabel="share of clips at or above, %", ylim=(0, 100))
    axes.legend(loc="lower left")
    axes.grid(visible=True, alpha=0.3)
    return figure


def _survival(axes: Axes, values: Floats, style: str, colour: str, label: str) -> None:
    share = 100 * (1 - np.arange(values.size) / values.size)
    axes.step(values, share, style, color=colour, where="pre", label=label)


def importance_map(found: Disentanglement) -> Figure:
    """The nMI matrix (dimensions over attacks) and the histogram of its entries."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    live = ~np.isnan(found.modularity)
    numbers = np.flatnonzero(live)
    order = numbers[
        np.lexsort((-found.matrix[live].max(axis=1), found.matrix[live].argmax(axis=1)))
    ]
    picture = left.imshow(found.matrix[order].T, aspect="auto", vmin=0, interpolation="nearest")
    left.set_yticks(range(len(found.attacks)), found.attacks)
    left.set_xlabel(f"{order.size} live dimensions, by strongest attack ({found.dead} dead)")
    figure.colorbar(picture, ax=left, label="nMI")
    right.hist(found.matrix[live].ravel(), bins=40)
    right.set(xlabel="nMI", ylabel="pairs of dimension and attack", yscale="log")
    return figure
