"""Fragments of the page: nothing from outside gets in unescaped, nothing is colour alone."""

import numpy as np

from core.numbers import Table
from core.pcm import ArraySamples
from core.types import (
    Axis,
    Clip,
    Evidence,
    Fused,
    Notice,
    Reading,
    Region,
    Score,
    Source,
    Verdict,
    Window,
)
from ui import markup

EVIL = '<img src=x onerror="alert(1)">'


def clip(name: str) -> Clip:
    source = Source(name, "a" * 64, 1_000, EVIL, EVIL, 44_100, 2, 3.0, EVIL)
    return Clip(source, ArraySamples(np.zeros(48_000, np.float32)), "b" * 64, (EVIL,), ())


def test_what_comes_from_outside_is_escaped() -> None:
    axis = Axis("a", "", (EVIL,))
    evidence = Evidence(EVIL, EVIL, np.ones(1, np.float32), (axis,), "w", EVIL)
    fragments = [
        markup.facts(clip(EVIL)),
        markup.notices([Notice("x", EVIL)]),
        markup.head("mixed", EVIL, EVIL),
        markup.progress(EVIL),
        markup.evidence_note(evidence, EVIL, EVIL, Table((EVIL,), ((EVIL,),), EVIL), wide=True),
        markup.card(EVIL, "#000", EVIL, (Reading(Window(0, 9), Score(1.0, None)),), (1.0, None)),
    ]
    assert all("<img" not in fragment for fragment in fragments)
    assert all("&lt;img" in fragment for fragment in fragments)


def test_a_verdict_has_colour_symbol_and_word() -> None:
    found = Verdict("mixed", "Mixed: 5.0–9.0 s leans spoofed.", (Region(5, 9),))
    shown = markup.verdict(found, Fused(0.97, ()))
    assert "lean-mixed" in shown
    assert "◐" in shown
    assert "Mixed – 5.0–9.0 s leans spoofed" in shown
    assert "Fused llr +1.0" in shown


def test_a_verdict_says_its_number_and_its_lean_once() -> None:
    text = "Leans spoofed: fused llr +4.7, outside the band from −1.0 to +1.0."
    shown = markup.verdict(Verdict("spoofed", text), Fused(4.71, ()))
    assert shown.count("4.7") == 1
    assert shown.count("Leans spoofed") == 1
    assert "Fused llr +4.7, outside the band" in shown
    apart = Verdict("inconclusive", "The detectors disagree (from −2.1 to +3.4).")
    assert "(from −2.1 to +3.4). Fused llr −0.3." in markup.verdict(apart, Fused(-0.31, ()))


def test_a_card_never_calls_a_raw_score_an_llr() -> None:
    window = Window(0, 64_600)
    raw = markup.card("A", "#000", "id", (Reading(window, Score(-3.5, None)),), (-3.5, None))
    assert "LLR" not in raw
    assert "raw −3.50" in raw
    assert "not calibrated" in raw
    llr = markup.card("A", "#000", "id", (Reading(window, Score(-3.5, -1.25)),), (-3.5, -1.25))
    assert "LLR −1.25" in llr
    assert "highest −1.25 at 0.0–4.0 s" in llr


def test_the_facts_are_complete() -> None:
    shown = markup.facts(clip("call.m4a"))
    assert "a" * 64 in shown
    assert "b" * 64 in shown
    assert "44 100 Hz, stereo" in shown
