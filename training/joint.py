"""HierCon, SLS and MamBo over one compact backbone, trained together; then QAF-Static over it.

One pass of the backbone serves three heads, whose losses are added; each keeps its paper's loss.
The backbone is then frozen for all, as QAF-Static's is in its paper. Pieces and their texture come
from `training.textures`; whole dimensions of the texture are left out at random, for a clip at a
time, so that nothing leans on a few bands. The SLS of this trio does not ship: the one that does
has an ear of its own (`training.cepstral`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.backbones import SpeechBackbone
from core.blocks import BlockStem
from core.detectors.hiercon import HierCon
from core.detectors.mambo import Mambo
from core.detectors.sls import Sls
from training import warm
from training.curve import eer_official, scores
from training.losses import Loss, objective, targets
from training.steps import Descent, Draws, until
from training.teacher import LESSON, Taught, lesson, mixed
from training.textures import Textures

PEAK, DECAY, DROPPED, HIDDEN, EVERY = 5e-4, 0.1, 0.2, 0.2, 100
BATCH, MEMORY = 32, 0.997
FRAMES = 201  # of 64,600 samples
SPARSE = 12  # in the first part of training one frame in twelve: texture changes slowly
SPARSE_UNTIL = 0.85  # share of the time
BACKBONE: dict[str, Any] = {
    "width": 96,
    "heads": 4,
    "ffn": 192,
    "stem": "texture",
    "positional_kernel": 32,
}
CE = Loss(class_weights=(0.5, 0.5), smoothing=0.05)
LOSSES = {
    "hiercon": Loss(
        class_weights=(0.5, 0.5), smoothing=0.05, contrast="pairwise", contrast_weight=0.1
    ),
    "sls": CE,
    "mambo": Loss(kind="focal", class_weights=(0.5, 0.5), gamma=2.0, normalisation="clips"),
}


class Trio(nn.Module):
    """Three detectors over one backbone."""

    def __init__(self, mambo: Mapping[str, Any]) -> None:
        super().__init__()
        self.hiercon = HierCon.build({"backbone": BACKBONE}, "compact")
        self.sls = Sls.build({"backbone": BACKBONE}, "compact")
        self.mambo = Mambo.build({"backbone": BACKBONE, **mambo}, "compact")
        self.sls.backbone = self.mambo.backbone = self.hiercon.backbone
        calm_start(self.backbone)

    @property
    def backbone(self) -> SpeechBackbone:
        return self.hiercon.backbone

    @property
    def stem(self) -> BlockStem:
        return cast("BlockStem", self.backbone.model.feature_extractor)

    def traces(self, frames: Tensor) -> dict[str, Mapping[str, Tensor]]:
        """Frames of the stem (batch, frames, width) -> each detector's trace."""
        heard = self.backbone.encode(frames)._asdict()
        return {
            "hiercon": self.hiercon.decide(heard).trace,
            "sls": sls_trace(self.sls, heard["hidden"]),
            "mambo": self.mambo.decide(heard).trace,
        }


def sls_trace(sls: Sls, hidden: Tensor) -> dict[str, Tensor]:
    """The trace of SLS from layers of fewer frames than it reads: each is said several times."""
    times = -(-FRAMES // hidden.shape[2])
    fused = torch.einsum("bl,bltd->btd", sls.head.gates(hidden), hidden)
    return sls.head.read(fused.repeat_interleave(times, 1)[:, :FRAMES])


@torch.no_grad()
def calm_start(backbone: SpeechBackbone) -> None:
    """Each layer starts as a small change of what it is given, so that 24 of them train soon.

    The position embedding is silent and stays so: texture hardly depends on the order of frames,
    and its grouped convolution came out wrong in bfloat16 on the CPU (PyTorch 2.13: relative error
    0.94), so that what was learned with it was lost in float32.
    """
    conv = backbone.model.encoder.pos_conv_embed.conv
    for weight in (conv.parametrizations.weight.original0, conv.bias):
        weight.zero_()
        weight.requires_grad_(False)  # noqa: FBT003 - torch's own signature
    for layer in backbone.model.encoder.layers:
        layer.attention.out_proj.weight.mul_(0.2)
        layer.feed_forward.output_dense.weight.mul_(0.2)


def set_dropout(backbone: SpeechBackbone, probability: float) -> None:
    """Dropout inside the layers, in training only: configurations have none."""
    for part in backbone.model.encoder.layers.modules():
        if isinstance(part, nn.Dropout):
            part.p = probability


def batch_of(stem: BlockStem, blocks: NDArray[Any], *, drop: float = 0.0) -> Tensor:
    """Stored statistics (batch, blocks, width) -> frames (batch, frames, width)."""
    frames = stem.frames_of(torch.from_numpy(np.asarray(blocks, dtype=np.float32)), FRAMES)
    if drop:
        keep = (torch.rand(frames.shape[0], frames.shape[1], 1) >= drop) / (1 - drop)
        frames = frames * keep
    return frames.transpose(1, 2)


def sparse(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """One frame in `SPARSE`, from a random one on."""
    return frames[:, int(rng.integers(SPARSE)) :: SPARSE][:, : FRAMES // SPARSE]


def eer(logits: list[float], labels: list[str]) -> float:
    """EER of spoof logits."""
    found = {
        label: [-s for s, own in zip(logits, labels, strict=True) if own == label]
        for label in set(labels)
    }
    return float(eer_official(scores(found["bonafide"], found["spoof"])).value)


@torch.no_grad()
def dev_eers(trio: Trio, dev: Textures) -> dict[str, float]:
    """EER of each detector on the stored dev pieces, in eval mode."""
    trio.eval()
    logits: dict[str, list[float]] = {name: [] for name in LOSSES}
    for start in range(0, len(dev.items), BATCH):
        frames = batch_of(trio.stem, dev.blocks[0][start : start + BATCH])[:, ::4]
        traces = trio.traces(frames)
        for name, trace in traces.items():
            logits[name] += (trace["logits"][:, 0] - trace["logits"][:, 1]).float().tolist()
    labels: list[str] = [item.label for item in dev.items]
    return {name: round(eer(found, labels), 4) for name, found in logits.items()}


def _losses(
    traces: Mapping[str, Mapping[str, Tensor]],
    target: Tensor,
    taught: Taught[Trio] | None,
    blocks: NDArray[np.float32],
) -> list[Tensor]:
    """Each detector's own loss; if taught, on the first half, which are clips, and the lesson."""
    if taught is None:
        return [objective(LOSSES[name], trace, target)[0] for name, trace in traces.items()]
    half, opinion = len(target) // 2, taught.teacher(torch.from_numpy(blocks).mean(1))
    return [
        objective(LOSSES[name], {k: v[:half] for k, v in trace.items()}, target[:half])[0]
        + LESSON * lesson(trace["logits"], opinion)
        for name, trace in traces.items()
    ]


def _begin(
    train: Textures, mambo: Mapping[str, Any], rng: np.random.Generator, taught: Taught[Trio] | None
) -> tuple[Trio, float]:
    """The trio that training starts from, and the highest rate."""
    trio = Trio(mambo)
    if taught is not None:
        trio.load_state_dict(taught.before.state_dict())
        return trio, PEAK / 2
    rows = train.blocks[0][::2, ::5].astype(np.float32)
    trio.stem.fit(torch.from_numpy(rows.reshape(-1, rows.shape[-1])))
    warm.start(trio.backbone, trio.stem, train, rng)
    return trio, PEAK


def _entry(step: int, share: float, loss: list[float], eers: dict[str, float]) -> dict[str, Any]:
    told = dict(zip(LOSSES, loss, strict=True))
    return {"step": step, "share": round(share, 3), "loss": told, "dev": eers}


def fit(
    train: Textures,
    dev: Textures,
    mambo: Mapping[str, Any],
    seconds: float,
    log: Path,
    seed: int,
    taught: Taught[Trio] | None = None,
) -> Trio:
    """Train the trio for so many seconds; the exponential mean of the weights comes back.

    With `taught`, a trio that was trained before goes on at half the rate, on mixtures of clips
    and with the teacher's opinion beside the labels.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    trio, peak = _begin(train, mambo, rng, taught)
    set_dropout(trio.backbone, HIDDEN)
    descent = Descent(trio, peak, DECAY, 1.0, MEMORY)
    draw = Draws(train.items, rng)
    labels = targets([item.label for item in train.items])
    curve, losses = list[dict[str, Any]](), list[list[float]]()
    for share in until(seconds):
        trio.train()
        chosen = draw(BATCH)
        blocks = train.take(chosen, train.variants(BATCH, rng))
        if taught is not None:
            blocks = np.concatenate([blocks[: BATCH // 2], mixed(blocks, rng)[BATCH // 2 :]])
        frames = batch_of(trio.stem, blocks, drop=DROPPED)
        if share < SPARSE_UNTIL:
            frames = sparse(frames, rng)
        target = labels[torch.from_numpy(chosen)]
        each = _losses(trio.traces(frames), target, taught, blocks)
        descent.move(torch.stack(each).sum(), share)
        losses.append([float(x.detach()) for x in each])
        if descent.steps % EVERY == 0:
            loss = np.mean(losses, 0).round(4).tolist()
            curve.append(_entry(descent.steps, share, loss, dev_eers(descent.mean, dev)))
            losses.clear()
            log.write_text(json.dumps(curve, indent=1) + "\n")
            torch.save(descent.mean.state_dict(), log.with_suffix(".pt"))
    mean = descent.mean
    set_dropout(mean.backbone, 0.0)
    return mean.eval()
