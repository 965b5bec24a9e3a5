"""HierCon in the authors' layout (fairseq names) -> ours.

Our head keeps the authors' names. The size of a group leaves no trace in the tensors, because one
module serves all groups; the authors' is 3, any other must be named by whoever converts.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checkpoints.card import CheckpointError
from checkpoints.convert import fairseq

if TYPE_CHECKING:
    from torch import Tensor

HEAD = {
    f"{part}.": f"head.{part}."
    for part in (
        "temporal_attn",
        "intra_attn",
        "inter_attn",
        "group_refine",
        "utt_refine",
        "classifier",
        "projection_head",
    )
}
SIZES = {  # what a tensor's first dimension tells
    "attention": "temporal_attn.proj.weight",
    "refine": "utt_refine.net.1.weight",
    "proj_dim": "projection_head.8.weight",
}


def rename(state: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Every tensor under our name; see `checkpoints.convert.fairseq.rename`."""
    return fairseq.rename(state, HEAD, "HierCon")


def config_of(state: Mapping[str, "Tensor"]) -> dict[str, Any]:
    """Entries for `HierCon.build`."""
    tensors = fairseq.bare(state)
    try:
        sizes = {option: len(tensors[name]) for option, name in SIZES.items()}
        hidden = [len(tensors["classifier.1.weight"]), len(tensors["classifier.5.weight"])]
    except KeyError as error:
        raise CheckpointError(f"The file has no {error}, so it is not of HierCon.") from error
    stages = "temporal"
    if "intra_attn.proj.weight" in tensors:
        stages = "full" if "inter_attn.proj.weight" in tensors else "intra"
    speech = fairseq.speech_config(state)
    return {"backbone": speech, **sizes, "hidden": hidden, "stages": stages}
