"""How far a score may be trusted: re-scored under harmless changes, and without shortcuts.

For the app and for scripts (all values are frozen; torch is imported by the scoring only):

    robustness(clip, loaded, windows=None, settings=None, on_step=None, should_stop=None,
               fusion=None, variants=HARMLESS) -> Robustness
    shortcuts(clip, loaded, windows=None, settings=None, on_step=None, should_stop=None,
              fusion=None, speech=None) -> Shortcuts
    passes(windows, detectors, variants=HARMLESS) -> int

`windows` are grid windows of one channel, such as `(inspection.window,)`; where None, up to
`MAX_WINDOWS` of the clip, spread evenly. `on_step` gets a `core.rescoring.Probing` after every
pass; `should_stop` is asked before every pass, and what was finished by then is in the result
(`stopped` is true). `fusion` is the installed one where None. `speech` is `Quality.speech`.

What is compared is the llr of a calibrated detector and the raw score of another, named as such.

A decision hangs on a shortcut where taking it away leaves less than `HANGS` of the number: half of
it. (A flip leaves less than nothing.) An llr inside the inconclusive band decides nothing, so it
hangs on nothing. Raw scores have no such band and no natural zero; there the rule is a hint only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from core import probe_sentences as words
from core.detect import Settings, StopSign, grid
from core.fusing import installed_fusion
from core.rescoring import (
    Bench,
    Numbers,
    OnProbing,
    StoppedError,
    spread,
    titles_of,
)
from core.sentences import no_detector
from core.types import Clip, DetectorError, Region, Window
from core.variants import HARMLESS, Group, NotApplicableError, Variant, unchanged
from core.variants import shortcuts as shortcut_variants

if TYPE_CHECKING:
    from core.fusion import Fusion
    from core.loading import Loaded

MAX_WINDOWS = 3  # of a whole clip; each is scored some sixteen times
HANGS = 0.5  # share of the number that must be left without a shortcut
SHORTCUTS = {
    "trimmed": "leading or trailing non-speech",
    "no-dc": "a DC offset",
    "below-4k": "the band above 4 kHz",
    "below-7k": "the top band, above 7 kHz",
    "above-80": "what lies below 80 Hz",
}


@dataclass(frozen=True, slots=True)
class Tried:
    """A change that was made, and what the detectors said then."""

    key: str
    name: str
    group: Group
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Skipped:
    """A change that was not made, and why, as a sentence."""

    key: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Spread:
    """One detector, or all of them fused, under harmless changes.

    Attributes
    ----------
    name : checkpoint id, or `"fused"`.
    title : for people.
    quantity : `"llr"`, or `"spoof_logit"` where not calibrated.
    original, middle, low, high : of the number; middle is the median, the original counted in.
    values : (name of the change, number), in the order in which they were tried.
    flipped : names of the changes that turn the sign.
    text : all of it in a sentence.
    """

    name: str
    title: str
    quantity: str
    original: float
    middle: float
    low: float
    high: float
    values: tuple[tuple[str, float], ...]
    flipped: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Robustness:
    """What `robustness` found. `windows` is what was scored; `text` sums it up."""

    windows: tuple[Window, ...]
    original: Numbers
    tried: tuple[Tried, ...]
    skipped: tuple[Skipped, ...]
    spreads: tuple[Spread, ...]
    stopped: bool
    text: str

    @property
    def flips(self) -> bool:
        """Whether any sign flips: the badge."""
        return any(one.flipped for one in self.spreads)


@dataclass(frozen=True, slots=True)
class Reliance:
    """One detector, or all fused, without one shortcut. `share` is what is left of the number."""

    name: str
    title: str
    key: str
    what: str
    quantity: str
    before: float
    after: float
    share: float
    hangs: bool
    text: str


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """What `shortcuts` found. `sentences`: one or more a detector; `text` sums them up."""

    windows: tuple[Window, ...]
    original: Numbers
    reliances: tuple[Reliance, ...]
    skipped: tuple[Skipped, ...]
    sentences: tuple[str, ...]
    stopped: bool
    text: str

    @property
    def hangs(self) -> bool:
        return any(one.hangs for one in self.reliances)


def passes(windows: int, detectors: int, variants: Sequence[Variant] = HARMLESS) -> int:
    """How many passes through a detector a probe takes, at most; to tell the time in advance."""
    return windows * detectors * (1 + len(variants))


def robustness(
    clip: Clip,
    loaded: Sequence["Loaded"],
    windows: Sequence[Window] | None = None,
    settings: Settings | None = None,
    on_step: OnProbing | None = None,
    should_stop: StopSign | None = None,
    fusion: "Fusion | None" = None,
    variants: Sequence[Variant] = HARMLESS,
) -> Robustness:
    """Score the same sound again after each harmless change; see the module docstring."""
    settings = settings or Settings()
    bench = Bench(loaded, settings, fusion or installed_fusion(), on_step, should_stop)
    run = _try_all(bench, clip, windows, variants)
    titles = titles_of(loaded)
    spreads = tuple(
        found
        for name, title in titles.items()
        if (found := _spread(name, title, run, settings.band)) is not None
    )
    flipped = [one.title for one in spreads if one.flipped]
    text = words.robustness_summary(flipped, [one.title for one in spreads], len(run.tried))
    return Robustness(
        run.windows, run.original, run.tried, run.skipped, spreads, run.stopped, run.said(text)
    )


def shortcuts(
    clip: Clip,
    loaded: Sequence["Loaded"],
    windows: Sequence[Window] | None = None,
    settings: Settings | None = None,
    on_step: OnProbing | None = None,
    should_stop: StopSign | None = None,
    fusion: "Fusion | None" = None,
    speech: Sequence[Region] | None = None,
) -> Shortcuts:
    """Score the same sound without what a detector might lean on; see the module docstring."""
    settings = settings or Settings()
    bench = Bench(loaded, settings, fusion or installed_fusion(), on_step, should_stop)
    run = _try_all(bench, clip, windows, shortcut_variants(speech))
    titles = titles_of(loaded)
    reliances = tuple(
        found
        for name, title in titles.items()
        for one in run.tried
        if (found := _reliance(name, title, run.original, one, settings.band)) is not None
    )
    sentences = tuple(
        text
        for name, title in titles.items()
        for text in _about(name, title, run, reliances, settings.band)
    )
    hung = list(dict.fromkeys(one.what for one in reliances if one.hangs))
    text = run.said(words.shortcut_summary(hung, len(run.tried)))
    return Shortcuts(
        run.windows, run.original, reliances, run.skipped, sentences, run.stopped, text
    )


@dataclass(frozen=True, slots=True)
class _Run:
    windows: tuple[Window, ...]
    original: Numbers
    tried: tuple[Tried, ...]
    skipped: tuple[Skipped, ...]
    planned: int
    stopped: bool

    def said(self, text: str) -> str:
        done = len(self.tried) + len(self.skipped)
        return f"{text} {words.probe_stopped(done, self.planned)}" if self.stopped else text


def _try_all(
    bench: Bench, clip: Clip, windows: Sequence[Window] | None, variants: Sequence[Variant]
) -> _Run:
    if not bench.loaded:
        raise DetectorError(no_detector())
    if windows is None:
        windows = spread(grid(clip, bench.loaded, bench.settings), MAX_WINDOWS)
    each = len(windows) * len(bench.loaded)
    bench.total = passes(len(windows), len(bench.loaded), variants)
    original, tried, skipped, stopped = Numbers({}, None), [], [], False
    try:
        original = bench.windows(clip, windows, unchanged, "as it is")
        for one in variants:
            try:
                numbers = bench.windows(clip, windows, one.change, one.name)
                tried.append(Tried(one.key, one.name, one.group, numbers))
            except NotApplicableError as error:
                skipped.append(Skipped(one.key, one.name, words.left_out(one.name, str(error))))
                bench.passed_over(each)
    except StoppedError:
        stopped = True
    return _Run(tuple(windows), original, tuple(tried), tuple(skipped), len(variants), stopped)


def _spread(name: str, title: str, run: _Run, band: float) -> Spread | None:
    original, quantity = run.original.of(name)
    if original is None:
        return None
    values = tuple(
        (one.name, value)
        for one in run.tried
        if (value := one.numbers.beside(run.original, name)) is not None
    )
    flipped = tuple(change for change, value in values if value * original < 0)
    every = [original, *(value for _, value in values)]
    low, high = min(every), max(every)
    if not values:
        text = words.nothing_tried(title)
    elif not flipped:
        text = words.steady(title, quantity, original, low, high, len(values))
    elif quantity == "llr" and max(-low, high) <= band:
        text = words.flips_inside_band(title, original, low, high, band)
    else:
        text = words.flips(title, quantity, original, low, high, flipped)
    return Spread(name, title, quantity, original, median(every), low, high, values, flipped, text)


def _reliance(name: str, title: str, original: Numbers, one: Tried, band: float) -> Reliance | None:
    before, quantity = original.of(name)
    after = one.numbers.beside(original, name)
    if before is None or after is None:
        return None
    what = SHORTCUTS[one.key]
    share = after / before if before else 1.0
    decided = quantity != "llr" or abs(before) > band
    text = words.hangs(title, quantity, what, before, after)
    hung = decided and share < HANGS
    return Reliance(name, title, one.key, what, quantity, before, after, share, hung, text)


def _about(
    name: str, title: str, run: _Run, reliances: Sequence[Reliance], band: float
) -> list[str]:
    own = [one for one in reliances if one.name == name]
    value, quantity = run.original.of(name)
    if not own or value is None:
        return []
    if quantity == "llr" and abs(value) <= band:
        return [words.nothing_decided(title, value, band)]
    hung = [one.text for one in own if one.hangs]
    return hung or [words.no_shortcut(title, quantity, value)]
