"""A zip whose every member is named and hashed in its manifest; written once, read with suspicion.

What is read may have been made to do harm: names that lead out of a folder, members that unpack to
gigabytes, two members of one name. Nothing is ever unpacked to a path taken from the archive.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

MANIFEST = "manifest.json"
MAX_MEMBERS = 20_000
MAX_BYTES = 16 << 30  # of all members, unpacked
MAX_READ = 256 << 20  # of one member that is held in memory
BLOCK = 1 << 20
EPOCH = (1980, 1, 1, 0, 0, 0)  # every member's date, so that equal content is an equal file


class ArchiveError(Exception):
    """The archive is not what it should be; the message says how."""


@dataclass(frozen=True, slots=True)
class Member:
    """What the manifest says of a member."""

    sha256: str
    bytes: int


class Writer:
    """Collects members; `finish` writes the manifest last."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._members: dict[str, Member] = {}

    def add(self, name: str, data: bytes) -> None:
        """One member from memory."""
        self._zip.writestr(_info(name), data)
        self._members[name] = Member(hashlib.sha256(data).hexdigest(), len(data))

    def copy(self, name: str, source: IO[bytes]) -> Member:
        """One member from a file, in bounded memory."""
        digest, count = hashlib.sha256(), 0
        with self._zip.open(_info(name), "w", force_zip64=True) as target:
            while block := source.read(BLOCK):
                target.write(block)
                digest.update(block)
                count += len(block)
        member = self._members[name] = Member(digest.hexdigest(), count)
        return member

    def finish(self, manifest: Mapping[str, Any]) -> str:
        """Write the manifest with all members' hashes; its own SHA-256."""
        members = {
            name: {"sha256": member.sha256, "bytes": member.bytes}
            for name, member in sorted(self._members.items())
        }
        text = json.dumps({**manifest, "members": members}, indent=1, allow_nan=False).encode()
        self._zip.writestr(_info(MANIFEST), text)
        self._zip.close()
        return hashlib.sha256(text).hexdigest()


class Reader:
    """An archive opened for checking; a context manager.

    Raises
    ------
    ArchiveError
        where it cannot be an archive of ours at all.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ArchiveError(f"{path.name} cannot be opened as a zip file: {reason}.") from error
        try:
            _check_shape(self._zip.infolist())
            self.manifest, self.manifest_sha256 = self._read_manifest()
            self.members = _members(self.manifest)
        except ArchiveError:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def faults(self) -> list[str]:
        """A sentence for each member that is altered, missing or not in the manifest."""
        there = {info.filename: info for info in self._zip.infolist()}
        found = [f"{name} is missing." for name in self.members if name not in there]
        found += [
            f"{name} was added: the manifest does not know it."
            for name in there
            if name not in self.members and name != MANIFEST
        ]
        for name, member in self.members.items():
            if name in there and self._differs(there[name], member):
                found.append(f"{name} was altered: its SHA-256 is not that of the manifest.")
        return found

    def read(self, name: str) -> bytes:
        """A member of the manifest, whole; only after `faults` found nothing."""
        if name not in self.members:
            raise ArchiveError(f"The bundle holds no {name}.")
        if self.members[name].bytes > MAX_READ:
            raise ArchiveError(f"{name} is larger than the {MAX_READ >> 20} MB that are read.")
        return self._bytes(name, self.members[name].bytes)

    def open(self, name: str) -> IO[bytes]:
        """A member as a stream."""
        return self._zip.open(name)

    def _differs(self, info: zipfile.ZipInfo, member: Member) -> bool:
        if info.file_size != member.bytes:
            return True  # without unpacking what may be a bomb
        digest, count = hashlib.sha256(), 0
        try:
            with self._zip.open(info) as file:
                while block := file.read(BLOCK):
                    digest.update(block)
                    count += len(block)
                    if count > member.bytes:
                        return True
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError):
            return True
        return digest.hexdigest() != member.sha256

    def _read_manifest(self) -> tuple[dict[str, Any], str]:
        try:
            text = self._bytes(MANIFEST, MAX_READ)
            manifest = json.loads(text)
        except KeyError as error:
            raise ArchiveError(f"There is no {MANIFEST} in it: not a SpoofScope bundle.") from error
        except (ValueError, RecursionError) as error:
            raise ArchiveError(f"{MANIFEST} is not JSON: {error}.") from error
        if not isinstance(manifest, dict):
            raise ArchiveError(f"{MANIFEST} is not an object.")
        return manifest, hashlib.sha256(text).hexdigest()

    def _bytes(self, name: str, most: int) -> bytes:
        if self._zip.getinfo(name).file_size > most:
            raise ArchiveError(f"{name} unpacks to more than the {most} bytes it may have.")
        try:
            with self._zip.open(name) as file:
                data = file.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise ArchiveError(f"{name} cannot be unpacked: {error}.") from error
        if len(data) > most:
            raise ArchiveError(f"{name} unpacks to more than the {most} bytes it may have.")
        return data


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _check_shape(infos: list[zipfile.ZipInfo]) -> None:
    """Refuse before anything is unpacked."""
    if len(infos) > MAX_MEMBERS:
        raise ArchiveError(f"It has {len(infos)} members; a bundle has at most {MAX_MEMBERS}.")
    total = sum(info.file_size for info in infos)
    if total > MAX_BYTES:
        raise ArchiveError(f"It would unpack to {total >> 30} GB; at most {MAX_BYTES >> 30} are.")
    seen: set[str] = set()
    for info in infos:
        name = info.filename
        if not _is_plain(name) or info.is_dir() or (info.external_attr >> 28) == 0o12:
            raise ArchiveError(f"The member {name!r} has a name or kind that no bundle has.")
        if name in seen:
            raise ArchiveError(f"The member {name!r} is there twice.")
        if info.flag_bits & 0x1:
            raise ArchiveError(f"The member {name!r} is encrypted.")
        seen.add(name)


def _is_plain(name: str) -> bool:
    """A relative path of plain parts: nothing that leads out of a folder on any system."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and name == "/".join(parts)
        and name.isascii()
        and name.isprintable()
        and not any(part in ("..", ".", "/") or part.startswith("/") for part in parts)
        and not any(letter in name for letter in '\\:*?"<>|')
    )


def _members(manifest: Mapping[str, Any]) -> dict[str, Member]:
    try:
        return {
            str(name): Member(str(entry["sha256"]), int(entry["bytes"]))
            for name, entry in manifest["members"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArchiveError(f"{MANIFEST} does not list its members: {error!r}.") from error
