"""The simple detectors: their features by hand, and that they learn from train alone."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from core.types import Label
from tests.training.tiny import make_corpus
from training.__main__ import main
from training.anchors import (
    FILTERS,
    NUMBERS,
    Anchor,
    Frames,
    Mixture,
    Trees,
    differences,
    filters,
    lfcc,
    statistics,
)


def test_filters_are_triangles_that_add_up() -> None:
    bank = filters()
    assert bank.shape == (FILTERS, 257)
    assert (bank.max(axis=1) > 0.7).all()  # a triangle is two bins wide on either side
    frequency = np.fft.rfftfreq(512, 1 / 16_000)
    between = (frequency > 400) & (frequency < 7_600)
    assert bank.sum(axis=0)[between] == pytest.approx(1)
    assert np.argmax(bank, axis=1) * 31.25 == pytest.approx(8_000 / 129 * np.arange(1, 129), abs=16)


def test_differences_are_slopes() -> None:
    ramp = np.arange(20.0)[:, None] * [3.0, -0.5]
    assert differences(ramp)[2:-2] == pytest.approx(np.tile([3.0, -0.5], (16, 1)))
    assert not differences(np.ones((7, 2))).any()


def test_lfcc_of_sound_and_of_silence() -> None:
    rng = np.random.default_rng(0)
    wave = 0.1 * rng.standard_normal(16_000)
    frames = lfcc(wave)
    assert frames.shape == (98, NUMBERS)
    louder = lfcc(10 * wave)
    step = np.log(100) * np.sqrt(FILTERS)  # level is in the first coefficient alone
    assert (louder - frames)[:, 0] == pytest.approx(step, rel=1e-3)
    assert np.abs((louder - frames)[:, 1:]).max() < 1e-2
    assert np.isfinite(lfcc(np.zeros(16_000))).all()
    assert lfcc(np.ones(5)).shape == (1, NUMBERS)


def test_statistics_by_hand() -> None:
    clip = np.zeros((11, NUMBERS), np.float32)
    clip[:, 0] = np.arange(11)
    found = statistics(clip).reshape(7, NUMBERS)
    kurtosis = 1.78  # of 11 equal steps: 1.8 (1 - 4 / 3 / (11^2 - 1)) = 1.78
    assert found[:, 0] == pytest.approx([5, np.sqrt(10), 1, 5, 9, 0, kurtosis])
    assert not found[:, 1:].any()


def clips(count: int, seed: int) -> tuple[list[Frames], list[Label]]:
    """Machine-made frames lie a little higher in every number."""
    rng = np.random.default_rng(seed)
    labels: list[Label] = ["spoof" if i % 2 else "bonafide" for i in range(count)]
    frames = [
        (rng.standard_normal((80, NUMBERS)) + 0.2 * (label == "spoof")).astype(np.float32)
        for label in labels
    ]
    return frames, labels


@pytest.mark.parametrize("make", [lambda: Mixture(4), lambda: Trees(60)], ids=["gmm", "trees"])
def test_they_learn_and_higher_is_spoof(make: type[Anchor]) -> None:
    anchor, again = make(), make()
    for one in (anchor, again):
        one.fit(*clips(60, seed=0))
    unseen, labels = clips(30, seed=1)
    found = np.array([anchor.score(clip) for clip in unseen])
    spoofed = np.array([label == "spoof" for label in labels])
    assert found[spoofed].min() > found[~spoofed].max()
    assert [again.score(clip) for clip in unseen] == found.tolist()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def anchors(place: Path, out: str, *more: str) -> int:
    given = ["--data", str(place), "--out", str(place.parent / out), "--components", "2"]
    return main(["anchors", *given, "--split", "dev", "--quiet", *more])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = make_corpus(tmp_path / "corpus", 60, 12)
    assert anchors(corpus, "one") == 0
    assert "| lfcc-trees | dev | 12 |" in capsys.readouterr().out
    rows = rows_of(tmp_path / "one" / "anchors-dev.csv")
    assert len(rows) == 24
    assert {row["detector"] for row in rows} == {"lfcc-gmm", "lfcc-trees"}
    assert {row["llr"] for row in rows} == {""}  # nothing here is calibrated
    found = json.loads((tmp_path / "one" / "anchors.json").read_text())["rows"]
    assert found[0]["eer"] < 0.3  # low and high buzzes are easily told apart
    scores = tmp_path / "one" / "anchors-dev.csv"
    figures = tmp_path / "figures.json"
    assert main(["metrics", str(scores), "--json", str(figures)]) == 0
    assert json.loads(figures.read_text())["lfcc-gmm"]["eer"] == found[0]["eer"]

    manifest = corpus / "manifest.csv"  # what dev says of itself changes no score
    lines = manifest.read_text().splitlines()
    swap = {"bonafide": "spoof", "spoof": "bonafide"}
    turned = [
        ",".join([swap.get(cell, cell) for cell in line.split(",")]) if ",dev," in line else line
        for line in lines
    ]
    manifest.write_text("\n".join(turned) + "\n")
    assert anchors(corpus, "two") == 0
    again = rows_of(tmp_path / "two" / "anchors-dev.csv")
    assert [row["spoof_logit"] for row in again] == [row["spoof_logit"] for row in rows]
    assert again[0]["label"] != rows[0]["label"]

    assert anchors(corpus, "three", "--split", "train") == 1
    assert "fitted on train; score another split" in capsys.readouterr().err
