"""From a checkpoint on disk to a detector that may score.

Nothing scores that did not pass here: the hash of the weights, strict names and shapes, and a
golden self-test, which runs the detector on a signal given by a formula and compares the number
with the one in the card. Random weights cannot pass, because only `core.conversion` and the
training loop write cards, with the number that the trained weights gave.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from checkpoints import store
from checkpoints.card import BACKBONE
from checkpoints.store import Checkpoint, CheckpointError
from core.detectors.base import Detector
from core.detectors.over_backbone import OverBackbone
from core.packed import packed
from core.registry import DETECTORS
from core.types import RATE, DetectorError

if TYPE_CHECKING:
    from core.calibration import Calibration

GOLDEN_TOLERANCE = 1e-3  # logits; machines differ by some 1e-5, wrong weights by far more


@dataclass(frozen=True, slots=True)
class Loaded:
    """A detector in eval mode that passed its self-test, and where its weights come from."""

    detector: Detector
    checkpoint: Checkpoint
    calibration: "Calibration | None"


def copies(loaded: Sequence[Loaded], device: str) -> tuple[Loaded, ...]:
    """The same detectors on another device, sharing what they share; the given ones stay."""
    known: dict[int, object] = {}
    return tuple(
        replace(one, detector=copy.deepcopy(one.detector, known).to(device)) for one in loaded
    )


def golden_wave(samples: int) -> NDArray[np.float32]:
    """The signal of the golden self-test, shape (samples,), in [-0.5, 0.5].

    A voice-like buzz of 120 Hz that comes and goes three times a second, with a noise of quadratic
    residues: broadband, never silent, and made of integers where rounding could matter, so that it
    is the same on every machine to the last bit but one.
    """
    n = np.arange(samples, dtype=np.int64)
    turns = (n * 120) % RATE / RATE  # exact phase, in turns
    buzz = sum(np.sin(2 * np.pi * (turns * k % 1.0)) / k for k in range(1, 30))
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * ((n * 3) % RATE / RATE))
    noise = (n * n * 7919 + n * 104_729) % 65_537 / 65_537 - 0.5
    return (0.2 * swell * buzz + 0.05 * noise).astype(np.float32)


def golden_logit(detector: Detector) -> float:
    """The `spoof_logit` of the golden signal; the detector is in eval mode."""
    wave = torch.from_numpy(golden_wave(detector.spec.samples))
    with torch.inference_mode():
        return float(detector(wave[None]).spoof_logit[0])


def load(checkpoint: Checkpoint, beside: Sequence[Loaded] = ()) -> Loaded:
    """The detector of a checkpoint, in eval mode, after every check.

    Where one of `beside` stands on the same frozen backbone checkpoint, its backbone module is
    used here too, so that one pass serves both. A backbone of the papers' size is packed for the
    processor (`core.packed`); the self-test comes after that.

    Raises
    ------
    CheckpointError
        where the hash, a tensor's name or shape, or the golden self-test is wrong.
    """
    detector = _built(checkpoint)
    weights = store.tensors(checkpoint)
    backbone = checkpoint.card["backbone"]
    if backbone is not None:
        if own := [name for name in weights if name.startswith(f"{BACKBONE}.")]:
            raise CheckpointError(
                f"{checkpoint.id} names the backbone checkpoint {backbone} and holds a backbone of "
                f"its own too ({own[0]}, ...); it must do one or the other."
            )
        frozen = store.tensors(store.find(backbone))
        weights |= {f"{BACKBONE}.{name}": value for name, value in frozen.items()}
    store.load_strict(detector, weights, f"checkpoint {checkpoint.id}")
    if (shared := _shared(checkpoint, beside)) is not None:
        setattr(detector, BACKBONE, shared)
    detector.eval().requires_grad_(False)  # noqa: FBT003 - torch's own signature
    if checkpoint.card["size"] == "paper" and isinstance(detector, OverBackbone):
        detector.backbone = packed(detector.backbone)
    _self_test(detector, checkpoint)
    return Loaded(detector, checkpoint, _calibration(checkpoint))


def choose(
    detectors: Sequence[str] = (), checkpoints: Sequence[str] = ()
) -> tuple[Checkpoint, ...]:
    """The checkpoints that are meant: those named, and the default one of each detector named.

    Without any name, the default checkpoint of every installed detector, which may be none at all.
    A detector whose checkpoint is named needs no default. The order is that of the registry.

    Raises
    ------
    DetectorError
        for a name that is not a detector, and for a detector of which nothing is installed.
    CheckpointError
        for a checkpoint that is not there.
    """
    _known(detectors)
    chosen = [store.find(name) for name in checkpoints]
    _known([checkpoint.detector for checkpoint in chosen])
    covered = {checkpoint.detector for checkpoint in chosen}
    installed = [one for one in store.installed() if one.detector in DETECTORS]
    if not detectors and not checkpoints:
        detectors = sorted({one.detector for one in installed})
    for name in dict.fromkeys(detectors):
        if name not in covered:
            chosen.append(_default(name, installed))
    order = list(DETECTORS)
    return tuple(sorted(dict.fromkeys(chosen), key=lambda one: order.index(one.detector)))


def select(detectors: Sequence[str] = (), checkpoints: Sequence[str] = ()) -> tuple[Loaded, ...]:
    """`choose`, then `load` each; detectors on one frozen backbone share its module."""
    loaded: list[Loaded] = []
    for checkpoint in choose(detectors, checkpoints):
        loaded.append(load(checkpoint, loaded))
    return tuple(loaded)


def _built(checkpoint: Checkpoint) -> Detector:
    kind = DETECTORS.get(checkpoint.detector)
    if kind is None:
        raise CheckpointError(
            f"{checkpoint.id} is for the detector '{checkpoint.detector}'; this version knows "
            f"{', '.join(DETECTORS)}."
        )
    size = checkpoint.card["size"]
    if size not in kind.sizes:
        raise CheckpointError(
            f"{checkpoint.id} has the size '{size}'; {kind.name} exists as {', '.join(kind.sizes)}."
        )
    try:
        return kind.build(checkpoint.card["config"], size)
    except (TypeError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"The configuration in the card of {checkpoint.id} is not one of {kind.name}: {error}"
        ) from error


def _shared(checkpoint: Checkpoint, beside: Sequence[Loaded]) -> torch.nn.Module | None:
    name = checkpoint.card["backbone"]
    for other in beside:
        if name is not None and other.checkpoint.card["backbone"] == name:
            module: torch.nn.Module = getattr(other.detector, BACKBONE)
            return module
    return None


def _self_test(detector: Detector, checkpoint: Checkpoint) -> None:
    golden = checkpoint.card["golden"]
    found, wanted = golden_logit(detector), golden["spoof_logit"]
    if not abs(found - wanted) <= golden["tolerance"]:
        raise CheckpointError(
            f"{checkpoint.id} fails its self-test: on the test signal it gives a spoof logit of "
            f"{found:.6f}, its card says {wanted:.6f} (tolerance {golden['tolerance']:g}). It is "
            "not used: the weights, or a library they run on, are not what they were. Fetch or "
            "convert it again."
        )


def _calibration(checkpoint: Checkpoint) -> "Calibration | None":
    card = checkpoint.card["calibration"]
    if card is None:
        return None
    from core.calibration import Calibration

    return Calibration.from_card(card)


def _known(names: Sequence[str]) -> None:
    for name in names:
        if name not in DETECTORS:
            raise DetectorError(
                f"There is no detector '{name}'. There are: {', '.join(DETECTORS)}."
            )


def _default(name: str, installed: Sequence[Checkpoint]) -> Checkpoint:
    own = [one for one in installed if one.detector == name]
    if not own:
        raise DetectorError(
            f"No checkpoint of {name} is installed. `python -m core fetch CHECKPOINT_ID` or "
            f"`python -m core convert --detector {name} FILE.pth OUT_DIR` installs one."
        )
    return next((one for one in own if one.card["default"]), own[0])
