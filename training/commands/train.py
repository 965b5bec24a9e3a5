"""`python -m training train RECIPE [--data DIR] [--resume]`: train a detector by a recipe."""

import argparse
import dataclasses
import re
import sys
from pathlib import Path

from training import recipe as recipes
from training.errors import TrainingError
from training.recipe import Recipe


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "train",
        help="train a detector by a recipe",
        description="Several processes: accelerate launch --num_processes N -m training train ...",
    )
    parser.add_argument("recipe", nargs="?", help="name of a module in training/recipes")
    parser.add_argument("--list", action="store_true", help="name all recipes")
    parser.add_argument("--data", type=Path, metavar="DIR", help="corpus; see training/corpus.py")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/RECIPE")
    parser.add_argument("--resume", action="store_true", help="go on from the last saved state")
    parser.add_argument("--id", help="of the checkpoint; default: the recipe's name")
    parser.add_argument("--default", action="store_true", help="make it its detector's default")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--clips", type=int, help="length of an epoch, instead of the recipe's")
    parser.add_argument("--backbone", help="checkpoint id, or hub, instead of the recipe's")
    parser.add_argument("--codec", help="checkpoint id, or hub, instead of the recipe's")
    parser.add_argument("--freeze", action="append", metavar="PREFIX", help="of parameters")
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: its own choice")
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare clips")
    parser.add_argument("--micro-batch", type=int, help="clips at a time; the rest accumulates")
    parser.add_argument("--save-every", type=int, default=200, help="steps between saves")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; 0 when the checkpoint is written."""
    if args.list:
        return _list()
    if args.recipe is None:
        raise TrainingError("name a recipe; `python -m training train --list` names all")
    name = _name(args.recipe)
    recipe = adjusted(recipes.load(name), args)

    import torch

    from training.corpus import read_splits
    from training.loop import Options
    from training.run import Naming, train

    if args.threads:
        torch.set_num_threads(args.threads)
    out = args.out or Path("runs") / name.replace(":", "-")
    options = Options(
        folder=out,
        resume=args.resume,
        cpu=args.cpu,
        workers=args.workers,
        micro=args.micro_batch,
        save_every=max(args.save_every, 1),
        quiet=args.quiet,
    )
    data = read_splits(args.data)
    corpus = args.data.resolve().name if args.data else "corpus"
    made_id = args.id or re.sub(r"[^a-z0-9.-]", "-", name.lower())
    naming = Naming(made_id, name, _command(args), corpus, args.default)
    checkpoint = train(recipe, data, options, naming)
    if checkpoint is not None:
        measured = checkpoint.card["measured"][0]
        sys.stdout.write(
            f"{checkpoint.folder}: dev EER {measured['value']:.2%} "
            f"({measured['low']:.2%} to {measured['high']:.2%}, n = {measured['n']})\n"
        )
    return 0


def adjusted(recipe: Recipe, args: argparse.Namespace) -> Recipe:
    """The recipe with what the command line changes; the run's record holds the result."""
    changes = {
        key: value
        for key in ("seed", "epochs", "backbone", "codec")
        if (value := getattr(args, key)) is not None
    }
    if args.freeze is not None:
        changes["freeze"] = tuple(args.freeze)
    if args.clips is not None:
        changes["sampling"] = dataclasses.replace(recipe.sampling, clips=args.clips)
    return dataclasses.replace(recipe, **changes)


def _list() -> int:
    for name in recipes.names():
        first = "" if ":" in name else recipes.summary(name)
        sys.stdout.write(f"{name:36} {first}".rstrip() + "\n")
    return 0


def _name(given: str) -> str:
    """A recipe's name; a path of its file is understood, too."""
    module, colon, variant = re.sub(r"\.py$", "", given).partition(":")
    return Path(module).name.rpartition(".")[2].replace("-", "_") + colon + variant


def _command(args: argparse.Namespace) -> str:
    """The command that makes this checkpoint again, without paths of this machine."""
    parts = [f"python -m training train {_name(args.recipe)}"]
    parts += ["--data DIR"] if args.data else []
    named = ("id", "seed", "epochs", "clips", "backbone", "codec")
    options = {key: getattr(args, key) for key in named}
    parts += [f"--{key} {value}" for key, value in options.items() if value is not None]
    parts += [f"--freeze {prefix}" for prefix in args.freeze or ()]
    return " ".join(parts)
