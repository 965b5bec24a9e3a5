"""A checkpoint's card as an HTML fragment; everything in it is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from core import sentences
from ui import texts

if TYPE_CHECKING:
    from core.workbench import Checkpoint


def model(one: "Checkpoint", result: tuple[bool, str] | None) -> str:
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
        ("trained on", ", ".join(card["trained_on"])),
        ("recipe", card["recipe"]),
        ("calibration", _calibration(card["calibration"])),
        ("backbone", card["backbone"]),
        ("weights", sentences.size(one.weights.stat().st_size)),
        ("sha-256", one.sha256),
        ("notes", " ".join(card["notes"])),
    ]
    items = "".join(f"<dt>{key}</dt><dd>{escape(str(value))}</dd>" for key, value in rows if value)
    default = '<span class="model-scope">used by default</span>' if card["default"] else ""
    return (
        f'<div class="model"><h3>{escape(one.id)}{default}</h3><dl class="facts">{items}</dl>'
        f"{_measured(card['measured'])}{_result(result)}</div>"
    )


def unusable(problems: Sequence[str]) -> str:
    """Folders that look like checkpoints and cannot be used, each with the reason."""
    items = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return f'<h3>{texts.UNUSABLE}</h3><ul class="notices">{items}</ul>' if problems else ""


def _calibration(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "none: raw scores only"
    return (
        f"on {found['set']}: {found['n_bonafide']} bona fide and {found['n_spoof']} spoofed clips, "
        f"Cllr {found['cllr']:.3f} bits"
    )


def _measured(found: Sequence[Mapping[str, Any]]) -> str:
    """The measured figures, each with its interval, its size and the command that gave it."""
    if not found:
        return f'<p class="foot">{texts.NOT_MEASURED}</p>'
    names = ("set", "metric", "value", "95 % interval", "clips", "command")
    top = "".join(f"<th>{name}</th>" for name in names)
    rows = ""
    for one in found:
        low, high = one["low"], one["high"]
        interval = "" if low is None or high is None else f"{low:.4f}–{high:.4f}"
        cells = (
            one["set"],
            one["metric"],
            f"{one['value']:.4f}",
            interval,
            one["n"],
            one["command"],
        )
        rows += "<tr>" + "".join(f"<td>{escape(str(c or ''))}</td>" for c in cells) + "</tr>"
    return f'<div class="scroll"><table class="plain"><tr>{top}</tr>{rows}</table></div>'


def _result(result: tuple[bool, str] | None) -> str:
    if result is None:
        return ""
    good, said = result
    return f'<p class="{"good" if good else "bad"}">{"✓" if good else "✗"} {escape(said)}</p>'
