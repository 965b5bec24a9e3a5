"""`python -m training compact`: the five compact checkpoints that ship, from the corpus."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from training.commands.compact_notes import NOTES


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "compact",
        help="train the compact checkpoints that ship, stage by stage",
        description="A stage whose result lies in the working folder is not run again.",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="corpus; see training/corpus.py")
    parser.add_argument("--work", type=Path, default=Path("runs/compact"), metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="DIR", help="of the checkpoints")
    parser.add_argument(
        "--stage",
        choices=("statistics", "ears", "sls", "texture", "codec", "qaf", "aasist"),
        help="train only this and what it needs, on a machine with a GPU say; write no checkpoints",
    )
    parser.add_argument(
        "--variants", type=int, default=8, help="of each clip: its unchanged head and pieces"
    )
    parser.add_argument("--patience", type=float, default=1.0, help="factor on every stage's time")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """All stages, or one; the figures on dev are printed and kept beside the stages' results."""
    import json
    import os

    import torch

    from core import loading
    from training import basis, ship
    from training.compact_set import Plan, Workshop, write_figures
    from training.errors import TrainingError

    if args.out is None and args.stage is None:
        raise TrainingError("say where the checkpoints go (--out), or which one stage (--stage)")
    torch.set_num_threads(args.threads)
    seconds = {name: value * args.patience for name, value in Plan().seconds.items()}
    shop = Workshop(args.data, args.work, Plan(args.variants, seconds))
    if args.stage is not None:
        stages: dict[str, Callable[[], object]] = {
            "statistics": lambda: [shop.textures(name) for name in ("train", "dev")],
            "ears": shop.ears,
            "sls": shop.sls,
            "texture": shop.texture,
            "codec": shop.codec,
            "qaf": shop.qaf,
            "aasist": shop.aasist,
        }
        stages[args.stage]()
        sys.stdout.write(f"{args.stage}: kept in {args.work}\n")
        return 0
    figures = shop.ship(args.out, NOTES)
    os.environ["SPOOFSCOPE_CHECKPOINTS"] = str(args.out)
    logits = json.loads((args.work / "dev-scores.json").read_text())["handled"]
    dev = shop.dev.items
    basis.write(
        loading.select(),
        [item.path for item in dev],
        [item.label for item in dev],
        {ship.IDS[name]: values for name, values in logits.items()},
    )
    write_figures(args.work / "figures.json", figures)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0
