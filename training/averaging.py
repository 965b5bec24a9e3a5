"""Which epochs' weights are kept, and what becomes of them in the end.

Each kept epoch is one file in `weights/`; the state of the run names those that count, so that a
kill between two writes leaves at worst a file that nobody names.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.checkpointing import load_weights, save_weights
from training.recipe import Averaging


class Keeper:
    """Keeps the best epochs of a run; lower values are better.

    `kept`: (value, epoch, file name), best first. `average`: (epochs, file name) of the running
    mean over every new best.
    """

    def __init__(self, folder: Path, rule: Averaging, state: Mapping[str, Any] | None) -> None:
        self.folder = folder
        self.rule = rule
        state = state or {}
        self.kept: list[list[Any]] = [list(one) for one in state.get("kept", [])]
        average = state.get("average")
        self.average: tuple[int, str] | None = tuple(average) if average else None
        self.since_best = int(state.get("since_best", 0))

    def state(self) -> dict[str, Any]:
        """What the run's state keeps of this."""
        return {"kept": self.kept, "average": self.average, "since_best": self.since_best}

    @property
    def best_epoch(self) -> int | None:
        return self.kept[0][1] if self.kept else None

    def offer(
        self, value: float, epoch: int, tensors: Callable[[], Mapping[str, Tensor]], write: bool
    ) -> bool:
        """Consider an epoch; True where it is a new best. Equal values are not better.

        `write`: whether this process is the one that writes.
        """
        is_best = not self.kept or value < self.kept[0][0]
        self.since_best = 0 if is_best else self.since_best + 1
        most = self.rule.keep if self.rule.kind == "best" else 1
        name = f"epoch_{epoch:04d}.safetensors"
        entry: list[Any] = [value, epoch, name]
        ranked = sorted([*self.kept, entry], key=lambda one: (one[0], one[1]))[:most]
        if entry in ranked:
            if write:
                save_weights(self.folder / name, tensors())
            self.kept = ranked
        if is_best and self.rule.kind == "swa":
            self._extend(epoch, tensors, write)
        return is_best

    def tidy(self) -> None:
        """Remove the files that no longer count; only after the state was saved."""
        named: set[str] = {one[2] for one in self.kept}
        if self.average:
            named.add(self.average[1])
        for path in self.folder.glob("*.safetensors"):
            if path.name not in named:
                path.unlink()

    def final(self) -> dict[str, Tensor]:
        """The weights at the end: the best epoch's, or the average that the recipe asks for."""
        if self.rule.kind == "swa" and self.average:
            return load_weights(self.folder / self.average[1])
        if self.rule.kind == "best":
            return mean(load_weights(self.folder / one[2]) for one in self.kept)
        return load_weights(self.folder / self.kept[0][2])

    def _extend(self, epoch: int, tensors: Callable[[], Mapping[str, Tensor]], write: bool) -> None:
        count, before = self.average or (0, "")
        name = f"average_{epoch:04d}.safetensors"
        if write:
            now = dict(tensors())
            if before:
                old = load_weights(self.folder / before)
                now = {
                    key: old[key] + (value.cpu() - old[key]) / (count + 1)
                    if value.is_floating_point()
                    else value
                    for key, value in now.items()
                }
            save_weights(self.folder / name, now)
        self.average = (count + 1, name)


def mean(sets: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several sets of weights; whole numbers (counters) are the first set's."""
    total: dict[str, Tensor] = {}
    count = 0
    for tensors in sets:
        count += 1
        for name, value in tensors.items():
            if name not in total:
                total[name] = value.double() if value.is_floating_point() else value
            elif value.is_floating_point():
                total[name] = total[name] + value.double()
    return {
        name: (value / count).float() if value.is_floating_point() else value
        for name, value in total.items()
    }


def normalisation_layers(detector: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """The batch normalisation layers that keep statistics and are trained."""
    return [
        module
        for module in detector.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        and module.track_running_stats
        and (not module.affine or module.weight.requires_grad)
    ]


def estimate_normalisation(
    detector: nn.Module, set_mode: Callable[[], None], waves: Iterable[Tensor]
) -> None:
    """Batch normalisation statistics of averaged weights, as plain means over batches."""
    layers = normalisation_layers(detector)
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative mean
    set_mode()
    with torch.no_grad():
        for wave in waves:
            detector(wave)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    detector.eval()
