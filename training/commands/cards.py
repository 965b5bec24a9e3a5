"""`python -m training cards`: figures of `training metrics` onto the cards of the checkpoints."""

import argparse
import sys
from pathlib import Path


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "cards",
        help="put measured figures on the cards of checkpoints",
        description="Figures of that set that are on a card already are replaced.",
    )
    parser.add_argument("figures", type=Path, help="what `metrics --json` wrote")
    parser.add_argument("--set", required=True, metavar="NAME", help="what was scored")
    parser.add_argument(
        "--command", dest="again", required=True, help="what gives the figures again"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of the checkpoints")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the cards and name them."""
    from training.cards import put, read

    for name in put(args.out, read(args.figures), args.set, args.again):
        sys.stdout.write(f"{name}: {args.set}\n")
    return 0
