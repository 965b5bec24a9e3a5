"""The numbers behind the pictures of probes, as text. What `core.probe_figures` draws, this says.

robustness(found) -> Table       shortcuts(found) -> Table       what_if(found) -> Table
faithfulness(found) -> Table     tippett(facts) -> Table        likelihoods(all facts) -> Table
"""

from collections.abc import Sequence

import numpy as np

from core.faithfulness import Faithfulness
from core.likelihood import Facts
from core.numbers import Table
from core.probe_sentences import called, number
from core.probes import Robustness, Shortcuts
from core.regions import WhatIf

TIPPETT_ROWS = 21
NO_NUMBER = "–"


def robustness(found: Robustness) -> Table:
    """A row a change, a column a detector; what was not tried is in the note."""
    spreads = found.spreads
    header = ("change", *(f"{one.title}, {called(one.quantity)}" for one in spreads))
    columns = [dict(one.values) for one in spreads]
    rows = [("as it is", *(number(one.original) for one in spreads))]
    for tried in found.tried:
        cells = [number(c[tried.name]) if tried.name in c else NO_NUMBER for c in columns]
        rows.append((tried.name, *cells))
    rows.append(("median", *(number(one.middle) for one in spreads)))
    rows.append(("lowest", *(number(one.low) for one in spreads)))
    rows.append(("highest", *(number(one.high) for one in spreads)))
    return Table(header, tuple(rows), " ".join(one.text for one in found.skipped))


def shortcuts(found: Shortcuts) -> Table:
    """A row a detector and shortcut."""
    rows = tuple(
        (
            one.title,
            one.what,
            called(one.quantity),
            number(one.before),
            number(one.after),
            "hangs on it" if one.hangs else "",
        )
        for one in found.reliances
    )
    header = ("detector", "taken away", "number", "as it is", "without", "decision")
    return Table(header, rows, " ".join(one.text for one in found.skipped))


def what_if(found: WhatIf) -> Table:
    """A row a detector and piece."""
    rows = tuple(
        (
            one.title,
            next(piece.name for piece in found.pieces if piece.key == one.key),
            called(one.quantity),
            number(one.before),
            number(one.after),
            number(one.difference),
        )
        for one in found.changes
    )
    header = ("detector", "piece", "number", "as it is", "then", "change")
    notes = (*(one.text for one in found.skipped), *found.notes)
    return Table(header, rows, " ".join(notes))


def faithfulness(found: Faithfulness) -> Table:
    """The map's effect, and the least, median and most of the random choices."""
    rows = [("marked by the map", number(found.marked.deletion), number(found.marked.insertion))]
    if found.random:
        deletions = [one.deletion for one in found.random]
        insertions = [one.insertion for one in found.random]
        for name, pick in (("least", np.min), ("median", np.median), ("most", np.max)):
            deletion, insertion = (float(pick(values)) for values in (deletions, insertions))
            rows.append((f"random stretches, {name}", number(deletion), number(insertion)))
    return Table(("stretches", "deletion", "insertion"), tuple(rows), found.text)


def likelihoods(found: Sequence[Facts]) -> Table:
    """A row a card: all detectors together, then each."""
    header = (
        "", "llr", "95 % interval", "supported", "trials (bona fide, spoofed)", "Cllr", "conditions"
    )  # fmt: skip
    return Table(header, tuple(_likelihood(one) for one in found), "")


def _likelihood(one: Facts) -> tuple[str, ...]:
    if one.bounds is None or one.cllr is None:
        return (one.title, "not calibrated", *[NO_NUMBER] * 5)
    interval = NO_NUMBER if one.interval is None else " to ".join(map(number, one.interval))
    return (
        one.title,
        NO_NUMBER if one.llr is None else number(one.llr) + (" (bound)" if one.at_bound else ""),
        interval,
        f"{number(one.bounds.lower)} to {number(one.bounds.upper)}",
        f"{one.n_bonafide}, {one.n_spoof}",
        f"{one.cllr:.2f}",
        {"matched": "matched", "conditions unknown": "unknown"}.get(one.match.status, "no match"),
    )


def tippett(facts: Facts) -> Table:
    """Some points of both curves, evenly over the trials."""
    header = ("llr", "spoofed trials up to it", "bona fide trials from it")
    curves = facts.tippett
    if curves is None:
        return Table(header, (), "There are no calibration trials beside this checkpoint.")
    count = len(curves.llr)
    picked = np.unique(np.linspace(0, count - 1, min(count, TIPPETT_ROWS)).round().astype(int))
    rows = tuple(
        (
            number(float(curves.llr[n])),
            f"{100 * curves.spoof[n]:.1f} %",
            f"{100 * curves.bonafide[n]:.1f} %",
        )
        for n in picked
    )
    note = f"{len(rows)} of {count} points" if len(rows) < count else ""
    return Table(header, rows, note)
