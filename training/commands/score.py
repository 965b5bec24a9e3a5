"""`python -m training score --manifest CSV --audio DIR --out scores.csv`: score a corpus."""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.corpora.manifest import read_manifest
from training.errors import TrainingError

if TYPE_CHECKING:
    from core.detect import Settings
    from core.loading import Loaded
    from training.scoring import Job, Row


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "score",
        help="score every clip of a manifest",
        description="Run again, it goes on where it stopped. A clip that cannot be scored is a "
        "row with its reason in the column `error`.",
    )
    parser.add_argument("--manifest", type=Path, required=True, metavar="CSV")
    parser.add_argument("--audio", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV")
    parser.add_argument("--detector", action="append", default=[], metavar="NAME")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="ID")
    parser.add_argument("--split", help="only the clips of this split")
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--workers", type=int, default=0, help="of ray; 0: one a CPU core")
    parser.add_argument("--hop", type=float, default=4.0, help="seconds between windows")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: its own choice")
    parser.add_argument("--device", default="cpu", help="cpu or cuda; local engine only")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score; 0 when every clip was scored, 1 when one or more could not be."""
    from core.detect import Settings, prepare
    from core.loading import select
    from training.scoring import FROM_MANIFEST, ScoreFile, expected, jobs, same_weights

    if not args.audio.is_dir():
        raise TrainingError(f"{args.audio}: no such folder; --audio names the folder of the clips")
    listing = read_manifest(args.manifest, needed=(), split=args.split)
    columns = [name for name in FROM_MANIFEST if name in _header(args.manifest)]
    settings = Settings(hop_seconds=args.hop, threads=args.threads, score_anyway=True)
    prepare(settings)
    loaded = select(args.detector, args.checkpoint)
    if not loaded:
        raise TrainingError("no checkpoint is installed; `python -m core detectors` lists them")
    file = ScoreFile(args.out, columns, expected(loaded))
    told = args.out.with_suffix(".weights.json")
    if file.done and not told.is_file():
        raise TrainingError(
            f"{args.out} holds scores, and no {told.name} beside it says of which weights; "
            "name another --out or remove it"
        )
    if not file.done:
        told.unlink(missing_ok=True)  # of scores that were removed
    same_weights(told, args.out, loaded, settings)
    file.mend()
    trials = [trial for trial in listing.trials if trial.utt_id not in file.done]
    work = jobs(trials, args.audio, columns)
    bad = 0
    for job, rows in _progress(args, _engine(args, work, loaded, settings), len(trials)):
        file.append(job, rows)
        bad += any(row.error is not None for row in rows)
    already = f", {len(file.done)} were there" if file.done else ""
    failed = f", {bad} with an error (see the column `error`)" if bad else ""
    sys.stdout.write(f"{args.out}: {len(trials)} clips scored{already}{failed}\n")
    return 1 if bad else 0


def _engine(
    args: argparse.Namespace,
    work: "Iterator[Job]",
    loaded: "Sequence[Loaded]",
    settings: "Settings",
) -> "Iterator[tuple[Job, list[Row]]]":
    if args.engine == "ray":
        from training.ray_engine import score_all as score_over_ray

        return score_over_ray(work, [one.checkpoint.id for one in loaded], settings, args.workers)
    from training.scoring import score_all

    for one in loaded:
        one.detector.to(args.device)
    return score_all(work, loaded, settings)


def _progress(
    args: argparse.Namespace, pairs: "Iterator[tuple[Job, list[Row]]]", total: int
) -> "Iterator[tuple[Job, list[Row]]]":
    from tqdm import tqdm

    return iter(tqdm(pairs, total=total, unit="clip", disable=args.quiet, dynamic_ncols=True))


def _header(manifest: Path) -> list[str]:
    with manifest.open(encoding="utf-8-sig", newline="") as lines:
        return [name.strip() for name in next(csv.reader(lines), [])]
