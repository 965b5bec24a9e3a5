"""Pictures fit the axes of what they show, and all plots over time share one clock."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import canvas, figures
from core.display import Overview
from core.types import Axis, Evidence, Reading, Region, Score, Window

TIME = Axis("time", "s", tuple(4 + np.arange(200) * 0.02))
LAYERS = Axis("layers", "", tuple(f"layer {n}" for n in range(24)))
GROUPS = Axis("groups", "", tuple(f"group {n}" for n in range(8)))
EXTENT = Region(4.0, 8.0)


def evidence(*axes: Axis, **changes: object) -> Evidence:
    shape = tuple(len(axis) for axis in axes)
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    fields = {"unit": "weight", "caption": "What it shows.", **changes}
    return Evidence("test.key", "A title", values, axes, **fields)  # type: ignore[arg-type]


def readings(*numbers: float, llr: bool = True, hop: int = 64_000) -> tuple[Reading, ...]:
    windows = [Window(n * hop, n * hop + 64_600) for n in range(len(numbers))]
    return tuple(
        Reading(window, Score(2 * number, number if llr else None))
        for window, number in zip(windows, numbers, strict=True)
    )


SEEN = Overview(
    12.0,
    np.full(2_000, -0.1, np.float32),
    np.full(2_000, 0.3, np.float32),
    np.zeros((128, 900), np.int8),
)


def test_plots_over_time_have_one_set_of_margins() -> None:
    drawn = [
        figures.overview(SEEN),
        figures.scores([figures.Curve("A", 0, readings(1, 2, 3), calibrated=True)], 12.0, 1.0),
        figures.draw(evidence(TIME), 1, EXTENT),
        figures.draw(evidence(LAYERS, TIME), 1, EXTENT),
        figures.draw(evidence(GROUPS, LAYERS, TIME), 1, EXTENT),
    ]
    assert {(f.layout.margin.l, f.layout.margin.r) for f in drawn} == {(canvas.LEFT, canvas.RIGHT)}
    assert [tuple(f.layout.meta["extent"]) for f in drawn] == [(0, 12)] * 2 + [(4, 8)] * 3
    assert all(f.layout.xaxis.automargin is False for f in drawn)


def test_a_picture_without_time_is_not_on_the_clock() -> None:
    for shown in (evidence(LAYERS), evidence(LAYERS, GROUPS)):
        assert "extent" not in figures.draw(shown, 0, EXTENT).layout.meta


@pytest.mark.parametrize("axes", [(LAYERS, TIME), (TIME, LAYERS)])
def test_time_runs_across_wherever_it_stands(axes: tuple[Axis, Axis]) -> None:
    shown = evidence(*axes)
    heat = figures.draw(shown, 0, EXTENT).data[0]
    wanted = shown.values if axes[0] is LAYERS else shown.values.T
    np.testing.assert_array_equal(heat.z, wanted)
    np.testing.assert_allclose(heat.x, np.asarray(TIME.values), rtol=1e-6)
    assert list(heat.y) == list(LAYERS.values)


def test_many_columns_become_two_thousand_and_keep_the_extremes() -> None:
    long = Axis("time", "s", tuple(np.arange(50_000) / 16_000))
    values = np.zeros(50_000, np.float32)
    values[12_345], values[40_001] = 3.0, -7.0
    shown = Evidence("k", "t", values, (long,), "logit", "c", signed=True)
    line = figures.draw(shown, 0, EXTENT).data[0]
    assert len(line.y) == figures.MAX_COLUMNS
    assert (line.y.max(), line.y.min()) == (3.0, -7.0)


def test_signs_choose_the_colour_and_the_scale() -> None:
    axis = Axis("dimensions", "", ("d1", "d2"))
    signed = Evidence("k", "t", np.array([1, -2], np.float32), (axis,), "logit", "c", signed=True)
    assert list(figures.draw(signed, 0, EXTENT).data[0].marker.color) == [
        canvas.SPOOF,
        canvas.BONAFIDE,
    ]
    grid = Evidence(
        "k",
        "t",
        np.array([[1, -2]], np.float32),
        (Axis("a", "", ("x",)), axis),
        "logit",
        "c",
        signed=True,
    )
    heat = figures.draw(grid, 0, EXTENT).data[0]
    assert heat.zmin == -heat.zmax


def test_the_uniform_line_is_where_no_preference_would_be() -> None:
    shown = figures.draw(evidence(GROUPS, sums_to_one=("groups",)), 0, EXTENT)
    assert shown.layout.shapes[0].x0 == pytest.approx(1 / 8)
    assert figures.draw(evidence(TIME, unit="× uniform"), 0, EXTENT).layout.shapes[0].y0 == 1
    assert len(figures.draw(evidence(GROUPS), 0, EXTENT).layout.shapes) == 0


def test_three_axes_become_panes_of_the_shortest() -> None:
    heads = Axis("heads", "", ("h1", "h2", "h3"))
    figure = figures.draw(evidence(heads, TIME, TIME), 0, EXTENT)
    assert len(figure.data) == 3
    with pytest.raises(ValueError, match="one to three"):
        figures.draw(evidence(heads, heads, heads, heads), 0, EXTENT)


def test_scores_keep_raw_and_calibrated_numbers_apart() -> None:
    calm = figures.Curve("Calibrated", 0, readings(1, -2), calibrated=True)
    raw = figures.Curve("Raw", 1, readings(3, llr=False), calibrated=False)
    figure = figures.scores([calm, raw], 8.0, 1.0, view=Region(0, 4))
    assert figure.layout.yaxis.title.text == "LLR (spoof +)"
    assert figure.layout.yaxis2.title.text.startswith("raw score")
    markers = [trace for trace in figure.data if trace.mode == "markers"]
    assert [list(trace.y) for trace in markers] == [[1, -2], [6]]
    assert [list(pair) for pair in markers[0].customdata] == [[0, 64_600 / 16e3], [4, 8.0375]]


def test_steps_of_windows_that_overlap_meet_in_the_middle() -> None:
    curve = figures.Curve("A", 0, readings(1, 2, 3, hop=16_000), calibrated=True)
    line = figures.scores([curve], 6.0, 1.0).data[0]
    half = 64_600 / 32_000
    assert list(line.x) == pytest.approx([0, half + 0.5, half + 0.5, half + 1.5, half + 1.5, 6.0])


def test_no_scores_yet_is_an_empty_plot() -> None:
    assert figures.scores([], 5.0, 1.0).layout.xaxis.range == (0, 5.0)


def test_drawing_needs_no_torch() -> None:
    code = "import sys, core.figures, core.numbers; print({'torch', 'librosa'} & set(sys.modules))"
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert run.stdout.strip() == "set()"


def test_long_labels_are_whole_in_bars_and_tight_in_rasters() -> None:
    name = "d115 · A13 · nMI 1.00"
    axis = Axis("dimension", "", (name, "d7"))
    bars = figures.draw(
        Evidence("k", "t", np.ones(2, np.float32), (axis,), "weight", "c"), 0, Region(0, 4)
    )
    assert name in bars.layout.yaxis.ticktext
    assert bars.layout.margin.l > 6 * len(name)
    times = Axis("windows", "s", (2.0, 6.0))
    raster = figures.draw(
        Evidence("k", "t", np.ones((2, 2), np.float32), (axis, times), "weight", "c"),
        0,
        Region(0, 8),
    )
    assert list(raster.data[0].x) == pytest.approx([0, 4, 8], abs=0.02)
    late = replace(times, values=(4.02, 8.02))  # of a clip that is silent until 2 s
    moved = figures.draw(
        Evidence("k", "t", np.ones((2, 2), np.float32), (axis, late), "weight", "c"),
        0,
        Region(0, 12),
    )
    assert list(moved.data[0].x) == pytest.approx([2, 6.02, 10.04], abs=0.01)
    assert raster.layout.yaxis.ticktext[0] == "d115·A13·1.00"
    assert name in raster.layout.yaxis.tickvals  # what the pointer shows
