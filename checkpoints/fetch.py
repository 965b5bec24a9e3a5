"""Downloads one published file: with a limit, a timeout and a hash, or not at all."""

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from checkpoints.card import CheckpointError
from checkpoints.published import Published

TIMEOUT = 30.0  # seconds without a byte
BLOCK = 1 << 18
OFFLINE = "HF_HUB_OFFLINE"
Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known


def download(published: Published, path: Path, progress: Progress | None = None) -> str:
    """Fetch the file of a record to `path` and return its SHA-256.

    The bytes go to a file beside `path` first; whatever goes wrong, nothing is left behind.

    Raises
    ------
    CheckpointError
        offline, no answer, too many bytes, or not the published hash.
    """
    if os.environ.get(OFFLINE, "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise CheckpointError(
            f"{OFFLINE} is set, so {published.url} is not fetched. Unset it, or bring the file "
            f"here and run `python -m core convert --detector {published.detector} FILE.pth "
            "OUT_DIR`."
        )
    if urlsplit(published.url).scheme not in {"https", "http"}:
        raise CheckpointError(f"{published.url} is not a web address.")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        found = _receive(published, partial, progress)
        if published.sha256 not in (None, found):
            raise CheckpointError(
                f"{published.url} gave bytes with SHA-256 {found}; the published file has "
                f"{published.sha256}. They were thrown away."
            )
        partial.replace(path)
    except (OSError, ValueError) as error:  # URLError and timeouts are OSErrors
        reason = getattr(error, "reason", error)
        raise CheckpointError(
            f"{published.url} could not be fetched ({reason}). Is there a network? With the file "
            f"at hand, `python -m core convert --detector {published.detector} FILE.pth OUT_DIR` "
            "does the rest."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return found


def _receive(published: Published, partial: Path, progress: Progress | None) -> str:
    most = published.bytes if published.bytes is not None else published.most_bytes
    digest, done = hashlib.sha256(), 0
    request = urllib.request.Request(published.url, headers={"User-Agent": "spoofscope"})  # noqa: S310 - scheme checked
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer, partial.open("wb") as file:  # noqa: S310
        while block := answer.read(BLOCK):
            done += len(block)
            if done > most:
                raise CheckpointError(
                    f"{published.url} gives more than the {most:,} bytes expected; stopped."
                )
            digest.update(block)
            file.write(block)
            if progress is not None:
                progress(done, published.bytes)
    if published.bytes is not None and done != published.bytes:
        raise CheckpointError(
            f"{published.url} gave {done:,} bytes instead of {published.bytes:,}; thrown away."
        )
    return digest.hexdigest()
