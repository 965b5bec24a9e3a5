"""What every stem of statistics must be: calm under gain and silence, in step with XLS-R."""

import pytest
import torch
from torch import Tensor

from core.backbones import SpeechBackbone, SpeechConfig, config_entries
from core.blocks import LIMIT, BlockStem, filterbank
from core.cepstra import CepstraConfig, CepstraStem
from core.phase import PhaseConfig, PhaseStem
from core.texture import TextureConfig, TextureStem
from tests.core.sounds import swelling

NAMES = ("texture", "cepstra", "phase")


def built(name: str, reach: int = 7) -> BlockStem:
    made = {
        "texture": TextureStem(TextureConfig(reach=reach)),
        "cepstra": CepstraStem(CepstraConfig(reach=reach)),
        "phase": PhaseStem(PhaseConfig(reach=reach)),
    }
    return made[name]


@pytest.fixture(scope="module")
def wave() -> Tensor:
    return torch.from_numpy(swelling())[None]


@pytest.fixture(scope="module", params=NAMES)
def stem(request: pytest.FixtureRequest, wave: Tensor) -> BlockStem:
    """One that looks 0.3 s around, on a scale."""
    torch.manual_seed(0)
    made = built(request.param, 3)
    made.fit(made.statistics(wave)[0] + torch.randn(20, sum(made.widths)) * 0.3)
    return made


@pytest.mark.parametrize("decibel", [-12, 12])
def test_gain_changes_nothing(stem: BlockStem, wave: Tensor, decibel: int) -> None:
    limit = 2e-2 if isinstance(stem, TextureStem) else 5e-2  # deviations; moments are more delicate
    assert (stem(wave * 10 ** (decibel / 20)) - stem(wave)).abs().max() < limit


def test_silence_after_it_hardly_changes_a_frame(stem: BlockStem, wave: Tensor) -> None:
    silent = torch.cat([wave, torch.zeros(1, 16_000)], 1)
    own = stem(wave)[..., :70]  # the last ones look at what is new
    assert (stem(silent)[..., :70] - own).abs().mean() < 0.1 * own.abs().mean()


@pytest.mark.parametrize("name", NAMES)
def test_frames_are_those_of_the_convolutions(name: str, wave: Tensor) -> None:
    small = {"layers": 2, "width": 32, "heads": 2, "ffn": 32, "positional_kernel": 8}
    config = SpeechConfig.of({**small, "stem": "ears", "ears": [name]})
    backbone = SpeechBackbone(config).eval()
    for samples in (32_000, 33_333, 400):  # short spectra fit more often than long ones
        with torch.inference_mode():
            heard = backbone(wave[:, :samples] if samples < 33_000 else torch.randn(1, samples))
        assert heard.hidden.shape == (1, 2, backbone.frames(samples), 32)
    assert backbone.stem_width == sum(built(name).widths)
    assert not backbone.local
    assert SpeechConfig.of(config_entries(config)) == config


@pytest.mark.parametrize("name", NAMES)
def test_values_are_limited_and_finite_in_silence_and_in_one_frame(name: str) -> None:
    plain = built(name)
    for quiet in (torch.zeros(1, 16_000), torch.full((1, 16_000), 0.5), torch.randn(1, 400)):
        heard = plain(quiet)
        assert torch.isfinite(heard).all()
        assert heard.abs().max() <= LIMIT


def test_filters_overlap_to_one() -> None:
    bank = filterbank(8, 257)
    inner = bank[40:216].sum(1)
    assert torch.allclose(inner, torch.ones_like(inner), atol=1e-5)
