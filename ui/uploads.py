"""Files that came through the browser or the API, and no others.

A caller of the API may write any path into a request. gradio holds most of them back, not all;
what is not in its own upload folder is not opened here.
"""

import json
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from core.types import AudioError
from ui import texts


def uploaded(path: str) -> Path:
    """The path of an upload.

    Raises
    ------
    AudioError
        for anything else.
    """
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
