"""detectors, fetch, convert: what is installed, and how more of it comes to be."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checkpoints import store
from checkpoints.card import BACKBONE
from checkpoints.store import Checkpoint

COLUMNS = ("id", "detector", "size", "sha256", "licence", "measured EER")
HASH_SHOWN = 12


def add_to(commands: Any) -> None:
    """The three commands and their options."""
    listing = commands.add_parser("detectors", help="what is installed")
    listing.add_argument("--json", action="store_true", help="the whole cards")
    listing.set_defaults(run=show)
    fetching = commands.add_parser("fetch", help="download, check the hash, convert")
    fetching.add_argument("checkpoint", metavar="CHECKPOINT_ID")
    fetching.set_defaults(run=fetch)
    converting = commands.add_parser("convert", help="a published .pth into a checkpoint folder")
    converting.add_argument("--detector", required=True, metavar="NAME")
    converting.add_argument("file", metavar="FILE.pth")
    converting.add_argument("folder", metavar="OUT_DIR")
    converting.set_defaults(run=convert)


def show(options: argparse.Namespace) -> int:
    """List the installed checkpoints; folders that cannot be used go to standard error."""
    found, problems = store.survey()
    own = [one for one in found if one.detector != BACKBONE]
    if options.json:
        sys.stdout.write(json.dumps([dict(one.card) for one in own], indent=2) + "\n")
    elif own:
        sys.stdout.write(_table([COLUMNS, *(_row(one) for one in own)]))
    else:
        from core.sentences import no_detector

        sys.stdout.write(no_detector() + "\n")
    for problem in problems:
        sys.stderr.write(f"Not usable: {problem}\n")
    return 0


def fetch(options: argparse.Namespace) -> int:
    """Install a published checkpoint."""
    from core.foreign import fetch as install

    _say_made(install(options.checkpoint))
    return 0


def convert(options: argparse.Namespace) -> int:
    """Install a foreign file as a checkpoint."""
    from core.foreign import convert as make

    _say_made(make(options.detector, Path(options.file), Path(options.folder)))
    return 0


def _say_made(checkpoint: Checkpoint) -> None:
    sys.stdout.write(
        f"{checkpoint.id}: {checkpoint.detector}, {checkpoint.licence}, "
        f"sha256 {checkpoint.sha256}, in {checkpoint.folder}\n"
    )


def _row(one: Checkpoint) -> tuple[str, ...]:
    digits = f"{one.sha256[:HASH_SHOWN]}…"
    return (one.id, one.detector, one.size, digits, one.licence, _measured(one.card))


def _measured(card: Mapping[str, Any]) -> str:
    """The error rates of a card, such as "0.83 % (ASVspoof 2019 LA eval, n = 71237)"."""
    rates = [entry for entry in card["measured"] if entry["metric"].lower() == "eer"]
    return "; ".join(map(_rate, rates)) or "not measured"


def _rate(entry: Mapping[str, Any]) -> str:
    count = "" if entry["n"] is None else f", n = {entry['n']}"
    by_others = "" if entry["command"] else ", as its makers publish it, not measured here"
    return f"{100 * entry['value']:.2f} % ({entry['set']}{count}{by_others})"


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    return "".join(line.rstrip() + "\n" for line in lines)
