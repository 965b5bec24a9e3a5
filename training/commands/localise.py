"""`python -m training localise`: whether windows' scores find a stretch put into human speech."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import TrainingError

if TYPE_CHECKING:
    from core.detect import Settings
    from core.fusion import Fusion
    from core.loading import Loaded
    from training.localisation import Scanned
    from training.splices import Splice

FUSED = "fused"


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "localise",
        help="machine-made stretches of 1 to 4 s in human speech of dev: do the windows find them",
        description="Each clip is scanned with the product's own windows. As a control, the same "
        "recordings with human speech of another speaker at the same places.",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="corpus; see training/corpus.py")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="clips, and controls")
    parser.add_argument("--hop", type=float, default=0.5, help="seconds between windows")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="ID")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--rounds", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Splice, scan, tell."""
    from tqdm import tqdm

    from core.detect import Settings, prepare
    from core.fusing import installed_fusion
    from core.loading import select
    from training.corpus import read_splits
    from training.splices import Shelf, splices
    from training.tables import write_csv
    from training.waves import read

    settings = Settings(hop_seconds=args.hop, threads=args.threads, score_anyway=True)
    prepare(settings)
    loaded, fusion = select((), args.checkpoint), installed_fusion()
    if not loaded:
        raise TrainingError("no checkpoint is installed; `python -m core detectors` lists them")
    dev = read_splits(args.data).dev
    made = splices(Shelf(dev, tuple(read(item) for item in dev)), args.limit, args.seed)
    windows: list[dict[str, Any]] = []
    for one in tqdm(made, desc="localise", disable=args.quiet, mininterval=5):
        windows += _windows(one, loaded, settings, fusion)
    write_csv(args.out / "windows.csv", windows)
    _tell(list(_rows(made, windows, args)), args)
    return 0


def _windows(
    one: "Splice", loaded: "Sequence[Loaded]", settings: "Settings", fusion: "Fusion | None"
) -> Iterator[dict[str, Any]]:
    """A row a window: where it lies, the fused llr, each detector's raw score."""
    from core.detect import detections, grid, scan
    from core.fusing import fuse
    from training.waves import as_clip

    clip = as_clip(one.wave, one.name)
    places = grid(clip, loaded, settings)
    found = detections(scan(clip, loaded, settings, windows=places))
    short = [d.checkpoint for d in found if len(d.readings) != len(places)]
    if short or len(found) != len(loaded):
        raise TrainingError(f"{one.name}: not every window was scored by every detector")
    fused = fuse(found, fusion).windows
    for index, window in enumerate(places):
        row: dict[str, Any] = {"clip": one.name, "kind": one.kind, "host": one.host}
        row |= {"stretch": one.stretch, "voice": one.voice}
        row |= {"first": round(one.start, 4), "last": round(one.stop, 4)}
        row |= {"start": window.start, "stop": window.stop}
        row |= {d.checkpoint: d.readings[index].score.spoof_logit for d in found}
        yield row | ({FUSED: fused[index][1]} if fused else {})


def _rows(
    made: "Sequence[Splice]", windows: Sequence[Mapping[str, Any]], args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    from training.localisation import figures

    known = {"clip", "kind", "host", "stretch", "voice", "first", "last", "start", "stop"}
    detectors = [name for name in windows[0] if name not in known]
    for kind, voice in (
        ("machine", None),
        ("machine", "host's"),
        ("machine", "another"),
        ("human", None),
    ):
        own = [one for one in made if one.kind == kind and (voice is None or one.voice == voice)]
        if not own:
            continue
        for name in detectors:
            clips = [_scanned(one, name, windows) for one in own]
            head = {"kind": kind, "voice": voice or "any", "detector": name, "clips": len(own)}
            yield {**head, **figures(clips, args.rounds, args.seed)}


def _scanned(one: "Splice", detector: str, windows: Sequence[Mapping[str, Any]]) -> "Scanned":
    import numpy as np

    from training.localisation import Scanned

    own = [row for row in windows if row["clip"] == one.name and row["kind"] == one.kind]
    starts, stops, scores = (
        np.array([row[column] for row in own], np.float64) for column in ("start", "stop", detector)
    )
    return Scanned(one.host, starts, stops, scores, one.start, one.stop)


def _tell(rows: Sequence[dict[str, Any]], args: argparse.Namespace) -> None:
    from training.tables import markdown, save

    def cell(row: Mapping[str, Any], name: str, scale: int, sign: str) -> str:
        value, *ends = (scale * row[key] for key in (name, f"{name}_low", f"{name}_high"))
        digits = 2 if scale == 1 else 0
        low, high = (f"{end:{sign}.{digits}f}" for end in ends)
        return f"{value:{sign}.{digits}f} ({low} to {high})"

    settings = {"hop": args.hop, "rounds": args.rounds, "seed": args.seed, "pairs": args.limit}
    save(args.out, "localise", rows, settings)
    body = [
        [row["kind"], row["voice"], row["detector"], str(row["clips"])]
        + [cell(row, name, 1, "") for name in ("windows", "pooled", "seconds")]
        + [
            f"{100 * row[name]:.0f} % against {100 * row[f'{name}_chance']:.0f} %: "
            + cell(row, f"{name}_gain", 100, "+")
            for name in ("hit", "peak")
        ]
        for row in rows
        if row["detector"] == FUSED or row["voice"] == "any"
    ]
    header = ["stretch", "voice", "detector", "clips", "AUC, windows of a clip (95 %, hosts drawn)"]
    header += ["AUC, all windows", "AUC, seconds", "highest window holds it, against chance"]
    sys.stdout.write(markdown([*header, "highest 0.1 s lies in it, against chance"], body))
