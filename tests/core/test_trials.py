"""The trials behind a calibration: written, read back, and refused in words."""

from pathlib import Path

import numpy as np
import pytest

from core import trials
from core.types import DetectorError


def test_trials_come_back_to_the_last_digit(tmp_path: Path) -> None:
    path = tmp_path / trials.SCORES
    numbers = [0.1 + 0.2, -1e-9, 1 / 3]
    trials.write(path, ["spoof", "bonafide", "spoof"], {"spoof_logit": numbers})
    assert path.read_text().splitlines()[:2] == ["label,spoof_logit", "spoof,0.30000000000000004"]
    found = trials.read(path)
    assert found is not None
    assert found.columns["spoof_logit"].tolist() == numbers
    assert found.counts() == (1, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == [trials.SCORES]


def test_further_columns_are_ignored_and_empty_cells_are_missing(tmp_path: Path) -> None:
    path = tmp_path / trials.FUSION_SCORES
    path.write_text("utt,label,aasist,sls\na,spoof,1.5,\nb,bonafide,-1,2\n")
    found = trials.read(path, ("aasist", "sls"))
    assert found is not None
    assert np.isnan(found.columns["sls"][0])
    assert found.columns["aasist"].tolist() == [1.5, -1.0]


def test_no_file_is_no_trials(tmp_path: Path) -> None:
    assert trials.read(tmp_path / "none.csv") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds the columns none"),
        ("label,llr\nspoof,1\n", "needs label, spoof_logit"),
        ("label,spoof_logit\nfake,1\n", "line 2: label 'fake'"),
        ("label,spoof_logit\nspoof,1\nspoof,nan\n", "line 3: 'nan' is not a finite number"),
        ("label,spoof_logit\nspoof,high\n", "'high' is not a finite number"),
        ('label,spoof_logit\n"spoof', "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(DetectorError, match=said):
        trials.read(path, ("spoof_logit",))


def test_a_file_beyond_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "MAX_BYTES", 10)
    (tmp_path / "a.csv").write_text("label,spoof_logit\nspoof,1\n")
    with pytest.raises(DetectorError, match="larger than"):
        trials.read(tmp_path / "a.csv")
