"""The mixers' recurrences one step at a time, straight from the papers' equations.

What `core/scans.py` is held to, and what `benchmarks/mixers.py` runs against: a reader's first
transcription, with no thought of speed. Under autograd the indexing makes them quadratic.
"""

import torch
from torch import Tensor


def s6(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """x, dt (batch, length, channels); A (channels, n); B, C (batch, length, n)."""
    h = x.new_zeros(x.shape[0], *A.shape)
    outputs = []
    for t in range(x.shape[1]):
        written = (dt[:, t] * x[:, t])[:, :, None] * B[:, t, None, :]
        h = torch.exp(dt[:, t, :, None] * A) * h + written
        outputs.append((h * C[:, t, None, :]).sum(-1))
    return torch.stack(outputs, dim=1)


def ssd(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """x (batch, length, heads, p); dt (batch, length, heads); B, C (batch, length, n)."""
    S = x.new_zeros(x.shape[0], x.shape[2], x.shape[3], B.shape[-1])
    outputs = []
    for t in range(x.shape[1]):
        written = (dt[:, t, :, None] * x[:, t])[..., None] * B[:, t, None, None, :]
        S = torch.exp(dt[:, t] * A)[..., None, None] * S + written
        outputs.append((S * C[:, t, None, None, :]).sum(-1))
    return torch.stack(outputs, dim=1)


def hydra(
    x: Tensor,
    dt: tuple[Tensor, Tensor],
    A: Tensor,
    B: tuple[Tensor, Tensor],
    C: tuple[Tensor, Tensor],
) -> Tensor:
    """One pass each way; a frame is answered by the state as it was one frame before."""

    def strictly_before(x: Tensor, dt: Tensor, B: Tensor, C: Tensor) -> Tensor:
        y = ssd(x, dt, A, B, C)
        return torch.cat([torch.zeros_like(y[:, :1]), y[:, :-1]], dim=1)

    forward = strictly_before(x, dt[0], B[0], C[0])
    turned = strictly_before(x.flip(1), dt[1].flip(1), B[1].flip(1), C[1].flip(1))
    return forward + turned.flip(1)


def gated_delta(q: Tensor, k: Tensor, v: Tensor, g: Tensor, beta: Tensor) -> Tensor:
    """q, k, v (batch, length, heads, width); g, beta (batch, length, heads)."""
    S = q.new_zeros(q.shape[0], q.shape[2], q.shape[3], v.shape[3])
    outputs = []
    for t in range(q.shape[1]):
        S = torch.exp(g[:, t])[..., None, None] * S
        recalled = (S * k[:, t, :, :, None]).sum(2)  # (batch, heads, v)
        correction = beta[:, t, :, None] * (v[:, t] - recalled)
        S = S + k[:, t, :, :, None] * correction[:, :, None, :]
        outputs.append((S * q[:, t, :, :, None]).sum(2))
    return torch.stack(outputs, dim=1)


def quasi_separable_matrix(
    dt: tuple[Tensor, Tensor], A: Tensor, B: tuple[Tensor, Tensor], C: tuple[Tensor, Tensor]
) -> Tensor:
    """Hydra's mixing as an explicit matrix (heads, length, length) with a zero diagonal, batch 1.

    Entry (i, j), j < i: C_f[i-1] . B_f[j] exp(sum_{j+1..i-1} dt_f A) dt_f[j]; its mirror image
    above the diagonal with the backward parameters.
    """
    below = _below(dt[0][0], A, B[0][0], C[0][0])
    turned = _below(dt[1][0].flip(0), A, B[1][0].flip(0), C[1][0].flip(0))
    return below + turned.flip(1, 2)


def _below(dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    length, heads = dt.shape
    matrix = dt.new_zeros(heads, length, length)
    for i in range(1, length):
        kept = torch.ones(heads, dtype=dt.dtype)  # exp(sum_{j+1..i-1} dt A), from j = i-1 down
        kepts = [kept]
        for j in range(i - 1, 0, -1):
            kept = kept * torch.exp(dt[j] * A)
            kepts.append(kept)
        products = torch.stack(kepts[::-1])  # (i, heads)
        matrix[:, i, :i] = ((B[:i] @ C[i - 1])[:, None] * products * dt[:i]).T
    return matrix
