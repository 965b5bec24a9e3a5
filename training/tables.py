"""Figures for people and for programs: a Markdown table, and the same as CSV and JSON."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.bootstrap import Interval


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that ends with a line break."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def save(
    folder: Path, name: str, rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> None:
    """`name`.csv with one line a row, and `name`.json with the settings as well."""
    write_csv(folder / f"{name}.csv", rows)
    record = {"settings": dict(settings), "rows": [dict(row) for row in rows]}
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """One line a row; the columns are those of all rows, None is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def percent(share: float | None) -> str:
    """A share as "12.3 %"; a dash where there is none."""
    return "-" if share is None else f"{100 * share:.1f} %"


def points(difference: float, spread: Interval) -> str:
    """A difference of shares in percentage points with its interval: "+1.2 (-0.3 to +2.8)"."""
    ends = " to ".join(f"{100 * end:+.1f}" for end in (spread.low, spread.high))
    return f"{100 * difference:+.1f} ({ends})"
