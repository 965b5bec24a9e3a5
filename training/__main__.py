"""`python -m training COMMAND`: train, score, measure and compare; each command has --help."""

import argparse
import importlib
import sys

from checkpoints.card import CheckpointError
from core.allocator import keep_freed_memory
from core.types import AudioError, DetectorError
from training.errors import TrainingError

COMMANDS = (
    "train",
    "score",
    "metrics",
    "compare",
    "anchors",
    "calm",
    "localise",
    "disentangle",
    "compact",
    "trust",
    "cards",
    "zoo",
)


def parser() -> argparse.ArgumentParser:
    """The command line with all its subcommands."""
    whole = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    subparsers = whole.add_subparsers(dest="command", required=True)
    for name in COMMANDS:
        importlib.import_module(f"training.commands.{name}").add(subparsers)
    return whole


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 it could not be done (the reason is printed), 2 wrong usage."""
    chosen = parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except (TrainingError, CheckpointError, DetectorError, AudioError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from the last saved state\n")
        return 130


if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(main())
