"""All calibrated detectors of a clip as one llr, and what it is made of, in words."""

from collections.abc import Mapping, Sequence
from math import inf

from checkpoints.store import search_path
from core.fusion import Fusion, load_fusion
from core.sentences import uncalibrated
from core.types import Detection, Fused, Notice, Reading, Region

FUSION_FILE = "fusion.json"


def fuse(detections: Sequence[Detection], fusion: Fusion | None = None) -> Fused:
    """All calibrated detectors of one channel together, for the clip and for each window.

    By the fitted rule of those detectors whose checkpoints it was fitted with. Where that is none
    of them: one detector stands for itself, several are averaged, which never claims more than the
    strongest of them.
    """
    members = _members(detections, fusion)
    if not members:
        return Fused(None, ())
    windows = []
    for index in range(max(len(d.readings) for d in members)):
        there = [(d, d.readings[index]) for d in members if index < len(d.readings)]
        llr = _combined({d.checkpoint: (d, r.score.llr) for d, r in there}, fusion)
        if llr is not None:
            windows.append((_narrowest([reading for _, reading in there]), llr))
    clip = _combined({d.checkpoint: (d, d.score.llr) for d in members}, fusion)
    return Fused(clip, tuple(windows))


def leading_channel(
    detections: Sequence[Detection], fusion: Fusion | None = None
) -> tuple[Detection, ...]:
    """The detections of one channel: of the one whose fused llr is highest, else of the first."""
    channels = dict.fromkeys(detection.channel for detection in detections)
    apart = [tuple(d for d in detections if d.channel == channel) for channel in channels]

    def llr(own: tuple[Detection, ...]) -> float:
        found = fuse(own, fusion).llr
        return -inf if found is None else found

    return max(apart, key=llr, default=())


def how(detections: Sequence[Detection], fusion: Fusion | None = None) -> str:
    """In words, what the fused llr is made of."""
    members = _members(detections, fusion)
    names = ", ".join(dict.fromkeys(d.checkpoint for d in members))
    if not members:
        return "none: no calibrated detector"
    if fusion is not None and _covered(members, fusion):
        fitted = fusion.dataset or "a held-out set"
        rule = fusion.rules[frozenset(d.detector for d in members)]
        own = dict.fromkeys(f"{rule.weights[d.detector]:.2f} x {d.checkpoint}" for d in members)
        return (
            f"llrs of {', '.join(own)}, and {rule.intercept:+.2f}: a logistic regression, fitted "
            f"on {fitted}"
        )
    if "," not in names:
        return f"the llr of {names} alone"
    return f"mean llr of {names} (no rule was fitted for these checkpoints)"


def installed_fusion() -> Fusion | None:
    """The fusion.json found first on the search path of checkpoints; None where there is none."""
    for folder in search_path():
        found = load_fusion(folder / FUSION_FILE)
        if found is not None:
            return found
    return None


def _members(detections: Sequence[Detection], fusion: Fusion | None) -> list[Detection]:
    calibrated = [d for d in detections if d.score.llr is not None]
    return _covered(calibrated, fusion) or calibrated


def _covered(detections: Sequence[Detection], fusion: Fusion | None) -> list[Detection]:
    if fusion is None:
        return []
    known = fusion.detectors
    return [
        d
        for d in detections
        if d.detector in known and fusion.checkpoints.get(d.detector) == d.checkpoint
    ]


def _combined(
    llrs: Mapping[str, tuple[Detection, float | None]], fusion: Fusion | None
) -> float | None:
    values = [llr for _, llr in llrs.values() if llr is not None]
    if fusion is not None and _covered([d for d, _ in llrs.values()], fusion):
        return fusion.llr({d.detector: llr for d, llr in llrs.values()})
    return sum(values) / len(values) if values else None


def _narrowest(readings: Sequence[Reading]) -> Region:
    """The grid window: what every one of the detectors heard."""
    window = min((r.window for r in readings), key=lambda window: window.last - window.first)
    return Region(window.start, window.stop)


def left_out(detections: Sequence[Detection], fusion: Fusion | None) -> list[Notice]:
    """Notices of the detectors whose numbers are not in the fused llr."""
    members = {d.checkpoint for d in _members(detections, fusion)}
    raw = list(dict.fromkeys(d.checkpoint for d in detections if d.score.llr is None))
    apart = [
        d.checkpoint for d in detections if d.score.llr is not None and d.checkpoint not in members
    ]
    notices = []
    if raw:
        which = f" This holds for {', '.join(raw)}." if members else ""
        notices.append(Notice("uncalibrated", uncalibrated() + which))
    if apart:
        names = ", ".join(dict.fromkeys(apart))
        text = f"Not in the fused llr, which was fitted without these checkpoints: {names}."
        notices.append(Notice("not-fused", text))
    return notices
