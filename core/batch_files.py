"""A batch on paper: one row a recording, as CSV for spreadsheets and as one HTML page."""

import csv
import io
from collections.abc import Iterable, Sequence
from html import escape

from core import report_words as words
from core.batch import Row, by_highest, counts
from core.report import as_cell
from core.report_words import Heading
from core.sentences import clock, shown
from core.types import Lean
from core.verdict import SYMBOLS, seconds

CSV_COLUMNS = (
    "number",
    "clip",
    "lean",
    "seconds",
    "fused_llr",
    "highest",
    "highest_kind",
    "highest_start",
    "highest_stop",
    "agreement",
    "warnings",
    "sha256",
    "error",
)
TITLE = "SpoofScope: triage of a batch"
HEAD = ("lean", "clip", "length", "fused llr", "highest window", "detectors agree", "warnings")
ABOUT = (
    "Sorted by the highest window, so that a spoofed stretch inside a long recording comes first. "
    "A row is a first look, not a finding: open the recording before anything is said of it."
)
RAW = "raw"  # beside a number that is not calibrated
EXTRA_STYLE = (
    "body { max-width: 76rem; } th { overflow-wrap: normal; } td.n { white-space: nowrap; } "
    "details { margin: .4rem 0; }"
)


def to_csv(rows: Sequence[Row]) -> str:
    """One row a recording, in the order of the batch; numbers unrounded, llr in natural logs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in sorted(rows, key=lambda row: row.number):
        writer.writerow(_cells(row))
    return text.getvalue()


def to_html(rows: Sequence[Row], heading: Heading | None = None) -> str:
    """A page that needs nothing else: what it comes to, the table, then each recording."""
    from core.report_html import POLICY, STYLE  # it draws, and the first page must not wait

    heading = heading or Heading()
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{TITLE}</title><style>{STYLE}{EXTRA_STYLE}</style>"
    )
    ordered = by_highest(rows)
    made = "".join(f"<p>{escape(name)}: {escape(text)}</p>" for name, text in heading.rows())
    limits = "".join(f"<li>{escape(line)}</li>" for line in words.LIMITS)
    body = (
        f"<h1>{TITLE}</h1>{made}<p>{escape(summary(rows))}</p><p>{ABOUT}</p>"
        f'<div class="wide"><table><tr>{_tags("th", HEAD)}</tr>'
        f"{''.join(_line(row) for row in ordered)}</table></div>"
        f'<div class="box"><h3>What these numbers are not</h3><ul>{limits}</ul></div>'
        f"<h2>Each recording</h2>{''.join(_details(row) for row in ordered)}"
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def summary(rows: Sequence[Row]) -> str:
    """The counters in one line, such as "3 done: 1 leans spoofed, 2 could not be read"."""
    found = counts(rows)
    said = {
        "spoofed": ("leans spoofed", "lean spoofed"),
        "mixed": ("mixed", "mixed"),
        "inconclusive": ("inconclusive", "inconclusive"),
        "bona fide": ("leans bona fide", "lean bona fide"),
        "not scored": ("not scored", "not scored"),
        "not read": ("could not be read", "could not be read"),
    }
    parts = [f"{n} {said[name][n != 1]}" for name, n in found.items() if n]
    return f"{len(rows)} done" + (f": {', '.join(parts)}." if parts else ".")


def lean_text(row: Row) -> str:
    """Symbol and word, such as "▲ leans spoofed"."""
    if row.problem is not None:
        return "✗ not read"
    lean: Lean = row.entry["verdict"]["lean"]
    verb = "leans " if lean in ("spoofed", "bona fide") else ""
    return f"{SYMBOLS[lean]} {verb}{lean}"


def highest_text(row: Row) -> str:
    """The highest window and its seconds, such as "+5.0 at 5.0–9.0 s"."""
    top = row.highest
    if top is None:
        return "–"
    number = f"{top.value:+.2f}".replace("-", "−")
    kind = "" if top.calibrated else f"{RAW} "
    return f"{kind}{number} at {seconds(top.region)}"


def llr_text(row: Row) -> str:
    """The fused llr, or that there is none."""
    if row.llr is not None:
        return f"{row.llr:+.2f}".replace("-", "−")
    return "not calibrated" if row.entry["detections"] else "–"


def length_text(row: Row) -> str:
    """The length of the clip as m:ss."""
    found = row.entry["source"]["seconds"]
    return "–" if found is None else clock(found)


def warnings_text(row: Row, *, brief: bool = False) -> str:
    """All warnings, or why there is no result.

    `brief` leaves out what a table says elsewhere: that a score is raw.
    """
    if row.problem is not None:
        return row.problem
    found = [n for n in row.entry["notices"] if not (brief and n["code"] == "uncalibrated")]
    return " ".join(notice["text"] for notice in found)


def _cells(row: Row) -> tuple[object, ...]:
    top = row.highest
    source = row.entry["source"]
    return (
        row.number,
        as_cell(row.name),
        "not read" if row.problem is not None else row.lean,
        "" if source["seconds"] is None else repr(source["seconds"]),
        "" if row.llr is None else repr(row.llr),
        "" if top is None else repr(top.value),
        "" if top is None else ("llr" if top.calibrated else "spoof_logit"),
        "" if top is None else f"{top.region.start:.6f}",
        "" if top is None else f"{top.region.stop:.6f}",
        row.agreement,
        as_cell(" ".join(row.entry["warnings"])),
        source["sha256"] or "",
        as_cell(row.problem or ""),
    )


def _line(row: Row) -> str:
    link = f'<a href="#clip-{row.number}">{escape(shown(row.name))}</a>'
    cells = (length_text(row), llr_text(row), highest_text(row), row.agreement)
    numbers = "".join(f'<td class="n">{escape(cell)}</td>' for cell in cells)
    return (
        f'<tr><td class="n">{escape(lean_text(row))}</td><td>{link}</td>'
        f"{numbers}<td>{escape(warnings_text(row, brief=True))}</td></tr>"
    )


def _details(row: Row) -> str:
    title = f'<h3 id="clip-{row.number}">{escape(shown(row.name))}</h3>'
    said = f"<p>{escape(lean_text(row))}. {escape(row.entry['verdict']['text'])}</p>"
    made = row.report
    if made is None:
        return title + said
    tables = f'<div class="wide"><table><tr>{_tags("th", words.DETECTOR_HEAD)}</tr>' + "".join(
        f"<tr>{_tags('td', cells)}</tr>" for cells in words.detector_rows(made)
    )
    facts = "".join(f"<tr>{_tags('td', pair)}</tr>" for pair in words.provenance(made))
    return (
        f"{title}{said}{tables}</table></div><details><summary>Where the numbers come from"
        f'</summary><div class="wide"><table>{facts}</table></div></details>'
    )


def _tags(tag: str, cells: Iterable[str]) -> str:
    return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
