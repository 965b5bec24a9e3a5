"""ZeroGPU: a Space of that kind lends a GPU to functions that ask for one, and wants one to.

Elsewhere the package `spaces` is not there and nothing changes. Lent are calls of the API, which
take and give plain values; clips on the page are scored on the CPU, because what they share with
the page would be lost with the process that holds the GPU. (Not tried on a real Space.)
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import ParamSpec, TypeVar, cast

Given = ParamSpec("Given")
Result = TypeVar("Result")
SECONDS = 120  # that a call may hold the GPU


def on_gpu(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The function itself, or where ZeroGPU is, one that runs with a GPU."""
    if find_spec("spaces") is None:
        return function
    import spaces

    return cast("Callable[Given, Result]", spaces.GPU(duration=SECONDS)(function))
