"""What tests of several parts need."""

from pathlib import Path

import pytest


@pytest.fixture
def shared_dir() -> Path:
    """The data that lies beside the checkout; where it is absent, the test is skipped."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared beside this checkout")
    return folder
