"""A region alone, cut out and silenced, on a detector whose answer is known: the mean level."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core import regions
from core.detect import Settings, detections, scan
from core.regions import WhatIf, what_if
from core.rescoring import FUSED, Probing
from core.types import RATE, Clip, DetectorError, Region
from tests.core.loudness import Loudness, clip_of, levels, loaded


def two_levels(seconds: float = 4.0375) -> NDArray[np.float32]:
    """0.01, and 0.05 from 1 s to 2 s."""
    wave = levels(0.01, hop=round(seconds * RATE), tail=0)
    wave[RATE : 2 * RATE] *= 5
    return wave


LOUD = Region(1.0, 2.0)


def after(found: WhatIf, key: str, name: str = "loudness-1") -> float:
    return next(one.after for one in found.changes if (one.key, one.name) == (key, name))


def test_a_loud_region_alone_cut_out_and_silenced() -> None:
    found = what_if(clip_of([two_levels()]), LOUD, [loaded()])
    whole = (3.0375 * 1 + 1 * 5) / 4.0375
    assert found.changes[0].before == pytest.approx(whole, abs=1e-3)
    assert after(found, "alone") == pytest.approx(5.0, abs=1e-3)
    assert after(found, "without") == pytest.approx(1.0, abs=0.02)  # the joint is 5 ms
    assert after(found, "silenced") == pytest.approx(3.0375 / 4.0375, abs=0.02)
    alone = next(one for one in found.changes if one.key == "alone")
    assert alone.difference == pytest.approx(5.0 - whole, abs=1e-3)
    assert "llr +5.00 for the region alone" in alone.text
    assert {piece.key: round(piece.seconds, 2) for piece in found.pieces} == {
        "whole": 4.04,
        "alone": 1.0,
        "without": 3.03,  # less the joint
        "silenced": 4.04,
    }


def test_the_whole_is_what_the_ordinary_scan_says() -> None:
    rng = np.random.default_rng(2)
    clip = clip_of(rng.uniform(-0.1, 0.1, (1, 150_000)).astype(np.float32))
    members = [loaded(), loaded(Loudness(66_800, offset=-4.0), "loudness-2")]
    found = what_if(clip, Region(3.0, 5.0), members)
    ordinary = detections(scan(clip, members, Settings()))
    assert found.pieces[0].numbers.scores == {one.checkpoint: one.score for one in ordinary}
    assert {one.name for one in found.changes} == {FUSED, "loudness-1", "loudness-2"}


def test_sound_is_changed_where_it_was_asked_and_nowhere_else() -> None:
    wave = two_levels()
    silent = regions._silenced(wave, RATE, 2 * RATE)
    assert np.array_equal(silent[:RATE], wave[:RATE])
    assert np.array_equal(silent[2 * RATE :], wave[2 * RATE :])
    assert not silent[RATE + 80 : 2 * RATE - 80].any()
    cut = regions._cut_out(wave, RATE, 2 * RATE)
    assert len(cut) == len(wave) - RATE - 80
    assert np.array_equal(cut[: RATE - 80], wave[: RATE - 80])
    assert np.array_equal(cut[RATE:], wave[2 * RATE + 80 :])
    assert np.array_equal(regions._cut_out(wave, 0, RATE), wave[RATE:])  # no joint, no fade
    assert not regions._silenced(wave, 0, RATE)[: RATE - 80].any()


def test_short_regions_and_whole_clips_are_refused_piece_by_piece() -> None:
    clip = clip_of([two_levels()])
    short = what_if(clip, Region(1.0, 1.2), [loaded()])
    assert [skip.key for skip in short.skipped] == ["alone"]
    assert "0.20 s long" in short.skipped[0].text
    everything = what_if(clip, Region(0.0, 9.0), [loaded()])
    assert [skip.key for skip in everything.skipped] == ["without"]
    assert "0.00 s would be left" in everything.skipped[0].text
    assert everything.region == Region(0.0, clip.seconds)


def test_in_a_long_clip_only_the_surroundings_are_scored() -> None:
    clip = clip_of([levels(0.01, hop=60 * RATE, tail=0)])
    found = what_if(clip, Region(30.0, 31.0), [loaded()])
    assert found.around == Region(26.0, 35.0)
    assert any("26.0–35.0 s" in note for note in found.notes)
    long = what_if(clip, Region(5.0, 55.0), [loaded()])
    assert any("9 of" in note for note in long.notes)


def test_one_channel_of_two() -> None:
    clip: Clip = clip_of([two_levels(), 0 * two_levels()])
    assert after(what_if(clip, LOUD, [loaded()], channel="left"), "alone") == pytest.approx(5.0)
    assert after(what_if(clip, LOUD, [loaded()]), "alone") == pytest.approx(2.5)


def test_progress_and_stop() -> None:
    seen: list[Probing] = []
    clip = clip_of([two_levels()])
    found = what_if(clip, LOUD, [loaded()], on_step=seen.append, should_stop=lambda: len(seen) >= 2)
    assert [(step.done, step.total) for step in seen] == [(1, 4), (2, 4)]
    assert found.stopped
    assert [piece.key for piece in found.pieces] == ["whole", "alone"]
    assert [one.key for one in found.changes] == ["alone"]


def test_what_cannot_be_done_is_a_sentence() -> None:
    clip = clip_of([two_levels()])
    with pytest.raises(DetectorError, match=r"5\.00–6\.00 s is not in this clip of 4\.04 s"):
        what_if(clip, Region(5.0, 6.0), [loaded()])
    with pytest.raises(DetectorError, match="No detector is installed"):
        what_if(clip, LOUD, [])
