"""`python -m training trust`: the share of the log odds that holds on new sources."""

import argparse
import sys
from pathlib import Path


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "trust",
        help="how much of calibrated log odds holds on sources nobody had met",
        description="Two files with a column label and one of spoof_logits for each detector.",
    )
    parser.add_argument("known", type=Path, help="trials of the sources to calibrate on")
    parser.add_argument("new", type=Path, help="trials of sources that nothing was trained on")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the factor and what it costs."""
    from core.trials import read
    from training.errors import TrainingError
    from training.trust import measure

    found = []
    for path in (args.known, args.new):
        trials = read(path)
        if trials is None:
            raise TrainingError(f"there is no file {path}")
        found.append(trials)
    trust = measure(*found)
    sys.stdout.write(
        f"trust {trust.factor:.2f}: Cllr {trust.cllr:.3f} on the new trials, "
        f"{trust.whole:.3f} if all of the log odds are kept\n"
    )
    return 0
