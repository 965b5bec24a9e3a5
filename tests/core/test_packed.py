from dataclasses import replace

import pytest
import torch

import core.packed
from core.backbones import SpeechBackbone
from core.packed import PackedBackbone, packed, refusal
from tests.core.test_backbones import CONFIGS, TINY, noise


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


def test_what_can_be_packed_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, *_: object) -> None:
        raise AssertionError(f"{self} ran as it was")

    for name in ("xls-r", "compact-conv"):
        fast = packed(SpeechBackbone(CONFIGS[name]))
        with monkeypatch.context() as patched, torch.inference_mode():
            for kind in (torch.nn.Linear, torch.nn.Conv1d):
                patched.setattr(kind, "forward", fail)
            fast(noise(1, 3_000))
            with pytest.raises(AssertionError, match="ran as it was"):
                fast.model(noise(1, 3_000))


@pytest.mark.parametrize("name", CONFIGS)
def test_it_goes_the_plain_way_where_packed_operators_cannot_follow(name: str) -> None:
    plain = SpeechBackbone(CONFIGS[name]).eval()
    fast, wave = packed(plain), noise(1, 3_000).requires_grad_()
    mask = torch.zeros(1, plain.frames(3_000), dtype=torch.bool)
    mask[0, 2] = True
    gradients = [torch.autograd.grad(one(wave).last.sum(), wave)[0] for one in (plain, fast)]
    assert gradients[0].abs().sum() > 0
    assert torch.equal(*gradients)
    with torch.inference_mode():
        frames = plain.stem(wave)
        assert torch.equal(plain.encode(frames, mask).last, fast.encode(frames, mask).last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(plain(wave).last, fast(wave).last)
        assert torch.equal(plain.double()(wave.double()).last, fast(wave.double()).last)


def test_it_has_the_names_and_the_layers_of_the_original(backbone: SpeechBackbone) -> None:
    fast = packed(backbone)
    assert fast.state_dict().keys() == backbone.state_dict().keys()
    with torch.inference_mode():
        frames = backbone.stem(noise(1, 3_000))
        two, all_ = fast.encode(frames, layers=2), fast.encode(frames)
    assert torch.equal(two.hidden, all_.hidden[:, :2])


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
    fast._layers[1].down.bias = torch.full((TINY["width"],), 0.01)
    assert core.packed._error(backbone, fast) > 1e-5
