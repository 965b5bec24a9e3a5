"""What tests of several parts need."""

import os
from pathlib import Path

import pytest

from core.allocator import keep_freed_memory

# the tests' tensors are small: on a busy machine threads wait for each other many times longer
# than they work (tests/core/test_backbones.py took 37 s of CPU with two; it and six like it 15 s
# with one)
os.environ.setdefault("OMP_NUM_THREADS", "1")

# as the app does: a fifth of the tests' processor time was spent on memory given back and asked for
keep_freed_memory()


@pytest.fixture
def shared_dir() -> Path:
    """The data that lies beside the checkout; where it is absent, the test is skipped."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared beside this checkout")
    return folder
