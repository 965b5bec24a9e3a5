"""Report -> PDF by matplotlib: the words on the first pages, then pictures, then tables."""

import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfPages
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from core import report_figures as figures
from core import report_words as words
from core.report_words import Heading, Row
from core.sentences import shown
from core.types import Report
from core.verdict import SYMBOLS

FONT = "DejaVu Sans Mono"
PAGE = (8.27, 11.69)  # inches, A4
LINES = 72  # of small print a page
COLUMNS = 104  # characters a line
LEFT, TOP, STEP = 0.07, 0.95, 0.0125  # in shares of the page
MAX_WINDOW_LINES = 2_000  # the CSV and the JSON have them all


def to_pdf(reports: Sequence[Report], heading: Heading | None = None) -> bytes:
    """The report of one or more clips."""
    heading = heading or Heading()
    out = io.BytesIO()
    info = {"Title": words.TITLE, "CreationDate": None, "ModDate": None, "Producer": None}
    with PdfPages(out, metadata=info) as pages:
        if not reports:
            _write(pages, [words.TITLE, *_rows(heading.rows()), "No clip could be read."])
        for report in reports:
            _write(pages, _first_page(report, heading))
            for drawn in _pictures(report):
                FigureCanvasPdf(drawn)
                pages.savefig(drawn, bbox_inches="tight")
            _write(pages, _tables(report))
    return out.getvalue()


def _first_page(report: Report, heading: Heading) -> Iterator[str]:
    yield words.TITLE
    yield ""
    yield from _rows(heading.rows())
    yield from _rows([("Clip", shown(report.source.name))])
    yield from _wrapped(f"{SYMBOLS[report.verdict.lean]} {report.verdict.text}")
    if report.detections:
        yield from _wrapped(words.fused_line(report))
    yield ""
    for notice in report.notices:
        yield from _wrapped(f"! {notice.text}")
    yield ""
    yield "What these numbers are not"
    for sentence in words.limits(report):
        yield from _wrapped(f"- {sentence}")
    yield ""
    if report.detections:
        yield from _columns(words.DETECTOR_HEAD, words.detector_rows(report))


def _pictures(report: Report) -> Iterator[Figure]:
    yield from figures.scores(report)
    for item in report.evidence:
        drawn = figures.evidence(item)
        drawn.text(0.01, 0.0, textwrap.fill(item.caption, 130), fontsize=6, va="top")
        yield drawn


def _tables(report: Report) -> Iterator[str]:
    yield "Where the numbers come from"
    yield ""
    yield from _rows(words.provenance(report))
    yield ""
    rows = list(words.window_rows(report))
    if rows:
        yield "Windows"
        yield from _columns(words.WINDOW_HEAD, rows[:MAX_WINDOW_LINES])
    if len(rows) > MAX_WINDOW_LINES:
        yield f"{len(rows) - MAX_WINDOW_LINES} more windows are in the CSV and the JSON."


def _write(pages: PdfPages, lines: Iterable[str]) -> None:
    """Lines of text over as many pages as they need."""
    waiting = list(lines)
    while waiting:
        page, waiting = waiting[:LINES], waiting[LINES:]
        figure = Figure(figsize=PAGE)
        FigureCanvasPdf(figure)
        for number, line in enumerate(page):
            height = TOP - number * STEP
            # parse_math: a file name may hold dollar signs
            text = _drawable(line)
            figure.text(LEFT, height, text, family=FONT, size=7, parse_math=False)
        pages.savefig(figure)


def _drawable(text: str) -> str:
    """`text` with U+FFFD for the letters that the font, which comes with matplotlib, has not."""
    known = get_font(findfont(FONT)).get_charmap()
    return "".join(letter if ord(letter) in known else "\ufffd" for letter in text)


def _rows(rows: Iterable[Row]) -> Iterator[str]:
    for name, value in rows:
        yield from _wrapped(f"{name + ':':<28}{value}", indent=28)


def _columns(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield from _wrapped("  ".join(cells).rstrip(), indent=4)


def _wrapped(text: str, indent: int = 2) -> list[str]:
    return textwrap.wrap(
        text, COLUMNS, subsequent_indent=" " * indent, drop_whitespace=True
    ) or [""]  # fmt: skip
