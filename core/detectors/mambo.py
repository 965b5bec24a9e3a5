"""XLSR-MamBo: state space mixers and attention in one backbone over XLS-R (arXiv 2601.02944).

XLS-R's last output is projected to 128 numbers a frame, goes through L units of pre-norm blocks,
is pooled over time with gated attention and classified.

Glossary
    D     width of the sequence, 128
    L     units, 5
    N     SSM blocks in a row, 1 to 3
    T     frames: 208 for 66,800 samples
    SSM   the sequence mixer: "mamba" (S6), "mamba2" (SSD), "hydra" (both directions), "gdn"
    h, r  what a block returns, and the residual stream: r <- r + h, h <- mixer(norm(r))

Topologies (one unit; L of them follow one another)
    MamBo-1   N x SSM, MLP
    MamBo-2   N x SSM, MHA
    MamBo-3   N x SSM, MLP, MHA, MLP         (shipped with Hydra, N = 3: 30 blocks)
    MamBo-4   N x SSM, MLP, N x SSM, MHA

Sizes: `paper` is XLS-R 300M on 66,800 samples, normalised per clip; `compact` is the same head
over `core.backbones.COMPACT` on the raw 64,600 samples of SLS and HierCon, so that one pass of
the backbone serves all three.

Differences from the authors' code (github.com/saki-ciallo/XLSR-MamBo, model_build.py)
    * Theirs normalises over the whole batch tensor, so a score depends on the clips beside it;
      here over each clip by itself, which is the same for a batch of one.
    * The input projection is Linear, RMSNorm, SiLU as in the code (a digest of the paper has
      the norm first).
    * Mixers without fused kernels (`core.mixers`), attention without rotary or KV cache.
    * `spoof_logit` is logit 0 minus logit 1; theirs is the negative of it.
    * Optional TopK on the pooled vector, off by default (left open by arXiv 2510.05696).
`tests/core/detectors/test_mambo.py` holds parity with a forward written from the description.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.backbones import COMPACT, XLSR_300M, SpeechConfig
from core.detectors.axes import frame_times
from core.detectors.base import Features, InputSpec, Output, Size
from core.detectors.over_backbone import Level, OverBackbone
from core.mixers import SSMS, Attention, RmsNorm, SwiGlu
from core.scans import at_least_float32
from core.topk import TopK
from core.types import Axis, Evidence, Window

TITLES = {
    "mamba": "Mamba",
    "mamba2": "Mamba-2",
    "hydra": "Hydra",
    "gdn": "Gated DeltaNet",
    "mlp": "MLP",
    "mha": "attention",
}


@dataclass(frozen=True, slots=True)
class MamboConfig:
    """Options of XLSR-MamBo.

    Attributes
    ----------
    topology : 1 to 4, see the module docstring.
    ssm : "mamba", "mamba2", "hydra" or "gdn".
    repeats : N, SSM blocks in a row.
    units : L.
    width : D.
    dropout : in the MLPs and before the classifier, in training.
    normalise : "clip" as the bundle of torchaudio does for a batch of one, or "none".
    topk : dimensions of the pooled vector to keep; None keeps all, as published.
    """

    backbone: SpeechConfig = field(default=XLSR_300M)
    samples: int = 66_800
    normalise: Literal["none", "clip"] = "clip"
    topology: int = 3
    ssm: str = "hydra"
    repeats: int = 3
    units: int = 5
    width: int = 128
    dropout: float = 0.1
    topk: int | None = None


SIZES: dict[Size, MamboConfig] = {
    "paper": MamboConfig(),
    "compact": MamboConfig(backbone=COMPACT, samples=64_600, normalise="none"),
}


def block_kinds(config: MamboConfig) -> tuple[str, ...]:
    """What each block is, in order: a key of `SSMS`, "mlp" or "mha"."""
    if config.ssm not in SSMS:
        raise ValueError(f"MamBo has the mixers {', '.join(SSMS)}; {config.ssm!r} is none of them.")
    if config.repeats < 1 or config.units < 1:
        raise ValueError(f"{config.repeats} repeats in {config.units} units: both start at 1.")
    ssms = (config.ssm,) * config.repeats
    units = {
        1: (*ssms, "mlp"),
        2: (*ssms, "mha"),
        3: (*ssms, "mlp", "mha", "mlp"),
        4: (*ssms, "mlp", *ssms, "mha"),
    }
    if config.topology not in units:
        raise ValueError(f"MamBo has the topologies 1 to 4; {config.topology} is none of them.")
    return units[config.topology] * config.units


def _mixer(kind: str, config: MamboConfig) -> nn.Module:
    if kind == "mlp":
        return SwiGlu(config.width, dropout=config.dropout)
    return Attention(config.width) if kind == "mha" else SSMS[kind](config.width)


class Block(nn.Module):
    """Add, norm, mix: (h, r) -> (mixer(norm(r + h)), r + h). The residual stays in float32."""

    def __init__(self, kind: str, config: MamboConfig) -> None:
        super().__init__()
        self.kind = kind
        self.norm = RmsNorm(config.width)
        self.mixer = _mixer(kind, config)

    def forward(self, h: Tensor, r: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Returns h, r, and the attention map (batch, heads, frames, frames) where there is one."""
        r = at_least_float32(h) if r is None else at_least_float32(h) + r
        mixed = self.mixer(self.norm(r))
        return (mixed[0], r, mixed[1]) if self.kind == "mha" else (mixed, r, None)


class InputProjection(nn.Module):
    """Linear without bias, RMSNorm, SiLU."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.input_proj = nn.Linear(inputs, width, bias=False)
        self.norm = RmsNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu(self.norm(self.input_proj(x)))


class GatedPool(nn.Module):
    """Attention over time with a gated score: s_t = w . (SiLU(g_t) * v_t), [g, v] = W x_t."""

    def __init__(self, width: int, expand: float = 8 / 3) -> None:
        super().__init__()
        hidden = int(expand * width)
        self.gate_value_proj = nn.Linear(width, 2 * hidden, bias=False)
        self.to_score = nn.Linear(hidden, 1, bias=False)
        for linear in (self.gate_value_proj, self.to_score):
            nn.init.kaiming_normal_(linear.weight, nonlinearity="linear")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, frames, width) -> the weighted mean (batch, width), weights (batch, frames)."""
        gate, value = self.gate_value_proj(x).chunk(2, dim=-1)
        scores = self.to_score(functional.silu(gate) * value).squeeze(-1)
        weights = torch.softmax(at_least_float32(scores), dim=-1)  # over frames
        return torch.einsum("bt,btd->bd", weights.to(x.dtype), x), weights


class MamboHead(nn.Module):
    """Backbone output (batch, frames, inputs) -> logits and everything on the way."""

    def __init__(self, inputs: int, config: MamboConfig) -> None:
        super().__init__()
        self.input_proj = InputProjection(inputs, config.width)
        self.blocks = nn.ModuleList(Block(kind, config) for kind in block_kinds(config))
        self.norm = RmsNorm(config.width)
        self.pool = GatedPool(config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.topk = nn.Identity() if config.topk is None else TopK(config.topk, config.width)
        self.classifier = nn.Linear(config.width, 2)
        nn.init.kaiming_normal_(self.classifier.weight, nonlinearity="linear")

    def forward(self, last: Tensor) -> dict[str, Tensor]:
        trace: dict[str, Tensor] = {}
        h, r = self.input_proj(last), None
        updates = []
        for number, block in enumerate(self.blocks, start=1):
            h, r, attention = block(h, r)  # (batch, frames, D) both
            updates.append(_norm(h) / _norm(r).clamp_min(1e-12))
            if attention is not None:
                trace[f"attention.{number}"] = attention  # (batch, heads, frames, frames)
        trace["update"] = torch.stack(updates, dim=1)  # (batch, blocks, frames)
        pooled, trace["pooling"] = self.pool(self.norm(h + r))
        trace["embedding"] = self.topk(self.dropout(pooled))
        trace["logits"] = self.classifier(trace["embedding"])
        return trace


def _norm(x: Tensor) -> Tensor:
    """Euclidean norm of each frame, for the eye only: no gradient is kept for it."""
    length: Tensor = torch.linalg.vector_norm(at_least_float32(x.detach()), dim=-1)
    return length


class Mambo(OverBackbone):
    """XLS-R, four topologies of state space mixers, gated attention pooling."""

    name: ClassVar[str] = "mambo"
    title: ClassVar[str] = "XLSR-MamBo"
    paper: ClassVar[str] = (
        "XLSR-MamBo: Scaling the Hybrid Mamba-Attention Backbone for Audio Deepfake Detection, "
        "arXiv 2601.02944"
    )
    sizes: ClassVar[tuple[Size, ...]] = ("paper", "compact")

    defaults = SIZES
    config: MamboConfig

    def __init__(self, config: MamboConfig) -> None:
        super().__init__(config)
        self.head = MamboHead(self.backbone.width, config)

    @property
    def spec(self) -> InputSpec:
        return InputSpec(samples=self.config.samples, normalise=self.config.normalise)

    @property
    def level(self) -> Level:
        return self.config.normalise

    def decide(self, features: Features) -> Output:
        trace = self.head(features["last"])
        return Output(trace["logits"][:, 0] - trace["logits"][:, 1], trace)

    def evidence(self, trace: Mapping[str, Tensor], window: Window) -> tuple[Evidence, ...]:
        kinds = block_kinds(self.config)
        times = frame_times(window, trace["pooling"].shape[1])
        found = [_pooling(_first(trace["pooling"]), times)]
        found.append(_update(_first(trace["update"]), kinds, times))
        for number, kind in enumerate(kinds, start=1):
            if kind == "mha" and f"attention.{number}" in trace:
                weights = _first(trace[f"attention.{number}"]).mean(0)  # over heads
                found.append(_attention(weights, number, times))
        return tuple(found)


def _first(tensor: Tensor) -> Tensor:
    return tensor[0].detach().float().cpu()


def _share(weights: Tensor, kept: int) -> Tensor:
    """The weights on real audio, without those on repeated padding, made to sum to one again."""
    weights = weights[..., :kept]
    return weights / weights.sum(-1, keepdim=True).clamp_min(1e-30)


def _pooling(weights: Tensor, times: Axis) -> Evidence:
    return Evidence(
        key="mambo.pooling",
        title="Weight of each moment in the pooling",
        values=(_share(weights, len(times)) * len(times)).numpy(),
        axes=(times,),
        unit="x uniform",
        caption=(
            "How much each moment counts in the vector that is classified; 1 is what even weights "
            "would give. A frame has by then heard its surroundings, and a high weight does not "
            "say in which direction it spoke."
        ),
    )


def _update(norms: Tensor, kinds: tuple[str, ...], times: Axis) -> Evidence:
    labels = tuple(f"{number} {TITLES[kind]}" for number, kind in enumerate(kinds, start=1))
    return Evidence(
        key="mambo.update",
        title="How much each block changes each moment",
        values=norms[:, : len(times)].contiguous().numpy(),
        axes=(Axis("block", "", labels), times),
        unit="update / residual",
        caption=(
            "Length of what a block adds, over the length of what was there before. It shows where "
            "the network works, not what that work speaks for."
        ),
    )


def _attention(weights: Tensor, number: int, times: Axis) -> Evidence:
    kept = len(times)
    return Evidence(
        key=f"mambo.attention.{number}",
        title=f"Attention between moments, block {number}",
        values=_share(weights[:kept], kept).numpy(),
        axes=(replace(times, name="time"), replace(times, name="attended time")),
        unit="weight",
        sums_to_one=("attended time",),
        caption=(
            "Each row is a moment, each column a moment it reads from, mean over four heads; rows "
            "sum to one. Values are read from frames that have already been mixed over time."
        ),
    )
