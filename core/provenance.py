"""What ran: versions of the program, its code and its libraries, for every report.

Versions are read from the installed packages' metadata, so that nothing heavy is imported.
"""

import hashlib
import platform
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
def code_sha256() -> str:
    """One hash over the source files that decide a score, their paths included."""
    digest = hashlib.sha256()
    for path in sorted(_sources(), key=lambda path: path.relative_to(ROOT).as_posix()):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for package in CODE:
        yield from (ROOT / package).rglob("*.py")
