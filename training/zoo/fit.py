"""Train one generator of the zoo for a given time."""

import json
import math
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.steps import until
from training.zoo import generators
from training.zoo.critics import Critics, critics_loss, generator_loss
from training.zoo.generators import Generator, Mel

SAMPLES, BATCH = 12_800, 16  # a multiple of every hop
LEVEL = 0.1  # root of the mean square that generators hear
PEAK, ALONE = 5e-4, 0.2  # rate; share of the time before critics join
DISTANCES = ((512, 128, 64), (1024, 256, 80), (256, 64, 32))  # size, hop, bands of mel spectra
MEMORY = 0.998  # of the mean of the weights, a step
DISTANCE = 15.0  # weight of their mean against the critics


def pieces(samples: Tensor, size: int, count: int) -> Tensor:
    """Random pieces (count, size) of one long wave, at `LEVEL` give or take 6 dB."""
    starts = torch.randint(len(samples) - size, (count, 1), device=samples.device)
    wave = samples[starts + torch.arange(size, device=samples.device)]
    gain = 10 ** (torch.empty(count, 1, device=wave.device).uniform_(-0.3, 0.3))
    return at_level(wave) * gain


def at_level(wave: Tensor) -> Tensor:
    """Waves (batch, samples) at `LEVEL`, silence as it is."""
    return wave * (LEVEL / wave.square().mean(1, keepdim=True).sqrt().clamp_min(1e-4))


class Distance(nn.Module):
    """Mean distance of log mel spectra at several resolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.views = nn.ModuleList(Mel(*view) for view in DISTANCES)

    def forward(self, made: Tensor, heard: Tensor) -> Tensor:
        terms = [functional.l1_loss(view(made), view(heard)) for view in self.views]
        return torch.stack(terms).mean()


def fit(kind: str, samples: Tensor, seconds: float, log: Path, seed: int) -> Generator:
    """A generator of that kind, trained on one long wave of human speech.

    Parameters
    ----------
    kind : of `generators.KINDS`.
    samples : (samples,) in [-1, 1), 16 kHz, on the device to train on.
    seconds : of this machine's time; for the first `ALONE` of them without critics.
    log : the curve goes there as JSON.
    seed : of weights and pieces.
    """
    torch.manual_seed(seed)
    device = samples.device
    made_by = generators.build(kind).to(device).train()
    critics, distance = Critics().to(device), Distance().to(device)
    ours = torch.optim.AdamW(made_by.parameters(), PEAK, betas=(0.8, 0.99), fused=True)
    theirs = torch.optim.AdamW(critics.parameters(), PEAK / 2, betas=(0.8, 0.99), fused=True)
    mean = AveragedModel(made_by, multi_avg_fn=get_ema_multi_avg_fn(MEMORY))
    curve: list[dict[str, float]] = []
    for step, share in enumerate(until(seconds), 1):
        rate = min(1.0, step / 200) * max(0.02, 0.5 + 0.5 * math.cos(math.pi * share))
        for group in ours.param_groups:
            group["lr"] = PEAK * rate
        heard = pieces(samples, SAMPLES, BATCH)
        made, loss = made_by(heard)
        far = loss.detach()
        if made_by.adversarial:
            far = distance(made, heard)
            loss = loss + DISTANCE * far
            if share > ALONE:
                loss = loss + _challenge(critics, theirs, heard, made)
        ours.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(made_by.parameters(), 20.0)
        ours.step()
        mean.update_parameters(made_by)
        if step % 100 == 1:
            curve.append(
                {"step": step, "share": round(share, 3), "distance": round(float(far.detach()), 4)}
            )
            log.write_text(json.dumps(curve, indent=1) + "\n")
    return cast("Generator", mean.module).eval()


def _challenge(
    critics: Critics, theirs: torch.optim.Optimizer, heard: Tensor, made: Tensor
) -> Tensor:
    """A step of the critics, then what they add to the generator's loss."""
    against = critics_loss(critics(heard), critics(made.detach()))
    theirs.zero_grad()
    against.backward()
    theirs.step()
    critics.requires_grad_(False)  # noqa: FBT003 - torch's own signature
    found = generator_loss(critics(heard), critics(made))
    critics.requires_grad_(True)  # noqa: FBT003 - torch's own signature
    return found
