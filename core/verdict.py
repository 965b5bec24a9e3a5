"""What the numbers come to, in words: windows before means, and never more than they can carry.

The order of the questions:

1. Was anything scored, and is any of it calibrated? Raw numbers lean nowhere.
2. Is there a run of windows over the band? A spoofed stretch in a long clip drowns in the mean, so
   windows come first. With many windows some pass the band by chance: over bona fide speech a
   likelihood ratio is 1 on average, so the ratios of n bona fide windows add up to about n. A run
   counts when its ratios add up to more than that (`_run_stands_out`). A window without speech,
   or one on which calibrated detectors stand on both sides of the band, is in no run.
3. Do the detectors agree on the clip as a whole?
4. Only then: on which side of the band is the fused llr?
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import exp, log

from core.sentences import disagree, uncalibrated
from core.types import Detection, Fused, Lean, Notice, Region, Verdict

BAND = 1.0  # |llr| up to which a clip is inconclusive: a likelihood ratio below e = 2.7
MIN_SPEECH_SECONDS = 0.5  # of speech in a window before it can make a clip mixed
REGIONS_NAMED = 4

NOTHING_SCORED = "Not scored: the analysis ended before the first window was scored."
SYMBOLS: Mapping[Lean, str] = {
    "spoofed": "▲",
    "bona fide": "▼",
    "inconclusive": "◆",
    "mixed": "◐",
    "not scored": "–",
}
_MOST_SPOOFED_FIRST: tuple[Lean, ...] = (
    "spoofed",
    "mixed",
    "inconclusive",
    "bona fide",
    "not scored",
)


def verdict(
    detections: Sequence[Detection],
    fused: Fused,
    band: float = BAND,
    speech: Sequence[Region] | None = None,
    refusal: Notice | None = None,
) -> Verdict:
    """The lean of one channel of one clip.

    Parameters
    ----------
    detections : all of one channel; their readings are in the order of the scan, so that reading
        i of each is about the same stretch.
    fused : of the same detections.
    band : llr from -band to +band is inconclusive.
    speech : where speech was found; None where that is not known.
    refusal : why the clip was not scored.
    """
    if refusal is not None:
        return Verdict("not scored", refusal.text)
    if not any(detection.readings for detection in detections):
        return Verdict("not scored", NOTHING_SCORED)
    if fused.llr is None:
        return Verdict("inconclusive", uncalibrated())
    regions = _spoofed_runs(detections, fused, band, speech)
    rest_leans_away = any(llr < -band for _, llr in fused.windows)
    if regions and (fused.llr <= band or rest_leans_away):
        return Verdict("mixed", _mixed_text(regions, fused.llr), regions)
    llrs = [d.score.llr for d in detections if d.score.llr is not None]
    if min(llrs) < -band and max(llrs) > band:
        return Verdict("inconclusive", disagree(min(llrs), max(llrs)))
    return _by_mean(fused.llr, band, len(llrs))


def most_spoofed(by_channel: Mapping[str, tuple[Fused, Verdict]]) -> tuple[str, Fused, Verdict]:
    """The channel that leans most towards spoof, and its verdict in words that name it."""
    channel = min(by_channel, key=lambda name: _suspicion(*by_channel[name]))
    fused, chosen = by_channel[channel]
    if len(by_channel) == 1:
        return channel, fused, chosen
    others = ", ".join(f"{n}: {v.lean}" for n, (_, v) in by_channel.items() if n != channel)
    text = f"Channels scored apart; this is the {channel} channel ({others}). {chosen.text}"
    return channel, fused, Verdict(chosen.lean, text, chosen.regions)


def signed(llr: float) -> str:
    """An llr for people: always with its sign, one decimal, a real minus."""
    return f"{round(llr, 1) + 0.0:+.1f}".replace("-", "−")  # + 0.0: never a negative zero


def seconds(region: Region) -> str:
    """A stretch for people, such as "5.0–9.0 s" or "1:02:05–1:02:09"."""
    if region.stop < 60:
        return f"{region.start:.1f}–{region.stop:.1f} s"
    return f"{_clock(region.start)}–{_clock(region.stop)}"


def _by_mean(llr: float, band: float, calibrated: int) -> Verdict:
    what = "fused llr" if calibrated > 1 else "llr"
    limits = f"from {signed(-band)} to {signed(band)}"
    if abs(llr) <= band:
        return Verdict(
            "inconclusive", f"Inconclusive: {what} {signed(llr)} lies inside the band {limits}."
        )
    lean: Lean = "spoofed" if llr > 0 else "bona fide"
    return Verdict(lean, f"Leans {lean}: {what} {signed(llr)}, outside the band {limits}.")


def _mixed_text(regions: Sequence[Region], llr: float) -> str:
    named = ", ".join(seconds(region) for region in regions[:REGIONS_NAMED])
    more = len(regions) - REGIONS_NAMED
    tail = f" and {more} more" if more > 0 else ""
    verb = "leans" if len(regions) == 1 else "lean"
    return f"Mixed: {named}{tail} {verb} spoofed, the rest does not (whole clip: {signed(llr)})."


def _spoofed_runs(
    detections: Sequence[Detection],
    fused: Fused,
    band: float,
    speech: Sequence[Region] | None,
) -> tuple[Region, ...]:
    """Neighbouring windows over the band, joined; only runs that stand out of the clip."""
    count = len(fused.windows)
    counts = [
        llr > band and _agreed(detections, index, band) and _has_speech(region, speech)
        for index, (region, llr) in enumerate(fused.windows)
    ]
    return tuple(
        Region(fused.windows[run[0]][0].start, max(fused.windows[i][0].stop for i in run))
        for run in _runs(counts)
        if _run_stands_out([fused.windows[i][1] for i in run], count)
    )


def _runs(marked: Sequence[bool]) -> Iterator[list[int]]:
    for over, group in groupby(range(len(marked)), key=lambda index: marked[index]):
        if over:
            yield list(group)


def _run_stands_out(llrs: Sequence[float], windows: int) -> bool:
    """Whether the likelihood ratios of a run add up to more than chance gives `windows` windows."""
    highest = max(llrs)
    total = highest + log(sum(exp(llr - highest) for llr in llrs))
    return total > log(windows)


def _agreed(detections: Sequence[Detection], index: int, band: float) -> bool:
    llrs = [
        d.readings[index].score.llr for d in detections if index < len(d.readings)
    ]  # no detector far on the other side
    return all(llr is None or llr >= -band for llr in llrs)


def _has_speech(region: Region, speech: Sequence[Region] | None) -> bool:
    if speech is None:
        return True
    heard = sum(
        max(0.0, min(region.stop, part.stop) - max(region.start, part.start)) for part in speech
    )
    return heard >= min(MIN_SPEECH_SECONDS, 0.5 * (region.stop - region.start))


def _suspicion(fused: Fused, found: Verdict) -> tuple[int, float]:
    """Sorts the most spoof-leaning first."""
    llr = -fused.llr if fused.llr is not None else 0.0
    return _MOST_SPOOFED_FIRST.index(found.lean), llr


def _clock(time: float) -> str:
    whole = round(time)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
