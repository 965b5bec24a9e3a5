"""Values as HTML fragments. Everything that came from outside is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from core import sentences
from core.types import Clip, Evidence, Fused, Lean, Notice, Reading, Region, Verdict
from core.verdict import SYMBOLS, seconds, signed
from ui import question_texts, texts

if TYPE_CHECKING:
    from core.faithfulness import Faithfulness
    from core.numbers import Table

NOTES = frozenset({"channels-equal", "microphone", "lossy"})  # good to know, no warning


def number(value: float) -> str:
    """A score for people: always with its sign, two decimals, a real minus."""
    return f"{value:+.2f}".replace("-", "−")


def head(lean: Lean | None, words: str, said: str = "") -> str:
    """The verdict strip: colour, symbol and word together."""
    name = "none" if lean is None else lean.replace(" ", "-")
    symbol = "○" if lean is None else SYMBOLS[lean]
    line = f'<p class="said">{escape(said)}</p>' if said else ""
    return (
        f'<div class="strip lean-{name}" role="status"><p class="lean">'
        f'<span class="symbol" aria-hidden="true">{symbol}</span>{escape(words)}</p>{line}</div>'
    )


def verdict(found: Verdict, fused: Fused) -> str:
    """The verdict strip of a scored clip: each number and each word of it once."""
    words = {
        "spoofed": "Leans spoofed",
        "bona fide": "Leans bona fide",
        "mixed": "Mixed",
        "inconclusive": "Inconclusive",
        "not scored": "Not scored",
    }[found.lean]
    said = found.text.removeprefix(f"{words}: ")
    said = said[:1].upper() + said[1:]
    if fused.llr is not None and signed(fused.llr) not in said:
        said += f" Fused llr {signed(fused.llr)}."
    if found.regions:
        words += (
            " – " + ", ".join(seconds(region) for region in found.regions[:3]) + " leans spoofed"
        )
    return head(found.lean, words, said)


def card(
    title: str,
    colour: str,
    checkpoint: str,
    readings: Sequence[Reading],
    mean: tuple[float, float | None],
) -> str:
    """One detector: its number, its highest window, the checkpoint that it comes from."""
    logit, llr = mean
    shown = f"LLR {number(llr)}" if llr is not None else f"raw {number(logit)}"
    calibrated = "" if llr is not None else f"<small>{texts.NOT_RAW}</small>"
    best = max(readings, key=lambda reading: reading.score.spoof_logit)
    value = best.score.llr if best.score.llr is not None else best.score.spoof_logit
    where = seconds(Region(best.window.start, best.window.stop))
    return (
        f'<div class="card"><b><span class="swatch" style="background:{escape(colour)}"></span>'
        f'{escape(title)}</b><div class="number">{shown}{calibrated}</div>'
        f"<small>highest {number(value)} at {where}</small>"
        f"<small>{escape(checkpoint)}</small></div>"
    )


def cards(parts: Iterable[str]) -> str:
    """Cards side by side."""
    return f'<div class="cards">{"".join(parts)}</div>'


def foot(*said: str) -> str:
    """Small print."""
    return f'<p class="foot">{" ".join(escape(one) for one in said if one)}</p>'


def notices(found: Sequence[Notice]) -> str:
    """What a reader should know of the clip."""
    if not found:
        return ""
    items = "".join(
        f'<li class="{"note" if one.code in NOTES else "warning"}">{escape(one.text)}</li>'
        for one in found
    )
    return f'<ul class="notices" aria-label="Warnings">{items}</ul>'


def facts(clip: Clip) -> str:
    """What was handed in and how it was read."""
    source = clip.source
    channels = {1: "mono", 2: "stereo"}.get(source.channels, f"{source.channels} channels")
    sound = f"{source.sample_rate:,} Hz, {channels}".replace(",", " ", 1)
    short = [
        ("length", sentences.clock(source.seconds)),
        ("format", f"{source.container}, {source.codec}"),
        ("sound", sound),
        ("sha-256", source.sha256),
    ]
    more = [
        ("size", sentences.size(source.bytes)),
        ("decoder", source.decoder),
        ("decoded", clip.pcm_sha256),
        *(("changed" if not n else "", change) for n, change in enumerate(clip.changes)),
    ]
    return (
        f'<p class="facts-title">{escape(sentences.shown(source.name))}</p>{_pairs(short)}'
        f'<details class="numbers"><summary>{texts.MORE}</summary>{_pairs(more)}</details>'
    )


def _pairs(rows: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in rows)
    return f'<dl class="facts">{items}</dl>'


def stage(*shown: str) -> str:
    """Names the parts of the tab that are on show; the style sheet folds all others away.

    gradio's `visible` would take components out of the page and build them anew for every clip, and
    it hands the visibility of a column down to all that is in it.
    """
    return f'<i class="{" ".join(shown)}"></i>'


def progress(text: str, done: int = 0, total: int = 0) -> str:
    """The status line, with a bar where the end is known."""
    bar = f'<progress max="{total}" value="{done}"></progress>' if total else ""
    return f'<div class="progress-line" role="status">{bar}<span>{escape(text)}</span></div>'


def evidence_note(
    evidence: Evidence,
    said: str,
    aid: str,
    numbers: "Table",
    tested: "Faithfulness | None" = None,
    *,
    wide: bool,
) -> str:
    """Title, reading aid, caption, summary and table of one picture.

    A map that was tested shows its faithfulness, and is greyed where chance did as well.
    """
    whose = "model" if evidence.scope == "model" else "this clip"
    scope = f'<span class="model-scope">{whose}</span>'
    folded = f"<summary>{texts.NUMBERS}</summary>{table(numbers)}"
    grey = "" if tested is None or tested.better else " unfaithful"
    if tested is not None:
        said_share = question_texts.FAITHFUL.format(share=100 * tested.share)
        scope += f'<span class="model-scope">{escape(said_share)}</span>'
        said = f"{said} {tested.text}"
    return (
        f'<div class="evidence-note{" wide" if wide else ""}{grey}">'
        f"<h3>{escape(evidence.title)}{scope}</h3>"
        f'<p class="aid">{escape(aid)}</p><p>{escape(evidence.caption)}</p>'
        f'<p class="said">{escape(said)}</p>'
        f'<details class="numbers">{folded}</details></div>'
    )


def table(numbers: "Table") -> str:
    """A table of text cells, with what was left out of it."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in numbers.header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in numbers.rows
    )
    note = f"<small>{escape(numbers.note)}</small>" if numbers.note else ""
    return (
        f'<div class="scroll" tabindex="0"><table class="plain"><thead><tr>{top}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def answer(
    title: str, badge: str, text: str, sentences: Sequence[str], numbers: "Table | None"
) -> str:
    """What came of a question: title with its badge, sentences, table."""
    mark = f'<span class="badge">⚑ {escape(badge)}</span>' if badge else ""
    head_ = f"<h3>{escape(title)}{mark}</h3>" if title else ""
    lead = f'<p class="said">{escape(text)}</p>' if text else ""
    items = "".join(f"<li>{escape(one)}</li>" for one in sentences)
    listed = f'<ul class="answers">{items}</ul>' if items else ""
    return f'<div class="answer">{head_}{lead}{listed}{folded(numbers) if numbers else ""}</div>'


def folded(numbers: "Table") -> str:
    """A table that opens when it is asked for."""
    summary = f"<summary>{texts.NUMBERS}</summary>"
    return f'<details class="numbers">{summary}{table(numbers)}</details>'


def marked(regions: Sequence[tuple[Region, str]]) -> str:
    """Stretches with their notes."""
    items = "".join(f"<li><b>{seconds(region)}</b> {escape(note)}</li>" for region, note in regions)
    return f'<ul class="answers">{items}</ul>'


TRANSPORT = f"""<div class="transport" role="toolbar" aria-label="Listening">
<button type="button" data-act="play" aria-label="Play or pause">▶ ❚❚</button>
<button type="button" data-act="whole">whole clip</button>
<button type="button" data-act="window">this window</button>
<button type="button" data-act="loop" aria-pressed="false">loop</button>
<button type="button" data-act="zoom">zoom to window</button>
<button type="button" data-act="reset">zoom out</button>
<span id="clock">0:00.00</span><span class="hint">{texts.HINT}</span></div>"""


def title() -> str:
    """The page's heading."""
    return f'<div class="app-title"><h1>{texts.TITLE}</h1><p>{texts.SUBTITLE}</p></div>'
