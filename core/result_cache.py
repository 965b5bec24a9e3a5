"""Results on this machine's disk, so that a batch that is run again skips what is done.

One JSON file a clip and way of scoring it. The name is a hash over all that a score depends on:
the clip's bytes, the weights and calibrations, the fusion, the settings, this program's code and
the versions of its libraries. The recording's own name is not kept. An entry that cannot be read
or is not a record is ignored and written anew. Nothing is ever kept on a public Space.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import provenance
from core.fusing import installed_fusion
from core.limits import Limits
from core.records import to_report
from core.report import to_json, write_file

if TYPE_CHECKING:
    from core.detect import Settings
    from core.loading import Loaded

FOLDER = "SPOOFSCOPE_CACHE"  # environment variable: where results are kept
ENTRIES = 2_000
MAX_BYTES = 8 << 20  # of one entry; an hour of five detectors is about 1 MB
PARTIAL = "stopped"  # the code of the notice of a scan that was ended early


@dataclass(frozen=True, slots=True)
class ResultCache:
    """Records by the hash of what they depend on, at most `entries` of them, oldest out first."""

    folder: Path
    entries: int = ENTRIES

    @classmethod
    def here(
        cls, limits: Limits, environment: Mapping[str, str] = os.environ
    ) -> "ResultCache | None":
        """That of the person who runs the app; None on a Space, which keeps nothing."""
        if limits.space:
            return None
        named = environment.get(FOLDER)
        if named:
            return cls(Path(named))
        base = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return cls(Path(base) / "spoofscope" / "results")

    def find(self, key: str, name: str) -> dict[str, Any] | None:
        """The record under a key, for a clip that is now called `name`."""
        path = self._path(key)
        try:
            if path.stat().st_size > MAX_BYTES:
                return None
            record = json.loads(path.read_text(encoding="utf-8"))
            record["source"]["name"] = name
            to_report(record)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        found: dict[str, Any] = record
        return found

    def keep(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record that says all there is to say; a disk that refuses is no reason to end."""
        if not record["detections"] or any(n["code"] == PARTIAL for n in record["notices"]):
            return
        nameless = {**record, "source": {**record["source"], "name": ""}}
        text = to_json([nameless])
        if len(text) > MAX_BYTES:
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(self._path(key), text)
            self._shrink()
        except OSError:
            return

    def clear(self) -> int:
        """Forget everything; how many results that were."""
        gone = 0
        for path in self._files():
            path.unlink(missing_ok=True)
            gone += 1
        return gone

    def _shrink(self) -> None:
        files = self._files()
        if len(files) > self.entries:
            files.sort(key=lambda path: path.stat().st_mtime_ns)
            for path in files[: len(files) - self.entries]:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return list(self.folder.glob("*.json")) if self.folder.is_dir() else []

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def key_of(sha256: str, loaded: Sequence["Loaded"], settings: "Settings") -> str:
    """The name of a result: a hash over everything that it depends on."""
    fusion = installed_fusion()
    what = {
        "clip": sha256,
        "detectors": [
            (one.checkpoint.id, one.checkpoint.sha256, repr(one.calibration)) for one in loaded
        ],
        "fusion": None if fusion is None else fusion.to_json(),
        "settings": settings.as_record(),
        "versions": provenance.versions(),
    }
    text = json.dumps(what, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
