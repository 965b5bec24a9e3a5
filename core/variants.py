"""Changes of a window's sound: the harmless ones, and those that take one thing away.

A change is a function from a `Stretch`, which is a window with some sound around it, to the sound
that a network is given instead: at most `samples` long; what is missing is repeated from its start,
as the published loaders do. A change that does not apply raises `NotApplicableError` with the
reason as half a sentence.

Harmless (`HARMLESS`) is what an honest handling of a file may do: cut it elsewhere, make it louder,
resample it, compress it, fill a short input in another way. Every change is made by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core import codecs
from core.codecs import Codec, CodecError
from core.types import RATE, Region
from core.windows import FRAME

Wave = NDArray[np.float32]
Group = Literal["offset", "padding", "gain", "resampler", "codec", "shortcut", "region"]

CONTEXT = RATE  # samples of sound kept on either side of a window, where there are any
LEAST = RATE // 2  # samples that must be left; half a second
TAPS = 511  # of the low-pass filters: 31 Hz wide, 80 dB down
KAISER = 7.857  # the window's shape for 80 dB (Kaiser & Schafer: 0.1102 (80 - 8.7))
HIGH_PASS_ORDER = 4  # run forwards and backwards
QUIET = 40.0  # dB below the loudest 20 ms: silence, where nobody measured speech


class NotApplicableError(Exception):
    """A change means nothing for this stretch; the message says why, as half a sentence."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One channel of a window and what lies around it.

    Attributes
    ----------
    wave : (n,) with the window at `first` up to `last`.
    samples : what the network takes.
    begins : sample of the clip at which `wave` begins.
    """

    wave: Wave
    first: int
    last: int
    samples: int
    begins: int = 0

    @property
    def real(self) -> Wave:
        """The window itself."""
        return self.wave[self.first : self.last]

    def of(self, wave: Wave) -> Wave:
        """The window out of a changed copy of the whole `wave`."""
        return wave[self.first : self.last]


Change = Callable[[Stretch], Wave]


@dataclass(frozen=True, slots=True)
class Variant:
    """A change with a stable key for programs and a name for people."""

    key: str
    name: str
    group: Group
    change: Change


def unchanged(stretch: Stretch) -> Wave:
    """The window as it is."""
    return stretch.real


def moved(stretch: Stretch, seconds: float) -> Wave:
    """The window taken later; at the clip's end earlier; in a short clip its start left out."""
    shift = round(seconds * RATE)
    first, last = stretch.first, stretch.last
    if last + shift <= len(stretch.wave):
        return stretch.wave[first + shift : last + shift]
    if first >= shift:
        return stretch.wave[first - shift : last - shift]
    return _enough(stretch.wave[first + shift : last])


def padded(stretch: Stretch, rule: Literal["centred", "reflected", "zeros"]) -> Wave:
    """A short window filled in another way than by repetition from its start."""
    real, samples = stretch.real, stretch.samples
    missing = samples - len(real)
    if missing < FRAME:
        raise NotApplicableError("the window is full, so nothing is padded")
    before = missing // 2
    if rule == "centred":
        return real[(np.arange(samples) - before) % len(real)]
    if rule == "reflected":
        return np.pad(real, (0, missing), mode="symmetric")
    return np.pad(real, (before, missing - before))


def louder(stretch: Stretch, decibels: float) -> Wave:
    """Every sample times the same factor; what passes full scale is not cut off."""
    return (stretch.real * np.float32(10 ** (decibels / 20))).astype(np.float32)


def resampled(stretch: Stretch, quality: str, rate: int = 44_100) -> Wave:
    """To another rate and back with soxr."""
    import soxr

    up = soxr.resample(stretch.wave, RATE, rate, quality=quality)
    back = soxr.resample(up, rate, RATE, quality=quality).astype(np.float32)
    return stretch.of(back)


def coded(stretch: Stretch, codec: Codec) -> Wave:
    """Through a lossy codec and back."""
    try:
        return stretch.of(codecs.round_trip(stretch.wave, codec))
    except CodecError as error:
        raise NotApplicableError(str(error)) from error


def trimmed(stretch: Stretch, speech: Sequence[Region] | None = None) -> Wave:
    """Without what comes before the first and after the last speech of the window.

    `speech`, in seconds of the clip, as `core.quality` measured it; where None, the first and the
    last 20 ms that are within 40 dB of the loudest.
    """
    first, last = _spoken(stretch, speech) if speech is not None else _loud(stretch.real)
    if first <= FRAME and len(stretch.real) - last <= FRAME:
        raise NotApplicableError("speech fills the window from end to end")
    return _enough(stretch.real[first:last])


def without_offset(stretch: Stretch) -> Wave:
    """Without its mean."""
    mean = float(stretch.real.mean(dtype=np.float64))
    if mean == 0:
        raise NotApplicableError("the window has no DC offset")
    return (stretch.real - np.float32(mean)).astype(np.float32)


def low_passed(stretch: Stretch, hertz: float) -> Wave:
    """Only what lies below `hertz`; linear phase, delay taken out."""
    from scipy import signal

    taps = signal.firwin(TAPS, hertz, fs=RATE, window=("kaiser", KAISER))
    wave = np.pad(stretch.wave.astype(np.float64), TAPS // 2, mode="symmetric")
    return stretch.of(signal.oaconvolve(wave, taps, mode="valid").astype(np.float32))


def high_passed(stretch: Stretch, hertz: float) -> Wave:
    """Only what lies above `hertz`; no phase is turned."""
    from scipy import signal

    sections = signal.butter(HIGH_PASS_ORDER, hertz, "highpass", fs=RATE, output="sos")
    wave = signal.sosfiltfilt(sections, stretch.wave.astype(np.float64))
    return stretch.of(wave.astype(np.float32))


HARMLESS: tuple[Variant, ...] = (
    *(
        Variant(f"offset-{s:g}", f"start moved by {s:g} s", "offset", partial(moved, seconds=s))
        for s in (0.1, 0.25, 0.5, 1.0)
    ),
    Variant(
        "padding-centred", "repeated on both sides", "padding", partial(padded, rule="centred")
    ),
    Variant(
        "padding-reflected", "filled by reflection", "padding", partial(padded, rule="reflected")
    ),
    Variant(
        "padding-zeros", "filled with zeros on both sides", "padding", partial(padded, rule="zeros")
    ),
    *(
        Variant(
            f"gain{db:+d}",
            f"{abs(db)} dB {'louder' if db > 0 else 'quieter'}",
            "gain",
            partial(louder, decibels=db),
        )
        for db in (-12, -6, 6, 12)
    ),
    *(
        Variant(
            f"resampled-{quality.lower()}",
            f"to 44.1 kHz and back (soxr {quality})",
            "resampler",
            partial(resampled, quality=quality),
        )
        for quality in ("HQ", "LQ")
    ),
    *(
        Variant(codec.key, f"{codec.title} and back", "codec", partial(coded, codec=codec))
        for codec in (codecs.MP3, codecs.OPUS)
    ),
)


def shortcuts(speech: Sequence[Region] | None = None) -> tuple[Variant, ...]:
    """What a detector may lean on instead of speech, taken away one at a time."""
    return (
        Variant(
            "trimmed",
            "without leading and trailing non-speech",
            "shortcut",
            partial(trimmed, speech=speech),
        ),
        Variant("no-dc", "without DC offset", "shortcut", without_offset),
        Variant("below-4k", "below 4 kHz only", "shortcut", partial(low_passed, hertz=4_000.0)),
        Variant("below-7k", "below 7 kHz only", "shortcut", partial(low_passed, hertz=7_000.0)),
        Variant("above-80", "above 80 Hz only", "shortcut", partial(high_passed, hertz=80.0)),
    )


def _enough(wave: Wave) -> Wave:
    if len(wave) < LEAST:
        raise NotApplicableError(f"only {len(wave) / RATE:.2f} s would be left")
    return wave


def _spoken(stretch: Stretch, speech: Sequence[Region]) -> tuple[int, int]:
    """First and last sample of speech in the window, counted from the window's start."""
    begins, length = stretch.begins + stretch.first, stretch.last - stretch.first
    edges = [
        (max(round(part.start * RATE) - begins, 0), min(round(part.stop * RATE) - begins, length))
        for part in speech
    ]
    inside = [(first, last) for first, last in edges if first < last]
    if not inside:
        raise NotApplicableError("there is no speech in the window")
    return min(first for first, _ in inside), max(last for _, last in inside)


def _loud(wave: Wave) -> tuple[int, int]:
    starts = np.arange(0, len(wave), FRAME)
    power = np.add.reduceat(wave.astype(np.float64) ** 2, starts)
    if not power.any():
        raise NotApplicableError("the window is silent")
    loud = np.flatnonzero(power >= power.max() * 10 ** (-QUIET / 10))
    return int(starts[loud[0]]), min(int(starts[loud[-1]]) + FRAME, len(wave))
