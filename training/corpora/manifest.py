"""The plain manifest: a CSV with a header, one clip a row; the way to bring any corpus."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

from training.corpora.common import COLUMNS, NONE, Listing, Trial, check_unique, label_of
from training.errors import TrainingError, fault

RENAMED: Mapping[str, str] = {"system_family": "family", "source_repo": "source"}
AUDIO_COLUMNS = ("file", "audio")  # a path below the audio folder


def read_manifest(
    file: Path, needed: Collection[str] = ("label",), split: str | None = None
) -> Listing:
    """Read a manifest; `utt_id` is always needed.

    Known columns (label, system, speaker, codec, source or source_repo, family or system_family,
    split, phase) fill the trial; every other one is kept in `extra` under its own name, and the
    renamed ones under both. The audio is `{utt_id}.flac` (or another audio suffix) unless a column
    `file` or `audio` names it; a column `path` is kept, but not taken for the audio's place.

    Parameters
    ----------
    needed : columns that must be there, such as "label" for training.
    split : keep only this split.
    """
    trials: list[Trial] = []
    if not file.is_file():
        raise TrainingError(f"{file}: no such file; give a CSV with a header and a column utt_id.")
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_header(header, {"utt_id", *needed}, file)
            for row in reader:
                if row:
                    trials.append(
                        _trial(_record(header, row, file, reader.line_num), file, reader.line_num)
                    )
        except (csv.Error, UnicodeDecodeError) as error:
            raise fault(file, reader.line_num + 1, str(error), "CSV in UTF-8") from error
    if not trials:
        raise fault(file, None, "no row", "one clip a row")
    check_unique(trials, file)
    listing = Listing("manifest", file, tuple(trials))
    return listing if split is None else listing.only(split=split)


def _check_header(header: list[str], needed: Collection[str], file: Path) -> None:
    missing = sorted(set(needed) - set(header))
    if missing:
        raise fault(file, 1, f"the columns {', '.join(header)}", f"also {', '.join(missing)}")
    double = sorted({name for name in header if header.count(name) > 1})
    if double:
        raise fault(file, 1, f"the column {double[0]!r} twice", "each column once")


def _record(header: list[str], row: list[str], file: Path, line: int) -> dict[str, str]:
    if len(row) != len(header):
        raise fault(file, line, f"{len(row)} cells", f"{len(header)}, as in the header")
    record = dict(zip(header, (cell.strip() for cell in row), strict=True))
    if not record["utt_id"]:
        raise fault(file, line, "an empty utt_id", "an id")
    return record


def _trial(record: dict[str, str], file: Path, line: int) -> Trial:
    word = record.get("label", "")
    label = None if word in {"", NONE} else label_of(word, file, line)
    named = {RENAMED.get(name, name): text or NONE for name, text in record.items()}
    known = {name: named[name] for name in COLUMNS - {"utt_id", "label", "path"} if name in named}
    path = next((record[name] for name in AUDIO_COLUMNS if record.get(name)), None)
    extra = {name: text for name, text in record.items() if name not in COLUMNS or name == "path"}
    return Trial(record["utt_id"], label, path=path, extra=extra, **known)
