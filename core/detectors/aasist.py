"""AASIST and Sparse AASIST (TopK).

AASIST: arXiv 2110.01200; the authors' code is clovaai/aasist at a04c986 (MIT), models/AASIST.py.
Sparse AASIST: arXiv 2510.05696, the same network with TopK on the embedding; no public code.

    wave -> 70 sinc band-passes, maxima of 3 x 3      -> a map of frequency bins and frames
         -> six residual blocks, each 3 times shorter  -> e (channels, 23 bins, 29 frames)
         -> largest |e| over time / over frequency     -> spectral / temporal graph
         -> graph attention, pooling                   -> two branches of heterogeneous attention
         -> readout, TopK, dropout, linear             -> logits (spoof, bona fide)

Glossary
    S, T, ST   spectral nodes (23, one a frequency bin), temporal nodes (29, one a frame), both
    master     a node without place that gathers from all others, one a branch
    GAT        graph attention; the pairwise map is from products of nodes
    D          width of the embedding, 5 * gat_dims[1]: max and mean of T, of S, and the master
    k          how many of the D values TopK keeps; k = D is the dense network, to the bit

Differences from the authors' code, each held by a test in tests/core/detectors/test_aasist.py
    - The first batch norm of blocks 1 to 5 (`bn1`) is kept, because released weights have it, and
      never computed: the authors compute it and overwrite the result, so `conv1` sees the raw
      input (`test_golden`, `test_first_norm_is_dead`).
    - The first block runs in tiles and its batch norm is folded into the convolution
      (`core.tiling`); without gradients the later ones are folded too, on a CPU one clip at a
      time. What decides is `self.training` and the grad mode (`test_all_ways_agree`).
    - Dropout before the classifier is not in place: the trace keeps the clean embedding
      (`test_embedding_is_clean_in_training`).
    - Pooled nodes are ordered by a stable sort, so that ties go the same way everywhere
      (`test_matches_the_transcription`, `test_silence_is_deterministic`).
    - The sinc filters are a buffer outside the state dict; the 70th, which the authors compute and
      their pooling leaves out, is not applied (`test_golden`).
    - `Freq_aug`, off in the published configurations, belongs to training, not to the network.
    - `pool_ratios` has three entries; the authors' fourth is unused (`test_golden`).
    - Size `compact` hears a small spectral stem instead of sinc filters and pools nothing on the
      way: 16 bins 500 Hz apart, 40 blocks of 100 ms (`core.detectors.aasist_picture`,
      `test_compact`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.detectors.aasist_evidence import evidence, picture_axes, sinc_axes
from core.detectors.aasist_picture import BINS, CHANNELS, SHORTEST, SpectralPicture
from core.detectors.base import Detector, Features, InputSpec, Output, Size
from core.tiling import (
    POOL,
    first_block,
    fold,
    fold_batch,
    pad_map,
    pool,
    sinc_filters,
    sinc_map,
    tail,
    tiles,
)
from core.topk import Order, TopK
from core.types import Evidence, Window

FILTERS, TAPS = 70, 129  # 128 taps in the authors' configuration, made odd by their code
MAX_WIDTH = 4096  # a card is a file from outside; no published network comes near


@dataclass(frozen=True, slots=True)
class Config:
    """Sizes, with the names of the authors' configuration; the defaults are Sparse AASIST."""

    channels: tuple[int, int, int, int] = (1, 32, 64, 64)  # input, blocks 0-1, block 2, blocks 3-5
    gat_dims: tuple[int, int] = (64, 64)  # homogeneous, heterogeneous
    pool_ratios: tuple[float, float, float] = (
        0.5,
        0.7,
        0.5,
    )  # spectral, temporal, both in a branch
    temperatures: tuple[float, float, float] = (
        2.0,
        2.0,
        100.0,
    )  # spectral, temporal, heterogeneous
    k: int = 20
    by: Order = "value"
    samples: int = 64_600
    level: Literal["none", "clip"] = "none"  # "clip": each input at unit variance; not published
    stem: Literal["sinc", "spectral"] = "sinc"  # "spectral": aasist_picture.py; not published

    def __post_init__(self) -> None:
        lengths = tuple(
            map(len, (self.channels, self.gat_dims, self.pool_ratios, self.temperatures))
        )
        if lengths != (4, 2, 3, 3):
            raise ValueError(
                "channels, gat_dims, pool_ratios and temperatures have 4, 2, 3 and 3 entries, not "
                f"{', '.join(map(str, lengths))}."
            )
        widths = (*self.channels, *self.gat_dims)
        if not all(1 <= n <= MAX_WIDTH for n in widths):
            raise ValueError(f"channels and gat_dims are from 1 to {MAX_WIDTH}, not {widths}.")
        if self.stem not in ("sinc", "spectral"):
            raise ValueError(f'stem is "sinc" or "spectral", not {self.stem!r}.')
        if self.channels[0] != self.seen:
            raise ValueError(
                f"channels starts with {self.seen}, which the {self.stem} stem gives, not with "
                f"{self.channels[0]}."
            )
        if not all(0 < ratio <= 1 for ratio in self.pool_ratios):
            raise ValueError(f"pool_ratios are above 0 and at most 1, not {self.pool_ratios}.")
        if not 1 <= self.k <= self.width:
            raise ValueError(f"k is from 1 to {self.width} here, not {self.k}.")
        if not 4_096 <= self.samples <= 1_000_000:
            raise ValueError(f"samples is from 4,096 to 1,000,000, not {self.samples}.")

    @property
    def width(self) -> int:
        """D, the width of the embedding."""
        return 5 * self.gat_dims[1]

    @property
    def seen(self) -> int:
        """Channels of the map that the stem makes."""
        return 1 if self.stem == "sinc" else CHANNELS

    @property
    def bins(self) -> int:
        """Spectral nodes."""
        return FILTERS // 3 if self.stem == "sinc" else BINS


SPARSE = Config()
DENSE_320 = replace(SPARSE, k=320)
AASIST = Config(gat_dims=(64, 32), k=160)
COMPACT = Config(channels=(CHANNELS, 32, 32, 32), gat_dims=(64, 32), k=20, stem="spectral")
AASIST_L = Config(channels=(1, 32, 24, 24), gat_dims=(24, 32), pool_ratios=(0.4, 0.5, 0.7), k=160)


class ResidualBlock(nn.Module):
    """conv, norm, SELU, conv, plus the input; the largest of three frames (AASIST.py:428-480)."""

    def __init__(self, channels: int, out: int, *, first: bool = False) -> None:
        super().__init__()
        if not first:
            self.bn1 = nn.BatchNorm2d(channels)  # dead: see the module docstring
        self.conv1 = nn.Conv2d(channels, out, (2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, (2, 3), padding=(0, 1))
        self.wider = channels != out
        if self.wider:
            self.conv_downsample = nn.Conv2d(channels, out, (1, 3), padding=(0, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, bins, frames) -> (batch, out, bins, frames // 3)."""
        if self.training or torch.is_grad_enabled():
            hidden = self.bn2(self.conv1(x))
            around = self.conv_downsample(x) if self.wider else x
            return tail(hidden, around, self.conv2)
        folded = fold(self.conv1, self.bn2)
        pieces = []
        for first_frame, last_frame, inside in tiles(x.shape[-1]):
            piece = x[..., first_frame:last_frame]
            hidden = functional.conv2d(piece, *folded, padding=(1, 1))
            pieces.append(pool(self._unpooled(piece, hidden)[..., inside]))
        return torch.cat(pieces, dim=-1)

    def unpooled(self, x: Tensor) -> Tensor:
        """(batch, channels, bins, frames) -> (batch, out, bins, frames)."""
        return self._unpooled(x, self.bn2(self.conv1(x)))

    def _unpooled(self, x: Tensor, hidden: Tensor) -> Tensor:
        out: Tensor = self.conv2(functional.selu(hidden, inplace=True))
        out += self.conv_downsample(x) if self.wider else x
        return out


class GraphAttention(nn.Module):
    """Attention among the nodes of one kind (AASIST.py:22-104)."""

    def __init__(self, width: int, out: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.input_drop = nn.Dropout(0.2)
        self.att_proj = nn.Linear(width, out)
        self.att_weight = _vector(out)
        self.proj_with_att = nn.Linear(width, out)
        self.proj_without_att = nn.Linear(width, out)
        self.bn = nn.BatchNorm1d(out)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, nodes, width) -> (batch, nodes, out), and who looks at whom (batch, i, j)."""
        x = self.input_drop(x)
        pairs = torch.tanh(self.att_proj(x[:, :, None] * x[:, None]))  # (batch, i, j, out)
        score = (pairs @ self.att_weight).squeeze(-1) / self.temperature
        attention = score.softmax(dim=2)
        x = self.proj_with_att(attention @ x) + self.proj_without_att(x)
        return functional.selu(_over_nodes(self.bn, x)), attention


class HeteroAttention(nn.Module):
    """Attention among nodes of two kinds, and from all of them to the master (107-290)."""

    def __init__(self, width: int, out: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.proj_type1 = nn.Linear(width, width)
        self.proj_type2 = nn.Linear(width, width)
        self.att_proj = nn.Linear(width, out)
        self.att_projM = nn.Linear(width, out)
        self.att_weight11 = _vector(out)
        self.att_weight22 = _vector(out)
        self.att_weight12 = _vector(out)
        self.att_weightM = _vector(out)
        self.proj_with_att = nn.Linear(width, out)
        self.proj_without_att = nn.Linear(width, out)
        self.proj_with_attM = nn.Linear(width, out)
        self.proj_without_attM = nn.Linear(width, out)
        self.bn = nn.BatchNorm1d(out)
        self.input_drop = nn.Dropout(0.2)

    def forward(self, one: Tensor, two: Tensor, master: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Two kinds of nodes (batch, n, width) and the master (batch, 1, width), updated."""
        n = one.shape[1]
        x = self.input_drop(torch.cat([self.proj_type1(one), self.proj_type2(two)], dim=1))
        pairs = torch.tanh(self.att_proj(x[:, :, None] * x[:, None]))  # (batch, i, j, out)
        same1, cross = pairs[:, :n, :n] @ self.att_weight11, pairs[:, :n, n:] @ self.att_weight12
        back, same2 = pairs[:, n:, :n] @ self.att_weight12, pairs[:, n:, n:] @ self.att_weight22
        score = torch.cat([torch.cat([same1, cross], 2), torch.cat([back, same2], 2)], 1)
        attention = (score.squeeze(-1) / self.temperature).softmax(dim=2)
        gather = torch.tanh(self.att_projM(x * master)) @ self.att_weightM  # (batch, nodes, 1)
        gather = (gather / self.temperature).softmax(dim=1)
        gathered = gather.transpose(1, 2) @ x  # from the nodes before their own update
        master = self.proj_with_attM(gathered) + self.proj_without_attM(master)
        x = self.proj_with_att(attention @ x) + self.proj_without_att(x)
        x = functional.selu(_over_nodes(self.bn, x))
        return x[:, :n], x[:, n:], master


class GraphPool(nn.Module):
    """Keep the nodes with the highest gates, highest first, each times its gate (293-345)."""

    def __init__(self, ratio: float, width: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.drop = nn.Dropout(0.3)
        self.proj = nn.Linear(width, 1)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, nodes, width) -> (batch, kept, width), and (batch, nodes) gates, 0 = left out."""
        gate = torch.sigmoid(self.proj(self.drop(h)))  # (batch, nodes, 1)
        kept = max(int(h.shape[1] * self.ratio), 1)
        order = gate.argsort(dim=1, descending=True, stable=True)[:, :kept]
        gates = torch.zeros_like(gate).scatter(1, order, gate.gather(1, order)).squeeze(-1)
        return (h * gate).gather(1, order.expand(-1, -1, h.shape[2])), gates


class Graph(NamedTuple):
    """The temporal nodes, the spectral nodes, each (batch, n, width), and the master."""

    temporal: Tensor
    spectral: Tensor
    master: Tensor


class Aasist(Detector):
    """The network; the parts have the authors' names, so that their files load strictly."""

    filters: Tensor
    name: ClassVar[str] = "aasist"
    title: ClassVar[str] = "Sparse AASIST (TopK)"
    paper: ClassVar[str] = (
        "Jung et al. 2022, AASIST (arXiv 2110.01200); TopK embedding, 2025 (arXiv 2510.05696)"
    )
    sizes: ClassVar[tuple[Size, ...]] = ("paper", "compact")

    def __init__(self, config: Config = SPARSE) -> None:
        super().__init__()
        self.config = config
        seen, narrow, middle, wide = config.channels
        homo, hetero = config.gat_dims
        if config.stem == "sinc":
            self.register_buffer("filters", sinc_filters(FILTERS, TAPS), persistent=False)
        else:
            self.stem = SpectralPicture()
        self.first_bn = nn.BatchNorm2d(seen)
        self.drop = nn.Dropout(0.5)
        self.drop_way = nn.Dropout(0.2)
        blocks = [
            (seen, narrow),
            (narrow, narrow),
            (narrow, middle),
            (middle, wide),
            (wide, wide),
            (wide, wide),
        ]
        self.encoder = nn.Sequential(
            *(
                nn.Sequential(ResidualBlock(a, b, first=index == 0))
                for index, (a, b) in enumerate(blocks)
            )
        )
        self.pos_S = nn.Parameter(torch.randn(1, config.bins, wide))
        self.master1 = nn.Parameter(torch.randn(1, 1, homo))
        self.master2 = nn.Parameter(torch.randn(1, 1, homo))
        spectral, temporal, both = config.temperatures
        self.GAT_layer_S = GraphAttention(wide, homo, spectral)
        self.GAT_layer_T = GraphAttention(wide, homo, temporal)
        self.pool_S = GraphPool(config.pool_ratios[0], homo)
        self.pool_T = GraphPool(config.pool_ratios[1], homo)
        for branch in "12":
            self.add_module(f"HtrgGAT_layer_ST{branch}1", HeteroAttention(homo, hetero, both))
            self.add_module(f"HtrgGAT_layer_ST{branch}2", HeteroAttention(hetero, hetero, both))
            self.add_module(f"pool_hS{branch}", GraphPool(config.pool_ratios[2], hetero))
            self.add_module(f"pool_hT{branch}", GraphPool(config.pool_ratios[2], hetero))
        self.topk = TopK(config.k, config.width, config.by)
        self.out_layer = nn.Linear(config.width, 2)

    @classmethod
    def build(cls, config: Mapping[str, Any] | None = None, size: Size = "paper") -> Self:
        entries = dict(config or {})
        if unknown := entries.keys() - {field.name for field in fields(Config)}:
            raise ValueError(f"AASIST has no setting {', '.join(sorted(unknown))}.")
        entries = {k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()}
        return cls(replace(COMPACT if size == "compact" else SPARSE, **entries))

    def config_dict(self) -> dict[str, Any]:
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.config).items()}

    @property
    def label(self) -> str:
        """Sparse only where TopK leaves something out."""
        return self.title if self.config.k < self.config.width else "AASIST"

    @property
    def spec(self) -> InputSpec:
        return InputSpec(samples=self.config.samples)

    @property
    def shortest(self) -> int:
        """One frame after seven poolings: 2,315; with the spectral stem one block of 100 ms."""
        if self.config.stem == "spectral":
            return SHORTEST
        poolings = 1 + len(self._stages())
        return TAPS - 1 + int(POOL**poolings)

    def features(self, wave: Tensor) -> Features:
        """The waveform as it is, as published, or at unit variance: then gain changes nothing.

        With the spectral stem its picture, (batch, 32, bins, blocks).
        """
        self.check(wave)
        if self.config.stem == "spectral":
            return {"picture": self.stem(wave)}
        if self.config.level == "clip":
            mean, spread = wave.mean(1, keepdim=True), wave.std(1, keepdim=True)
            wave = (wave - mean) / spread.clamp_min(1e-6)
        return {"wave": wave}

    def decide(self, features: Features) -> Output:
        trace: dict[str, Tensor] = {}
        if self.config.stem == "spectral":
            e = self.encode_picture(features["picture"])  # (batch, channels, 16 bins, 40 blocks)
        else:
            e = self.encode(features["wave"])  # (batch, channels, 23 bins, 29 frames)
        s = e.abs().max(dim=3).values.transpose(1, 2) + self.pos_S  # (batch, bins, channels)
        t = e.abs().max(dim=2).values.transpose(1, 2)  # (batch, frames, channels)
        s, trace["spectral"] = self.GAT_layer_S(s)
        t, trace["temporal"] = self.GAT_layer_T(t)
        s, trace["spectral_kept"] = self.pool_S(s)
        t, trace["temporal_kept"] = self.pool_T(t)
        one, two = self.branch("1", t, s, self.master1), self.branch("2", t, s, self.master2)
        t, s, master = (
            torch.maximum(self.drop_way(a), self.drop_way(b)) for a, b in zip(one, two, strict=True)
        )
        dense = torch.cat(
            [t.abs().max(1).values, t.mean(1), s.abs().max(1).values, s.mean(1), master[:, 0]], 1
        )
        trace["embedding"] = embedding = self.topk(dense)  # (batch, D)
        trace["contribution"] = embedding * (self.out_layer.weight[0] - self.out_layer.weight[1])
        trace["bias"] = (self.out_layer.bias[0] - self.out_layer.bias[1]).expand(len(dense))
        trace["logits"] = logits = self.out_layer(self.drop(embedding))
        return Output(logits[:, 0] - logits[:, 1], trace)

    def encode(self, wave: Tensor) -> Tensor:
        """Waves (batch, samples) -> maps (batch, channels, 23, frames).

        Without gradients and outside training, each clip by itself on a CPU: faster, in a fraction
        of the memory, and no clip's score depends on its neighbours in the batch.
        """
        alone = not self.training and not torch.is_grad_enabled() and wave.device.type == "cpu"
        return torch.cat([self._encode(w) for w in wave.split(1)]) if alone else self._encode(wave)

    def _encode(self, wave: Tensor) -> Tensor:
        x = functional.selu(self.first_bn(sinc_map(wave, self.filters)), inplace=True)
        x = pad_map(x)
        block, *later = [cast("ResidualBlock", stage[0]) for stage in self._stages()]
        if self.training:
            affine = fold_batch(block.conv1, block.bn2, x[..., 1:-1])
        else:
            affine = fold(block.conv1, block.bn2)
        x = first_block(x, affine, block.conv2, block.conv_downsample)
        x = x.contiguous(memory_format=torch.channels_last)
        for block in later:
            x = block(x)
        return x

    def encode_picture(self, picture: Tensor) -> Tensor:
        """The stem's picture -> maps (batch, channels, bins, blocks); nothing is pooled."""
        x = functional.selu(self.first_bn(picture))
        for stage in self._stages():
            x = cast("ResidualBlock", stage[0]).unpooled(x)
        return x

    def _stages(self) -> list[nn.Sequential]:
        return [cast("nn.Sequential", stage) for stage in self.encoder]

    def branch(self, number: str, t: Tensor, s: Tensor, master: Tensor) -> Graph:
        """One of the two ways through the heterogeneous graph."""
        first = self.get_submodule(f"HtrgGAT_layer_ST{number}1")
        second = self.get_submodule(f"HtrgGAT_layer_ST{number}2")
        t, s, master = first(t, s, master.expand(len(t), -1, -1))
        s, _ = self.get_submodule(f"pool_hS{number}")(s)
        t, _ = self.get_submodule(f"pool_hT{number}")(t)
        more = Graph(*second(t, s, master))
        return Graph(t + more.temporal, s + more.spectral, master + more.master)

    def evidence(self, trace: Mapping[str, Tensor], window: Window) -> tuple[Evidence, ...]:
        if self.config.stem == "spectral":
            return evidence(trace, window, picture_axes(trace, window, self.config.samples))
        axes = sinc_axes(trace, window, filters=FILTERS, taps=TAPS, samples=self.config.samples)
        return evidence(trace, window, axes)


def _vector(width: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_normal_(torch.empty(width, 1)))


def _over_nodes(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    flat: Tensor = norm(x.flatten(0, 1))
    return flat.view_as(x)
