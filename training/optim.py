"""Optimisers and learning-rate schedules of the papers."""

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from training.errors import TrainingError
from training.recipe import Optimiser, Recipe, Schedule

BACKBONE = "backbone."


def freeze(detector: nn.Module, prefixes: Iterable[str]) -> None:
    """Take the gradient from every parameter whose name starts with one of the prefixes.

    Raises
    ------
    TrainingError
        A prefix that no parameter has.
    """
    for prefix in prefixes:
        named = [one for name, one in detector.named_parameters() if _under(name, prefix)]
        if not named:
            top = sorted({name.partition(".")[0] for name, _ in detector.named_parameters()})
            raise TrainingError(f"nothing to freeze under {prefix!r}; there are {', '.join(top)}")
        for parameter in named:
            parameter.requires_grad_(False)  # noqa: FBT003 - torch's own signature


def set_mode(detector: nn.Module, recipe: Recipe) -> None:
    """Training mode, with frozen modules in the mode that the recipe names."""
    detector.train()
    if recipe.frozen_mode == "eval":
        for name, module in detector.named_modules():
            if any(_under(name, prefix) for prefix in recipe.freeze):
                module.eval()


def optimiser(detector: nn.Module, wanted: Optimiser) -> Optimizer:
    """The optimiser over what is trained; the backbone in a group of its own."""
    groups: dict[bool, list[nn.Parameter]] = {False: [], True: []}
    for name, parameter in detector.named_parameters():
        if parameter.requires_grad:
            groups[name.startswith(BACKBONE)].append(parameter)
    rates = {
        False: wanted.lr,
        True: wanted.lr if wanted.backbone_lr is None else wanted.backbone_lr,
    }
    described = [
        {"params": parameters, "lr": rates[is_backbone], "base_lr": rates[is_backbone]}
        for is_backbone, parameters in groups.items()
        if parameters
    ]
    if not described:
        raise TrainingError("every parameter is frozen; there is nothing to train")
    kind = torch.optim.AdamW if wanted.kind == "adamw" else torch.optim.Adam
    return kind(described, lr=wanted.lr, betas=wanted.betas, weight_decay=wanted.weight_decay)


def factor(schedule: Schedule, step: int, total: int, per_epoch: int) -> float:
    """Multiplier of the learning rate for the step with that number (from 0)."""
    if schedule.kind == "constant":
        return 1.0
    if schedule.kind == "cosine":
        return _cosine(step / max(total, 1), schedule.floor)
    if schedule.kind == "warmup_cosine":
        warm = round(schedule.warmup * total)
        if step < warm:
            return (step + 1) / warm
        return _cosine((step - warm) / max(total - warm, 1), schedule.floor)
    warm = round(schedule.warmup * per_epoch)
    if step < warm:
        return (step + 1) / warm
    return schedule.decay ** ((step - warm) // per_epoch + 1 if warm else step // per_epoch)


def set_rate(optimiser: Optimizer, multiplier: float) -> None:
    """Set each group's learning rate to its own base times `multiplier`."""
    for group in optimiser.param_groups:
        group["lr"] = group["base_lr"] * multiplier


def _cosine(progress: float, floor: float) -> float:
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


def _under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix.rstrip(".") + ".")
