"""A speech backbone laid out for one CPU: the same network, the same numbers to 1e-6, less waiting.

An explicit step for whoever scores much (`fast = packed(backbone)`), never a default. Three things
change, all in float32:

* linear layers use oneDNN with weights reordered once. On processors where MKL, torch's default,
  takes its slower kernels (AMD) this alone is a factor of two for the layer; where MKL already
  runs AVX-512 (Intel) it is about even;
* the stem's convolutions become matrix products over time-major frames: a kernel of 2 or 3 with
  a stride of 2 is one or two products over views, without a copy and without the transposes
  around each layer norm; this is a factor of two to three for the stem on any processor;
* the position embedding's weight norm is computed once.

The copy shares every other tensor with the original. It is for inference on the CPU; what cannot
be packed (another device or dtype, a build without oneDNN, a self-check that differs by more than
1e-5) comes back as it was, and `refusal` says why.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.backbones import STRIDES, SpeechBackbone

TOLERANCE = 1e-5  # relative, of the self-check against the plain network
CHECKED_SAMPLES = 8_000


class PackedLinear(nn.Module):
    """`nn.Linear` with its weight in oneDNN's own order, for about `rows` rows at a time."""

    def __init__(self, linear: nn.Linear, rows: int) -> None:
        super().__init__()
        reorder = torch.ops.mkldnn._reorder_linear_weight
        self.weight: Tensor = reorder(linear.weight.detach(), rows)
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(
            x.contiguous(), self.weight, self.bias, "none", [], ""
        )
        return out


class _TimeMajorConv(nn.Module):
    """One layer of the stem, (frames, inputs) -> (frames', outputs), as matrix products."""

    def __init__(self, layer: Any, stride: int) -> None:
        super().__init__()
        weight = layer.conv.weight.detach()  # (outputs, inputs, kernel)
        # the first `stride` steps of the kernel read one row of `stride` frames, the rest the next
        rows = weight.movedim(-1, 1).flatten(1)  # (outputs, kernel x inputs)
        self.inputs, self.stride, self.kernel = weight.shape[1], stride, weight.shape[2]
        self.first = rows[:, : stride * self.inputs].T.contiguous()
        self.rest = rows[:, stride * self.inputs :].T.contiguous()
        self.bias, self.norm = layer.conv.bias, layer.layer_norm

    def forward(self, x: Tensor) -> Tensor:
        count = (len(x) - self.kernel) // self.stride + 1
        width = self.stride * self.inputs
        whole = len(x) // self.stride
        rows = x[: whole * self.stride].reshape(whole, width)
        out = rows[:count] @ self.first
        if len(self.rest):
            out.addmm_(self._next(x, rows, count), self.rest)
        if self.bias is not None:
            out += self.bias
        return functional.gelu(self.norm(out))

    def _next(self, x: Tensor, rows: Tensor, count: int) -> Tensor:
        """What the kernel reads beyond its first `stride` frames."""
        beyond = self.kernel - self.stride
        if beyond == self.stride:
            return rows[1 : count + 1]
        frames = x[self.stride :: self.stride][:count]  # beyond is 1: one frame of each next row
        return frames.reshape(count, beyond * self.inputs)


class PackedBackbone(SpeechBackbone):
    """See the module docstring; made by `packed`."""

    def __init__(self, plain: SpeechBackbone) -> None:
        with torch.device("meta"):
            super().__init__(plain.config)
        self.load_state_dict(plain.state_dict(), assign=True)  # the tensors are shared
        self.requires_grad_(requires_grad=False).eval()
        rows = plain.frames(64_600)
        for layer in self.model.encoder.layers:
            _pack(layer.feed_forward, rows)
            if plain.config.kind != "wavlm":  # WavLM's attention takes the weights themselves
                _pack(layer.attention, rows)
        if plain.config.stem == "conv":
            convs = plain.model.feature_extractor.conv_layers
            self.stem_layers = nn.ModuleList(
                _TimeMajorConv(layer, stride) for layer, stride in zip(convs, STRIDES, strict=True)
            )
            del self.model.feature_extractor
        else:
            self.model.feature_extractor = plain.model.feature_extractor
        with torch.no_grad():
            conv = plain.model.encoder.pos_conv_embed.conv
            self.model.encoder.pos_conv_embed.conv = _plain_conv(conv)

    def stem(self, wave: Tensor) -> Tensor:
        """As `SpeechBackbone.stem`."""
        if self.config.stem == "spectral" or self.frames(wave.shape[-1]) < 1:
            return super().stem(wave)
        clips = []
        for clip in wave:
            frames = clip[:, None]  # (samples, 1)
            for layer in self.stem_layers:
                frames = layer(frames)
            clips.append(frames)
        return torch.stack(clips)


def _pack(module: nn.Module, rows: int) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, PackedLinear(child, rows))


def _plain_conv(conv: Any) -> nn.Conv1d:
    """The same convolution with its weight norm worked out."""
    plain = nn.Conv1d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        padding=conv.padding,
        groups=conv.groups,
        device="meta",
    )
    plain.weight = nn.Parameter(conv.weight.detach().clone(), requires_grad=False)
    plain.bias = nn.Parameter(conv.bias.detach(), requires_grad=False)
    return plain


def refusal(backbone: SpeechBackbone) -> str | None:
    """Why `packed` would hand this backbone back as it is; None where it would pack it."""
    places = {(p.device.type, p.dtype) for p in backbone.parameters()}
    if places != {("cpu", torch.float32)}:
        return "only float32 weights on a CPU are packed"
    if not torch.backends.mkldnn.is_available():
        return "this build of torch has no oneDNN"
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return "this version of torch has no packed linear layers"
    error = _error(backbone, PackedBackbone(backbone))
    if error > TOLERANCE:
        return f"the self-check differs by {error:.1e}, more than {TOLERANCE:.0e}"
    return None


def _error(plain: SpeechBackbone, fast: SpeechBackbone) -> float:
    """Largest relative difference over layers, on a fixed noise."""
    generator = torch.Generator().manual_seed(0)
    wave = 0.1 * torch.randn(1, CHECKED_SAMPLES, generator=generator)
    with torch.inference_mode():
        expected, found = plain(wave).hidden[0], fast(wave).hidden[0]
        gaps = (expected - found).flatten(1).norm(dim=1) / expected.flatten(1).norm(dim=1)
    return float(gaps.max())


def packed(backbone: SpeechBackbone) -> SpeechBackbone:
    """A copy for inference on the CPU, or `backbone` itself where `refusal` has a reason."""
    return PackedBackbone(backbone) if refusal(backbone) is None else backbone
