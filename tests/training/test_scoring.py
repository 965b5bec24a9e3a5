import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from checkpoints import store
from core.calibration import Calibration
from core.detectors.base import Detector
from core.loading import golden_logit, select
from core.registry import DETECTORS
from tests.training.tiny import Tiny, make_corpus
from training.__main__ import main
from training.scoring import score_clip

FITTED = Calibration(1.5, -0.2, 40, 60, 0.5, "made up for a test")


def tiny(seed: int) -> Detector:
    torch.manual_seed(seed)
    return Tiny.build({"dropout": 0.0})


def save(folder: Path, name: str, detector: Detector, calibration: Calibration | None) -> None:
    """A checkpoint with random weights: for tests of the plumbing only."""
    detector.eval()
    card: dict[str, object] = {
        "id": name,
        "detector": detector.name,
        "size": detector.sizes[-1],
        "config": detector.config_dict(),
        "licence": "test",
        "provenance": {"source": "random", "url": None, "commit": None, "made_by": None},
        "trained_on": [],
        "recipe": None,
        "command": None,
        "measured": [],
        "calibration": None if calibration is None else calibration.to_card(),
        "golden": {"spoof_logit": golden_logit(detector), "tolerance": 1e-4},
        "backbone": None,
        "default": False,
        "notes": [],
    }
    store.save(folder / name, detector.state_dict(), card)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(DETECTORS, "tiny", Tiny)
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(tmp_path / "checkpoints"))
    save(tmp_path / "checkpoints", "tiny-a", tiny(1), FITTED)
    save(tmp_path / "checkpoints", "tiny-b", tiny(2), None)
    make_corpus(tmp_path / "corpus", 4, 2)
    long = 0.1 * np.random.default_rng(0).standard_normal(16_000 * 9)
    soundfile.write(tmp_path / "corpus" / "flac" / "U0003.flac", long, 16_000)
    return tmp_path


def score(place: Path, *more: str) -> int:
    named = ["--checkpoint", "tiny-a", "--checkpoint", "tiny-b"]
    files = ["--manifest", str(place / "corpus" / "manifest.csv"), "--out", str(place / "s.csv")]
    audio = ["--audio", str(place / "corpus" / "flac")]
    return main(["score", *files, *audio, *named, "--quiet", *more])


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_a_row_a_clip_and_detector(place: Path) -> None:
    assert score(place) == 0
    rows = read(place / "s.csv")
    assert list(rows[0])[:7] == [
        *("utt_id", "detector", "checkpoint", "spoof_logit", "llr"),
        *("label", "system"),
    ]
    assert [row["utt_id"] for row in rows] == [f"U{n:04d}" for n in range(6) for _ in range(3)]
    assert [row["checkpoint"] for row in rows[:3]] == ["tiny-a", "tiny-b", "fused"]
    assert rows[0]["label"] == "bonafide"
    assert rows[3]["system"] == "S1"
    for a, b, fused in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        assert float(a["llr"]) == pytest.approx(FITTED.llr(float(a["spoof_logit"])))
        assert b["llr"] == ""
        assert float(fused["llr"]) == pytest.approx(float(a["llr"]))  # the only calibrated one
        assert fused["spoof_logit"] == fused["llr"]


def test_the_numbers_are_those_of_the_analysis(place: Path) -> None:
    from core.analysis import analyse
    from core.detect import Settings

    loaded = select((), ["tiny-a", "tiny-b"])
    path = place / "corpus" / "flac" / "U0003.flac"
    rows = score_clip(path, loaded)
    report = analyse(path, loaded, Settings(score_anyway=True))
    assert len(report.detections[0].readings) == 90  # nine seconds, windows of a tenth
    assert [r.spoof_logit for r in rows[:2]] == [d.score.spoof_logit for d in report.detections]
    assert rows[2].llr == report.fused.llr
    assert rows[0].note is not None  # noise is not speech, and the row says so
    assert "scored anyway" in rows[0].note


def test_a_bad_file_is_a_row_with_its_reason(place: Path) -> None:
    (place / "corpus" / "flac" / "U0001.flac").write_bytes(b"nonsense" * 99)
    (place / "corpus" / "flac" / "U0002.flac").unlink()
    assert score(place) == 1
    rows = read(place / "s.csv")
    assert len(rows) == 18
    broken, absent = rows[3], rows[6]
    assert broken["spoof_logit"] == absent["spoof_logit"] == ""
    assert broken["error"]
    assert "no such file" in absent["error"]
    assert all(row["error"] == "" for row in rows[9:])


def test_it_goes_on_where_it_stopped_and_never_twice(place: Path) -> None:
    assert score(place) == 0
    whole = (place / "s.csv").read_text()
    lines = whole.splitlines(keepends=True)
    (place / "s.csv").write_text("".join(lines[:8]) + lines[8][:12])  # killed inside the 3rd clip
    assert score(place) == 0
    assert (place / "s.csv").read_text() == whole
    assert score(place) == 0
    assert (place / "s.csv").read_text() == whole
    (place / "s.csv").write_text(whole.removesuffix("\n"))  # killed in the last line
    first = (place / "corpus" / "manifest.csv").read_text().splitlines(keepends=True)[:2]
    (place / "one.csv").write_text("".join(first))
    assert score(place, "--manifest", str(place / "one.csv")) == 0  # nothing is left to score
    assert (place / "s.csv").read_text() == "".join(whole.splitlines(keepends=True)[:-3])


def test_scores_of_others_are_not_mixed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score(place) == 0
    save(place / "checkpoints", "tiny-c", tiny(3), None)
    assert score(place, "--checkpoint", "tiny-c") == 1
    assert "name another --out" in capsys.readouterr().err


def test_scores_of_weights_trained_anew_are_not_mixed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(place, "--split", "dev") == 0
    before = (place / "s.csv").read_text().removesuffix("\n")  # as if killed in the last line
    (place / "s.csv").write_text(before)
    assert score(place, "--hop", "2") == 1
    assert "seconds between windows" in capsys.readouterr().err
    save(place / "checkpoints", "tiny-b", tiny(5), None)  # the same name, other weights
    assert score(place) == 1
    assert "scores of other weights (tiny-b" in capsys.readouterr().err
    (place / "s.weights.json").unlink()
    assert score(place) == 1
    assert "says of which weights" in capsys.readouterr().err
    assert (place / "s.csv").read_text() == before


def test_scores_that_were_removed_are_made_anew(place: Path) -> None:
    assert score(place, "--split", "dev") == 0
    (place / "s.csv").unlink()
    save(place / "checkpoints", "tiny-b", tiny(5), None)
    assert score(place, "--split", "dev") == 0
    assert score(place) == 0  # and it goes on with these weights


def test_one_split_and_what_the_command_refuses(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(place, "--split", "dev") == 0
    assert len(read(place / "s.csv")) == 6
    assert score(place, "--split", "test") == 1
    assert "split there: dev, train" in capsys.readouterr().err
    shutil.rmtree(place / "corpus" / "flac")
    assert score(place) == 1
    assert "no such folder" in capsys.readouterr().err


def test_trained_scored_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import AcceleratorState

    from tests.training.tiny import RECIPES

    monkeypatch.setitem(DETECTORS, "tiny", Tiny)
    monkeypatch.setattr("training.recipe.load", RECIPES.__getitem__)
    AcceleratorState._reset_state(reset_partial_state=True)
    corpus = make_corpus(tmp_path / "corpus")
    out = tmp_path / "run"
    trained = ["train", "swa", "--data", str(corpus), "--out", str(out), "--cpu", "--quiet"]
    assert main([*trained, "--epochs", "8", "--id", "tiny-swa"]) == 0
    card = json.loads((out / "checkpoint" / "tiny-swa" / "card.json").read_text())
    assert card["calibration"]["n_bonafide"] == 4
    assert card["measured"][0]["metric"] == "eer"
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(out / "checkpoint"))
    scores = tmp_path / "scores.csv"
    given = ["--manifest", str(corpus / "manifest.csv"), "--audio", str(corpus / "flac")]
    more = ["--out", str(scores), "--checkpoint", "tiny-swa", "--split", "dev", "--quiet"]
    assert main(["score", *given, *more]) == 0
    figures = tmp_path / "figures.json"
    assert main(["metrics", str(scores), "--json", str(figures)]) == 0
    measured = json.loads(figures.read_text())
    assert measured["tiny"]["eer"] == pytest.approx(card["measured"][0]["value"])
    assert measured["fused"]["n_spoof"] == 8


@pytest.mark.slow
def test_ray_gives_the_same_scores(place: Path) -> None:
    pytest.importorskip("ray")
    small = {"channels": [1, 4, 4, 4], "gat_dims": [4, 4], "k": 20, "samples": 8_000}
    torch.manual_seed(0)
    save(place / "checkpoints", "aasist-a", DETECTORS["aasist"].build(small), FITTED)
    torch.manual_seed(1)
    save(place / "checkpoints", "aasist-b", DETECTORS["aasist"].build(small), FITTED)
    (place / "corpus" / "flac" / "U0001.flac").write_bytes(b"nonsense" * 99)
    assert process(place, "--engine", "local", "--threads", "1") == 1
    local = (place / "s.csv").read_text()
    (place / "s.csv").unlink()
    assert process(place, "--engine", "ray", "--workers", "2") == 1
    assert (place / "s.csv").read_text() == local
    assert len(local.splitlines()) == 1 + 6 * 3


def process(place: Path, *more: str) -> int:
    """`python -m training score` in a process of its own, as ray's workers are."""
    root = Path(__file__).resolve().parents[2]
    files = ["--manifest", str(place / "corpus" / "manifest.csv"), "--out", str(place / "s.csv")]
    named = ["--checkpoint", "aasist-a", "--checkpoint", "aasist-b", "--quiet"]
    command = [sys.executable, "-m", "training", "score", *files, *named, *more]
    command += ["--audio", str(place / "corpus" / "flac")]
    return subprocess.run(command, cwd=root, check=False, timeout=300).returncode
