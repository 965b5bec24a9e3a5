"""QAF-Static's own part over a frozen compact backbone and codec, for a given time.

As for the detectors that are trained together (`training.joint`), half of each batch are mixtures
of two clips, of which only a kernel machine on the backbone's statistics has an opinion.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from core.backbones import Codec, SpeechBackbone
from core.blocks import BlockStem
from core.detectors.qaf import QafStatic, look_up
from training import teacher
from training.joint import BATCH, CE, frames_of
from training.losses import objective, targets
from training.steps import Descent, Draws, until
from training.teacher import LESSON, lesson, mixed, shares
from training.textures import Textures, kept

PEAK = 1e-3
SPARSE = 12  # in the first part of training one frame in twelve: statistics change slowly
SPARSE_UNTIL = 0.85  # share of the time
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
    """What stays as it is: backbone, codec, and the codes of the first variants of each clip."""

    backbone: SpeechBackbone
    codec: Codec
    codes: tuple[NDArray[np.int16], ...]


def logits(net: QafStatic, textures: Textures, codes: NDArray[np.int16]) -> list[float]:
    """spoof_logit of the unchanged clips, whose codes are given."""
    stem = cast("BlockStem", net.backbone.model.feature_extractor)
    found: list[float] = []
    with torch.inference_mode():
        for start in range(0, len(textures.items), BATCH):
            rows = slice(start, start + BATCH)
            frames = frames_of(stem, textures.blocks[0][rows])
            hidden = net.backbone.encode(frames, layers=net.config.ssl_layers).hidden
            heard = {"hidden": hidden, "codes": torch.from_numpy(codes[rows].astype(np.int64))}
            found += net.decide(heard).spoof_logit.tolist()
    return found


def fit(
    config: Mapping[str, Any],
    frozen: Frozen,
    train: Textures,
    seconds: float,
    log: Path,
    seed: int,
) -> QafStatic:
    """Train the head for so many seconds, on the variants of `train` that have codes.

    The weights are an exponential mean over steps.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = QafStatic.build({**config, "codec_rms": LEVEL}, "compact")
    net.backbone.load_state_dict(frozen.backbone.state_dict())
    net.codec.load_state_dict(frozen.codec.state_dict())
    net.start_from_codec()
    # the codes stand for vectors of any size; one scale lets them meet the backbone's frames
    net.head.mix.vectors.data.div_(net.head.mix.vectors.data.std())
    stem = cast("BlockStem", net.backbone.model.feature_extractor)
    net.eval()
    machine = teacher.fit(train, stem.widths, seed + 1)
    descent = Descent(net, PEAK, 0.05, 1.0)
    draw = Draws(train.items, rng)
    labels = targets([item.label for item in train.items])
    curve, losses = list[dict[str, float]](), list[float]()
    for share in until(seconds):
        chosen, whole = draw(BATCH), BATCH // 2
        variants = train.variants(BATCH, rng, len(frozen.codes))
        parts = shares(BATCH, whole, rng)
        with torch.no_grad():
            sparse = share < SPARSE_UNTIL
            step, first = (SPARSE, int(rng.integers(SPARSE))) if sparse else (1, 0)
            frames = frames_of(stem, train.take(chosen, variants), step, first)
            frames = mixed(frames, parts) * kept(stem, BATCH)
            hidden = net.backbone.encode(frames, layers=net.config.ssl_layers).hidden
        codes = np.stack([frozen.codes[v][c] for v, c in zip(variants, chosen, strict=True)])
        vectors = mixed(look_up(net.books(), torch.from_numpy(codes.astype(np.int64))), parts)
        trace = net.decide({"hidden": hidden, "vectors": vectors}).trace
        own = {"logits": trace["logits"][:whole]}
        loss, _ = objective(CE, own, labels[torch.from_numpy(chosen[:whole])])
        loss = loss + LESSON * lesson(trace["logits"], machine(chosen, parts))
        descent.move(loss, share)
        losses.append(float(loss.detach()))
        if descent.steps % 25 == 0:
            loss_ = float(np.mean(losses))
            curve.append({"step": descent.steps, "share": round(share, 3), "loss": loss_})
            losses.clear()
            log.write_text(json.dumps(curve, indent=1) + "\n")
    return descent.mean.eval()
