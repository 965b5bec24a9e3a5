"""SLS over a backbone of its own, which hears how the shape of the spectrum moves.

One ear for all detectors would let all of them miss the same machines. So this backbone has the
cepstral stem, and one detector is trained with it, as the three of `training.joint` are with
theirs: its own loss and a kernel machine's opinion, on clips and on mixtures of clips. It learns
from clips as they are and as files get handled, not from copies by the zoo, which helped networks
hardly (checkpoints/README.md).
"""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from core.blocks import BlockStem
from core.detectors.sls import Sls
from training import joint, teacher, warm
from training.joint import BATCH, DECAY, DROPPED, EVERY, HIDDEN, MEMORY, PEAK, SPARSE_UNTIL
from training.losses import objective, targets
from training.steps import Descent, Draws, until
from training.teacher import LESSON, lesson, mixed
from training.textures import Textures

BACKBONE: dict[str, Any] = {**joint.BACKBONE, "stem": "cepstra"}


class Alone(nn.Module):
    """SLS over stored statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.sls = Sls.build({"backbone": BACKBONE}, "compact")
        joint.calm_start(self.sls.backbone)

    @property
    def stem(self) -> BlockStem:
        return cast("BlockStem", self.sls.backbone.model.feature_extractor)

    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        """Frames of the stem (batch, frames, width), perhaps fewer than it reads -> its trace."""
        return joint.sls_trace(self.sls, self.sls.backbone.encode(frames).hidden)


@torch.no_grad()
def dev_eer(net: Alone, dev: Textures) -> float:
    """EER on the stored dev pieces, in eval mode."""
    net.eval()
    logits: list[float] = []
    for start in range(0, len(dev.items), BATCH):
        frames = joint.batch_of(net.stem, dev.blocks[0][start : start + BATCH])[:, ::4]
        found = net(frames)["logits"]
        logits += (found[:, 0] - found[:, 1]).tolist()
    return round(joint.eer(logits, [item.label for item in dev.items]), 4)


def fit(train: Textures, dev: Textures, seconds: float, log: Path, seed: int) -> Sls:
    """Train for so many seconds; the exponential mean of the weights comes back."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Alone()
    rows = train.blocks[0][::2, ::5].astype(np.float32)
    net.stem.fit(torch.from_numpy(rows.reshape(-1, rows.shape[-1])))
    warm.start(net.sls.backbone, net.stem, train, rng)
    joint.set_dropout(net.sls.backbone, HIDDEN)
    machine = teacher.fit(train, seed + 1)
    descent, draw, half = (
        Descent(net, PEAK, DECAY, 1.0, MEMORY),
        Draws(train.items, rng),
        BATCH // 2,
    )
    labels = targets([item.label for item in train.items])
    curve, losses = list[dict[str, float]](), list[float]()
    for share in until(seconds):
        net.train()
        chosen = draw(BATCH)
        blocks = train.take(chosen, train.variants(BATCH, rng))
        blocks = np.concatenate([blocks[:half], mixed(blocks, rng)[half:]])
        frames = joint.batch_of(net.stem, blocks, drop=DROPPED)
        if share < SPARSE_UNTIL:
            frames = joint.sparse(frames, rng)
        trace = net(frames)
        target = labels[torch.from_numpy(chosen)]
        own, _ = objective(
            joint.LOSSES["sls"], {k: v[:half] for k, v in trace.items()}, target[:half]
        )
        opinion = machine(torch.from_numpy(blocks).mean(1))
        loss = own + LESSON * lesson(trace["logits"], opinion)
        descent.move(loss, share)
        losses.append(float(loss.detach()))
        if descent.steps % EVERY == 0:
            entry = {"step": descent.steps, "share": round(share, 3)}
            curve.append(
                entry | {"loss": float(np.mean(losses)), "dev": dev_eer(descent.mean, dev)}
            )
            losses.clear()
            log.write_text(json.dumps(curve, indent=1) + "\n")
            torch.save(descent.mean.state_dict(), log.with_suffix(".pt"))
    joint.set_dropout(descent.mean.sls.backbone, 0.0)
    return descent.mean.eval().sls
