"""What the command line prints about a clip: one short block."""

from core.sentences import clock, shown
from core.types import Detection, Reading, Region, Report, Verdict
from core.verdict import SYMBOLS, seconds, signed

HASH_SHOWN = 12  # hex digits; the whole hash is in the JSON


def block(report: Report) -> str:
    """File facts, verdict, a line a detector, warnings."""
    source = report.source
    facts = (
        f"{clock(source.seconds)} · {source.container}/{source.codec} · {source.sample_rate} Hz · "
        f"{source.channels} channel{'s' if source.channels != 1 else ''} · "
        f"sha256 {source.sha256[:HASH_SHOWN]}…"
    )
    found = report.verdict
    lines = [shown(source.name), f"  {facts}", f"  {SYMBOLS[found.lean]} {_verdict(found)}"]
    apart = len({detection.channel for detection in report.detections}) > 1
    lines += [f"  {_detector_line(one, apart)}" for one in report.detections]
    if report.fused.llr is not None:
        lines.append(f"  fused: llr {signed(report.fused.llr)} ({report.settings['fusion']})")
    said = {found.text}
    lines += [f"  ! {n.text}" for n in report.notices if n.text not in said]
    return "\n".join(lines)


def unread_block(name: str, sentence: str) -> str:
    """The block of a clip that could not be read."""
    return f"{shown(name)}\n  ✗ {sentence}"


def _verdict(found: Verdict) -> str:
    """The sentence, led by the lean where it does not name it itself."""
    named = found.lean in found.text.lower()
    return found.text if named else f"{found.lean.capitalize()}: {found.text}"


def _detector_line(detection: Detection, apart: bool) -> str:
    who = f"{detection.checkpoint}{f' [{detection.channel}]' if apart else ''}"
    best = max(detection.readings, key=lambda reading: reading.score.spoof_logit)
    where = seconds(Region(best.window.start, best.window.stop))
    count = len(detection.readings)
    windows = f"{count} window{'s' if count != 1 else ''}, highest {_number(best)} at {where}"
    if detection.score.llr is None:
        raw = f"{detection.score.spoof_logit:+.2f}".replace("-", "−")
        return f"{who}: not calibrated, raw score {raw} ({windows})"
    return f"{who}: llr {signed(detection.score.llr)} ({windows})"


def _number(reading: Reading) -> str:
    if reading.score.llr is not None:
        return signed(reading.score.llr)
    return f"{reading.score.spoof_logit:+.2f}".replace("-", "−")
