"""The allocator setting: on glibc it takes, nothing else is touched, and no library calls it."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import resource, sys
from core.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory() is True
import numpy as np
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.zeros(20_000_000, np.float32).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def faults(mode: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_freed_memory_is_used_again() -> None:
    assert faults("keep") < faults("leave") / 4


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from core import allocator

    monkeypatch.setattr(sys, "platform", "darwin")
    assert allocator.keep_freed_memory() is False


def test_no_library_module_calls_it() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for package in ("core", "checkpoints", "ui")
        for path in (ROOT / package).rglob("*.py")
        if "keep_freed_memory" in path.read_text()
    }
    assert "core/allocator.py" in users
    assert not [name for name in users - {"core/allocator.py"} if "cli" not in name]
