"""The scan, with detectors whose answers are known."""

import threading
from itertools import pairwise

import numpy as np
import pytest
import torch

from core.detect import Settings, Step, detections, explain, grid, reach, scan
from core.types import DetectorError, Window
from tests.core.loudness import Loudness, clip_of, levels, loaded

THREE = levels(0.01, 0.02, 0.03)  # windows of spoof_logit 1, 2, 3 (nearly: 600 samples overlap)


def test_windows_are_outer_and_detectors_inner() -> None:
    both = [loaded(name="first"), loaded(name="second")]
    steps = list(scan(clip_of([THREE]), both))
    assert [(s.window, s.loaded.checkpoint.id) for s in steps] == [
        (1, "first"),
        (1, "second"),
        (2, "first"),
        (2, "second"),
        (3, "first"),
        (3, "second"),
    ]
    assert [s.done for s in steps] == [1, 2, 3, 4, 5, 6]
    assert {(s.total, s.windows) for s in steps} == {(6, 3)}


def test_the_clip_score_is_the_mean_and_its_calibration() -> None:
    (found,) = detections(scan(clip_of([THREE]), [loaded()]))
    logits = [reading.score.spoof_logit for reading in found.readings]
    assert logits == pytest.approx([1.0, 2.0, 3.0], abs=0.02)
    mean = np.average(logits, weights=[64_300, 64_000, 64_300])  # 600 samples lie in two windows
    assert found.score.spoof_logit == pytest.approx(mean)
    assert found.score.llr == pytest.approx(mean)  # slope 1, intercept 0
    assert (found.detector, found.checkpoint, found.channel) == ("loudness", "loudness-1", "mix")


def test_sound_that_two_windows_heard_counts_once() -> None:
    """8.1 s: the third window is moved back over all but 0.06 s of what the second heard."""
    (found,) = detections(scan(clip_of([THREE[:129_600]]), [loaded()]))
    first, second, third = (reading.score.spoof_logit for reading in found.readings)
    assert len(found.readings) == 3
    assert [first, second, third] == pytest.approx([1, 2, 2], abs=0.03)
    assert found.score.spoof_logit == pytest.approx((first + second) / 2, abs=0.02)


def test_uncalibrated_numbers_have_no_llr() -> None:
    (found,) = detections(scan(clip_of([THREE]), [loaded(calibration=None)]))
    assert found.score.llr is None
    assert all(reading.score.llr is None for reading in found.readings)


def test_a_score_does_not_depend_on_its_neighbours() -> None:
    alone = detections(scan(clip_of([THREE]), [loaded()]))[0]
    beside = [loaded(), loaded(Loudness(66_800), "longer")]
    assert detections(scan(clip_of([THREE]), beside))[0] == alone


def test_a_longer_network_hears_real_sound_to_the_end() -> None:
    longer = loaded(Loudness(66_800), "longer")
    found = detections(scan(clip_of([THREE]), [loaded(), longer]))[1]
    assert [r.window.first for r in found.readings[:2]] == [0, 64_000]
    last = found.readings[-1]
    assert last.window.last == len(THREE)
    assert last.padded <= 319 / 16_000


def test_a_shorter_network_leaves_no_gaps() -> None:
    windows = grid(clip_of([THREE]), [loaded(Loudness(16_000))], Settings())
    assert windows[0].first == 0
    assert windows[-1].last == len(THREE)
    assert all(b.first <= a.last for a, b in pairwise(windows))


def test_a_short_clip_is_repeated_and_says_so() -> None:
    (found,) = detections(scan(clip_of([THREE[:16_000]]), [loaded()]))
    (reading,) = found.readings
    assert (reading.window.first, reading.window.last) == (0, 16_000)
    assert reading.padded == pytest.approx((64_600 - 16_000) / 16_000)


def test_reach_moves_back_by_whole_frames() -> None:
    found = reach(Window(64_000, 100_001), 64_600, (0, 100_001))
    assert found.first % 320 == 0
    assert found.last == 100_001
    assert 64_600 - 319 <= found.last - found.first <= 64_600


def test_reach_stays_where_there_is_sound() -> None:
    sound = (5_000, 80_000)
    assert reach(Window(5_000, 69_600), 66_800, sound) == Window(5_000, 71_800)
    # 80 000 - 66 800 = 13 200 is 25.6 frames after 5 000: 26 frames, so 13 320
    assert reach(Window(15_720, 80_000), 66_800, sound) == Window(13_320, 80_000)
    assert reach(Window(0, 90_000), 90_000, sound) == Window(0, 90_000)  # asked for


def test_zeros_around_a_recording_change_nothing() -> None:
    short, long = THREE[:40_000], np.concatenate([THREE[:100_000], THREE[:1_000]])
    for sound in (short, long):
        around = np.concatenate([np.zeros(7_001), sound, np.zeros(11_111)]).astype(np.float32)
        (plain,), (filled,) = (
            detections(scan(clip_of([wave]), [loaded()])) for wave in (sound, around)
        )
        assert filled.score == plain.score
        for before, after in zip(plain.readings, filled.readings, strict=True):
            assert after.window.first == before.window.first + 7_001
            assert after.padded == before.padded


def test_stop_keeps_what_is_done() -> None:
    steps: list[Step] = []
    for step in scan(clip_of([THREE]), [loaded()], should_stop=lambda: len(steps) == 2):
        steps.append(step)
    (found,) = detections(steps)
    assert len(found.readings) == 2
    assert steps[-1].done < steps[-1].total


def test_each_channel_is_its_own_detection_from_left_to_right() -> None:
    stereo = clip_of([THREE, 2 * THREE])
    steps = list(scan(stereo, [loaded()], Settings(channels="each")))
    assert [s.reading.window.channel for s in steps[:2] if s.reading] == ["left", "right"]
    left, right = detections(steps)
    assert right.score.spoof_logit == pytest.approx(2 * left.score.spoof_logit)
    (mixed,) = detections(scan(stereo, [loaded()]))
    assert mixed.score.spoof_logit == pytest.approx(1.5 * left.score.spoof_logit)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out-of-memory"),
        (MemoryError(), "out-of-memory"),
        (DetectorError("It cannot."), "detector-failed"),
    ],
)
def test_a_detector_that_fails_leaves_the_others(failure: Exception, code: str) -> None:
    failing = Loudness()
    failing.fails_at, failing.failure = 2, failure
    steps = list(scan(clip_of([THREE]), [loaded(failing, "failing"), loaded()]))
    problems = [s.problem.code for s in steps if s.problem]
    assert problems == [code]
    assert {d.checkpoint: len(d.readings) for d in detections(steps)} == {
        "failing": 1,
        "loudness-1": 3,
    }
    assert steps[-1].done == steps[-1].total


def test_a_bug_is_not_taken_for_want_of_memory() -> None:
    failing = Loudness()
    failing.fails_at, failing.failure = 1, RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="mat1"):
        list(scan(clip_of([THREE]), [loaded(failing)]))


def test_not_a_number_is_a_problem_and_never_a_score() -> None:
    step = next(scan(clip_of([THREE]), [loaded(Loudness(offset=float("nan")))]))
    assert step.reading is None
    assert step.problem is not None
    assert "nan" in step.problem.text


def test_no_mode_is_left_on_between_steps() -> None:
    for _ in scan(clip_of([THREE]), [loaded()], Settings(precision="bfloat16")):
        assert not torch.is_inference_mode_enabled()
        assert not torch.is_autocast_enabled("cpu")


def test_time_left_is_known_once_every_detector_was_timed() -> None:
    both = [loaded(name="first"), loaded(name="second")]
    steps = list(scan(clip_of([THREE]), both))
    assert steps[0].seconds_left is None
    assert all(s.seconds_left is not None for s in steps[1:])
    assert steps[-1].seconds_left == 0.0


def test_chosen_windows_alone_are_scored() -> None:
    clip = clip_of([THREE])
    chosen = grid(clip, [loaded()], Settings())[1:2]
    (found,) = detections(scan(clip, [loaded()], windows=chosen))
    assert [r.window.first for r in found.readings] == [64_000]


def test_the_hop_is_the_callers() -> None:
    windows = grid(clip_of([THREE]), [loaded()], Settings(hop_seconds=1.0))
    assert windows[1].first - windows[0].first == 16_000


def test_two_scans_at_once_do_not_mix() -> None:
    one = loaded()
    results: dict[float, float] = {}

    def work(gain: float) -> None:
        (found,) = detections(scan(clip_of([gain * THREE]), [one]))
        results[gain] = found.score.spoof_logit

    threads = [threading.Thread(target=work, args=(gain,)) for gain in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[3.0] == pytest.approx(3 * results[1.0])
    assert results[2.0] == pytest.approx(2 * results[1.0])


def test_explain_is_about_what_the_network_heard() -> None:
    clip = clip_of([THREE])
    window = grid(clip, [loaded()], Settings())[1]
    (evidence,) = explain(clip, loaded(), window)
    assert evidence.axes[0].values == (4.0,)
    assert float(evidence.values[0]) == pytest.approx(0.02, abs=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hop_seconds": 0.0},
        {"hop_seconds": float("nan")},
        {"band": -1.0},
        {"channels": "middle"},
        {"precision": "int8"},
        {"threads": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused_in_words(wrong: dict[str, object]) -> None:
    with pytest.raises(DetectorError):
        Settings(**wrong)  # type: ignore[arg-type]
