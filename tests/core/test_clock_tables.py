"""What the plots on the clock say in words is what they show."""

import numpy as np
import pytest

from core import clock_tables
from core.display import Overview
from core.figures import Curve
from core.types import Reading, Score, Window


def curve(title: str, numbers: list[float], *, calibrated: bool = True) -> Curve:
    readings = tuple(
        Reading(
            Window(n * 64_000, n * 64_000 + 64_600), Score(10 * x, x if calibrated else None), 0.0
        )
        for n, x in enumerate(numbers)
    )
    return Curve(title, 0, readings, calibrated)


def test_a_row_a_window_and_a_column_a_detector() -> None:
    found = clock_tables.scores(
        [curve("A", [1.0, -0.5]), curve("B", [0.25], calibrated=False)]  # B was stopped
    )
    assert found.header == ("window", "A (LLR)", "B (raw score)")
    assert found.rows == (("0.0–4.0 s", "+1.00", "+2.50"), ("4.0–8.0 s", "−0.50", "–"))
    assert found.note == ""
    assert clock_tables.scores([]).rows == ()


def test_of_many_windows_the_most_spoof_like_stay_in_their_order() -> None:
    numbers = list(np.linspace(-3, 3, 100))
    found = clock_tables.scores([curve("A", numbers)])
    assert len(found.rows) == 60
    assert found.rows[0][1] == f"{numbers[40]:+.2f}".replace("-", "−")
    assert found.rows[-1][1] == "+3.00"
    assert "60 most spoof-like of 100 windows" in found.note


def test_the_sentence_names_the_highest_and_the_lowest() -> None:
    said = clock_tables.scores_said([curve("A", [1.0, -0.5, 0.2])])
    assert said == ("3 windows. A (LLR): highest +1.00 at 0.0–4.0 s; lowest −0.50 at 4.0–8.0 s.")
    assert clock_tables.scores_said([curve("A", [1.0])]) == (
        "1 window. A (LLR): highest +1.00 at 0.0–4.0 s."
    )


def test_an_overview_in_stretches() -> None:
    high = np.repeat(np.array([0.5, 0.0], np.float32), 50)
    spectrogram = np.full((128, 48), -90, np.int8)
    spectrogram[:16, :24] = -10  # up to 1 kHz, in the first half
    found = clock_tables.overview(Overview(12.0, -high, high, spectrogram))
    assert len(found.rows) == 24
    assert found.rows[0] == ("0.00–0.50", "−6.0", "−10", "−90", "−90")
    assert found.rows[-1] == ("11.50–12.00", "–", "−90", "−90", "−90")


@pytest.mark.parametrize("columns", [1, 5])
def test_a_very_short_clip_has_fewer_stretches(columns: int) -> None:
    ones = np.ones(columns, np.float32)
    found = clock_tables.overview(Overview(0.01, -ones, ones, np.zeros((128, columns), np.int8)))
    assert len(found.rows) == columns
