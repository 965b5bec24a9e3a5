"""`python -m training disentangle`: which latent dimension knows which attack."""

import argparse
import json
import sys
from pathlib import Path

from training.disentanglement import (
    BONAFIDE,
    EER_LIMIT,
    Disentanglement,
    analyse,
    hard_attacks,
)
from training.embed import Embeddings, embed, read_embeddings
from training.errors import TrainingError

SHOWN = 20  # dimensions in the terminal; all are in the JSON
NAMED = 5


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "disentangle", help="nMI, modularity and completeness of a detector's latent dimensions"
    )
    parser.add_argument("embeddings", type=Path, nargs="?", help=".npz: utt_id, values, attack")
    parser.add_argument("--checkpoint", help="instead of embeddings: a checkpoint id or folder")
    parser.add_argument("--manifest", type=Path, help="with --checkpoint: CSV with label, system")
    parser.add_argument("--audio", type=Path, help="with --checkpoint: folder of the audio")
    parser.add_argument("--split", help="with --checkpoint: only this split of the manifest")
    parser.add_argument("--trace", default="embedding", help="which vector of the detector")
    parser.add_argument("--save", type=Path, metavar="NPZ", help="keep the embeddings")
    parser.add_argument("--eer-limit", type=float, default=EER_LIMIT, help="attacks above stay out")
    parser.add_argument("--norm", choices=("sqrt", "factor", "arithmetic"), default="sqrt")
    parser.add_argument("--permutations", type=int, default=0, help="shuffles: bias correction")
    parser.add_argument("--with-bonafide", action="store_true", help="bona fide as one more factor")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--figure", type=Path, metavar="OUT", help="nMI matrix: png, svg or pdf")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Analyse, write and show."""
    given = _embeddings(args)
    for utt, reason in given.failed[:NAMED]:
        sys.stderr.write(f"{utt}: {reason}\n")
    if given.failed:
        sys.stderr.write(f"{len(given.failed):,} clips could not be read.\n")
    if args.save:
        given.save(args.save)
    found = analyse(
        given.values,
        given.attack,
        exclude=_excluded(given, args.eer_limit),
        with_bonafide=args.with_bonafide,
        norm=args.norm,
        permutations=args.permutations,
    )
    sys.stdout.write(_text(found))
    if args.json:
        settings = {"norm": args.norm, "permutations": args.permutations, "limit": args.eer_limit}
        result = {**found.to_json(), "settings": settings, "n_failed": len(given.failed)}
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if args.figure:
        from training import plots  # matplotlib only where it is asked for

        plots.save(plots.importance_map(found), args.figure)
    return 0


def _embeddings(args: argparse.Namespace) -> Embeddings:
    if (args.embeddings is None) == (args.checkpoint is None):
        raise TrainingError(
            "Give either an .npz of embeddings, or --checkpoint with --manifest and --audio."
        )
    if args.embeddings is not None:
        return read_embeddings(args.embeddings)
    if args.manifest is None or args.audio is None:
        raise TrainingError("--checkpoint needs --manifest CSV and --audio DIR.")
    from core import loading  # torch only where a detector runs
    from training.corpora.audio import locate
    from training.corpora.manifest import read_manifest

    listing = read_manifest(args.manifest, ("label", "system"), args.split)
    located = locate([t for t in listing.trials if t.label is not None], args.audio)
    sentence = located.sentence(args.audio)
    if sentence is not None:
        sys.stderr.write(f"{sentence}\n")
    (loaded,) = loading.select(checkpoints=[args.checkpoint])
    return embed(loaded.detector, located.found, args.trace)


def _excluded(given: Embeddings, limit: float) -> dict[str, float]:
    """Attacks above the EER limit; said where it cannot be told."""
    if given.spoof_logit is None or BONAFIDE not in given.attack:
        sys.stderr.write(
            "No attack is excluded by its EER: that needs spoof_logit and bona fide clips.\n"
        )
        return {}
    return hard_attacks(given.attack, given.spoof_logit, limit)


def _text(found: Disentanglement) -> str:
    summary = found.to_json()
    lines = [
        f"{found.n_clips:,} clips, {len(found.attacks)} attacks, {len(found.matrix)} dimensions, "
        f"{found.dead} of them dead",
        f"  modularity   {_figure(summary['modularity'])}   "
        f"completeness {_figure(summary['completeness'])} "
        f"(weighted {_figure(summary['completeness_weighted'])})",
    ]
    lines += [f"  excluded: {name}, EER {rate:.2%}" for name, rate in found.excluded.items()]
    table = sorted(found.table(), key=lambda row: -float(row["nmi"]))
    lines += [
        f"  dimension {row['dim']:>4} -> {row['attack']:<24} nMI {row['nmi']:.4f}"
        for row in table[:SHOWN]
    ]
    return "\n".join(lines) + "\n"


def _figure(value: object) -> str:
    return "none" if value is None else f"{value:.4f}"
