"""A folder with a corpus -> what a run learns from and what it chooses by."""

from collections.abc import Callable
from pathlib import Path

from core.types import Label
from training.corpora.asvspoof import read_5, read_2019_la
from training.corpora.audio import locate
from training.corpora.common import Listing, Trial
from training.corpora.manifest import read_manifest
from training.data import Item, Splits
from training.errors import TrainingError

PROTOCOLS: dict[str, tuple[str, str, Callable[[Path], Listing]]] = {
    "ASVspoof 2019 LA": (
        "ASVspoof2019.LA.cm.train.trn.txt",
        "ASVspoof2019.LA.cm.dev.trl.txt",
        read_2019_la,
    ),
    "ASVspoof 5": ("ASVspoof5.train.tsv", "ASVspoof5.dev.track_1.tsv", read_5),
}
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "corpus"


def read_splits(folder: Path | None) -> Splits:
    """The train and dev clips below a folder: a manifest.csv with splits, or ASVspoof lists.

    Without a folder, the corpus beside the checkout, where there is one.

    Raises
    ------
    TrainingError
        No such folder or list, a clip without label, audio that is missing (counted and named).
    """
    if folder is None:
        folder = BESIDE
        if not folder.is_dir():
            raise TrainingError("name the folder of the corpus with --data DIR")
    if not folder.is_dir():
        raise TrainingError(f"{folder}: no such folder; --data names the folder of the corpus")
    train, dev = _lists(folder)
    return Splits(_items(train, folder), _items(dev, folder))


def items_of(listing: Listing, folder: Path) -> tuple[Item, ...]:
    """The clips of a list whose audio lies below `folder`."""
    return _items(listing, folder)


def _lists(folder: Path) -> tuple[Listing, Listing]:
    manifest = folder / "manifest.csv"
    if manifest.is_file():
        listing = read_manifest(manifest, needed=("label", "split"))
        return listing.only(split="train"), listing.only(split="dev")
    for train, dev, read in PROTOCOLS.values():
        found = [sorted(folder.rglob(name)) for name in (train, dev)]
        if all(found):
            return read(found[0][0]), read(found[1][0])
    known = "; ".join(f"{name}: {a} and {b}" for name, (a, b, _) in PROTOCOLS.items())
    raise TrainingError(
        f"{folder} holds no corpus for training: a manifest.csv with the columns utt_id, label and "
        f"split, or the lists of {known}"
    )


def _items(listing: Listing, folder: Path) -> tuple[Item, ...]:
    located = locate(listing.trials, folder)
    if sentence := located.sentence(folder):
        raise TrainingError(sentence)
    return tuple(_item(trial, path, listing) for trial, path in located.found)


def _item(trial: Trial, path: Path, listing: Listing) -> Item:
    if trial.label is None:
        raise TrainingError(f"{listing.file}: {trial.utt_id} has no label, and training needs one")
    label: Label = trial.label
    family = label if label == "bonafide" else trial.family
    return Item(trial.utt_id, label, path, trial.system, family, trial.source, trial.speaker)
