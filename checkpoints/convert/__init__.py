"""Tensor names of other people's checkpoints, mapped to ours.

One module a detector, each with two functions of a state dict in its authors' names:
`rename` gives our tensors, `config_of` the entries for the detector's `build`. Both refuse what
they do not know, by name, with a `CheckpointError`.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from checkpoints.convert import aasist, hiercon, mambo, sls

if TYPE_CHECKING:
    from torch import Tensor


class Converter(NamedTuple):
    """The two functions of one detector's module."""

    rename: Callable[[Mapping[str, "Tensor"]], dict[str, "Tensor"]]
    config_of: Callable[[Mapping[str, "Tensor"]], dict[str, Any]]


CONVERTERS: dict[str, Converter] = {
    "aasist": Converter(aasist.rename, aasist.config_of),
    "hiercon": Converter(hiercon.rename, hiercon.config_of),
    "mambo": Converter(mambo.rename, mambo.config_of),
    "sls": Converter(sls.rename, sls.config_of),
}
