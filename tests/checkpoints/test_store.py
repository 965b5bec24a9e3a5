"""The store: cards, hashes, hostile folders, strict loading."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from checkpoints import store
from checkpoints.card import check_card
from checkpoints.store import CheckpointError
from tests.checkpoints.cards import card

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([1.0, -1.0])}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    monkeypatch.setenv(store.SEARCH_PATH, str(folder))
    return folder


def ids() -> set[str]:
    return {checkpoint.id for checkpoint in store.installed()}


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / store.CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_saved_is_found_and_read_again(root: Path) -> None:
    saved = store.save(root / "one", TENSORS, card())
    found = store.find("one")
    assert found == saved
    assert found.card["sha256"] == saved.sha256 == store.sha256_of(found.weights)
    again = store.tensors(found)
    assert all(torch.equal(again[name], TENSORS[name]) for name in TENSORS)
    assert again.keys() == TENSORS.keys()
    assert "one" in ids()
    assert sorted(path.name for path in (root / "one").iterdir()) == [store.CARD, store.WEIGHTS]


def test_a_folder_outside_the_search_path_is_found_by_its_path(tmp_path: Path, root: Path) -> None:
    saved = store.save(tmp_path / "elsewhere", TENSORS, card(id="elsewhere"))
    assert store.find(saved.folder).id == "elsewhere"
    assert "elsewhere" not in ids()


def test_an_unknown_id_lists_what_would_work(root: Path) -> None:
    store.save(root / "one", TENSORS, card())
    with pytest.raises(CheckpointError, match=r"No checkpoint 'two'.*Installed: .*one"):
        store.find("two")


def test_the_first_folder_of_the_search_path_wins(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = tmp_path / "second"
    store.save(root / "one", TENSORS, card(licence="first"))
    store.save(second / "one", TENSORS, card(licence="second"))
    monkeypatch.setenv(store.SEARCH_PATH, os.pathsep.join([str(root), str(second)]))
    assert store.find("one").licence == "first"
    assert any("one is used" in problem for problem in store.survey()[1])


def test_changed_bytes_are_refused(root: Path) -> None:
    saved = store.save(root / "one", TENSORS, card())
    data = bytearray(saved.weights.read_bytes())
    data[-1] ^= 1
    saved.weights.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="damaged or were replaced"):
        store.tensors(saved)


@pytest.mark.parametrize(
    "data", [b"", b"not safetensors", b"\xff" * 64, b"\x08" + b"\0" * 7 + b"{}"]
)
def test_bytes_that_are_no_safetensors_are_refused_in_words(root: Path, data: bytes) -> None:
    saved = store.save(root / "one", TENSORS, card())
    saved.weights.write_bytes(data)
    rewrite(saved.folder, sha256=store.sha256_of(saved.weights))
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        store.tensors(store.find("one"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "../escape"}, "'id' must be"),
        ({"id": ".."}, "'id' must be"),
        ({"id": "a..b"}, "'id' must be"),
        ({"sha256": "abc"}, "64 lower-case hex digits"),
        ({"size": "huge"}, "'size' must be"),
        ({"licence": ""}, "'licence' must be"),
        ({"golden": None}, "nothing scores unchecked"),
        ({"golden": {"spoof_logit": 1.0}}, "'golden' must be"),
        ({"golden": {"spoof_logit": float("nan"), "tolerance": 1.0}}, "'golden' must be"),
        ({"golden": {"spoof_logit": 1.0, "tolerance": 0}}, "'golden' must be"),
        ({"provenance": dict.fromkeys(("source", "url", "commit", "made_by"))}, "not all null"),
        ({"backbone": "../../etc"}, "'backbone' must be"),
        ({"default": 1}, "'default' must be true or false"),
        ({"measured": [{"set": "x"}]}, "'measured' must be"),
        ({"extra": 1}, "'extra' is not a key"),
        ({"dimensions": [{"dim": 115, "attack": "A13"}]}, "'dimensions' must be"),
    ],
)
def test_a_wrong_card_says_what_is_wrong(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        check_card(card(**changes), "card.json")


@pytest.mark.parametrize("key", sorted(card()))
def test_every_key_is_needed(key: str) -> None:
    spoiled = card()
    del spoiled[key]
    with pytest.raises(CheckpointError, match=f"'{key}' is missing"):
        check_card(spoiled, "card.json")


def test_right_cards_pass() -> None:
    check_card(card(dimensions=[{"dim": 115, "attack": "A13", "nmi": 1.0}]), "card.json")
    check_card(card(detector="backbone", golden=None), "card.json")


@pytest.mark.parametrize("text", ["", "[1]", "{", '"x"', "[" * 100_000, "NaN"])
def test_a_card_that_is_no_card_is_reported_and_harms_nothing_else(root: Path, text: str) -> None:
    store.save(root / "good", TENSORS, card(id="good"))
    store.save(root / "bad", TENSORS, card(id="bad"))
    (root / "bad" / store.CARD).write_text(text)
    assert "good" in ids()
    assert "bad" not in ids()
    assert any("bad" in problem for problem in store.survey()[1])


def test_a_card_too_large_is_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(root / "one", TENSORS, card(notes=["x" * 100]))
    monkeypatch.setattr(store, "MAX_CARD_BYTES", 50)
    with pytest.raises(CheckpointError, match="at most 50 are read"):
        store.find(root / "one")


def test_weights_too_large_are_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = store.save(root / "one", TENSORS, card())
    monkeypatch.setattr(store, "MAX_WEIGHTS_BYTES", 50)
    with pytest.raises(CheckpointError, match="at most 50 are read"):
        store.tensors(saved)


@pytest.mark.parametrize("name", [store.WEIGHTS, store.CARD])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, root: Path, name: str) -> None:
    saved = store.save(root / "one", TENSORS, card())
    outside = tmp_path / "outside"
    (saved.folder / name).rename(outside)
    (saved.folder / name).symlink_to(outside)
    with pytest.raises(CheckpointError, match="leads out of its folder"):
        store.find(saved.folder)


def test_a_linked_folder_is_reported(tmp_path: Path, root: Path) -> None:
    store.save(tmp_path / "outside", TENSORS, card(id="outside"))
    (root / "outside").symlink_to(tmp_path / "outside")
    assert "outside" not in ids()
    assert any("leads out" in problem for problem in store.survey()[1])


def test_missing_weights_are_said(root: Path) -> None:
    saved = store.save(root / "one", TENSORS, card())
    saved.weights.unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors is missing"):
        store.find(saved.folder)


def test_strict_loading_names_each_fault_and_copies_nothing() -> None:
    module = nn.Linear(3, 2)
    before = module.weight.clone()
    wrong = {"weight": torch.zeros(2, 4), "scale": torch.ones(1)}
    with pytest.raises(CheckpointError) as caught:
        store.load_strict(module, wrong, "x.pth")
    text = str(caught.value)
    assert "missing: bias" in text
    assert "unexpected: scale" in text
    assert "weight (2x4 instead of 2x3)" in text
    assert torch.equal(module.weight, before)
    store.load_strict(module, TENSORS, "x.pth")
    assert torch.equal(module.bias, TENSORS["bias"])


def test_a_wrong_card_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="'licence'"):
        store.save(tmp_path / "one", TENSORS, card(licence=""))
    assert not (tmp_path / "one").exists()
