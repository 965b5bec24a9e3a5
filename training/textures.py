"""Pieces of training audio, changed in several ways, with their texture: made once, used for hours.

On two CPU cores the changes (codecs run as programs) and the statistics of `core.texture` cost more
than a step of a compact network. So `VARIANTS` pieces of each clip are made before training: the
first unchanged, the others through the recipe's augmentation. All random choices follow from the
seed, the variant and the clip's place.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from core.texture import TextureConfig, TextureStem
from training.augment.chain import augment
from training.data import Audio, Item, crop, repeat
from training.recipe import Augmentation, Crop

SAMPLES = 64_600
WHOLE = Crop(samples=SAMPLES, train="random")


@dataclass(frozen=True, slots=True)
class Textures:
    """Variants of clips: `waves` int16 (clips, samples), `blocks` float16 (clips, blocks, width).

    Row r is variant r // len(items) of clip r % len(items), for as many variants as are made.
    """

    items: tuple[Item, ...]
    waves: NDArray[np.int16]
    blocks: NDArray[np.float16]

    def spoofed(self) -> NDArray[np.float32]:
        """1 for each row of machine-made speech, 0 for human speech."""
        own = np.array([item.label == "spoof" for item in self.items], dtype=np.float32)
        return np.tile(own, len(self.blocks) // len(self.items))


def piece(
    audio: Audio, index: int, variant: int, seed: int, change: Augmentation, short: Crop
) -> NDArray[np.int16]:
    """One variant of one clip, (samples,)."""
    rng = np.random.default_rng([seed, variant, index])
    wave = audio.read(index).astype(np.float64) / 32_768
    if variant:
        wave = augment(wave, change.before_crop, rng)
        wave = crop(wave, short, rng)
        wave = augment(wave, change.after_crop, rng)
    else:
        wave = crop(wave, WHOLE, rng)
    scaled = np.clip(np.round(repeat(wave, SAMPLES) * 32_768), -32_768, 32_767)
    return scaled.astype(np.int16)


def make(
    audio: Audio,
    folder: Path,
    variant: int,
    seed: int,
    change: Augmentation,
    short: Crop,
    texture: TextureConfig,
) -> None:
    """Write one variant of every clip into the folder; what is there already stays."""
    done = folder / f"blocks-{variant}.npy"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    stem = TextureStem(texture).eval()
    waves = np.zeros((len(audio.items), SAMPLES), dtype=np.int16)
    blocks: list[NDArray[np.float16]] = []
    with torch.inference_mode():
        for index in tqdm(range(len(audio.items)), desc=f"variant {variant}", mininterval=10):
            waves[index] = piece(audio, index, variant, seed, change, short)
            heard = torch.from_numpy(waves[index].astype(np.float32) / 32_768)
            blocks.append(stem.statistics(heard[None])[0].half().numpy())
    np.save(folder / f"waves-{variant}.npy", waves)
    np.save(done, np.stack(blocks))


def read(audio: Audio, folder: Path) -> Textures:
    """All variants that were made, from memory-mapped files."""
    count = len(sorted(folder.glob("blocks-*.npy")))
    waves = [np.load(folder / f"waves-{v}.npy", mmap_mode="r") for v in range(count)]
    blocks = [np.load(folder / f"blocks-{v}.npy", mmap_mode="r") for v in range(count)]
    return Textures(tuple(audio.items), np.concatenate(waves), np.concatenate(blocks))
