"""ZeroGPU: a Space of that kind lends a GPU to functions that ask for one, and wants one to.

Elsewhere the package `spaces` is not there, or its decorator changes nothing. Lent are calls of the
API, which take and give plain values; clips on the page are scored on the CPU, because what they
share with the page would be lost with the process that holds the GPU. (The decorator was tried
with a stand-in that forks as ZeroGPU does; a real Space was not.)
"""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import ParamSpec, TypeVar, cast

Given = ParamSpec("Given")
Result = TypeVar("Result")
SECONDS = 120  # that a call may hold the GPU


def lends(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a Space with ZeroGPU, by the variable that `spaces` looks at."""
    return environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def on_gpu(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The function itself, or where ZeroGPU is, one that runs with a GPU in a forked process.

    Of what it raises only `gr.Error` comes back with its words.
    """
    if find_spec("spaces") is None:
        return function
    import spaces

    return cast("Callable[Given, Result]", spaces.GPU(duration=SECONDS)(function))
