"""Corpora without one list: what is known of a clip stands in the names of its folders.

DFADD: `DATASET_{system}/{train,valid,test}/` with `{split}.txt`; MLAAD: `fake/{language}/{model}/`
with a `meta.csv` each.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from training.corpora.common import (
    NONE,
    Listing,
    Trial,
    check_unique,
    label_of,
    need_exactly,
    read_rows,
    text_lines,
)
from training.errors import TrainingError, fault

AUDIO = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"})
BONAFIDE = "DATASET_VCTK_BONAFIDE"
SPLITS = ("train", "valid", "test")


def audio_files(folder: Path) -> Iterator[Path]:
    """Every audio file below a folder, sorted; an error where there is no folder or no file."""
    if not folder.is_dir():
        raise TrainingError(f"{folder}: no such folder. Give the folder of the corpus' audio.")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO)
    if not found:
        raise TrainingError(f"{folder}: no audio file ({', '.join(sorted(AUDIO))}) in it.")
    yield from found


def read_dfadd(root: Path, split: str) -> Listing:
    """One split of DFADD over all its systems.

    The lists `DATASET_*/{split}.txt` (speaker key x x bonafide|spoof) where they are, else the
    files themselves. The bona fide clips are the same in each system's list and count once.
    """
    if split not in SPLITS:
        raise TrainingError(f"DFADD has the splits {', '.join(SPLITS)}; {split!r} is none of them.")
    folders = sorted(p for p in root.glob("DATASET_*") if p.is_dir()) if root.is_dir() else []
    if not folders:
        raise TrainingError(f"{root}: no folder DATASET_* in it; give DFADD's own folder.")
    trials: list[Trial] = []
    warnings: list[str] = []
    walked = []
    for folder in folders:
        lists = [
            p for p in (folder / f"{split}.txt", folder / split / f"{split}.txt") if p.exists()
        ]
        if lists:
            part = _dfadd_list(lists[0], folder.name, split)
            warnings += part.warnings
            trials += part.trials
        elif (folder / split).is_dir():
            walked.append(folder.name)
            trials += _dfadd_folder(root, folder.name, split)
    if walked:
        names = ", ".join(walked)
        warnings.append(f"{root}: no {split}.txt in {names}; its files were listed instead.")
    human = {t.utt_id: t for t in trials if t.label == "bonafide"}
    kept = (*human.values(), *(t for t in trials if t.label == "spoof"))
    check_unique(kept, root)
    return Listing("dfadd", root, kept, tuple(warnings))


def _dfadd_list(file: Path, dataset: str, split: str) -> Listing:
    def parse(parts: list[str], line: int) -> Trial:
        need_exactly(parts, 5, "speaker key x x bonafide|spoof", file, line)
        speaker, key, _, _, word = parts
        return _dfadd_trial(
            dataset, split, key, speaker, spoof=label_of(word, file, line) == "spoof"
        )

    return read_rows("dfadd", file, parse)


def _dfadd_folder(root: Path, dataset: str, split: str) -> Iterator[Trial]:
    for path in audio_files(root / dataset / split):
        speaker = path.stem.split("_")[0]
        yield _dfadd_trial(dataset, split, path.stem, speaker, spoof=dataset != BONAFIDE)


def _dfadd_trial(dataset: str, split: str, key: str, speaker: str, *, spoof: bool) -> Trial:
    system = dataset.removeprefix("DATASET_")
    if not spoof:
        path = f"{BONAFIDE}/{split}/{key}.wav"
        return Trial(f"VCTK/{key}", "bonafide", NONE, speaker, path, source="VCTK", split=split)
    path = f"{dataset}/{split}/{key}.flac"
    return Trial(f"{system}/{key}", "spoof", system, speaker, path, source="VCTK", split=split)


META = "path|original_file|language|...|training_data|model_name|architecture|transcript"


def read_mlaad(root: Path) -> Listing:
    """MLAAD: every clip is spoofed; language and model are its folders.

    A folder's `meta.csv` ('|'-separated, with header) names architecture and training data; clips
    that it names and that are not there, or the other way round, are counted in a warning.
    """
    base = root / "fake" if (root / "fake").is_dir() else root
    folders: dict[Path, list[Path]] = {}
    for path in audio_files(base):
        folders.setdefault(path.parent, []).append(path)
    trials: list[Trial] = []
    warnings: list[str] = []
    for folder, paths in folders.items():
        parts = folder.relative_to(base).parts
        if len(parts) != 2:
            raise fault(folder, None, "audio", "the folders fake/{language}/{model}/")
        meta = _mlaad_meta(folder / "meta.csv")
        names = {p.name for p in paths}
        if meta and (lost := meta.keys() - names):
            warnings.append(
                f"{folder}: {len(lost):,} clips of meta.csv are missing (such as {min(lost)})."
            )
        for path in paths:
            trials.append(_mlaad_trial(root, path, parts, meta.get(path.name, {})))
    return Listing("mlaad", base, tuple(trials), tuple(warnings))


def _mlaad_trial(root: Path, path: Path, parts: tuple[str, ...], meta: dict[str, str]) -> Trial:
    language, model = parts
    return Trial(
        f"{language}/{model}/{path.stem}",
        "spoof",
        meta.get("model_name") or model,
        path=path.relative_to(root).as_posix(),
        source=meta.get("training_data") or NONE,
        family=meta.get("architecture") or NONE,
        extra={"language": language, "original_file": meta.get("original_file") or NONE},
    )


def _mlaad_meta(file: Path) -> dict[str, dict[str, str]]:
    """Rows of a meta.csv by file name; empty where there is none."""
    if not file.exists():
        return {}
    lines = [text for _, text, _ in text_lines(file)]
    reader = csv.DictReader(lines, delimiter="|", quoting=csv.QUOTE_NONE)
    if not reader.fieldnames or "path" not in reader.fieldnames:
        raise fault(file, 1, repr(lines[0] if lines else ""), f"a header such as {META}")
    return {Path(row["path"]).name: dict(row) for row in reader}
