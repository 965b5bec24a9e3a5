"""Every sentence about probes, regions, faithfulness and likelihood ratios, in one place.

Like `core.sentences`, which has those about clips and scoring. Numbers are always named: an llr
where the detector is calibrated, a raw score where it is not.
"""

from collections.abc import Sequence
from math import exp

from core.calibration import Bounds

NAMED = 3  # of a list of variants; the rest is counted


def number(value: float) -> str:
    """A signed number with a real minus: `+1.25`, `−0.30`."""
    return f"{value + 0.0:+.2f}".replace("-", "−")


def called(quantity: str) -> str:
    """What a person is told the number is."""
    return "llr" if quantity == "llr" else "raw score (not calibrated)"


def some(names: Sequence[str]) -> str:
    """`a, b, c and 2 more`."""
    if len(names) <= 1:
        return "".join(names)
    if len(names) <= NAMED:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


# Robustness.


def steady(title: str, quantity: str, original: float, low: float, high: float, tried: int) -> str:
    return (
        f"{title}: {called(quantity)} {number(original)}; under {tried} harmless changes from "
        f"{number(low)} to {number(high)}, the sign stays."
    )


def flips(
    title: str, quantity: str, original: float, low: float, high: float, names: Sequence[str]
) -> str:
    return (
        f"{title}: the sign of the {called(quantity)} flips. As it is {number(original)}, under "
        f"harmless changes from {number(low)} to {number(high)}; turned by: {some(names)}. "
        "This number is not to be relied on."
    )


def flips_inside_band(title: str, original: float, low: float, high: float, band: float) -> str:
    return (
        f"{title}: the sign of the llr flips, but only between {number(low)} and {number(high)}, "
        f"inside the inconclusive band of ±{band:g} (as it is {number(original)})."
    )


def nothing_tried(title: str) -> str:
    return f"{title}: no change could be tried, so nothing is known of its robustness."


def robustness_summary(flipped: Sequence[str], names: Sequence[str], tried: int) -> str:
    if not tried or not names:
        return "Not tried: nothing is known of how robust these numbers are."
    if not flipped:
        return f"No sign flips under {tried} harmless changes."
    if len(names) == 1:
        return "The sign flips under harmless changes."
    return f"Sign flips under harmless changes: {some(flipped)}."


def left_out(name: str, reason: str) -> str:
    return f"Not tried: {name}, because {reason}."


def probe_stopped(done: int, total: int) -> str:
    return f"Stopped. {done} of {total} changes were tried."


# Shortcuts.


def hangs(title: str, quantity: str, what: str, before: float, after: float) -> str:
    return (
        f"{title}: the decision hangs on {what}. Without it the {called(quantity)} goes from "
        f"{number(before)} to {number(after)}."
    )


def no_shortcut(title: str, quantity: str, value: float) -> str:
    return (
        f"{title}: no shortcut found; the {called(quantity)} of {number(value)} keeps more than "
        "half of its size whichever part is taken away."
    )


def nothing_decided(title: str, value: float, band: float) -> str:
    return (
        f"{title}: llr {number(value)} lies inside the band of ±{band:g}, so there is no decision "
        "that could hang on anything."
    )


def shortcut_summary(found: Sequence[str], tried: int) -> str:
    if not tried:
        return "Not tried: nothing is known of shortcuts."
    if not found:
        return "No decision hangs on non-speech, on a DC offset or on the edges of the band."
    return f"A decision hangs on {some(found)}."


# Regions.


def region_change(title: str, quantity: str, what: str, before: float, after: float) -> str:
    return (
        f"{title}: {called(quantity)} {number(after)} {what}, {number(before)} as it is "
        f"({number(after - before)})."
    )


def too_short_alone(seconds: float, least: float) -> str:
    return f"the region is {seconds:.2f} s long, and detectors need {least:g} s"


def nothing_left(seconds: float, least: float) -> str:
    return f"only {seconds:.2f} s would be left, and detectors need {least:g} s"


def only_around(first: float, last: float) -> str:
    return (
        f"The clip is long: “the clip” here is {first:.1f}–{last:.1f} s, the windows around the "
        "region."
    )


def some_windows_only(what: str, scored: int, all_windows: int) -> str:
    return f"Long: {what}, {scored} of {all_windows} windows were scored, evenly spread."


SILENCE_IS_A_CHANGE = (
    "Digital silence is itself unusual in a recording, and cutting leaves a joint: a detector may "
    "react to either. Three numbers that agree say more than one."
)


# Faithfulness.


def faithful(beaten: int, repeats: int) -> str:
    return (
        "The detector does react to the stretches that this map marks: replacing them by noise, "
        f"and hearing them alone, changed its number more than {_of(beaten, repeats)} random "
        "choices of as many stretches."
    )


def not_faithful(beaten: int, repeats: int) -> str:
    return (
        "No better than chance on this clip: the stretches that this map marks had more effect "
        f"than {_of(beaten, repeats)} random choices of as many stretches. Do not read it as a "
        "reason."
    )


def _of(count: int, whole: int) -> str:
    return f"all {whole}" if count == whole else f"{count} of {whole}"


NO_PREFERENCE = (
    "This map is the same all over the window, so it marks nothing that could be tested."
)


# Likelihood ratios.


def propositions(dataset: str) -> tuple[str, str]:
    """The two that are weighed against each other: synthetic, and bona fide."""
    where = f"of the kinds in {dataset}" if dataset else "of the kinds in the calibration data"
    return (
        f"The speech in this clip is synthetic or converted, {where}.",
        f"The speech in this clip is bona fide, {where}.",
    )


def lr_words(llr: float, at_bound: bool) -> str:
    """How much more probable the score is under one proposition than under the other."""
    times = ratio(exp(abs(llr)))
    which = "synthetic" if llr > 0 else "bona fide"
    other = "bona fide" if llr > 0 else "synthetic"
    least = "at least " if at_bound else "about "
    return (
        f"The score is {least}{times} times more probable if the speech is {which} than if it is "
        f"{other} (of the kinds in the calibration data)."
    )


def ratio(value: float) -> str:
    """A ratio as people say it: `1.4`, `12`, `1 300`."""
    if value < 10:
        return f"{value:.1f}"
    digits = len(str(int(value))) - 2
    return f"{round(value, -digits) if digits > 0 else round(value):,.0f}".replace(",", " ")


def at_bound(bound: float, n: int, kind: str) -> str:
    return (
        f"Cut off at {number(bound)}: {n} {kind} calibration trials cannot support a stronger "
        "statement."
    )


def interval_words(low: float, high: float, level: float, repeats: int) -> str:
    return (
        f"{100 * level:.0f} % interval {number(low)} to {number(high)}, from {repeats} bootstrap "
        "draws of the calibration trials, taken as independent: it says how far the calibration "
        "may be off, not the detector."
    )


NO_CALIBRATION_SCORES = (
    "The calibration scores are not beside this checkpoint, so there is no interval and no Tippett "
    "plot."
)
NO_INTERVAL = "The calibration trials are too few or too mixed for an interval."
NOT_CALIBRATED = "Not calibrated: this number has no likelihood ratio."
CONDITIONS_UNKNOWN = (
    "Conditions unknown: the calibration does not say for which recordings it holds."
)
NO_RATIO_HERE = (
    "No likelihood ratio is given: the calibration was never checked on such sound. One for it "
    "needs calibration recordings of its kind."
)


def conditions_match(held: Sequence[str]) -> str:
    """`held` are the conditions, such as `speech 1.0 s and more`."""
    return (
        "What was measured of this clip lies within the conditions of the calibration: "
        f"{', '.join(held)}."
    )


def conditions_differ(reasons: Sequence[str]) -> str:
    return f"Not calibrated for this condition: {'; '.join(reasons)}."


def other_condition(reasons: Sequence[str]) -> str:
    """For the clip as a whole, beside its verdict."""
    return (
        f"Not calibrated for this condition ({'; '.join(reasons)}): the llrs were not checked on "
        "such sound. Treat as weaker evidence."
    )


def span(low: str, high: str | None) -> str:
    """`high` is None where there is no upper end."""
    said = f"{low} and more" if high is None else low if high == low else f"{low} to {high}"
    return said.replace("-", "−")


def outside(what: str, value: str, calibrated: str) -> str:
    return f"{what} {value}, calibrated on {calibrated}".replace("-", "−")


def codecs(known: Sequence[str]) -> str:
    return f"codec {' or '.join(known)}"


def codec_outside(codec: str, known: Sequence[str]) -> str:
    return f"codec {codec}, calibrated on {', '.join(known)}"


def expected(
    threshold: float,
    clips: tuple[int, float],
    alarms: tuple[float, float],
    missed: float,
) -> str:
    """`clips` are all and the spoofed ones, `alarms` the expected ones and the most of them."""
    count = f"{clips[0]:,}".replace(",", " ")
    return (
        f"Of {count} clips like the calibration data, {clips[1]:.0f} of them spoofed, a flag on "
        f"every llr above {number(threshold)} would be a false alarm on about {alarms[0]:.0f} "
        f"(no more than {alarms[1]:.0f} at 95 % confidence) and miss about {missed:.0f} spoofed "
        "ones."
    )


def basis(counts: tuple[int, int], bounds: tuple[float, float], dataset: str, cllr: float) -> str:
    where = f" ({dataset})" if dataset else ""
    return (
        f"Calibrated on {counts[0]} bona fide and {counts[1]} spoofed trials{where}, which can "
        f"support an llr from {number(bounds[0])} to {number(bounds[1])} and no stronger one; "
        f"Cllr {cllr:.2f} on the same trials (0 is perfect, 1 says nothing)."
    )


def trusted(trust: float) -> str:
    """Why an llr is smaller than calibration alone would make it."""
    return (
        f"Calibration alone would claim more: {share(trust)} of its log odds are kept, because no "
        "more of them held on recordings from sources that nothing was trained or calibrated on."
    )


def tippett_words(llr: float, spoof: float, bonafide: float) -> str:
    """Where a clip stands among the calibration trials."""
    return (
        f"Of the calibration trials, {share(spoof)} of the spoofed ones have an llr of at most "
        f"this clip's {number(llr)}, and {share(bonafide)} of the bona fide ones have at least "
        "that."
    )


def share(value: float) -> str:
    """A share in per cent: whole numbers; `less than 1 %` where it is not nothing."""
    if 0 < value < 0.005:
        return "less than 1 %"
    if 0.995 <= value < 1:
        return "more than 99 %"
    return f"{100 * value:.0f} %"


def posterior_words(prior: float, after: float, ends: tuple[float, float] | None) -> str:
    """What an llr makes of a prior; `ends` are the posteriors at both ends of its interval."""
    between = "" if ends is None else f" ({share(ends[0])} to {share(ends[1])})"
    return (
        f"If {100 * prior:g} % of the clips that come in were spoofed, about {share(after)}"
        f"{between} of those with this llr would be."
    )


def other_trials(name: str, counts: tuple[int, int], bounds: Bounds) -> str:
    return (
        f"{name} holds {counts[0]} bona fide and {counts[1]} spoofed trials, the calibration was "
        f"fitted on {bounds.n_bonafide} and {bounds.n_spoof}: it belongs to another calibration "
        "and was not used, so there is no interval and no Tippett plot."
    )
