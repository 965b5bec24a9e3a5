"""A corpus' clips as float arrays, and changed sound as a file through the product's intake."""

import io
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.intake import decode_bytes
from core.types import RATE, Clip
from training.corpora.audio import read_audio
from training.data import Item

Wave = NDArray[np.float64]


def read(item: Item) -> Wave:
    """A clip of a corpus (samples,) at 16 kHz, full scale 1."""
    return np.asarray(read_audio(item.path), dtype=np.float64)


def as_clip(wave: NDArray[Any], name: str) -> Clip:
    """Sound as a 16-bit WAV file through the product's own intake, as a user would bring it.

    What passes full scale is cut off there, and quiet sound is rounded, as in any such file.
    """
    file = io.BytesIO()
    scaled = np.clip(np.round(np.asarray(wave, np.float64) * 32_768), -32_768, 32_767)
    soundfile.write(file, scaled.astype(np.int16), RATE, subtype="PCM_16", format="WAV")
    return decode_bytes(file.getvalue(), f"{name}.wav")


def cells(item: Item) -> tuple[str, str]:
    """Label and system as `training score` writes them beside a score."""
    return item.label, "" if item.system == "-" else item.system


def some(items: tuple[Item, ...], limit: int) -> tuple[Item, ...]:
    """All clips, or `limit` of each label, evenly from first to last; for a quick look."""
    if not limit:
        return items
    kept: list[Item] = []
    for label in ("bonafide", "spoof"):
        own = [item for item in items if item.label == label]
        places = np.linspace(0, len(own) - 1, min(limit, len(own))).round().astype(int)
        kept += [own[place] for place in places]
    return tuple(kept)
