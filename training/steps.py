"""What the loops that run for a given time share: the clock, draws, and how weights move."""

import copy
import math
import time
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.types import Label
from training.data import Item
from training.errors import TrainingError
from training.recipe import Level
from training.sampling import shares

TEMPER = 0.5  # a family or source is drawn by the root of its clips: a third of spoof is the zoo
LEVELS: tuple[Level, ...] = ("family", "source")


class Draws:
    """Clips by chance, as many human as machine-made, families and sources tempered."""

    def __init__(self, items: Sequence[Item], rng: np.random.Generator) -> None:
        self.labels = np.array([item.label for item in items])
        self.share = np.zeros(len(items))
        for label in {item.label for item in items}:
            rows = [i for i, item in enumerate(items) if item.label == label]
            self.share[rows] = shares([items[i] for i in rows], LEVELS, TEMPER)
        self.share /= self.share.sum()
        self.rng = rng

    def __call__(self, count: int) -> NDArray[np.int64]:
        return self.rng.choice(len(self.share), count, p=self.share)

    def of(self, label: Label, count: int) -> NDArray[np.int64]:
        """Clips of that label only.

        Raises
        ------
        TrainingError
            There is none.
        """
        share = np.where(self.labels == label, self.share, 0.0)
        if not share.any():
            raise TrainingError(f"the data has no {label} clip to draw")
        return self.rng.choice(len(share), count, p=share / share.sum())


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


def until(seconds: float) -> Iterator[float]:
    """Shares of the time that are gone, from 0 on, as long as there is any left."""
    started = time.monotonic()
    while seconds > 0 and (share := (time.monotonic() - started) / seconds) < 1:
        yield share


Net = TypeVar("Net", bound=nn.Module)


class Descent(Generic[Net]):
    """AdamW with a rate that rises and falls, and the exponential mean of the weights.

    Parameters
    ----------
    net : trained in place.
    peak : the highest rate.
    decay : of the weights.
    clip : the largest norm of the gradient.
    memory : of the mean, a step.
    betas : AdamW's.
    """

    def __init__(
        self,
        net: Net,
        peak: float,
        decay: float,
        clip: float,
        memory: float = 0.99,
        betas: tuple[float, float] = (0.9, 0.98),
    ) -> None:
        self.net, self.steps = net, 0
        self.mean = copy.deepcopy(net).requires_grad_(False)  # noqa: FBT003 - torch's signature
        self._peak, self._clip, self._memory = peak, clip, memory
        self._kept = [p for p in net.parameters() if p.requires_grad]
        self._optimiser = torch.optim.AdamW(self._kept, peak, betas=betas, weight_decay=decay)

    def move(self, loss: Tensor, share: float) -> None:
        """One step down, after that share of the time; the mean follows."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._peak * rate(share)
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._kept, self._clip)
        self._optimiser.step()
        self.steps += 1
        follow(self.mean, self.net, self.steps, self._memory)
