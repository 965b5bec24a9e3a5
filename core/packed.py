"""A speech backbone laid out for one CPU: the same network, the same numbers to 1e-6, less waiting.

`core.loading` packs backbones of the papers' size; the price is that the weights are held a second
time (1.2 GB for XLS-R). Four things change, all in float32:

* linear layers run in oneDNN with weights reordered once, the three of attention as one. Where
  MKL, torch's default, takes its slower kernels (AMD) this is a factor of 2.3 for the layer; where
  MKL itself runs AVX-512 (Intel) it is about even;
* the stem's convolutions are linear layers too, over overlapping rows of time-major frames, so
  that nothing is copied and nothing is transposed around the layer norms;
* the convolution of the position embedding has its weight norm worked out and its weights reordered
  once;
* GELU is part of the linear layer before it.

The packed one shares its tensors with the original, has the same names and can do the same: where a
gradient is wanted, and on another device or in another dtype, it runs the original's way. What
cannot be packed (a build without oneDNN, a self-check that differs by more than 1e-5) comes back as
it was, and `refusal` says why.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.backbones import STRIDES, Layers, SpeechBackbone

TOLERANCE = 1e-5  # relative, of the self-check against the plain network
CHECKED_SAMPLES = 8_000
SAMPLES = 64_600  # the window that weights are laid out for; others work too


class PackedLinear:
    """A linear layer, perhaps with GELU after it, its weight in oneDNN's order for `rows` rows."""

    def __init__(self, weight: Tensor, bias: Tensor | None, rows: int, *, gelu: bool = False):
        self.weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)
        self.bias = None if bias is None else bias.detach()
        self.after: tuple[str, list[float], str] = (
            ("gelu", [], "none") if gelu else ("none", [], "")
        )

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, *self.after)
        return out


def _pack(linear: Any, rows: int, *, gelu: bool = False) -> PackedLinear:
    return PackedLinear(linear.weight, linear.bias, rows, gelu=gelu)


class _Conv:
    """One layer of the stem, (frames, inputs) -> (frames', outputs)."""

    def __init__(self, layer: Any, stride: int, rows: int) -> None:
        weight = layer.conv.weight.detach()  # (outputs, inputs, kernel)
        self.inputs, self.kernel, self.stride = weight.shape[1], weight.shape[2], stride
        flat = weight.movedim(-1, 1).flatten(1)  # (outputs, kernel x inputs)
        self.linear = PackedLinear(flat, layer.conv.bias, rows)
        self.norm = layer.layer_norm

    def __call__(self, x: Tensor) -> Tensor:
        count = (len(x) - self.kernel) // self.stride + 1
        # row t is the frames that step t of the kernel reads, where they lie: rows overlap
        rows = x.as_strided((count, self.kernel * self.inputs), (self.stride * self.inputs, 1))
        return functional.gelu(self.norm(self.linear(rows)))


class _Position:
    """The convolutional position embedding, (batch, frames, width) -> the same."""

    def __init__(self, embed: Any, frames: int) -> None:
        conv = embed.conv
        self.padding, self.groups = [0, conv.padding[0]], conv.groups
        image = [1, conv.in_channels, 1, frames]
        self.weight: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
            conv.weight.detach()[:, :, None], self.padding, [1, 1], [1, 1], self.groups, image
        )
        self.bias = conv.bias.detach()

    def __call__(self, x: Tensor) -> Tensor:
        image = x.mT[:, :, None]  # (batch, width, 1, frames), with the channels last in memory
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(
            image, self.weight, self.bias, self.padding, [1, 1], [1, 1], self.groups,
            "none", [], "",
        )  # fmt: skip
        return functional.gelu(out[:, :, 0, : x.shape[1]].mT)  # an even kernel makes one too many


class _Layer:
    """A layer of wav2vec 2.0's encoder in pre-norm order, or of WavLM's, whose gate opens a bias.

    (batch, frames, width) -> the same.
    """

    def __init__(self, layer: Any, rows: int) -> None:
        attention, feed = layer.attention, layer.feed_forward
        three = (attention.q_proj, attention.k_proj, attention.v_proj)
        weight, bias = (torch.cat([getattr(one, n) for one in three]) for n in ("weight", "bias"))
        self.heads = attention.num_heads
        self.qkv = PackedLinear(weight, bias, rows)
        self.out = _pack(attention.out_proj, rows)
        self.up = _pack(feed.intermediate_dense, rows, gelu=True)
        self.down = _pack(feed.output_dense, rows)
        self.norm, self.final_norm = layer.layer_norm, layer.final_layer_norm
        self.gate = _Gate(attention) if hasattr(attention, "gru_rel_pos_linear") else None

    def __call__(self, x: Tensor, distances: Tensor | None) -> Tensor:
        normed = self.norm(x)
        qkv = self.qkv(normed).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (batch, heads, frames, width of a head)
        bias = None
        if self.gate is not None and distances is not None:
            bias = self.gate(normed) * distances  # (batch, heads, frames, frames)
        mixed = functional.scaled_dot_product_attention(query, key, value, bias)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(self.up(self.final_norm(x)))


class _Gate:
    """How far each frame minds distances (WavLM).

    (batch, frames, width) -> (batch, heads, frames, 1)
    """

    def __init__(self, attention: Any) -> None:
        self.linear, self.constant = attention.gru_rel_pos_linear, attention.gru_rel_pos_const
        self.heads = attention.num_heads

    def __call__(self, x: Tensor) -> Tensor:
        heads = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        first, second = self.linear(heads).unflatten(-1, (2, 4)).sum(-1).sigmoid().chunk(2, -1)
        gate: Tensor = first * (second * self.constant - 1) + 2
        return gate


class PackedBackbone(SpeechBackbone):
    """See the module docstring; made by `packed`. The weights must not change afterwards."""

    def __init__(self, plain: SpeechBackbone) -> None:
        nn.Module.__init__(self)
        self.config, self.model = plain.config, plain.model
        rows = self.frames(SAMPLES)
        projection, encoder = self.model.feature_projection, self.model.encoder
        self._convs = self._packed_stem()
        self._projection = projection.layer_norm, _pack(projection.projection, rows)
        self._position = _Position(encoder.pos_conv_embed, rows)
        self._layers = [_Layer(layer, rows) for layer in encoder.layers]

    def __deepcopy__(self, known: dict[int, Any]) -> SpeechBackbone:
        """A plain backbone, because its weights may move to another device or change."""
        with torch.device("meta"):
            plain = SpeechBackbone(self.config)
        plain.model = copy.deepcopy(self.model, known)
        return plain.train(self.training)

    def _packed_stem(self) -> list[_Conv]:
        if self.config.stem != "conv":
            return []
        convs, rows, made = self.model.feature_extractor.conv_layers, SAMPLES, []
        for layer, stride in zip(convs, STRIDES, strict=True):
            rows //= stride
            made.append(_Conv(layer, stride, rows))
        return made

    def stem(self, wave: Tensor) -> Tensor:
        """As `SpeechBackbone.stem`."""
        if not (self._convs and _plain_float(wave)) or self.frames(wave.shape[-1]) < 1:
            return super().stem(wave)
        clips = []
        for clip in wave.contiguous():
            frames = clip[:, None]  # (samples, 1)
            for conv in self._convs:
                frames = conv(frames)
            clips.append(frames)
        return torch.stack(clips)

    def encode(
        self, frames: Tensor, masked: Tensor | None = None, layers: int | None = None
    ) -> Layers:
        """As `SpeechBackbone.encode`."""
        if masked is not None or not _plain_float(frames):
            return super().encode(frames, masked, layers)
        norm, project = self._projection
        distances = None
        if self.config.kind == "wavlm":  # one value for each distance between frames, and head
            first = self.model.encoder.layers[0].attention
            distances = first.compute_bias(frames.shape[1], frames.shape[1])
        state = project(norm(frames))
        state = state + self._position(state)
        hidden = []
        for layer in self._layers[:layers]:
            state = layer(state, distances)
            hidden.append(state)
        return Layers(torch.stack(hidden, 1), self.final_norm(state))


def _plain_float(x: Tensor) -> bool:
    """Whether the packed operators may take this: they know float32 on a CPU, and no gradient."""
    ours = x.device.type == "cpu" and x.dtype == torch.float32
    return ours and not torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")


def packed(backbone: SpeechBackbone) -> SpeechBackbone:
    """The same backbone packed, or `backbone` as it is where `refusal` has a reason."""
    return _tried(backbone)[0]


def refusal(backbone: SpeechBackbone) -> str | None:
    """Why `packed` would hand this backbone back as it is; None where it would pack it."""
    return _tried(backbone)[1]


def _tried(backbone: SpeechBackbone) -> tuple[SpeechBackbone, str | None]:
    if isinstance(backbone, PackedBackbone):
        return backbone, None
    places = {(p.device.type, p.dtype) for p in backbone.parameters()}
    if places != {("cpu", torch.float32)}:
        return backbone, "only float32 weights on a CPU are packed"
    if not torch.backends.mkldnn.is_available():
        return backbone, "this build of torch has no oneDNN"
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return backbone, "this version of torch has no packed linear layers"
    fast = PackedBackbone(backbone)
    error = _error(backbone, fast)
    if error > TOLERANCE:
        return backbone, f"the self-check differs by {error:.1e}, more than {TOLERANCE:.0e}"
    return fast, None


def _error(plain: SpeechBackbone, fast: SpeechBackbone) -> float:
    """Largest relative difference over layers, on a fixed noise."""
    generator = torch.Generator().manual_seed(0)
    wave = 0.1 * torch.randn(1, CHECKED_SAMPLES, generator=generator)
    with torch.inference_mode():
        expected, found = plain(wave).hidden[0], fast(wave).hidden[0]
        gaps = (expected - found).flatten(1).norm(dim=1) / expected.flatten(1).norm(dim=1)
    return float(gaps.max())
