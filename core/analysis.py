"""One recording, the whole way: decode, measure, scan, calibrate, fuse, verdict, report.

from core.analysis import analyse
from core.loading import select

report = analyse(Path("interview.m4a"), select(["aasist"]))
print(report.verdict.text)
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core import detect, provenance, sentences, threads
from core.conditions import match, strictest
from core.detect import Settings, Step, StopSign
from core.fusing import fuse, how, installed_fusion, left_out
from core.fusion import Fusion
from core.intake import Limits, decode
from core.probe_sentences import other_condition
from core.types import (
    Clip,
    Detection,
    Evidence,
    Fused,
    Notice,
    Region,
    Report,
    Verdict,
    Window,
)
from core.verdict import most_spoofed, verdict
from core.windows import SECONDS

if TYPE_CHECKING:
    from core.loading import Loaded
    from core.quality import Quality

SCORABLE_SPEECH = 0.5  # seconds of speech below which `skip_silence` leaves a window out


def analyse(
    path: Path,
    loaded: Sequence["Loaded"],
    settings: Settings | None = None,
    on_step: Callable[[Step], None] | None = None,
    should_stop: StopSign | None = None,
    name: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 - immutable
    evidence: bool = False,
) -> Report:
    """Everything that can be said of one recording.

    Parameters
    ----------
    loaded : the detectors; with none, the report holds the facts about the file.
    on_step : called after every reading.
    should_stop : asked before every reading; what is done by then is in the report.
    name : what to call the recording; the file's own name where None.
    evidence : also keep what each detector looked at in its most spoof-like window.

    Raises
    ------
    AudioError
        where no sound could be read; the message is a sentence.
    """
    clip = decode(path, name, limits)
    return analyse_clip(clip, loaded, settings, on_step, should_stop, evidence)


def analyse_clip(
    clip: Clip,
    loaded: Sequence["Loaded"],
    settings: Settings | None = None,
    on_step: Callable[[Step], None] | None = None,
    should_stop: StopSign | None = None,
    evidence: bool = False,
) -> Report:
    """`analyse` for a clip that is decoded already."""
    from core.quality import measure

    settings = settings or Settings()
    quality = measure(clip, settings.channels)
    steps: list[Step] = []
    windows = windows_to_score(clip, quality, loaded, settings)
    for step in detect.scan(clip, loaded, settings, should_stop, windows):
        steps.append(step)
        if on_step is not None:
            on_step(step)
    report = conclude(clip, quality, loaded, steps, settings)
    return (
        replace(report, evidence=_strongest(clip, loaded, report, settings)) if evidence else report
    )


def windows_to_score(
    clip: Clip, quality: "Quality", loaded: Sequence["Loaded"], settings: Settings
) -> tuple[Window, ...]:
    """The windows of a clip that are to be scored; none where it is refused."""
    if not loaded or refusal_of(quality, settings) is not None:
        return ()
    windows = detect.grid(clip, loaded, settings)
    if not settings.skip_silence:
        return windows
    return tuple(w for w in windows if _speech_in(w, quality.speech) >= SCORABLE_SPEECH)


def refusal_of(quality: "Quality", settings: Settings) -> Notice | None:
    """Why a clip is not scored; None where it is, or where a person wants it all the same."""
    return None if settings.score_anyway and quality.may_overrule else quality.refusal


def conclude(
    clip: Clip,
    quality: "Quality",
    loaded: Sequence["Loaded"],
    steps: Sequence[Step],
    settings: Settings | None = None,
    fusion: Fusion | None = None,
) -> Report:
    """The report of the steps so far; also of half a scan, whose last step says how much is left.

    `fusion` is the installed one (see `installed_fusion`) where None is given.
    """
    settings = settings or Settings()
    fusion = fusion or installed_fusion()
    detections = detect.detections(steps)
    refusal = refusal_of(quality, settings)
    if not loaded:
        refusal = Notice("no-detector", sentences.no_detector())
    # Where a person has overruled "no speech", windows without it must count.
    speech = None if quality.refusal is not None else quality.speech
    fused, found = judge(detections, settings, fusion, speech, refusal)
    notices = (
        *clip.notices,
        *quality.notices,
        *_about_refusal(quality, refusal),
        *_about_scan(clip, loaded, steps, settings),
        *left_out(detections, fusion),
        *_about_conditions(clip, quality, loaded, fused),
    )
    record = {
        **settings.as_record(),
        **_circumstances(loaded, settings),
        "fusion": how(detections, fusion),
    }
    return Report(
        source=clip.source,
        pcm_sha256=clip.pcm_sha256,
        changes=clip.changes,
        notices=notices,
        detections=detections,
        fused=fused,
        verdict=found,
        versions=provenance.versions(),
        settings=record,
    )


def judge(
    detections: Sequence[Detection],
    settings: Settings,
    fusion: Fusion | None = None,
    speech: Sequence[Region] | None = None,
    refusal: Notice | None = None,
) -> tuple[Fused, Verdict]:
    """Fused llr and verdict; with several channels, of the one that leans most towards spoof."""
    by_channel: dict[str, tuple[Fused, Verdict]] = {}
    for channel, own in _by_channel(detections).items():
        fused = fuse(own, fusion)
        by_channel[channel] = (fused, verdict(own, fused, settings.band, speech, refusal))
    if not by_channel:
        nothing = Fused(None, ())
        return nothing, verdict((), nothing, settings.band, speech, refusal)
    _, fused, found = most_spoofed(by_channel)
    return fused, found


def _by_channel(detections: Sequence[Detection]) -> dict[str, tuple[Detection, ...]]:
    channels = dict.fromkeys(d.channel for d in detections)
    return {name: tuple(d for d in detections if d.channel == name) for name in channels}


def _speech_in(window: Window, speech: Sequence[Region]) -> float:
    return sum(max(0.0, min(window.stop, s.stop) - max(window.start, s.start)) for s in speech)


def _about_refusal(quality: "Quality", refusal: Notice | None) -> tuple[Notice, ...]:
    """Why nothing was scored, or that it was although the measurements speak against it."""
    if refusal is None:
        return () if quality.refusal is None else (sentences.scored_anyway(quality.refusal),)
    return tuple(dict.fromkeys(one for one in (quality.refusal, refusal) if one is not None))


def _about_scan(
    clip: Clip, loaded: Sequence["Loaded"], steps: Sequence[Step], settings: Settings
) -> list[Notice]:
    """What failed, what was stopped and what the hop left out."""
    notices = [step.problem for step in steps if step.problem is not None]
    if steps and steps[-1].done < steps[-1].total:
        last = steps[-1]
        whole = last.window if _ends_window(steps, len(loaded)) else last.window - 1
        notices.append(Notice("stopped", sentences.stopped(whole, last.windows)))
    if steps and settings.hop_seconds > SECONDS and clip.seconds > SECONDS:
        share = round(100 * (1 - SECONDS / settings.hop_seconds))
        notices.append(
            Notice(
                "windows-apart",
                f"Windows of {SECONDS:.1f} s start every {settings.hop_seconds:g} s: about "
                f"{share} % of the clip was not scored.",
            )
        )
    return notices


def _about_conditions(
    clip: Clip, quality: "Quality", loaded: Sequence["Loaded"], fused: Fused
) -> list[Notice]:
    """That an llr is given for sound on which no calibration of its kind was checked."""
    if fused.llr is None:
        return []
    entries = [one.checkpoint.card.get("calibration") or {} for one in loaded if one.calibration]
    matches = [match(entry.get("conditions"), quality, clip.source) for entry in entries]
    reasons = strictest(matches).reasons
    return [Notice("other-condition", other_condition(reasons))] if reasons else []


def _ends_window(steps: Sequence[Step], detectors: int) -> bool:
    """Whether every detector that still worked was asked about the last window."""
    last = steps[-1].window
    gone = sum(1 for step in steps if step.window < last and step.problem is not None)
    return sum(1 for step in steps if step.window == last) == detectors - gone


def _circumstances(loaded: Sequence["Loaded"], settings: Settings) -> dict[str, str | int]:
    if not loaded:
        return {}
    devices = dict.fromkeys(detect.detector_device(one) for one in loaded)
    return {"device": ", ".join(devices), "threads_used": threads.used(settings.threads)}


def _strongest(
    clip: Clip, loaded: Sequence["Loaded"], report: Report, settings: Settings
) -> tuple[Evidence, ...]:
    """The evidence of each detector in the window that it finds most spoof-like."""
    by_id = {one.checkpoint.id: one for one in loaded}
    found: list[Evidence] = []
    for detection in report.detections:
        best = max(detection.readings, key=lambda reading: reading.score.spoof_logit)
        one = by_id[detection.checkpoint]
        found += detect.explain(clip, one, best.window, settings.precision)
    return tuple(found)
