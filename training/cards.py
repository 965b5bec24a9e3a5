"""Measured figures on cards: what `python -m training metrics --json` found, nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checkpoints.store import CARD
from training.errors import TrainingError

METRICS = ("eer", "cllr")
FAMILIES = "by_system_family"


def read(path: Path) -> dict[str, Any]:
    """The figures by detector.

    Raises
    ------
    TrainingError
        A file that is not there, or is not of `metrics --json`.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path.name} cannot be read as figures: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise TrainingError(f"{path.name} is not what `metrics --json` writes: figures by detector")
    return found


def put(root: Path, figures: Mapping[str, Any], name: str, command: str) -> list[str]:
    """Replace what the cards under `root` say of the set `name`; returns the checkpoints' ids.

    What has no checkpoint (a fusion) has no card and is left out.

    Raises
    ------
    TrainingError
        A checkpoint that is not there, or figures without an interval; nothing is written then.
    """
    cards: dict[str, dict[str, Any]] = {}
    for detector, own in figures.items():
        if own.get("checkpoint", detector) == detector:  # a fusion or an anchor
            continue
        path = root / str(own["checkpoint"]) / CARD
        if not path.is_file():
            raise TrainingError(f"there is no card of {own['checkpoint']} in {root}")
        if missing := [m for m in METRICS if m not in own or m not in own.get("intervals", {})]:
            raise TrainingError(
                f"{detector} has no {missing[0]} with an interval; ask metrics for --bootstrap"
            )
        cards[own["checkpoint"]] = _with(json.loads(path.read_text()), own, name, command)
    for checkpoint, card in cards.items():
        (root / checkpoint / CARD).write_text(json.dumps(card, indent=2) + "\n")
    return list(cards)


def _with(card: dict[str, Any], own: Mapping[str, Any], name: str, command: str) -> dict[str, Any]:
    measured = [one for one in card["measured"] if one["set"] != name]
    for metric in METRICS:
        low, high = own["intervals"][metric]
        measured.append(
            {
                "set": name,
                "metric": metric,
                "value": own[metric],
                "low": low,
                "high": high,
                "n": own["n_bonafide"] + own["n_spoof"],
                "command": command,
            }
        )
    start = f"EER on {name} by family"
    notes = [note for note in card["notes"] if not note.startswith(start)]
    if FAMILIES in own:
        each = ", ".join(
            f"{family} {100 * found['eer']:.1f} % (n = {found['n_spoof']})"
            for family, found in sorted(own[FAMILIES].items())
            if "eer" in found
        )
        notes.append(f"{start} of machine-made speech, against all human clips of it: {each}.")
    return {**card, "measured": measured, "notes": notes}
