"""Every human clip through a trained generator: the same words and voice, machine-made."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from training.bank import Bank
from training.data import Item
from training.zoo.fit import at_level
from training.zoo.generators import Codec, Generator, quantisers_of

MULTIPLE = 6_400  # samples: of every hop
FAMILY = "zoo"


@torch.inference_mode()
def copy(generator: Generator, wave: Tensor, quantisers: int | None = None) -> Tensor:
    """A copy (samples,) of a clip (samples,), at the clip's own level."""
    whole = torch.nn.functional.pad(wave, (0, -len(wave) % MULTIPLE))[None]
    if quantisers is not None and isinstance(generator, Codec):
        made = generator.through(at_level(whole), quantisers)[0]
    else:
        made = generator.copy(at_level(whole))
    made = made[0, : len(wave)]
    level = wave.square().mean().sqrt() / made.square().mean().sqrt().clamp_min(1e-6)
    scaled: Tensor = made * level
    return scaled


def copies(generator: Generator, bank: Bank, seed: int, name: str = "copies") -> Bank:
    """A copy of every clip of the bank, in its order; codecs draw how many quantisers work."""
    rng = np.random.default_rng(seed)
    counts = quantisers_of(generator)
    torch.manual_seed(seed)
    made: list[NDArray[np.int16]] = []
    for wave in tqdm(bank.waves(), name, mininterval=10):
        clip = torch.from_numpy(wave.astype(np.float32) / 32_768)
        count = int(rng.choice(counts)) if counts else None
        whole = (copy(generator, clip, count) * 32_768).round().clamp(-32_768, 32_767)
        made.append(whole.to(torch.int16).numpy())
    return as_copies(bank, name, np.concatenate(made))


def as_copies(bank: Bank, name: str, samples: NDArray[np.int16]) -> Bank:
    """A bank of copies whose samples lie as those of the clips they are of."""
    items = tuple(replace(x, label="spoof", system=name, family=FAMILY) for x in bank.items)
    return replace(bank, items=items, samples=torch.from_numpy(samples))


def items_of_copies(items: Sequence[Item], count: int) -> tuple[Item, ...]:
    """What `count` copies of each human clip are, in the order of the clips they are of.

    They say no generator, for it differs from draw to draw.
    """
    return tuple(
        replace(item, label="spoof", system=FAMILY, family=FAMILY)
        for item in items
        if item.label == "bonafide"
        for _ in range(count)
    )


def beside(bank: Bank, made: Sequence[Bank], count: int, rng: np.random.Generator) -> Bank:
    """The bank, and after it `count` copies of each of its human clips, of generators by chance.

    A row is a copy of the same clip whatever the draw (`items_of_copies`). `made` are banks of
    copies of every human clip, one bank a generator; none of them, and no copy is added.
    """
    if not made:
        return bank
    found: dict[str, list[NDArray[np.int16]]] = defaultdict(list)
    for each in made:
        for item, wave in zip(each.items, each.waves(), strict=True):
            found[item.utt_id].append(wave)
    waves = bank.waves()
    for item in bank.items:
        if item.label == "bonafide":
            own = found[item.utt_id]
            chosen = rng.choice(len(own), count, replace=count > len(own))
            waves += [own[one] for one in chosen]
    items = (*bank.items, *items_of_copies(bank.items, count))
    return Bank.of(items, waves, str(bank.samples.device))
