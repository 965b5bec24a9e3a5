"""A recipe and a corpus -> a run's folder -> a checkpoint that the app and the commands can use."""

import dataclasses
import importlib.metadata
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checkpoints import store
from checkpoints.store import Checkpoint
from core import trials
from core.calibration import Calibration, fit
from core.detect import Settings, detections, scan
from core.detectors.base import Detector
from core.intake import decode
from core.loading import Loaded, golden_logit
from core.registry import DETECTORS
from core.types import AudioError, DetectorError
from training import basis, checkpointing
from training.augment import chain
from training.bootstrap import bootstrap_eer, interval
from training.curve import eer_official, scores
from training.data import Audio, Item, Splits
from training.errors import TrainingError
from training.loop import Options, Trainer, own_tensors
from training.recipe import Recipe

LIBRARIES = ("torch", "accelerate", "numpy", "scipy", "transformers", "soundfile", "soxr")
GOLDEN_TOLERANCE = 2e-3  # a logit; other processors and thread counts stay well below
LICENCE = "for research and evaluation"


@dataclass(frozen=True, slots=True)
class Naming:
    """What a run's checkpoint is called and says of itself."""

    id: str
    recipe: str
    command: str
    data: str = "corpus"
    default: bool = False
    notes: tuple[str, ...] = ()


def train(recipe: Recipe, data: Splits, options: Options, naming: Naming) -> Checkpoint | None:
    """Train by a recipe and write the checkpoint, in `options.folder`/checkpoint/`naming.id`.

    Returns None in a process that does not write (one of several).

    Raises
    ------
    TrainingError, CheckpointError
        What is wrong with the recipe, the data, the folder or the weights, in words.
    """
    for changes in (recipe.augmentation.before_crop, recipe.augmentation.after_crop):
        chain.check(changes)
    checkpointing.seed_everything(recipe.seed)
    detector = build(recipe)
    if detector.spec.samples != recipe.crop.samples:
        raise TrainingError(
            f"{recipe.detector} hears {detector.spec.samples} samples, the recipe crops "
            f"{recipe.crop.samples}"
        )
    cache = options.folder.parent / "audio-cache"
    trainer = Trainer(
        detector,
        recipe,
        Audio.of(data.train, cache),
        Audio.of(data.dev, cache),
        options,
        {"data": data.fingerprint()},
    )
    if trainer.leads:
        describe(options.folder, recipe, data, naming)
    trainer.fit()
    checkpoint = conclude(trainer, recipe, data, naming) if trainer.leads else None
    trainer.accelerator.free_memory()
    # a process that leaves its group open may be aborted as it exits, its threads still running
    trainer.accelerator.end_training()
    return checkpoint


def build(recipe: Recipe) -> Detector:
    """The recipe's detector, untrained save for what comes from the hub or another checkpoint."""
    if recipe.detector not in DETECTORS:
        raise TrainingError(
            f"there is no detector {recipe.detector!r}; there are {', '.join(DETECTORS)}"
        )
    detector = DETECTORS[recipe.detector].build(recipe.config, recipe.size)
    for part, source in (("backbone", recipe.backbone), ("codec", recipe.codec)):
        if source is not None:
            _fill(detector, part, source)
    start = getattr(detector, "start_from_codec", None)
    if start is not None and recipe.config.get("mode", "codecT") == "codecT":
        start()
    return detector


def describe(folder: Path, recipe: Recipe, data: Splits, naming: Naming) -> None:
    """Write run.json: the recipe, what the data was, and the versions of the libraries."""
    record = {
        "recipe": naming.recipe,
        "values": recipe.to_json(),
        "command": naming.command,
        "data": {
            "fingerprint": data.fingerprint(),
            "train": _counts(data.train),
            "dev": _counts(data.dev),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in LIBRARIES},
        },
    }
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    checkpointing.write_bytes(folder / "run.json", text.encode())


def conclude(trainer: Trainer, recipe: Recipe, data: Splits, naming: Naming) -> Checkpoint:
    """Score dev as the analysis does, calibrate, and write the checkpoint with its card."""
    detector = trainer.detector.eval()
    spoof_logits = dev_scores(detector, data.dev)
    detector.to("cpu")
    card = _card(detector, recipe, naming)
    labels = [item.label for item in data.dev]
    try:
        calibration: Calibration | None = fit(spoof_logits, labels, f"{naming.data} dev")
    except DetectorError as error:
        calibration = None
        card["notes"].append(f"Not calibrated: {error}")
    card["calibration"] = None
    if calibration is not None:
        heard = basis.measured([item.path for item in data.dev])
        conditions = basis.conditions_for(detector, heard)
        card["calibration"] = {**calibration.to_card(), "conditions": conditions}
    card["measured"] = [_dev_eer(spoof_logits, labels, naming)]
    card["notes"] += [f"Weights of epoch {trainer.keeper.best_epoch}, counted from 0."]
    tensors = detector.state_dict()
    if card["backbone"] is not None:
        tensors = own_tensors(detector, recipe)
    saved = store.save(trainer.options.folder / "checkpoint" / naming.id, tensors, card)
    trials.write(saved.folder / trials.SCORES, labels, {"spoof_logit": spoof_logits})
    return saved


def dev_scores(detector: Detector, items: tuple[Item, ...]) -> list[float]:
    """spoof_logit of each clip as `python -m core analyze` scores it, windows and all."""
    unsaved = Checkpoint("in-training", detector.name, "compact", Path(), "0" * 64, LICENCE, {})
    loaded = (Loaded(detector, unsaved, None),)
    found = []
    for item in items:
        try:
            steps = scan(decode(item.path), loaded, Settings(score_anyway=True))
        except AudioError as error:
            raise TrainingError(f"{item.path} cannot be scored: {error}") from error
        scored = detections(steps)
        if not scored:
            raise TrainingError(f"{item.path} cannot be scored: nothing was heard in it")
        found.append(max(one.score.spoof_logit for one in scored))
    return found


def _fill(detector: Detector, part: str, source: str) -> None:
    module: Any = getattr(detector, part, None)
    if module is None:
        raise TrainingError(f"{detector.name} has no {part} to take from {source!r}")
    if source == "hub":
        from core.pretrained import load_published

        load_published(module)
    else:
        store.load_strict(module, store.tensors(store.find(source)), f"checkpoint {source}")


def _card(detector: Detector, recipe: Recipe, naming: Naming) -> dict[str, Any]:
    shared = recipe.backbone not in (None, "hub") and "backbone" in recipe.freeze
    return {
        "id": naming.id,
        "detector": recipe.detector,
        "size": recipe.size,
        "config": _json(detector.config_dict()),
        "licence": LICENCE,
        "provenance": {
            "source": "trained by this project",
            "url": None,
            "commit": None,
            "made_by": "python -m training train",
        },
        "trained_on": [naming.data],
        "recipe": naming.recipe,
        "command": naming.command,
        "golden": {"spoof_logit": golden_logit(detector), "tolerance": GOLDEN_TOLERANCE},
        "backbone": recipe.backbone if shared else None,
        "default": naming.default,
        "notes": list(naming.notes),
    }


def _dev_eer(spoof_logits: list[float], labels: list[Any], naming: Naming) -> dict[str, Any]:
    bona = [-s for s, label in zip(spoof_logits, labels, strict=True) if label == "bonafide"]
    spoof = [-s for s, label in zip(spoof_logits, labels, strict=True) if label == "spoof"]
    ordered = scores(bona, spoof)
    spread = interval(bootstrap_eer(ordered))
    return {
        "set": f"{naming.data} dev",
        "metric": "eer",
        "value": eer_official(ordered).value,
        "low": spread.low,
        "high": spread.high,
        "n": len(labels),
        "command": naming.command,
    }


def _counts(items: tuple[Item, ...]) -> dict[str, int]:
    human = sum(item.label == "bonafide" for item in items)
    return {"bonafide": human, "spoof": len(items) - human}


def _json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    return json.loads(json.dumps(value))
