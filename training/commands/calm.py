"""`python -m training calm`: what gain, codecs, noise, rooms and padding do to scores on dev."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import TrainingError

if TYPE_CHECKING:
    from core.loading import Loaded
    from training.calm import Condition
    from training.data import Item
    from training.scorefile import DetectorScores


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "calm",
        help="EER on dev after gain, codecs, noise, reverberation and padding; signs that flip",
        description="One score file a condition, then a table over all conditions whose files are "
        "in the folder. Run again, it goes on where it stopped; two processes with different "
        "--condition may share one folder.",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="corpus; see training/corpus.py")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--condition", action="append", default=[], metavar="KEY")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="ID")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="clips of each label")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--rounds", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score under each condition, then tell."""
    from core.detect import Settings, prepare
    from core.loading import select
    from training.calm import CONDITIONS, NONE, chosen
    from training.corpus import read_splits
    from training.scoring import same_weights
    from training.waves import some

    conditions = chosen(args.condition)
    dev = read_splits(args.data).dev
    items = some(dev, args.limit)
    settings = Settings(threads=args.threads, score_anyway=True)
    prepare(settings)
    loaded = select((), args.checkpoint)
    if not loaded:
        raise TrainingError("no checkpoint is installed; `python -m core detectors` lists them")
    args.out.mkdir(parents=True, exist_ok=True)
    same_weights(args.out / "weights.json", args.out, loaded, settings)
    for condition in conditions:
        _score(condition, items, loaded, args)
    begun = [one for one in CONDITIONS if _file(args.out, one).is_file()]
    wanted = {item.utt_id for item in items}
    there = [one for one in begun if wanted <= _clips(one, args.out)]
    if not there or there[0].key != NONE:
        sys.stdout.write(f"no table: the condition {NONE} is not scored yet\n")
        return 0
    if unfinished := [one.key for one in begun if one not in there]:
        sys.stdout.write(f"not in the table, not all clips are scored: {', '.join(unfinished)}\n")
    spoof = {item.utt_id: item.label == "spoof" for item in dev}
    rows = list(_rows(there, spoof, args))
    _tell(there, rows, spoof, args)
    return 0


def _file(folder: Path, condition: "Condition") -> Path:
    return folder / f"scores-{condition.key}.csv"


def _score(
    condition: "Condition",
    items: "Sequence[Item]",
    loaded: "Sequence[Loaded]",
    args: argparse.Namespace,
) -> None:
    from tqdm import tqdm

    from core.detect import Settings
    from core.fusing import installed_fusion
    from training.calm import changed
    from training.scoring import FROM_MANIFEST, Job, ScoreFile, expected, score_decoded
    from training.waves import as_clip, cells, read

    settings, fusion = Settings(threads=args.threads, score_anyway=True), installed_fusion()
    file = ScoreFile(_file(args.out, condition), FROM_MANIFEST, expected(loaded))
    file.mend()
    left = [item for item in items if item.utt_id not in file.done]
    for item in tqdm(left, desc=condition.key, disable=args.quiet, mininterval=5):
        wave = changed(read(item), condition, item.utt_id, args.seed)
        rows = score_decoded(as_clip(wave, item.utt_id), loaded, settings, fusion)
        file.append(Job(item.utt_id, item.path, cells(item)), rows)


def _read(condition: "Condition", folder: Path) -> "dict[str, DetectorScores]":
    from training.scorefile import read_scores

    return {one.checkpoint: one for one in read_scores(_file(folder, condition))}


def _clips(condition: "Condition", folder: Path) -> set[str]:
    """The clips that every detector has a score of under this condition, none at its beginning."""
    import csv

    found: dict[str, set[str]] = {}
    with _file(folder, condition).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            found.setdefault(row["checkpoint"], set()).add(row["utt_id"])
    return set.intersection(*found.values()) if found else set()


def _rows(
    conditions: "Sequence[Condition]", spoof: Mapping[str, bool], args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    from training.calm import aligned, figures

    plain = _read(conditions[0], args.out)
    for condition in conditions:
        after = _read(condition, args.out)
        for name, before in plain.items():
            if name not in after:
                raise TrainingError(f"{_file(args.out, condition)} has no scores of {name}")
            found = figures(aligned(before, after[name], spoof), args.rounds, args.seed)
            head = {"condition": condition.key, "what": condition.name, "group": condition.group}
            yield {**head, "detector": before.detector, "checkpoint": name, **found}


def _tell(
    conditions: "Sequence[Condition]",
    rows: Sequence[dict[str, Any]],
    spoof: Mapping[str, bool],
    args: argparse.Namespace,
) -> None:
    from training.bootstrap import Interval
    from training.tables import markdown, percent, points, save

    detectors = list(dict.fromkeys(row["checkpoint"] for row in rows))
    by = {(row["condition"], row["checkpoint"]): row for row in rows}
    last = detectors[-1]
    table = []
    for condition in conditions:
        row = by[condition.key, last]
        spread = Interval(row["change_low"], row["change_high"], args.rounds)
        eers = [percent(by[condition.key, name]["eer"]) for name in detectors]
        changes = [points(row["change"], spread), percent(row["flipped"])]
        table.append([condition.name, *eers, *changes])
    header = ["dev clips", *detectors, f"change of {last}, points (95 %)", f"{last}: signs flipped"]
    sys.stdout.write(markdown(header, table))
    settled = _flips(conditions, spoof, args.out, last)
    settings = {"rounds": args.rounds, "seed": args.seed, **settled}
    save(args.out, "calm", rows, settings)
    if settled:
        sys.stdout.write(
            f"\nGain and padding alone: {percent(settled['flips_each'])} of the scores of {last} "
            f"change their sign, {percent(settled['flips_any'])} of the clips in at least one of "
            f"{settled['flips_conditions']} conditions.\n"
        )


def _flips(
    conditions: "Sequence[Condition]", spoof: Mapping[str, bool], folder: Path, name: str
) -> dict[str, Any]:
    """Shares of signs that gain and padding flip: of all scores, and of clips in any condition."""
    import numpy as np
    from numpy.typing import NDArray

    from training.calm import FLIPPING, aligned, flips

    own = [one for one in conditions if one.group in FLIPPING]
    plain = _read(conditions[0], folder)[name]
    found: list[NDArray[np.bool_]] = []
    for condition in own:
        turned = flips(aligned(plain, _read(condition, folder)[name], spoof))
        if turned is None or (found and turned.size != found[0].size):
            return {}
        found.append(turned)
    if not found:
        return {}
    each, any_ = float(np.mean(found)), float(np.any(found, axis=0).mean())
    return {"flips_each": each, "flips_any": any_, "flips_conditions": len(found)}
