"""The words are the agreed ones, and numbers in them read as people say them."""

import pytest

from core import sentences
from core.types import Notice


@pytest.mark.parametrize(
    ("made", "agreed"),
    [
        (sentences.empty_file("a.wav"), "“a.wav” is empty (0 bytes)."),
        (sentences.no_audio_track("v.mp4"), "“v.mp4” is a video without sound."),
        (
            sentences.not_audio("a.wav", "Format not recognised."),
            "We could not read sound from “a.wav”. It may not be an audio or video file, or it "
            "may be damaged. Decoder said: Format not recognised.",
        ),
        (
            sentences.ffmpeg_missing("a.m4a", "M4A"),
            "“a.m4a” is M4A. Reading it needs FFmpeg, which is not installed. "
            "Install FFmpeg, or convert the file to WAV or FLAC.",
        ),
        (
            sentences.huge("a.wav", 3_200_000_000, 1_000_000_000),
            "“a.wav” is 3.2 GB; the limit here is 1 GB. Cut it, or raise --max-file-size.",
        ),
        (
            sentences.damaged(180, 41).text,
            "The file ends early: header says 3:00, 0:41 could be read. Only that part was scored.",
        ),
        (
            sentences.silent("a.wav", -83.25).text,
            "“a.wav” is silent (peak −83.2 dBFS). Not scored.",
        ),
        (
            sentences.too_short(0.3).text,
            "Only 0.30 s of sound. The detectors need at least 1 s; not scored.",
        ),
        (
            sentences.shorter_than_window(2.5, 4.0375).text,
            "Shorter than one window (2.5 s of 4 s); the sound was repeated to fill it. "
            "Less reliable.",
        ),
        (
            sentences.band_limited(3400).text,
            "The sound has nothing above 3.4 kHz (telephone or resampled). The detectors were "
            "trained on 16 kHz; scores shift. Treat as weaker evidence.",
        ),
        (
            sentences.channels_differ(0.03, "each").text,
            "The two channels carry different sound (correlation 0.03). "
            "They were scored separately; pick one below.",
        ),
        (sentences.channels_equal(2).text, "Two equal channels; scored once."),
        (sentences.clipped(0.021).text, "2.1 % of samples are clipped."),
        (
            sentences.lossy("AAC", 64.2).text,
            "Source codec: AAC 64 kbit/s. Compression can hide or imitate artefacts.",
        ),
        (
            sentences.no_speech().text,
            "Little or no speech found. The detectors know speech only; "
            "not scored unless you press Score anyway.",
        ),
        (
            sentences.microphone().text,
            "Browser recordings are processed (noise and echo filters) and are not originals. "
            "Use for trying out only.",
        ),
        (sentences.scoring(12, 57, "HierCon", 118), "Window 12 of 57 · HierCon · about 2 min left"),
        (
            sentences.stopped(12, 57),
            "Stopped. 12 of 57 windows were scored; the rest are blank.",
        ),
        (
            sentences.long_clip(4320, 1080, 2700),
            "1 h 12 min makes 1 080 windows: about 45 min here.",
        ),
        (sentences.loading("HierCon", 1_300_000_000), "Loading HierCon (1.3 GB)… first time only."),
        (
            sentences.out_of_memory("HierCon"),
            "Not enough memory for HierCon. Other models' results are kept.",
        ),
        (
            sentences.disagree(-2.1, 3.4),
            "The detectors disagree (from −2.1 to +3.4). Treat as inconclusive.",
        ),
        (
            sentences.uncalibrated(),
            "Raw score, not calibrated: higher means more spoof-like; the size has no meaning.",
        ),
        (
            sentences.no_detector(900_000, "MIT"),
            "No detector is installed. Nothing was scored. "
            "Put a checkpoint in checkpoints/ or press Download (900 kB, licence MIT).",
        ),
        (
            sentences.drop_a_recording(1_000_000_000),
            "Drop a recording to begin. Audio or video, up to 1 GB. Nothing leaves this computer.",
        ),
    ],
)
def test_the_agreed_words(made: str, agreed: str) -> None:
    assert made == agreed


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (sentences.clock(9.999), "10.00 s"),
        (sentences.clock(41.4), "0:41"),
        (sentences.clock(3725), "1:02:05"),
        (sentences.clock(59.7), "1:00"),
        (sentences.span(0.2), "1 s"),
        (sentences.span(59.6), "1 min"),
        (sentences.span(7260), "2 h 01 min"),
        (sentences.size(512), "512 bytes"),
        (sentences.size(999_960), "1 MB"),
        (sentences.size(2.5e12), "2500 GB"),
        (sentences.percent(0), "0.0 %"),
        (sentences.percent(0.0004), "less than 0.1 %"),
        (sentences.decibels(float("-inf")), "−∞ dBFS"),
    ],
)
def test_numbers_read_well(made: str, expected: str) -> None:
    assert made == expected


@pytest.mark.parametrize("name", ["\udcff.wav", "a\x1b[2Jb.wav", "a\u202egpj.wav", "a\nb"])
def test_names_cannot_disturb(name: str) -> None:
    shown = sentences.shown(name)
    shown.encode("utf-8")
    assert shown.isprintable()
    assert "\ufffd" in shown
    assert sentences.shown("Größe 音.wav") == "Größe 音.wav"


def test_an_overruled_refusal_keeps_its_finding() -> None:
    notice = sentences.scored_anyway(sentences.no_speech())
    assert notice == Notice(
        "no-speech", "Little or no speech found. It was scored all the same, as asked."
    )
    assert sentences.scored_anyway(sentences.little_speech(0.73)).text.startswith(
        "Only 0.73 s of speech. It was scored"
    )
