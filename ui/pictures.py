"""From an inspection to what the tab shows of it: figures and cards, drawn by core."""

from typing import TYPE_CHECKING, Any

from core.types import Detection, Region
from core.workbench import Inspection
from ui import markup, texts

if TYPE_CHECKING:
    from core.display import Overview
    from core.figures import Curve


def overview(seen: "Overview") -> Any:
    """Waveform and spectrogram."""
    from core import figures

    return figures.overview(seen)


def overview_said(seen: "Overview") -> str:
    """The same in one sentence, and a table."""
    from core import clock_tables

    loudest = float((seen.high - seen.low).argmax() + 0.5) / len(seen.high) * seen.seconds
    said = texts.OVERVIEW_SAID.format(seconds=seen.seconds, loudest=loudest)
    return markup.foot(said) + markup.folded(clock_tables.overview(seen))


def scores(inspection: Inspection) -> Any:
    """The window scores of all detectors, with the window on show."""
    from core import figures

    window = inspection.window
    view = None if window is None else Region(window.start, window.stop)
    band = 1.0 if inspection.settings is None else inspection.settings.band
    return figures.scores(_curves(inspection), inspection.clip.seconds, band, view)


def scores_said(inspection: Inspection) -> str:
    """The same in words, and a table."""
    from core import clock_tables

    curves = _curves(inspection)
    table = markup.folded(clock_tables.scores(curves))
    return markup.foot(clock_tables.scores_said(curves)) + table


def _curves(inspection: Inspection) -> "list[Curve]":
    from core.figures import Curve

    found = inspection.detections()
    several = len({detection.channel for detection in found}) > 1
    return [
        Curve(
            title(inspection, detection, several=several),
            place(inspection, detection),
            detection.readings,
            calibrated=detection.score.llr is not None,
        )
        for detection in found
    ]


def cards(inspection: Inspection) -> str:
    """A card a detector (and channel, where they are scored apart)."""
    from core import canvas

    found = inspection.detections()
    several = len({detection.channel for detection in found}) > 1
    return markup.cards(
        markup.card(
            title(inspection, detection, several=several),
            canvas.colour(place(inspection, detection)),
            detection.checkpoint,
            detection.readings,
            (detection.score.spoof_logit, detection.score.llr),
        )
        for detection in found
    )


def title(inspection: Inspection, detection: Detection, *, several: bool) -> str:
    """What a detection is called: the detector, and its channel where there are several."""
    own = inspection.loaded[place(inspection, detection)]
    name = own.detector.label
    same = [one for one in inspection.loaded if one.detector.label == name]
    if len(same) > 1:
        name = f"{name} ({detection.checkpoint})"
    return f"{name}, {detection.channel}" if several else name


def place(inspection: Inspection, detection: Detection) -> int:
    """The place of its checkpoint among those loaded, which chooses colour and marker."""
    ids = [one.checkpoint.id for one in inspection.loaded]
    return ids.index(detection.checkpoint)


def foot(inspection: Inspection) -> str:
    """What the numbers are worth."""
    sets = [
        f"{card['set']} ({card['n_bonafide']} bona fide, {card['n_spoof']} spoof)"
        for one in inspection.loaded
        if (card := one.checkpoint.card["calibration"]) is not None
    ]
    calibrated = texts.CALIBRATED_ON.format(sets="; ".join(dict.fromkeys(sets)))
    said = (texts.POSITIVE_IS_SPOOF, calibrated) if sets else ()
    return markup.foot(texts.EVIDENCE_NOT_PROOF, *said)
