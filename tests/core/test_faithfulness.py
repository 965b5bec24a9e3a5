"""A map that marks what a detector hears passes; one that marks another place does not."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.detectors.base import Features
from core.faithfulness import (
    Faithfulness,
    can_test,
    elsewhere,
    faithfulness,
    mask_of,
    mixed,
    passes,
    runs,
    surrogate,
)
from core.rescoring import Probing
from core.types import RATE, Axis, DetectorError, Evidence, Window
from tests.core.loudness import Loudness, clip_of, loaded

SECONDS = 4.0
WINDOW = Window(0, round(SECONDS * RATE))
SPOT = (round(1.0 * RATE), round(1.8 * RATE))


class Spot(Loudness):
    """Hears only from 1 s to 1.8 s, and there the share of a tone of 1 kHz."""

    def features(self, wave: Tensor) -> Features:
        self.heard.append(wave)
        part = wave[:, SPOT[0] : SPOT[1]]
        time = torch.arange(part.shape[1]) / RATE
        tone = torch.exp(-2j * torch.pi * 1_000 * time)
        return {"mean": (part * tone).mean(dim=1).abs()}


def a_map(*peaks: float, signed: bool = False, rows: int = 0) -> Evidence:
    """High within 0.4 s of each peak, along 200 frames of 20 ms."""
    centres = (np.arange(200) + 0.5) * 0.02
    values = np.full(200, 0.1, np.float32)
    for peak in peaks:
        values[np.abs(centres - peak) < 0.4] = 1.0
    axes: tuple[Axis, ...] = (Axis("time", "s", tuple(float(c) for c in centres)),)
    if rows:
        values = np.stack([values] * rows)
        axes = (Axis("layer", "", tuple(f"layer {n}" for n in range(rows))), *axes)
    return Evidence("test.map", "A map", values, axes, "weight", "A test.", signed=signed)


def tone_in_noise() -> NDArray[np.float32]:
    time = np.arange(round(SECONDS * RATE)) / RATE
    noise = np.random.default_rng(0).normal(0, 0.02, len(time))
    loud = (time >= 1.0) & (time < 1.8)
    return np.asarray(noise + 0.2 * loud * np.sin(2 * np.pi * 1_000 * time), np.float32)


def judged(evidence: Evidence, repeats: int = 19) -> Faithfulness:
    clip = clip_of([tone_in_noise()])
    found = faithfulness(clip, loaded(Spot()), WINDOW, evidence, repeats=repeats)
    assert found is not None
    return found


def test_a_map_of_what_is_heard_beats_every_random_choice() -> None:
    found = judged(a_map(1.4))
    assert found.share == 1.0
    assert found.p == pytest.approx(1 / 20)
    assert found.better
    assert found.marked.deletion > 0
    assert found.marked.insertion > 0
    assert found.seconds == pytest.approx(0.8)
    assert "does react" in found.text


def test_a_map_of_another_place_does_not() -> None:
    found = judged(a_map(3.0))
    assert not found.better
    assert found.share < 0.9
    assert found.marked.deletion == pytest.approx(0.0, abs=1e-4)
    assert "No better than chance" in found.text
    assert len(found.random) == 19


def test_fewer_than_nineteen_choices_can_never_pass() -> None:
    found = judged(a_map(1.4), repeats=5)
    assert found.share == 1.0
    assert not found.better


def test_it_is_the_same_each_time() -> None:
    assert judged(a_map(1.4), repeats=3) == judged(a_map(1.4), repeats=3)


def test_a_uniform_map_marks_nothing_and_costs_nothing() -> None:
    detector = Spot()
    flat = a_map()
    found = faithfulness(clip_of([tone_in_noise()]), loaded(detector), WINDOW, flat)
    assert found is not None
    assert not found.better
    assert "same all over" in found.text
    assert detector.heard == []


def test_cost_progress_and_stop() -> None:
    detector, seen = Spot(), list[Probing]()
    clip = clip_of([tone_in_noise()])
    faithfulness(clip, loaded(detector), WINDOW, a_map(1.4), repeats=2, on_step=seen.append)
    assert len(detector.heard) == passes(2) == len(seen) == seen[-1].total
    stopped = faithfulness(
        clip, loaded(Spot()), WINDOW, a_map(1.4), repeats=2, should_stop=lambda: True
    )
    assert stopped is None


def test_marked_samples_are_the_highest_fifth() -> None:
    assert runs(mask_of(a_map(1.4), WINDOW)) == [(16_000, 28_800)]
    assert runs(mask_of(a_map(1.4, rows=3), WINDOW)) == [(16_000, 28_800)]
    later = Window(WINDOW.first + RATE, WINDOW.last + RATE)  # the same map heard a second later
    assert runs(mask_of(a_map(1.4), later))[0][0] == 0


def test_signs_do_not_hide_a_stretch() -> None:
    signed = a_map(1.4, signed=True)
    turned = Evidence("k", "t", -signed.values, signed.axes, "logit", "c", signed=True)
    assert np.array_equal(mask_of(turned, WINDOW), mask_of(signed, WINDOW))


def test_random_choices_keep_number_and_lengths() -> None:
    rng = np.random.default_rng(1)
    mask = np.zeros(1_000, np.bool_)
    mask[100:150] = mask[300:400] = mask[990:] = True
    drawn = [elsewhere(mask, rng) for _ in range(50)]
    assert {int(one.sum()) for one in drawn} == {160}
    apart = [one for one in drawn if len(runs(one)) == 3]  # two may come to touch
    assert len(apart) > 30
    assert all(sorted(b - a for a, b in runs(one)) == [10, 50, 100] for one in apart)
    assert len({one.tobytes() for one in drawn}) > 40


def test_noise_has_the_spectrum_and_level_but_not_the_shape() -> None:
    wave = tone_in_noise()
    noise = surrogate(wave, np.random.default_rng(3))
    assert np.allclose(np.abs(np.fft.rfft(noise)), np.abs(np.fft.rfft(wave)), atol=1e-2)
    assert np.square(noise).sum() == pytest.approx(np.square(wave).sum(), rel=1e-4)
    assert abs(np.corrcoef(noise, wave)[0, 1]) < 0.3


def test_mixing_is_exact_away_from_the_edges() -> None:
    mask = np.zeros(1_000, np.bool_)
    mask[400:600] = True
    one, other = np.ones(1_000, np.float32), np.zeros(1_000, np.float32)
    found = mixed(one, other, mask)
    assert np.array_equal(found[441:559], one[441:559])
    assert not found[:359].any()
    assert not found[641:].any()
    assert np.abs(np.diff(found)).max() < 0.02


def test_what_has_no_time_axis_is_refused() -> None:
    still = Evidence(
        "k", "Layers", np.ones(2, np.float32), (Axis("layer", "", ("a", "b")),), "weight", "c"
    )
    assert not can_test(still)
    with pytest.raises(DetectorError, match="“Layers” does not run along the window"):
        faithfulness(clip_of([tone_in_noise()]), loaded(), WINDOW, still)
