"""Measured figures on cards: what `python -m training metrics --json` found, nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checkpoints.card import check_card, is_id
from checkpoints.store import CARD, write_card
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

    What has no checkpoint of its own (a fusion, an anchor) has no card and is left out.

    Raises
    ------
    TrainingError
        A checkpoint that is not there, or figures without an interval; nothing is written then.
    CheckpointError
        Figures that no card may hold.
    """
    cards: dict[Path, dict[str, Any]] = {}
    for detector, own in figures.items():
        checkpoint = str(own.get("checkpoint", detector))
        if checkpoint == detector:
            continue
        folder = root / checkpoint
        if not is_id(checkpoint) or not (folder / CARD).is_file():
            raise TrainingError(f"there is no card of {checkpoint!r} in {root}")
        try:
            cards[folder] = _with(
                json.loads((folder / CARD).read_text("utf-8")), own, name, command
            )
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{detector} lacks a count, an eer or cllr, or the interval of one ({error!r}); "
                "ask metrics for --bootstrap"
            ) from error
    for folder, card in cards.items():
        check_card(card, f"the card for {folder}")
    for folder, card in cards.items():
        write_card(folder, card)
    return [folder.name for folder in cards]


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
