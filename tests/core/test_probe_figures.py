"""Pictures and tables of probes hold the numbers that were found."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from core import probe_figures, probe_tables
from core.calibration import Bounds
from core.conditions import match
from core.detect import Settings
from core.faithfulness import Effect, Faithfulness
from core.likelihood import Facts, tippett
from core.probes import Robustness, robustness, shortcuts
from core.regions import what_if
from core.types import Region, Window
from core.variants import HARMLESS
from tests.core.loudness import Loudness, loaded
from tests.core.test_conditions import QUALITY, SOURCE
from tests.core.test_probes import CALM, steady

GAINS = tuple(one for one in HARMLESS if one.group in ("gain", "padding"))


@pytest.fixture
def found() -> Robustness:
    two = [loaded(Loudness(offset=-1.0)), loaded(Loudness(), "loudness-2", calibration=None)]
    return robustness(steady(), two, [Window(0, 64_600)], CALM, variants=GAINS)


def points(figure: go.Figure, name: str) -> list[float]:
    return [float(x) for trace in figure.data if trace.name == name for x in trace.x]


def test_the_strip_has_a_dot_a_change_and_llrs_apart_from_raw_scores(found: Robustness) -> None:
    figure = probe_figures.strip(found, 0.5)
    drawn = points(figure, "louder, quieter")
    wanted = [value for one in found.spreads for _, value in one.values]
    assert drawn == pytest.approx(wanted)
    assert points(figure, "as it is") == pytest.approx([one.original for one in found.spreads])
    assert {figure.layout.xaxis.title.text, figure.layout.xaxis2.title.text} == {
        "LLR (spoof +)",
        "raw score, not calibrated (spoof +)",
    }
    assert figure.layout.meta["text"] == found.text


def test_turned_signs_have_rings_and_zero_is_in_the_middle(found: Robustness) -> None:
    figure = probe_figures.strip(found, 0.5)
    turned = [dict(one.values)[name] for one in found.spreads for name in one.flipped]
    assert turned
    assert points(figure, "turns the sign") == pytest.approx(turned)
    for axis in (figure.layout.xaxis, figure.layout.xaxis2):
        assert axis.range[0] == -axis.range[1]
    drawn = max(points(figure, "louder, quieter"))
    assert figure.layout.xaxis2.range[1] > drawn or figure.layout.xaxis.range[1] > drawn


def test_the_band_is_drawn_for_llrs_only(found: Robustness) -> None:
    figure = probe_figures.strip(found, 0.5)
    bands = [shape.xref for shape in figure.layout.shapes if (shape.x0, shape.x1) == (-0.5, 0.5)]
    assert bands == ["x"]
    zeros = [shape.xref for shape in figure.layout.shapes if (shape.x0, shape.x1) == (0, 0)]
    assert zeros == ["x", "x2"]


def test_each_legend_entry_comes_once(found: Robustness) -> None:
    figure = probe_figures.strip(found, 0.5)
    entries = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert sorted(entries) == sorted(set(entries))


def test_dumbbells_go_from_before_to_after() -> None:
    clip = steady()
    hung = shortcuts(clip, [loaded()], [Window(0, 64_600)], CALM)
    figure = probe_figures.dumbbells(hung.reliances, 0.5, "Shortcuts")
    lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert [tuple(map(float, trace.x)) for trace in lines] == [
        pytest.approx((one.before, one.after)) for one in hung.reliances
    ]
    region = what_if(clip, Region(1, 2), [loaded()], Settings())
    pieces = probe_figures.dumbbells(region.changes, 1.0, "The region")
    names = {trace.y[0] for trace in pieces.data}
    assert names == {"Loudness · region alone", "Loudness · cut out", "Loudness · silenced"}


def facts(interval: tuple[float, float] | None = (0.5, 1.5)) -> Facts:
    llrs, labels = np.array([-1.0, 0.0, 1.0, 2.0]), ("bonafide", "spoof", "bonafide", "spoof")
    return Facts(
        name="one",
        title="One",
        propositions=("a", "b"),
        llr=-1.25,
        bounds=None,
        at_bound=False,
        interval=interval,
        n_bonafide=2,
        n_spoof=2,
        cllr=0.5,
        dataset="",
        tippett=tippett(llrs, labels),
        trial_llrs=llrs,
        trial_labels=labels,
        match=match(None, None, None),
        sentences=(),
    )


def test_the_tippett_plot_marks_the_clip_and_its_interval() -> None:
    figure = probe_figures.tippett(facts())
    spoof, bonafide = figure.data
    assert list(spoof.y) == [0, 50, 50, 100]
    assert list(bonafide.y) == [100, 50, 50, 0]
    lines = [(shape.x0, shape.x1) for shape in figure.layout.shapes]
    assert (-1.25, -1.25) in lines
    assert (0.5, 1.5) in lines
    assert "this clip −1.25" in [note.text for note in figure.layout.annotations]
    assert len(probe_figures.tippett(facts(None)).layout.shapes) == 2
    rows = probe_tables.tippett(facts()).rows
    assert rows[1] == ("+0.00", "50.0 %", "50.0 %")


def test_a_table_of_likelihood_ratios_has_a_row_a_card() -> None:
    known = replace(facts(), bounds=Bounds(80, 60))
    elsewhere = replace(
        known, llr=None, interval=None, match=match({"codecs": []}, QUALITY, SOURCE)
    )
    rows = probe_tables.likelihoods([known, elsewhere, replace(facts(), bounds=None)]).rows
    assert rows[0] == (
        "One",
        "−1.25",
        "+0.50 to +1.50",
        "−4.11 to +4.39",
        "2, 2",
        "0.50",
        "unknown",
    )
    assert rows[1][1:3] == ("–", "–")
    assert rows[1][-1] == "no match"
    assert rows[2][1] == "not calibrated"


def test_effects_show_the_map_beside_each_random_choice() -> None:
    random = (Effect(0.1, 0.2), Effect(0.3, 0.1))
    tested = Faithfulness("k", 1.0, True, 0.05, Effect(1.0, 2.0), random, 0.8, "Said.")
    figure = probe_figures.effects(tested)
    bar, dots = figure.data
    assert list(bar.y) == [1.0, 2.0]
    assert [float(y) for y in dots.y] == pytest.approx([0.1, 0.3, 0.2, 0.1])
    table = probe_tables.faithfulness(tested)
    assert table.rows[0] == ("marked by the map", "+1.00", "+2.00")
    assert table.rows[2] == ("random stretches, median", "+0.20", "+0.15")
    assert table.note == "Said."


def test_tables_say_what_was_and_what_was_not_tried(found: Robustness) -> None:
    table = probe_tables.robustness(found)
    assert table.header == (
        "change",
        "Loudness (loudness-1), llr",
        "Loudness (loudness-2), raw score (not calibrated)",
    )
    assert [row[0] for row in table.rows] == [
        "as it is",
        "12 dB quieter",
        "6 dB quieter",
        "6 dB louder",
        "12 dB louder",
        "median",
        "lowest",
        "highest",
    ]
    assert {len(row) for row in table.rows} == {len(table.header)}
    assert "nothing is padded" in table.note
    hung = shortcuts(steady(), [loaded()], [Window(0, 64_600)], CALM)
    assert len(probe_tables.shortcuts(hung).rows) == len(hung.reliances)
    region = what_if(steady(), Region(1, 2), [loaded()])
    assert [row[1] for row in probe_tables.what_if(region).rows] == [
        "for the region alone",
        "with the region cut out",
        "with the region silenced",
    ]
