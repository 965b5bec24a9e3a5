"""Score files: this project's `scores.csv`, and the ASVspoof tools' two columns.

`scores.csv` has one row a clip and detector: utt_id, detector, checkpoint, spoof_logit, llr, then
columns of the manifest (label, system, ...), then `error`: why a clip has no score. Its numbers are
higher for spoof. An ASVspoof score file (`filename cm-score`) is higher for bona fide: its sign is
turned here, and nowhere else. A CSV column `cm_score` in place of `spoof_logit` is turned likewise.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.types import Label
from training.corpora.common import LABELS, Listing, Trial, text_lines
from training.curve import Floats
from training.errors import TrainingError, fault

COLUMNS = ("utt_id", "detector", "checkpoint", "spoof_logit", "llr")
ERROR = "error"


@dataclass(frozen=True)
class DetectorScores:
    """One detector's rows of a score file, one element a clip.

    Attributes
    ----------
    spoof_logit, llr : float64, NaN where the file has none.
    columns : further cells by column, such as label and system.
    errors : (utt_id, reason) of the clips without score.
    """

    detector: str
    checkpoint: str
    utt_id: tuple[str, ...]
    spoof_logit: Floats
    llr: Floats
    columns: Mapping[str, tuple[str, ...]]
    errors: tuple[tuple[str, str], ...] = ()


@dataclass
class _Rows:
    """What is collected of one detector while reading."""

    seen: dict[str, int] = field(default_factory=dict)  # id -> line
    ids: list[str] = field(default_factory=list)  # of the rows with a score
    logits: list[float] = field(default_factory=list)
    llrs: list[float] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)


def read_scores(file: Path) -> tuple[DetectorScores, ...]:
    """Read a `scores.csv`, detectors in the order of their first rows.

    Raises
    ------
    TrainingError
        No such file, a missing column, a ragged row, a NaN or infinite score, two rows with one
        id and detector: with the line, what was found and what is expected.
    """
    if not file.is_file():
        raise TrainingError(f"{file}: no such file; give the CSV that `training score` wrote.")
    found: dict[tuple[str, str], _Rows] = {}
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines)
        header = next(reader, [])
        places = _places(header, file)
        further = [i for i, name in enumerate(header) if name not in {*COLUMNS, ERROR, "cm_score"}]
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                wanted = f"{len(header)} as in the header; was the writing interrupted?"
                raise fault(file, reader.line_num, f"{len(row)} cells", wanted)
            name = tuple(row[places[k]] if k in places else "-" for k in ("detector", "checkpoint"))
            rows = found.setdefault((name[0], name[1]), _Rows())
            _take(rows, row, places, further, (file, reader.line_num))
    if not found:
        raise fault(file, None, "no row", "one row a clip and detector")
    names = [header[i] for i in further]
    return tuple(_finish(key, rows, names) for key, rows in found.items())


def _places(header: list[str], file: Path) -> dict[str, int]:
    places = {name: i for i, name in enumerate(header)}
    if "utt_id" not in places or not places.keys() & {"spoof_logit", "cm_score"}:
        wanted = f"{','.join(COLUMNS)} (at least utt_id and spoof_logit or cm_score)"
        raise fault(file, 1, f"the columns {','.join(header)}", wanted)
    if {"spoof_logit", "cm_score"} <= places.keys():
        raise fault(file, 1, "both spoof_logit and cm_score", "one of them (their signs differ)")
    return places


def _take(
    rows: _Rows,
    row: list[str],
    places: Mapping[str, int],
    further: Sequence[int],
    place: tuple[Path, int],
) -> None:
    utt = row[places["utt_id"]]
    earlier = rows.seen.setdefault(utt, place[1])
    if earlier != place[1]:
        found = f"the id {utt!r} again (first in line {earlier})"
        raise fault(*place, found, "one row an id and detector")
    if ERROR in places and row[places[ERROR]]:
        rows.errors.append((utt, row[places[ERROR]]))
        return
    if "cm_score" in places:
        logit = -_number(row[places["cm_score"]], "cm_score", place)
    else:
        logit = _number(row[places["spoof_logit"]], "spoof_logit", place)
    llr = _number(row[places["llr"]], "llr", place) if "llr" in places else math.nan
    if math.isnan(logit) and math.isnan(llr):
        raise fault(*place, "no score", "a spoof_logit, an llr or an error")
    rows.ids.append(utt)
    rows.logits.append(logit)
    rows.llrs.append(llr)
    rows.cells.append([row[i] for i in further])


def _number(text: str, name: str, place: tuple[Path, int]) -> float:
    """A finite number; NaN stands for an empty cell only."""
    if text == "":
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise fault(*place, f"{text!r} as {name}", "a number") from None
    if not math.isfinite(value):
        raise fault(*place, f"{text!r} as {name}", "a finite number (a bad clip: see `error`)")
    return value


def _finish(key: tuple[str, str], rows: _Rows, names: Sequence[str]) -> DetectorScores:
    cells = list(zip(*rows.cells, strict=True)) or [()] * len(names)
    return DetectorScores(
        key[0],
        key[1],
        tuple(rows.ids),
        np.array(rows.logits, dtype=np.float64),
        np.array(rows.llrs, dtype=np.float64),
        dict(zip(names, cells, strict=True)),
        tuple(rows.errors),
    )


def read_asvspoof_scores(file: Path) -> DetectorScores:
    """An ASVspoof score file: id and score a line (tab or spaces), higher = bona fide.

    The header `filename cm-score` is optional; the detector is called by the file's name.
    """
    ids: dict[str, int] = {}
    logits: list[float] = []
    for number, text, _ in text_lines(file):
        parts = text.split()
        if number == 1 and parts[:1] == ["filename"]:
            if parts != ["filename", "cm-score"]:
                raise fault(file, 1, repr(text), "the header `filename cm-score`")
            continue
        if len(parts) != 2:
            raise fault(file, number, repr(text), "an id and a score")
        if parts[0] in ids:
            raise fault(file, number, f"the id {parts[0]!r} again", "one line an id")
        ids[parts[0]] = number
        logits.append(-_number(parts[1], "cm-score", (file, number)))
    if not ids:
        raise fault(file, None, "no score", "an id and a score a line")
    empty = np.full(len(ids), np.nan)
    return DetectorScores(file.stem, "-", tuple(ids), np.array(logits), empty, {})


def write_asvspoof_scores(
    file: Path, utt_ids: Sequence[str], spoof_logits: Sequence[float]
) -> None:
    """Write `filename cm-score`, tab-separated, as the ASVspoof 5 evaluation package reads it."""
    with file.open("w", encoding="utf-8") as out:
        out.write("filename\tcm-score\n")
        out.writelines(
            f"{utt}\t{-logit!r}\n" for utt, logit in zip(utt_ids, spoof_logits, strict=True)
        )


def read_asvspoof_key(file: Path) -> Listing:
    """The ASVspoof 5 package's key: header `filename cm-label`, then id and bonafide|spoof."""
    trials: dict[str, Trial] = {}
    for number, text, _ in text_lines(file):
        parts = text.split()
        if number == 1:
            if parts != ["filename", "cm-label"]:
                raise fault(file, 1, repr(text), "the header `filename cm-label`")
            continue
        label: Label | None = LABELS.get(parts[-1])
        if len(parts) != 2 or label is None:
            raise fault(file, number, repr(text), "an id and bonafide or spoof")
        if parts[0] in trials:
            raise fault(file, number, f"the id {parts[0]!r} again", "one line an id")
        trials[parts[0]] = Trial(parts[0], label)
    return Listing("asvspoof-key", file, tuple(trials.values()))
