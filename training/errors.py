"""The one exception of training and evaluation that is meant for people."""

from pathlib import Path


class TrainingError(Exception):
    """A list, a score file or a recipe cannot be used; the message says where and what would."""


def fault(file: Path | str, line: int | None, found: str, expected: str) -> TrainingError:
    """The error for something wrong in a file: where, what was found, what is expected.

    Parameters
    ----------
    line : counted from 1; None where the whole file is meant.
    """
    place = f"{file}" if line is None else f"{file}, line {line}"
    return TrainingError(f"{place}: found {found}; expected {expected}.")
