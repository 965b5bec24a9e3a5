"""Every field of a card can be read on the Models tab, without opening the card itself."""

import json
import re
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from checkpoints import store
from checkpoints.store import Checkpoint
from tests.core.made import save_untrained
from ui import modelcards

SHIPPED = store.installed()


def read(html: str) -> str:
    """What a person sees, with everything unfolded but the raw card."""
    bare = re.sub(r"<pre.*?</pre>", "", html, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", " ", bare))


def named(card: Any) -> list[str]:
    """Everything in words that a card holds."""
    given = card["provenance"], card["measured"], card["notes"], card.get("dimensions", [])
    texts = [card[name] for name in ("id", "detector", "size", "licence", "recipe", "command")]
    texts += [*card["provenance"].values(), *card["notes"], card["backbone"], card["sha256"]]
    texts += [one[key] for one in given[1] for key in ("set", "command")]
    texts += [one["attack"] for one in given[3]]
    return [text for text in texts if text]


@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.id)
def test_every_field_is_there_to_read(one: Checkpoint) -> None:
    html = modelcards.model(one, None)
    said = read(html)
    for text in named(one.card):
        assert " ".join(text.split()) in " ".join(said.split())
    for entry in one.card["trained_on"]:
        for part in re.split(r"; |: ", entry):
            assert part in said
    for measured in one.card["measured"]:
        shown = 100 * measured["value"] if measured["metric"] == "eer" else measured["value"]
        assert f"{shown:.1f} %" in said or f"{shown:.3f}" in said
    if calibration := one.card["calibration"]:
        assert f"{calibration['slope']:.3f} × raw score" in said
        assert f"{calibration['n_spoof']} spoofed" in said
    raw = unescape(re.findall(r"<pre[^>]*>(.*)</pre>", html, flags=re.DOTALL)[0])
    assert json.loads(raw) == json.loads(json.dumps(dict(one.card)))


def test_parts_are_told_apart_outside_of_brackets() -> None:
    one = replace(
        SHIPPED[0], card={**SHIPPED[0].card, "trained_on": [f"a: b (c; d); e{'.' * 200}"]}
    )
    assert "<li>b (c; d)</li><li>e..." in modelcards.model(one, None)


def test_a_card_cannot_write_into_the_page(tmp_path: Path) -> None:
    one = save_untrained(tmp_path)
    lie = "<script>alert(1)</script>"
    card = {**one.card, "licence": lie, "notes": [lie], "trained_on": [lie, f"{lie}: {'x' * 200}"]}
    html = modelcards.model(replace(one, licence=lie, card=card), (False, lie))
    html += modelcards.overview([replace(one, licence=lie, card=card)], {one.id: (True, lie)})
    assert "<script" not in html
    assert escape(lie) in html


def test_the_overview_says_what_was_found(tmp_path: Path) -> None:
    one = save_untrained(tmp_path)
    said = read(modelcards.overview([one], {}))
    assert "not measured" in said
    assert "made up for tests" in said
    assert "not run yet" in said
    card = {**one.card, "measured": [{"metric": "EER", "value": 0.0083, "set": "there"}]}
    assert "0.83 % on there" in read(modelcards.overview([replace(one, card=card)], {}))
    assert "✗ failed" in read(modelcards.overview([one], {one.id: (False, "broken")}))
