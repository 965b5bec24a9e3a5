"""What the loops that run for a given time share: draws, the rate, the mean of the weights."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.data import Item
from training.recipe import Level
from training.sampling import shares

TEMPER = 0.5  # a family or source is drawn by the root of its clips: a third of spoof is the zoo
LEVELS: tuple[Level, ...] = ("family", "source")


class Draws:
    """Clips by chance, as many human as machine-made, families and sources tempered."""

    def __init__(self, items: Sequence[Item], rng: np.random.Generator) -> None:
        self.share = np.zeros(len(items))
        for label in {item.label for item in items}:
            rows = [i for i, item in enumerate(items) if item.label == label]
            self.share[rows] = shares([items[i] for i in rows], LEVELS, TEMPER)
        self.share /= self.share.sum()
        self.rng = rng

    def __call__(self, count: int) -> NDArray[np.int64]:
        return self.rng.choice(len(self.share), count, p=self.share)


def rate(share: float) -> float:
    """Factor of the learning rate after that share of the time: up in a tenth, then a cosine."""
    if share < 0.1:
        return max(share, 0.01) / 0.1
    return 0.5 + 0.5 * math.cos(math.pi * (share - 0.1) / 0.9)


@torch.no_grad()
def follow(mean: nn.Module, net: nn.Module, step: int, decay: float = 0.99) -> None:
    """Move the exponential mean of the weights one step on."""
    keep = min(decay, step / (step + 10))
    # parameters and buffers, not the state dict, which names a shared backbone several times
    pairs = zip(
        [*mean.parameters(), *mean.buffers()], [*net.parameters(), *net.buffers()], strict=True
    )
    for kept, new in pairs:
        if kept.is_floating_point():
            kept.lerp_(new.detach(), 1 - keep)
        else:
            kept.copy_(new)
