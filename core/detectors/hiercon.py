"""HierCon: hierarchical attention over time, layers and groups, with a contrastive head.

(arXiv 2602.01032.) Attention pools three times: over the frames of each layer, over the layers
of each group, over the groups; a refinement follows the second and the third.

Glossary
    L    layers of the backbone, 24
    g    layers in a group, 3
    G    groups, L / g = 8: layers 1-3, 4-6, ..., 22-24
    T    frames of the input, 201 for 64,600 samples
    C    width of the backbone, 1024 for XLS-R 300M
    x'   LayerNorm(x): what the attention looks at, and also what it averages

Sizes: `paper` is XLS-R 300M with a head of 3,853,186 parameters; `compact` is the same over
`core.backbones.COMPACT` with narrower hidden layers.

Differences from the authors' code (github.com/Nicholas42-hub/HierCon, models/Hiercon.py)
    * Maps are returned in the trace, not stored on the module, and their products (layer and
      temporal importance) are computed from them in `evidence`.
    * Groups that do not divide the layers are refused; theirs pads with zero layers, to which
      attention then gives weight (harmless only because 3 divides 24).
    * The projection ends at 128 as in the code (the paper says 256: `proj_dim`).
    * `stages` drops the attention above: `"temporal"` averages all layers, `"intra"` averages
      the groups (the ablation of the paper's table); `"full"` is the published network.
    * Optional TopK on the utterance vector, off by default (left open by arXiv 2510.05696).
`tests/core/detectors/test_hiercon.py` holds parity with a forward written from the published
description alone, maps included.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor, nn

from core.backbones import COMPACT, XLSR_300M, SpeechConfig
from core.detectors.axes import frame_times, numbered
from core.detectors.base import Features, Output, Size
from core.detectors.over_backbone import OverBackbone
from core.topk import TopK
from core.types import Axis, DetectorError, Evidence, Window

Stages = Literal["temporal", "intra", "full"]


@dataclass(frozen=True, slots=True)
class HierConConfig:
    """Options of HierCon.

    Attributes
    ----------
    group_size : layers in a group; must divide the backbone's layers.
    attention : hidden width of the three attention pools.
    refine : hidden width of the two refinements.
    hidden : widths of the classifier's and the projection's two hidden layers.
    proj_dim : of the contrastive projection; 128 in the code, 256 in the paper.
    stages : see the module docstring.
    topk : dimensions of the utterance vector to keep; None keeps all, as published.
    """

    backbone: SpeechConfig = field(default=XLSR_300M)
    samples: int = 64_600
    group_size: int = 3
    attention: int = 128
    refine: int = 512
    hidden: tuple[int, int] = (512, 256)
    proj_dim: int = 128
    stages: Stages = "full"
    topk: int | None = None


SIZES: dict[Size, HierConConfig] = {
    "paper": HierConConfig(),
    "compact": HierConConfig(
        backbone=COMPACT, attention=64, refine=128, hidden=(128, 64), proj_dim=64
    ),
}


class AttnPool(nn.Module):
    """Weighs the cells of the last axis but one and averages them (Sec. 2 of the paper)."""

    def __init__(self, width: int, attention: int) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(width)
        self.proj = nn.Linear(width, attention)
        self.score = nn.Linear(attention, 1, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(..., cells, width) -> the average (..., width) and the weights (..., cells)."""
        normed = self.layer_norm(x)
        weights = self.score(self.proj(normed).tanh()).softmax(-2)  # (..., cells, 1)
        # the normalised cells are averaged, not the cells
        return (weights * normed).sum(-2), weights.squeeze(-1)


class ResidualRefine(nn.Module):
    """x + MLP(LayerNorm(x)) with a bottleneck."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.15) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.net(x)
        return x + change


def _classifier(width: int, hidden: tuple[int, int]) -> nn.Sequential:
    first, second = hidden
    return nn.Sequential(
        nn.Dropout(0.2),
        nn.Linear(width, first),
        nn.LayerNorm(first),
        nn.GELU(),
        nn.Dropout(0.15),
        nn.Linear(first, second),
        nn.LayerNorm(second),
        nn.GELU(),
        nn.Dropout(0.1),
        nn.Linear(second, 2),
    )


def _projection(width: int, hidden: tuple[int, int], proj_dim: int) -> nn.Sequential:
    first, second = hidden
    return nn.Sequential(
        nn.Linear(width, first),
        nn.LayerNorm(first),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(first, second),
        nn.LayerNorm(second),
        nn.ReLU(),
        nn.Dropout(0.15),
        nn.Linear(second, proj_dim),
    )


class HierConHead(nn.Module):
    """Layer outputs -> log-probabilities, projection and the three attention maps.

    Names of submodules are the authors'. A stage that is switched off is not built.
    """

    def __init__(self, layers: int, width: int, config: HierConConfig) -> None:
        super().__init__()
        if config.stages not in ("temporal", "intra", "full"):
            raise DetectorError(f'stages is "temporal", "intra" or "full", not {config.stages!r}.')
        if config.group_size < 1 or layers % config.group_size:
            divisors = [size for size in range(1, layers + 1) if layers % size == 0]
            raise DetectorError(
                f"HierCon cannot cut {layers} layers into groups of {config.group_size}; "
                f"{', '.join(map(str, divisors))} would work."
            )
        self.group_size = config.group_size
        self.temporal_attn = AttnPool(width, config.attention)
        if config.stages != "temporal":
            self.intra_attn = AttnPool(width, config.attention)
            self.group_refine = ResidualRefine(width, config.refine)
        if config.stages == "full":
            self.inter_attn = AttnPool(width, config.attention)
        self.utt_refine = ResidualRefine(width, config.refine)
        self.topk = TopK(config.topk or width, width)
        self.classifier = _classifier(width, config.hidden)
        self.projection_head = _projection(width, config.hidden, config.proj_dim)
        self.stages = config.stages

    def forward(self, hidden: Tensor) -> dict[str, Tensor]:
        """(batch, layers, frames, width) -> the trace."""
        trace: dict[str, Tensor] = {}
        pooled, trace["temporal"] = self.temporal_attn(hidden)  # (batch, layers, frames)
        utterance = self._over_layers(pooled, trace)  # (batch, width)
        trace["embedding"] = embedding = self.topk(self.utt_refine(utterance))
        trace["logits"] = self.classifier(embedding).log_softmax(-1)
        trace["projection"] = self.projection_head(embedding)
        return trace

    def _over_layers(self, pooled: Tensor, trace: dict[str, Tensor]) -> Tensor:
        """Layer vectors (batch, layers, width) -> one (batch, width), by attention or by means."""
        if self.stages == "temporal":
            return pooled.mean(1)
        groups = pooled.unflatten(1, (-1, self.group_size))  # (batch, groups, in group, width)
        group, trace["intra"] = self.intra_attn(groups)  # (batch, groups, in group)
        refined = self.group_refine(group)
        if self.stages == "intra":
            mean: Tensor = refined.mean(1)
            return mean
        utterance: Tensor
        utterance, trace["inter"] = self.inter_attn(refined)  # (batch, groups)
        return utterance


class HierCon(OverBackbone):
    """HierCon; see the module docstring. It hears the raw waveform, as its authors' does."""

    name: ClassVar[str] = "hiercon"
    title: ClassVar[str] = "HierCon"
    paper: ClassVar[str] = (
        "HierCon: Hierarchical Contrastive Attention for Audio Deepfake Detection. "
        "arXiv 2602.01032, 2026."
    )
    sizes: ClassVar[tuple[Size, ...]] = ("paper", "compact")

    defaults = SIZES
    config: HierConConfig

    def __init__(self, config: HierConConfig) -> None:
        super().__init__(config)
        # reads `hidden` only: like the authors', the final norm never moves
        self.backbone.final_norm.requires_grad_(False)  # noqa: FBT003
        self.head = HierConHead(self.backbone.layers, self.backbone.width, config)

    def decide(self, features: Features) -> Output:
        trace = self.head(features["hidden"])
        return Output(trace["logits"][:, 0] - trace["logits"][:, 1], trace)

    def evidence(self, trace: Mapping[str, Tensor], window: Window) -> tuple[Evidence, ...]:
        maps = {
            key: trace[key][0].detach().float().cpu()
            for key in ("temporal", "intra", "inter")
            if key in trace
        }
        return _evidence(maps, window)


def layer_importance(maps: Mapping[str, Tensor], layers: int) -> Tensor:
    """inter[g] x intra[g, j] of each layer, (layers,), sums to one; equal where not attended."""
    intra = maps.get("intra")
    if intra is None:
        return maps["temporal"].new_full((layers,), 1 / layers)
    inter = maps.get("inter", intra.new_full((len(intra),), 1 / len(intra)))
    return (inter[:, None] * intra).flatten()


def _evidence(maps: Mapping[str, Tensor], window: Window) -> tuple[Evidence, ...]:
    layers, frames = maps["temporal"].shape
    times, layer_axis = frame_times(window, frames), numbered("layer", layers)
    kept = maps["temporal"][:, : len(times)]
    kept = kept / kept.sum(1, keepdim=True).clamp_min(1e-30)  # what fell on padding is left out
    importance = layer_importance(maps, layers)
    found = [
        Evidence(
            key="hiercon.temporal",
            title="Attention of each layer over time",
            values=(kept * len(times)).numpy(),
            axes=(layer_axis, times),
            unit="x uniform",
            caption=(
                "Where each layer looks in this window; 1 is what even attention would give. "
                "Attention shows what was read, not why the score came out as it did."
            ),
        ),
        Evidence(
            key="hiercon.layers",
            title="Share of each layer",
            values=importance.numpy(),
            axes=(layer_axis,),
            unit="weight",
            sums_to_one=("layer",),
            caption="Attention to a layer in its group times attention to the group.",
        ),
        Evidence(
            key="hiercon.time",
            title="Attention over time, all layers",
            values=(importance @ kept).numpy(),
            axes=(times,),
            unit="weight",
            sums_to_one=("time",),
            caption=(
                "The layers' attention over time, weighted by each layer's share. It shows what "
                "was read, not what spoke for a spoof."
            ),
        ),
    ]
    return (*found, *_group_evidence(maps))


def _group_evidence(maps: Mapping[str, Tensor]) -> tuple[Evidence, ...]:
    if "intra" not in maps:
        return ()
    groups, size = maps["intra"].shape
    spans = tuple(f"layers {g * size + 1}-{(g + 1) * size}" for g in range(groups))
    group_axis = Axis("group", "", spans)
    intra = Evidence(
        key="hiercon.intra",
        title="Attention inside the groups",
        values=maps["intra"].numpy(),
        axes=(group_axis, numbered("layer in group", size)),
        unit="weight",
        sums_to_one=("layer in group",),
        caption="How the layers of each group share the group's attention; rows sum to one.",
    )
    if "inter" not in maps:
        return (intra,)
    inter = Evidence(
        key="hiercon.inter",
        title="Attention between the groups",
        values=maps["inter"].numpy(),
        axes=(group_axis,),
        unit="weight",
        sums_to_one=("group",),
        caption="How the groups of layers share the attention of the whole.",
    )
    return (intra, inter)
