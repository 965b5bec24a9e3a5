"""One training loop for every recipe, on accelerate: CPU, one GPU, several processes.

A step of the optimiser sees `recipe.batch` clips whatever the machine: they are shared out among
the processes and, where a process takes fewer at a time, accumulated. Class weights and
contrastive pairs act inside the part that one process sees at once.

Frozen modules run in the mode the recipe names; dev is scored in eval mode and float32 without
gradients, each clip by itself: no score depends on its batch mates.
"""

import dataclasses
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, gather_object
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from core.detectors.base import Detector
from core.types import Label
from training import checkpointing, optim
from training.averaging import Keeper, estimate_normalisation
from training.curve import eer_official, scores
from training.data import Audio, DevSet, TrainingSet, collate
from training.errors import TrainingError
from training.losses import Loss, objective, targets
from training.recipe import Recipe
from training.sampling import Draw, plan


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is carried out; nothing here changes which weights come out, up to rounding.

    Attributes
    ----------
    folder : of the run.
    resume : continue from the folder's state.
    cpu : do not use a GPU.
    workers : processes that read and change clips; 0 = in the loop.
    micro : clips a process takes at a time; None = its whole share of a batch.
    save_every : steps between two saves inside an epoch.
    quiet : no progress bar.
    """

    folder: Path
    resume: bool = False
    cpu: bool = False
    workers: int = 0
    micro: int | None = None
    save_every: int = 200
    quiet: bool = False


@dataclass(slots=True)
class Progress:
    """Where a run is. `batch` counts the batches done in `epoch`; `sums` are of this epoch."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    finished: bool = False


class Piece(NamedTuple):
    """What one process takes at once: its draws, and its share of the batch's loss."""

    draws: list[Draw]
    share: float


class Trainee(nn.Module):
    """A detector that returns only what the loss needs, so that the rest can be let go."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, wave: Tensor) -> dict[str, Tensor]:
        trace = self.detector(wave).trace
        return {name: trace[name] for name in ("logits", "projection") if name in trace}


class Trainer:
    """Trains one detector by one recipe. `fit` is the whole of it."""

    def __init__(
        self,
        detector: Detector,
        recipe: Recipe,
        train: Audio,
        dev: Audio,
        options: Options,
        identity: Mapping[str, str] | None = None,
    ) -> None:
        self.recipe, self.options = recipe, options
        precision = {"float32": "no"}.get(recipe.precision, recipe.precision)
        self.accelerator = Accelerator(
            cpu=options.cpu,
            mixed_precision=precision,
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        self.identity = {"recipe": json.dumps(recipe.to_json(), sort_keys=True)}
        self.identity |= {"processes": str(self.accelerator.num_processes), **(identity or {})}
        optim.freeze(detector, recipe.freeze)
        self.detector = detector.to(self.accelerator.device)
        self.train_set, self.dev_set = TrainingSet(train, recipe), DevSet(dev, recipe)
        made = optim.optimiser(detector, recipe.optimiser)
        self.trainee, self.optimiser = self.accelerator.prepare(Trainee(detector), made)
        self.per_epoch = len(self._plan(0))
        self.progress = Progress()
        self.keeper = Keeper(options.folder / "weights", recipe.averaging, None)
        self._writer: Any = None
        checkpointing.seed_everything(recipe.seed + self.accelerator.process_index)

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return bool(self.accelerator.is_main_process)

    def fit(self) -> dict[str, Tensor]:
        """Train to the end, or on from the folder's state, and return the weights to keep.

        Raises
        ------
        TrainingError
            A state of another recipe, a folder in use, a loss that is not a number, a full disk.
        """
        self._start()
        with self._bar() as bar:
            while not self.progress.finished:
                self._epoch(bar)
                self._close_epoch()
        self.accelerator.wait_for_everyone()
        weights = self.keeper.final()
        self._load(weights)
        if self.recipe.averaging.kind != "none":
            waves = self._some_waves(self.recipe.averaging.batches)
            estimate_normalisation(self.detector, self._mode, waves)
        self.detector.eval()
        if self._writer is not None:
            self._writer.close()
        return self._own()

    # --- one epoch ---------------------------------------------------------------------------

    def _epoch(self, bar: "tqdm[Any]") -> None:
        progress = self.progress
        batches = self._plan(progress.epoch)[progress.batch :]
        pieces = [self._pieces(batch) for batch in batches]
        loader = self._loader(self.train_set, [p.draws for own in pieces for p in own])
        stream = iter(loader)
        self._mode()
        for own in pieces:
            self._step(stream, own)
            progress.batch += 1
            progress.step += 1
            bar.update(1)
            if progress.step % 20 == 0:
                bar.set_postfix(epoch=progress.epoch, loss=f"{self._mean('loss'):.4f}")
            if progress.step % self.options.save_every == 0:
                self._save()

    def _step(self, stream: Iterator[tuple[Tensor, list[Label]]], own: list[Piece]) -> None:
        total = self.per_epoch * self.recipe.epochs
        rate = optim.factor(self.recipe.schedule, self.progress.step, total, self.per_epoch)
        optim.set_rate(self.optimiser, rate)
        self.optimiser.zero_grad()
        for number, piece in enumerate(own):
            wave, labels = next(stream)
            last = number == len(own) - 1
            if last:
                self._backward(wave, labels, piece.share)
            else:
                with self.accelerator.no_sync(self.trainee):
                    self._backward(wave, labels, piece.share)
        if self.recipe.optimiser.clip_norm is not None:
            trained = [p for p in self.trainee.parameters() if p.requires_grad]
            self.accelerator.clip_grad_norm_(trained, self.recipe.optimiser.clip_norm)
        self.optimiser.step()

    def _backward(self, wave: Tensor, labels: list[Label], share: float) -> None:
        device = self.accelerator.device
        trace = self.trainee(wave.to(device, non_blocking=True))
        loss, parts = objective(self.recipe.loss, trace, targets(labels, device))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss is {value} at step {self.progress.step} (epoch {self.progress.epoch}); "
                "lower the learning rate or set clip_norm. The last saved state is before this"
            )
        self.accelerator.backward(loss * share * self.accelerator.num_processes)
        sums, count = self.progress.sums, len(labels)
        for name, part in {"loss": loss.detach(), **parts}.items():
            sums[name] = sums.get(name, 0.0) + float(part) * count
        sums["clips"] = sums.get("clips", 0.0) + count

    # --- after an epoch ----------------------------------------------------------------------

    def _close_epoch(self) -> None:
        progress, rule = self.progress, self.recipe.selection
        figures = self._gathered_means() | self.evaluate()
        figures["epoch"] = float(progress.epoch)
        figures["lr"] = float(self.optimiser.param_groups[0]["lr"])
        value = -float(progress.epoch) if rule.by == "last" else figures[rule.by]
        is_best = self.keeper.offer(value, progress.epoch, self._own, self.leads)
        progress.history.append({**figures, "best": float(is_best)})
        progress.epoch, progress.batch, progress.sums = progress.epoch + 1, 0, {}
        patience = rule.patience is not None and self.keeper.since_best >= rule.patience
        progress.finished = patience or progress.epoch >= self.recipe.epochs
        self._save()
        self._log(figures)

    def evaluate(self) -> dict[str, float]:
        """Dev EER (organisers' definition) and classification loss, over all processes."""
        values = self.dev_logits()
        labels = [item.label for item in self.dev_set.audio.items]
        logits = torch.tensor(values)
        alone = _without_contrast(self.recipe.loss)
        loss, _ = objective(alone, {"logits": logits}, targets(labels))
        spoofed = np.array([label == "spoof" for label in labels])
        bona = (logits[:, 1] - logits[:, 0]).double().numpy()
        return {
            "dev_eer": eer_official(scores(bona[~spoofed], bona[spoofed])).value,
            "dev_loss": float(loss),
        }

    def dev_logits(self) -> list[list[float]]:
        """Logits (spoof, bona fide) of each dev clip in order, the same in every process."""
        self.detector.eval()
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        mine = list(range(rank, len(self.dev_set), world))
        size = self.options.micro or max(self.recipe.batch // world, 1)
        groups = [mine[start : start + size] for start in range(0, len(mine), size)]
        found: list[tuple[int, list[float]]] = []
        with torch.inference_mode():
            for group, (wave, _) in zip(groups, self._loader(self.dev_set, groups), strict=True):
                logits = self.detector(wave.to(self.accelerator.device)).trace["logits"]
                found += zip(group, logits.float().cpu().tolist(), strict=True)
        return [logits for _, logits in sorted(self._gather(found))]

    # --- what goes in ------------------------------------------------------------------------

    def _plan(self, epoch: int) -> list[list[Draw]]:
        recipe = self.recipe
        items = self.train_set.audio.items
        return plan(items, recipe.sampling, recipe.batch, recipe.seed, epoch)

    def _pieces(self, batch: list[Draw]) -> list[Piece]:
        """What this process takes of a batch, in the order in which it takes them."""
        world = self.accelerator.num_processes
        micro = self.options.micro or math.ceil(len(batch) / world)
        rounds = math.ceil(len(batch) / (micro * world))
        if len(batch) < rounds * world:
            raise TrainingError(
                f"a batch of {len(batch)} clips cannot be shared by {world} processes; "
                "use fewer, or drop_last in the recipe"
            )
        edges = np.linspace(0, len(batch), rounds * world + 1).round().astype(int)
        parts = [batch[a:b] for a, b in pairwise(edges.tolist())]
        mine = parts[self.accelerator.process_index :: world]
        return [Piece(part, len(part) / len(batch)) for part in mine]

    def _loader(self, data: Any, groups: list[Any]) -> "DataLoader[tuple[Tensor, Label]]":
        """Batches in the given order. Its own generator: making one draws from no other."""
        return DataLoader(
            data,
            batch_sampler=groups,
            collate_fn=collate,
            num_workers=self.options.workers,
            generator=torch.Generator(),
            pin_memory=self.accelerator.device.type == "cuda",
        )

    def _some_waves(self, count: int) -> Iterator[Tensor]:
        batches = self._plan(self.recipe.epochs)[:count]
        for wave, _ in self._loader(self.train_set, batches):
            yield wave.to(self.accelerator.device)

    def _mode(self) -> None:
        self.trainee.train()
        optim.set_mode(self.detector, self.recipe)

    # --- state -------------------------------------------------------------------------------

    def _own(self) -> dict[str, Tensor]:
        """The tensors of this run: all but a frozen backbone that came from elsewhere."""
        return own_tensors(self.detector, self.recipe)

    def _load(self, weights: Mapping[str, Tensor]) -> None:
        wanted = self._own().keys()
        if wanted != weights.keys():
            raise TrainingError("the saved weights have other tensors than this detector")
        self.detector.load_state_dict(dict(weights), strict=False)

    def _start(self) -> None:
        state = checkpointing.load_state(self.options.folder)
        self.accelerator.wait_for_everyone()
        if state is not None and not self.options.resume:
            raise TrainingError(
                f"{self.options.folder} holds a run already; --resume continues it, --out names "
                "another folder"
            )
        if state is not None:
            self._restore(state)
        if self.leads:
            from torch.utils.tensorboard import SummaryWriter

            logs = self.options.folder / "tensorboard"
            self._writer = SummaryWriter(str(logs), purge_step=self.progress.epoch)

    def _restore(self, state: Mapping[str, Any]) -> None:
        for name, value in self.identity.items():
            if state["identity"].get(name) != value:
                raise TrainingError(
                    f"the run in {self.options.folder} was started with another {name}; resume "
                    f"it as it was, or start anew in another folder"
                )
        self._load(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.accelerator.scaler is not None and state["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.keeper = Keeper(self.keeper.folder, self.recipe.averaging, state["keeper"])
        self.progress = Progress(**state["progress"])
        rank = self.accelerator.process_index
        self.progress.sums = state["sums"][rank]
        checkpointing.set_random_state(state["random"][rank])

    def _save(self) -> None:
        """Save the state; every process takes part, the leading one writes."""
        random = self._gather([checkpointing.random_state()])
        sums = self._gather([dict(self.progress.sums)])
        if not self.leads:
            return
        progress = self.progress
        scaler = self.accelerator.scaler
        state = {
            "identity": self.identity,
            "model": self._own(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "random": random,
            "sums": sums,
            "keeper": self.keeper.state(),
            "progress": {
                "epoch": progress.epoch,
                "batch": progress.batch,
                "step": progress.step,
                "history": progress.history,
                "finished": progress.finished,
            },
        }
        checkpointing.save_state(self.options.folder, state)
        self.keeper.tidy()

    def _gather(self, values: list[Any]) -> list[Any]:
        gathered: list[Any] = gather_object(values)
        return gathered

    def _mean(self, name: str) -> float:
        sums = self.progress.sums
        return sums.get(name, 0.0) / max(sums.get("clips", 0.0), 1.0)

    def _gathered_means(self) -> dict[str, float]:
        """Means of the losses over this epoch's clips, over all processes."""
        parts = self._gather([self.progress.sums])
        clips = max(sum(part.get("clips", 0.0) for part in parts), 1.0)
        names = sorted({name for part in parts for name in part} - {"clips"})
        return {
            f"train_{name}": sum(part.get(name, 0.0) for part in parts) / clips for name in names
        }

    def _log(self, figures: Mapping[str, float]) -> None:
        if not self.leads:
            return
        history = "".join(json.dumps(row) + "\n" for row in self.progress.history)
        checkpointing.write_bytes(self.options.folder / "history.jsonl", history.encode())
        for name, value in figures.items():
            self._writer.add_scalar(name, value, self.progress.epoch)
        self._writer.flush()
        if not self.options.quiet:
            shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
            tqdm.write(f"{time.strftime('%H:%M:%S')}  {shown}")

    def _bar(self) -> "tqdm[Any]":
        return tqdm(
            total=self.per_epoch * self.recipe.epochs,
            initial=self.progress.step,
            unit="step",
            disable=self.options.quiet or not self.leads,
            dynamic_ncols=True,
        )


def own_tensors(detector: nn.Module, recipe: Recipe) -> dict[str, Tensor]:
    """The tensors a run has to keep: all but a frozen backbone that came from elsewhere."""
    elsewhere = recipe.backbone is not None and "backbone" in recipe.freeze
    return {
        name: value
        for name, value in detector.state_dict().items()
        if not (elsewhere and name.startswith(optim.BACKBONE))
    }


def _without_contrast(loss: Loss) -> Loss:
    return dataclasses.replace(loss, contrast="none", smoothing=0.0)
