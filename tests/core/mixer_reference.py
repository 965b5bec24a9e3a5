"""The mixers' forwards written from their description alone, on plain dicts of tensors.

Step by step and with explicit loops where `core/mixers.py` is clever; nothing is imported from it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from tests.core import recurrences

State = Mapping[str, Tensor]


def filtered(x: Tensor, weight: Tensor, bias: Tensor | None, before: int) -> Tensor:
    """Output t = sum over taps j of weight[j] x[t + j - before], with zeros outside."""
    length, taps = x.shape[1], weight.shape[-1]
    out = torch.zeros_like(x) if bias is None else torch.zeros_like(x) + bias
    for t in range(length):
        for j in range(taps):
            if 0 <= t + j - before < length:
                out[:, t] += weight[:, 0, j] * x[:, t + j - before]
    return out


def rms(x: Tensor, weight: Tensor) -> Tensor:
    return weight * x / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-5)


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def mamba(u: Tensor, s: State) -> Tensor:
    xz = u @ s["in_proj.weight"].T
    x, z = xz[..., :256], xz[..., 256:]
    x = silu(filtered(x, s["conv1d.weight"], s["conv1d.bias"], 3))
    low = x @ s["x_proj.weight"].T
    dt = functional.softplus(low[..., :8] @ s["dt_proj.weight"].T + s["dt_proj.bias"])
    y = recurrences.s6(x, dt, -torch.exp(s["A_log"]), low[..., 8:24], low[..., 24:])
    return ((y + s["D"] * x) * silu(z)) @ s["out_proj.weight"].T


def mamba2(u: Tensor, s: State) -> Tensor:
    p = u @ s["in_proj.weight"].T
    z, dt = p[..., :256], functional.softplus(p[..., 640:] + s["dt_bias"])
    xbc = silu(filtered(p[..., 256:640], s["conv1d.weight"], s["conv1d.bias"], 3))
    x = xbc[..., :256].reshape(*u.shape[:2], 4, 64)
    y = recurrences.ssd(x, dt, -torch.exp(s["A_log"]), xbc[..., 256:320], xbc[..., 320:])
    y = (y + s["D"].reshape(4, 1) * x).reshape(*u.shape[:2], 256)
    return rms(y * silu(z), s["norm.weight"]) @ s["out_proj.weight"].T


def hydra(u: Tensor, s: State) -> Tensor:
    p = u @ s["in_proj.weight"].T
    z = p[..., :256]
    dt_f = functional.softplus(p[..., 768:772] + s["dt_bias"])
    dt_b = functional.softplus(p[..., 772:] + s["dt_bias"])
    xbc = silu(filtered(p[..., 256:768], s["conv1d.weight"], s["conv1d.bias"], 3))
    flat = xbc[..., :256]
    x = flat.reshape(*u.shape[:2], 4, 64)
    b_f, c_f, b_b, c_b = (xbc[..., start : start + 64] for start in (256, 320, 384, 448))
    y = recurrences.hydra(x, (dt_f, dt_b), -torch.exp(s["A_log"]), (b_f, b_b), (c_f, c_b))
    y = y + (flat @ s["fc_D.weight"].T + s["D"])[..., None] * x
    y = rms(y.reshape(*u.shape[:2], 256), s["norm.weight"]) * silu(z)
    return y @ s["out_proj.weight"].T


def gated_delta_net(u: Tensor, s: State) -> Tensor:
    def heads(name: str) -> Tensor:
        x = filtered(u @ s[f"{name}_proj.weight"].T, s[f"{name}_conv1d.weight"], None, 3)
        return silu(x).reshape(*u.shape[:2], 4, -1)

    def unit(x: Tensor) -> Tensor:
        return x / torch.sqrt((x**2).sum(-1, keepdim=True) + 1e-6)

    steps = functional.softplus(u @ s["a_proj.weight"].T + s["dt_bias"])
    g, beta = -torch.exp(s["A_log"]) * steps, torch.sigmoid(u @ s["b_proj.weight"].T)
    q = unit(heads("q")) / 32**0.5
    o = recurrences.gated_delta(q, unit(heads("k")), heads("v"), g, beta)
    o = rms(o, s["o_norm.weight"])
    gate = silu(u @ s["g_proj.weight"].T)
    return (o.reshape(*u.shape[:2], 256) * gate) @ s["o_proj.weight"].T


def attention(u: Tensor, s: State) -> tuple[Tensor, Tensor]:
    qkv = u @ s["in_proj.weight"].T + s["in_proj.bias"]
    qkv = filtered(qkv, s["conv1d.weight"], s["conv1d.bias"], 3)
    maps, outputs = [], []
    for head in range(4):
        q, k, v = (qkv[..., part + 32 * head : part + 32 * head + 32] for part in (0, 128, 256))
        weights = torch.softmax(torch.einsum("bic,bjc->bij", q, k) / 32**0.5, -1)
        maps.append(weights)
        outputs.append(weights @ v)
    out = torch.cat(outputs, -1) @ s["out_proj.weight"].T + s["out_proj.bias"]
    return out, torch.stack(maps, 1)


def swiglu(u: Tensor, s: State) -> Tensor:
    both = u @ s["w1_w3_combined.weight"].T
    return (silu(both[..., :341]) * both[..., 341:]) @ s["w2_out.weight"].T
