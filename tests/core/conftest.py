"""What several tests of the core write to disk."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.types import RATE


@pytest.fixture
def wav(tmp_path: Path) -> Callable[..., Path]:
    """Writes a WAV file of an array (n,) or (n, channels)."""

    def write(values: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> Path:
        path = tmp_path / "made.wav"
        soundfile.write(path, values, rate, subtype=subtype, format="WAV")
        return path

    return write
