"""Sequence mixers in plain PyTorch: Mamba, Mamba-2, Hydra, Gated DeltaNet, attention, SwiGLU.

Every mixer maps (batch, frames, width) to the same shape, is linear in the number of frames
(attention aside), and has neither norm nor residual of its own on the outside: the block of
`core.detectors.mambo` has both. Parameter names and shapes are those of the packages that
published checkpoints were made with, so converting is renaming.

Glossary
    D=128     width of the sequence (`width`)
    E=256     width inside an SSM (`expand` x D); z: the gate, x: what is mixed
    n         state size: 16 for Mamba, 64 for Mamba-2 and Hydra
    A, B, C, dt, beta, g      as in `core.scans`
    D (a parameter)           the skip from x to y, one number a channel or a head

Differences from the originals (state-spaces/mamba, goombalab/hydra, flash-linear-attention)
    - no fused kernels: `core.scans` in float32 or better; each equal to its recurrence
      (tests/core/test_scans.py) and to a forward written apart from this file (test_mixers.py)
    - no inference cache, no `d_conv` or `ngroups` options, no rotary positions: the sizes of
      XLSR-MamBo only
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from core import scans
from core.scans import at_least_float32

EPS = 1e-5  # of every RMS norm
LONGEST_MAP = 1024  # frames (20 s); above, attention is fused and gives no map


class RmsNorm(nn.Module):
    """x / sqrt(mean x^2 + eps) * weight over the last axis, computed in float32 at least."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        x = at_least_float32(x)
        normed = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS)
        return (normed * self.weight).to(self.weight.dtype)


class DepthwiseConv(nn.Conv1d):
    """Each channel filtered over time by itself; causal, or centred for an odd kernel."""

    def __init__(self, width: int, kernel: int, *, causal: bool = True, bias: bool = True) -> None:
        padding = kernel - 1 if causal else kernel // 2
        super().__init__(width, width, kernel, groups=width, padding=padding, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, frames, width) -> the same shape."""
        # causal: padded on both sides, what came after the last frame is cut off
        return super().forward(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2)


def inverse_softplus(value: Tensor) -> Tensor:
    """The x with softplus(x) = value, for value > 0."""
    return value + torch.log(-torch.expm1(-value))


def log_uniform_dt(count: int) -> Tensor:
    """Biases whose softplus, the step size dt, is log-uniform in [0.001, 0.1]."""
    low, high = math.log(1e-3), math.log(0.1)
    dt = torch.exp(torch.empty(count).uniform_(low, high)).clamp_min(1e-4)
    return inverse_softplus(dt)


class Mamba(nn.Module):
    """Mamba's block around S6: Gu & Dao 2023, Sec. 3.4 and Algorithm 2.

    The state is (channels, n): every channel has its own step size and decay.
    """

    def __init__(self, width: int, state: int = 16, expand: int = 2, kernel: int = 4) -> None:
        super().__init__()
        inner, rank = expand * width, math.ceil(width / 16)
        self.sizes = (rank, state, state)
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv1d = DepthwiseConv(inner, kernel)
        self.x_proj = nn.Linear(inner, rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=False)
        nn.init.uniform_(self.dt_proj.weight, -(rank**-0.5), rank**-0.5)
        with torch.no_grad():
            self.dt_proj.bias.copy_(log_uniform_dt(inner))

    def forward(self, u: Tensor) -> Tensor:
        x, z = self.in_proj(u).chunk(2, dim=-1)  # (batch, frames, E) each
        x = functional.silu(self.conv1d(x))
        low_rank, B, C = self.x_proj(x).split(self.sizes, dim=-1)
        dt = functional.softplus(at_least_float32(self.dt_proj(low_rank)))
        A = -torch.exp(at_least_float32(self.A_log))
        y = scans.selective_scan(x, dt, A, B, C) + self.D * x
        out: Tensor = self.out_proj((y * functional.silu(z)).to(u.dtype))
        return out


class Mamba2(nn.Module):
    """Mamba-2's block around SSD: Dao & Gu 2024, Sec. 7.1. The gate comes before the norm."""

    def __init__(
        self, width: int, state: int = 64, expand: int = 2, head: int = 64, kernel: int = 4
    ) -> None:
        super().__init__()
        inner = expand * width
        heads = inner // head
        self.head = head
        self.sizes = (inner, inner + 2 * state, heads)
        self.parts = (inner, state, state)
        self.in_proj = nn.Linear(width, sum(self.sizes), bias=False)
        self.conv1d = DepthwiseConv(inner + 2 * state, kernel)
        self.dt_bias = nn.Parameter(log_uniform_dt(heads))
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(heads))
        self.norm = RmsNorm(inner)
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        z, xBC, dt = self.in_proj(u).split(self.sizes, dim=-1)
        x, B, C = functional.silu(self.conv1d(xBC)).split(self.parts, dim=-1)
        dt = functional.softplus(at_least_float32(dt) + self.dt_bias)  # (batch, frames, heads)
        A = -torch.exp(at_least_float32(self.A_log))
        x = x.unflatten(-1, (-1, self.head))  # (batch, frames, heads, head)
        y = (scans.ssd(x, dt, A, B, C) + self.D[:, None] * x).flatten(2)
        out: Tensor = self.out_proj(self.norm(y * functional.silu(z)).to(u.dtype))
        return out


class Hydra(nn.Module):
    """Hydra's block, Mamba-2 in both directions: Hwang et al. 2024, Sec. 3.3.

    Both directions share the step size bias and the decay rates; the diagonal of the mixing
    matrix is a number a head from `fc_D(x) + D`. The norm comes before the gate.
    """

    def __init__(
        self, width: int, state: int = 64, expand: int = 2, head: int = 64, kernel: int = 7
    ) -> None:
        super().__init__()
        inner = expand * width
        heads = inner // head
        self.head = head
        self.sizes = (inner, inner + 4 * state, heads, heads)
        self.parts = (inner, state, state, state, state)
        self.in_proj = nn.Linear(width, sum(self.sizes), bias=False)
        self.conv1d = DepthwiseConv(inner + 4 * state, kernel, causal=False)
        self.dt_bias = nn.Parameter(log_uniform_dt(heads))
        self.A_log = nn.Parameter(torch.zeros(heads))
        self.D = nn.Parameter(torch.ones(heads))
        self.fc_D = nn.Linear(inner, heads, bias=False)
        self.norm = RmsNorm(inner)
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        z, xBC, *steps = self.in_proj(u).split(self.sizes, dim=-1)
        x, B_f, C_f, B_b, C_b = functional.silu(self.conv1d(xBC)).split(self.parts, dim=-1)
        dt_f, dt_b = (functional.softplus(at_least_float32(dt) + self.dt_bias) for dt in steps)
        A = -torch.exp(at_least_float32(self.A_log))
        diagonal = self.fc_D(x) + self.D  # (batch, frames, heads)
        x = x.unflatten(-1, (-1, self.head))  # (batch, frames, heads, head)
        y = scans.quasi_separable(x, (dt_f, dt_b), A, (B_f, B_b), (C_f, C_b))
        y = (y + diagonal.unsqueeze(-1) * x).flatten(2)
        out: Tensor = self.out_proj((self.norm(y) * functional.silu(z)).to(u.dtype))
        return out


class GatedDeltaNet(nn.Module):
    """Gated DeltaNet's block: Yang, Kautz & Hatamizadeh 2024, Sec. 3.4. Causal only.

    The norm is over each head's values and comes before the gate.
    """

    def __init__(
        self, width: int, heads: int = 4, head: int = 32, expand: int = 2, kernel: int = 4
    ) -> None:
        super().__init__()
        keys, values = heads * head, heads * head * expand
        self.heads = heads
        self.scale = head**-0.5
        self.q_proj = nn.Linear(width, keys, bias=False)
        self.k_proj = nn.Linear(width, keys, bias=False)
        self.v_proj = nn.Linear(width, values, bias=False)
        self.g_proj = nn.Linear(width, values, bias=False)
        self.a_proj = nn.Linear(width, heads, bias=False)
        self.b_proj = nn.Linear(width, heads, bias=False)
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1e-6, 16).log())
        self.dt_bias = nn.Parameter(log_uniform_dt(heads))
        self.q_conv1d = DepthwiseConv(keys, kernel, bias=False)
        self.k_conv1d = DepthwiseConv(keys, kernel, bias=False)
        self.v_conv1d = DepthwiseConv(values, kernel, bias=False)
        self.o_norm = RmsNorm(head * expand)
        self.o_proj = nn.Linear(values, width, bias=False)

    def _head(self, x: Tensor) -> Tensor:
        heads: Tensor = at_least_float32(functional.silu(x)).unflatten(-1, (self.heads, -1))
        return heads

    def forward(self, u: Tensor) -> Tensor:
        q = unit_length(self._head(self.q_conv1d(self.q_proj(u)))) * self.scale
        k = unit_length(self._head(self.k_conv1d(self.k_proj(u))))
        v = self._head(self.v_conv1d(self.v_proj(u)))  # (batch, frames, heads, values)
        rate = -torch.exp(at_least_float32(self.A_log))
        g = rate * functional.softplus(at_least_float32(self.a_proj(u)) + self.dt_bias)
        beta = torch.sigmoid(at_least_float32(self.b_proj(u)))  # (batch, frames, heads)
        o = scans.gated_delta_rule(q, k, v, g, beta)
        gate = self._head(self.g_proj(u))
        out: Tensor = self.o_proj((self.o_norm(o) * gate).flatten(2).to(u.dtype))
        return out


def unit_length(x: Tensor) -> Tensor:
    """Divide by sqrt(sum x^2 + 1e-6) over the last axis, as flash-linear-attention has it."""
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6)


class Attention(nn.Module):
    """Multi-head attention of mamba_ssm: a causal convolution over q, k, v, then softmax over all.

    `forward` returns the map as well; it is None for more than `LONGEST_MAP` frames, where a
    fused kernel keeps memory linear.
    """

    def __init__(self, width: int, heads: int = 4, kernel: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj = nn.Linear(width, 3 * width)
        self.conv1d = DepthwiseConv(3 * width, kernel)
        self.out_proj = nn.Linear(width, width)

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        """(batch, frames, width) -> the same, and (batch, heads, frames, frames) or None."""
        qkv = self.conv1d(self.in_proj(u)).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (batch, heads, frames, head) each
        weights = None
        if u.shape[1] > LONGEST_MAP:
            mixed = functional.scaled_dot_product_attention(q, k, v)
        else:
            similar = torch.matmul(q, k.transpose(-1, -2)) * q.shape[-1] ** -0.5
            weights = torch.softmax(similar, dim=-1)  # over the frames attended to
            mixed = torch.matmul(weights.to(v.dtype), v)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out, weights


class SwiGlu(nn.Module):
    """Shazeer 2020: out(SiLU(gate) * value), gate and value from one projection in that order."""

    def __init__(self, width: int, expand: float = 8 / 3, dropout: float = 0.1) -> None:
        super().__init__()
        inner = int(expand * width)
        self.w1_w3_combined = nn.Linear(width, 2 * inner, bias=False)
        self.w2_out = nn.Linear(inner, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        for linear in (self.w1_w3_combined, self.w2_out):
            nn.init.kaiming_normal_(linear.weight, nonlinearity="linear")

    def forward(self, u: Tensor) -> Tensor:
        gate, value = self.w1_w3_combined(u).chunk(2, dim=-1)
        out: Tensor = self.dropout(self.w2_out(functional.silu(gate) * value))
        return out


SSMS: dict[str, type[Mamba | Mamba2 | Hydra | GatedDeltaNet]] = {
    "mamba": Mamba,
    "mamba2": Mamba2,
    "hydra": Hydra,
    "gdn": GatedDeltaNet,
}
