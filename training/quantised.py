"""QAF-Static's own part over a frozen compact backbone and codec, for a given time."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.backbones import Codec, SpeechBackbone
from core.detectors.qaf import QafStatic
from core.texture import TextureStem
from training.data import Audio
from training.joint import BATCH, CE, DROPPED, FRAMES, SPARSE, SPARSE_UNTIL, batch_of
from training.losses import objective, targets
from training.steps import Draws, rate
from training.textures import Textures

PEAK = 1e-3
LEVEL = 0.1  # root mean square at which the codec hears


def codes_of(codec: Codec, waves: NDArray[np.int16]) -> NDArray[np.int16]:
    """The codes of stored pieces, (clips, quantizers, codec frames), each at the level `LEVEL`."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(waves), 16):
            wave = torch.from_numpy(waves[start : start + 16].astype(np.float32) / 32_768)
            power = wave.square().mean(-1, keepdim=True)
            found.append(codec.codes(wave * (LEVEL / (power + 1e-7).sqrt())).short().numpy())
    return np.concatenate(found)


@dataclass(frozen=True, slots=True)
class Frozen:
    """What stays as it is: backbone, codec, and the codes of the first rows of the textures."""

    backbone: SpeechBackbone
    codec: Codec
    codes: NDArray[np.int16]


def fit(
    config: Mapping[str, Any],
    frozen: Frozen,
    train: Textures,
    audio: Audio,
    seconds: float,
    log: Path,
    seed: int,
) -> QafStatic:
    """Train the head for so many seconds, on the rows of `train` that have codes."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = QafStatic.build({**config, "codec_rms": LEVEL}, "compact")
    net.backbone.load_state_dict(frozen.backbone.state_dict())
    net.codec.load_state_dict(frozen.codec.state_dict())
    net.start_from_codec()
    # the codes stand for vectors of any size; one scale lets them meet the backbone's frames
    net.head.mix.vectors.data.div_(net.head.mix.vectors.data.std())
    stem = cast("TextureStem", net.backbone.model.feature_extractor)
    net.eval()
    kept = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(kept, PEAK, betas=(0.9, 0.98), weight_decay=0.05)
    draw, clips = Draws(audio, rng), len(audio.items)
    curve, losses, step, started = list[dict[str, float]](), list[float](), 0, time.monotonic()
    while (share := (time.monotonic() - started) / seconds) < 1:
        chosen = draw(BATCH)
        rows = chosen + clips * rng.integers(len(frozen.codes) // clips, size=BATCH)
        target = targets([audio.items[index].label for index in chosen])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            frames = batch_of(stem, train.blocks[rows], drop=DROPPED)
            if share < SPARSE_UNTIL:
                frames = frames[:, int(rng.integers(SPARSE)) :: SPARSE][:, : FRAMES // SPARSE]
            hidden = net.backbone.encode(frames, layers=net.config.ssl_layers).hidden.float()
        for group in optimiser.param_groups:
            group["lr"] = PEAK * rate(share)
        heard = {"hidden": hidden, "codes": torch.from_numpy(frozen.codes[rows].astype(np.int64))}
        loss, _ = objective(CE, net.decide(heard).trace, target)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(kept, 1.0)
        optimiser.step()
        step += 1
        losses.append(float(loss.detach()))
        if step % 25 == 0:
            curve.append({"step": step, "share": round(share, 3), "loss": float(np.mean(losses))})
            losses.clear()
            log.write_text(json.dumps(curve, indent=1) + "\n")
    return net.eval()
