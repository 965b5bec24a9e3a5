"""Paired comparisons of two detectors."""

import json
from pathlib import Path

import numpy as np
import pytest

from training.__main__ import main
from training.comparison import Scored, compare, paired
from training.errors import TrainingError
from training.metrics import Trials

N = 120


def scored(name: str, gap: float, seed: int = 0, groups: int = 12) -> Scored:
    """Half human; human and machine `gap` apart, in some noise that is the same for all names."""
    rng = np.random.default_rng(seed)
    spoof = np.arange(N) % 2 == 1
    logit = np.where(spoof, gap, 0.0) + rng.standard_normal(N)
    source = tuple(f"r{i // 2 % groups}" for i in range(N))
    return Scored(name, tuple(f"u{i}" for i in range(N)), Trials(spoof, logit), source)


def test_the_better_one_wins_and_the_interval_says_so() -> None:
    found = compare(scored("good", 3.0), scored("bad", 0.3), rounds=300)
    assert found["eer_first"] < found["eer_second"]
    assert found["difference"] == found["eer_first"] - found["eer_second"]
    assert found["low"] < found["difference"] < found["high"] < 0
    assert found["better"] == 1
    assert found["groups"] == 12
    assert found["group_low"] < found["difference"] < found["group_high"] < 0
    back = compare(scored("bad", 0.3), scored("good", 3.0), rounds=300)
    assert (back["low"], back["high"]) == (-found["high"], -found["low"])
    assert back["better"] == 0


def test_against_itself_nothing_differs_because_the_draws_are_paired() -> None:
    found = compare(scored("one", 1.0), scored("other", 1.0), rounds=50)
    assert (found["low"], found["difference"], found["high"], found["better"]) == (0, 0, 0, 0)
    apart = compare(scored("one", 1.0, seed=0), scored("other", 1.0, seed=1), rounds=50)
    assert apart["low"] < 0 < apart["high"]


def test_clips_are_paired_by_their_id() -> None:
    one, other = scored("one", 1.0), scored("other", 2.0)
    order = np.random.default_rng(0).permutation(N)[:80]
    mixed = Scored(
        "other",
        tuple(other.utt_id[i] for i in order),
        Trials(other.trials.spoof[order], other.trials.spoof_logit[order]),
    )
    a, b = paired(one, mixed)
    assert a.utt_id == b.utt_id == tuple(u for u in one.utt_id if u in set(mixed.utt_id))
    assert a.groups is not None
    assert len(a.groups) == 80
    by_id = dict(zip(other.utt_id, other.trials.spoof_logit.tolist(), strict=True))
    assert b.trials.spoof_logit.tolist() == [by_id[u] for u in b.utt_id]
    with pytest.raises(TrainingError, match="no clip in common"):
        paired(one, Scored("x", ("elsewhere",), Trials(np.array([True]), np.array([1.0]))))
    with pytest.raises(TrainingError, match="give u0 different labels"):
        paired(one, Scored("x", ("u0",), Trials(np.array([True]), np.array([1.0]))))


def write(path: Path, detectors: dict[str, float]) -> None:
    lines = ["utt_id,detector,checkpoint,spoof_logit,llr,label,source_repo"]
    for name, gap in detectors.items():
        given = scored(name, gap)
        assert given.groups is not None
        for utt, spoof, logit, source in zip(
            given.utt_id, given.trials.spoof, given.trials.spoof_logit, given.groups, strict=True
        ):
            label = "spoof" if spoof else "bonafide"
            lines.append(f"{utt},{name},c,{logit!r},,{label},{source}".replace("np.float64", ""))
    path.write_text("\n".join(lines).replace("(", "").replace(")", "") + "\n")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs, out = tmp_path / "ours.csv", tmp_path / "theirs.csv", tmp_path / "out"
    write(ours, {"sls": 2.0, "fused": 3.0})
    write(theirs, {"lfcc-gmm": 0.5, "lfcc-trees": 0.2})
    more = ["--rounds", "100", "--cluster", "source_repo", "--out", str(out)]
    assert main(["compare", str(ours), str(theirs), "--only", "fused", *more]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n| fused |") == 2
    assert "12 whole source_repo drawn" in shown
    rows = json.loads((out / "compare.json").read_text())["rows"]
    assert [(row["first"], row["second"]) for row in rows] == [
        ("fused", "lfcc-gmm"),
        ("fused", "lfcc-trees"),
    ]
    assert rows[0]["high"] < 0
    assert (out / "compare.csv").read_text().startswith("first,second,clips,eer_first")
    assert main(["compare", str(ours), str(theirs), "--only", "mambo"]) == 1
    assert "has no detector 'mambo'; there are sls, fused" in capsys.readouterr().err
