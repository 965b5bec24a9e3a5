"""Mixers: sizes as published, parity with a forward written apart, properties of their kind."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.mixers import SSMS, Attention, GatedDeltaNet, Hydra, RmsNorm, SwiGlu, log_uniform_dt
from tests.core import mixer_reference as reference

PARAMETERS = {"mamba": 116_480, "mamba2": 117_388, "hydra": 137_484, "gdn": 134_216}
FORWARDS = {
    "mamba": reference.mamba,
    "mamba2": reference.mamba2,
    "hydra": reference.hydra,
    "gdn": reference.gated_delta_net,
}
each_ssm = pytest.mark.parametrize("name", SSMS)


def stirred(mixer: nn.Module) -> nn.Module:
    """In float64, with every parameter away from its initial value, so that each one counts."""
    mixer = mixer.double().eval()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return mixer


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(514)


@each_ssm
def test_parameters_as_published(name: str) -> None:
    mixer = SSMS[name](128)
    assert sum(parameter.numel() for parameter in mixer.parameters()) == PARAMETERS[name]


def test_parameters_of_the_mlp_and_of_attention() -> None:
    assert sum(parameter.numel() for parameter in SwiGlu(128).parameters()) == 130_944
    assert sum(parameter.numel() for parameter in Attention(128).parameters()) == 67_968


@each_ssm
@pytest.mark.parametrize("length", [1, 7, 45])
def test_parity_with_the_description(name: str, length: int) -> None:
    mixer, u = stirred(SSMS[name](128)), torch.randn(2, length, 128, dtype=torch.float64)
    expected = FORWARDS[name](u, mixer.state_dict())
    torch.testing.assert_close(mixer(u), expected, atol=1e-9, rtol=1e-9)


def test_parity_of_attention_and_mlp() -> None:
    u = torch.randn(2, 21, 128, dtype=torch.float64)
    mlp, attention = stirred(SwiGlu(128)), stirred(Attention(128))
    torch.testing.assert_close(mlp(u), reference.swiglu(u, mlp.state_dict()))
    out, weights = attention(u)
    expected, maps = reference.attention(u, attention.state_dict())
    torch.testing.assert_close(out, expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(weights, maps, atol=1e-12, rtol=0)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 21, dtype=torch.float64))


def test_long_attention_gives_the_same_without_a_map(monkeypatch: pytest.MonkeyPatch) -> None:
    attention, u = stirred(Attention(128)), torch.randn(1, 40, 128, dtype=torch.float64)
    eager, _ = attention(u)
    monkeypatch.setattr("core.mixers.LONGEST_MAP", 39)
    fused, weights = attention(u)
    assert weights is None
    torch.testing.assert_close(fused, eager, atol=1e-12, rtol=0)


def reach(mixer: nn.Module, changed: int = 30, length: int = 60) -> Tensor:
    """How much each frame of the output moves when one frame of the input does."""
    u = torch.randn(1, length, 128, dtype=torch.float64)
    other = u.clone()
    other[:, changed] += 1
    with torch.no_grad():
        moved: Tensor = (mixer(other) - mixer(u)).abs().amax((0, 2))
    return moved


@pytest.mark.parametrize("name", ["mamba", "mamba2", "gdn"])
def test_causal(name: str) -> None:
    moved = reach(stirred(SSMS[name](128)))
    assert moved[:30].max() == 0
    assert moved[30:34].min() > 1e-6


def test_hydra_hears_both_sides() -> None:
    moved = reach(stirred(Hydra(128)))
    assert moved[20:41].min() > 1e-9


def test_hydra_with_directions_swapped_answers_the_reversed_sequence() -> None:
    """Rows of the projections of B, C, dt change places, and the filters are turned round."""
    mixer, turned = stirred(Hydra(128)), Hydra(128).double()
    state = {name: tensor.clone() for name, tensor in mixer.state_dict().items()}
    z, x, forward, backward = 256, 256, 128, 128  # rows: gate, x, [B_f, C_f], [B_b, C_b], dt, dt
    sizes = (z, x, forward, backward, 4, 4)
    rows = state["in_proj.weight"].split(sizes)
    state["in_proj.weight"] = torch.cat([rows[i] for i in (0, 1, 3, 2, 5, 4)])
    for name in ("conv1d.weight", "conv1d.bias"):
        parts = state[name].split((x, forward, backward))
        state[name] = torch.cat([parts[0], parts[2], parts[1]])
    state["conv1d.weight"] = state["conv1d.weight"].flip(-1)
    turned.load_state_dict(state)
    u = torch.randn(2, 50, 128, dtype=torch.float64)
    torch.testing.assert_close(turned(u.flip(1)).flip(1), mixer(u), atol=1e-10, rtol=0)


@each_ssm
def test_every_parameter_learns(name: str) -> None:
    mixer = SSMS[name](128)
    mixer(torch.randn(2, 30, 128)).square().mean().backward()
    dead = [n for n, p in mixer.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []


@each_ssm
def test_bfloat16_stays_near(name: str) -> None:
    """Weights and input in bfloat16, the scan in float32: off by the rounding of the inputs."""
    mixer = SSMS[name](128)
    u = torch.randn(2, 200, 128).bfloat16()
    exact = mixer(u.float())
    half = mixer.bfloat16()(u)
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).norm() / exact.norm() < 0.03


@each_ssm
def test_finite_for_enormous_inputs(name: str) -> None:
    mixer = SSMS[name](128)
    u = (1e4 * torch.randn(1, 208, 128)).requires_grad_()
    out = mixer(u)
    out.sum().backward()
    assert out.isfinite().all()
    assert u.grad is not None
    assert u.grad.isfinite().all()


def test_initial_steps_are_log_uniform() -> None:
    dt = functional.softplus(log_uniform_dt(4000))
    assert 0.999e-3 < dt.min() < 1.1e-3
    assert 0.09 < dt.max() < 0.1001
    assert abs(dt.log().mean() - torch.tensor([1e-3, 0.1]).log().mean()) < 0.1


def test_initial_decays() -> None:
    rates = SSMS["mamba"](128).A_log
    assert isinstance(rates, Tensor)
    torch.testing.assert_close(rates[7].exp(), torch.arange(1.0, 17))
    assert Hydra(128).A_log.abs().max() == 0
    assert GatedDeltaNet(128).A_log.exp().max() <= 16


def test_rms_norm_by_hand() -> None:
    norm = RmsNorm(2)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0]))
    # mean square of (3, 4) is 12.5
    expected = torch.tensor([3.0, 8.0]) / 12.5**0.5
    torch.testing.assert_close(norm(torch.tensor([3.0, 4.0])), expected, atol=1e-5, rtol=0)
