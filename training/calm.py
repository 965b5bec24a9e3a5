"""What handling of a file does to scores: dev again after gain, codecs, noise, rooms and padding.

Every condition changes a clip by the functions of `training.augment` or `core.variants` with fixed
settings; what is random in it (noise, a room's tail) follows from the seed and the clip's id. The
changed sound goes through the whole product as a 16-bit file. A score file a condition; run again,
it goes on where it stopped.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from core.types import RATE
from core.variants import NotApplicableError, Stretch, padded, trimmed
from core.windows import SAMPLES
from training.augment import channel, codecs
from training.bootstrap import bootstrap_difference, interval
from training.curve import eer_official
from training.errors import TrainingError
from training.metrics import Trials, cllr
from training.scorefile import DetectorScores
from training.waves import Wave

Group = Literal["none", "gain", "padding", "other"]
Change = Callable[[Wave, np.random.Generator], Wave]
NONE = "none"
OFFSET = 0.5  # seconds that a clip begins later; of a short clip, a quarter of it
FLIPPING: tuple[Group, ...] = ("gain", "padding")  # what alone must not turn a sign


@dataclass(frozen=True, slots=True)
class Condition:
    """A way to handle a clip, with a key for files and a name for people."""

    key: str
    name: str
    group: Group
    change: Change


def _later(wave: Wave, rng: np.random.Generator) -> Wave:
    return wave[min(round(OFFSET * RATE), wave.size // 4) :]


def _coded(wave: Wave, rng: np.random.Generator, name: str, bitrate: int) -> Wave:
    return codecs.through(wave, name, bitrate)


def _window(wave: Wave) -> Stretch:
    short = wave[:SAMPLES].astype(np.float32)
    return Stretch(short, 0, short.size, SAMPLES)


def _padded(
    wave: Wave, rng: np.random.Generator, rule: Literal["centred", "reflected", "zeros"]
) -> Wave:
    """A clip shorter than a window made as long as one; a longer clip has no padding."""
    try:
        return padded(_window(wave), rule).astype(np.float64)
    except NotApplicableError:
        return wave


def _trimmed(wave: Wave, rng: np.random.Generator) -> Wave:
    """Without the first and last 20 ms frames that are 40 dB below the loudest, where any are."""
    whole = Stretch(wave.astype(np.float32), 0, wave.size, wave.size)
    try:
        return trimmed(whole).astype(np.float64)
    except NotApplicableError:
        return wave


def _fixed(change: Callable[..., Wave], **settings: Any) -> Change:
    return partial(change, **settings)


CONDITIONS: tuple[Condition, ...] = (
    Condition(NONE, "as it is", "none", lambda wave, rng: wave),
    Condition("gain+12", "12 dB louder", "gain", _fixed(channel.gain, decibel=(12.0, 12.0))),
    Condition("gain-12", "12 dB quieter", "gain", _fixed(channel.gain, decibel=(-12.0, -12.0))),
    Condition("padding-zeros", "filled with zeros", "padding", _fixed(_padded, rule="zeros")),
    Condition(
        "padding-centred", "repeated on both sides", "padding", _fixed(_padded, rule="centred")
    ),
    Condition(
        "padding-reflected", "filled by reflection", "padding", _fixed(_padded, rule="reflected")
    ),
    Condition("offset", f"starts {OFFSET:g} s later", "other", _later),
    Condition("mp3-64", "MP3, 64 kbit/s", "other", _fixed(_coded, name="mp3", bitrate=64_000)),
    Condition("opus-24", "Opus, 24 kbit/s", "other", _fixed(_coded, name="opus", bitrate=24_000)),
    Condition(
        "low-pass-4k",
        "nothing above 4 kHz",
        "other",
        _fixed(channel.low_pass, cutoff=(4_000.0, 4_000.0)),
    ),
    Condition(
        "noise-white-20",
        "white noise, 20 dB below",
        "other",
        _fixed(channel.noise, snr=(20.0, 20.0), kinds=("white",)),
    ),
    Condition(
        "noise-speech-20",
        "speech-shaped noise, 20 dB below",
        "other",
        _fixed(channel.noise, snr=(20.0, 20.0), kinds=("speech",)),
    ),
    Condition(
        "reverberation",
        "room of 0.3 s, direct sound 10 dB above",
        "other",
        _fixed(channel.reverberation, t60=(0.3, 0.3), direct_to_reverberant=(10.0, 10.0)),
    ),
    Condition(
        "silence",
        "0.5 s of silence (−70 dBFS) before and after",
        "other",
        _fixed(channel.silence, seconds=(0.5, 0.5), floor=(-70.0, -70.0)),
    ),
    Condition("trimmed", "silence at both ends cut", "other", _trimmed),
)


def chosen(keys: Sequence[str]) -> tuple[Condition, ...]:
    """The named conditions in their own order; all of them where none is named.

    Raises
    ------
    TrainingError
        naming the conditions there are.
    """
    known = {one.key: one for one in CONDITIONS}
    if unknown := [key for key in keys if key not in known]:
        raise TrainingError(f"there is no condition {unknown[0]!r}; there are {', '.join(known)}")
    return tuple(one for one in CONDITIONS if not keys or one.key in keys)


def changed(wave: Wave, condition: Condition, utt_id: str, seed: int = 0) -> Wave:
    """The clip after the condition; the same for the same seed and id."""
    rng = np.random.default_rng([seed, zlib.crc32(utt_id.encode())])
    return condition.change(wave, rng)


@dataclass(frozen=True, slots=True)
class Aligned:
    """One detector before and after a condition, on the same clips in the same order."""

    before: Trials
    after: Trials


def aligned(before: DetectorScores, after: DetectorScores, spoof: Mapping[str, bool]) -> Aligned:
    """The clips that both have scores of."""
    place = {utt: index for index, utt in enumerate(after.utt_id)}
    both = [(index, place[utt]) for index, utt in enumerate(before.utt_id) if utt in place]
    if not both:
        raise TrainingError(f"{before.detector}: no clip was scored both before and after")
    first, second = (np.array(column) for column in zip(*both, strict=True))
    labels = np.array([spoof[before.utt_id[index]] for index in first], dtype=np.bool_)
    return Aligned(_trials(before, first, labels), _trials(after, second, labels))


def _trials(
    given: DetectorScores,
    places: np.typing.NDArray[np.int64],
    labels: np.typing.NDArray[np.bool_],
) -> Trials:
    llr = given.llr[places]
    return Trials(labels, given.spoof_logit[places], None if np.isnan(llr).any() else llr)


def flips(pair: Aligned) -> np.typing.NDArray[np.bool_] | None:
    """For each clip whether its llr changes its sign; None without calibration.

    A raw score has no zero that means anything, so it has no sign.
    """
    if pair.before.llr is None or pair.after.llr is None:
        return None
    return np.asarray((pair.before.llr > 0) != (pair.after.llr > 0))


def figures(pair: Aligned, rounds: int, seed: int) -> dict[str, Any]:
    """EER after the change, its difference in EER with a paired interval over clips, and flips."""
    eer = eer_official(pair.after.ranking()).value
    difference = eer - eer_official(pair.before.ranking()).value
    spread = interval(bootstrap_difference(pair.after, pair.before, rounds, seed))
    found: dict[str, Any] = {
        "n": int(pair.after.spoof.size),
        "eer": eer,
        "change": difference,
        "change_low": spread.low,
        "change_high": spread.high,
        "cllr": None,
        "flipped": None,
        "moved": None,
    }
    turned = flips(pair)
    if turned is not None and pair.after.llr is not None and pair.before.llr is not None:
        found["cllr"] = cllr(pair.after.ratios())
        found["flipped"] = float(turned.mean())
        found["moved"] = float(np.median(np.abs(pair.after.llr - pair.before.llr)))
    return found
