"""`training disentangle` over stored embeddings, and embedding with a detector."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import soundfile as sf
import torch

from core.detectors.base import Detector, Output
from training.commands import disentangle
from training.corpora.common import Trial
from training.embed import Embeddings, embed, read_embeddings
from training.errors import TrainingError


def run(*args: str | Path) -> int:
    parser = argparse.ArgumentParser()
    disentangle.add(parser.add_subparsers())
    parsed = parser.parse_args(["disentangle", *map(str, args)])
    status: int = parsed.run(parsed)
    return status


@pytest.fixture
def embeddings(tmp_path: Path) -> Path:
    """Dimension 1 is active for A02 alone, 2 is dead, 0 is noise; A03 is hard to detect."""
    rng = np.random.default_rng(0)
    attack = ["bonafide"] * 100 + ["A01"] * 100 + ["A02"] * 100 + ["A03"] * 100
    values = np.zeros((400, 3), np.float32)
    values[:, 0] = rng.normal(size=400)
    values[200:300, 1] = 1 + rng.random(100)
    logits = np.concatenate((rng.normal(-5, 1, 100), rng.normal(5, 1, 200), rng.normal(-5, 1, 100)))
    file = tmp_path / "e.npz"
    Embeddings(tuple(f"u{i}" for i in range(400)), values, tuple(attack), logits).save(file)
    return file


def test_the_table_for_the_card(embeddings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, figure = embeddings.with_suffix(".json"), embeddings.with_suffix(".svg")
    args = (embeddings, "--permutations", "3", "--json", out, "--figure", figure)
    assert run(*args) == 0
    found: dict[str, Any] = json.loads(out.read_text())
    assert found["attacks"] == ["A01", "A02"]
    assert list(found["excluded"]) == ["A03"]
    assert found["dead_dimensions"] >= 1
    rows = {row["dim"]: row for row in found["dimensions"]}
    assert {"dim", "attack", "nmi"} <= set(rows[1])
    # with two attacks left their indicators say the same; the dimension knows both
    assert rows[1]["nmi"] > 0.4
    assert 2 not in rows
    assert figure.read_bytes().startswith(b"<?xml")
    assert "excluded: A03" in capsys.readouterr().out


def test_without_logits_nothing_is_excluded(
    embeddings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = read_embeddings(embeddings)
    Embeddings(given.utt_id, given.values, given.attack).save(embeddings)
    out = embeddings.with_suffix(".json")
    run(embeddings, "--json", out)
    found = json.loads(out.read_text())
    assert found["attacks"] == ["A01", "A02", "A03"]
    assert "No attack is excluded" in capsys.readouterr().err
    best = max(found["dimensions"], key=lambda row: row["nmi"])
    assert (best["dim"], best["attack"]) == (1, "A02")


def test_bad_embeddings_are_named(tmp_path: Path) -> None:
    file = tmp_path / "e.npz"
    np.savez(file, utt_id=np.array(["a"]), values=np.ones((1, 2)))
    with pytest.raises(TrainingError, match="also attack"):
        run(file)
    np.savez(file, utt_id=np.array(["a"]), values=np.ones((2, 2)), attack=np.array(["x"]))
    with pytest.raises(TrainingError, match=r"values of shape \(2,\)"):
        run(file)
    np.savez(file, utt_id=np.array(["a", "a"]), values=np.ones((2, 2)), attack=np.array(["x", "y"]))
    with pytest.raises(TrainingError, match="an id twice"):
        run(file)
    file.write_bytes(b"not a zip")
    with pytest.raises(TrainingError, match=r"an \.npz of plain arrays"):
        run(file)
    with pytest.raises(TrainingError, match="Give either"):
        run()
    with pytest.raises(TrainingError, match="needs --manifest"):
        run("--checkpoint", "c")


class Loudness:
    """A detector's outside, whose vector is the mean and the mean square of the wave."""

    name = "loudness"
    spec = SimpleNamespace(samples=1000)

    def __call__(self, wave: torch.Tensor) -> Output:
        vector = torch.stack((wave.mean(1), (wave**2).mean(1)), 1)
        trace: Mapping[str, torch.Tensor] = {"embedding": vector, "logits": vector}
        return Output(vector[:, 1], trace)


def test_embedding_cuts_repeats_and_names_what_fails(tmp_path: Path) -> None:
    detector = cast(Detector, Loudness())
    clips = []
    for i, samples in enumerate((400, 1000, 3000)):
        wave = np.full(samples, 0.1 * (i + 1), np.float32)
        wave[1000:] = 0.9  # beyond the network's input
        sf.write(tmp_path / f"{i}.wav", wave, 16_000, subtype="FLOAT")
        label: Any = "bonafide" if i == 0 else "spoof"
        clips.append((Trial(f"u{i}", label, "-" if i == 0 else "A01"), tmp_path / f"{i}.wav"))
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    clips.insert(1, (Trial("bad", "spoof", "A01"), tmp_path / "bad.wav"))
    found = embed(detector, clips, batch=2)
    assert found.utt_id == ("u0", "u1", "u2")
    assert found.attack == ("bonafide", "A01", "A01")
    assert found.values[:, 0] == pytest.approx([0.1, 0.2, 0.3])
    assert found.spoof_logit == pytest.approx([0.01, 0.04, 0.09])
    assert [utt for utt, _ in found.failed] == ["bad"]
    with pytest.raises(TrainingError, match="no vector 'sparse'; it has embedding, logits"):
        embed(detector, clips, key="sparse")
