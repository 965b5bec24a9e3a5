"""The texture stem: calm under gain and silence, in step with XLS-R's frames, true to its words."""

import pytest
import torch
from torch import Tensor

from core.backbones import SpeechBackbone, SpeechConfig, config_entries
from core.blocks import LIMIT, filterbank
from core.texture import TextureConfig, TextureStem
from tests.core.sounds import swelling


@pytest.fixture(scope="module")
def wave() -> Tensor:
    return torch.from_numpy(swelling())[None]


@pytest.fixture(scope="module")
def stem(wave: Tensor) -> TextureStem:
    made = TextureStem(TextureConfig(reach=3))
    made.fit(made.statistics(wave)[0] + torch.randn(20, made.config.width) * 0.3)
    return made


def test_gain_changes_nothing(stem: TextureStem, wave: Tensor) -> None:
    for decibel in (-12, 12):
        assert (stem(wave * 10 ** (decibel / 20)) - stem(wave)).abs().max() < 2e-2


def test_silence_after_it_hardly_changes_a_frame(stem: TextureStem, wave: Tensor) -> None:
    silent = torch.cat([wave, torch.zeros(1, 16_000)], 1)
    alone, padded = stem(wave), stem(silent)
    own = alone[..., :80]
    assert (padded[..., :80] - own).abs().mean() < 0.1 * own.abs().mean()


def test_frames_are_those_of_the_convolutions(wave: Tensor) -> None:
    config = SpeechConfig(layers=2, width=32, heads=2, ffn=32, stem="ears", positional_kernel=8)
    backbone = SpeechBackbone(config).eval()
    with torch.inference_mode():
        heard = backbone(wave)
    assert heard.hidden.shape == (1, 2, backbone.frames(32_000), 32)
    assert not backbone.local
    assert SpeechConfig.of(config_entries(config)) == config


def test_flatness_of_a_tone_is_lower_than_of_noise(wave: Tensor) -> None:
    stem = TextureStem(TextureConfig())
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(32_000) / 16_000)[None]
    flat = slice(8 * 128 - 3, 8 * 128 - 3 + 40)
    noisy, tonal = (stem.statistics(x)[0, 5, flat][4:6].mean() for x in (wave, tone))
    assert tonal < noisy - 0.1


def test_values_are_limited_and_finite_in_silence_and_in_one_frame() -> None:
    stem = TextureStem(TextureConfig())
    for quiet in (torch.zeros(1, 16_000), torch.full((1, 16_000), 0.5), torch.randn(1, 400)):
        heard = stem(quiet)
        assert torch.isfinite(heard).all()
        assert heard.abs().max() <= LIMIT


def test_filters_overlap_to_one() -> None:
    bank = filterbank(8, 257)
    inner = bank[40:216].sum(1)
    assert torch.allclose(inner, torch.ones_like(inner), atol=1e-5)
