"""Whether a bundle is whole, and whether its clips still give the numbers it says.

IDENTICAL         every number came out again to the last bit (or, where no clip was at hand, the
                  bundle, the weights and the code are those it names; nothing was scored again,
                  and that is said)
WITHIN TOLERANCE  no number moved by more than `TOLERANCE`, and no lean changed
CHANGED           anything else, a bundle that was tampered with above all
"""

import io
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from hashlib import file_digest
from pathlib import Path
from typing import Any, Literal

import numpy as np

from checkpoints import store
from checkpoints.card import CheckpointError
from core import provenance
from core.archive import BLOCK, ArchiveError, Reader
from core.bundle import KIND, REPORT, SCHEMA, evidence_arrays
from core.detect import Settings
from core.types import AudioError, DetectorError, Report

Word = Literal["IDENTICAL", "WITHIN TOLERANCE", "CHANGED"]
TOLERANCE = 1e-3  # of spoof_logit, llr and maps; machines differ by some 1e-5
CODE_NAMED = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """The word, and why."""

    word: Word
    reasons: tuple[str, ...]
    scored_again: int = 0  # clips

    @property
    def same(self) -> bool:
        return self.word != "CHANGED"

    @property
    def verdict(self) -> str:
        """The word as it is printed; it owns up where nothing was scored again."""
        return self.word if self.scored_again or not self.same else f"{self.word} (record only)"


@dataclass(slots=True)
class _Findings:
    """What speaks against sameness, gathered."""

    changed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    largest: float = 0.0  # difference of any number
    scored: int = 0

    def outcome(self) -> Outcome:
        if self.changed:
            return Outcome("CHANGED", (*self.changed, *self.notes), self.scored)
        if self.largest > 0:
            said = (
                f"The largest difference of a number is {self.largest:.1e} (limit {TOLERANCE:g})."
            )
            return Outcome("WITHIN TOLERANCE", (said, *self.notes), self.scored)
        return Outcome("IDENTICAL", tuple(self.notes), self.scored)


def verify(path: Path, clips: Sequence[Path] = ()) -> Outcome:
    """Check a bundle, and score again those of its clips that are at hand.

    A clip is at hand when it is given here, lies in the bundle, or lies beside the bundle under
    its own name; what counts is its SHA-256, not its name.
    """
    try:
        with Reader(path) as bundle:
            faults = _faults(bundle)
            if faults:
                return Outcome("CHANGED", ("The bundle was tampered with or is damaged.", *faults))
            return _compare(bundle, path, clips)
    except ArchiveError as error:
        return Outcome("CHANGED", (f"Not a whole bundle: {error}",))


def _faults(bundle: Reader) -> list[str]:
    manifest = bundle.manifest
    if manifest.get("kind") != KIND or manifest.get("schema") != SCHEMA:
        kind, schema = manifest.get("kind"), manifest.get("schema")
        return [f"Its manifest is of kind {kind!r}, schema {schema!r}; {KIND!r}, {SCHEMA} is read."]
    return bundle.faults()


def _compare(bundle: Reader, path: Path, given: Sequence[Path]) -> Outcome:
    findings = _Findings(notes=[f"SHA-256 of the manifest: {bundle.manifest_sha256}."])
    try:
        recorded = json.loads(bundle.read(REPORT))
        entries = recorded if isinstance(recorded, list) else [recorded]
        clips = list(zip(bundle.manifest["clips"], entries, strict=True))
        usable = _compare_weights(bundle.manifest["checkpoints"], findings)
        code = _compare_code(bundle.manifest["code"])
        with _at_hand(bundle, path, given, findings) as files:
            for clip, entry in clips:
                _compare_clip(bundle, clip, entry, files.get(clip["sha256"]), usable, findings)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArchiveError(f"its contents are not those of a bundle ({error!r}).") from error
    readable = sum(1 for clip, _ in clips if clip["sha256"])
    findings.notes.insert(0, f"Scored again: {findings.scored} of {readable} clips.")
    findings.notes += code
    if code and not findings.scored:
        findings.changed.append("The code is not that of the bundle, and no clip was scored again.")
    return findings.outcome()


def _compare_weights(recorded: Mapping[str, str], findings: _Findings) -> bool:
    """Whether every checkpoint of the bundle is installed with the same weights."""
    before = len(findings.changed)
    for identity, digest in recorded.items():
        try:
            found = store.find(identity)
        except CheckpointError:
            findings.changed.append(f"The checkpoint {identity} is not installed here.")
            continue
        if store.sha256_of(found.weights) != digest:
            findings.changed.append(f"The weights of {identity} are not those of the bundle.")
    return len(findings.changed) == before


def _compare_code(recorded: Mapping[str, str]) -> list[str]:
    here = provenance.code_files()
    other = sorted(name for name in {*recorded, *here} if recorded.get(name) != here.get(name))
    if not other:
        return []
    more = f" and {len(other) - CODE_NAMED} more" if len(other) > CODE_NAMED else ""
    return [f"The code differs from that of the bundle: {', '.join(other[:CODE_NAMED])}{more}."]


@contextmanager
def _at_hand(
    bundle: Reader, path: Path, given: Sequence[Path], findings: _Findings
) -> Iterator[dict[str, Path]]:
    """The files whose hashes are those of the bundle's clips, by hash."""
    wanted = {clip["sha256"]: clip for clip in bundle.manifest["clips"] if clip["sha256"]}
    found: dict[str, Path] = {}
    for file in given:
        digest = _sha256(file)
        if digest is not None and digest in wanted:
            found[digest] = file
        else:
            reason = "cannot be read" if digest is None else "is not a recording of this bundle"
            findings.changed.append(f"{file.name} {reason} (SHA-256 {digest or 'unknown'}).")
    with ExitStack() as stack:
        for digest, clip in wanted.items():
            if digest not in found:
                inside = _from_inside(bundle, clip, stack) or _beside(path, clip)
                if inside is not None:
                    found[digest] = inside
        yield found


def _from_inside(bundle: Reader, clip: Mapping[str, Any], stack: ExitStack) -> Path | None:
    if clip["original"] is None:
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="spoofscope-")))
    copy = folder / "original"  # a name of ours, never one from the archive
    with bundle.open(clip["original"]) as source, copy.open("wb") as target:
        while block := source.read(BLOCK):
            target.write(block)
    return copy if _sha256(copy) == clip["sha256"] else None


def _beside(path: Path, clip: Mapping[str, Any]) -> Path | None:
    name = str(clip["name"])
    if Path(name).name != name or "\0" in name:
        return None
    candidate = path.resolve().parent / name
    return candidate if candidate.is_file() and _sha256(candidate) == clip["sha256"] else None


def _compare_clip(
    bundle: Reader,
    clip: Mapping[str, Any],
    entry: Mapping[str, Any],
    file: Path | None,
    usable: bool,
    findings: _Findings,
) -> None:
    name = clip["name"]
    if clip["sha256"] is None:
        findings.notes.append(f"{name} could not be read when the bundle was made.")
        return
    if file is None:
        findings.notes.append(
            f"{name} was not at hand, so it was not scored again: only the bundle, the weights "
            "and the code were compared. Give the recording to score it."
        )
        return
    if not usable:
        return
    try:
        report = _again(file, name, entry)
    except (AudioError, CheckpointError, DetectorError) as error:
        findings.changed.append(f"{name} could not be scored again: {error}")
        return
    findings.scored += 1
    _compare_reports(report, entry, findings)
    _compare_evidence(bundle, clip, report, findings)


def _again(file: Path, name: str, entry: Mapping[str, Any]) -> Report:
    """Score a clip as its entry says it was scored."""
    from core.analysis import analyse
    from core.detect import decide_determinism
    from core.loading import select

    known = {one.name for one in fields(Settings)}
    settings = Settings(**{k: v for k, v in entry["settings"].items() if k in known})
    decide_determinism(settings)
    identities = list(dict.fromkeys(one["checkpoint"] for one in entry["detections"]))
    loaded = select(checkpoints=identities) if identities else ()
    enough = sum(len(one["windows"]) for one in entry["detections"])
    stopped = any(notice["code"] == "stopped" for notice in entry["notices"])
    done: list[int] = []
    return analyse(
        file, loaded, settings, lambda step: done.append(step.done),
        lambda: stopped and len(done) >= enough, name=name, evidence=True,
    )  # fmt: skip


def _compare_reports(report: Report, entry: Mapping[str, Any], findings: _Findings) -> None:
    from core.report import to_record

    name, now = entry["source"]["name"], to_record(report)
    if now["pcm_sha256"] != entry["pcm_sha256"]:
        decoders = f"{entry['source']['decoder']} then, {now['source']['decoder']} now"
        findings.notes.append(f"{name}: the decoded samples differ ({decoders}).")
    if entry["verdict"]["lean"] != now["verdict"]["lean"]:
        leans = f"{entry['verdict']['lean']} then, {now['verdict']['lean']} now"
        findings.changed.append(f"{name}: the verdict changed ({leans}).")
    then, again = _numbers(entry), _numbers(now)
    if then.keys() != again.keys():
        other = sorted(then.keys() ^ again.keys())
        findings.changed.append(f"{name}: other detectors or windows, such as {other[0]}.")
        return
    for place, number in then.items():
        _note_difference(f"{name}: {place}", number, again[place], findings)


def _numbers(entry: Mapping[str, Any]) -> dict[str, float | None]:
    """Every number of a record that a score is made of, by its place in words."""
    found: dict[str, float | None] = {"fused llr": entry["fused"]["llr"]}
    for window in entry["fused"]["windows"]:
        found[f"fused llr at {window['start']:.4f}–{window['stop']:.4f} s"] = window["llr"]
    for one in entry["detections"]:
        who = f"{one['checkpoint']} ({one.get('channel', 'mix')})"
        for what in ("spoof_logit", "llr"):
            found[f"{what} of {who}"] = one[what]
            for window in one["windows"]:
                stretch = f"{window['start']:.4f}–{window['stop']:.4f} s"
                found[f"{what} of {who} at {stretch}"] = window[what]
    return found


def _note_difference(
    place: str, then: float | None, now: float | None, findings: _Findings
) -> None:
    if then is None or now is None:
        if then is not now:
            findings.changed.append(f"{place}: {then} then, {now} now.")
        return
    difference = abs(then - now)
    if not difference <= TOLERANCE:
        findings.changed.append(f"{place}: {then:+.6f} then, {now:+.6f} now.")
        return
    findings.largest = max(findings.largest, difference)


def _compare_evidence(
    bundle: Reader, clip: Mapping[str, Any], report: Report, findings: _Findings
) -> None:
    if clip["evidence"] is None:
        return
    with np.load(io.BytesIO(bundle.read(clip["evidence"])), allow_pickle=False) as packed:
        then = {name: packed[name] for name in packed.files}
    now = evidence_arrays(report.evidence)
    shapes = {name: values.shape for name, values in then.items()}
    if shapes != {name: values.shape for name, values in now.items()}:
        findings.changed.append(f"{clip['name']}: other maps, or maps of another shape.")
        return
    for name, values in then.items():
        # where both are equal, also where both are infinite, there is no difference
        apart = np.where(values == now[name], 0.0, np.abs(values - now[name]))
        scale = max(1.0, float(np.abs(values).max(initial=0.0)))
        largest = float(apart.max(initial=0.0)) / scale
        if not largest <= TOLERANCE:
            findings.changed.append(f"{clip['name']}: the map {name} differs by {largest:.1e}.")
        else:
            findings.largest = max(findings.largest, largest)


def _sha256(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            return file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None
