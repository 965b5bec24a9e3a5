"""What ran: versions of the program, its code and its libraries, for every report.

Versions are read from the installed packages' metadata, so that nothing heavy is imported.
"""

import hashlib
import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[1]
CODE = ("core", "checkpoints")  # the packages whose code decides a score
LIBRARIES = ("torch", "transformers", "numpy", "soxr", "soundfile", "silero-vad", "scikit-learn")
VERSION = "0.1.0"


def versions() -> dict[str, str]:
    """Names and versions of what a score may depend on; a library that is absent is left out."""
    found = {
        "spoofscope": VERSION,
        "code_sha256": code_sha256(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}".strip(),
    }
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache  # the code that runs is the code as it was when it was first asked for
def code_files() -> Mapping[str, str]:
    """SHA-256 of each source file that decides a score, by its path in the project."""
    hashes = {
        path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in _sources()
    }
    return MappingProxyType(dict(sorted(hashes.items())))


def code_sha256() -> str:
    """One hash over `code_files`, names and contents."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in code_files().items())
    return hashlib.sha256(lines.encode()).hexdigest()


def _sources() -> Iterator[Path]:
    for package in CODE:
        yield from (ROOT / package).rglob("*.py")
