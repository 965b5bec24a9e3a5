"""Detectors over one compact backbone, trained together, with a kernel machine's opinion.

One pass of the backbone serves all heads, whose losses are added; each keeps its paper's loss. The
backbone is then frozen for whoever else stands on it, as QAF-Static's is in its paper. Pieces and
their statistics come from `training.textures`; half of each batch are clips, the other half
mixtures of two, of which only the teacher has an opinion (`training.teacher`).
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
from core.detectors.over_backbone import OverBackbone
from core.detectors.sls import Sls
from core.registry import DETECTORS
from training import teacher, warm
from training.curve import eer_official, scores
from training.losses import Loss, objective, targets
from training.steps import Descent, Draws, until
from training.teacher import LESSON, lesson, mixed, shares
from training.textures import Textures, kept

PEAK, DECAY, HIDDEN, EVERY = 5e-4, 0.1, 0.2, 100
BATCH, MEMORY = 32, 0.997
FRAMES = 201  # of 64,600 samples
APART = 3  # in the first part of training one block in three is a frame: statistics change slowly
SPARSE_UNTIL = 0.9  # share of the time; then all blocks, each of them one frame
DEV_STEP = 4  # of dev one frame in four
CEPSTRA = {"parts": 2}
BACKBONE: dict[str, Any] = {
    "width": 96,
    "heads": 4,
    "ffn": 192,
    "stem": "ears",
    "positional_kernel": 32,
    "cepstra": CEPSTRA,
}
CE = Loss(class_weights=(0.5, 0.5), smoothing=0.05)
LOSSES = {
    "hiercon": Loss(
        class_weights=(0.5, 0.5), smoothing=0.05, contrast="pairwise", contrast_weight=0.1
    ),
    "sls": CE,
    "mambo": Loss(kind="focal", class_weights=(0.5, 0.5), gamma=2.0, normalisation="clips"),
}


class Together(nn.Module):
    """Some detectors over one backbone that hears with these ears.

    Parameters
    ----------
    configs : for each detector by its name, what its configuration says beside the backbone.
    backbone : the configuration of that.
    """

    def __init__(
        self, configs: Mapping[str, Mapping[str, Any]], backbone: Mapping[str, Any]
    ) -> None:
        super().__init__()
        made = {
            name: DETECTORS[name].build({**config, "backbone": backbone}, "compact")
            for name, config in configs.items()
        }
        self.detectors = nn.ModuleDict(made)
        for one in made.values():
            cast("OverBackbone", one).backbone = self.backbone
        calm_start(self.backbone)

    def detector(self, name: str) -> OverBackbone:
        """One of them, by its name."""
        return cast("OverBackbone", self.detectors[name])

    @property
    def backbone(self) -> SpeechBackbone:
        return self.detector(next(iter(self.detectors))).backbone

    @property
    def stem(self) -> BlockStem:
        return cast("BlockStem", self.backbone.model.feature_extractor)

    def traces(self, frames: Tensor) -> dict[str, Mapping[str, Tensor]]:
        """Frames of the stem (batch, frames, width), perhaps fewer than 201 -> each trace."""
        heard = self.backbone.encode(frames)._asdict()
        found: dict[str, Mapping[str, Tensor]] = {}
        for name in self.detectors:
            one = self.detector(name)
            sls = isinstance(one, Sls)
            found[name] = (
                sls_trace(cast("Sls", one), heard["hidden"]) if sls else one.decide(heard).trace
            )
        return found


def sls_trace(sls: Sls, hidden: Tensor) -> dict[str, Tensor]:
    """The trace of SLS from layers of fewer frames than it reads: each is said several times."""
    times = -(-FRAMES // hidden.shape[2])
    fused = torch.einsum("bl,bltd->btd", sls.head.gates(hidden), hidden)
    return sls.head.read(fused.repeat_interleave(times, 1)[:, :FRAMES])


@torch.no_grad()
def calm_start(backbone: SpeechBackbone) -> None:
    """Each layer starts as a small change of what it is given, so that 24 of them train soon.

    The position embedding is silent and stays so: the statistics hardly depend on the order of
    frames, and its grouped convolution came out wrong in bfloat16 on the CPU (PyTorch 2.13:
    relative error 0.94), so that what was learned with it was lost in float32.
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


def frames_of(stem: BlockStem, blocks: NDArray[Any], step: int = 1, first: int = 0) -> Tensor:
    """Stored statistics (batch, blocks, width) -> one frame in `step`: (batch, frames, width)."""
    at = torch.arange(first, FRAMES, step)[: FRAMES // step]
    return stem.frames_of(torch.from_numpy(np.asarray(blocks, dtype=np.float32)), at).mT


def eer(logits: list[float], labels: list[str]) -> float:
    """EER of spoof logits."""
    found = {
        label: [-s for s, own in zip(logits, labels, strict=True) if own == label]
        for label in set(labels)
    }
    return float(eer_official(scores(found["bonafide"], found["spoof"])).value)


@torch.no_grad()
def dev_eers(net: Together, dev: Textures) -> dict[str, float]:
    """EER of each detector on the stored dev pieces, in eval mode."""
    net.eval()
    logits: dict[str, list[float]] = {name: [] for name in net.detectors}
    for start in range(0, len(dev.items), BATCH):
        frames = frames_of(net.stem, dev.blocks[0][start : start + BATCH], DEV_STEP)
        for name, trace in net.traces(frames).items():
            logits[name] += (trace["logits"][:, 0] - trace["logits"][:, 1]).float().tolist()
    labels: list[str] = [item.label for item in dev.items]
    return {name: round(eer(found, labels), 4) for name, found in logits.items()}


def _losses(
    traces: Mapping[str, Mapping[str, Tensor]], target: Tensor, opinion: Tensor
) -> list[Tensor]:
    """Each detector's own loss on the first half, which are clips, and the lesson on all."""
    half = len(target) // 2
    return [
        objective(LOSSES[name], {k: v[:half] for k, v in trace.items()}, target[:half])[0]
        + LESSON * lesson(trace["logits"], opinion)
        for name, trace in traces.items()
    ]


def _entry(step: int, share: float, loss: list[float], eers: dict[str, float]) -> dict[str, Any]:
    told = dict(zip(eers, loss, strict=True))
    return {"step": step, "share": round(share, 3), "loss": told, "dev": eers}


def begin(
    configs: Mapping[str, Mapping[str, Any]],
    backbone: Mapping[str, Any],
    train: Textures,
    rng: np.random.Generator,
) -> Together:
    """Detectors whose stem has its scale and whose projection was trained alone."""
    net = Together(configs, backbone)
    rows = train.blocks[0][::2, ::5].astype(np.float32)
    net.stem.fit(torch.from_numpy(rows.reshape(-1, rows.shape[-1])))
    warm.start(net.backbone, net.stem, train, rng)
    return net


def fit(
    configs: Mapping[str, Mapping[str, Any]],
    backbone: Mapping[str, Any],
    data: tuple[Textures, Textures],
    seconds: float,
    log: Path,
    seed: int,
) -> Together:
    """Train on the first of `data` for so many seconds; the second is dev, for the curve.

    The exponential mean of the weights comes back.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    train, dev = data
    net = begin(configs, backbone, train, rng)
    set_dropout(net.backbone, HIDDEN)
    machine = teacher.fit(train, net.stem.widths, seed + 1)
    descent, draw = Descent(net, PEAK, DECAY, 1.0, MEMORY), Draws(train.items, rng)
    labels = targets([item.label for item in train.items])
    curve, losses = list[dict[str, Any]](), list[list[float]]()
    for share in until(seconds):
        net.train()
        chosen, whole = draw(BATCH), BATCH // 2
        apart = APART if share < SPARSE_UNTIL else 1
        at = slice(int(rng.integers(apart)), None, apart)
        blocks = torch.from_numpy(train.take(chosen, train.variants(BATCH, rng), at))
        parts = shares(BATCH, whole, rng)
        frames = net.stem.scaled(mixed(blocks, parts)) * kept(net.stem, BATCH)
        opinion = machine(chosen, parts)
        each = _losses(net.traces(frames), labels[torch.from_numpy(chosen)], opinion)
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
