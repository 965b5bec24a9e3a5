"""analyze: clips in, a readable block each out; JSON, HTML, CSV and an evidence bundle on request.

A clip that cannot be read is an entry with its reason and never ends the run. Ctrl-C ends the run
after the window in hand; what was done by then is written.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO, get_args

from checkpoints.card import CheckpointError
from core.cli.progress import Progress
from core.cli.words import block, unread_block
from core.detect import Precision, Settings
from core.types import AudioError, ChannelPolicy, DetectorError, Report

if TYPE_CHECKING:
    from core.loading import Loaded
    from core.report_words import Heading

READ, UNREAD, INTERRUPTED = 0, 1, 130
STDOUT = "-"
MEGABYTE = 1_000_000
ENDING = """exit status: 0 when every clip was read (also one that was not scored, and also when no
detector is installed), 1 when a clip could not be read (its entry says why), 2 for wrong usage,
130 after Ctrl-C (what was done by then is written)."""


def add_to(commands: Any) -> None:
    """The command and its options."""
    defaults = Settings()
    own = commands.add_parser(
        "analyze", help="score clips and say what that comes to", epilog=ENDING
    )
    own.add_argument("clips", nargs="+", metavar="CLIP", help="sound or video files")
    own.add_argument("--detector", action="append", default=[], metavar="NAME")
    own.add_argument("--checkpoint", action="append", default=[], metavar="ID")
    own.add_argument("--json", metavar="OUT", help="all numbers as JSON; - for standard output")
    own.add_argument("--csv", metavar="OUT", help="one row a window and detector")
    own.add_argument("--html", metavar="OUT", help="a report in one file")
    own.add_argument("--pdf", metavar="OUT", help="the report as PDF")
    own.add_argument("--bundle", metavar="OUT.zip", help="evidence that `verify` checks")
    own.add_argument("--include-clips", action="store_true", help="put the files in the bundle")
    for name in ("case", "examiner", "note"):
        own.add_argument(f"--{name}", default="", metavar="TEXT", help="printed in the report")
    own.add_argument("--hop", type=float, default=defaults.hop_seconds, metavar="SECONDS")
    own.add_argument(
        "--channels", choices=get_args(ChannelPolicy), default=defaults.channels,
        help="what is scored where the channels differ",
    )  # fmt: skip
    own.add_argument("--band", type=float, default=defaults.band, metavar="LLR")
    own.add_argument("--precision", choices=get_args(Precision), default=defaults.precision)
    own.add_argument("--threads", type=int, default=defaults.threads, metavar="N")
    own.add_argument("--score-anyway", action="store_true", help="also where no speech is found")
    own.add_argument("--skip-silence", action="store_true", help="leave out windows without speech")
    own.add_argument("--deterministic", action="store_true")
    own.add_argument("--max-file-size", type=float, metavar="MB", default=None)
    own.set_defaults(run=run)


@dataclass(slots=True)
class _Outcome:
    """What has come of the clips so far, in their order."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    reports: list[Report | None] = field(default_factory=list)  # None: could not be read
    paths: list[Path] = field(default_factory=list)

    @property
    def read(self) -> list[Report]:
        return [report for report in self.reports if report is not None]


def run(options: argparse.Namespace) -> int:
    """The command; its exit status."""
    settings = _settings(options)
    _check_outputs(options)
    human = sys.stderr if options.json == STDOUT else sys.stdout
    loaded = _detectors(options, settings)
    outcome = _Outcome()
    with _interruptible() as stopping:
        for name in options.clips:
            if stopping:
                break
            _one(Path(name), loaded, options, settings, outcome, stopping, human)
    _write(options, outcome, loaded)
    if stopping:
        done, asked = len(outcome.entries), len(options.clips)
        _say(sys.stderr, f"Stopped. {done} of {asked} clips were begun; what was scored is kept.")
        return INTERRUPTED
    return UNREAD if None in outcome.reports else READ


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        hop_seconds=options.hop,
        channels=options.channels,
        band=options.band,
        precision=options.precision,
        threads=options.threads,
        score_anyway=options.score_anyway,
        skip_silence=options.skip_silence,
        deterministic=options.deterministic,
    )


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse what could not be written before an hour is spent on it."""
    clips = {Path(name).resolve() for name in options.clips}
    for option in ("json", "csv", "html", "pdf", "bundle"):
        given = getattr(options, option)
        if given is None or (option == "json" and given == STDOUT):
            continue
        path = Path(given)
        if not path.resolve().parent.is_dir():
            raise DetectorError(f"--{option} {given}: there is no folder {path.parent}.")
        if path.is_dir():
            raise DetectorError(f"--{option} {given} is a folder; give a file name.")
        if path.resolve() in clips:
            raise DetectorError(f"--{option} {given} is one of the clips; it is not overwritten.")


def _detectors(options: argparse.Namespace, settings: Settings) -> tuple["Loaded", ...]:
    """The detectors that are meant; a broken one that was not asked for by name is left out."""
    from core.allocator import keep_freed_memory
    from core.loading import Loaded, choose, load

    keep_freed_memory()
    from core.detect import prepare

    prepare(settings)
    named = bool(options.detector or options.checkpoint)
    loaded: list[Loaded] = []
    for checkpoint in choose(options.detector, options.checkpoint):
        try:
            loaded.append(load(checkpoint, loaded))
        except CheckpointError as error:
            if named:
                raise
            _say(sys.stderr, f"Left out: {error}")
    return tuple(loaded)


def _one(
    path: Path,
    loaded: Sequence["Loaded"],
    options: argparse.Namespace,
    settings: Settings,
    outcome: _Outcome,
    stopping: list[int],
    human: TextIO,
) -> None:
    """Analyse one clip and say what came of it."""
    from core import provenance, report
    from core.analysis import analyse
    from core.intake import Limits

    outcome.paths.append(path)
    limits = Limits()
    if options.max_file_size is not None:
        limits = Limits(bytes=int(options.max_file_size * MEGABYTE))
    wants_evidence = any((options.html, options.pdf, options.bundle))
    try:
        with Progress(path.name) as progress:
            made = analyse(
                path, loaded, settings, progress.step, lambda: bool(stopping),
                limits=limits, evidence=wants_evidence,
            )  # fmt: skip
    except (AudioError, DetectorError, MemoryError) as error:
        sentence = str(error) or f"Not enough memory for {path.name}."
        outcome.reports.append(None)
        outcome.entries.append(
            report.unread(path.name, sentence, provenance.versions(), settings.as_record())
        )
        _say(human, unread_block(path.name, sentence))
        return
    outcome.entries.append(report.to_record(made))
    outcome.reports.append(made)
    _say(human, block(made))


def _write(options: argparse.Namespace, outcome: _Outcome, loaded: Sequence["Loaded"]) -> None:
    """Every output that was asked for; one that cannot be written is said and ends the run."""
    from core import report

    if options.json == STDOUT:
        sys.stdout.write(report.to_json(outcome.entries, len(options.clips)))
    makers: dict[str, Callable[[], str | bytes]] = {
        "json": lambda: report.to_json(outcome.entries, len(options.clips)),
        "csv": lambda: report.to_csv(outcome.read).encode("utf-8", "replace"),
        "html": lambda: _html(options, outcome).encode("utf-8", "replace"),
        "pdf": lambda: _pdf(options, outcome),
    }
    for option, make in makers.items():
        given = getattr(options, option)
        if given is not None and given != STDOUT:
            with _writing(option, given):
                report.write_file(Path(given), make())
    if options.bundle:
        with _writing("bundle", options.bundle):
            digest = _bundle(options, outcome, loaded)
        _say(sys.stderr, f"{options.bundle}: SHA-256 of its manifest is {digest}. Note it.")


@contextmanager
def _writing(option: str, given: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DetectorError(f"--{option} {given} could not be written: {reason}.") from error


def _heading(options: argparse.Namespace) -> "Heading":
    from core.report_words import Heading

    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return Heading(options.case, options.examiner, options.note, made)


def _html(options: argparse.Namespace, outcome: _Outcome) -> str:
    from core.report_html import to_html

    return to_html(outcome.read, _heading(options))


def _pdf(options: argparse.Namespace, outcome: _Outcome) -> bytes:
    from core.report_pdf import to_pdf

    return to_pdf(outcome.read, _heading(options))


def _bundle(options: argparse.Namespace, outcome: _Outcome, loaded: Sequence["Loaded"]) -> str:
    from core.bundle import Exhibit, write_bundle
    from core.fusing import installed_fusion

    made = zip(outcome.entries, outcome.reports, outcome.paths, strict=True)
    exhibits = [
        Exhibit(entry, report, path if options.include_clips and report is not None else None)
        for entry, report, path in made
    ]
    cards = {one.checkpoint.id: one.checkpoint.card for one in loaded}
    heading, fusion = _heading(options), installed_fusion()
    return write_bundle(Path(options.bundle), exhibits, cards, heading, fusion)


def _say(stream: TextIO, text: str) -> None:
    stream.write(text + "\n")
    stream.flush()


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """A list that is no longer empty after Ctrl-C; a second Ctrl-C ends the program at once."""
    stopping: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        stopping.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGINT, before)
