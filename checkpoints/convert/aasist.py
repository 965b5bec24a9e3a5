"""AASIST and AASIST-L in the authors' layout (229 tensors) -> ours, which has the same names.

Only the sizes have to be read off the tensors: AASIST, AASIST-L and the 320-wide network differ in
widths, and the pooling ratios, which leave no trace in the tensors, go with them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checkpoints.card import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

NARROW, MIDDLE, WIDE = "encoder.0.0.conv1.bias", "encoder.2.0.conv1.bias", "encoder.3.0.conv1.bias"
HOMO, HETERO = "GAT_layer_T.att_weight", "HtrgGAT_layer_ST11.att_weight11"
RATIOS = {  # by the published widths; models of other widths follow the larger network
    (32, 64, 64): [0.5, 0.7, 0.5],
    (32, 24, 24): [0.4, 0.5, 0.7],
}


def rename(state: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """The same tensors under the same names."""
    return dict(state)


def config_of(state: Mapping[str, "Tensor"]) -> dict[str, Any]:
    """Entries for `Aasist.build`: the dense network of these widths (k is the whole width)."""
    missing = [name for name in (NARROW, MIDDLE, WIDE, HOMO, HETERO) if name not in state]
    if missing:
        raise CheckpointError(f"The file has no '{missing[0]}', so it is not of AASIST.")
    narrow, middle, wide, homo, hetero = (
        len(state[name]) if state[name].ndim else 0 for name in (NARROW, MIDDLE, WIDE, HOMO, HETERO)
    )
    return {
        "channels": [1, narrow, middle, wide],
        "gat_dims": [homo, hetero],
        "pool_ratios": RATIOS.get((narrow, middle, wide), [0.5, 0.7, 0.5]),
        "k": 5 * hetero,
    }
