"""A recording the whole way, with detectors whose answers are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.analysis import analyse, analyse_clip, conclude, judge, windows_to_score
from core.calibration import Calibration
from core.detect import Settings, detections, scan
from core.fusing import FUSION_FILE, fuse, how, installed_fusion
from core.fusion import Fusion, FusionRule
from core.quality import Quality
from core.sentences import silent
from core.types import AudioError, Notice, Region
from tests.core.loudness import Loudness, clip_of, levels, loaded

THREE = levels(0.01, 0.02, 0.03)
ANYWAY = Settings(score_anyway=True)  # the made waves are no speech


@pytest.fixture(autouse=True)
def no_installed_fusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.fusing.search_path", lambda: (tmp_path,))
    return


def quality(refusal: Notice | None = None, speech: tuple[Region, ...] = ()) -> Quality:
    return Quality(8000.0, -20.0, -3.0, 0.0, 0.0, 5.0, speech, None, (), refusal)


def rule(weights: dict[str, float], intercept: float = 0.0) -> FusionRule:
    return FusionRule(weights, intercept, 1000, 1000, 0.1)


def fusion_for(checkpoint: str) -> Fusion:
    rules = {frozenset({"loudness"}): rule({"loudness": 2.0}, 0.5)}
    return Fusion(rules, {"loudness": checkpoint}, "made up")


def test_a_file_goes_in_and_a_report_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "three.wav"
    soundfile.write(path, THREE, 16_000, subtype="FLOAT")
    seen: list[int] = []
    report = analyse(path, [loaded()], ANYWAY, lambda step: seen.append(step.done))
    assert seen == [1, 2, 3]
    assert report.source.name == "three.wav"
    (found,) = report.detections
    assert [r.score.spoof_logit for r in found.readings] == pytest.approx([1, 2, 3], abs=0.02)
    assert report.fused.llr == found.score.llr
    assert report.verdict.lean == "spoofed"
    assert report.settings["hop_seconds"] == 4.0
    assert report.settings["fusion"] == "the llr of loudness-1 alone"
    assert {"torch", "numpy", "python", "code_sha256"} <= set(report.versions)


def test_no_speech_is_not_scored_unless_asked() -> None:
    report = analyse_clip(clip_of([THREE]), [loaded()])
    assert report.detections == ()
    assert report.verdict.lean == "not scored"
    assert report.verdict.text in [n.text for n in report.notices]
    assert analyse_clip(clip_of([THREE]), [loaded()], ANYWAY).detections != ()


def test_silence_is_not_scored_even_when_asked() -> None:
    report = analyse_clip(clip_of([np.zeros(64_600, np.float32)]), [loaded()], ANYWAY)
    assert report.verdict.lean == "not scored"
    assert report.notices[-1].code == "silent"


def test_without_detectors_the_facts_remain() -> None:
    report = analyse_clip(clip_of([THREE]), [], ANYWAY)
    assert report.source.seconds > 12
    assert report.verdict.lean == "not scored"
    assert "No detector is installed" in report.verdict.text


def test_what_cannot_be_read_is_an_audio_error(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("not a sound")
    with pytest.raises(AudioError, match=r"text\.wav"):
        analyse(path, [loaded()])


def test_a_stopped_scan_says_how_far_it_came() -> None:
    steps: list[int] = []
    report = analyse_clip(
        clip_of([THREE]),
        [loaded()],
        ANYWAY,
        lambda step: steps.append(step.done),
        lambda: len(steps) == 2,
    )
    assert len(report.detections[0].readings) == 2
    assert "Stopped. 2 of 3 windows were scored; the rest are blank." in [
        n.text for n in report.notices
    ]


def test_a_window_that_not_all_detectors_have_scored_is_not_counted_as_scored() -> None:
    both = [loaded(name="a"), loaded(name="b")]
    done: list[int] = []
    report = analyse_clip(
        clip_of([THREE]), both, ANYWAY, lambda s: done.append(s.done), lambda: len(done) == 3
    )
    assert "Stopped. 1 of 3" in next(n.text for n in report.notices if n.code == "stopped")


def test_stopped_within_the_first_window_counts_none() -> None:
    both = [loaded(name="a"), loaded(name="b")]
    done: list[int] = []
    report = analyse_clip(
        clip_of([THREE]), both, ANYWAY, lambda s: done.append(s.done), lambda: len(done) == 1
    )
    assert "Stopped. 0 of 3" in next(n.text for n in report.notices if n.code == "stopped")


def test_a_hop_that_skips_is_said() -> None:
    report = analyse_clip(clip_of([THREE]), [loaded()], Settings(8.075, score_anyway=True))
    assert "50 % of the clip" in next(n.text for n in report.notices if n.code == "windows-apart")


def test_silent_windows_are_left_out_on_request() -> None:
    clip, spoken = clip_of([THREE]), (Region(4.5, 7.5),)
    chosen = windows_to_score(clip, quality(speech=spoken), [loaded()], Settings(skip_silence=True))
    assert [w.start for w in chosen] == [4.0]
    assert len(windows_to_score(clip, quality(speech=spoken), [loaded()], Settings())) == 3


def test_evidence_is_of_the_most_spoof_like_window() -> None:
    report = analyse_clip(clip_of([THREE]), [loaded()], ANYWAY, evidence=True)
    (evidence,) = report.evidence
    assert evidence.axes[0].values == (report.detections[0].readings[-1].window.start,)


def scored(*names: str, calibration: Calibration | None) -> tuple:  # type: ignore[type-arg]
    ones = [loaded(Loudness(offset=2.0 * i), n, calibration) for i, n in enumerate(names)]
    return detections(scan(clip_of([THREE]), ones))


LINE = Calibration(1.0, 0.0, 1000, 1000, 0.1, "made up")


def test_a_fitted_rule_is_used_for_its_own_checkpoint() -> None:
    found = scored("mine", calibration=LINE)
    together = fuse(found, fusion_for("mine"))
    assert together.llr == pytest.approx(0.5 + 2 * found[0].score.llr)
    assert [llr for _, llr in together.windows] == pytest.approx([2.5, 4.5, 6.5], abs=0.05)
    assert "llrs of 2.00 x mine, and +0.50: a logistic regression, fitted on" in how(
        found, fusion_for("mine")
    )


def test_a_rule_for_another_checkpoint_is_not_used() -> None:
    found = scored("mine", calibration=LINE)
    assert fuse(found, fusion_for("another")).llr == found[0].score.llr
    assert how(found, fusion_for("another")) == "the llr of mine alone"


def test_without_a_rule_several_are_averaged_and_it_is_said() -> None:
    found = scored("a", "b", calibration=LINE)  # 2 and 4
    assert fuse(found).llr == pytest.approx(3.0, abs=0.02)
    assert how(found).startswith("mean llr of a, b")


def test_a_checkpoint_outside_the_fusion_is_named() -> None:
    both = [loaded(name="mine"), loaded(name="other")]
    clip = clip_of([THREE])
    steps = list(scan(clip, both))
    report = conclude(clip, quality(), both, steps, Settings(), fusion_for("mine"))
    assert report.fused.llr == pytest.approx(0.5 + 2 * 2.0, abs=0.05)
    assert "other" in next(n.text for n in report.notices if n.code == "not-fused")


def test_nothing_calibrated_gives_no_fused_llr_and_no_lean() -> None:
    report = analyse_clip(clip_of([THREE]), [loaded(calibration=None)], ANYWAY)
    assert report.fused.llr is None
    assert report.fused.windows == ()
    assert report.detections[0].score.llr is None
    assert report.verdict.lean == "inconclusive"
    assert "uncalibrated" in [n.code for n in report.notices]


def test_an_llr_for_sound_of_another_kind_is_said_to_be_one() -> None:
    clip, one = clip_of([THREE]), loaded()
    entry = {"conditions": {"bandwidth_hz": [7_000.0, 8_000.0], "codecs": ["MP3"]}}
    one = replace(one, checkpoint=replace(one.checkpoint, card={"calibration": entry}))
    steps = list(scan(clip, [one]))
    report = conclude(clip, quality(), [one], steps, Settings())
    (said,) = (n.text for n in report.notices if n.code == "other-condition")
    assert said.startswith("Not calibrated for this condition (codec lossless, calibrated on MP3)")
    mp3 = replace(clip, source=replace(clip.source, codec="MP3"))
    codes = {n.code for n in conclude(mp3, quality(), [one], steps, Settings()).notices}
    assert "other-condition" not in codes
    assert "other-condition" not in {n.code for n in conclude(clip, quality(), [one], []).notices}


def test_the_louder_channel_gives_the_verdict() -> None:
    stereo = clip_of([0.0 * THREE, THREE])
    found = detections(scan(stereo, [loaded()], Settings(channels="each")))
    fused, said = judge(found, Settings(channels="each"))
    assert fused.llr == pytest.approx(2.0, abs=0.02)
    assert "right channel" in said.text


def test_fused_windows_align_when_networks_hear_different_lengths() -> None:
    both = [loaded(name="a"), loaded(Loudness(66_800), "b")]
    found = detections(scan(clip_of([THREE]), both))
    together = fuse(found)
    assert [region.start for region, _ in together.windows] == [
        r.window.start for r in found[0].readings
    ]


def test_the_installed_fusion_is_found(tmp_path: Path) -> None:
    assert installed_fusion() is None
    (tmp_path / FUSION_FILE).write_text(fusion_for("mine").to_json())
    assert installed_fusion() == fusion_for("mine")


def test_a_refusal_that_may_not_be_overruled_stands() -> None:
    refused = quality(refusal=silent("a.wav", -90.0))
    assert windows_to_score(clip_of([THREE]), refused, [loaded()], ANYWAY) == ()
