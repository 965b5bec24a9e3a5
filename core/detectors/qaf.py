"""QAF-Static: quantizer-aware fusion of a neural codec with a speech network.

(Wu et al., Interspeech 2026, arXiv 2603.16914.) EnCodec writes the clip as eight streams of
codes, coarse to fine; each code has a trainable vector. One weight for each quantizer and each
dimension, the same for every clip, says how much of which stream is read. The mixture is joined
to WavLM's layers, merged by attention, and read by an LSTM.

Glossary
    Q, D    quantizers, 8, and width of a codec vector, 128
    H_q     vectors of quantizer q over time, 75 a second, (Tc, D)
    W, tau  the learned (Q, D) and a temperature; alpha = softmax over q of W / tau
    H_c     sum_q alpha_q H_q, (Tc, D), the static mixture
    AttM    attentive merging of the SSL layers (Pan et al., Interspeech 2024)
    L       layers that are merged: the first 12
    T       frames of the backbone, 201 for 64,600 samples

Modes: `"codecT"` trains the codec vectors, `"codecF"` keeps EnCodec's; `"mean"` is the paper's
Method 1, the plain mean over quantizers (vectors frozen). WavLM and EnCodec's encoder are frozen
in all of them.

Sizes: `paper` is WavLM-Large and EnCodec 24 kHz. `compact` puts the same method on
`core.backbones.COMPACT`: its speech network is not a WavLM (no gated relative position bias) but
the encoder the other compact detectors use, of which the first 12 of 24 layers are merged.

No code of the authors is published; what the paper leaves open, and what is taken here
    * `tau` = 1. W starts at zero, so training starts at Method 1.
    * Trainable vectors start from EnCodec's codebooks (`codec.codebooks`), all in one tensor.
    * 75 codec frames a second become 50 by linear interpolation.
    * The projection is Linear(width + D -> width); the LSTM has 192 units.
    * WavLM hears zero mean and unit variance (`normalise`), as it was trained; the codec hears
      the waveform as it is. So `features` takes the waveform as it is and levels it itself.

Differences from the code of AttM (github.com/pandarialTJU/AttM_INTERSPEECH24)
    * A second linear layer of 9.4 M parameters, registered there by mistake and never used, is
      not built; `tests/core/detectors/test_qaf.py` holds parity otherwise.
    * Optional TopK on the mean of the LSTM, off by default (left open by arXiv 2510.05696).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.backbones import (
    COMPACT,
    COMPACT_CODEC,
    ENCODEC_24KHZ,
    WAVLM_LARGE,
    Codec,
    CodecConfig,
    Layers,
    SpeechConfig,
)
from core.detectors.axes import numbered
from core.detectors.base import Features, Output, Size
from core.detectors.over_backbone import Level, OverBackbone
from core.topk import TopK
from core.types import Axis, DetectorError, Evidence, Window

Mode = Literal["codecT", "codecF", "mean"]
POWER_FLOOR = 1e-7  # under a clip's mean square, where the codec hears clips at one level


@dataclass(frozen=True, slots=True)
class QafConfig:
    """Options of QAF-Static.

    Attributes
    ----------
    ssl_layers : how many layers of the backbone are merged, from the bottom.
    normalise : whether the speech network hears each clip at zero mean and unit variance.
    codec_rms : root mean square at which the codec hears each clip, so that codes do not depend
        on gain; None leaves the level as it is, as published.
    lstm : hidden width of the LSTM, the vector before the classifier.
    topk : dimensions of that vector to keep; None keeps all, as published.
    """

    backbone: SpeechConfig = field(default=WAVLM_LARGE)
    codec: CodecConfig = field(default=ENCODEC_24KHZ)
    samples: int = 64_600
    mode: Mode = "codecT"
    tau: float = 1.0
    ssl_layers: int = 12
    normalise: bool = True
    codec_rms: float | None = None
    lstm: int = 192
    topk: int | None = None


SIZES: dict[Size, QafConfig] = {
    "paper": QafConfig(),
    "compact": QafConfig(backbone=COMPACT, codec=COMPACT_CODEC, lstm=96, normalise=False),
}


class AttentiveMerge(nn.Module):
    """AttM: a gate for each layer from the clip, then one projection of all layers of a frame."""

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(width, 1))
        self.W1 = nn.Parameter(torch.randn(layers, layers // 2))
        self.W2 = nn.Parameter(torch.randn(layers // 2, layers))
        self.linear_proj = nn.Sequential(
            nn.Linear(layers * width, layers * width // 4),
            nn.SiLU(),
            nn.Linear(layers * width // 4, width),
        )

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, layers, frames, width) -> (batch, frames, width) and gates (batch, layers)."""
        squeezed = functional.silu(hidden.mean(2) @ self.W).squeeze(-1)  # (batch, layers)
        gates = torch.sigmoid(functional.silu(squeezed @ self.W1) @ self.W2)
        gated = hidden * gates[:, :, None, None]
        # a frame's numbers stand feature by feature, the layers of one feature side by side
        interleaved = gated.permute(0, 2, 3, 1).flatten(2)  # (batch, frames, width x layers)
        return self.linear_proj(interleaved), gates


class QuantizerMix(nn.Module):
    """Codes -> trainable vectors -> one static mixture of the quantizers."""

    def __init__(self, config: QafConfig) -> None:
        super().__init__()
        codec = config.codec
        self.tau = config.tau
        if codec.quantizers < 2:
            raise DetectorError("QAF-Static weighs quantizers; one alone leaves nothing to weigh.")
        if config.mode == "codecT":
            self.vectors = nn.Parameter(torch.randn(codec.quantizers, codec.entries, codec.width))
        learned = config.mode != "mean"
        self.W = nn.Parameter(torch.zeros(codec.quantizers, codec.width), requires_grad=learned)

    def weights(self) -> Tensor:
        """alpha: (quantizers, width); sums to one over the quantizers."""
        return (self.W / self.tau).softmax(0)

    def without_each(self) -> Tensor:
        """Alpha with one quantizer left out, the rest made to sum to one again.

        (quantizers left out, quantizers, width)
        """
        count = len(self.W)
        keep = 1 - torch.eye(count, dtype=self.W.dtype, device=self.W.device)
        left = self.weights() * keep[..., None]
        return left / left.sum(1, keepdim=True)


def look_up(books: Tensor, codes: Tensor) -> Tensor:
    """The vectors behind codes: (Q, entries, D), (batch, Q, codec frames) -> (batch, Q, Tc, D)."""
    return torch.stack([functional.embedding(codes[:, q], book) for q, book in enumerate(books)], 1)


class QafHead(nn.Module):
    """SSL layers and codec vectors -> logits."""

    def __init__(self, width: int, config: QafConfig) -> None:
        super().__init__()
        if config.mode not in ("codecT", "codecF", "mean"):
            raise DetectorError(f'mode is "codecT", "codecF" or "mean", not {config.mode!r}.')
        if config.tau <= 0:
            raise DetectorError(f"The temperature tau must be positive; {config.tau} is not.")
        self.feat_merge = AttentiveMerge(config.ssl_layers, width)
        self.mix = QuantizerMix(config)
        self.projection = nn.Linear(width + config.codec.width, width)
        self.lstm = nn.LSTM(width, config.lstm, batch_first=True)
        self.topk = TopK(config.topk or config.lstm, config.lstm)
        self.classifier = nn.Linear(config.lstm, 2)

    def join(self, speech: Tensor, mixture: Tensor) -> Tensor:
        """Merged SSL frames and mixture of codec vectors (batch, codec frames, D) -> embedding."""
        aligned = functional.interpolate(
            mixture.mT, size=speech.shape[1], mode="linear", align_corners=False
        ).mT  # (batch, frames, D)
        joined = self.projection(torch.cat([speech, aligned], -1))
        outputs, _ = self.lstm(joined)  # (batch, frames, lstm)
        embedding: Tensor = self.topk(outputs.mean(1))
        return embedding

    def forward(self, hidden: Tensor, vectors: Tensor) -> dict[str, Tensor]:
        """(batch, layers, frames, width), (batch, Q, codec frames, D) -> the trace."""
        trace: dict[str, Tensor] = {}
        trace["speech"], trace["gates"] = self.feat_merge(hidden)  # (batch, frames, width)
        alpha = self.mix.weights()
        mixture = torch.einsum("qd,bqtd->btd", alpha, vectors)
        trace["embedding"] = embedding = self.join(trace["speech"], mixture)
        trace["logits"] = self.classifier(embedding)
        trace["quantizer_weights"] = alpha.expand(len(hidden), *alpha.shape)
        trace["vectors"] = vectors
        return trace

    def leave_one_out(self, trace: Mapping[str, Tensor]) -> Tensor:
        """spoof_logit without each quantizer, (batch, Q); the speech branch is not run again."""
        vectors, speech = trace["vectors"], trace["speech"]
        logits = []
        for alpha in self.mix.without_each():
            mixture = torch.einsum("qd,bqtd->btd", alpha, vectors)
            spoof, bonafide = self.classifier(self.join(speech, mixture)).unbind(-1)
            logits.append(spoof - bonafide)
        return torch.stack(logits, -1)


class QafStatic(OverBackbone):
    """QAF-Static; see the module docstring."""

    name: ClassVar[str] = "qaf"
    title: ClassVar[str] = "QAF-Static"
    paper: ClassVar[str] = (
        "Wu et al.: Quantizer-Aware Fusion of Neural Audio Codec and Self-Supervised Features for "
        "Speech Deepfake Detection. Interspeech 2026, arXiv 2603.16914."
    )
    sizes: ClassVar[tuple[Size, ...]] = ("paper", "compact")

    defaults = SIZES
    config: QafConfig

    def __init__(self, config: QafConfig) -> None:
        if not 2 <= config.ssl_layers <= config.backbone.layers:
            raise DetectorError(
                f"QAF-Static cannot merge {config.ssl_layers} layers of a backbone that has "
                f"{config.backbone.layers}; from 2 to {config.backbone.layers} would work."
            )
        super().__init__(config)
        self.backbone.requires_grad_(False)  # noqa: FBT003
        self.codec = Codec(config.codec).requires_grad_(False)  # noqa: FBT003
        self.head = QafHead(config.backbone.width, config)

    @classmethod
    def build(cls, config: Mapping[str, Any] | None = None, size: Size = "paper") -> Self:
        entries = dict(config or {})
        codec = replace(SIZES[size].codec, **entries.pop("codec", {}))
        return super().build(entries | {"codec": codec}, size)

    def books(self) -> Tensor:
        """The codec vectors, (Q, entries, D): the trained ones, or EnCodec's where frozen."""
        return self.head.mix.vectors if self.config.mode == "codecT" else self.codec.codebooks()

    def start_from_codec(self) -> None:
        """Set the trainable vectors to EnCodec's codebooks; once, before training in codecT."""
        with torch.no_grad():
            self.head.mix.vectors.copy_(self.codec.codebooks())

    @property
    def level(self) -> Level:
        return "wavlm" if self.config.normalise else "none"

    @property
    def depth(self) -> int:
        return self.config.ssl_layers

    def read(self, wave: Tensor, heard: Layers) -> Features:
        """`hidden` (batch, layers, frames, width) of the merged layers, and the codec's `codes`."""
        if self.config.codec_rms is not None:
            power = wave.square().mean(-1, keepdim=True)
            wave = wave * (self.config.codec_rms / (power + POWER_FLOOR).sqrt())
        return {"hidden": heard.hidden[:, : self.depth], "codes": self.codec.codes(wave)}

    def relaxed(self, features: Features) -> Features:
        """The vectors behind the codes, (batch, Q, codec frames, D)."""
        return {"vectors": look_up(self.books(), features["codes"])}

    def smooth(self, wave: Tensor) -> Features:
        """`hidden` alone: the codec is not run."""
        frames = self.backbone.stem(self.levelled(wave))
        return {"hidden": self.backbone.encode(frames, layers=self.depth).hidden}

    def decide(self, features: Features) -> Output:
        """`vectors`, where they are given, stand in place of `codes`."""
        relaxed = features if "vectors" in features else self.relaxed(features)
        trace = self.head(features["hidden"], relaxed["vectors"])
        return Output(trace["logits"][:, 0] - trace["logits"][:, 1], trace)

    def evidence(self, trace: Mapping[str, Tensor], window: Window) -> tuple[Evidence, ...]:
        with torch.no_grad():
            logits = trace["logits"]
            effect = (logits[:, 0] - logits[:, 1])[:, None] - self.head.leave_one_out(trace)
        weights = trace["quantizer_weights"][0].detach().float().cpu()
        return _evidence(weights, effect[0].float().cpu(), trace["gates"][0].detach().cpu())


def _evidence(weights: Tensor, effect: Tensor, gates: Tensor) -> tuple[Evidence, ...]:
    quantizers, dimensions = weights.shape
    axis = numbered("quantizer", quantizers)
    return (
        Evidence(
            key="qaf.weights",
            title="Codec weights",
            values=weights.numpy(),
            axes=(axis, Axis("dimension", "", tuple(str(d + 1) for d in range(dimensions)))),
            unit="weight",
            scope="model",
            sums_to_one=("quantizer",),
            caption=(
                "How much of each codec quantizer the model reads in each dimension. Learned once: "
                "the same for every clip, so it says nothing about this one."
            ),
        ),
        Evidence(
            key="qaf.quantizers",
            title="Mean weight of each quantizer",
            values=weights.mean(1).numpy(),
            axes=(axis,),
            unit="weight",
            scope="model",
            sums_to_one=("quantizer",),
            caption="The codec weights averaged over dimensions: the same for every clip.",
        ),
        Evidence(
            key="qaf.leave_one_out",
            title="Effect of each quantizer on this window",
            values=effect.numpy(),
            axes=(axis,),
            unit="logit",
            signed=True,
            caption=(
                "How far the score falls when one quantizer is left out and the others' weights "
                "are made to sum to one again; positive: it spoke for a spoof. Our addition, not "
                "in the paper. Effects do not add up, because the quantizers act together. Weigh "
                "them against the score: where they are thousandths of it, the codec was hardly "
                "heard."
            ),
        ),
        Evidence(
            key="qaf.gates",
            title="Layer gates",
            values=gates.float().numpy(),
            axes=(numbered("layer", len(gates)),),
            unit="weight",
            caption=(
                "How far each layer of the speech network is open in the attentive merging, from "
                "0 to 1, set for this window. They do not sum to one."
            ),
        ),
    )
