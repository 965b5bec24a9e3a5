"""Several stems as one: the statistics of each, side by side.

One kind of statistics misses the machines that another hears (checkpoints/README.md), so a compact
backbone may listen with several. In training whole ears are left out at random (`training.joint`),
so that each of them learns to tell by itself.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from core.blocks import BlockStem


class EarsStem(BlockStem):
    """Waveform -> frames of as many numbers as its ears give together."""

    def __init__(self, ears: Sequence[BlockStem]) -> None:
        super().__init__(*[width for ear in ears for width in ear.widths])
        for ear in ears:
            del ear.centre, ear.scale  # all ears have one scale, kept here
        self.ears = nn.ModuleList(ears)

    @property
    def options(self) -> object:
        return tuple(ear.options for ear in self.parts())

    def statistics(self, wave: Tensor) -> Tensor:
        """Statistics around each block of 100 ms, before the scale: (batch, blocks, width)."""
        return torch.cat([ear.statistics(wave) for ear in self.parts()], -1)

    def parts(self) -> tuple[BlockStem, ...]:
        """The ears one by one; the scale is that of all, so only their statistics mean anything."""
        return tuple(cast("BlockStem", ear) for ear in self.ears)
