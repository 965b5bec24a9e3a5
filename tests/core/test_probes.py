"""Robustness and shortcuts, on a detector whose answer is known: a hundred times the mean level."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from checkpoints.pth import read_pth
from core import ffmpeg
from core.detect import Settings, detections, scan
from core.detectors.aasist import AASIST, Aasist
from core.fusing import fuse
from core.intake import decode
from core.loading import Loaded
from core.probes import Robustness, Spread, passes, robustness, shortcuts
from core.rescoring import FUSED, Probing, spread
from core.types import RATE, Clip, DetectorError, Region, Window
from core.variants import HARMLESS
from tests.core.loudness import Loudness, clip_of, loaded

QUICK = tuple(one for one in HARMLESS if one.group != "codec")  # no program is started
CALM = Settings(band=0.5)


def tones(seconds: float, **levels: float) -> NDArray[np.float32]:
    """Sines by pitch, such as `hz7500=0.1`."""
    time = np.arange(round(seconds * RATE)) / RATE
    waves = [a * np.sin(2 * np.pi * float(name[2:]) * time) for name, a in levels.items()]
    return np.asarray(np.sum(waves, axis=0), np.float32)


def steady(amplitude: float = 0.02, seconds: float = 6.0) -> Clip:
    """A tone of a mean level: 100 times the amplitude is the score before the offset.

    Sixteen samples a period, over which |sin| has the mean cot(pi / 16) / 8.
    """
    return clip_of([tones(seconds, hz1000=amplitude * 8 * np.tan(np.pi / 16))])


def by_name(found: Robustness, name: str) -> Spread:
    return next(one for one in found.spreads if one.name == name)


def test_gain_moves_loudness_by_what_gain_is() -> None:
    one = loaded(Loudness(offset=-1.0))  # 2 - 1 = +1 as it is
    found = robustness(steady(), [one], [Window(0, 64_600)], CALM, variants=QUICK)
    seen = by_name(found, "loudness-1")
    values = dict(seen.values)
    assert seen.quantity == "llr"
    assert seen.original == pytest.approx(1.0, abs=1e-3)
    for name, decibels in (("12 dB louder", 12), ("6 dB quieter", -6)):
        expected = min(2 * 10 ** (decibels / 20) - 1, np.log(1001))  # the calibration's bound
        assert values[name] == pytest.approx(expected, abs=1e-3)
    assert values["start moved by 0.5 s"] == pytest.approx(1.0, abs=1e-3)
    assert seen.high == pytest.approx(np.log(1001))
    assert seen.low == pytest.approx(2 * 10**-0.6 - 1, abs=1e-3)
    assert seen.low <= seen.middle <= seen.high
    assert seen.flipped == ("12 dB quieter",)  # 0.502 - 1; 6 dB leaves +0.002
    assert found.flips
    assert "flips" in seen.text
    assert "12 dB quieter" in seen.text
    assert found.text == "The sign flips under harmless changes."


def test_what_does_not_apply_is_said_and_not_counted() -> None:
    one = loaded()
    found = robustness(steady(), [one], [Window(0, 64_600)], CALM, variants=QUICK)
    assert {skip.key for skip in found.skipped} == {
        "padding-centred",
        "padding-reflected",
        "padding-zeros",
    }
    assert all("nothing is padded" in skip.text for skip in found.skipped)
    assert not {key.key for key in found.tried} & {skip.key for skip in found.skipped}
    assert len(found.tried) + len(found.skipped) == len(QUICK)


def test_zeros_around_a_short_clip_turn_its_sign() -> None:
    """Half of the input zeros: half the level. The flip that the published AASIST is known for."""
    clip = steady(seconds=2.01875)  # half a window
    found = robustness(clip, [loaded(Loudness(offset=-1.5))], settings=CALM, variants=QUICK)
    values = dict(found.spreads[0].values)
    assert values["filled with zeros on both sides"] == pytest.approx(1.0 - 1.5, abs=1e-3)
    assert values["repeated on both sides"] == pytest.approx(2.0 - 1.5, abs=1e-3)
    assert "filled with zeros on both sides" in found.spreads[0].flipped


def test_the_original_is_what_the_ordinary_scan_says() -> None:
    rng = np.random.default_rng(5)
    clip = clip_of(rng.uniform(-0.2, 0.2, (2, 150_000)).astype(np.float32))
    members = [loaded(), loaded(Loudness(66_800, offset=-3.0), "loudness-2")]
    found = robustness(clip, members, settings=CALM, variants=())
    ordinary = detections(scan(clip, members, CALM))
    assert len(found.windows) == 3
    assert found.original.scores == {one.checkpoint: one.score for one in ordinary}
    assert found.original.fused == fuse(ordinary).llr


def test_raw_scores_are_called_raw() -> None:
    one = loaded(calibration=None)
    found = robustness(steady(), [one], [Window(0, 64_600)], CALM, variants=QUICK[-2:])
    (seen,) = found.spreads
    assert seen.quantity == "spoof_logit"
    assert "raw score (not calibrated)" in seen.text
    assert "llr" not in seen.text


def test_several_detectors_have_a_fused_line_and_one_has_not() -> None:
    two = [loaded(), loaded(Loudness(offset=-4.0), "loudness-2")]
    found = robustness(steady(), two, [Window(0, 64_600)], CALM, variants=QUICK[:1])
    assert [one.name for one in found.spreads] == [FUSED, "loudness-1", "loudness-2"]
    assert by_name(found, FUSED).original == pytest.approx((2.0 - 2.0) / 2, abs=1e-3)
    assert by_name(found, "loudness-2").title == "Loudness (loudness-2)"
    alone = robustness(steady(), two[:1], [Window(0, 64_600)], CALM, variants=QUICK[:1])
    assert [one.title for one in alone.spreads] == ["Loudness"]


def test_a_flip_inside_the_band_is_called_so() -> None:
    one = loaded(Loudness(offset=-1.0))
    wide = Settings(band=9.0)
    found = robustness(steady(), [one], [Window(0, 64_600)], wide, variants=QUICK)
    assert found.spreads[0].flipped
    assert "inside the inconclusive band of ±9" in found.spreads[0].text


def test_progress_is_told_and_stopping_keeps_what_is_done() -> None:
    seen: list[Probing] = []
    found = robustness(
        steady(),
        [loaded()],
        [Window(0, 64_600)],
        CALM,
        on_step=seen.append,
        should_stop=lambda: len(seen) >= 3,
        variants=QUICK,
    )
    assert [step.done for step in seen] == [1, 2, 3]
    assert {step.total for step in seen} == {passes(1, 1, QUICK)}
    assert seen[1].name == "start moved by 0.1 s"
    assert found.stopped
    assert len(found.tried) == 2  # the third pass was one of them; the first the original
    assert f"Stopped. 2 of {len(QUICK)} changes were tried." in found.text


def test_a_detector_that_fails_is_left_out_of_that_change() -> None:
    broken = Loudness()
    broken.fails_at = 2
    found = robustness(steady(), [loaded(broken)], [Window(0, 64_600)], CALM, variants=QUICK[:2])
    first, second = found.tried
    assert first.numbers.scores == {}
    assert "Not enough memory" in first.numbers.problems[0]
    assert second.numbers.scores
    assert [name for name, _ in found.spreads[0].values] == [second.name]


def test_a_fused_llr_of_fewer_detectors_is_not_compared() -> None:
    broken = Loudness(offset=-4.0)
    broken.fails_at = 2
    two = [loaded(), loaded(broken, "loudness-2")]
    found = robustness(steady(), two, [Window(0, 64_600)], CALM, variants=QUICK[:2])
    assert [name for name, _ in by_name(found, FUSED).values] == [QUICK[1].name]
    assert len(by_name(found, "loudness-1").values) == 2


def test_codecs_are_tried_where_ffmpeg_is_and_named_where_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codecs = tuple(one for one in HARMLESS if one.group == "codec")
    monkeypatch.setattr(ffmpeg, "available", lambda: False)
    found = robustness(steady(), [loaded()], [Window(0, 64_600)], CALM, variants=codecs)
    assert [skip.key for skip in found.skipped] == ["mp3", "opus"]
    assert all("FFmpeg is not installed" in skip.text for skip in found.skipped)
    assert "nothing is known of its robustness" in found.spreads[0].text


def test_windows_are_spread_over_one_channel() -> None:
    windows = [Window(n, n + 1, "left") for n in range(10)] + [Window(0, 1, "right")]
    chosen = spread(windows, 3)
    assert [(one.first, one.channel) for one in chosen] == [
        (0, "left"),
        (4, "left"),
        (9, "left"),
    ]
    assert spread(windows[:2], 3) == tuple(windows[:2])


# --- shortcuts -------------------------------------------------------------------------------


def test_a_decision_on_the_top_band_is_found_and_named() -> None:
    clip = clip_of([tones(4.1, hz500=0.01, hz7600=0.2)])
    found = shortcuts(clip, [loaded()], [Window(0, 64_600)], CALM)
    hung = {one.key: one for one in found.reliances if one.hangs}
    assert set(hung) == {"below-7k", "below-4k"}
    assert hung["below-7k"].before == pytest.approx(100 * 0.2 * 2 / np.pi, rel=0.02) or (
        hung["below-7k"].before == pytest.approx(np.log(1001))  # the bound of the calibration
    )
    assert hung["below-7k"].after == pytest.approx(100 * 0.01 * 2 / np.pi, rel=0.02)
    assert "hangs on the top band, above 7 kHz" in " ".join(found.sentences)
    assert "the top band" in found.text
    assert found.hangs


def test_a_decision_on_a_low_hum_or_on_an_offset() -> None:
    hum = clip_of([tones(4.1, hz20=0.1, hz500=0.005)])
    found = shortcuts(hum, [loaded()], [Window(0, 64_600)], CALM)
    assert {one.key for one in found.reliances if one.hangs} == {"above-80"}
    offset = clip_of([tones(4.1, hz500=0.005) + np.float32(0.05)])
    found = shortcuts(offset, [loaded()], [Window(0, 64_600)], CALM)
    assert {one.key for one in found.reliances if one.hangs} == {"no-dc", "above-80"}


def test_a_decision_on_non_speech() -> None:
    wave = tones(4.1, hz500=0.04)
    wave[: 2 * RATE] *= 10  # louder before the "speech" than in it
    clip = clip_of([wave])
    one = loaded(Loudness(offset=-4.0))
    found = shortcuts(clip, [one], [Window(0, 64_600)], CALM, speech=(Region(2.2, 3.9),))
    trimmed = next(one for one in found.reliances if one.key == "trimmed")
    assert trimmed.after == pytest.approx(100 * 0.04 * 2 / np.pi - 4, abs=0.1)
    assert trimmed.hangs
    assert "hangs on leading or trailing non-speech" in " ".join(found.sentences)


def test_half_of_the_number_is_the_threshold() -> None:
    def share(above: float) -> tuple[float, bool]:
        clip = clip_of([tones(4.1, hz500=0.03) + tones(4.1, hz7600=above)])
        found = shortcuts(clip, [loaded()], [Window(0, 64_600)], CALM)
        one = next(one for one in found.reliances if one.key == "below-7k")
        return one.share, one.hangs

    for above in (0.01, 0.02, 0.05, 0.09):
        left, hangs = share(above)
        assert hangs is (left < 0.5)
    assert share(0.01)[1] is False
    assert share(0.09)[1] is True


def test_nothing_hangs_where_nothing_was_decided_or_everything_stays() -> None:
    clip = clip_of([tones(4.1, hz500=0.03, hz7600=0.2)])
    undecided = shortcuts(clip, [loaded()], [Window(0, 64_600)], Settings(band=50.0))
    assert not undecided.hangs
    assert "no decision that could hang" in undecided.sentences[0]
    plain = clip_of([tones(4.1, hz500=0.03)])
    found = shortcuts(plain, [loaded()], [Window(0, 64_600)], CALM)
    assert not found.hangs
    assert "no shortcut found" in found.sentences[0]
    assert any("from end to end" in skip.text for skip in found.skipped)


def test_without_a_detector_there_is_a_sentence() -> None:
    with pytest.raises(DetectorError, match="No detector is installed"):
        robustness(steady(), [])


@pytest.mark.shared
def test_the_published_aasist_flips_where_it_is_known_to(shared_dir: Path) -> None:
    """A quiet genuine clip of 2.3 s: filled with zeros instead of repeated it changes sides."""
    clips = list((shared_dir / "corpus" / "flac").rglob("U025a185cfc.flac"))
    weights = shared_dir / "golden" / "AASIST.pth"
    if not clips or not weights.is_file():
        pytest.skip("the corpus or the golden weights are not in ../shared")
    detector = Aasist(AASIST).eval()
    detector.load_state_dict(read_pth(weights))
    checkpoint = replace(loaded().checkpoint, id="aasist-published", detector="aasist")
    one = Loaded(detector, checkpoint, None)
    kept = ("padding-zeros", "gain-12", "resampled-hq")
    chosen = tuple(variant for variant in HARMLESS if variant.key in kept)
    found = robustness(decode(clips[0]), [one], variants=chosen)
    values = dict(found.spreads[0].values)
    assert found.spreads[0].original > 2  # to the wrong side, as it was trained
    assert values["filled with zeros on both sides"] < -5
    assert values["12 dB quieter"] < -2
    assert values["to 44.1 kHz and back (soxr HQ)"] == pytest.approx(
        found.spreads[0].original, abs=0.3
    )
    assert found.flips


def test_importing_the_probes_does_not_import_torch() -> None:
    code = (
        "import sys, core.probes, core.regions, core.region_files, core.faithfulness, "
        "core.likelihood, core.priors, core.probe_figures, core.probe_tables; "
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
