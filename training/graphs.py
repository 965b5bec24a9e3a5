"""Sparse AASIST from the waveform: its compact size, whose stem learns with it.

Pieces are drawn and changed anew for every batch (`training.pieces`), on a GPU where there is one:
the network sees no piece twice. First the stem is trained alone under a linear layer, so that the
graphs have something to look at.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.detectors.aasist import Aasist
from training.losses import targets
from training.pieces import Pieces
from training.steps import Descent, until

PEAK, DECAY, BATCH, EVERY = 1.2e-3, 0.02, 96, 100
MEMORY, SMOOTHING = 0.997, 0.05
WARM, WARM_PEAK = 0.05, 2e-3  # share of the time that the stem learns alone; its rate


class Shallow(nn.Module):
    """The stem, its norm, the mean over time, one layer."""

    def __init__(self, net: Aasist) -> None:
        super().__init__()
        self.stem, self.norm = net.stem, net.first_bn
        config = net.config
        self.read = nn.Sequential(nn.Dropout(0.3), nn.Linear(config.bins * config.seen, 1))

    def forward(self, wave: Tensor) -> Tensor:
        """Waves (batch, samples) -> spoof logits (batch,)."""
        heard = functional.selu(self.norm(self.stem(wave))).mean(-1)
        logits: Tensor = self.read(heard.flatten(1)).squeeze(-1)
        return logits


@torch.no_grad()
def calm_start(net: Aasist) -> None:
    """Residual blocks begin as small changes of what they are given, so that it is not lost."""
    for name, weight in net.encoder.named_parameters():
        if name.endswith("conv2.weight"):
            weight.mul_(0.1)
    net.pos_S.mul_(0.3)


def fit(pieces: Pieces, config: Mapping[str, Any], seconds: float, log: Path, seed: int) -> Aasist:
    """Train for so many seconds where the pieces are; the mean of the weights comes back."""
    torch.manual_seed(seed)
    device = pieces.clean.samples.device
    net = Aasist.build(config, "compact").to(device).train()
    calm_start(net)
    labels = targets([item.label for item in pieces.items]).to(device)
    spoofed = torch.tensor([item.label == "spoof" for item in pieces.items], device=device).float()
    warm = Descent(Shallow(net), WARM_PEAK, 0.05, 2.0, betas=(0.9, 0.999))
    for share in until(seconds * WARM):
        rows = pieces.rows(BATCH)
        wanted = spoofed[torch.from_numpy(rows)] * (1 - 2 * SMOOTHING) + SMOOTHING
        found = warm.net(pieces.waves(rows))
        warm.move(functional.binary_cross_entropy_with_logits(found, wanted), share)
    descent = Descent(net, PEAK, DECAY, 2.0, MEMORY)
    curve, losses = list[dict[str, float]](), list[float]()
    for share in until(seconds * (1 - WARM)):
        rows = pieces.rows(BATCH)
        trace = net(pieces.waves(rows)).trace
        wanted = labels[torch.from_numpy(rows)]
        loss = functional.cross_entropy(trace["logits"], wanted, label_smoothing=SMOOTHING)
        descent.move(loss, share)
        losses.append(float(loss.detach()))
        if descent.steps % EVERY == 0:
            loss_ = float(np.mean(losses))
            curve.append({"step": descent.steps, "share": round(share, 3), "loss": loss_})
            losses.clear()
            log.write_text(json.dumps(curve, indent=1) + "\n")
            torch.save(descent.mean.state_dict(), log.with_suffix(".pt"))
    return descent.mean.cpu().eval()
