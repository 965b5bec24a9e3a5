"""What AASIST looked at, as pictures: sparse dimensions, graph attention, nodes that were kept.

A node of the published stem stands where its pooled cell lies: three sinc outputs, then six times
three frames, give 3^7 = 2,187 samples a temporal node; three neighbouring sinc bands give a
spectral node. A node of the compact stem is a block of 100 ms or a bin, 500 Hz apart.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.detectors.aasist_picture import CENTRES, STEP
from core.tiling import POOL, sinc_edges
from core.types import RATE, Axis, Evidence, Window

BLOCKS = 6
CELL = POOL ** (BLOCKS + 1)  # samples of a temporal node


class Axes(NamedTuple):
    """Where the nodes lie: Hz of the spectral ones, seconds of the clip of the temporal ones."""

    hertz: tuple[float, ...]
    seconds: tuple[float, ...]


def evidence(trace: Mapping[str, Tensor], window: Window, axes: Axes) -> tuple[Evidence, ...]:
    """The evidence of one window from the trace of a batch of one.

    A window too short for a single whole temporal node has no temporal evidence.
    """
    values = {name: tensor.detach()[0].float().cpu().numpy() for name, tensor in trace.items()}
    found = [*_dimensions(values), *_graph("spectral", values, Axis("frequency", "Hz", axes.hertz))]
    if axes.seconds:
        found += _graph("temporal", values, Axis("time", "s", axes.seconds))
    return tuple(found)


def sinc_axes(
    trace: Mapping[str, Tensor], window: Window, *, filters: int, taps: int, samples: int
) -> Axes:
    """Of the published stem; `samples`: the network's input."""
    real = min(window.last - window.first, samples)
    nodes = trace["temporal"].shape[1]
    hertz = _bin_centres(filters, trace["spectral"].shape[1])
    return Axes(hertz, _node_centres(window, nodes, taps, real))


def picture_axes(trace: Mapping[str, Tensor], window: Window, samples: int) -> Axes:
    """Of the compact stem: bins 500 Hz apart, blocks of 100 ms."""
    real = min(window.last - window.first, samples)
    whole = [n for n in range(trace["temporal"].shape[1]) if (n + 1) * STEP <= real]
    seconds = tuple((window.first + (n + 0.5) * STEP) / RATE for n in whole)
    return Axes(CENTRES, seconds)


def _bin_centres(filters: int, bins: int) -> tuple[float, ...]:
    """Hz: the middle of each group of three bands, on the mel scale, where bands are equal."""
    mel = 2595 * np.log10(1 + sinc_edges(filters) / 700)
    middle = (mel[: bins * POOL : POOL] + mel[POOL : bins * POOL + 1 : POOL]) / 2
    return tuple(float(f) for f in 700 * (10 ** (middle / 2595) - 1))


def _node_centres(window: Window, nodes: int, taps: int, real: int) -> tuple[float, ...]:
    """Seconds of the clip: the middles of the nodes whose whole cell is real audio."""
    first = taps // 2  # the sinc output 0 is centred on this sample
    whole = [node for node in range(nodes) if first + (node + 1) * CELL <= real]
    return tuple((window.first + first + (node + 0.5) * CELL) / RATE for node in whole)


def _dimensions(values: Mapping[str, NDArray[np.float32]]) -> list[Evidence]:
    embedding, contribution = values["embedding"], values["contribution"]
    active = np.flatnonzero(embedding)
    active = active[np.argsort(-np.abs(contribution[active]), kind="stable")]
    names = tuple(f"d{dim}" for dim in active)
    if not names:
        return []
    return [
        Evidence(
            key="aasist.active",
            title="Active dimensions",
            values=embedding[active],
            axes=(Axis("dimension", "", names),),
            unit="activation",
            signed=True,
            caption=(
                f"The {len(active)} of {len(embedding)} embedding dimensions that are not zero, "
                "strongest contribution first. What a dimension stands for is not known from this "
                "clip; its sign alone says nothing."
            ),
        ),
        Evidence(
            key="aasist.contribution",
            title="What each dimension adds to the spoof logit",
            values=np.append(contribution[active], values["bias"]).astype(np.float32),
            axes=(Axis("dimension", "", (*names, "bias")),),
            unit="logit",
            signed=True,
            caption=(
                "Bars and bias add up to the spoof logit of this window exactly; positive speaks "
                "for spoof. This explains the last layer, not how the sound led to it."
            ),
        ),
    ]


def _graph(kind: str, values: Mapping[str, NDArray[np.float32]], axis: Axis) -> list[Evidence]:
    nodes = len(axis)
    attention, kept = values[kind], values[f"{kind}_kept"]
    whole = nodes == len(attention)
    words = "frequency bands" if kind == "spectral" else "moments"
    by = Axis(f"{axis.name} that looks", axis.unit, axis.values)
    at = Axis(axis.name, axis.unit, axis.values)
    return [
        Evidence(
            key=f"aasist.{kind}",
            title=f"{kind.capitalize()} graph attention",
            values=attention[:nodes, :nodes],
            axes=(by, at),
            unit="weight",
            sums_to_one=(at.name,) if whole else (),
            caption=(
                f"How much each of the {words} (rows) draws from the others (columns) in the "
                "first graph layer. Attention shows where the network looked, not what it found."
                + ("" if whole else " What fell on repeated padding is left out.")
            ),
        ),
        Evidence(
            key=f"aasist.{kind}_kept",
            title=f"{words.capitalize()} that were kept",
            values=kept[:nodes],
            axes=(at,),
            unit="gate",
            caption=(
                f"The gates of the {words} that graph pooling passed on; zero means left out. "
                "A gate ranks nodes, it does not say for which side they speak."
            ),
        ),
    ]
