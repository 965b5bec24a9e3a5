"""XLS-R + SLS in the authors' layout (440 tensors, fairseq names) -> ours.

The published reproductions (`v1/epoch_2.pth`, `v2/epoch_16.pth`) have it. `config_of` reads the
sizes off the tensors, `rename` maps them: 429 of the speech network, of which the seven of
pre-training are dropped, and 11 of the head.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checkpoints.card import CheckpointError
from checkpoints.convert import fairseq

if TYPE_CHECKING:
    from torch import Tensor

HEAD = {
    "fc0.": "head.gates.fc0.",
    "first_bn.": "head.first_bn.",
    "fc1.": "head.fc1.",
    "fc3.": "head.fc3.",
}
POOL = 3
SAMPLES = 64_600  # what the authors' loader cuts every clip to
FRAME, HOP = 400, 320


def rename(state: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Every tensor under our name; see `checkpoints.convert.fairseq.rename`."""
    return fairseq.rename(state, HEAD, "SLS")


def config_of(state: Mapping[str, "Tensor"]) -> dict[str, Any]:
    """Entries for `Sls.build`; the length of the input follows from the first linear layer."""
    speech = fairseq.speech_config(state)
    first = fairseq.bare(state).get("fc1.weight")
    if first is None:
        raise CheckpointError("The file has no 'fc1.weight', so it is not of SLS.")
    hidden, cells = first.shape
    pooled, rest = divmod(cells, speech["width"] // POOL)
    if rest:
        raise CheckpointError(
            f"fc1 reads {cells} numbers, which no input over a width of {speech['width']} gives."
        )
    if pooled == ((SAMPLES - FRAME) // HOP + 1) // POOL:
        samples = SAMPLES
    else:
        samples = FRAME + HOP * (POOL * pooled - 1)
    return {"backbone": speech, "samples": samples, "hidden": hidden}
