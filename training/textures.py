"""Pieces of training audio, changed in several ways, with their statistics: made once.

On two CPU cores the changes and the statistics of `core.ears` cost more than a step of a compact
network. So several variants of each clip are made before training: variant 0 is its unchanged head,
the others are changed pieces (`training.pieces`). All random choices follow from the seed, the
variant and the order of the clips.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from core.blocks import BlockStem
from training.bank import Bank, head_batches
from training.data import Item
from training.pieces import SAMPLES, USUAL, Handling, changed, rounded

BATCH = 8
UNCHANGED = 0.4  # share of variant 0 in what a network learns from
DROPPED = 0.2  # share of dimensions that are left out
DEAF = 0.5  # share of clips to which each ear is left out by the toss of a coin


@dataclass(frozen=True, slots=True)
class Textures:
    """Variants of clips, in files that are mapped into memory.

    `waves` int16 (clips, samples) and `blocks` float16 (clips, blocks, width), one of each for
    each variant.
    """

    items: tuple[Item, ...]
    waves: tuple[NDArray[np.int16], ...]
    blocks: tuple[NDArray[np.float16], ...]

    def after(self, width: int) -> "Textures":
        """Without the first `width` numbers of each frame."""
        return replace(self, blocks=tuple(blocks[..., width:] for blocks in self.blocks))

    def until(self, width: int) -> "Textures":
        """The first `width` numbers of each frame alone."""
        return replace(self, blocks=tuple(blocks[..., :width] for blocks in self.blocks))

    def variants(self, count: int, rng: np.random.Generator, limit: int | None = None) -> list[int]:
        """A variant for each of `count` clips, the unchanged one as often as `UNCHANGED` says."""
        others = min(len(self.blocks), limit or len(self.blocks)) - 1
        if others < 1:
            return [0] * count
        changed = rng.random(count) >= UNCHANGED
        drawn: list[int] = np.where(changed, rng.integers(1, others + 1, count), 0).tolist()
        return drawn

    def take(
        self, clips: NDArray[np.int64], variants: list[int], at: slice = slice(None)
    ) -> NDArray[np.float32]:
        """Statistics of the clips in these variants, at these blocks: (clips, blocks, width)."""
        rows = [self.blocks[v][c, at] for v, c in zip(variants, clips, strict=True)]
        return np.stack(rows).astype(np.float32)

    def means(
        self, variant: int = 0, clips: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Means over time of statistics in that variant: (clips, width), all clips if not named."""
        blocks = self.blocks[variant]
        rows = range(len(blocks)) if clips is None else clips
        means = np.empty((len(rows), blocks.shape[-1]), np.float32)
        for place, row in enumerate(rows):
            means[place] = blocks[row].astype(np.float32).mean(0)
        return means


def make(
    stem: BlockStem,
    bank: Bank,
    lossy: Bank,
    folder: Path,
    variant: int,
    seed: int,
    handling: Handling = USUAL,
) -> None:
    """Write one variant of every clip into the folder; what is there already stays.

    `lossy` has a lossy version of each clip, in the same order; the scale of `stem` is not asked.
    `handling` says how often pieces are changed.
    """
    done = folder / f"blocks-{variant}.npy"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed + variant)
    waves: list[NDArray[np.int16]] = []
    blocks: list[NDArray[np.float16]] = []
    with torch.inference_mode():
        for rows in tqdm(head_batches(len(bank), BATCH), desc=f"variant {variant}", mininterval=10):
            if variant:
                wave = changed(bank, lossy, np.array(rows), handling)
            else:
                wave = bank.heads(rows, SAMPLES)
            wave = rounded(wave)
            blocks.append(stem.statistics(wave).half().numpy())
            waves.append((wave * 32_768).to(torch.int16).numpy())
    np.save(folder / f"waves-{variant}.npy", np.concatenate(waves))
    np.save(done, np.concatenate(blocks))


def read(items: tuple[Item, ...], folder: Path) -> Textures:
    """All variants that were made, from memory-mapped files."""
    count = len(sorted(folder.glob("blocks-*.npy")))
    waves = tuple(np.load(folder / f"waves-{v}.npy", mmap_mode="r") for v in range(count))
    blocks = tuple(np.load(folder / f"blocks-{v}.npy", mmap_mode="r") for v in range(count))
    return Textures(items, waves, blocks)


def kept(stem: BlockStem, count: int) -> Tensor:
    """What clips are given of their statistics in training, as factors (count, 1, width).

    Left out, for a clip at a time, are dimensions, so that nothing leans on a few, and of every
    other clip whole ears: otherwise a network takes what fits the training clips best, and machines
    that only another ear shows stay unheard (checkpoints/README.md).
    """
    widths = torch.tensor(stem.widths)
    keep = (torch.rand(count, 1, int(widths.sum())) >= DROPPED) / (1 - DROPPED)
    ears = torch.rand(count, len(widths)) < 0.5
    whole = (torch.rand(count) >= DEAF) | ~ears.any(1)
    return keep * (ears | whole[:, None]).repeat_interleave(widths, 1)[:, None]
