"""`python -m training compare A.csv B.csv`: paired differences in EER between score files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import TrainingError

if TYPE_CHECKING:
    from training.comparison import Scored


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "compare",
        help="paired bootstrap of EER differences between detectors of two or more score files",
        description="Every detector of the first file against every detector of the others, on the "
        "clips that both have. Clips of one draw are the same for both.",
    )
    parser.add_argument("first", type=Path, metavar="A.csv")
    parser.add_argument("others", type=Path, nargs="+", metavar="B.csv")
    parser.add_argument("--manifest", type=Path, help="CSV that gives label, source, ... by utt_id")
    parser.add_argument("--cluster", help="column whose values are drawn whole, such as source")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="of A.csv")
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="DIR", help="compare.csv and compare.json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, write and show."""
    from training.comparison import compare
    from training.tables import save

    ours = _scored(args.first, args)
    unknown = [name for name in args.only if name not in {one.name for one in ours}]
    if unknown:
        there = ", ".join(one.name for one in ours)
        raise TrainingError(f"{args.first} has no detector {unknown[0]!r}; there are {there}")
    ours = [one for one in ours if not args.only or one.name in args.only]
    theirs = [one for file in args.others for one in _scored(file, args)]
    rows = [compare(a, b, args.rounds, args.seed) for a in ours for b in theirs]
    sys.stdout.write(_table(rows, args))
    if args.out:
        settings = {"rounds": args.rounds, "seed": args.seed, "cluster": args.cluster}
        save(args.out, "compare", rows, settings)
    return 0


def _scored(file: Path, args: argparse.Namespace) -> "list[Scored]":
    from training.commands.metrics import column_of, load
    from training.comparison import Scored

    return [
        Scored(
            each.name,
            each.scores.utt_id,
            each.trials,
            None if args.cluster is None else column_of(each, args.cluster),
        )
        for each in load(file, args.manifest)
    ]


def _table(rows: Sequence[dict[str, Any]], args: argparse.Namespace) -> str:
    from training.bootstrap import Interval
    from training.tables import markdown, percent, points

    def cell(row: dict[str, Any], prefix: str) -> list[str]:
        spread = Interval(row[f"{prefix}low"], row[f"{prefix}high"], args.rounds)
        return [points(row["difference"], spread), percent(row[f"{prefix}better"])]

    header = ["first", "EER", "second", "EER", "clips", "difference, points (95 %)", "first better"]
    grouped = bool(rows) and "group_low" in rows[0]
    if grouped:
        drawn = f"{rows[0]['groups']} whole {args.cluster}"
        header += [f"the same, {drawn} drawn", "first better"]
    body = []
    for row in rows:
        first, second = percent(row["eer_first"]), percent(row["eer_second"])
        line = [row["first"], first, row["second"], second, str(row["clips"]), *cell(row, "")]
        body.append([*line, *(cell(row, "group_") if grouped else [])])
    return markdown(header, body)
