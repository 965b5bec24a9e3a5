"""Report -> one HTML file that needs nothing else: no script, no request, every text escaped."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

from core import report_figures as figures
from core import report_words as words
from core.report_words import Heading, Row
from core.sentences import shown
from core.types import Evidence, Report
from core.verdict import SYMBOLS, seconds

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; border-top: 2px solid; padding-top: 1rem; }
h3 { font-size: 1rem; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid #8886;
  vertical-align: top; overflow-wrap: anywhere; }
td { font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } .lean { font-size: 1.15rem; font-weight: 600; }
img { max-width: 100%; background: white; }
figure { margin: 1rem 0; } figcaption { font-size: .85rem; }
.box { border: 1px solid #8888; padding: .2rem 1rem; }
@media print { h2 { break-before: page; } h2.first { break-before: auto; } }
"""


def to_html(reports: Sequence[Report], heading: Heading | None = None) -> str:
    """The report of one or more clips."""
    heading = heading or Heading()
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{words.TITLE}</title><style>{STYLE}</style>"
    )
    top = f"<h1>{words.TITLE}</h1>{_pairs(heading.rows())}"
    if not reports:
        top += "<p>No clip could be read.</p>"
    clips = "".join(_clip(report, first=index == 0) for index, report in enumerate(reports))
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{top}{clips}</body></html>\n'


def _clip(report: Report, *, first: bool) -> str:
    """One clip; on its first page what it comes to, and the limits of that."""
    place = ' class="first"' if first else ""
    parts = [
        f"<h2{place}>{escape(shown(report.source.name))}</h2>",
        f'<p class="lean">{SYMBOLS[report.verdict.lean]} {escape(report.verdict.text)}</p>',
        _regions(report),
        f"<p>{escape(words.fused_line(report))}</p>" if report.detections else "",
        _list("Warnings", [notice.text for notice in report.notices]),
        f'<div class="box">{_list("What these numbers are not", words.limits(report))}</div>',
        _scores(report),
        _evidence(report.evidence),
        "<h3>Where the numbers come from</h3>",
        _pairs(words.provenance(report)),
        _windows(report),
    ]
    return f"<section>{''.join(parts)}</section>"


def _regions(report: Report) -> str:
    if not report.verdict.regions:
        return ""
    return _list("Stretches that lean spoofed", [seconds(r) for r in report.verdict.regions])


def _scores(report: Report) -> str:
    if not report.detections:
        return ""
    pictures = "".join(
        _figure(figures.to_svg(drawn), "Scores of the windows over time; the numbers are below.")
        for drawn in figures.scores(report)
    )
    return f"<h3>Detectors</h3>{_table(words.DETECTOR_HEAD, words.detector_rows(report))}{pictures}"


def _evidence(items: Sequence[Evidence]) -> str:
    if not items:
        return ""
    drawn = "".join(
        _figure(figures.to_svg(figures.evidence(item)), f"{item.title}. {item.caption}")
        for item in items
    )
    return f"<h3>What the detectors looked at in their most spoof-like window</h3>{drawn}"


def _windows(report: Report) -> str:
    if not report.detections:
        return ""
    table = _table(words.WINDOW_HEAD, words.window_rows(report))
    return f"<details><summary>All windows</summary>{table}</details>"


def _figure(svg: bytes, caption: str) -> str:
    # As an image, so that what is in the SVG can neither run nor meet another picture's names.
    data = b64encode(svg).decode("ascii")
    text = escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _list(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    lines = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<h3>{escape(title)}</h3><ul>{lines}</ul>"


def _pairs(rows: Iterable[Row]) -> str:
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<div class="wide"><table>{lines}</table></div>' if lines else ""


def _table(head: Row, rows: Iterable[Row]) -> str:
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f'<div class="wide"><table><tr>{top}</tr>{lines}</table></div>'
