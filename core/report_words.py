"""What a printed report says beside the numbers: provenance, limits, tables. No layout here.

HTML and PDF show the same rows in the same words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.sentences import shown, size, uncalibrated
from core.types import Detection, Report
from core.verdict import signed

Row = tuple[str, ...]

TITLE = "SpoofScope report"
DETECTOR_HEAD: Row = ("detector", "checkpoint", "channel", "raw score", "llr", "windows", "highest")
WINDOW_HEAD: Row = (
    "detector",
    "checkpoint",
    "channel",
    "start (s)",
    "stop (s)",
    "repeated (s)",
    "raw score",
    "llr",
)

LIMITS = (
    "A score is evidence, not proof. It says how much better the sound fits the machine-made than "
    "the human speech that a detector has learnt from; it does not say how probable either is.",
    "llr is the natural logarithm of a likelihood ratio. Positive numbers speak for synthetic "
    "speech of the kinds tested, negative ones for bona fide speech. How probable that makes "
    "either depends on everything else that is known, which this program does not know.",
    "Detectors fail on what they were not trained on: new generators, other languages, noise, "
    "clipping, compression, telephone bands, music. A clip that leans bona fide may be synthetic.",
    "Maps show where a detector looked, not where a forgery is. They are aids, not evidence.",
    "Compare scores only if decoder, resampler, channel, checkpoint and settings are the same.",
)
CONDITIONS: Mapping[str, str] = {
    "band-limited": "This clip is band-limited: the figures measured on 16 kHz speech do not hold.",
    "lossy": "This clip was compressed: traces may be hidden or imitated.",
    "clipped": "This clip is clipped; saturation is a known cause of wrong scores.",
    "short": "This clip is shorter than one window; its sound was repeated.",
    "channels-differ": "The channels differ; the result holds for what was scored of them.",
    "damaged": "The file is damaged; what is missing was not scored.",
    "stopped": "The analysis was stopped; the rest of the clip was not scored.",
    "windows-apart": "Parts of the clip were skipped, as the settings asked.",
    "silent-ends": "Digital silence before and after the recording was not scored.",
    "digital-silence": "Parts of this clip are digital silence; detectors may react to that alone.",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """What the examiner adds; empty fields are left out."""

    case: str = ""
    examiner: str = ""
    note: str = ""
    made: str = ""  # date and time, UTC

    def rows(self) -> list[Row]:
        named = (
            ("Case", self.case),
            ("Examiner", self.examiner),
            ("Note", self.note),
            ("Made (UTC)", self.made),
        )
        return [(name, value) for name, value in named if value]


def limits(report: Report) -> tuple[str, ...]:
    """What a reader must know before using the numbers of this clip."""
    codes = dict.fromkeys(notice.code for notice in report.notices)
    found = [CONDITIONS[code] for code in codes if code in CONDITIONS]
    if report.detections and report.fused.llr is None:
        found.insert(0, uncalibrated())
    return (*found, *LIMITS)


def provenance(report: Report) -> list[Row]:
    """Where the numbers come from: the file, the way to the samples, the program."""
    source = report.source
    rows: list[Row] = [
        ("File", shown(source.name)),
        ("Size", f"{size(source.bytes)} ({source.bytes:,} bytes)"),
        ("SHA-256 of the file", source.sha256),
        ("SHA-256 of the samples", report.pcm_sha256),
        ("Container, codec", f"{source.container}, {source.codec}"),
        ("Sample rate", f"{source.sample_rate} Hz"),
        ("Channels", str(source.channels)),
        ("Length", f"{source.seconds:.3f} s"),
        ("Decoder", source.decoder),
    ]
    rows += [("Changed on the way", change) for change in report.changes]
    rows += [(f"Weights of {one.checkpoint}", one.sha256) for one in _checkpoints(report)]
    rows += [(f"Setting: {name}", str(value)) for name, value in report.settings.items()]
    rows += [(f"Version: {name}", value) for name, value in report.versions.items()]
    return rows


def detector_rows(report: Report) -> list[Row]:
    """One row a detector and channel."""
    return [
        (
            one.detector,
            one.checkpoint,
            one.channel,
            raw(one.score.spoof_logit),
            llr_text(one.score.llr),
            str(len(one.readings)),
            _highest(one),
        )
        for one in report.detections
    ]


def window_rows(report: Report) -> Iterator[Row]:
    """One row a window and detector."""
    for one in report.detections:
        for reading in one.readings:
            yield (
                one.detector,
                one.checkpoint,
                one.channel,
                f"{reading.window.start:.2f}",
                f"{reading.window.stop:.2f}",
                f"{reading.padded:.2f}",
                raw(reading.score.spoof_logit),
                llr_text(reading.score.llr),
            )


def raw(value: float) -> str:
    """A raw score for people."""
    return f"{value:+.3f}".replace("-", "−")


def llr_text(value: float | None) -> str:
    """An llr for people, or that there is none."""
    return "not calibrated" if value is None else f"{value:+.2f}".replace("-", "−")


def fused_line(report: Report) -> str:
    """The fused llr in one line."""
    if report.fused.llr is None:
        return "Fused llr: none, because no detector that scored this clip is calibrated."
    band = float(report.settings.get("band", 1.0))
    return (
        f"Fused llr: {llr_text(report.fused.llr)} (inconclusive from {signed(-band)} to "
        f"{signed(band)}); {report.settings.get('fusion', '')}."
    )


def _highest(one: Detection) -> str:
    best = max(one.readings, key=lambda reading: reading.score.spoof_logit)
    number = raw(best.score.spoof_logit) if best.score.llr is None else llr_text(best.score.llr)
    return f"{number} at {best.window.start:.1f}–{best.window.stop:.1f} s"


def _checkpoints(report: Report) -> list[Detection]:
    return list({one.checkpoint: one for one in report.detections}.values())
