"""Reports of recordings that are only files by now."""

from pathlib import Path

import numpy as np
import pytest

from core import dossier
from core.analysis import analyse
from core.detect import Settings
from core.types import DetectorError
from tests.core.loudness import levels, loaded
from tests.core.made import write

ANYWAY = Settings(score_anyway=True)


@pytest.fixture
def subject(tmp_path: Path) -> dossier.Subject:
    path = write(tmp_path / "a.wav", levels(0.01, 0.03))
    return dossier.Subject(analyse(path, [loaded()], ANYWAY), None, path)


def test_maps_are_made_from_the_file_as_the_command_makes_them(subject: dossier.Subject) -> None:
    assert subject.report.evidence == ()
    assert subject.path is not None
    made = dossier.with_maps(subject, {"loudness-1": loaded()}).report.evidence
    same = analyse(subject.path, [loaded()], ANYWAY, evidence=True).evidence
    assert [one.key for one in made] == [one.key for one in same] == ["loudness.mean"]
    assert np.array_equal(made[0].values, same[0].values)


def test_another_file_or_other_weights_give_no_maps(subject: dossier.Subject) -> None:
    assert subject.path is not None
    assert dossier.with_maps(subject, {}).report.evidence == ()
    assert subject.original() == subject.path
    subject.path.write_bytes(b"another")
    assert subject.original() is None
    assert dossier.with_maps(subject, {"loudness-1": loaded()}).report.evidence == ()


def test_an_original_that_is_gone_is_named(subject: dossier.Subject, tmp_path: Path) -> None:
    assert subject.path is not None
    subject.path.unlink()
    order = dossier.Order(["bundle", "csv"], dossier.heading(" c ", "", ""), originals=True)
    steps = list(dossier.write(tmp_path, [subject], order, {}))
    assert [name for name, _ in steps] == ["csv", "bundle"]
    made = steps[-1][1]
    assert made.without_original == ("a.wav",)
    assert made.manifest is not None
    assert len(made.files) == 2
    assert order.heading.case == "c"


def test_a_field_too_long_is_refused() -> None:
    with pytest.raises(DetectorError, match="Note has 2,001 characters"):
        dossier.heading("", "", "x" * 2_001)
