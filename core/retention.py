"""What was uploaded goes from the disk: after a while, and when the program ends.

gradio deletes files after a while too, but forgets some, such as the copies to listen to that a
handler hands to a component together with another change of it (seen with 6.31). So the app keeps
uploads in a folder of its own, and everything old in it goes, whoever put it there.
"""

import atexit
import shutil
import tempfile
import threading
import time
from pathlib import Path

EVERY = 300.0  # seconds between two rounds


def own_folder() -> Path:
    """A new folder that is removed when the program ends."""
    folder = Path(tempfile.mkdtemp(prefix="spoofscope-uploads-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def sweep(folder: Path, seconds: float) -> int:
    """Delete the files below a folder that came there longer ago; how many that were."""
    oldest = time.time() - seconds
    gone = 0
    for path in sorted(folder.rglob("*"), reverse=True):  # what is inside before what holds it
        try:
            if path.is_dir() and not path.is_symlink():
                if path.stat().st_ctime < oldest and not any(path.iterdir()):
                    path.rmdir()
            elif path.lstat().st_ctime < oldest:
                path.unlink()
                gone += 1
        except OSError:  # somebody else was quicker, or is using it: the next round
            continue
    return gone


def keep_swept(folder: Path, seconds: float, every: float = EVERY) -> threading.Thread:
    """Sweep a folder for as long as the program runs."""

    def work() -> None:
        while True:
            time.sleep(every)
            sweep(folder, seconds)

    thread = threading.Thread(target=work, name="retention", daemon=True)
    thread.start()
    return thread
