"""verify: a bundle again, and whether it says the same."""

import argparse
import sys
from pathlib import Path
from typing import Any

SAME, DIFFERENT = 0, 1


def add_to(commands: Any) -> None:
    """The command and its options."""
    own = commands.add_parser(
        "verify",
        help="check a bundle, and score its clip again",
        epilog="exit status: 0 IDENTICAL or WITHIN TOLERANCE, 1 CHANGED, 2 for wrong usage",
    )
    own.add_argument("bundle", metavar="BUNDLE.zip")
    own.add_argument("clips", nargs="*", metavar="CLIP", help="the recordings, to score them again")
    own.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """The command; its exit status."""
    from core.verification import verify

    outcome = verify(Path(options.bundle), [Path(clip) for clip in options.clips])
    sys.stdout.write("\n".join([outcome.verdict, *outcome.reasons]) + "\n")
    return SAME if outcome.same else DIFFERENT
