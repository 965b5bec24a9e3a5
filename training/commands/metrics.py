"""`python -m training metrics`: error rates of a score file, with intervals and breakdowns."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.calibration import min_cllr
from training.bootstrap import bootstrap, bootstrap_difference, clusters_of, interval
from training.corpora.common import LABELS, NONE, Trial
from training.corpora.registry import READERS, guess, read
from training.curve import Floats, Ints
from training.dcf import AsvRates, read_asv_rates, read_asv_rates_2021
from training.errors import TrainingError
from training.metrics import Trials, breakdown, evaluate
from training.scorefile import (
    DetectorScores,
    read_asvspoof_key,
    read_asvspoof_scores,
    read_scores,
    write_asvspoof_scores,
)

NAMED = 10  # how many bad clips a sentence names
FIGURES = ("eer", "min_dcf", "act_dcf", "cllr")


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("metrics", help="EER, minDCF, actDCF, Cllr of a score file")
    parser.add_argument("scores", type=Path, help="scores.csv, or an ASVspoof score file")
    parser.add_argument("--manifest", type=Path, help="CSV that gives label, system, ... by utt_id")
    parser.add_argument("--key", type=Path, help="an ASVspoof key or list instead of a manifest")
    parser.add_argument("--key-format", choices=sorted(READERS), help="where its name does not say")
    parser.add_argument("--by", action="append", default=[], help="break down by this column")
    parser.add_argument("--asv-rates", help="asvspoof5, a JSON file or an ASV score file: t-DCF")
    parser.add_argument("--asv-key", type=Path, help="key of a 2021 LA ASV score file")
    parser.add_argument("--bootstrap", type=_count, default=0, metavar="N", help="rounds; 95 %%")
    parser.add_argument("--cluster", help="column whose values are drawn whole (speaker, source)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--det", type=Path, metavar="OUT", help="DET plot: png, svg or pdf")
    parser.add_argument("--tippett", type=Path, metavar="OUT", help="Tippett plot")
    parser.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="write `filename cm-score` files (higher = bona fide)",
    )
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("a number of rounds is not negative")
    return value


@dataclass(frozen=True)
class Labelled:
    """One detector's scores with labels and any columns, one element a clip."""

    name: str
    scores: DetectorScores
    trials: Trials
    columns: Mapping[str, tuple[str, ...]]


def run(args: argparse.Namespace) -> int:
    """Measure, write and show; 0 when every detector was measured."""
    asv = _asv(args.asv_rates, args.asv_key)
    detectors = load(args.scores, args.manifest, args.key, args.key_format)
    result: dict[str, object] = {}
    for each in detectors:
        result[each.name] = measure(each, args, asv)
        sys.stdout.write(_text(each.name, result[each.name]))
    if args.bootstrap and len(detectors) > 1:
        _compare(detectors, args)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if args.export:
        args.export.mkdir(parents=True, exist_ok=True)
        for each in detectors:
            file = args.export / f"{each.name.replace('/', '_')}.tsv"
            write_asvspoof_scores(file, each.scores.utt_id, each.trials.spoof_logit.tolist())
    _draw(detectors, args)
    return 0


def _asv(rates: str | None, key: Path | None) -> AsvRates | None:
    if key is None:
        return None if rates is None else read_asv_rates(rates)
    if rates is None or not Path(rates).is_file():
        raise TrainingError("--asv-key needs the ASV score file that it belongs to: --asv-rates.")
    return read_asv_rates_2021(Path(rates), key)


def load(
    file: Path, manifest: Path | None, key: Path | None = None, key_format: str | None = None
) -> list[Labelled]:
    """Read a score file and join what the manifest or key says of its clips."""
    known = _known(manifest, key, key_format)
    with_commas = "," in _first_line(file)
    read_detectors = read_scores(file) if with_commas else (read_asvspoof_scores(file),)
    names = [each.detector for each in read_detectors]
    twice = {name for name in names if names.count(name) > 1}
    labelled = []
    for each in read_detectors:
        name = f"{each.detector}@{each.checkpoint}" if each.detector in twice else each.detector
        name = file.stem if name == NONE else name  # the file names no detector
        labelled.append(_label(name, each, known, file))
    return labelled


def _first_line(file: Path) -> str:
    if not file.is_file():
        raise TrainingError(f"{file}: no such file; give the CSV that `training score` wrote.")
    with file.open(encoding="utf-8", errors="replace") as lines:
        return lines.readline()


def _known(
    manifest: Path | None, key: Path | None, key_format: str | None
) -> Mapping[str, Trial] | None:
    """Trials by id, from a manifest or an organisers' key; None where neither is given."""
    if manifest is not None and key is not None:
        raise TrainingError("Give --manifest or --key, not both.")
    if manifest is not None:
        listing = read("manifest", manifest)
    elif key is None:
        return None
    elif key_format is None and _first_line(key).split() == ["filename", "cm-label"]:
        listing = read_asvspoof_key(key)
    else:
        listing = read(key_format or guess(key), key)
    for sentence in listing.warnings:
        sys.stderr.write(f"{sentence}\n")
    return {trial.utt_id: trial for trial in listing.trials}


def _label(
    name: str, given: DetectorScores, known: Mapping[str, Trial] | None, file: Path
) -> Labelled:
    columns = dict(given.columns)
    if known is not None:
        given, columns = _join(name, given, known)
    if "label" not in columns:
        raise TrainingError(
            f"{file}: no column `label`; give --manifest CSV (or --key) with the clips' labels."
        )
    labels = []
    for utt, word in zip(given.utt_id, columns["label"], strict=True):
        if word not in LABELS:
            found = f"{file}, clip {utt}: found the label {word!r}"
            raise TrainingError(f"{found}; expected bonafide or spoof.")
        labels.append(LABELS[word] == "spoof")
    columns["detector"] = (name,) * len(labels)
    return Labelled(name, given, _trials(name, given, np.array(labels, dtype=bool)), columns)


def _join(
    name: str, given: DetectorScores, known: Mapping[str, Trial]
) -> tuple[DetectorScores, dict[str, tuple[str, ...]]]:
    """Columns of the manifest by utt_id; trials that were not scored are counted, and stay out."""
    unknown = [utt for utt in given.utt_id if utt not in known]
    scored = {*given.utt_id, *(utt for utt, _ in given.errors)}
    unscored = [utt for utt in known if utt not in scored]
    for what, utts in (("scored clips are not in the list", unknown), ("have no score", unscored)):
        if utts:
            names = ", ".join(utts[:NAMED])
            more = ", ..." if len(utts) > NAMED else ""
            sys.stderr.write(f"{name}: {len(utts):,} {what}: {names}{more}\n")
    if unknown:
        given = _keep(given, np.array([utt in known for utt in given.utt_id], dtype=bool))
    if not given.utt_id:
        raise TrainingError(f"{name}: no scored clip is in the list; are these the same clips?")
    trials = [known[utt] for utt in given.utt_id]
    wanted = {"label", "system", "speaker", "codec", "source", "family", "split", "phase"}
    wanted |= set().union(*(trial.extra for trial in trials)) - given.columns.keys()
    joined = {column: tuple(t.column(column) for t in trials) for column in sorted(wanted)}
    return given, {**given.columns, **joined}


def _keep(given: DetectorScores, chosen: np.typing.NDArray[np.bool_]) -> DetectorScores:
    def pick(values: Sequence[str]) -> tuple[str, ...]:
        return tuple(v for v, keep in zip(values, chosen, strict=True) if keep)

    return replace(
        given,
        utt_id=pick(given.utt_id),
        spoof_logit=given.spoof_logit[chosen],
        llr=given.llr[chosen],
        columns={name: pick(values) for name, values in given.columns.items()},
    )


def _trials(name: str, given: DetectorScores, spoof: np.typing.NDArray[np.bool_]) -> Trials:
    """Logit and llr; a detector without logits (`fused`) is ranked by its llr."""
    no_llr, no_logit = np.isnan(given.llr), np.isnan(given.spoof_logit)
    if no_llr.any() and not no_llr.all():
        utt = given.utt_id[int(np.argmax(no_llr))]
        raise TrainingError(
            f"{name}: {int(no_llr.sum()):,} of {no_llr.size:,} clips have no llr (such as {utt}); "
            "expected one for all clips or for none."
        )
    if not no_logit.any():
        return Trials(spoof, given.spoof_logit, None if no_llr.all() else given.llr)
    if no_llr.any() or not no_logit.all():
        utt = given.utt_id[int(np.argmax(no_logit))]
        raise TrainingError(f"{name}: clip {utt} has no spoof_logit while others have one.")
    return Trials(spoof, given.llr, given.llr)


def measure(each: Labelled, args: argparse.Namespace, asv: AsvRates | None) -> dict[str, object]:
    """All figures of one detector, with intervals and breakdowns as asked."""
    try:
        found: dict[str, object] = dict(evaluate(each.trials, asv))
    except TrainingError as error:
        bad = len(each.scores.errors)
        raise TrainingError(f"{each.name} ({bad:,} clips without score): {error}") from error
    found["checkpoint"] = each.scores.checkpoint
    if each.trials.llr is not None:
        found.update(_ratios(each.trials.spoof, each.trials.llr))
    if each.scores.errors:
        found["n_errors"] = len(each.scores.errors)
        found["errors"] = dict(each.scores.errors)
    if args.bootstrap:
        cluster = _clusters(each, args.cluster)
        draws = bootstrap(each.trials, args.bootstrap, args.seed, cluster, FIGURES)
        count = None if cluster is None else int(cluster.max()) + 1
        found["intervals"] = {
            figure: [spread.low, spread.high]
            for figure, spread in ((name, interval(values)) for name, values in draws.items())
        }
        found["bootstrap"] = {"rounds": args.bootstrap, "cluster": args.cluster, "clusters": count}
    for column in args.by:
        values = column_of(each, column)
        found[f"by_{column}"] = breakdown(each.trials, values, asv)
    return found


def _ratios(spoof: np.typing.NDArray[np.bool_], llr: Floats) -> dict[str, float]:
    """What is left of Cllr after the best monotonic calibration, and how far the llrs reach."""
    labels = ["spoof" if one else "bonafide" for one in spoof.tolist()]
    ends = float(llr.min()), float(llr.max())
    return {"min_cllr": min_cllr(llr, labels), "llr_low": ends[0], "llr_high": ends[1]}


def column_of(each: Labelled, column: str) -> tuple[str, ...]:
    """A column's cell for each clip; `source_repo` and `system_family` by their other names, too.

    Raises
    ------
    TrainingError
        naming the columns there are.
    """
    aliases = {"source_repo": "source", "system_family": "family"}
    for name in (column, aliases.get(column, column)):
        if name in each.columns:
            return each.columns[name]
    there = ", ".join(sorted(each.columns))
    raise TrainingError(
        f"{each.name}: no column {column!r}; there are {there}. A --manifest can bring more."
    )


def _clusters(each: Labelled, column: str | None) -> Ints | None:
    return None if column is None else clusters_of(column_of(each, column), each.scores.utt_id)


def _compare(detectors: Sequence[Labelled], args: argparse.Namespace) -> None:
    """Paired intervals of EER differences of the first detector and each other one."""
    first = detectors[0]
    for other in detectors[1:]:
        if first.scores.utt_id != other.scores.utt_id:
            sys.stderr.write(
                f"{first.name} and {other.name} were not scored on the same clips in the same "
                "order; no paired comparison.\n"
            )
            continue
        cluster = _clusters(first, args.cluster)
        draws = bootstrap_difference(first.trials, other.trials, args.bootstrap, args.seed, cluster)
        spread = interval(draws)
        sys.stdout.write(
            f"EER({first.name}) - EER({other.name}): "
            f"95 % from {100 * spread.low:+.2f} to {100 * spread.high:+.2f} points\n"
        )


def _draw(detectors: Sequence[Labelled], args: argparse.Namespace) -> None:
    if not (args.det or args.tippett):
        return
    from training import plots  # matplotlib only where it is asked for

    if args.det:
        plots.save(plots.det({d.name: d.trials.ranking() for d in detectors}), args.det)
    if args.tippett:
        calibrated = all(d.trials.llr is not None for d in detectors)
        unit = "llr, bona fide over spoof (ln)" if calibrated else "score, not calibrated"
        figure = plots.tippett({d.name: d.trials.ratios() for d in detectors}, unit)
        plots.save(figure, args.tippett)


def _text(name: str, found: object) -> str:
    """What the terminal shows of one detector."""
    assert isinstance(found, dict)  # noqa: S101  (made by `measure`)
    bounds = found.get("intervals", {})
    spans = {k: f" [{low:.4f}, {high:.4f}]" for k, (low, high) in bounds.items()}
    lines = [
        f"{name}: {found['n_bonafide']:,} bona fide, {found['n_spoof']:,} spoofed; actDCF and Cllr "
        f"on {found['llr_from']}"
    ]
    for key, title in (
        ("eer", "EER"), ("min_dcf", "minDCF"), ("act_dcf", "actDCF"), ("cllr", "Cllr"),
        ("min_cllr", "min Cllr"), ("min_tdcf", "min t-DCF"), ("min_tdcf_2019", "min t-DCF (2019)"),
    ):  # fmt: skip
        if key in found:
            lines.append(f"  {title:<17}{found[key]:.4f}{spans.get(key, '')}")
    if "llr_low" in found:
        lines.append(f"  llr from {found['llr_low']:+.2f} to {found['llr_high']:+.2f}")
    if "warning" in found:
        lines.append(f"  {found['warning']}")
    if "errors" in found:
        bad = list(found["errors"].items())
        lines.append(f"  {len(bad):,} clips have no score:")
        lines += [f"    {utt}: {reason}" for utt, reason in bad[:NAMED]]
    for key, groups in found.items():
        if key.startswith("by_"):
            lines += _group_lines(key.removeprefix("by_"), groups)
    return "\n".join(lines) + "\n"


def _group_lines(column: str, groups: Mapping[str, Mapping[str, float]]) -> list[str]:
    ranked = sorted(groups.items(), key=lambda item: -item[1]["eer"])
    lines = [f"  by {column}:"]
    for value, row in ranked:
        counts = f"{row['n_bonafide']:,} / {row['n_spoof']:,}"
        lines.append(
            f"    {value:<32} EER {row['eer']:.4f}  minDCF {row['min_dcf']:.4f}  ({counts})"
        )
    return lines
