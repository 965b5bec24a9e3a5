"""The command line: python -m core analyze | verify | detectors | fetch | convert.

Exit status of `analyze`: 0 when every clip was read (also where it was not scored), 1 when one
could not be (its entry says why), 2 for wrong usage, 130 after Ctrl-C. Heavy modules are imported
by the command that needs them.
"""

import argparse
import sys
from collections.abc import Sequence

from checkpoints.card import CheckpointError
from core.cli import analyze, models, verification
from core.provenance import VERSION
from core.types import AudioError, DetectorError

WRONG_USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(
                errors="replace"
            )  # a terminal that lacks a letter is no reason to end
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (AudioError, CheckpointError, DetectorError) as error:
        print(f"spoofscope: {error}", file=sys.stderr)
        return WRONG_USAGE
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has closed it, as `head` does
        sys.stdout = None
        return 0
    return status


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    top = argparse.ArgumentParser(
        prog="python -m core",
        description="Speech deepfake detection: scores, evidence and reports that can be verified.",
    )
    top.add_argument("--version", action="version", version=f"SpoofScope {VERSION}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    analyze.add_to(commands)
    verification.add_to(commands)
    models.add_to(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
