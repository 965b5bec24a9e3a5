"""What every registered detector promises, at a tiny size and at its published ones.

A new detector is tested by being registered and by a tiny configuration here. Weights are random:
nothing here says how well a detector detects.
"""

import copy
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from checkpoints import store
from checkpoints.store import CheckpointError
from core import loading
from core.detectors.base import Detector
from core.registry import DETECTORS
from core.types import RATE, DetectorError, Evidence, Window
from tests.checkpoints.cards import card
from tests.core.detectors import tiny

TINY: dict[str, Mapping[str, Any]] = {
    "aasist": {"channels": [1, 4, 6, 6], "gat_dims": [6, 4], "k": 19, "samples": 8_000},
    "hiercon": tiny.HIERCON,
    "mambo": {"backbone": tiny.BACKBONE, "samples": tiny.SAMPLES, "units": 2, "repeats": 1},
    "qaf": tiny.QAF,
    "sls": tiny.SLS,
}
# where the compact size takes other entries than the paper's
TINY_COMPACT: dict[str, Mapping[str, Any]] = {
    "aasist": {"channels": [32, 4, 6, 6], "gat_dims": [6, 4], "k": 19, "samples": 8_000},
}
UNTRAINED: dict[str, tuple[str, ...]] = {  # parameters that are dead by design, by part of the name
    # computed in vain by the authors, kept for released weights; a bias that batch norm takes away
    "aasist": (".bn1.", "encoder.0.0.conv1.bias"),
    "hiercon": ("masked_spec_embed",),  # of masked pre-training only, here and below
    "mambo": ("masked_spec_embed",),
    "qaf": ("masked_spec_embed",),
    "sls": ("masked_spec_embed",),
}
NAMES = sorted(DETECTORS)
BOTH = [(name, size) for name in NAMES for size in DETECTORS[name].sizes]
TOLERANCE = 2e-5


def built(name: str, size: Any, seed: int = 0) -> Detector:
    """Tiny widths, and everything else as at that size: levels, kinds of backbone, modes."""
    torch.manual_seed(seed)
    entries = TINY_COMPACT.get(name, TINY[name]) if size == "compact" else TINY[name]
    return DETECTORS[name].build(entries, size).eval()


def noise(detector: Detector, batch: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, detector.spec.samples, generator=generator) * 0.1


@pytest.fixture(scope="module", params=BOTH, ids="-".join)
def detector(request: pytest.FixtureRequest) -> Detector:
    return built(*request.param)


def test_each_registered_detector_has_a_tiny_configuration() -> None:
    assert set(TINY) == set(DETECTORS) == set(UNTRAINED)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    kind = DETECTORS[name]
    assert kind.name == name
    assert kind.title
    assert "arXiv" in kind.paper or "20" in kind.paper  # a number or a year to find it by
    assert kind.sizes
    assert set(kind.sizes) <= {"paper", "compact"}


@pytest.mark.parametrize(("name", "size"), BOTH)
def test_it_builds_at_each_size_and_again_from_its_own_configuration(name: str, size: Any) -> None:
    """On the meta device, where XLS-R and WavLM-Large take no memory."""
    with torch.device("meta"):
        first = DETECTORS[name].build(None, size)
        config = json.loads(json.dumps(first.config_dict()))
        second = DETECTORS[name].build(config, size)
    assert second.config_dict() == first.config_dict()
    shapes = {key: value.shape for key, value in first.state_dict().items()}
    assert {key: value.shape for key, value in second.state_dict().items()} == shapes
    assert first.spec == second.spec
    assert first.spec.rate == RATE


def test_output_has_its_shapes_and_its_direction(detector: Detector) -> None:
    with torch.inference_mode():
        output = detector(noise(detector, 3))
    logits = output.trace["logits"]
    assert output.spoof_logit.shape == (3,)
    assert logits.shape == (3, 2)
    torch.testing.assert_close(output.spoof_logit, logits[:, 0] - logits[:, 1])
    assert output.trace["embedding"].ndim == 2
    assert {len(value) for value in output.trace.values()} == {3}


def test_no_clip_depends_on_its_neighbours(detector: Detector) -> None:
    wave = noise(detector, 3)
    with torch.inference_mode():
        together = detector(wave).spoof_logit
        alone = torch.cat([detector(one).spoof_logit for one in wave.split(1)])
        turned = detector(wave.flip(0)).spoof_logit.flip(0)
    torch.testing.assert_close(together, alone, rtol=TOLERANCE, atol=TOLERANCE)
    torch.testing.assert_close(together, turned, rtol=TOLERANCE, atol=TOLERANCE)
    assert len(set(together.tolist())) == 3  # and it listens


def test_the_same_sound_gets_the_same_number(detector: Detector) -> None:
    wave = noise(detector, 2)
    with torch.inference_mode():
        first, second = detector(wave), detector(wave)
    assert torch.equal(first.spoof_logit, second.spoof_logit)
    for key, value in first.trace.items():
        assert torch.equal(value, second.trace[key]), key


def test_forward_is_features_then_decide(detector: Detector) -> None:
    wave = noise(detector, 2)
    with torch.inference_mode():
        parts = detector.decide(detector.features(wave))
        assert torch.equal(parts.spoof_logit, detector(wave).spoof_logit)


def test_gradients_change_no_number(detector: Detector) -> None:
    wave = noise(detector, 2)
    with torch.inference_mode():
        without = detector(wave).spoof_logit.clone()
    torch.testing.assert_close(
        detector(wave).spoof_logit.detach(), without, rtol=TOLERANCE, atol=TOLERANCE
    )


def attributes(detector: nn.Module) -> dict[str, set[str]]:
    return {name: set(vars(module)) for name, module in detector.named_modules()}


def test_nothing_is_left_behind(detector: Detector) -> None:
    """Neither weights, statistics, modes, attributes, hooks nor the input change."""
    wave = noise(detector, 2)
    heard = wave.clone()
    weights = {key: value.clone() for key, value in detector.state_dict().items()}
    names = attributes(detector)
    modes = [module.training for module in detector.modules()]
    with torch.inference_mode():
        detector(wave)
    assert torch.equal(wave, heard)
    assert all(torch.equal(value, weights[key]) for key, value in detector.state_dict().items())
    assert attributes(detector) == names
    assert [module.training for module in detector.modules()] == modes
    assert not any(module._forward_hooks for module in detector.modules())


def sounds(samples: int) -> dict[str, Tensor]:
    t = torch.arange(samples) / RATE
    tone = torch.sin(2 * torch.pi * 440 * t)
    return {
        "silence": torch.zeros(samples),
        "a constant": torch.full((samples,), 0.5),
        "clipped": (tone * 20).clamp(-1, 1),
        "a whisper": tone * 1e-6,
        "one click": torch.zeros(samples).index_fill(0, torch.tensor([samples // 2]), 1.0),
        "fast steps": (-1.0) ** torch.arange(samples),
    }


@pytest.mark.parametrize("sound", sorted(sounds(2)))
def test_odd_sounds_give_finite_numbers(detector: Detector, sound: str) -> None:
    wave = sounds(detector.spec.samples)[sound][None]
    with torch.inference_mode():
        output = detector(wave)
    assert torch.isfinite(output.spoof_logit).all()
    for key, value in output.trace.items():
        assert torch.isfinite(value.float()).all(), key


def told(detector: Detector, wave: Tensor) -> str:
    """The sentence with which a wave is refused; empty where it is scored, and then finite."""
    try:
        with torch.inference_mode():
            found = detector(wave).spoof_logit
    except DetectorError as error:
        return str(error)
    assert found.shape == (len(wave),)
    assert torch.isfinite(found).all()
    return ""


@pytest.mark.parametrize("more", [-1, 1])
def test_a_sample_too_few_or_too_many_is_scored(detector: Detector, more: int) -> None:
    wave = torch.cat([noise(detector, 1), torch.full((1, 1), 0.1)], 1)
    assert not told(detector, wave[:, : detector.spec.samples + more])


@pytest.mark.parametrize("times", [0.5, 0.9, 1.1, 2.0])
def test_another_length_is_scored_or_told_with_the_length_that_works(
    detector: Detector, times: float
) -> None:
    samples = detector.spec.samples
    wave = noise(detector, 2).repeat(1, 2)[:, : round(times * samples)]
    if sentence := told(detector, wave):
        assert f"reads {samples} samples" in sentence
        assert "this input has" in sentence
        assert detector.name == "sls"  # the only one with a layer as wide as the input is long


def test_too_short_a_wave_is_told_with_both_numbers(detector: Detector) -> None:
    shortest = detector.shortest
    for given in (shortest - 1, 1, 0):
        sentence = told(detector, torch.full((1, given), 0.1))
        assert f"needs at least {shortest}; this has {given}." in sentence
        assert sentence.startswith(f"{detector.label} reads {detector.spec.samples} samples")
    least = told(detector, noise(detector, 1)[:, :shortest])
    assert not least or "this input has 1 frames" in least


@pytest.mark.parametrize("shape", [(6_480,), (1, 1, 6_480), (0, 6_480)])
def test_what_is_no_batch_of_waveforms_is_told(detector: Detector, shape: tuple[int, ...]) -> None:
    sentence = told(detector, torch.zeros(shape))
    assert "waveforms of the shape (clips, samples)" in sentence
    assert f"this has the shape {shape}." in sentence


def pictures(detector: Detector, window: Window, seed: int = 1) -> tuple[Evidence, ...]:
    with torch.inference_mode():
        trace = detector(noise(detector, 1, seed)).trace
    return detector.evidence(trace, window)


def shares(detector: Detector) -> tuple[Window, ...]:
    """A whole window, one late in a clip, and ones that are half and mostly padding."""
    n = detector.spec.samples
    return (
        Window(0, n),
        Window(50 * RATE, 50 * RATE + n, "left"),
        Window(RATE, RATE + n // 2),
        Window(RATE, RATE + n // 5),
    )


def test_evidence_lies_inside_its_window(detector: Detector) -> None:
    for window in shares(detector):
        found = pictures(detector, window)
        assert found
        assert len({one.key for one in found}) == len(found)
        for one in found:
            assert one.key.startswith(f"{detector.name}.")
            assert one.title
            assert len(one.caption) > 40
            assert np.isfinite(one.values).all(), one.key
            assert one.values.size, one.key
            for axis in one.axes:
                if axis.unit == "s" and one.scope == "window":
                    times = np.array(axis.values, dtype=float)
                    assert (np.diff(times) > 0).all()
                    assert window.start <= times[0], one.key
                    assert times[-1] <= window.stop, one.key
                elif axis.unit == "Hz":
                    assert 0 <= float(axis.values[0]) < float(axis.values[-1]) <= RATE / 2


def test_what_is_said_to_sum_to_one_does(detector: Detector) -> None:
    for window in shares(detector):
        for one in pictures(detector, window):
            names = [axis.name for axis in one.axes]
            assert set(one.sums_to_one) <= set(names), one.key
            if one.sums_to_one:
                places = tuple(names.index(name) for name in one.sums_to_one)
                total = one.values.astype(np.float64).sum(places)
                np.testing.assert_allclose(total, 1.0, atol=1e-4, err_msg=one.key)
            if not one.signed:
                assert one.values.min() >= -1e-6, one.key


def test_evidence_of_the_model_is_the_same_for_every_clip(detector: Detector) -> None:
    whole = Window(0, detector.spec.samples)
    first = {one.key: one for one in pictures(detector, whole, 1)}
    second = {one.key: one for one in pictures(detector, whole, 2)}
    for key in first.keys() & second.keys():
        same = np.array_equal(first[key].values, second[key].values)
        assert same == (first[key].scope == "model"), key


@pytest.mark.parametrize(("name", "size"), BOTH)
def test_every_trainable_parameter_gets_a_gradient(name: str, size: Any) -> None:
    sums: dict[str, float] = {}
    for seed in range(3):  # a maximum or TopK may pass a parameter by in one network, not in all
        detector = built(name, size, seed).train()
        for module in detector.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        trace = detector(noise(detector, 4, seed)).trace
        loss = trace["logits"][:, 0].square().sum() + trace["logits"][:, 1].sum()
        if "projection" in trace:
            loss = loss + trace["projection"].square().sum() + trace["projection"].sum()
        loss.backward()
        for key, parameter in detector.named_parameters():
            moved = 0.0 if parameter.grad is None else float(parameter.grad.abs().sum())
            sums[key] = sums.get(key, 0.0) + (moved if parameter.requires_grad else 1.0)
    still = {key for key, total in sums.items() if total == 0.0}
    dead = {key for key in sums if any(part in key for part in UNTRAINED[name])}
    assert not still - dead, f"no gradient: {sorted(still - dead)}"


@pytest.mark.parametrize(("name", "size"), BOTH)
def test_it_goes_through_the_store_and_scores_the_same(
    name: str, size: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "search_path", lambda: (tmp_path,))
    detector = built(name, size)
    golden = {"spoof_logit": loading.golden_logit(detector), "tolerance": 1e-4}
    full = card(id=name, detector=name, size=size, config=detector.config_dict(), golden=golden)
    store.save(tmp_path / name, detector.state_dict(), full)
    (loaded,) = loading.select([name])
    assert loaded.checkpoint.id == name
    wave = noise(detector, 2)
    with torch.inference_mode():
        found, wanted = loaded.detector(wave).spoof_logit, detector(wave).spoof_logit
    torch.testing.assert_close(found, wanted, rtol=TOLERANCE, atol=TOLERANCE)
    again = loaded.detector.state_dict()
    assert again.keys() == detector.state_dict().keys()
    assert all(torch.equal(value, again[key]) for key, value in detector.state_dict().items())


def test_tensors_that_are_not_exactly_its_own_are_refused_by_name(detector: Detector) -> None:
    weights = dict(detector.state_dict())
    name = next(key for key, value in weights.items() if value.ndim > 1)
    wrong = {
        name: weights | {name: weights[name][:-1]},
        "stray.weight": weights | {"stray.weight": torch.zeros(1)},
    }
    wrong["missing"] = {key: value for key, value in weights.items() if key != name}
    for kind, tensors in wrong.items():
        with pytest.raises(CheckpointError, match=re.escape(name if kind == "missing" else kind)):
            store.load_strict(copy.deepcopy(detector), tensors, "a test")


@pytest.mark.parametrize(("name", "size"), BOTH)
def test_a_card_that_is_not_complete_is_refused(name: str, size: Any, tmp_path: Path) -> None:
    detector = built(name, size)
    full = card(id=name, detector=name, size=size, config=detector.config_dict())
    for entry in ("licence", "provenance", "trained_on", "measured", "golden", "config"):
        lacking = {key: value for key, value in full.items() if key != entry}
        with pytest.raises(CheckpointError, match=entry):
            store.save(tmp_path / name, detector.state_dict(), lacking)


def test_two_copies_do_not_share_anything(detector: Detector) -> None:
    other = copy.deepcopy(detector)
    wave = noise(detector, 1)
    with torch.inference_mode():
        before = detector(wave).spoof_logit.clone()
        for parameter in other.parameters():
            parameter.add_(0.1)
        other(wave)
        assert torch.equal(detector(wave).spoof_logit, before)
