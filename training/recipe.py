"""What a recipe says: everything that decides which weights come out of which data.

A recipe is a module in training/recipes/ with a constant `RECIPE` and a docstring that holds the
expected result and the command; related ones (an ablation, a grid) stand in its `VARIANTS` and are
called `module:variant`. Whatever an original does that is a trap stands here as a named
choice: `Selection.by="train_loss"` (early stopping on the training loss), `frozen_mode="train"`
(a frozen backbone left in training mode, with its dropout and statistics), `Loss.clamp`.
"""

import dataclasses
import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.detectors.base import Size
from training.errors import TrainingError
from training.losses import Loss

Level = Literal["label", "family", "system", "source", "speaker"]


@dataclass(frozen=True, slots=True)
class Optimiser:
    """Adam or AdamW. `backbone_lr` is the backbone's own learning rate, None = `lr`."""

    kind: Literal["adam", "adamw"] = "adam"
    lr: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    backbone_lr: float | None = None
    clip_norm: float | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the learning rate moves, as a factor of `lr`.

    constant; cosine (AASIST: from 1 to `floor` over all steps); warmup_cosine (XLSR-MamBo: linear
    over the first `warmup` share of all steps, then cosine to `floor`); warmup_decay (AttM: linear
    over the first `warmup` epochs, then x `decay` each epoch).
    """

    kind: Literal["constant", "cosine", "warmup_cosine", "warmup_decay"] = "constant"
    warmup: float = 0.0
    floor: float = 0.0
    decay: float = 1.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which clips make an epoch, and a batch.

    Attributes
    ----------
    order : `"shuffle"` takes each clip once; `"balanced"` gives every group of the first level
        the same share, inside it every group of the second level, and so on.
    levels : the levels of `"balanced"`, outermost first.
    temper : 1 gives equal shares, 0 shares by size, in between in between.
    clips : length of an epoch; None = as many as there are.
    bonafide_per_batch : fixed number of bona fide clips in each batch; None leaves it to chance.
    copies_per_batch : machine-made copies of bona fide clips of the same batch, labelled spoof.
    drop_last : leave out an epoch's last, incomplete batch.
    """

    order: Literal["shuffle", "balanced"] = "shuffle"
    levels: tuple[Level, ...] = ("label", "family", "source", "speaker")
    temper: float = 1.0
    clips: int | None = None
    bonafide_per_batch: int | None = None
    copies_per_batch: int = 0
    drop_last: bool = True


@dataclass(frozen=True, slots=True)
class Crop:
    """What of a clip a network hears in training; on dev it is always the head.

    Shorter clips are repeated, never zero-padded. `seconds` draws the length of the piece first,
    so that short utterances are met, too; the piece is repeated up to `samples`.
    """

    samples: int = 64_600
    train: Literal["head", "random"] = "random"
    seconds: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the augmentation: a name of training.augment.chain, how often, its options."""

    name: str
    probability: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Changes in their order, on the whole clip or on what was cropped from it.

    `dev=True` also changes the dev clips (XLSR-MamBo's code does), the same way every epoch.
    `copies` are the kinds of copy-synthesis that `Sampling.copies_per_batch` draws from.
    """

    before_crop: tuple[Change, ...] = ()
    after_crop: tuple[Change, ...] = ()
    dev: bool = False
    copies: tuple[str, ...] = ("world", "griffin_lim", "lpc")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which epoch's weights are kept, and when to stop.

    by : `"dev_eer"`, `"dev_loss"`, `"train_loss"` (what HierCon's and SLS's code does: a trap) or
        `"last"`. patience : epochs without improvement before stopping; None never stops.
    """

    by: Literal["dev_eer", "dev_loss", "train_loss", "last"] = "dev_eer"
    patience: int | None = None


@dataclass(frozen=True, slots=True)
class Averaging:
    """The weights at the end: `"none"` = the best epoch's; `"swa"` = the mean over every epoch
    that was a new best (AASIST); `"best"` = the mean of the `keep` best epochs (AttM).

    After averaging, batch normalisation statistics are estimated again on `batches` training
    batches.
    """

    kind: Literal["none", "swa", "best"] = "none"
    keep: int = 5
    batches: int = 100


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one detector is trained.

    Attributes
    ----------
    batch : clips a step of the optimiser, over all processes and accumulated gradients.
    freeze : prefixes of parameter names that stay as they are.
    frozen_mode : mode of a frozen `backbone`; `"train"` is the trap of the MamBo code.
    backbone : where the backbone's weights come from: None = as built (random), `"hub"` = the
        published ones, else the id of a checkpoint that holds one. Where a checkpoint's backbone
        stays frozen, the trained checkpoint refers to it and does not repeat it.
    codec : the same for the codec of QAF-Static; the trained checkpoint holds it.
    """

    detector: str
    size: Size = "paper"
    config: Mapping[str, Any] = field(default_factory=dict)
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    epochs: int = 50
    batch: int = 16
    sampling: Sampling = Sampling()
    crop: Crop = Crop()
    augmentation: Augmentation = Augmentation()
    loss: Loss = field(default_factory=Loss)
    selection: Selection = Selection()
    averaging: Averaging = Averaging()
    seed: int = 1234
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    freeze: tuple[str, ...] = ()
    frozen_mode: Literal["eval", "train"] = "eval"
    backbone: str | None = None
    codec: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON values; equal recipes give equal values."""
        values: dict[str, Any] = _plain(dataclasses.asdict(self))
        return values


def names() -> list[str]:
    """All recipes: the modules of training/recipes/, and each variant as `module:variant`."""
    import training.recipes

    modules = sorted(one.name for one in pkgutil.iter_modules(training.recipes.__path__))
    found: list[str] = []
    for module in modules:
        if not module.startswith("_"):
            found += [module, *(f"{module}:{variant}" for variant in _variants(module))]
    return found


def load(name: str) -> Recipe:
    """The recipe of that name, `module` or `module:variant`.

    Raises
    ------
    TrainingError
        There is none; the message names the nearest.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=3)
        hint = f" Nearest: {', '.join(near)}." if near else ""
        raise TrainingError(
            f"no recipe named {name!r}.{hint} `python -m training train --list` names all"
        )
    module, _, variant = name.partition(":")
    recipe = _variants(module)[variant] if variant else _module(module).RECIPE
    if not isinstance(recipe, Recipe):
        raise TypeError(f"training/recipes/{module}.py: {variant or 'RECIPE'} is not a Recipe")
    return recipe


def summary(name: str) -> str:
    """The first line of what a recipe's module says of itself."""
    return (_module(name.partition(":")[0]).__doc__ or "").strip().partition("\n")[0]


def _module(name: str) -> Any:
    return importlib.import_module(f"training.recipes.{name}")


def _variants(module: str) -> Mapping[str, Recipe]:
    found: Mapping[str, Recipe] = getattr(_module(module), "VARIANTS", {})
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
