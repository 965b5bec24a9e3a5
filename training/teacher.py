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
COPIES = 0.35  # share of spoof that copies weigh
CHANGED, VARIANTS = 1_500, 4  # rows of each changed variant, and how many of these
LESSON = 4.0  # weight of its opinion against a detector's own loss
STEEP = 3.0  # log odds of the teacher's opinion where its regression says 1


@dataclass(frozen=True, slots=True)
class Machine:
    """Kernel ridge regression to -1 (bona fide) and 1 (spoof), and what it is asked about.

    Attributes
    ----------
    rows : (n, width) that it learned from, clip means on the teacher's scale.
    weights : (n,) of the kernels around the rows.
    clips : (clips, width), the unchanged clips on that scale.
    distances : (clips, n), squared, from these to the rows.
    """

    rows: Tensor
    weights: Tensor
    clips: Tensor
    distances: Tensor

    def __call__(self, first: NDArray[np.int64], second: NDArray[np.int64], own: Tensor) -> Tensor:
        """What it says of mixtures of two clips each: (batch,).

        `own` (batch,) are the shares of the first clip. The distance of a mixture from a row
        follows from those of its clips (Stewart's theorem), so no row is looked at again.
        """
        apart = (self.clips[first] - self.clips[second]).square().sum(1)
        share = own[:, None]
        squared = share * self.distances[first] + (1 - share) * self.distances[second]
        squared = squared - (own * (1 - own) * apart)[:, None]
        return _kernel(squared, self.rows.shape[1]) @ self.weights


@dataclass(frozen=True, slots=True)
class Teacher:
    """One machine for each ear.

    Attributes
    ----------
    centre, scale : (width,) of clip means.
    machines : one for each ear, in the order of their statistics.
    """

    centre: Tensor
    scale: Tensor
    machines: tuple[Machine, ...]

    def __call__(self, clips: NDArray[np.int64], own: Tensor) -> Tensor:
        """How likely clips of train, each mixed with the next one, are spoof: (batch,).

        In its opinion, as if none of them had been changed: what happened to a file on its way
        says nothing about the voice. The shares `own` are those of `mixed`.
        """
        said = [one(clips, np.roll(clips, -1), own) for one in self.machines]
        return torch.sigmoid(STEEP * torch.stack(said).mean(0))


def _kernel(squared: Tensor, width: int) -> Tensor:
    return torch.exp(-squared * (REACH / width))


def fit(train: Textures, widths: Sequence[int], seed: int) -> Teacher:
    """From the unchanged clips, and some of the changed ones and of the zoo's copies, if any.

    `widths` are those of the ears.
    """
    rng = np.random.default_rng(seed)
    spoof = np.array([item.label == "spoof" for item in train.items])
    copied = np.array([item.family == FAMILY for item in train.items])
    own, copies = np.flatnonzero(~copied), np.flatnonzero(copied)
    parts = [(0, own), (0, _some(copies, 2 * CHANGED // 3, rng))]
    for variant in range(1, min(1 + VARIANTS, len(train.blocks))):
        parts += [(variant, _some(own, CHANGED, rng)), (variant, _some(copies, CHANGED // 3, rng))]
    rows = np.concatenate([chosen for _, chosen in parts])
    clips = torch.from_numpy(train.means())
    centre, scale = clips[own].mean(0), clips[own].std(0).clamp_min(1e-3)
    means = torch.cat(
        [
            torch.from_numpy(train.means(variant, chosen)) if variant else clips[chosen]
            for variant, chosen in parts
        ]
    )
    learned, asked = (
        ((some - centre) / scale).clamp(-LIMIT, LIMIT).split(list(widths), 1)
        for some in (means, clips)
    )
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
    weights = torch.from_numpy(weight)
    machines = [
        _machine(ear.contiguous(), weights, sides, clips.contiguous())
        for ear, clips in zip(learned, asked, strict=True)
    ]
    return Teacher(centre, scale, tuple(machines))


def _some(rows: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.permutation(rows)[:count])


def _machine(rows: Tensor, weight: Tensor, sides: Tensor, clips: Tensor) -> Machine:
    ridge = _kernel(torch.cdist(rows, rows).square(), rows.shape[1]).double()
    ridge.diagonal().add_(RIDGE / weight)
    found = torch.cholesky_solve(sides[:, None], torch.linalg.cholesky(ridge))[:, 0]
    return Machine(rows, found.float(), clips, torch.cdist(clips, rows).square())


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
