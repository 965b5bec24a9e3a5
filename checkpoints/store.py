"""The store of weights: find them, check them, open them, write them.

A checkpoint is a folder with two files, `model.safetensors` and `card.json`. The card says what
the weights are, who made them, what was measured with them, and the SHA-256 of the weights; the
store reads no weights whose bytes do not have that hash. Folders are looked for in
`SPOOFSCOPE_CHECKPOINTS` (separated as in PATH), then in the project's own `checkpoints/`.

Everything on disk is taken for hostile: sizes are limited, nothing is unpickled, no name may lead
out of its folder. What is wrong is a `CheckpointError` in words; nothing is loaded in part.
torch is imported by the functions that need it, so that listing what is installed stays light.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checkpoints.card import ID, CheckpointError, check_card

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Checkpoint", "CheckpointError", "find", "installed", "load_strict", "save", "tensors"]

WEIGHTS = "model.safetensors"
CARD = "card.json"
SEARCH_PATH = "SPOOFSCOPE_CHECKPOINTS"
MAX_CARD_BYTES = 1 << 20
MAX_WEIGHTS_BYTES = 8 << 30  # XLS-R 1B in float32 is 3.9 GB
NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is known of one set of weights before they are opened."""

    id: str
    detector: str
    size: str  # "paper" or "compact"
    folder: Path
    sha256: str  # of model.safetensors
    licence: str
    card: Mapping[str, Any] = field(compare=False)  # the whole of card.json, checked

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS


def search_path() -> tuple[Path, ...]:
    """The folders that are searched, in order; the first one receives what is fetched."""
    named = os.environ.get(SEARCH_PATH, "").split(os.pathsep)
    return (*(Path(name) for name in named if name), Path(__file__).resolve().parent)


def survey() -> tuple[tuple[Checkpoint, ...], tuple[str, ...]]:
    """All checkpoints of the search path, and a sentence for each folder that is not usable.

    Of two with the same id the one found first counts; the other is reported.
    """
    found: dict[str, Checkpoint] = {}
    problems: list[str] = []
    for root in search_path():
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            if not (folder / CARD).is_file():
                continue
            try:
                checkpoint = _within(root, folder)
            except CheckpointError as error:
                problems.append(str(error))
                continue
            first = found.setdefault(checkpoint.id, checkpoint)
            if first.folder.resolve() != checkpoint.folder.resolve():
                problems.append(
                    f"{folder}: there is a checkpoint {checkpoint.id} in {first.folder} already; "
                    "that one is used."
                )
    return tuple(found.values()), tuple(problems)


def installed() -> tuple[Checkpoint, ...]:
    """The usable checkpoints of the search path; `survey` also says which folders are not."""
    return survey()[0]


def find(id_or_folder: str | Path) -> Checkpoint:
    """The checkpoint with that id, or the one in that folder.

    Raises
    ------
    CheckpointError
        where there is none; the message lists the ids that would work.
    """
    known, problems = survey()
    for checkpoint in known:
        if checkpoint.id == str(id_or_folder):
            return checkpoint
    folder = Path(id_or_folder)
    if (folder / CARD).is_file():
        return read_folder(folder)
    ids = ", ".join(sorted(checkpoint.id for checkpoint in known)) or "none"
    broken = "".join(f" Not usable: {problem}" for problem in problems)
    raise CheckpointError(
        f"No checkpoint '{id_or_folder}': it is neither an installed id nor a folder with a "
        f"{CARD}. Installed: {ids}.{broken}"
    )


def read_folder(folder: Path) -> Checkpoint:
    """The checkpoint in `folder`: its card read and checked, its weights present but not opened."""
    card_path, weights = folder / CARD, folder / WEIGHTS
    _inside(folder, card_path)
    _inside(folder, weights)
    _limit(card_path, MAX_CARD_BYTES)
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{card_path} is not JSON: {error}.") from error
    check_card(card, str(card_path))
    _limit(weights, MAX_WEIGHTS_BYTES)
    return _record(folder, card)


def tensors(checkpoint: Checkpoint) -> dict[str, "Tensor"]:
    """The tensors of a checkpoint by name, on the CPU, after its hash was checked.

    Raises
    ------
    CheckpointError
        where the bytes do not have the hash of the card, or are not a safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    _limit(checkpoint.weights, MAX_WEIGHTS_BYTES)
    found = sha256_of(checkpoint.weights)
    if found != checkpoint.sha256:
        raise CheckpointError(
            f"{checkpoint.weights} has SHA-256 {found}, its card says {checkpoint.sha256}: the "
            "weights are damaged or were replaced. Fetch or convert them again."
        )
    try:
        loaded: dict[str, Tensor] = load_file(checkpoint.weights)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint.weights} is not a readable safetensors file: {error}."
        ) from error
    return loaded


def load_strict(module: "nn.Module", tensors: Mapping[str, "Tensor"], what: str) -> None:
    """Copy `tensors` into `module`; every name and every shape must fit, or nothing is copied.

    `what` names the weights in the message, such as "AASIST.pth".

    Raises
    ------
    CheckpointError
        naming the tensors that are missing, unexpected or misshapen.
    """
    wanted = module.state_dict()
    wrong = {
        "missing": sorted(wanted.keys() - tensors.keys()),
        "unexpected": sorted(tensors.keys() - wanted.keys()),
        "misshapen": [
            f"{name} ({_shape(tensors[name])} instead of {_shape(wanted[name])})"
            for name in sorted(wanted.keys() & tensors.keys())
            if tensors[name].shape != wanted[name].shape
        ],
    }
    faults = [f"{kind}: {_some(names)}" for kind, names in wrong.items() if names]
    if faults:
        raise CheckpointError(
            f"{what} does not fit {type(module).__name__} as configured. {'; '.join(faults)}."
        )
    module.load_state_dict(dict(tensors), strict=True)


def save(folder: Path, tensors: Mapping[str, "Tensor"], card: Mapping[str, Any]) -> Checkpoint:
    """Write a checkpoint; `sha256` in the card is filled in, the rest of it is checked first.

    Each file is written beside its place and moved there, the card last: whoever reads in between
    finds the old checkpoint or a hash that does not match, never half a file.
    """
    from safetensors.torch import save as to_bytes

    content = to_bytes({name: value.detach().cpu().contiguous() for name, value in tensors.items()})
    card = {**card, "sha256": hashlib.sha256(content).hexdigest()}
    check_card(card, f"the card for {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    _place(folder / WEIGHTS, content)
    write_card(folder, card)
    return _record(folder, card)


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write or replace a checkpoint's card, checked first and never half.

    Raises
    ------
    CheckpointError
        The card does not keep to its schema; the old one stays.
    """
    check_card(card, f"the card for {folder}")
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    _place(folder / CARD, text.encode())


def _place(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex, in bounded memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _record(folder: Path, card: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(
        id=card["id"],
        detector=card["detector"],
        size=card["size"],
        folder=folder,
        sha256=card["sha256"],
        licence=card["licence"],
        card=card,
    )


def _within(root: Path, folder: Path) -> Checkpoint:
    if folder.resolve().parent != root.resolve():
        raise CheckpointError(
            f"{folder} is a link that leads out of {root}; copy it there instead."
        )
    if not ID.fullmatch(folder.name):
        raise CheckpointError(f"{folder}: a checkpoint folder is named like its id, {ID.pattern}.")
    return read_folder(folder)


def _inside(folder: Path, path: Path) -> None:
    if not path.is_file():
        raise CheckpointError(f"{folder} is not a checkpoint: {path.name} is missing.")
    if path.resolve().parent != folder.resolve():
        raise CheckpointError(
            f"{path} is a link that leads out of its folder; copy the file there."
        )


def _limit(path: Path, most: int) -> None:
    size = path.stat().st_size
    if size > most:
        raise CheckpointError(f"{path} has {size:,} bytes; at most {most:,} are read.")


def _shape(tensor: "Tensor") -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _some(names: list[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
