"""The texture stem is true to its words; what all stems must be is in `test_blocks.py`."""

import pytest
import torch
from torch import Tensor

from core.texture import TextureConfig, TextureStem
from tests.core.sounds import swelling


@pytest.fixture(scope="module")
def wave() -> Tensor:
    return torch.from_numpy(swelling())[None]


def test_flatness_of_a_tone_is_lower_than_of_noise(wave: Tensor) -> None:
    stem = TextureStem(TextureConfig())
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(32_000) / 16_000)[None]
    flat = slice(8 * 128 - 3, 8 * 128 - 3 + 40)
    noisy, tonal = (stem.statistics(x)[0, 5, flat][4:6].mean() for x in (wave, tone))
    assert tonal < noisy - 0.1
