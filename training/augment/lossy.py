"""Lossy versions of clips through libsndfile's codecs, made once, by several processes.

Unlike `training.augment.codecs` this needs no ffmpeg, so that it runs wherever the package
soundfile does. Delays of codecs stay in: nothing here compares samples.
"""

import io
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from training.bank import RATE, Bank

Int16 = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Lossy:
    """A codec of libsndfile; `levels` are its compression levels, 0 (best) to 1."""

    container: str
    subtype: str
    rate: int = RATE
    levels: tuple[float, float] | None = None


CODECS = (
    Lossy("MP3", "MPEG_LAYER_III", levels=(0.5, 0.95)),
    Lossy("OGG", "OPUS", levels=(0.6, 0.975)),
    Lossy("OGG", "VORBIS", levels=(0.3, 1.0)),
    Lossy("WAV", "GSM610", rate=8_000),
    Lossy("WAV", "ULAW", rate=8_000),
    Lossy("WAV", "ALAW", rate=8_000),
    Lossy("WAV", "MS_ADPCM"),
)
SHARES = (0.28, 0.28, 0.18, 0.06, 0.06, 0.06, 0.08)


def through(wave: NDArray[Any], codec: Lossy, level: float) -> NDArray[np.float64]:
    """A clip (samples,) at 16 kHz encoded and decoded; its length may differ by a frame."""
    sent = wave if codec.rate == RATE else signal.resample_poly(wave, 1, RATE // codec.rate)
    file = io.BytesIO()
    options: dict[str, Any] = {}
    if codec.levels is not None:
        options["compression_level"] = level
    soundfile.write(
        file, sent, codec.rate, format=codec.container, subtype=codec.subtype, **options
    )
    file.seek(0)
    back, rate = soundfile.read(file, dtype="float64")
    there: NDArray[np.float64] = back
    return there if rate == RATE else np.asarray(signal.resample_poly(there, RATE // rate, 1))


def version(wave: Int16, seed: Sequence[int]) -> Int16:
    """One clip through a codec drawn by chance."""
    rng = np.random.default_rng(list(seed))
    codec = CODECS[int(rng.choice(len(CODECS), p=SHARES))]
    level = float(rng.uniform(*(codec.levels or (0.0, 1.0))))
    made = through(wave.astype(np.float64) / 32_768, codec, level)
    return np.clip(np.round(made * 32_768), -32_768, 32_767).astype(np.int16)


def versions(bank: Bank, seed: int, processes: int) -> Bank:
    """A lossy version of every clip, in the same order."""
    waves = bank.waves()
    seeds = list(zip(repeat(seed), range(len(waves)), strict=False))
    if processes < 2:
        made = [version(wave, one) for wave, one in zip(waves, seeds, strict=True)]
    else:
        with ProcessPoolExecutor(processes) as pool:
            made = list(pool.map(version, waves, seeds, chunksize=64))
    return Bank.of(bank.items, made, str(bank.samples.device))
