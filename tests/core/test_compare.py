"""Two sides on one scale; differences by hand."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from core.analysis import analyse_clip
from core.compare import (
    OneChannel,
    difference_figure,
    differences,
    in_time,
    level_values,
    map_figures,
    same_clock,
    score_rows,
)
from core.detect import Settings
from core.figures import overview
from core.pcm import ArraySamples
from core.types import Axis, Evidence, Window
from tests.core.loudness import clip_of, levels, loaded

ANYWAY = Settings(score_anyway=True)


def weights(key: str, values: list[float], names: tuple[str, ...], **more: object) -> Evidence:
    array = np.asarray(values, np.float32)
    return Evidence(key, key.title(), array, (Axis("layer", "", names),), "weight", "c", **more)  # type: ignore[arg-type]


def over_time(key: str, values: list[float]) -> Evidence:
    axis = Axis("time", "s", tuple(float(n) for n in range(len(values))))
    return Evidence(key, key, np.asarray(values, np.float32), (axis,), "x uniform", "c")


def test_only_what_has_no_time_is_subtracted() -> None:
    a = [weights("layers", [0.25, 0.75], ("1", "2")), over_time("t", [1.0, 2.0])]
    b = [weights("layers", [0.5, 0.5], ("1", "2")), over_time("t", [3.0, 4.0])]
    (found,) = differences(a, b)
    assert found.names == ("1", "2")
    assert found.sentence == "Largest difference: 0.25 weight at 1, higher in B."
    ((one, other),) = in_time(a, b)
    assert (one.values[0], other.values[0]) == (1.0, 3.0)
    assert list(difference_figure(found).data[0].x) == [-0.25, 0.25]


def test_dimensions_are_shared_or_of_one_side() -> None:
    a = [weights("topk", [1.0, 2.0, 3.0], ("d1", "d2", "d3"))]
    b = [weights("topk", [1.5, 5.0], ("d2", "d9"))]
    (found,) = differences(a, b)
    assert (found.names, found.only_a, found.only_b) == (("d2",), ("d1", "d3"), ("d9",))
    assert "Shared: 1. Only in A: d1, d3. Only in B: d9." in found.sentence


def test_what_belongs_to_one_model_is_left_out_and_nothing_shared_is_no_picture() -> None:
    model = weights("q", [1.0], ("q1",), scope="model")
    assert differences([model], [model]) == []
    other = weights("q", [2.0], ("q1",), scope="model")
    assert len(differences([model], [other])) == 1
    (apart,) = differences([weights("t", [1.0], ("d1",))], [weights("t", [1.0], ("d2",))])
    assert apart.names == ()
    assert "Only in A: d1" in apart.sentence


def test_two_maps_share_colours_and_two_lines_an_axis() -> None:
    axes = (Axis("row", "", ("a", "b")), Axis("time", "s", (0.5, 1.5)))
    quiet, loud = (
        Evidence("m", "M", np.full((2, 2), level, np.float32), axes, "u", "c") for level in (1, 7)
    )
    windows = (Window(0, 32_000), Window(16_000, 48_000))
    one, other = map_figures((quiet, loud), windows, 0)
    assert (one.data[0].zmin, one.data[0].zmax) == (other.data[0].zmin, other.data[0].zmax)
    assert one.data[0].zmax == 7
    one, other = map_figures((over_time("t", [1, 2]), over_time("t", [1, 8])), windows, 0)
    assert one.layout.yaxis.range == other.layout.yaxis.range
    assert one.layout.yaxis.range[1] > 8


def test_two_clips_share_seconds_a_pixel_and_levels() -> None:
    from core.display import overview as seen

    low, high = (
        overview(seen(ArraySamples(0.9 * level * np.ones((1, n), np.float32))))
        for level, n in ((0.1, 16_000), (1.0, 48_000))
    )
    level_values(low, high)
    same_clock([low, high], 3.0)
    assert tuple(low.layout.yaxis.range) == tuple(high.layout.yaxis.range)
    assert low.layout.yaxis.range[1] == pytest.approx(0.9)
    for figure in (low, high):
        assert list(figure.layout.meta["extent"]) == [0, 3]
        assert list(figure.layout.xaxis.range) == [0, 3]


def test_figures_without_a_common_axis_are_left_alone() -> None:
    level_values(go.Figure(), overview_free := go.Figure())
    assert overview_free.layout.yaxis.range is None


def test_scores_are_subtracted_only_within_one_kind() -> None:
    clips = [clip_of([levels(level, level)]) for level in (0.01, 0.03)]
    quiet, loud = (analyse_clip(clip, [loaded()], ANYWAY) for clip in clips)
    row, fused = score_rows(loud, quiet)
    assert row[:2] == ("loudness", "loudness-1")
    assert row[2:5] == ("llr +3.00", "llr +1.00", "+2.00")
    assert fused[4] == "+2.00"
    raw = [analyse_clip(clip, [loaded(calibration=None)], ANYWAY) for clip in clips]
    assert score_rows(raw[1], raw[0])[0][4] == "raw +2.000"  # one checkpoint: one scale
    one = loaded(name="loudness-2", calibration=None)
    other = replace(one, checkpoint=replace(one.checkpoint, sha256="b" * 64))
    row, fused = score_rows(raw[0], analyse_clip(clips[0], [other], ANYWAY))
    assert (row[1], row[4]) == ("loudness-1 / loudness-2", "–")
    assert fused[4] == "–"


def test_one_channel_is_that_channel() -> None:
    samples = ArraySamples(np.stack([np.zeros(10, np.float32), np.ones(10, np.float32)]))
    right = OneChannel(samples, 1)
    assert (right.channels, right.length) == (1, 10)
    assert right.read(2, 5).tolist() == [[1, 1, 1]]
