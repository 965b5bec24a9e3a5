"""The wav2vec 2.0 / XLS-R network written from its description, on tensors with fairseq's names.

Functions of a dict and an input, so that nothing is shared with `core.backbones`; used to test it
and the conversion of published weights. Also makes random dicts of that layout.
"""

import torch
from torch import Tensor
from torch.nn import functional

KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)
State = dict[str, Tensor]


def random_state(
    layers: int, width: int, stem: int, ffn: int, positional: tuple[int, int]
) -> State:
    """Random tensors under fairseq's names, the pre-training heads included."""
    generator = torch.Generator().manual_seed(5)

    def draw(*shape: int, scale: float = 0.2) -> Tensor:
        return torch.randn(*shape, generator=generator) * scale

    def norm(name: str, size: int) -> State:
        return {f"{name}.weight": 1 + draw(size), f"{name}.bias": draw(size)}

    def linear(name: str, outputs: int, inputs: int) -> State:
        weight = draw(outputs, inputs, scale=inputs**-0.5)
        return {f"{name}.weight": weight, f"{name}.bias": draw(outputs)}

    state: State = {"mask_emb": draw(width)}
    for i, kernel in enumerate(KERNELS):
        inputs = stem if i else 1
        name = f"feature_extractor.conv_layers.{i}"
        state[f"{name}.0.weight"] = draw(stem, inputs, kernel, scale=(inputs * kernel) ** -0.5)
        state |= {f"{name}.0.bias": draw(stem)} | norm(f"{name}.2.1", stem)
    state |= norm("layer_norm", stem) | linear("post_extract_proj", width, stem)
    kernel, groups = positional
    state["encoder.pos_conv.0.weight_v"] = draw(width, width // groups, kernel)
    state["encoder.pos_conv.0.weight_g"] = 1 + draw(1, 1, kernel).abs()
    state["encoder.pos_conv.0.bias"] = draw(width)
    state |= norm("encoder.layer_norm", width)
    for i in range(layers):
        name = f"encoder.layers.{i}"
        for part in ("q", "k", "v", "out"):
            state |= linear(f"{name}.self_attn.{part}_proj", width, width)
        state |= norm(f"{name}.self_attn_layer_norm", width) | norm(
            f"{name}.final_layer_norm", width
        )
        state |= linear(f"{name}.fc1", ffn, width) | linear(f"{name}.fc2", width, ffn)
    state |= {"quantizer.vars": draw(1, 8, 4)} | linear("quantizer.weight_proj", 8, stem)
    return state | linear("project_q", 8, 8) | linear("final_proj", 8, width)


def _norm(state: State, name: str, x: Tensor) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = (x - mean).square().mean(-1, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * state[f"{name}.weight"] + state[f"{name}.bias"]


def _linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def _attention(state: State, name: str, x: Tensor, heads: int) -> Tensor:
    batch, frames, width = x.shape
    query, key, value = (
        _linear(state, f"{name}.{part}_proj", x).reshape(batch, frames, heads, -1)
        for part in ("q", "k", "v")
    )
    scores = torch.einsum("bthd,bshd->bhts", query, key) / (width // heads) ** 0.5
    mixed = torch.einsum("bhts,bshd->bthd", scores.softmax(-1), value).reshape(x.shape)
    return _linear(state, f"{name}.out_proj", mixed)


def _position(state: State, x: Tensor) -> Tensor:
    direction = state["encoder.pos_conv.0.weight_v"]
    length = direction.square().sum((0, 1), keepdim=True).sqrt()  # weight norm over dim 2
    weight = state["encoder.pos_conv.0.weight_g"] * direction / length
    kernel = weight.shape[-1]
    groups = weight.shape[0] // weight.shape[1]
    out = functional.conv1d(
        x.mT, weight, state["encoder.pos_conv.0.bias"], padding=kernel // 2, groups=groups
    )
    return functional.gelu(out[..., : x.shape[1]]).mT


def layer_outputs(state: State, wave: Tensor, heads: int) -> tuple[list[Tensor], Tensor]:
    """Outputs of all layers, each (batch, frames, width), and the topmost after the final norm."""
    frames = wave[:, None]
    for i, stride in enumerate(STRIDES):
        name = f"feature_extractor.conv_layers.{i}"
        frames = functional.conv1d(
            frames, state[f"{name}.0.weight"], state[f"{name}.0.bias"], stride=stride
        )
        frames = functional.gelu(_norm(state, f"{name}.2.1", frames.mT)).mT
    x = _linear(state, "post_extract_proj", _norm(state, "layer_norm", frames.mT))
    x = x + _position(state, x)
    outputs = []
    count = sum(name.endswith("fc1.weight") for name in state)
    for i in range(count):
        name = f"encoder.layers.{i}"
        x = x + _attention(
            state, f"{name}.self_attn", _norm(state, f"{name}.self_attn_layer_norm", x), heads
        )
        inner = functional.gelu(
            _linear(state, f"{name}.fc1", _norm(state, f"{name}.final_layer_norm", x))
        )
        x = x + _linear(state, f"{name}.fc2", inner)
        outputs.append(x)
    return outputs, _norm(state, "encoder.layer_norm", x)
