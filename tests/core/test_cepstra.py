"""The cepstral stem: transforms and moments as scipy has them."""

import numpy as np
import pytest
import torch
from scipy import fft, stats
from torch import Tensor

from core.backbones import SpeechConfig
from core.cepstra import CepstraConfig, CepstraStem, cosines, moments, slopes
from tests.core.sounds import swelling

N = CepstraConfig().shape(0)[2]


@pytest.fixture(scope="module")
def wave() -> Tensor:
    return torch.from_numpy(swelling())[None]


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
    found = moments(torch.from_numpy(values), active, 40)[0, 7].reshape(3, 3)
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
    alone = moments(values, torch.ones(1, 200), 3)
    torch.testing.assert_close(
        moments(loud, active, 3)[:, :10], alone[:, :10], atol=0.02, rtol=0.02
    )


def test_a_tone_that_wavers_is_told_from_a_steady_one() -> None:
    time = torch.arange(32_000) / 16_000
    steady = torch.sin(2 * torch.pi * 500 * time)[None]
    wavering = torch.sin(2 * torch.pi * (500 * time + 8 * torch.sin(2 * torch.pi * 3 * time)))[None]
    plain = CepstraStem(CepstraConfig())
    spread = slice(0, N)  # of cepstra of the longest spectra
    found = [plain.statistics(x)[0, 10, spread].mean() for x in (steady, wavering)]
    assert found[1] > found[0] + 0.5


def test_parts_of_the_spectrum_are_heard_each_by_itself(wave: Tensor) -> None:
    """What is below 4 kHz says nothing of what is above, and the other way round."""
    halves = CepstraStem(CepstraConfig(parts=2))
    assert halves.widths == (2 * 9 * (50 + 110 + 50),)
    spectrum = torch.fft.rfft(wave)
    kilohertz = torch.linspace(0, 8, spectrum.shape[-1])
    low, high = halves.statistics(wave).chunk(2, -1)
    for part, own, other in ((kilohertz < 4.4, low, high), (kilohertz > 3.6, high, low)):
        heard = halves.statistics(torch.fft.irfft(spectrum * part)).chunk(2, -1)
        kept, lost = (heard[0], heard[1]) if own is low else (heard[1], heard[0])
        assert (kept - own).abs().mean() < 0.05
        assert (lost - other).abs().mean() > 0.2


def test_there_are_no_more_cepstra_than_bands() -> None:
    assert [CepstraConfig(parts=4).shape(index) for index in range(3)] == [
        (257, 128, 50),
        (129, 64, 64),
        (65, 32, 32),
    ]
    assert CepstraConfig(20).width == 9 * 3 * 20


def test_pitch_that_wavers_is_in_the_late_cepstra_of_64_ms() -> None:
    """Of a voice at 150 Hz: ripples of 8,000 / 150 periods, twice as many cepstra."""
    time = torch.arange(32_000) / 16_000
    shift = 0.8 * torch.sin(2 * torch.pi * 3 * time)
    harmonics = torch.arange(1, 54)[:, None]
    steady, wavering = (
        (torch.sin(harmonics * (2 * torch.pi * 150 * time + turn)) / harmonics).sum(0)
        for turn in (torch.zeros(()), shift)
    )
    plain = CepstraStem(CepstraConfig())
    late = slice(9 * N + 95, 9 * N + 110)  # spread of cepstra 95 to 109 of the second resolution
    found = [plain.statistics(x[None])[0, 10, late].mean() for x in (steady, wavering)]
    assert found[1] > found[0] + 0.5


@pytest.mark.parametrize(
    "options", [{"coefficients": 111}, {"coefficients": 0}, {"reach": 10**9}, {"parts": 3}]
)
def test_a_card_cannot_ask_for_what_no_network_has(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} is (from|one of)"):
        SpeechConfig.of({"stem": "ears", "ears": ["cepstra"], "cepstra": options})
