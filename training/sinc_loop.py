"""Sparse AASIST on two CPU cores: short pieces, and its first block without tiles.

The network is `core.detectors.aasist` to the last weight; what differs is how it is computed in
training. `core.tiling` saves memory by computing the first block again in the backward pass; with
short pieces and few channels there is memory enough, and this is twice as fast.
"""

import copy
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.detectors.aasist import Aasist, ResidualBlock
from core.tiling import sinc_map
from training.data import Audio
from training.losses import targets
from training.steps import Draws, follow, pieces, rate
from training.textures import SAMPLES

PEAK = 1.5e-3  # learning rate
STAGES = ((0.6, 16_000, 24), (0.85, 32_000, 16), (9.0, SAMPLES, 8))  # until, samples, clips


class Plain(Aasist):
    """AASIST whose encoder is written out; the same parameters by the same names."""

    def encode(self, wave: Tensor) -> Tensor:
        """Waves (batch, samples) -> maps (batch, channels, 23, frames), for training."""
        with torch.no_grad():
            x = sinc_map(wave, self.filters)
        x = functional.selu(self.first_bn(x)).contiguous(memory_format=torch.channels_last)
        for stage in self.encoder:
            block = cast("ResidualBlock", cast("torch.nn.Sequential", stage)[0])
            out = functional.selu(block.bn2(block.conv1(x)))
            out = block.conv2(out) + (block.conv_downsample(x) if block.wider else x)
            x = functional.max_pool2d(out, (1, 3))
        return x


def fit(
    folder: Path, audio: Audio, config: Mapping[str, Any], seconds: float, log: Path, seed: int
) -> Plain:
    """Train for so many seconds on the pieces that `training.textures` made in `folder`.

    Pieces of 1 s with 24 to a step, towards the end of 2 and of 4 s, so that the graphs have the
    sizes they will have; the weights are an exponential mean over steps.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Plain.build(config).train()
    mean = copy.deepcopy(net).requires_grad_(False)  # noqa: FBT003 - torch's own signature
    optimiser = torch.optim.AdamW(net.parameters(), PEAK, weight_decay=0.01)
    draw = Draws(audio, rng)
    waves, refreshed = pieces(folder), time.monotonic()
    curve, losses, step, started = list[dict[str, float]](), list[float](), 0, time.monotonic()
    while (share := (time.monotonic() - started) / seconds) < 1:
        if time.monotonic() - refreshed > 120:  # variants may still be in the making
            waves, refreshed = pieces(folder), time.monotonic()
        size, count = next((s, n) for until, s, n in STAGES if share < until)
        rows = draw(count)
        cuts = [waves[rng.integers(len(waves))][row] for row in rows]
        starts = rng.integers(0, SAMPLES - size + 1, len(rows))
        wave = torch.from_numpy(
            np.stack([c[s : s + size] for c, s in zip(cuts, starts, strict=True)]).astype(
                np.float32
            )
        )
        for group in optimiser.param_groups:
            group["lr"] = PEAK * rate(share)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(wave / 32_768).trace["logits"]
        target = targets([audio.items[row].label for row in rows])
        loss = functional.cross_entropy(logits.float(), target, label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        step += 1
        follow(mean, net, step)
        losses.append(float(loss.detach()))
        if step % 50 == 0:
            curve.append({"step": step, "share": round(share, 3), "loss": float(np.mean(losses))})
            losses.clear()
            log.write_text(json.dumps(curve, indent=1) + "\n")
            if step % 200 == 0:
                torch.save(mean.state_dict(), log.with_suffix(".pt"))
    return mean.eval()
