"""The printed reports: everything escaped, nothing fetched, limits said."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from core.report_figures import evidence as drawn
from core.report_figures import to_png
from core.report_html import to_html
from core.report_pdf import to_pdf
from core.report_words import LIMITS, Heading, limits
from core.types import Axis, Evidence, Notice, Report
from tests.core.test_report import made

HOSTILE = '<script>alert("x")</script>&\'<img src=x onerror=alert(1)> $a$ 漢字\u202e.wav'


def hostile() -> Report:
    plain = made()
    return replace(
        plain,
        source=replace(plain.source, name=HOSTILE, codec="<b>codec"),
        notices=(Notice("band-limited", "Nothing above <3.4> kHz."),),
        evidence=(item((3, 40)),),
    )


def item(shape: tuple[int, ...], *, labels: bool = False) -> Evidence:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    axes = [Axis("time", "s", tuple(float(n) for n in range(size))) for size in shape]
    if labels:
        axes[0] = Axis("layer", "", tuple(f"layer {n}" for n in range(shape[0])))
    return Evidence("made.map", "A map", values, tuple(axes), "weight", "Shows <nothing>.")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(html)
    return parser.found


def test_nothing_of_a_file_becomes_markup() -> None:
    page = to_html([hostile()], Heading("<i>case", "</td><script>", "note"))
    names = {tag for tag, _ in tags(page)}
    assert not names & {"script", "b", "i", "iframe", "link", "object"}
    assert not any(name.startswith("on") for _, attributes in tags(page) for name in attributes)
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page  # would turn the rest of the line around


def test_a_page_needs_nothing_else() -> None:
    page = to_html([hostile()])
    sources = [attributes["src"] for tag, attributes in tags(page) if tag == "img"]
    assert sources
    assert all(source and source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert not re.search(r'(?:href|src|url)\s*[=(]\s*["\']?https?:', page)
    assert "default-src 'none'" in page


def test_limits_stand_before_the_numbers_and_fit_the_clip() -> None:
    page = to_html([hostile()])
    assert page.index("What these numbers are not") < page.index("Where the numbers come from")
    assert "band-limited" in limits(hostile())[0]
    assert set(LIMITS) < set(limits(hostile()))
    assert "not calibrated" in limits(made(llr=None))[0]


def test_hashes_and_settings_are_printed() -> None:
    page = to_html([made()])
    for text in ("ab" * 32, "cd" * 32, "ef" * 32, "libsndfile 1.2.2", "hop_seconds"):
        assert text in page


def test_equal_reports_are_equal_pages() -> None:
    assert to_html([hostile()]) == to_html([hostile()])


def test_a_pdf_is_made_of_any_name() -> None:
    assert to_pdf([hostile(), made(llr=None)], Heading("C-1")).startswith(b"%PDF")
    assert to_pdf([]).startswith(b"%PDF")


@pytest.mark.parametrize("shape", [(5,), (200,), (3, 4), (24, 3000), (2, 3, 4), (9, 2, 2)])
@pytest.mark.parametrize("labels", [False, True])
def test_every_shape_of_evidence_can_be_drawn(shape: tuple[int, ...], labels: bool) -> None:
    assert to_png(drawn(item(shape, labels=labels)), dpi=40).startswith(b"\x89PNG")
