"""Figures of localisation by hand, and the command from recordings to a table."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.registry import DETECTORS
from tests.training.test_scoring import FITTED, save, tiny
from tests.training.tiny import Tiny
from training.__main__ import main
from training.curve import Floats
from training.localisation import Scanned, area, figures


def scanned(scores: Floats | None = None, host: str = "h", first: float = 4.0) -> Scanned:
    """Windows of 4 s, a second apart, in 12 s; the stretch lasts 2 s."""
    starts = np.arange(9.0)
    values = starts * 0.0 if scores is None else scores
    return Scanned(host, starts, starts + 4, values, first, first + 2)


def test_which_windows_hold_the_stretch() -> None:
    one = scanned()
    assert one.heard().tolist() == [0, 1, 2, 2, 2, 1, 0, 0, 0]
    assert one.holds().tolist() == [False, True, True, True, True, True, False, False, False]
    assert np.array_equal(one.clear(), ~one.holds())
    longer = Scanned("h", one.starts, one.stops, one.scores, 2.0, 10.0)  # longer than a window
    assert longer.holds().tolist() == [True] * 9
    assert not longer.clear().any()


def test_the_curve_is_the_mean_of_the_windows_that_hear_it() -> None:
    one = scanned(np.arange(9.0))
    curve, inside = one.curve()
    assert curve.size == inside.size == 120
    assert curve[0] == 0  # the first second is heard by the first window alone
    assert curve[115] == 8
    assert curve[45] == pytest.approx(np.mean([1, 2, 3, 4]))
    assert np.flatnonzero(inside).tolist() == list(range(40, 60))
    gap = Scanned("h", np.array([0.0, 6.0]), np.array([4.0, 10.0]), np.ones(2), 1.0, 2.0)
    assert gap.curve()[0].size == 80  # what no window hears has no score


def test_area_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    above, below = rng.integers(0, 5, 30).astype(float), rng.integers(0, 4, 20).astype(float)
    difference = above[:, None] - below
    assert area(above, below) == pytest.approx(np.mean((difference > 0) + 0.5 * (difference == 0)))
    assert np.isnan(area(np.zeros(0), below))


def test_a_perfect_a_blind_and_a_wrong_detector() -> None:
    firsts = (1.0, 4.0, 5.5, 8.0)
    clips = [scanned(first=first, host=f"h{first}") for first in firsts]

    def rated(sign: float) -> dict[str, float]:
        return figures(
            [Scanned(c.host, c.starts, c.stops, sign * c.heard(), c.first, c.last) for c in clips],
            rounds=50,
        )

    perfect, blind, wrong = rated(1.0), rated(0.0), rated(-1.0)
    assert perfect["windows"] == perfect["pooled"] == perfect["hit"] == 1
    assert perfect["seconds"] > 0.9
    assert wrong["windows"] == wrong["pooled"] == wrong["hit"] == 0
    for name in ("windows", "pooled", "seconds"):
        assert blind[name] == blind[f"{name}_low"] == blind[f"{name}_high"] == 0.5
    chance = np.mean([clip.holds().mean() for clip in clips])
    assert blind["hit"] == pytest.approx(chance)  # ties are shared, so a flat scan hits by lot
    assert blind["hit_gain"] == pytest.approx(0)
    assert blind["peak_gain"] == pytest.approx(0)
    assert perfect["hit_gain"] == pytest.approx(1 - chance)
    assert perfect["peak_chance"] == pytest.approx(2 / 12)


def test_noise_is_at_chance_and_hosts_are_drawn_whole() -> None:
    rng = np.random.default_rng(1)
    clips = [
        scanned(rng.standard_normal(9), f"h{i % 10}", float(rng.uniform(0.5, 9)))
        for i in range(200)
    ]
    found = figures(clips, rounds=300)
    for name in ("windows", "pooled", "seconds"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]
        assert found[name] == pytest.approx(0.5, abs=0.06)
    assert found["hit_gain_low"] < 0 < found["hit_gain_high"]
    one_host = figures([scanned(c.scores, "h", c.first) for c in clips[:20]], rounds=20)
    assert one_host["windows_low"] == one_host["windows"] == one_host["windows_high"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Human speech is a low buzz, machine-made a high one; two speakers of 12 s."""
    monkeypatch.setitem(DETECTORS, "tiny", Tiny)
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(tmp_path / "checkpoints"))
    save(tmp_path / "checkpoints", "tiny-a", tiny(1), FITTED)
    folder = tmp_path / "corpus"
    (folder / "flac").mkdir(parents=True)
    rows = ["utt_id,split,label,system,system_family,speaker,source_repo"]
    time = np.arange(16_000 * 4) / 16_000
    for number in range(8):
        human = number < 6
        wave = 0.2 * np.sin(2 * np.pi * (200 + 30 * (number % 2) if human else 2_500) * time)
        wave += 0.01 * np.random.default_rng(number).standard_normal(time.size)
        soundfile.write(folder / "flac" / f"U{number}.flac", wave, 16_000)
        label = "bonafide,-,-" if human else "spoof,TTS,tts"
        rows.append(f"U{number},dev,{label},p{number % 2},r")
    rows.append("T0,train,spoof,TTS,tts,p0,r")
    soundfile.write(folder / "flac" / "T0.flac", 0.1 * time[:4_000], 16_000)
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_command(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "out"
    given = ["--data", str(place / "corpus"), "--out", str(out), "--quiet", "--threads", "1"]
    more = ["--checkpoint", "tiny-a", "--limit", "4", "--rounds", "30", "--hop", "0.5"]
    assert main(["localise", *given, *more]) == 0
    shown = capsys.readouterr().out
    assert "| machine | any | fused | 4 |" in shown
    assert "| human | any | fused | 4 |" in shown
    with (out / "windows.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["kind"] for row in rows} == {"machine", "human"}
    assert all(float(row["stop"]) - float(row["start"]) == pytest.approx(0.1) for row in rows[:50])
    first = rows[0]
    expected = FITTED.llr(float(first["tiny-a"]))
    assert float(first["fused"]) == pytest.approx(expected)
    found = json.loads((out / "localise.json").read_text())
    by = {(row["kind"], row["voice"], row["detector"]): row for row in found["rows"]}
    machine, human = (by[kind, "any", "tiny-a"] for kind in ("machine", "human"))
    # a random network hears the high tone, above or below; the other voice it hardly hears
    assert abs(machine["windows"] - 0.5) > 0.3
    assert abs(human["windows"] - 0.5) < abs(machine["windows"] - 0.5)
    assert found["settings"] == {"hop": 0.5, "rounds": 30, "seed": 0, "pairs": 4}
