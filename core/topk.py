"""TopK on an embedding: the k highest values stay, all others become zero (arXiv 2510.05696).

As in sparse autoencoders, "highest" is by signed value unless told otherwise, in training and in
inference alike, for each sample by itself. `k` equal to the width is the identity, to the bit.
"""

from typing import Literal

import torch
from torch import Tensor, nn

Order = Literal["value", "abs"]


class TopK(nn.Module):
    """Keep the `k` highest of `width` values; ties go to the lower index, on every machine.

    The gradient flows through the kept entries only; there is no straight-through estimate.
    No parameters, no state.
    """

    def __init__(self, k: int, width: int, by: Order = "value") -> None:
        super().__init__()
        if not 1 <= k <= width:
            raise ValueError(f"TopK keeps {k} of {width} dimensions; k must be from 1 to {width}.")
        if by not in ("value", "abs"):
            raise ValueError(f'TopK orders by "value" or "abs", not {by!r}.')
        self.k, self.width, self.by = k, width, by

    def forward(self, dense: Tensor) -> Tensor:
        """(..., width) -> (..., width) with at most `k` entries that are not zero."""
        if self.k == self.width:
            return dense
        ranked = dense.detach().abs() if self.by == "abs" else dense.detach()
        kept = ranked.argsort(dim=-1, descending=True, stable=True)[..., : self.k]
        mask = torch.zeros_like(dense, dtype=torch.bool).scatter(-1, kept, True)  # noqa: FBT003
        return torch.where(mask, dense, torch.zeros((), dtype=dense.dtype, device=dense.device))

    def extra_repr(self) -> str:
        return f"k={self.k} of {self.width}, by={self.by}"
