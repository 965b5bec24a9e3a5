"""The heads of SLS and HierCon written from their descriptions, on tensors with the authors' names.

Nothing is shared with `core.detectors`; `layers` is (batch, layers, frames, width).
"""

import torch
from torch import Tensor

State = dict[str, Tensor]
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def selu(x: Tensor) -> Tensor:
    return SELU_SCALE * torch.where(x > 0, x, SELU_ALPHA * (x.exp() - 1))


def sls(state: State, layers: Tensor) -> tuple[Tensor, Tensor]:
    """SLS from its description: log-probabilities and gates."""
    means = layers.mean(2)
    gates = 1 / (1 + (-(means @ state["fc0.weight"].T + state["fc0.bias"])).exp())
    fused = (gates[..., None] * layers).sum(1)
    spread = (state["first_bn.running_var"] + 1e-5).sqrt()
    normed = (fused - state["first_bn.running_mean"]) / spread
    picture = selu(normed * state["first_bn.weight"] + state["first_bn.bias"])
    batch, frames, width = picture.shape
    cells = picture[:, : frames // 3 * 3, : width // 3 * 3]
    pooled = cells.reshape(batch, frames // 3, 3, width // 3, 3).amax((2, 4)).flatten(1)
    dense = selu(pooled @ state["fc1.weight"].T + state["fc1.bias"])
    logits = selu(dense @ state["fc3.weight"].T + state["fc3.bias"])
    return logits - logits.exp().sum(1, keepdim=True).log(), gates[..., 0]


def normed(state: State, name: str, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    spread = (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return centred / spread * state[f"{name}.weight"] + state[f"{name}.bias"]


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / 2**0.5))


def pool(state: State, name: str, x: Tensor) -> tuple[Tensor, Tensor]:
    cells = normed(state, f"{name}.layer_norm", x)
    score = torch.tanh(linear(state, f"{name}.proj", cells)) @ state[f"{name}.score.weight"].T
    weights = score.exp() / score.exp().sum(-2, keepdim=True)
    return (weights * cells).sum(-2), weights[..., 0]


def refine(state: State, name: str, x: Tensor) -> Tensor:
    inner = gelu(linear(state, f"{name}.net.1", normed(state, f"{name}.net.0", x)))
    return x + linear(state, f"{name}.net.4", inner)


def hiercon(state: State, layers: Tensor, size: int) -> State:
    """HierCon from its description, dropout off: the trace."""
    pooled, temporal = pool(state, "temporal_attn", layers)
    groups = torch.stack(pooled.split(size, dim=1), 1)
    inside, intra = pool(state, "intra_attn", groups)
    between, inter = pool(state, "inter_attn", refine(state, "group_refine", inside))
    utterance = refine(state, "utt_refine", between)
    x = utterance
    for linear_index, norm_index in ((1, 2), (5, 6)):
        x = linear(state, f"classifier.{linear_index}", x)
        x = gelu(normed(state, f"classifier.{norm_index}", x))
    logits = linear(state, "classifier.9", x)
    z = utterance
    for linear_index, norm_index in ((0, 1), (4, 5)):
        z = linear(state, f"projection_head.{linear_index}", z)
        z = normed(state, f"projection_head.{norm_index}", z).clamp_min(0)
    return {
        "temporal": temporal,
        "intra": intra,
        "inter": inter,
        "embedding": utterance,
        "logits": logits - logits.exp().sum(1, keepdim=True).log(),
        "projection": linear(state, "projection_head.8", z),
    }
