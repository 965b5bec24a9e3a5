"""Whether a calibration holds for a recording like this one, by what was measured of it.

    match(conditions, quality, source) -> Match
    conditions_of(measured) -> dict         for `card["calibration"]["conditions"]`

A card may say what its calibration clips were like: ranges of bandwidth, level and seconds of
speech, and codecs, where all lossless ones count as "lossless". A clip outside any of them is "not
calibrated for this condition": its llr was never checked on such sound. A card that says nothing
leaves the conditions unknown, which is not the same as fitting.

Ranges leave out the outermost `STRAY` of the clips at either end, and so rare codecs: one odd clip
among hundreds does not show that a calibration holds for its like.

More speech than the calibration clips had is no reason. A clip's number is the mean over its
windows; over more windows it strays less from its class's mean, so a line fitted to short clips
claims too little for a long one rather than too much. (A stretch of spoof in a long clip is the
verdict's affair, which looks at windows.)
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from core import probe_sentences as words
from core.formats import is_lossy
from core.types import Source

if TYPE_CHECKING:
    from core.quality import Quality

Status = Literal["matched", "not calibrated for this condition", "conditions unknown"]
LOSSLESS = "lossless"
STRAY = 0.01  # share of the calibration clips
RANGES = {
    "bandwidth_hz": ("bandwidth", "{:.0f} Hz"),
    "level_dbfs": ("level", "{:.1f} dBFS"),
    "speech_seconds": ("speech", "{:.1f} s"),
}
NO_UPPER_END = frozenset({"speech_seconds"})


@dataclass(frozen=True, slots=True)
class Match:
    """`reasons` say what lies outside; `text` is the whole in a sentence."""

    status: Status
    reasons: tuple[str, ...]
    text: str


def match(
    conditions: Mapping[str, Any] | None, quality: "Quality | None", source: Source | None
) -> Match:
    """What was measured of a clip against the conditions of a calibration."""
    if not conditions or quality is None or source is None:
        return Match("conditions unknown", (), words.CONDITIONS_UNKNOWN)
    held, reasons = [], []
    for key, (what, form) in RANGES.items():
        if key not in conditions:
            continue
        value, (low, high) = getattr(quality, key), conditions[key]
        endless = key in NO_UPPER_END
        span = words.span(form.format(low), None if endless else form.format(high))
        held.append(f"{what} {span}")
        if value < low or (not endless and value > high):
            reasons.append(words.outside(what, form.format(value), span))
    codec = codec_class(source.codec)
    if "codecs" in conditions:
        held.append(words.codecs(conditions["codecs"]))
        if codec not in conditions["codecs"]:
            reasons.append(words.codec_outside(codec, conditions["codecs"]))
    if reasons:
        text = words.conditions_differ(reasons)
        return Match("not calibrated for this condition", tuple(reasons), text)
    return Match("matched", (), words.conditions_match(held))


def strictest(matches: Iterable[Match]) -> Match:
    """Of several detectors that are fused: the first that does not fit, else one not known."""
    unknown = match(None, None, None)
    order: tuple[Status, ...] = (
        "not calibrated for this condition",
        "conditions unknown",
        "matched",
    )
    return min(matches, key=lambda one: order.index(one.status), default=unknown)


def conditions_of(measured: "Iterable[tuple[Quality, Source]]") -> dict[str, list[Any]]:
    """The conditions of a calibration set, from what was measured of its clips; see `STRAY`."""
    pairs = list(measured)
    if not pairs:
        return {}
    found: dict[str, list[Any]] = {}
    for key in RANGES:
        values = [value for quality, _ in pairs if isfinite(value := getattr(quality, key))]
        if values:
            stray = int(STRAY * len(values))
            ordered = sorted(values)
            found[key] = [ordered[stray], ordered[-1 - stray]]
    codecs = Counter(codec_class(source.codec) for _, source in pairs)
    found["codecs"] = sorted(one for one, n in codecs.items() if n > STRAY * len(pairs))
    return found


def codec_class(codec: str) -> str:
    """A lossy codec's name; `LOSSLESS` for all others."""
    return codec if is_lossy(codec) else LOSSLESS
