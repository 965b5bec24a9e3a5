"""A trial, a list of trials, and the reading of text lists line by line."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.types import Label
from training.errors import TrainingError, fault

NONE = "-"  # what the protocols write where there is nothing
LABELS: Mapping[str, Label] = {
    "bonafide": "bonafide",
    "bona-fide": "bonafide",
    "real": "bonafide",
    "spoof": "spoof",
    "fake": "spoof",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """One clip of a corpus, as its list describes it; `-` where the list says nothing.

    Attributes
    ----------
    utt_id : unique in the list.
    label : None where the list carries no key.
    system : the attack or the synthesiser; `-` for bona fide.
    path : of the audio, relative to the corpus' audio folder; None where only the id is known.
    source : where the recording comes from (a partner corpus, a repository).
    family : kind of synthesis (vocoder family, architecture).
    split : train, dev, eval as the corpus calls them.
    phase : progress, eval or hidden (ASVspoof 2021).
    extra : further columns by name.
    """

    utt_id: str
    label: Label | None
    system: str = NONE
    speaker: str = NONE
    path: str | None = None
    codec: str = NONE
    source: str = NONE
    family: str = NONE
    split: str = NONE
    phase: str = NONE
    extra: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """A named property, also of `extra`; `-` where there is none."""
        if name in COLUMNS:
            value = getattr(self, name)
            return NONE if value is None else str(value)
        return self.extra.get(name, NONE)


COLUMNS = frozenset(
    {"utt_id", "label", "system", "speaker", "path", "codec", "source", "family", "split", "phase"}
)


@dataclass(frozen=True, slots=True)
class Listing:
    """The trials of one list, and what a reader of it should know (sentences)."""

    corpus: str
    file: Path
    trials: tuple[Trial, ...]
    warnings: tuple[str, ...] = ()

    def only(self, **wanted: str) -> "Listing":
        """The trials whose columns have these values, such as `phase="eval"`."""
        kept = tuple(t for t in self.trials if all(t.column(k) == v for k, v in wanted.items()))
        if not kept and self.trials:
            asked = ", ".join(f"{k} = {v}" for k, v in wanted.items())
            name = next(iter(wanted))
            there = ", ".join(sorted({t.column(name) for t in self.trials})[:20])
            raise TrainingError(f"{self.file}: no trial has {asked}; {name} there: {there}.")
        return replace(self, trials=kept)

    def labels(self) -> Counter[str]:
        return Counter(t.column("label") for t in self.trials)

    def warn(self, *sentences: str) -> "Listing":
        return replace(self, warnings=self.warnings + sentences)


def label_of(text: str, file: Path, line: int) -> Label:
    """The label for one of the words that the corpora use."""
    try:
        return LABELS[text]
    except KeyError:
        wanted = "bonafide or spoof (also bona-fide, real, fake)"
        raise fault(file, line, f"the label {text!r}", wanted) from None


def text_lines(file: Path) -> Iterator[tuple[int, str, bool]]:
    """(number from 1, text without its end, whether the line is complete), empty lines left out."""
    if not file.is_file():
        where = "" if file.parent.is_dir() else f" (there is no folder {file.parent} either)"
        raise TrainingError(f"{file}: no such file{where}. Give the path of the corpus' own list.")
    try:
        with file.open(encoding="utf-8-sig", newline=None) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line.rstrip("\n"), line.endswith("\n")
    except UnicodeDecodeError as error:
        raise fault(file, None, f"bytes that are not text ({error.reason})", "UTF-8") from error


Parse = Callable[[list[str], int], Trial]


def read_rows(
    corpus: str, file: Path, parse: Parse, split: Callable[[str], list[str]] = str.split
) -> Listing:
    """Read a list with one trial a line.

    A line that `parse` refuses is an error, save the very last one after good ones: a list that was
    cut short ends in half a line, which is left out and named.

    Raises
    ------
    TrainingError
        No such file, no trial in it, a wrong line, two lines with one id.
    """
    trials: list[Trial] = []
    broken: tuple[str, TrainingError] | None = None
    for number, text, complete in text_lines(file):
        if broken is not None:
            raise broken[1]
        try:
            trial = parse(split(text), number)
            if not complete and trials:
                _check_end(trial, trials[-1], file, number, text)
            trials.append(trial)
        except TrainingError as error:
            broken = (f"{file}, line {number}: half a line ({text!r}) is left out", error)
    if broken is not None and not trials:
        raise broken[1]
    if not trials:
        raise fault(file, None, "no line", f"a list of {corpus}, one trial a line")
    check_unique(trials, file)
    warnings = () if broken is None else (f"{broken[0]}; the list seems to be cut short.",)
    return Listing(corpus, file, tuple(trials), warnings)


def _check_end(trial: Trial, before: Trial, file: Path, number: int, text: str) -> None:
    """Refuse an unterminated last line whose id alone was cut (lists of ids have equal lengths)."""
    cut = len(trial.utt_id) < len(before.utt_id) and trial.label is None
    if cut:
        raise fault(file, number, repr(text), f"an id like {before.utt_id!r}")


def check_unique(trials: Sequence[Trial], file: Path) -> None:
    """Refuse two rows with one id."""
    seen: dict[str, int] = {}
    for row, trial in enumerate(trials, 1):
        earlier = seen.setdefault(trial.utt_id, row)
        if earlier != row:
            found = f"the id {trial.utt_id!r} twice, as trial {earlier} and as trial {row}"
            raise fault(file, None, found, "one row an id")


def need(parts: list[str], least: int, what: str, file: Path, line: int) -> None:
    """Refuse a line with fewer columns than `least`."""
    if len(parts) < least:
        found = f"{len(parts)} columns ({' '.join(parts)!r})"
        raise fault(file, line, found, f"{least} columns: {what}")


def need_exactly(parts: list[str], count: int, what: str, file: Path, line: int) -> None:
    """Refuse a line that has not exactly `count` columns."""
    if len(parts) != count:
        found = f"{len(parts)} columns ({' '.join(parts)!r})"
        raise fault(file, line, found, f"{count} columns: {what}")
