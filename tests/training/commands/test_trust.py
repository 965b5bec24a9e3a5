"""`python -m training trust`, and the factor that ships."""

from pathlib import Path

import numpy as np
import pytest

from core import trials
from core.trials import Trials
from training.__main__ import main
from training.errors import TrainingError
from training.ship import TRUST
from training.trust import measure

CHECKPOINTS = Path(__file__).resolve().parents[3] / "checkpoints"


def gaussians(apart: float, seed: int, count: int = 4_000) -> Trials:
    """Two detectors whose scores lie `apart` between the labels, with independent errors."""
    rng = np.random.default_rng(seed)
    truth = np.repeat([-0.5, 0.5], count)
    labels = ("bonafide",) * count + ("spoof",) * count
    scores = {name: apart * truth + rng.normal(0, 1, 2 * count) for name in ("a", "b")}
    return Trials(labels, scores)


def test_where_labels_lie_half_as_far_apart_half_is_kept() -> None:
    """Log odds of equal Gaussians are the distance of their means times the score."""
    found = measure(gaussians(2.0, 1), gaussians(1.0, 2))
    assert found.factor == pytest.approx(0.5, abs=0.04)
    assert found.cllr < found.whole


def test_all_is_kept_where_the_new_is_like_the_known() -> None:
    assert measure(gaussians(2.0, 1), gaussians(2.0, 2)).factor >= 0.95


def test_other_detectors_are_refused() -> None:
    known = gaussians(2.0, 1, 50)
    with pytest.raises(TrainingError, match="a, b and a"):
        measure(known, Trials(known.labels, {"a": known.columns["a"]}))


def test_the_factor_that_ships_is_that_of_its_trials(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(CHECKPOINTS / f"trust_{name}.csv") for name in ("known", "new")]
    assert main(["trust", *files]) == 0
    assert f"trust {TRUST:.2f}: Cllr 0.725 on the new trials, 0.744" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials.write(tmp_path / "known.csv", ["spoof"], {"a": [1.0]})
    assert main(["trust", str(tmp_path / "known.csv"), str(tmp_path / "new.csv")]) == 1
    assert "there is no file" in capsys.readouterr().err
