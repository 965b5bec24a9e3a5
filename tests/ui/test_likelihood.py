"""The likelihood-ratio card: what stands where a number would claim too much."""

from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np

from core import trials
from core.calibration import fit
from core.likelihood import Facts, facts
from core.types import Score
from tests.core.loudness import Loudness, loaded
from tests.core.test_conditions import QUALITY, SOURCE
from ui import likelihood

rng = np.random.default_rng(3)
LOGITS = np.concatenate([rng.normal(-1, 1, 40), rng.normal(1, 1, 40)])
LABELS = ["bonafide"] * 40 + ["spoof"] * 40
FITTED = fit(LOGITS, LABELS, "a <made> set")


def found(folder: Path, codec: str = "FLAC", *, calibrated: bool = True) -> Facts:
    trials.write(folder / trials.SCORES, LABELS, {"spoof_logit": LOGITS.tolist()})
    one = loaded(Loudness(), calibration=FITTED if calibrated else None)
    entry = {**FITTED.to_card(), "conditions": {"codecs": ["lossless"]}}
    card = {"calibration": entry if calibrated else None}
    one = replace(one, checkpoint=replace(one.checkpoint, folder=folder, card=card))
    score = Score(0.9, FITTED.llr(0.9) if calibrated else None)
    return facts(one, score, QUALITY, replace(SOURCE, codec=codec), repeats=20)


def test_the_card_has_both_propositions_the_number_and_what_it_rests_on(tmp_path: Path) -> None:
    one = found(tmp_path)
    shown = likelihood.card(one, "<table>")
    assert "<dt>A</dt><dd>The speech in this clip is synthetic" in shown
    assert "<dt>B</dt><dd>The speech in this clip is bona fide" in shown
    assert "of the kinds in a &lt;made&gt; set" in shown
    assert f"LLR {FITTED.llr(0.9):+.2f}" in shown
    assert one.interval is not None
    assert f"({one.interval[0]:+.2f} to {one.interval[1]:+.2f})" in shown
    assert shown.endswith("<table></section>")
    assert "of the bona fide ones have at least that" in likelihood.placed(one)


def test_another_condition_stands_in_place_of_the_number(tmp_path: Path) -> None:
    shown = likelihood.card(found(tmp_path, "Opus"), "")
    assert '<span class="none">Not calibrated for this condition</span>' in shown
    assert "codec Opus, calibrated on lossless" in shown
    assert "LLR" not in shown
    none = likelihood.card(found(tmp_path, calibrated=False), "")
    assert "Not calibrated: no likelihood ratio" in none
    assert "LLR" not in none


def test_the_card_is_about_all_detectors_or_the_first_that_is_calibrated(tmp_path: Path) -> None:
    raw, own = found(tmp_path, calibrated=False), found(tmp_path)
    assert likelihood.leading([own, raw]) is own
    assert likelihood.leading([raw, own]) is own
    assert likelihood.leading([raw, raw]) is raw


def test_a_new_clip_has_no_card_yet() -> None:
    with gr.Blocks():
        panel = likelihood.Panel.build()
    (said,) = likelihood.Handlers(panel).weigh(None, 10)
    assert "Nothing was scored yet" in said[panel.said]
    assert likelihood.Handlers(panel).prior(None, (), 10) == ""
    assert set(panel.blank()) == set(panel.outputs)
