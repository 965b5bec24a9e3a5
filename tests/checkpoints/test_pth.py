"""Foreign files are data, never programs."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoints.card import CheckpointError
from checkpoints.pth import read_pth


class Boom:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("/tmp/never").write_text, ("ran",))  # noqa: S108 - must not happen


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_come_back_without_the_prefix(tmp_path: Path, zipped: bool) -> None:
    file = tmp_path / "x.pth"
    torch.save(
        {"module.a": torch.ones(2), "module.b.c": torch.zeros(1)},
        file,
        _use_new_zipfile_serialization=zipped,
    )
    found = read_pth(file)
    assert set(found) == {"a", "b.c"}
    assert torch.equal(found["a"], torch.ones(2))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([torch.ones(1)], "holds a list"),
        ({}, "holds no tensors"),
        ({"model": {"a": torch.ones(1)}, "epoch": 3}, "'model' is a dict"),
        ({1: torch.ones(1)}, "entry 1"),
        ({"a": torch.ones(1), "module.a": torch.ones(1)}, "both with and without"),
    ],
)
def test_anything_but_named_tensors_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    file = tmp_path / "x.pth"
    torch.save(content, file)
    with pytest.raises(CheckpointError, match=words):
        read_pth(file)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "x.pth"
    torch.save({"a": Boom()}, file)
    with pytest.raises(CheckpointError, match="is not run"):
        read_pth(file)
    file.write_bytes(pickle.dumps(Boom(), protocol=2))
    with pytest.raises(CheckpointError, match="is not run"):
        read_pth(file)
    assert not Path("/tmp/never").exists()  # noqa: S108


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04" + b"\0" * 40, b"\x80\x02."])
def test_damaged_files_are_refused_in_words(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x.pth"
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"x\.pth"):
        read_pth(file)


def test_an_absent_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no file"):
        read_pth(tmp_path / "x.pth")
