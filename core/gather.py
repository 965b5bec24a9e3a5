"""Files, folders and zips -> the list of recordings of a batch, with suspicion.

What is handed in may have been made to do harm: a zip that unpacks to terabytes, names that lead
out of a folder, links, zips within zips. Nothing is unpacked to a path taken from an archive, no
link is followed, and no more is written than the archive said beforehand. What cannot be used is
an item with the reason, so that it becomes a row and not the end of the run.
"""

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from core.sentences import shown, size
from core.types import AudioError

MAX_MEMBERS = 10_000  # of one zip, counting what is no recording
BLOCK = 1 << 20
ZIP_NAMES = (".zip",)
SYMLINK = 0o12  # the kind of a member, from its Unix mode
SKIPPED_PARTS = ("__MACOSX",)
DESKTOP_FILES = ("thumbs.db", "desktop.ini")
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Item:
    """One recording to be: a file, a member of a zip, or the reason why it is neither.

    `bytes` is its size as the file system or the zip says; `member` its place in the zip.
    """

    name: str
    path: Path | None = None
    member: int | None = None
    bytes: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """The recordings of a batch in their order, and what else its owner should know."""

    items: tuple[Item, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a batch may be.

    `files` recordings; `bytes` each; `total` bytes of everything that is unpacked from zips.
    """

    files: int = 200
    bytes: int = 1_000_000_000
    total: int = 4_000_000_000


def gather(given: Sequence[tuple[Path, str]], bounds: Bounds) -> Gathered:
    """The recordings in `given`, which are pairs of a path and the name it is shown by.

    A folder stands for the files below it, a zip for its members. Beyond `bounds.files` the rest
    is left out, and a notice says so.
    """
    found: list[Item] = []
    skipped = 0
    for path, name in given:
        for item in _of(path, name, bounds):
            if _is_clutter(item.name):
                skipped += 1
            else:
                found.append(item)
    notices = []
    if skipped:
        left = "1 hidden or system file was" if skipped == 1 else f"{skipped} hidden files were"
        notices.append(f"{left} left out.")
    if len(found) > bounds.files:
        notices.append(
            f"{len(found)} files were given; at most {bounds.files} are scored at once. Only the "
            f"first {bounds.files} are listed: give the rest as a second batch."
        )
    return Gathered(tuple(found[: bounds.files]), tuple(notices))


def fetch(item: Item, folder: Path, bounds: Bounds) -> Path:
    """The file of an item; a member of a zip is written into `folder` under a name of ours.

    Raises
    ------
    AudioError
        where there is none, with the reason.
    """
    if item.problem is not None or item.path is None:
        raise AudioError(item.problem or f"“{shown(item.name)}” is not there.")
    if item.member is None:
        return item.path
    handle, target = tempfile.mkstemp(".part", f"{item.member:05}-", folder)
    try:
        with os.fdopen(handle, "wb") as out, zipfile.ZipFile(item.path) as archive:
            info = archive.infolist()[item.member]
            _copy(archive, info, out, min(item.bytes, bounds.bytes))
    except (*BROKEN, IndexError) as error:
        Path(target).unlink(missing_ok=True)
        raise AudioError(f"“{shown(item.name)}” cannot be unpacked: {error}.") from error
    return Path(target)


def _of(path: Path, name: str, bounds: Bounds) -> Iterator[Item]:
    """The items that one path stands for."""
    if path.is_symlink():
        yield Item(name, problem=f"“{shown(name)}” is a link; links are not followed.")
    elif path.is_dir():
        yield from _folder(path, bounds)
    elif not path.is_file():
        yield Item(name, problem=f"“{shown(name)}” is not there, or is not a file.")
    elif name.lower().endswith(ZIP_NAMES):
        yield from _zip(path, name, bounds)
    else:
        yield _sized(Item(name, path, bytes=path.stat().st_size), bounds)


def _folder(folder: Path, bounds: Bounds) -> Iterator[Item]:
    """The files below a folder in the order of their names; a zip in it is opened as well."""
    for place, folders, files in os.walk(folder, followlinks=False):
        folders.sort()
        for file in sorted(files):
            path = Path(place) / file
            yield from _of(path, path.relative_to(folder).as_posix(), bounds)


def _zip(path: Path, name: str, bounds: Bounds) -> Iterator[Item]:
    """The members of a zip; one item with the reason where the whole zip is refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (*BROKEN, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield Item(name, problem=f"“{shown(name)}” cannot be opened as a zip file: {reason}.")
        return
    refusal = _refusal(name, infos, bounds)
    if refusal is not None:
        yield Item(name, problem=refusal)
        return
    for number, info in enumerate(infos):
        if not info.is_dir():
            yield _member(path, name, number, info, bounds)


def _refusal(name: str, infos: Sequence[zipfile.ZipInfo], bounds: Bounds) -> str | None:
    """Why nothing of a zip is unpacked."""
    if len(infos) > MAX_MEMBERS:
        return (
            f"“{shown(name)}” has {len(infos):,} members; at most {MAX_MEMBERS:,} are looked at. "
            "Nothing of it was unpacked."
        )
    total = sum(info.file_size for info in infos)
    if total > bounds.total:
        return (
            f"“{shown(name)}” would unpack to {size(total)}; the limit here is "
            f"{size(bounds.total)}. Nothing of it was unpacked."
        )
    if not any(not info.is_dir() for info in infos):
        return f"“{shown(name)}” is an empty zip file."
    return None


def _member(path: Path, zipped: str, number: int, info: zipfile.ZipInfo, bounds: Bounds) -> Item:
    """One member as an item, or as the reason why it is left alone."""
    name = info.filename
    said = f"“{shown(name)}” in “{shown(zipped)}”"
    if info.external_attr >> 28 == SYMLINK:
        return Item(name, problem=f"{said} is a link; links are not followed.")
    if info.flag_bits & 0x1:
        return Item(name, problem=f"{said} is encrypted. Unpack the zip and give the files.")
    if name.lower().endswith(ZIP_NAMES):
        return Item(name, problem=f"{said} is a zip within a zip; it is not opened. Give it alone.")
    return _sized(Item(name, path, number, info.file_size), bounds)


def _sized(item: Item, bounds: Bounds) -> Item:
    if item.bytes <= bounds.bytes:
        return item
    problem = f"“{shown(item.name)}” is {size(item.bytes)}; the limit here is {size(bounds.bytes)}."
    return Item(item.name, bytes=item.bytes, problem=problem)


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, out: IO[bytes], most: int) -> None:
    """Unpack one member, and stop where it is longer than it said."""
    written = 0
    with archive.open(info) as source:
        while block := source.read(BLOCK):
            written += len(block)
            if written > most:
                raise zipfile.BadZipFile(f"it is longer than the {size(most)} it claims to be")
            out.write(block)


def _is_clutter(name: str) -> bool:
    """Whether a file is the desktop's and not its owner's."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return bool(parts) and (
        parts[-1].startswith(".")
        or parts[-1].lower() in DESKTOP_FILES
        or any(part in SKIPPED_PARTS for part in parts)
    )
