"""Uploads go from the disk after a while, and all of them when the program ends."""

import subprocess
import sys
import time
from pathlib import Path

from core.retention import keep_swept, sweep

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_old_goes_and_what_is_new_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside.wav"
    outside.write_text("not here")
    uploads = tmp_path / "uploads"
    (uploads / "ab" / "cd").mkdir(parents=True)
    (uploads / "ab" / "cd" / "old.wav").write_text("x")
    (uploads / "link").symlink_to(outside)
    time.sleep(0.6)
    (uploads / "ef").mkdir()
    (uploads / "ef" / "new.wav").write_text("x")
    assert sweep(uploads, 0.4) == 2
    assert sorted(path.name for path in uploads.rglob("*") if path.is_file()) == ["new.wav"]
    assert outside.exists()
    time.sleep(0.6)
    assert sweep(uploads, 0.4) == 1
    time.sleep(0.6)
    sweep(uploads, 0.4)  # folders change when they are emptied, so they go a round later
    assert list(uploads.iterdir()) == []


def test_it_goes_on_for_as_long_as_the_program_runs(tmp_path: Path) -> None:
    keep_swept(tmp_path, 0.0, every=0.05)
    for name in ("a", "b"):
        path = tmp_path / name
        path.write_text("x")
        for _ in range(100):
            if not path.exists():
                break
            time.sleep(0.05)
        assert not path.exists()


def test_the_folder_goes_with_the_program() -> None:
    code = (
        "from core.retention import own_folder; f = own_folder(); "
        "(f / 'a.wav').write_text('x'); print(f)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "spoofscope-uploads-" in done.stdout
    assert not Path(done.stdout.strip()).exists()
