"""Which rows of a batch are shown."""

import pytest

from core.batch import Row
from core.report import unread
from core.sieve import KINDS, Sieve


def row(number: int, name: str, lean: str, highest: float | None = None) -> Row:
    entry = unread(name, "broken")
    if lean != "not read":
        del entry["error"]
        entry["verdict"]["lean"] = lean
    if highest is not None:
        entry["fused"]["windows"] = [{"start": 0.0, "stop": 4.0, "llr": highest}]
    return Row(number, name, entry)


ROWS = [
    row(1, "Call A.wav", "spoofed", 4.0),
    row(2, "call b.wav", "inconclusive", 0.5),
    row(3, "other.wav", "bona fide", -2.0),
    row(4, "music.mp3", "not scored"),
    row(5, "notes.txt", "not read"),
]


@pytest.mark.parametrize(
    ("sieve", "shown"),
    [
        (Sieve(), [1, 2, 3, 4, 5]),
        (Sieve(frozenset({"spoofed", "not read"})), [1, 5]),
        (Sieve(frozenset({"not scored"})), [4]),
        (Sieve(frozenset({"mixed"})), []),
        (Sieve(least=0.5), [1, 2]),
        (Sieve(least=-2.0), [1, 2, 3]),
        (Sieve(name="CALL"), [1, 2]),
        (Sieve(frozenset({"spoofed"}), 1.0, "b"), []),
    ],
)
def test_only_what_fits_is_shown(sieve: Sieve, shown: list[int]) -> None:
    assert [one.number for one in sieve.of(ROWS)] == shown


def test_every_row_is_of_a_kind_that_can_be_chosen() -> None:
    assert Sieve(frozenset(KINDS)).of(ROWS) == ROWS
