"""Conditions do what their names say, and the figures of a hand-made case."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from core.registry import DETECTORS
from tests.training.test_scoring import FITTED, save, tiny
from tests.training.tiny import Tiny, make_corpus
from training.__main__ import main
from training.augment import codecs
from training.calm import CONDITIONS, aligned, changed, chosen, figures, flips
from training.errors import TrainingError
from training.scorefile import DetectorScores
from training.waves import Wave, as_clip

RATE, WINDOW = 16_000, 64_600
BY_KEY = {one.key: one for one in CONDITIONS}
SAME_LENGTH = {"none", "gain+12", "gain-12", "mp3-64", "opus-24", "low-pass-4k"} | {
    "noise-white-20", "noise-speech-20", "reverberation",
}  # fmt: skip


def speech_like(seconds: float = 2.0, level: float = 0.05) -> Wave:
    """Buzz and noise that swell, up to 8 kHz."""
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE)) / RATE
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)
    buzz = np.sum([np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 40)], axis=0)
    wave: Wave = level * swell * (buzz + 0.3 * rng.standard_normal(time.size))
    return wave


def power(wave: Wave) -> float:
    return float(np.mean(wave**2))


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda one: one.key)
def test_a_condition_is_fixed_by_its_seed_and_leaves_its_input(condition: object) -> None:
    one = next(c for c in CONDITIONS if c is condition)
    name = {"mp3-64": "mp3", "opus-24": "opus"}.get(one.key)
    if name and (reason := codecs.missing(name)):
        pytest.skip(reason)
    wave = speech_like()
    kept = wave.copy()
    first, second = (changed(wave, one, "U1", seed=3) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(wave, kept)
    assert np.isfinite(first).all()
    assert (
        one.key == "none"
        or not np.array_equal(first[: wave.size], wave[: first.size])
        or (one.key in {"trimmed", "padding-reflected"})
    )
    if one.key in SAME_LENGTH:
        assert first.size == wave.size


def test_gain_noise_and_low_pass_have_the_size_they_name() -> None:
    wave = speech_like(level=0.02)
    louder = changed(wave, BY_KEY["gain+12"], "u")
    assert power(louder) / power(wave) == pytest.approx(10**1.2)
    assert power(changed(wave, BY_KEY["gain-12"], "u")) / power(wave) == pytest.approx(10**-1.2)
    for key in ("noise-white-20", "noise-speech-20"):
        added = changed(wave, BY_KEY[key], "u") - wave
        assert 10 * np.log10(power(wave) / power(added)) == pytest.approx(20, abs=1e-6)
    assert not np.array_equal(
        changed(wave, BY_KEY["noise-white-20"], "u"), changed(wave, BY_KEY["noise-white-20"], "v")
    )
    low = np.abs(np.fft.rfft(changed(wave, BY_KEY["low-pass-4k"], "u"))) ** 2
    frequency = np.fft.rfftfreq(wave.size, 1 / RATE)
    assert low[frequency > 4_500].sum() < 1e-4 * low[frequency < 3_500].sum()


def test_ends_and_padding() -> None:
    wave = speech_like(2.0)
    assert np.array_equal(changed(wave, BY_KEY["offset"], "u"), wave[RATE // 2 :])
    short = wave[: RATE // 2]
    assert changed(short, BY_KEY["offset"], "u").size == short.size * 3 // 4
    longer = changed(wave, BY_KEY["silence"], "u")
    assert longer.size == wave.size + RATE
    assert np.array_equal(longer[RATE // 2 : -RATE // 2], wave)
    assert 10 * np.log10(power(longer[: RATE // 2])) == pytest.approx(-70, abs=0.3)
    assert changed(longer, BY_KEY["trimmed"], "u").size == pytest.approx(wave.size, abs=700)
    for key in ("padding-zeros", "padding-centred", "padding-reflected"):
        assert changed(wave, BY_KEY[key], "u").size == WINDOW
        long = speech_like(5.0)
        assert np.array_equal(changed(long, BY_KEY[key], "u"), long)
    zeros = changed(wave, BY_KEY["padding-zeros"], "u")
    assert not zeros[:1000].any()
    assert zeros[WINDOW // 2] != 0


def test_a_condition_that_does_not_exist() -> None:
    assert [one.key for one in chosen(["opus-24", "none"])] == ["none", "opus-24"]
    assert chosen([]) == CONDITIONS
    with pytest.raises(TrainingError, match=r"no condition 'loud'; there are none, gain\+12"):
        chosen(["loud"])


def test_a_clip_comes_back_as_a_file_of_16_bits() -> None:
    wave = speech_like(0.5)
    wave[7] = 1.7
    clip = as_clip(wave, "u")
    back = clip.samples.read(0, clip.samples.length)[0]
    assert back.size == wave.size
    assert back[7] == pytest.approx(1, abs=1e-4)
    assert np.abs(np.delete(back - wave, 7)).max() <= 0.5 / 32_768 + 1e-7


def scored(
    utts: str, llrs: list[float] | None, logits: list[float] | None = None
) -> DetectorScores:
    n = len(utts)
    llr = np.full(n, np.nan) if llrs is None else np.array(llrs)
    return DetectorScores("d", "d-1", tuple(utts), np.array(logits or llrs, float), llr, {})


def test_figures_of_a_hand_made_case() -> None:
    spoof = {"a": False, "b": False, "c": True, "d": True, "e": True}
    before = scored("abcde", [-2.0, -1.0, 1.0, 2.0, 3.0])
    after = scored("dcbax", [-0.5, 1.0, 0.5, -2.0, 9.0])  # another order; e is missing, x unknown
    pair = aligned(before, after, spoof)
    assert pair.after.spoof_logit.tolist() == [-2.0, 0.5, 1.0, -0.5]
    turned = flips(pair)
    assert turned is not None
    assert turned.tolist() == [False, True, False, True]
    found = figures(pair, rounds=200, seed=0)
    assert (found["n"], found["eer"], found["change"]) == (4, 0.5, 0.5)
    assert (found["flipped"], found["moved"]) == (0.5, 0.75)
    assert found["change_low"] <= 0.5 <= found["change_high"]
    raw = aligned(scored("abc", None, [1, 2, 3]), scored("abc", None, [1, 2, 3]), spoof)
    assert flips(raw) is None
    assert figures(raw, rounds=20, seed=0)["flipped"] is None
    with pytest.raises(TrainingError, match="no clip was scored both"):
        aligned(before, scored("x", [1.0]), spoof)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(DETECTORS, "tiny", Tiny)
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(tmp_path / "checkpoints"))
    save(tmp_path / "checkpoints", "tiny-a", tiny(1), FITTED)
    save(tmp_path / "checkpoints", "tiny-b", tiny(2), None)
    make_corpus(tmp_path / "corpus", 3, 9)
    return tmp_path


def calm(place: Path, *more: str) -> int:
    given = ["--data", str(place / "corpus"), "--out", str(place / "out"), "--quiet"]
    named = ["--checkpoint", "tiny-a", "--checkpoint", "tiny-b", "--rounds", "20"]
    return main(["calm", *given, *named, "--threads", "1", *more])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_command_scores_as_the_product_does(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calm(place, "--condition", "gain-12") == 0
    assert "no table" in capsys.readouterr().out
    some = ("--condition", "none", "--condition", "padding-zeros")
    assert calm(place, *some) == 0
    shown = capsys.readouterr().out
    assert "| 12 dB quieter |" in shown  # the earlier run's file counts
    assert "Gain and padding alone" in shown
    corpus = place / "corpus"
    plain = ["score", "--manifest", str(corpus / "manifest.csv"), "--audio", str(corpus / "flac")]
    own = ["--checkpoint", "tiny-a", "--checkpoint", "tiny-b", "--split", "dev", "--quiet"]
    assert main([*plain, *own, "--out", str(place / "s.csv")]) == 0
    kept = ("utt_id", "checkpoint", "spoof_logit", "llr", "label", "system")
    ours, theirs = (
        [[row[key] for key in kept] for row in rows_of(file)]
        for file in (place / "out" / "scores-none.csv", place / "s.csv")
    )
    assert ours == theirs
    whole = (place / "out" / "scores-none.csv").read_text()
    assert calm(place, *some) == 0  # nothing is scored twice
    assert (place / "out" / "scores-none.csv").read_text() == whole
    record = json.loads((place / "out" / "calm.json").read_text())
    by = {(row["condition"], row["checkpoint"]): row for row in record["rows"]}
    assert by["none", "fused"]["change"] == by["none", "fused"]["flipped"] == 0
    assert by["gain-12", "tiny-b"]["flipped"] is None
    assert by["gain-12", "fused"]["moved"] > 0
    assert record["settings"]["flips_conditions"] == 2
    expected = [by[key, "fused"]["flipped"] for key in ("gain-12", "padding-zeros")]
    assert record["settings"]["flips_each"] == pytest.approx(np.mean(expected))
    assert record["settings"]["flips_any"] >= max(expected)


def test_a_few_clips_of_each_label(place: Path) -> None:
    assert calm(place, "--condition", "none", "--limit", "2") == 0
    rows = rows_of(place / "out" / "scores-none.csv")
    assert sorted(row["label"] for row in rows if row["checkpoint"] == "fused") == [
        *("bonafide", "bonafide", "spoof", "spoof"),
    ]


def test_a_condition_that_another_process_is_at_waits(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = ("--condition", "none", "--condition", "gain-12")
    assert calm(place, *some) == 0
    path = place / "out" / "scores-gain+12.csv"
    kept = (place / "out" / "scores-gain-12.csv").read_text().splitlines(keepends=True)
    capsys.readouterr()
    for lines in (1, 4):  # nothing but the header; the first clip, which is bona fide
        path.write_text("".join(kept[:lines]))
        assert calm(place, *some) == 0
        shown = capsys.readouterr().out
        assert "not all clips are scored: gain+12" in shown
        assert "12 dB quieter" in shown
        assert "12 dB louder" not in shown


def test_scores_of_other_weights_are_not_mixed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calm(place, "--condition", "none", "--limit", "1") == 0
    save(place / "checkpoints", "tiny-b", tiny(5), None)  # the same name, other weights
    assert calm(place, "--condition", "none") == 1
    assert "holds scores of other weights" in capsys.readouterr().err
    assert len(rows_of(place / "out" / "scores-none.csv")) == 6
