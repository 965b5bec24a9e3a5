"""A checkpoint's card as an HTML fragment: every field of it readable, everything escaped."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from core import sentences
from ui import texts

if TYPE_CHECKING:
    from core.workbench import Checkpoint

Result = tuple[bool, str]
LONG = 160  # characters of an entry that is folded away
WIDE = 34  # characters of a cell that may be broken
PARTS = re.compile(r"; (?![^(]*\))")  # what separates the parts of an entry, not those in brackets
RATES = ("eer",)  # metrics that are shares of clips, and shown in percent
OVERVIEW = ("checkpoint", "detector", "equal error rate", "calibrated on", "licence", "self-test")
MEASURED = ("set", "metric", "value", "95 % interval", "clips", "command")


def overview(installed: Sequence["Checkpoint"], results: Mapping[str, Result]) -> str:
    """One line a checkpoint: what it is, how good it was found, whether it works here."""
    rows = []
    for one in installed:
        rates = [m for m in one.card["measured"] if _is_rate(m["metric"])]
        found = "; ".join(f"{_value(m)} on {m['set']}" for m in rates) or "not measured"
        calibration = one.card["calibration"]
        result = results.get(one.id)
        rows.append(
            (
                one.id,
                one.detector,
                found,
                calibration["set"] if calibration else "no: raw scores only",
                one.licence,
                "not run yet" if result is None else ("✓ passed" if result[0] else "✗ failed"),
            )
        )
    return f'<div class="overview">{_table(OVERVIEW, rows)}</div>'


def model(one: "Checkpoint", result: Result | None) -> str:
    """What a checkpoint is, who made it, what was measured with it."""
    card = one.card
    made = card["provenance"]
    rows = [
        ("detector", f"{one.detector}, size {one.size}"),
        ("licence", one.licence),
        ("made by", made["made_by"]),
        ("source", made["source"]),
        ("address", made["url"]),
        ("commit", made["commit"]),
        ("recipe", card["recipe"]),
        ("command", card["command"]),
        ("backbone", card["backbone"]),
        ("weights", sentences.size(one.weights.stat().st_size)),
        ("sha-256", one.sha256),
        ("calibration", _calibration(card["calibration"])),
        ("self-test", _golden(card["golden"])),
    ]
    items = "".join(f"<dt>{key}</dt><dd>{escape(str(value))}</dd>" for key, value in rows if value)
    items += f"<dt>trained on</dt><dd>{''.join(map(_entry, card['trained_on'])) or '–'}</dd>"
    default = '<span class="model-scope">used by default</span>' if card["default"] else ""
    return (
        f'<div class="model" id="card-{escape(one.id)}"><h3>{escape(one.id)}{default}</h3>'
        f'{_result(result)}<dl class="facts">{items}</dl>{_measured(card["measured"])}'
        f"{_notes(card['notes'])}{_dimensions(card.get('dimensions', ()))}{_whole(card)}</div>"
    )


def unusable(problems: Sequence[str]) -> str:
    """Folders that look like checkpoints and cannot be used, each with the reason."""
    items = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return f'<h3>{texts.UNUSABLE}</h3><ul class="notices">{items}</ul>' if problems else ""


def _calibration(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "none: raw scores only"
    said = (
        f"llr = {found['slope']:.3f} × raw score {'−' if found['intercept'] < 0 else '+'} "
        f"{abs(found['intercept']):.3f}, fitted on "
        f"{found['set']}: {found['n_bonafide']} bona fide and {found['n_spoof']} spoofed clips, "
        f"Cllr {found['cllr']:.3f} bits"
    )
    conditions = found.get("conditions") or {}
    parts = [
        f"{name.replace('_', ' ')} {'–'.join(f'{v:g}' for v in value)}"
        if name != "codecs"
        else f"codecs {', '.join(value)}"
        for name, value in conditions.items()
    ]
    return f"{said}; conditions: {'; '.join(parts) or 'not recorded'}"


def _golden(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "with the detectors that stand on it"
    return (
        f"raw score {found['spoof_logit']:+.4f} on a signal given by a formula, "
        f"at most {found['tolerance']:g} off"
    )


def _entry(text: str) -> str:
    """One entry of a list; a long one is folded away, one line for each of its parts."""
    if len(text) <= LONG:
        return f"<p>{escape(text)}</p>"
    head, colon, rest = text.partition(": ")
    if not colon or len(head) > LONG:
        head, rest = f"{text[:60]}…", text
    lines = "".join(f"<li>{escape(part)}</li>" for part in PARTS.split(rest))
    return f"<details><summary>{escape(head)}</summary><ul>{lines}</ul></details>"


def _measured(found: Sequence[Mapping[str, Any]]) -> str:
    """The measured figures, each with its interval, its size and the command that gave it."""
    if not found:
        return f'<p class="foot">{texts.NOT_MEASURED}</p>'
    rows = [
        (
            one["set"],
            "equal error rate" if _is_rate(one["metric"]) else one["metric"],
            _value(one),
            _interval(one),
            "" if one["n"] is None else f"{one['n']:,}",
            one["command"] or "",
        )
        for one in found
    ]
    return _table(MEASURED, rows)


def _value(one: Mapping[str, Any]) -> str:
    return _number(one["value"], one["metric"])


def _interval(one: Mapping[str, Any]) -> str:
    if one["low"] is None or one["high"] is None:
        return "–"
    return f"{_number(one['low'], one['metric'])} to {_number(one['high'], one['metric'])}"


def _number(value: float, metric: str) -> str:
    if not _is_rate(metric):
        return f"{value:.3f}"
    return f"{100 * value:.{1 if value >= 0.01 else 2}f} %"


def _is_rate(metric: str) -> bool:
    return metric.lower() in RATES


def _notes(found: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in found)
    return f"<h4>Notes</h4><ul>{items}</ul>" if found else ""


def _dimensions(found: Sequence[Mapping[str, Any]]) -> str:
    """What the dimensions of a TopK embedding went with."""
    if not found:
        return ""
    rows = [(f"d{one['dim']}", one["attack"], f"{one['nmi']:.2f}") for one in found]
    table = _table(("dimension", "attack it went with", "nMI"), rows)
    return f"<details><summary>{len(found)} dimensions with a name</summary>{table}</details>"


def _whole(card: Mapping[str, Any]) -> str:
    text = json.dumps(dict(card), indent=2, ensure_ascii=False)
    return (
        f"<details><summary>{texts.CARD_JSON}</summary>"
        f'<pre tabindex="0">{escape(text)}</pre></details>'
    )


def _result(result: Result | None) -> str:
    if result is None:
        return ""
    good, said = result
    return f'<p class="{"good" if good else "bad"}">{"✓" if good else "✗"} {escape(said)}</p>'


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th class="left">{escape(cell)}</th>' for cell in head)
    lines = "".join(
        "<tr>" + "".join(f'<td class="{_cell(c)}">{escape(c)}</td>' for c in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table class="plain"><tr>{top}</tr>{lines}</table></div>'
    )


def _cell(text: str) -> str:
    return "left wrap" if len(text) > WIDE else "left"
