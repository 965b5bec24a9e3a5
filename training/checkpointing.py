"""The state of a run on disk, from which it continues bit for bit after a kill.

Every file is written beside its place, flushed to the disk and moved there, so that a kill or a
full disk leaves the state of the last save. The state is read with `weights_only`.
"""

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from training.errors import TrainingError

STATE = "state.pt"
FORMAT = 1


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file as a whole or not at all; see `write`."""
    write(path, lambda file: file.write(content))


def write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Replace a file by what `fill` writes, as a whole or not at all.

    Raises
    ------
    TrainingError
        The disk is full or not writable; the old file is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save turns a full disk into a RuntimeError
        partial.unlink(missing_ok=True)
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        reason = getattr(cause, "strerror", None) or str(cause).partition("\n")[0]
        raise TrainingError(
            f"{path} could not be written ({reason}); the last saved state is still there, "
            "--resume continues from it"
        ) from error


def save_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write the state of a run, straight to the disk: it may be several gigabytes."""
    write(folder / STATE, lambda file: torch.save({"format": FORMAT, **state}, file))


def load_state(folder: Path) -> dict[str, Any] | None:
    """The state of the run in `folder`; None where there is none.

    Raises
    ------
    TrainingError
        The file is not a state of this version.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises anything from EOFError to UnpicklingError
        raise TrainingError(f"{path} is damaged ({type(error).__name__}); start anew") from error
    if state.get("format") != FORMAT:
        raise TrainingError(f"{path} has format {state.get('format')}, this program has {FORMAT}")
    return state


def save_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors as safetensors."""
    content = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, save(content))


def load_weights(path: Path) -> dict[str, Tensor]:
    """Named tensors of `save_weights`."""
    tensors: dict[str, Tensor] = load_file(path)
    return tensors


def random_state() -> dict[str, Any]:
    """All generators of this process, as values that `weights_only` reads."""
    version, numbers, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    state: dict[str, Any] = {
        "python": [version, list(numbers), gauss],
        "numpy": [name, [int(key) for key in keys], int(position), int(has_gauss), float(cached)],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: Mapping[str, Any]) -> None:
    """Put all generators back."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), position, has_gauss, cached))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries may draw from it
    torch.manual_seed(seed)
