"""Sparse AASIST on stored texture: its compact size, whose stem has nothing to train."""

import copy
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.detectors.aasist import Aasist
from training.losses import targets
from training.steps import Draws, follow, rate
from training.teacher import LESSON, Taught, lesson, mixed
from training.textures import Textures

PEAK, DECAY, DROPPED, BATCH, EVERY = 1.5e-3, 0.02, 0.2, 32, 100
MEMORY, STEPS, WARM_BATCH = 0.995, 2000, 96


def pictures(net: Aasist, blocks: NDArray[np.float32], drop: float) -> Tensor:
    """Stored statistics (batch, blocks, width) -> pictures; dimensions of a clip left out."""
    stem: Any = net.stem
    scaled: Tensor = stem.texture.scaled(torch.from_numpy(blocks))
    if drop:
        scaled = scaled * (torch.rand(len(scaled), 1, scaled.shape[-1]) >= drop) / (1 - drop)
    made: Tensor = stem.picture(scaled)
    return made


def start(net: Aasist, train: Textures, rng: np.random.Generator, steps: int = STEPS) -> None:
    """A start: the bins' linear layers, trained alone under one linear layer on means over time.

    The residual blocks begin as small changes of what they are given, so that it is not lost.
    """
    with torch.no_grad():
        for name, weight in net.encoder.named_parameters():
            if name.endswith("conv2.weight"):
                weight.mul_(0.1)
        net.pos_S.mul_(0.3)
    head = nn.Sequential(nn.Dropout(0.3), nn.Linear(net.config.bins * net.config.seen, 1))
    stem: Any = net.stem
    trained = [stem.read, *net.first_bn.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(trained, 2e-3, weight_decay=0.05)
    draw = Draws(train.items, rng)
    spoofed = torch.tensor([float(item.label == "spoof") for item in train.items])
    for step in range(steps):
        rows = draw(WARM_BATCH)
        at = np.sort(rng.choice(train.blocks[0].shape[1], 4, replace=False))
        pairs = zip(train.variants(WARM_BATCH, rng), rows, strict=True)
        blocks = np.stack([train.blocks[v][row][at] for v, row in pairs]).astype(np.float32)
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * rate((step + 1) / steps)
        made = functional.selu(net.first_bn(pictures(net, blocks, DROPPED)))
        found = head(made.mean(-1).flatten(1)).squeeze(-1)
        loss = functional.binary_cross_entropy_with_logits(found, spoofed[rows] * 0.9 + 0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@torch.inference_mode()
def logits(net: Aasist, textures: Textures) -> list[float]:
    """spoof_logit of the unchanged clips."""
    found: list[float] = []
    for start in range(0, len(textures.items), BATCH):
        blocks = textures.blocks[0][start : start + BATCH].astype(np.float32)
        found += net.decide({"picture": pictures(net, blocks, 0.0)}).spoof_logit.tolist()
    return found


def _begin(
    train: Textures,
    config: Mapping[str, Any],
    rng: np.random.Generator,
    taught: Taught[Aasist] | None,
) -> tuple[Aasist, float]:
    """The network that training starts from, and the highest rate."""
    net = Aasist.build(config, "compact").train()
    if taught is not None:
        net.load_state_dict(taught.before.state_dict())
        return net, PEAK / 2
    rows = train.blocks[0][::2, ::5].astype(np.float32)
    stem: Any = net.stem
    stem.texture.fit(torch.from_numpy(rows.reshape(-1, rows.shape[-1])))
    start(net, train, rng)
    return net, PEAK


def fit(
    train: Textures,
    config: Mapping[str, Any],
    seconds: float,
    log: Path,
    seed: int,
    taught: Taught[Aasist] | None = None,
) -> Aasist:
    """Train for so many seconds; the weights are an exponential mean over steps.

    With `taught`, a network that was trained before goes on at half the rate, on mixtures of clips
    and with the teacher's opinion beside the labels.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net, peak = _begin(train, config, rng, taught)
    mean = copy.deepcopy(net).requires_grad_(False)  # noqa: FBT003 - torch's own signature
    optimiser = torch.optim.AdamW(net.parameters(), PEAK, weight_decay=DECAY)
    draw = Draws(train.items, rng)
    labels = targets([item.label for item in train.items])
    curve, losses, step, started = list[dict[str, float]](), list[float](), 0, time.monotonic()
    while (share := (time.monotonic() - started) / seconds) < 1:
        chosen = draw(BATCH)
        blocks = train.take(chosen, train.variants(BATCH, rng))
        for group in optimiser.param_groups:
            group["lr"] = peak * rate(share)
        clips = BATCH if taught is None else BATCH // 2
        if taught is not None:
            blocks = np.concatenate([blocks[:clips], mixed(blocks, rng)[clips:]])
        found = net.decide({"picture": pictures(net, blocks, DROPPED)}).trace["logits"]
        loss = functional.cross_entropy(
            found[:clips], labels[torch.from_numpy(chosen[:clips])], label_smoothing=0.05
        )
        if taught is not None:
            opinion = taught.teacher(torch.from_numpy(blocks).mean(1))
            loss = loss + LESSON * lesson(found, opinion)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        step += 1
        follow(mean, net, step, MEMORY)
        losses.append(float(loss.detach()))
        if step % EVERY == 0:
            curve.append({"step": step, "share": round(share, 3), "loss": float(np.mean(losses))})
            losses.clear()
            log.write_text(json.dumps(curve, indent=1) + "\n")
            torch.save(mean.state_dict(), log.with_suffix(".pt"))
    return mean.eval()
