"""Detectors over a corpus: one row a clip and detector, as a stream.

The numbers are those of `python -m core analyze`: the same intake, windows, scan, calibration and
fusion. A clip that the analysis would refuse (too little speech) is scored all the same, and its
row says so; a file that cannot be read is a row with its reason. Rows are written as they come,
a clip's rows together, so that a run that was stopped goes on after the last whole clip.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checkpoints import store
from core.analysis import judge
from core.detect import Settings, Step, detections, scan
from core.fusing import installed_fusion
from core.fusion import Fusion
from core.intake import decode
from core.loading import Loaded
from core.quality import Quality, measure
from core.types import AudioError, Clip, Detection
from training.corpora.audio import AudioFolder
from training.corpora.common import NONE, Trial
from training.errors import TrainingError

FUSED = "fused"
COLUMNS = ("utt_id", "detector", "checkpoint", "spoof_logit", "llr")
FROM_MANIFEST = ("label", "system")
ERROR, NOTE = "error", "note"


@dataclass(frozen=True, slots=True)
class Row:
    """One detector's numbers for one clip.

    `error` says why there are none; `note` what the reader of the numbers should know.
    """

    detector: str
    checkpoint: str
    spoof_logit: float | None
    llr: float | None
    error: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One clip to score: its id, its audio (None where there is none), its manifest cells."""

    utt_id: str
    path: Path | None
    cells: tuple[str, ...] = ()


def jobs(trials: Iterable[Trial], folder: Path, columns: Sequence[str]) -> Iterator[Job]:
    """What is to be scored, in the order of the list."""
    audio = AudioFolder(folder)
    for trial in trials:
        cells = tuple("" if (c := trial.column(name)) == NONE else c for name in columns)
        yield Job(trial.utt_id, audio.file_of(trial), cells)


def score_clip(
    path: Path | None,
    loaded: Sequence[Loaded],
    settings: Settings | None = None,
    fusion: Fusion | None = None,
) -> list[Row]:
    """A row a detector, and one named `fused` where any of them is calibrated."""
    settings = replace(settings or Settings(), score_anyway=True)
    if path is None:
        return _failed(loaded, "no such file in the audio folder")
    try:
        clip = decode(path)
    except AudioError as error:
        return _failed(loaded, str(error))
    return score_decoded(clip, loaded, settings, fusion, measure(clip))


def score_decoded(
    clip: Clip,
    loaded: Sequence[Loaded],
    settings: Settings,
    fusion: Fusion | None = None,
    quality: Quality | None = None,
) -> list[Row]:
    """`score_clip` for a clip that is decoded already.

    `quality` changes no number, only the notes; without it the notes are not made.
    """
    steps = list(scan(clip, loaded, settings))
    found = detections(steps)
    if not found:
        reasons = {step.problem.text for step in steps if step.problem is not None}
        return _failed(loaded, " ".join(sorted(reasons)) or "nothing to score in this clip")
    refusal = None if quality is None else quality.refusal
    note = None if refusal is None else f"scored anyway: {refusal.text}"
    rows = [_row(one, found, steps, note) for one in loaded]
    fused, _ = judge(found, settings, fusion, None if quality is None else quality.speech)
    if fused.llr is not None:
        rows.append(Row(FUSED, FUSED, fused.llr, fused.llr, note=note))
    return rows


def _row(one: Loaded, found: Sequence[Detection], steps: Sequence[Step], note: str | None) -> Row:
    checkpoint = one.checkpoint
    own = [detection for detection in found if detection.checkpoint == checkpoint.id]
    problems = [s.problem.text for s in steps if s.loaded is one and s.problem is not None]
    if problems or not own:
        reason = problems[0] if problems else "no window was scored"
        return Row(checkpoint.detector, checkpoint.id, None, None, reason)
    # several channels are one clip: the one that leans most towards spoof
    score = max((detection.score for detection in own), key=lambda score: score.spoof_logit)
    return Row(checkpoint.detector, checkpoint.id, score.spoof_logit, score.llr, note=note)


def _failed(loaded: Sequence[Loaded], reason: str) -> list[Row]:
    rows = [Row(o.checkpoint.detector, o.checkpoint.id, None, None, reason) for o in loaded]
    if any(one.calibration is not None for one in loaded):
        rows.append(Row(FUSED, FUSED, None, None, reason))
    return rows


# --- the file --------------------------------------------------------------------------------


class ScoreFile:
    """scores.csv, opened to go on where an earlier run stopped.

    `done` holds the ids whose rows are all there. Rows of a last, incomplete clip are cut off by
    `mend`, not before, so that a run that is refused leaves the file as it was.
    """

    def __init__(self, path: Path, columns: Sequence[str], detectors: Sequence[str]) -> None:
        self.path = path
        self.header = [*COLUMNS, *columns, NOTE, ERROR]
        if not self.path.exists() or self.path.stat().st_size == 0:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(_line(self.header), encoding="utf-8")
        self.done, whole = self._scan(set(detectors))
        self._cut: int | None = whole  # where an incomplete clip begins, until it is cut off

    def _scan(self, detectors: set[str]) -> tuple[set[str], int]:
        """Ids with all their rows, and the length of the file up to the last of them."""
        done: set[str] = set()
        with self.path.open("rb") as file:
            header = next(csv.reader([file.readline().decode("utf-8")]), [])
            if header != self.header:
                raise TrainingError(
                    f"{self.path} has the columns {','.join(header)}, this run writes "
                    f"{','.join(self.header)}; name another --out or remove it"
                )
            keep = file.tell()
            current, seen = "", set[str]()
            for raw in file:
                row = next(csv.reader([raw.decode("utf-8")]), [])
                if not raw.endswith(b"\n") or len(row) != len(header):
                    break
                if row[2] not in detectors:
                    raise TrainingError(
                        f"{self.path} holds scores of {row[2]}, which is not among "
                        f"{', '.join(sorted(detectors))}; name another --out or remove it"
                    )
                if row[0] != current:
                    self._check_whole(current, seen, detectors)
                    current, seen = row[0], set()
                seen.add(row[2])
                if seen >= detectors:
                    done.add(current)
                    keep = file.tell()
        return done, keep

    def _check_whole(self, current: str, seen: set[str], detectors: set[str]) -> None:
        """Only the last clip of a file may be incomplete; else it is a file of other detectors."""
        if current and not seen >= detectors:
            raise TrainingError(
                f"{self.path} has no scores of {', '.join(sorted(detectors - seen))} for "
                f"{current}; name another --out or remove it"
            )

    def mend(self) -> None:
        """Cut off the rows of a last, incomplete clip; `append` does so, too."""
        if self._cut is not None:
            os.truncate(self.path, self._cut)
            self._cut = None

    def append(self, job: Job, rows: Sequence[Row]) -> None:
        """The rows of one clip, on the disk when this returns (as far as the system is asked)."""
        lines = "".join(
            _line(
                [
                    job.utt_id,
                    row.detector,
                    row.checkpoint,
                    _number(row.spoof_logit),
                    _number(row.llr),
                    *job.cells,
                    " ".join((row.note or "").split()),
                    " ".join((row.error or "").split()),
                ]
            )
            for row in rows
        )
        try:
            self.mend()
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(lines)
        except OSError as error:
            raise TrainingError(
                f"{self.path} could not be written ({error.strerror}); run the same command again "
                "to go on from there"
            ) from error


def expected(loaded: Sequence[Loaded]) -> list[str]:
    """Checkpoint names of a clip's rows, in their order."""
    names = [one.checkpoint.id for one in loaded]
    return [*names, FUSED] if any(one.calibration is not None for one in loaded) else names


def same_weights(told: Path, scores: Path, loaded: Sequence[Loaded], settings: Settings) -> None:
    """Keep in `told` the hashes of what scores, and refuse to go on with anything else.

    A checkpoint that was trained anew has the same name and other numbers.

    Raises
    ------
    TrainingError
        `told` names other weights, calibrations, fusion or windows than these.
    """
    own = [one.checkpoint for one in loaded]
    shared = {name for one in own if (name := one.card["backbone"]) is not None}
    hashes = {one.id: one.sha256 for one in [*own, *map(store.find, sorted(shared))]}
    hashes |= {f"{one.id} calibration": repr(one.card["calibration"]) for one in own}
    hashes["seconds between windows"] = repr(settings.hop_seconds)
    fusion = installed_fusion()
    if fusion is not None:
        hashes["fusion"] = hashlib.sha256(fusion.to_json().encode()).hexdigest()
    if not told.is_file():
        told.write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")
    elif (before := json.loads(told.read_text(encoding="utf-8"))) != hashes:
        other = sorted(k for k in before.keys() | hashes.keys() if before.get(k) != hashes.get(k))
        raise TrainingError(
            f"{scores} holds scores of other weights ({', '.join(other)}); "
            "name another --out or remove it"
        )


def score_all(
    work: Iterable[Job], loaded: Sequence[Loaded], settings: Settings
) -> Iterator[tuple[Job, list[Row]]]:
    """Score one clip after another in this process."""
    fusion = installed_fusion()
    for job in work:
        yield job, score_clip(job.path, loaded, settings, fusion)


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()
