"""Foreign `.pth` files, read as data only."""

import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checkpoints.card import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

MAX_BYTES = 8 << 30
PREFIX = "module."  # left by DataParallel


def read_pth(path: Path) -> dict[str, "Tensor"]:
    """The tensors of a PyTorch file by name, on the CPU, without a `module.` in front.

    Nothing in the file is executed (`weights_only`); files of torch 1.6 and later are not read
    into memory before they are needed.

    Raises
    ------
    CheckpointError
        where the file is absent, too large, damaged, or holds anything but named tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}.")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise CheckpointError(f"{path} has {size:,} bytes; at most {MAX_BYTES:,} are read.")
    loaded = _load(path)
    if not isinstance(loaded, dict):
        raise CheckpointError(
            f"{path} holds a {type(loaded).__name__}; a state dict, tensors by name, was expected."
        )
    _only_tensors(path, loaded)
    named = {name.removeprefix(PREFIX): value for name, value in loaded.items()}
    if len(named) != len(loaded):
        raise CheckpointError(f"{path} has tensors both with and without '{PREFIX}' in front.")
    return named


def _load(path: Path) -> Any:
    import torch

    try:
        return torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is not a PyTorch file of tensors only; what else it holds is not run: "
            f"{str(error).splitlines()[0]}"
        ) from error
    except Exception as error:  # a damaged or hostile pickle may raise anything
        raise CheckpointError(f"{path} is not a readable PyTorch file: {error}") from error


def _only_tensors(path: Path, loaded: dict[Any, Any]) -> None:
    from torch import Tensor

    if not loaded:
        raise CheckpointError(f"{path} holds no tensors.")
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            hint = " Try the entry that holds the weights." if isinstance(value, dict) else ""
            raise CheckpointError(
                f"{path}: the entry {name!r} is a {type(value).__name__}, not a named tensor.{hint}"
            )
        if value.is_sparse:
            raise CheckpointError(f"{path}: the tensor {name!r} is sparse, not dense.")
