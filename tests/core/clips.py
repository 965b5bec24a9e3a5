"""What tests of the intake share."""

from pathlib import Path

import numpy as np
import pytest

from core.intake import Limits, decode
from core.types import AudioError, Clip


def codes(clip: Clip) -> set[str]:
    """The codes of what is said of a clip."""
    return {notice.code for notice in clip.notices}


def wave(clip: Clip) -> np.ndarray:
    """All samples, (channels, length)."""
    return clip.samples.read(0, clip.samples.length)


def refusal(path: Path, **limits: float) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(AudioError) as caught:
        decode(path, limits=Limits(**limits))  # type: ignore[arg-type]
    return str(caught.value)
