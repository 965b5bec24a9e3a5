"""What the pictures show, in words and in a table."""

import numpy as np
import pytest

from core import numbers
from core.types import Axis, Evidence, Window

TIME = Axis("frames", "s", tuple(np.arange(100) * 0.04))


def made(values: list[float], names: tuple[str, ...], **changes: object) -> Evidence:
    fields = {"unit": "logit", "caption": "c", **changes}
    array = np.array(values, np.float32)
    return Evidence("k", "Share", array, (Axis("dimensions", "", names),), **fields)  # type: ignore[arg-type]


def test_the_sentence_names_the_extremes() -> None:
    shown = made([0.5, -1.25, 0.0], ("d1", "d2", "d3"), signed=True)
    assert numbers.sentence(shown) == (
        "3 dimensions. Strongest towards spoof: +0.5 logit at d1; "
        "strongest towards bona fide: -1.25 logit at d2."
    )
    plain = made([0.5, 0.25, 0.0], ("d1", "d2", "d3"), unit="weight")
    assert numbers.sentence(plain) == "3 dimensions. Highest: 0.5 weight at d1; median 0.25."
    assert "all equal (0.25 weight)" in numbers.sentence(
        made([0.25, 0.25], ("a", "b"), unit="weight")
    )


def test_the_sentence_gives_the_time() -> None:
    values = np.zeros((2, 100), np.float32)
    values[1, 25] = 2
    shown = Evidence("k", "t", values, (Axis("layers", "", ("one", "two")), TIME), "× uniform", "c")
    assert "Highest: 2 × uniform at two, 1.00 s" in numbers.sentence(shown)


def test_a_small_table_is_complete() -> None:
    table = numbers.table(made([0.5, -1.25], ("d1", "d2")))
    assert table == numbers.Table(("dimensions", "logit"), (("d1", "0.5"), ("d2", "-1.25")), "")


def test_time_is_averaged_into_columns() -> None:
    values = np.arange(200, dtype=np.float32).reshape(2, 100)
    shown = Evidence("k", "t", values, (Axis("layers", "", ("a", "b")), TIME), "w", "c")
    table = numbers.table(shown)
    assert len(table.header) == 1 + numbers.MAX_COLUMNS
    assert table.rows[0][1] == f"{values[0, :4].mean():.3g}"
    assert table.note == "averaged into 24 columns"


def test_a_long_table_keeps_the_largest_rows_in_order() -> None:
    values = [0.0] * 100
    values[90], values[10] = 5.0, -9.0
    table = numbers.table(made(values, tuple(f"d{n}" for n in range(100))))
    names = [row[0] for row in table.rows]
    assert len(names) == numbers.MAX_ROWS
    assert names.index("d10") < names.index("d90")
    assert table.note == "the 60 largest of 100 rows"


def test_windows_side_by_side() -> None:
    windows = [Window(n * 64_000, n * 64_000 + 64_000) for n in range(2)]
    first = made([1.0, 0.5], ("d1", "d2"), signed=True)
    second = made([-3.0, 0.25], ("d3", "d2"), signed=True)
    raster = numbers.across_windows([(windows[0], first), (windows[1], second)])
    assert raster is not None
    assert raster.axes[0].values == ("d3", "d1", "d2")  # by total size
    assert raster.axes[1].values == (2.0, 6.0)
    np.testing.assert_array_equal(raster.values, [[np.nan, -3], [1, np.nan], [0.5, 0.25]])


@pytest.mark.parametrize("scope", ["model", "window"])
def test_what_has_no_raster(scope: str) -> None:
    one = made([1.0], ("d1",), scope=scope)
    pairs = [(Window(0, 10), one), (Window(10, 20), one)]
    assert (numbers.across_windows(pairs) is None) is (scope == "model")
    assert numbers.across_windows(pairs[:1]) is None
