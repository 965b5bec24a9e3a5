"""XLS-R + SLS: sensitive layer selection (Zhang, Wen & Hu, ACM MM 2024).

A gate for each of the backbone's layers, by itself and for each clip anew, weighs the layers; the
weighted sum over layers is read as one picture of time x feature and classified.

Glossary
    L    layers of the backbone, 24
    T    frames of the input, 201 for 64,600 samples (`backbone.frames`)
    D    width of the backbone, 1024 for XLS-R 300M
    X_l  output of layer l, (T, D), before the encoder's final layer norm
    w_l  gate of layer l, a sigmoid of a linear function of X_l's mean over time
    F    sum_l w_l X_l, (T, D)

Sizes: `paper` is XLS-R 300M (340,790,021 parameters counted as fairseq counts them, with the
pre-training heads it keeps); `compact` has the same head over `core.backbones.COMPACT`, with a
narrower hidden layer.

Differences from the authors' code (github.com/QiShanZhang/SLSforASVspoof-2021-DF, model.py)
    * The backbone runs once a batch, not twice; its two results come from one pass.
    * No mode changes inside `forward` (theirs calls `.train()` where a device differs).
    * The width of the first linear layer is computed from frames and width (22,847 for the
      paper's); an input of another length is refused in words, not by a shape error.
    * `spoof_logit` is the difference of the two log-probabilities, which is the difference of the
      two logits after SELU; their score is the second log-probability.
      `tests/core/detectors/test_sls.py` holds this, and parity with a forward written from the
      published description alone.
    * Optional TopK on the embedding, off by default (the question left open by arXiv 2510.05696).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.backbones import COMPACT, XLSR_300M, SpeechConfig
from core.detectors.axes import frame_times, numbered
from core.detectors.base import Features, Output, Size
from core.detectors.over_backbone import OverBackbone
from core.topk import TopK
from core.types import DetectorError, Evidence, Window

POOL = 3  # kernel and stride of the max pooling over time and feature


@dataclass(frozen=True, slots=True)
class SlsConfig:
    """Options of SLS; `hidden` is the width of the vector before the classifier.

    `topk` keeps that many dimensions of it; None keeps all, as published.
    """

    backbone: SpeechConfig = field(default=XLSR_300M)
    samples: int = 64_600
    hidden: int = 1024
    topk: int | None = None


SIZES: dict[Size, SlsConfig] = {
    "paper": SlsConfig(),
    "compact": SlsConfig(backbone=COMPACT, hidden=192),
}


class Gates(nn.Module):
    """One sigmoid gate a layer, from the layer's mean over time; `fc0` is shared by all layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc0 = nn.Linear(width, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, layers, frames, width) -> (batch, layers); not a softmax, sums to anything."""
        gates: Tensor = torch.sigmoid(self.fc0(hidden.mean(2)))
        return gates.squeeze(-1)


class SlsHead(nn.Module):
    """Layer outputs -> log-probabilities of spoof and bona fide."""

    def __init__(self, frames: int, width: int, config: SlsConfig) -> None:
        super().__init__()
        self.gates = Gates(width)
        self.first_bn = nn.BatchNorm2d(1)
        self.fc1 = nn.Linear((frames // POOL) * (width // POOL), config.hidden)
        self.topk = TopK(config.topk or config.hidden, config.hidden)
        self.fc3 = nn.Linear(config.hidden, 2)

    def forward(self, hidden: Tensor) -> dict[str, Tensor]:
        """(batch, layers, frames, width) -> the trace."""
        trace: dict[str, Tensor] = {}
        trace["gates"] = gates = self.gates(hidden)  # (batch, layers)
        fused = torch.einsum("bl,bltd->btd", gates, hidden)  # (batch, frames, width)
        return trace | self.read(fused)

    def read(self, fused: Tensor) -> dict[str, Tensor]:
        """The weighted sum of layers (batch, frames, width) -> what follows from it."""
        trace: dict[str, Tensor] = {}
        trace["norm"] = fused.norm(dim=-1)  # (batch, frames)
        picture = functional.selu(self.first_bn(fused[:, None]))  # (batch, 1, frames, width)
        pooled = functional.max_pool2d(picture, POOL).flatten(1)
        dense = functional.selu(self.fc1(pooled))
        trace["embedding"] = embedding = self.topk(dense)  # (batch, hidden)
        # SELU on the logits bounds them from below: the published scores end at -10
        trace["logits"] = functional.log_softmax(functional.selu(self.fc3(embedding)), dim=-1)
        return trace


class Sls(OverBackbone):
    """XLS-R + SLS; see the module docstring. It hears the raw waveform, as its authors' does."""

    name: ClassVar[str] = "sls"
    title: ClassVar[str] = "XLS-R + SLS"
    paper: ClassVar[str] = (
        "Q. Zhang, S. Wen, T. Hu: Audio Deepfake Detection with Self-Supervised XLS-R and SLS "
        "Classifier. ACM Multimedia 2024."
    )
    sizes: ClassVar[tuple[Size, ...]] = ("paper", "compact")

    defaults = SIZES
    config: SlsConfig

    def __init__(self, config: SlsConfig) -> None:
        super().__init__(config)
        # reads `hidden` only: like the authors', the final norm never moves
        self.backbone.final_norm.requires_grad_(False)  # noqa: FBT003
        self.frames = self.backbone.frames(config.samples)
        self.head = SlsHead(self.frames, self.backbone.width, config)

    def decide(self, features: Features) -> Output:
        """Gates, weighted sum, picture, classifier.

        Raises
        ------
        DetectorError
            where the input was so long or short that the linear layer does not fit.
        """
        hidden = features["hidden"]
        if hidden.shape[2] // POOL != self.frames // POOL:
            raise DetectorError(
                f"SLS reads {self.spec.samples} samples ({self.frames} frames); this input has "
                f"{hidden.shape[2]} frames."
            )
        trace = self.head(hidden)
        return Output(trace["logits"][:, 0] - trace["logits"][:, 1], trace)

    def evidence(self, trace: Mapping[str, Tensor], window: Window) -> tuple[Evidence, ...]:
        gates, norm = trace["gates"][0], trace["norm"][0]
        times = frame_times(window, len(norm))
        return (
            Evidence(
                key="sls.gates",
                title="Layer gates",
                values=gates.detach().float().cpu().numpy(),
                axes=(numbered("layer", len(gates)),),
                unit="weight",
                caption=(
                    "How far each layer's gate is open for this window, from 0 to 1. The gates "
                    "are set one by one and do not sum to one. A wide-open gate says that the "
                    "layer was used, not that it spoke for either side."
                ),
            ),
            Evidence(
                key="sls.norm",
                title="Strength of the weighted features",
                values=norm[: len(times)].detach().float().cpu().numpy(),
                axes=(times,),
                unit="norm",
                caption=(
                    "The length of the gate-weighted feature vector over time: where the "
                    "backbone responds strongly. It is not a measure of suspicion."
                ),
            ),
        )
