"""Kernel machines on clip means, one for each ear, whose opinion networks learn beside the labels.

Kernel ridge regression with Gaussian kernels does better on unchanged clips of dev than networks on
the same statistics, and the mean of one machine for each ear better on new pages than one machine
on all statistics (checkpoints/README.md). It cannot ship, being none of the five detectors; but it
can teach them, on clips and on mixtures of two clips, where labels say nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.textures import Textures
from training.zoo.copies import FAMILY

LIMIT = 4.0  # standard deviations of clip means
REACH, RIDGE = 0.75, 0.3  # of the kernel, by dimension; of the ridge, by a row's weight
COPIES, CHANGED = 0.35, 1_800  # share of spoof that copies weigh; rows of each changed variant
LESSON = 2.0  # weight of its opinion against a detector's own loss
STEEP = 3.0  # log odds of the teacher's opinion where its regression says 1


@dataclass(frozen=True, slots=True)
class Machine:
    """Kernel ridge regression to -1 (bona fide) and 1 (spoof).

    Attributes
    ----------
    rows : (n, width), clip means on the teacher's scale.
    weights : (n,) of the kernels around the rows.
    """

    rows: Tensor
    weights: Tensor

    def __call__(self, means: Tensor) -> Tensor:
        """(batch, width) on that scale -> (batch,)."""
        return _kernel(means, self.rows) @ self.weights


@dataclass(frozen=True, slots=True)
class Teacher:
    """One machine for each ear.

    Attributes
    ----------
    means : (clips, width) of the unchanged clips, copies among them.
    centre, scale : (width,) of those that are no copies.
    machines : one for each ear, in the order of their statistics.
    """

    means: Tensor
    centre: Tensor
    scale: Tensor
    machines: tuple[Machine, ...]

    def __call__(self, means: Tensor) -> Tensor:
        """Clip means (batch, width) -> how likely they are spoof in its opinion, (batch,)."""
        scaled = ((means - self.centre) / self.scale).clamp(-LIMIT, LIMIT)
        parts = scaled.split([one.rows.shape[1] for one in self.machines], 1)
        said = [one(part) for one, part in zip(self.machines, parts, strict=True)]
        return torch.sigmoid(STEEP * torch.stack(said).mean(0))


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return torch.exp(-torch.cdist(a, b).square() * (REACH / a.shape[1]))


def fit(train: Textures, widths: Sequence[int], seed: int) -> Teacher:
    """From the unchanged clips, and some of the changed ones and of the zoo's copies, if any.

    `widths` are those of the ears.
    """
    rng = np.random.default_rng(seed)
    spoof = np.array([item.label == "spoof" for item in train.items])
    copied = np.array([item.family == FAMILY for item in train.items])
    own, copies = np.flatnonzero(~copied), np.flatnonzero(copied)
    parts = [(0, own), (0, _some(copies, 2 * CHANGED // 3, rng))]
    for variant in range(1, min(3, len(train.blocks))):
        parts += [(variant, _some(own, CHANGED, rng)), (variant, _some(copies, CHANGED // 3, rng))]
    rows = np.concatenate([chosen for _, chosen in parts])
    unchanged = torch.from_numpy(train.means(0))
    centre, scale = unchanged[own].mean(0), unchanged[own].std(0).clamp_min(1e-3)
    means = [
        _means(train, variant, chosen) if variant else unchanged[chosen]
        for variant, chosen in parts
    ]
    scaled = ((torch.cat(means) - centre) / scale).clamp(-LIMIT, LIMIT)
    weight = np.zeros(len(rows))
    share_of_copies = COPIES if copied.any() else 0.0
    groups = (
        (~spoof[rows], 0.5),
        (spoof[rows] & ~copied[rows], 0.5 * (1 - share_of_copies)),
        (copied[rows], 0.5 * share_of_copies),
    )
    for group, share in groups:
        weight[group] = share * len(rows) / max(1, group.sum())
    sides = torch.from_numpy(np.where(spoof[rows], 1.0, -1.0))
    machines = [
        _machine(part.contiguous(), torch.from_numpy(weight), sides)
        for part in scaled.split(list(widths), 1)
    ]
    return Teacher(unchanged, centre, scale, tuple(machines))


def _some(rows: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.permutation(rows)[:count])


def _machine(rows: Tensor, weight: Tensor, sides: Tensor) -> Machine:
    ridge = _kernel(rows, rows).double()
    ridge.diagonal().add_(RIDGE / weight)
    found = torch.cholesky_solve(sides[:, None], torch.linalg.cholesky(ridge))[:, 0]
    return Machine(rows, found.float())


def _means(train: Textures, variant: int, rows: NDArray[np.int64]) -> Tensor:
    blocks = train.blocks[variant]
    means = [blocks[row].astype(np.float32).mean(0) for row in rows]
    return torch.from_numpy(np.stack(means)) if means else torch.zeros(0, blocks.shape[-1])


def shares(count: int, whole: int, rng: np.random.Generator) -> Tensor:
    """How much of itself each clip of a batch keeps in a mixture: (count,), 1 for the first ones.

    `whole` is how many of them stay as they are.
    """
    found = torch.from_numpy(rng.uniform(0, 1, count).astype(np.float32))
    found[:whole] = 1
    return found


def mixed(values: Tensor, parts: Tensor) -> Tensor:
    """Each clip's values (batch, ..., width) with the next one's; `parts` are shares of its own.

    The last clip's next is the first.
    """
    own = parts.reshape(-1, *[1] * (values.ndim - 1))
    return own * values + (1 - own) * values.roll(-1, 0)


def lesson(logits: Tensor, opinion: Tensor) -> Tensor:
    """Cross-entropy of logits (batch, 2), spoof first, to the teacher's opinion (batch,)."""
    return functional.cross_entropy(logits, torch.stack([opinion, 1 - opinion], 1))
