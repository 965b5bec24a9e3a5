import json
from typing import Any

import pytest
import torch
from torch import Tensor

from core.detectors.hiercon import HierCon
from core.types import DetectorError, Evidence, Window
from tests.core.detectors import heads_reference
from tests.core.detectors.tiny import HIERCON, SAMPLES, noise, scramble


def built(**changes: Any) -> HierCon:
    torch.manual_seed(4)
    detector = HierCon.build(HIERCON | changes, "compact")
    scramble(detector.head)
    return detector.eval()


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_the_head_and_its_maps_are_the_published_ones(size: int) -> None:
    detector = built(group_size=size)
    layers = noise(3, 6, 20, 32) * 20
    trace, expected = (
        detector.head(layers),
        heads_reference.hiercon(dict(detector.head.state_dict()), layers, size),
    )
    assert trace.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(trace[key], value, rtol=1e-4, atol=1e-5, msg=key)


def test_order_of_layers_shows_in_the_maps_though_not_in_the_score() -> None:
    detector = built()
    layers = noise(1, 6, 20, 32) * 20
    forward, reverse = detector.head(layers), detector.head(layers.flip(1))
    torch.testing.assert_close(forward["logits"], reverse["logits"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(forward["temporal"], reverse["temporal"].flip(1))
    assert not torch.allclose(forward["temporal"], reverse["temporal"])


def test_equal_frames_get_equal_attention() -> None:
    layers = noise(1, 6, 1, 32).expand(1, 6, 20, 32)
    trace = built().head(layers)
    torch.testing.assert_close(trace["temporal"], torch.full((1, 6, 20), 1 / 20))


def test_paper_head_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        head = HierCon.build().head
        wide = HierCon.build({"proj_dim": 256}).head
    assert sum(p.numel() for p in head.parameters()) == 3_853_186
    assert sum(p.numel() for p in head.temporal_attn.parameters()) == 133_376
    assert sum(p.numel() for p in wide.parameters()) == 3_853_186 + 128 * 257


@pytest.mark.parametrize("size", [4, 5, 7, 0])
def test_groups_that_leave_a_rest_are_refused(size: int) -> None:
    with pytest.raises(DetectorError, match=f"groups of {size}; 1, 2, 3, 6 would work"):
        built(group_size=size)


@pytest.mark.parametrize(
    ("stages", "absent"),
    [("temporal", {"intra", "inter"}), ("intra", {"inter"}), ("full", set())],
)
def test_ablations_do_not_build_what_they_do_not_use(stages: str, absent: set[str]) -> None:
    detector = built(stages=stages)
    out = detector(noise(2, SAMPLES))
    assert {"temporal", "intra", "inter"} - out.trace.keys() == absent
    total = out.spoof_logit.sum() + out.trace["projection"].square().sum()
    total.backward()
    idle = [n for n, p in detector.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []
    evidence = detector.evidence(detector(noise(1, SAMPLES)).trace, Window(0, SAMPLES))
    by_key = {item.key: item for item in evidence}
    assert by_key["hiercon.layers"].values.sum() == pytest.approx(1)
    if stages == "temporal":
        assert by_key["hiercon.layers"].values == pytest.approx(1 / 6)


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(DetectorError, match='"temporal", "intra" or "full"'):
        built(stages="groups")


def test_configuration_survives_json() -> None:
    detector = built()
    assert HierCon.build(json.loads(json.dumps(detector.config_dict()))).config == detector.config


def evidence(window: Window) -> tuple[dict[str, Evidence], dict[str, Tensor]]:
    detector = built()
    with torch.no_grad():
        trace = dict(detector(noise(1, SAMPLES)).trace)
    return {item.key: item for item in detector.evidence(trace, window)}, trace


def test_products_of_the_maps() -> None:
    found, trace = evidence(Window(0, SAMPLES))
    share = [
        float(trace["inter"][0, g] * trace["intra"][0, g, j]) for g in range(3) for j in range(2)
    ]
    assert found["hiercon.layers"].values == pytest.approx(share, rel=1e-5)
    time = sum(share[layer] * trace["temporal"][0, layer] for layer in range(6))
    assert found["hiercon.time"].values == pytest.approx(torch.as_tensor(time).numpy(), rel=1e-5)
    uniform = trace["temporal"][0] * 20
    assert found["hiercon.temporal"].values == pytest.approx(uniform.numpy(), rel=1e-5)


def test_declared_sums_hold_also_with_padding() -> None:
    for window in (Window(0, SAMPLES), Window(16_000, 19_000), Window(0, 1)):
        found, _ = evidence(window)
        assert len(found) == 5
        for item in found.values():
            names = [axis.name for axis in item.axes]
            for name in item.sums_to_one:
                sums = item.values.sum(axis=names.index(name))
                assert sums == pytest.approx(1, abs=1e-5)
        times = [float(value) for value in found["hiercon.time"].axes[0].values]
        assert window.start < times[0] <= times[-1] < window.stop
        assert found["hiercon.temporal"].values.mean(1) == pytest.approx(1, abs=1e-5)


def test_topk_leaves_that_many_dimensions() -> None:
    embedding = built(topk=5)(noise(3, SAMPLES)).trace["embedding"]
    assert (embedding != 0).sum(1).tolist() == [5, 5, 5]
