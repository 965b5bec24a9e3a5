from dataclasses import replace

import pytest
import torch

import core.packed
from core.backbones import SpeechBackbone
from core.packed import PackedBackbone, PackedLinear, packed, refusal
from tests.core.test_backbones import CONFIGS, noise


@pytest.fixture(params=CONFIGS)
def backbone(request: pytest.FixtureRequest) -> SpeechBackbone:
    torch.manual_seed(1)
    return SpeechBackbone(CONFIGS[request.param]).eval()


@pytest.mark.parametrize("samples", [400, 719, 6_480, 9_999])
def test_a_packed_backbone_hears_the_same(backbone: SpeechBackbone, samples: int) -> None:
    fast = packed(backbone)
    assert isinstance(fast, PackedBackbone)
    wave = noise(2, samples)
    with torch.inference_mode():
        expected, found = backbone(wave), fast(wave)
        torch.testing.assert_close(fast.stem(wave), backbone.stem(wave), rtol=1e-4, atol=1e-5)
    gap = (expected.hidden - found.hidden).norm() / expected.hidden.norm()
    assert gap < 1e-5
    assert expected.hidden.shape == found.hidden.shape


def test_packing_leaves_the_original_as_it_was(backbone: SpeechBackbone) -> None:
    wave, names = noise(1, 3_000), list(backbone.state_dict())
    before = backbone(wave).hidden
    packed(backbone)
    assert list(backbone.state_dict()) == names
    assert torch.equal(backbone(wave).hidden, before)
    assert any(p.requires_grad for p in backbone.parameters())


def test_what_can_be_packed_is_packed() -> None:
    for kind, per_layer in (("xls-r", 6), ("wavlm", 2)):
        fast = packed(SpeechBackbone(CONFIGS[kind]))
        count = sum(isinstance(module, PackedLinear) for module in fast.modules())
        assert count == per_layer * fast.layers


def test_what_cannot_be_packed_comes_back_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = SpeechBackbone(CONFIGS["xls-r"])
    half = SpeechBackbone(replace(CONFIGS["xls-r"], layers=1)).to(torch.bfloat16)
    assert packed(half) is half
    assert refusal(half) == "only float32 weights on a CPU are packed"
    monkeypatch.setattr(core.packed, "_error", lambda _plain, _fast: 2e-5)
    assert packed(backbone) is backbone
    assert refusal(backbone) == "the self-check differs by 2.0e-05, more than 1e-05"


def test_the_self_check_would_see_a_wrong_weight() -> None:
    backbone = SpeechBackbone(CONFIGS["xls-r"]).eval()
    fast = PackedBackbone(backbone)
    assert core.packed._error(backbone, fast) < 1e-5
    dense = fast.model.encoder.layers[1].feed_forward.output_dense
    dense.bias = torch.nn.Parameter(dense.bias.detach() + 0.01)
    assert core.packed._error(backbone, fast) > 1e-5
