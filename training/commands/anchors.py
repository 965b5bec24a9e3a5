"""`python -m training anchors`: score files of the simple detectors that networks should beat."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.anchors import Anchor, Frames
    from training.data import Item

SPLITS = ("dev", "eval")


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "anchors",
        help="LFCC with a Gaussian mixture, and with boosted trees: fitted on train, scored",
        description="Writes anchors-dev.csv and anchors-eval.csv. Nothing is chosen by them: their "
        "settings are fixed, so eval may be scored.",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with manifest.csv, audio")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--split", action="append", default=[], help=f"default: {', '.join(SPLITS)}"
    )
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="clips of each label")
    parser.add_argument("--components", type=int, default=64, help="Gaussians a class")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit on train, score the splits, show the error rates."""
    from training.anchors import Mixture, Trees
    from training.corpora.manifest import read_manifest
    from training.corpus import BESIDE, items_of
    from training.waves import some

    folder = args.data or BESIDE
    listing = read_manifest(folder / "manifest.csv", needed=("label", "split"))
    splits = args.split or list(SPLITS)
    if "train" in splits:
        raise TrainingError("the anchors are fitted on train; score another split")
    items = {
        name: some(items_of(listing.only(split=name), folder), args.limit)
        for name in ("train", *splits)
    }
    anchors: tuple[Anchor, ...] = (Mixture(args.components, seed=args.seed), Trees(seed=args.seed))
    train = _frames(items["train"], "train", args)
    for anchor in anchors:
        sys.stderr.write(f"fitting {anchor.name} on {len(train):,} clips of train\n")
        anchor.fit(train, [item.label for item in items["train"]])
    rows = [row for name in splits for row in _score(anchors, items[name], name, args)]
    _tell(rows, args)
    return 0


def _frames(items: "Sequence[Item]", name: str, args: argparse.Namespace) -> "list[Frames]":
    from tqdm import tqdm

    from training.anchors import lfcc
    from training.waves import read

    return [lfcc(read(item)) for item in tqdm(items, desc=name, disable=args.quiet)]


def _score(
    anchors: "Sequence[Anchor]", items: "Sequence[Item]", split: str, args: argparse.Namespace
) -> list[dict[str, object]]:
    """Write the score file of one split, anew; its error rates."""
    from training.bootstrap import bootstrap_eer, interval
    from training.curve import eer_official, scores
    from training.scoring import FROM_MANIFEST, Job, Row, ScoreFile
    from training.waves import cells

    path = args.out / f"anchors-{split}.csv"
    path.unlink(missing_ok=True)
    file = ScoreFile(path, FROM_MANIFEST, [anchor.name for anchor in anchors])
    found: dict[str, dict[str, list[float]]] = {
        anchor.name: {"bonafide": [], "spoof": []} for anchor in anchors
    }
    for item, clip in zip(items, _frames(items, split, args), strict=True):
        logits = {anchor.name: anchor.score(clip) for anchor in anchors}
        for name, logit in logits.items():
            found[name][item.label].append(-logit)  # error rates: higher = human
        rows = [Row(name, name, logit, None) for name, logit in logits.items()]
        file.append(Job(item.utt_id, item.path, cells(item)), rows)
    figures: list[dict[str, object]] = []
    for name, by_label in found.items():
        ordered = scores(by_label["bonafide"], by_label["spoof"])
        spread = interval(bootstrap_eer(ordered, seed=args.seed))
        ends = {"low": spread.low, "high": spread.high}
        eer = eer_official(ordered).value
        figures.append({"anchor": name, "split": split, "n": len(items), "eer": eer, **ends})
    return figures


def _tell(rows: "Sequence[dict[str, object]]", args: argparse.Namespace) -> None:
    from training.tables import markdown, save

    settings = {"components": args.components, "seed": args.seed, "limit": args.limit}
    save(args.out, "anchors", rows, settings)
    body = [
        [str(row["anchor"]), str(row["split"]), str(row["n"])]
        + [f"{100 * float(str(row[key])):.1f} %" for key in ("eer", "low", "high")]
        for row in rows
    ]
    header = ["anchor", "split", "clips", "EER", "from (95 %, clips)", "to"]
    sys.stdout.write(markdown(header, body))
