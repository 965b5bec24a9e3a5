"""Pieces of clips as files get handled, drawn and changed on the device that trains.

`changed` is one draw. `training.textures` keeps some draws of every clip, because statistics cost
more than a step of a network on two CPU cores; `Pieces` draws anew for every batch, for networks
that learn their stem: what never comes twice cannot be learned by heart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.augment.batched import Changes, change
from training.bank import Bank
from training.data import Item
from training.errors import TrainingError
from training.steps import Draws
from training.zoo.copies import FAMILY

SAMPLES = 64_600
SECONDS = (1.5, 4.04)  # of a changed piece
WHOLE = (2.5, 4.04)  # of an unchanged one
FILLS = (0.6, 0.2, 0.2)  # shares of pieces said again, followed by zeros, reflected
UNCHANGED = 0.35  # share of a batch
COPIED = 0.35  # share of the machine-made half of a batch that copies of its human half are


@dataclass(frozen=True, slots=True)
class Handling:
    """How often files get handled on their way.

    Attributes
    ----------
    lossy : share of pieces that are of a clip's lossy version.
    changed : share of pieces that are then changed, by `changes`.
    """

    lossy: float
    changed: float
    changes: Changes


USUAL = Handling(
    0.4,
    0.75,
    Changes(noise=0.4, snr=(8.0, 40.0), low_pass=0.25, gain=0.9, decibel=(9.0, 20.0)),
)
OFTEN = Handling(0.5, 0.8, replace(USUAL.changes, noise=0.5, low_pass=0.4))


def changed(
    clean: Bank, lossy: Bank, rows: NDArray[np.int64], handling: Handling = USUAL
) -> Tensor:
    """A changed piece of each clip or of its lossy version: (rows, SAMPLES)."""
    device = clean.samples.device
    wave = clean.pieces(rows, SAMPLES, SECONDS, FILLS)
    other = lossy.pieces(rows, SAMPLES, SECONDS, FILLS)
    wave = torch.where(torch.rand(len(rows), 1, device=device) < handling.lossy, other, wave)
    handled = torch.rand(len(rows), 1, device=device) < handling.changed
    return torch.where(handled, change(wave, handling.changes), wave)


def rounded(wave: Tensor) -> Tensor:
    """As 16 bits keep it: what rounding adds to a quiet clip is part of what networks must bear."""
    return (wave * 32_768).round().clamp(-32_768, 32_767) / 32_768


@dataclass(frozen=True, slots=True)
class Pieces:
    """Clips, and after them copies of their human ones.

    Attributes
    ----------
    clean, lossy : clips and a lossy version of each, in the same order; both on one device.
    draws : of the clips that are not copies, half of them human.
    copies_of : for the row of a human clip, the rows of its copies; none without a zoo.
    """

    clean: Bank
    lossy: Bank
    draws: Draws
    copies_of: dict[int, NDArray[np.int64]]

    @classmethod
    def of(cls, clean: Bank, lossy: Bank, rng: np.random.Generator) -> "Pieces":
        """From banks in which copies, if any, are of `FAMILY` and carry the id of their clip.

        Raises
        ------
        TrainingError
            Clips of one kind only, or a lossy bank that is not of these clips.
        """
        if [item.utt_id for item in clean.items] != [item.utt_id for item in lossy.items]:
            raise TrainingError("the lossy versions are of other clips, or in another order")
        own = [i for i, item in enumerate(clean.items) if item.family != FAMILY]
        if own != list(range(len(own))):
            raise TrainingError("copies must follow the clips")
        rows = {clean.items[i].utt_id: i for i in own}
        found: dict[int, list[int]] = {}
        for i in range(len(own), len(clean.items)):
            found.setdefault(rows[clean.items[i].utt_id], []).append(i)
        draws = Draws(clean.items[: len(own)], rng)
        return cls(clean, lossy, draws, {i: np.array(v) for i, v in found.items()})

    @property
    def items(self) -> tuple[Item, ...]:
        return self.clean.items

    def rows(self, count: int) -> NDArray[np.int64]:
        """Clips for a batch: human ones, machine-made ones, and copies of some of the former."""
        human, spoof = (self.draws.of(label, count // 2) for label in ("bonafide", "spoof"))
        copied = [row for row in human.tolist() if row in self.copies_of]
        copied = copied[: round(len(spoof) * COPIED)]
        own = [int(self.draws.rng.choice(self.copies_of[row])) for row in copied]
        return np.concatenate([human, spoof[len(own) :], np.array(own, dtype=np.int64)])

    def waves(self, rows: NDArray[np.int64]) -> Tensor:
        """A new piece of each: (rows, SAMPLES), as 16 bits keep it."""
        whole = self.clean.pieces(rows, SAMPLES, WHOLE)
        unchanged = torch.rand(len(rows), 1, device=whole.device) < UNCHANGED
        return rounded(torch.where(unchanged, whole, changed(self.clean, self.lossy, rows)))


def joined(banks: Sequence[Bank]) -> Bank:
    """Banks one after another."""
    waves = [wave for bank in banks for wave in bank.waves()]
    return Bank.of([item for bank in banks for item in bank.items], waves, "cpu")
