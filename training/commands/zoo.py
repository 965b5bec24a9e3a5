"""`python -m training zoo`: the vocoders and codecs that copy human clips, each in its process.

On one GPU all of them train side by side, best under NVIDIA's multi-process service:
`for kind in $(python -m training zoo --list); do python -m training zoo --kind $kind & done`.
`python -m training compact` takes them up from the same working folder.
"""

import argparse
import sys
from pathlib import Path


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "zoo",
        help="train the vocoders and codecs that copy human clips for `compact`",
        description="A generator that lies in the working folder is not trained again.",
    )
    parser.add_argument("--list", action="store_true", help="name the kinds and stop")
    parser.add_argument("--kind", action="append", metavar="KIND", help="only this one; repeatable")
    parser.add_argument("--data", type=Path, metavar="DIR", help="corpus; see training/corpus.py")
    parser.add_argument("--work", type=Path, default=Path("runs/compact"), metavar="DIR")
    parser.add_argument("--patience", type=float, default=1.0, help="factor on each kind's time")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train what is asked for; the curves lie in the working folder."""
    from training.compact_set import Plan, Workshop
    from training.errors import TrainingError
    from training.zoo.generators import KINDS

    if args.list:
        sys.stdout.write("\n".join(KINDS) + "\n")
        return 0
    wanted = args.kind or list(KINDS)
    for kind in wanted:
        if kind not in KINDS:
            raise TrainingError(f"no generator named {kind!r}; there are {', '.join(KINDS)}")
    seconds = {name: value * args.patience for name, value in Plan().seconds.items()}
    shop = Workshop(args.data, args.work, Plan(seconds=seconds))
    human = shop.human()
    for kind in wanted:
        shop.generator(kind, human)
        sys.stdout.write(f"{kind}: {args.work / f'zoo-{kind}-done.pt'}\n")
    return 0
