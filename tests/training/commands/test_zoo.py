"""`python -m training zoo`."""

from pathlib import Path

import pytest
import torch

from tests.training.noises import corpus
from training.__main__ import main
from training.zoo import generators


def test_kinds_are_listed_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "--list"]) == 0
    assert capsys.readouterr().out.split() == list(generators.KINDS)


def test_a_kind_that_is_not_there_is_told_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["zoo", "--kind", "../../x"]) == 1
    told = capsys.readouterr().err
    assert "'../../x'" in told
    assert all(kind in told for kind in generators.KINDS)


def test_a_generator_is_trained_once_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, work = corpus(tmp_path / "corpus", 4), tmp_path / "work"
    asked = ["zoo", "--kind", "flow", "--data", str(data), "--work", str(work)]
    assert main([*asked, "--patience", "0.00001"]) == 0
    kept = work / "zoo-flow-done.pt"
    assert str(kept) in capsys.readouterr().out
    made = generators.build("flow")
    made.load_state_dict(torch.load(kept, weights_only=True))
    written = kept.stat().st_mtime_ns
    assert main([*asked, "--patience", "0.00001"]) == 0
    assert kept.stat().st_mtime_ns == written
