"""The cepstral stem: transforms as scipy has them, calm under gain and silence, frames."""

import numpy as np
import pytest
import torch
from scipy import fft, stats
from torch import Tensor

from core.backbones import SpeechBackbone, SpeechConfig, config_entries
from core.blocks import LIMIT
from core.cepstra import CepstraConfig, CepstraStem, cosines, moments, slopes
from tests.core.sounds import swelling

N = CepstraConfig().coefficients


@pytest.fixture(scope="module")
def wave() -> Tensor:
    return torch.from_numpy(swelling())[None]


@pytest.fixture(scope="module")
def stem(wave: Tensor) -> CepstraStem:
    made = CepstraStem(CepstraConfig(reach=3))
    made.fit(made.statistics(wave)[0] + torch.randn(20, made.config.width) * 0.3)
    return made


def test_the_cosine_transform_is_scipys() -> None:
    bands = np.random.default_rng(0).normal(size=(5, 128)).astype(np.float32)
    wanted = fft.dct(bands, norm="ortho", axis=1)[:, :60]
    np.testing.assert_allclose(torch.from_numpy(bands) @ cosines(128, 60), wanted, atol=1e-4)


def test_slopes_of_straight_lines_are_theirs_and_of_a_jump_as_counted_by_hand() -> None:
    line = torch.arange(12.0)[None, :, None] * torch.tensor([1.0, -2.0])
    inner = slopes(line)[0, 2:-2]
    torch.testing.assert_close(inner, torch.tensor([1.0, -2.0]).expand(8, 2))
    jump = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1])[None, :, None]
    # the line through five values: their neighbours count once, the outer ones twice, of ten
    wanted = torch.tensor([0, 0, 0.2, 0.3, 0.3, 0.2, 0, 0])
    torch.testing.assert_close(slopes(jump)[0, :, 0], wanted)


def test_moments_of_a_whole_window_are_scipys() -> None:
    """With a reach over all blocks every block has the statistics of the whole."""
    values = np.random.default_rng(2).gamma(2.0, 3.0, size=(1, 400, 3)).astype(np.float32)
    active = torch.ones(1, 400)
    found = moments(torch.from_numpy(values), active, 10, 40)[0, 7].reshape(3, 3)
    wanted = [
        np.log(values[0].std(0)),
        stats.skew(values[0], 0),
        np.log(stats.kurtosis(values[0], 0, fisher=False)),
    ]
    np.testing.assert_allclose(found, np.stack(wanted), rtol=1e-2, atol=1e-2)


def test_what_does_not_count_changes_no_moment() -> None:
    values = torch.randn(1, 200, 2, generator=torch.Generator().manual_seed(3))
    loud = torch.cat([values, torch.full((1, 50, 2), 40.0)], 1)
    active = torch.cat([torch.ones(1, 200), torch.zeros(1, 50)], 1)
    alone = moments(values, torch.ones(1, 200), 10, 3)
    torch.testing.assert_close(
        moments(loud, active, 10, 3)[:, :10], alone[:, :10], atol=0.02, rtol=0.02
    )


def test_gain_changes_nothing(stem: CepstraStem, wave: Tensor) -> None:
    for decibel in (-12, 12):
        assert (stem(wave * 10 ** (decibel / 20)) - stem(wave)).abs().max() < 5e-2


def test_silence_after_it_hardly_changes_a_frame(stem: CepstraStem, wave: Tensor) -> None:
    silent = torch.cat([wave, torch.zeros(1, 16_000)], 1)
    own = stem(wave)[..., :70]
    assert (stem(silent)[..., :70] - own).abs().mean() < 0.1 * own.abs().mean()


def test_a_tone_that_wavers_is_told_from_a_steady_one() -> None:
    time = torch.arange(32_000) / 16_000
    steady = torch.sin(2 * torch.pi * 500 * time)[None]
    wavering = torch.sin(2 * torch.pi * (500 * time + 8 * torch.sin(2 * torch.pi * 3 * time)))[None]
    plain = CepstraStem(CepstraConfig())
    spread = slice(0, N)  # of cepstra of the longest spectra
    found = [plain.statistics(x)[0, 10, spread].mean() for x in (steady, wavering)]
    assert found[1] > found[0] + 0.5


def test_frames_are_those_of_the_convolutions(wave: Tensor) -> None:
    small = {"layers": 2, "width": 32, "heads": 2, "ffn": 32, "positional_kernel": 8}
    config = SpeechConfig.of({**small, "stem": "ears", "ears": ["cepstra"]})
    backbone = SpeechBackbone(config).eval()
    for samples in (32_000, 33_333, 400):  # short spectra fit more often than long ones
        with torch.inference_mode():
            heard = backbone(wave[:, :samples] if samples < 33_000 else torch.randn(1, samples))
        assert heard.hidden.shape == (1, 2, backbone.frames(samples), 32)
    assert backbone.stem_width == 9 * 60 * 3
    assert not backbone.local
    assert SpeechConfig.of(config_entries(config)) == config


def test_parts_of_the_spectrum_are_heard_each_by_itself(wave: Tensor) -> None:
    """What is below 4 kHz says nothing of what is above, and the other way round."""
    halves = CepstraStem(CepstraConfig(50, parts=2))
    assert halves.widths == (9 * (50 + 50 + 32),) * 2  # 10 ms have 32 bands in half the spectrum
    spectrum = torch.fft.rfft(wave)
    kilohertz = torch.linspace(0, 8, spectrum.shape[-1])
    low, high = halves.statistics(wave).chunk(2, -1)
    for part, own, other in ((kilohertz < 4.4, low, high), (kilohertz > 3.6, high, low)):
        heard = halves.statistics(torch.fft.irfft(spectrum * part)).chunk(2, -1)
        kept, lost = (heard[0], heard[1]) if own is low else (heard[1], heard[0])
        assert (kept - own).abs().mean() < 0.05
        assert (lost - other).abs().mean() > 0.2


def test_values_are_limited_and_finite_in_silence_and_in_one_frame() -> None:
    plain = CepstraStem(CepstraConfig())
    for quiet in (torch.zeros(1, 16_000), torch.full((1, 16_000), 0.5), torch.randn(1, 400)):
        heard = plain(quiet)
        assert torch.isfinite(heard).all()
        assert heard.abs().max() <= LIMIT


@pytest.mark.parametrize(
    "options", [{"coefficients": 65}, {"coefficients": 0}, {"reach": 10**9}, {"parts": 3}]
)
def test_a_card_cannot_ask_for_what_no_network_has(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} is (from|one of)"):
        SpeechConfig.of({"stem": "ears", "ears": ["cepstra"], "cepstra": options})
