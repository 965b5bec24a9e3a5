"""Corpus name -> reader, so that a command can be given any list or folder by name."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from training.corpora.asvspoof import read_5, read_2019_la, read_2021, read_2021_ids
from training.corpora.codecfake import read_codecfake_wu, read_codecfake_xie
from training.corpora.common import Listing
from training.corpora.folders import SPLITS, read_dfadd, read_mlaad
from training.corpora.in_the_wild import read_in_the_wild
from training.corpora.manifest import read_manifest
from training.errors import TrainingError

READERS: Mapping[str, Callable[[Path], Listing]] = {
    "manifest": read_manifest,
    "asvspoof2019la": read_2019_la,
    "asvspoof2021la": lambda file: read_2021(file, "LA"),
    "asvspoof2021la-progress": lambda file: read_2021(file, "LA", "progress"),
    "asvspoof2021la-hidden": lambda file: read_2021(file, "LA", "hidden"),
    "asvspoof2021la-ids": lambda file: read_2021_ids(file, "LA"),
    "asvspoof2021df": lambda file: read_2021(file, "DF"),
    "asvspoof2021df-progress": lambda file: read_2021(file, "DF", "progress"),
    "asvspoof2021df-hidden": lambda file: read_2021(file, "DF", "hidden"),
    "asvspoof2021df-ids": lambda file: read_2021_ids(file, "DF"),
    "asvspoof5": read_5,
    "in-the-wild": read_in_the_wild,
    "codecfake-xie": read_codecfake_xie,
    "codecfake-wu": read_codecfake_wu,
    **{f"dfadd-{split}": partial(read_dfadd, split=split) for split in SPLITS},
    "mlaad": read_mlaad,
}


def read(corpus: str, path: Path) -> Listing:
    """The trials of a corpus: `path` is its list, or its folder where it has none."""
    if corpus not in READERS:
        raise TrainingError(f"There is no reader {corpus!r}; there are {', '.join(READERS)}.")
    return READERS[corpus](path)


def guess(path: Path) -> str:
    """The reader that fits a list by its name; `manifest` for any other CSV."""
    name = path.name
    for sign, corpus in (
        ("ASVspoof2019.LA.cm", "asvspoof2019la"),
        ("ASVspoof2021.LA.cm", "asvspoof2021la-ids"),
        ("ASVspoof2021.DF.cm", "asvspoof2021df-ids"),
        ("ASVspoof5.", "asvspoof5"),
    ):
        if name.startswith(sign):
            return corpus
    if name == "trial_metadata.txt":
        with path.open(encoding="utf-8", errors="replace") as lines:
            return "asvspoof2021la" if len(lines.readline().split()) == 8 else "asvspoof2021df"
    if name == "meta.csv":
        return "in-the-wild"
    if path.suffix == ".csv":
        return "manifest"
    raise TrainingError(
        f"{path}: the kind of list cannot be told from its name; say which of "
        f"{', '.join(READERS)} it is."
    )
