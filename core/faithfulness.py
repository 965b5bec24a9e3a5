"""Whether a map marks what a detector reacts to: deletion and insertion against random stretches.

For the app and for scripts (values are frozen; torch is imported by the scoring only):

    faithfulness(clip, one, window, evidence, settings=None, repeats=19, on_step=None,
                 should_stop=None) -> Faithfulness | None
    passes(repeats=19) -> int
    can_test(evidence) -> bool

`one` is a `core.loading.Loaded`, `evidence` any of its `Evidence` for `window` with a time axis.
None is returned where the person stopped before the end.

The rule. The map is averaged over its other axes (sizes, where it is signed) and over cells of
0.1 s; the highest cells are marked, a fifth of the window. Two sounds are made: the window with
the marked stretches replaced by noise (deletion), and noise in which only the marked stretches are
left (insertion). With f the raw score,

    deletion  = |f(window) - f(deleted)|
    insertion = |f(window) - f(noise)| - |f(window) - f(inserted)|
    effect    = deletion + insertion

how far the score moves without the marked stretches, and how much nearer it comes with them only.
The same is done with `repeats` random choices: the marked stretches, of the same lengths, put at
random places (seeded by the window, so always the same). `share` is the part of the random choices
that have less effect. Better than chance: p = (1 + random choices with as much effect) /
(1 + repeats) <= 0.05, a permutation test; nineteen choices are the fewest that can pass it, and
then all must be beaten. The noise has the window's own spectrum and level (phases drawn anew), as
levels alone move many detectors. Edges are faded over 5 ms.

Cost: 2 passes for each choice and 2 more: 42 for nineteen.
Deletion and insertion as in RISE (Petsiuk et al. 2018), with random choices as the yardstick.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import probe_sentences as words
from core.detect import Settings, StopSign, reach
from core.figures import is_time
from core.rescoring import Bench, OnProbing, StoppedError, clip_of
from core.types import RATE, Clip, DetectorError, Evidence, Window
from core.windows import channel_of, sounding

if TYPE_CHECKING:
    from core.loading import Loaded

REPEATS = 19
MARKED = 0.2  # of the window
CELL = 1_600  # samples; 0.1 s
LEVEL = 0.05
FADE = 80  # samples; 5 ms
SEED = 20_261_120

Wave = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a choice of stretches does to the raw score; see the module docstring."""

    deletion: float
    insertion: float

    @property
    def total(self) -> float:
        return self.deletion + self.insertion


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """The number beside a map.

    Attributes
    ----------
    share : of the random choices that have less effect than the map's; the one number, 0 to 1.
    better : whether that is better than chance, by the rule in the module docstring. Where it is
        not, the map is to be greyed.
    p : of the permutation test.
    marked, random : the effects; `random` is empty where the map marks nothing.
    seconds : how much was marked.
    text : all of it in a sentence.
    """

    key: str
    share: float
    better: bool
    p: float
    marked: Effect
    random: tuple[Effect, ...]
    seconds: float
    text: str


def passes(repeats: int = REPEATS) -> int:
    """How many passes through the detector a test takes; to tell the time in advance."""
    return 2 * (repeats + 1) + 2


def can_test(evidence: Evidence) -> bool:
    """Whether evidence runs along a window: it has exactly one axis of time, of several cells."""
    times = [axis for axis in evidence.axes if is_time(axis)]
    return evidence.scope == "window" and len(times) == 1 and len(times[0]) > 1


def faithfulness(
    clip: Clip,
    one: "Loaded",
    window: Window,
    evidence: Evidence,
    settings: Settings | None = None,
    repeats: int = REPEATS,
    on_step: OnProbing | None = None,
    should_stop: StopSign | None = None,
) -> Faithfulness | None:
    """Test one map of one window; None where it was stopped.

    Raises
    ------
    DetectorError
        where the evidence has no time axis, or the detector fails.
    """
    if not can_test(evidence):
        raise DetectorError(
            f"“{evidence.title}” does not run along the window, so no stretch of it can be taken "
            "away."
        )
    heard = reach(window, one.detector.spec.samples, sounding(clip))
    wave = np.array(channel_of(clip, heard.channel, heard.first, heard.last), np.float32)
    marked = mask_of(evidence, heard)
    if not marked.any():
        nothing = Effect(0.0, 0.0)
        return Faithfulness(
            evidence.key,
            share=0.0,
            better=False,
            p=1.0,
            marked=nothing,
            random=(),
            seconds=0.0,
            text=words.NO_PREFERENCE,
        )
    bench = Bench((one,), settings or Settings(), None, on_step, should_stop, passes(repeats))
    rng = np.random.default_rng([SEED, heard.first, heard.last])
    trial = _Trial(bench, clip, wave, surrogate(wave, rng), evidence.title)
    masks = [marked, *(elsewhere(marked, rng) for _ in range(repeats))]
    try:
        effects = trial.effects(masks)
    except StoppedError:
        return None
    return _judged(evidence, effects[0], effects[1:], float(marked.sum()) / RATE)


def mask_of(evidence: Evidence, heard: Window, fraction: float = MARKED) -> Mask:
    """Which samples of the window a map marks; none where it is the same all over."""
    place = next(n for n, axis in enumerate(evidence.axes) if is_time(axis))
    centres = np.asarray(evidence.axes[place].values, np.float64)
    sizes = np.abs(evidence.values.astype(np.float64)) if evidence.signed else evidence.values
    others = tuple(n for n in range(sizes.ndim) if n != place)
    heights = np.nan_to_num(np.asarray(sizes, np.float64)).mean(axis=others)
    length = heard.last - heard.first
    times = (heard.first + np.arange(length) + 0.5) / RATE
    by_sample = heights[np.searchsorted((centres[1:] + centres[:-1]) / 2, times)]
    starts = np.arange(0, length, CELL)
    sums = np.add.reduceat(by_sample, starts)
    means = sums / np.diff(np.append(starts, length))
    mask = np.zeros(length, np.bool_)
    if means.max() - means.min() <= 1e-6 * max(abs(means).max(), 1e-30):
        return mask
    wanted = max(round(fraction * len(starts)), 1)
    for cell in np.argsort(-means, kind="stable")[:wanted]:
        mask[starts[cell] : starts[cell] + CELL] = True
    return mask


def elsewhere(mask: Mask, rng: np.random.Generator) -> Mask:
    """As many stretches, of the same lengths, in random order at random places."""
    lengths = [last - first for first, last in runs(mask)]
    rng.shuffle(lengths)
    free = len(mask) - sum(lengths)
    gaps = np.sort(rng.integers(0, free + 1, len(lengths)))
    found = np.zeros_like(mask)
    taken = 0
    for gap, length in zip(gaps, lengths, strict=True):
        found[gap + taken : gap + taken + length] = True
        taken += length
    return found


def runs(mask: Mask) -> list[tuple[int, int]]:
    """First and last (not included) of each marked stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def surrogate(wave: Wave, rng: np.random.Generator) -> Wave:
    """Noise with the spectrum and the level of `wave`: its phases drawn anew."""
    spectrum = np.fft.rfft(wave.astype(np.float64))
    turned = np.abs(spectrum) * np.exp(2j * np.pi * rng.random(len(spectrum)))
    turned[0] = spectrum[0]
    if len(wave) % 2 == 0:
        turned[-1] = np.abs(spectrum[-1])
    return np.fft.irfft(turned, len(wave)).astype(np.float32)


def mixed(marked: Wave, rest: Wave, mask: Mask) -> Wave:
    """`marked` where the mask is set, `rest` elsewhere, with edges of 5 ms."""
    kernel = np.ones(FADE) / FADE
    gain = np.convolve(np.pad(mask.astype(np.float64), FADE, mode="edge"), kernel, mode="same")
    weight = gain[FADE:-FADE].clip(0, 1).astype(np.float32)
    return (weight * marked + (1 - weight) * rest).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A window, the noise that replaces its parts, and the detector that hears them."""

    bench: Bench
    clip: Clip
    wave: Wave
    noise: Wave
    name: str

    def effects(self, masks: Sequence[Mask]) -> list[Effect]:
        whole, nothing = self._score(self.wave), self._score(self.noise)
        found = []
        for mask in masks:
            deleted = self._score(mixed(self.noise, self.wave, mask))
            inserted = self._score(mixed(self.wave, self.noise, mask))
            nearer = abs(whole - nothing) - abs(whole - inserted)
            found.append(Effect(abs(whole - deleted), nearer))
        return found

    def _score(self, wave: Wave) -> float:
        window = Window(0, len(wave))
        numbers = self.bench.clip(clip_of(wave, self.clip), (window,), self.name)
        if not numbers.scores:
            raise DetectorError(numbers.problems[0])
        (score,) = numbers.scores.values()
        return score.spoof_logit


def _judged(
    evidence: Evidence, marked: Effect, random: Sequence[Effect], seconds: float
) -> Faithfulness:
    as_much = sum(1 for one in random if one.total >= marked.total)
    share = 1 - as_much / len(random) if random else 0.0
    p = (1 + as_much) / (1 + len(random))
    better = p <= LEVEL
    say = words.faithful if better else words.not_faithful
    text = say(len(random) - as_much, len(random))
    return Faithfulness(evidence.key, share, better, p, marked, tuple(random), seconds, text)
