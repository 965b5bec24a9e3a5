"""How many threads torch works with, where a program has many threads of its own.

Torch keeps the number for each of a program's threads apart, and a web server scores on many:
setting it once would reach some clips and not others. So it is set around each reading.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


def used(wanted: int) -> int:
    """How many threads a wish comes to: 0 is torch's own choice, no more than processors."""
    automatic = _automatic()  # asked first: it must be known before it is changed
    return min(wanted, os.cpu_count() or 1) or automatic


@contextmanager
def limited(number: int) -> Iterator[None]:
    """Torch with so many threads until the block ends."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _automatic() -> int:
    """Torch's own choice, which it does not tell any more once it was overruled."""
    import torch

    return torch.get_num_threads()
