"""Files that came through the browser or the API, and no others.

A caller of the API may write any path into a request. gradio holds most of them back, not all;
what is not in its own upload folder is not opened here.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
from gradio.utils import get_upload_folder

from core.types import AudioError
from ui import texts

ADDRESSES = ("http://", "https://")
SERVED = "/gradio_api/file="  # what stands before the path in the address of an upload


def refuse_addresses() -> None:
    """Keep gradio from fetching: a request may name a web address where a file is expected.

    gradio 6.31 has no switch for it, and downloads before our code sees the request.
    """
    from gradio import processing_utils

    processing_utils.async_ssrf_protected_download = _not_fetched


async def _not_fetched(url: str, cache_dir: str) -> str:
    """In place of a download: the upload that an address stands for, or a refusal."""
    try:
        return str(uploaded(url))
    except AudioError as problem:
        raise gr.Error(str(problem), print_exception=False) from problem


def uploaded(path: str) -> Path:
    """The path of an upload, from that path or from the address under which gradio serves it.

    MCP clients know a file by its address only. The path is taken out of it; nothing is fetched.

    Raises
    ------
    AudioError
        for anything else.
    """
    if path.startswith(ADDRESSES):
        path = unquote(path.partition(SERVED)[2])
    found = Path(path).resolve()
    if not found.is_relative_to(Path(get_upload_folder()).resolve()):
        raise AudioError(texts.NOT_UPLOADED)
    return found


def named(file: Any) -> str | None:
    """An uploaded file as [path, name], in JSON, with the name it had on its owner's machine.

    gradio cleans names for its own folders; a report names what was handed in.
    """
    if file is None:
        return None
    return json.dumps([file.path, file.orig_name or Path(file.path).name])
