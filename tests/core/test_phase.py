"""The phase stem: group delays that can be counted by hand; several stems side by side."""

import pytest
import torch
from torch import Tensor

from core.backbones import SpeechBackbone, SpeechConfig, config_entries
from core.cepstra import CepstraConfig
from core.ears import EarsStem
from core.phase import SMOOTH, PhaseConfig, PhaseStem, group_delay
from core.texture import TextureConfig, TextureStem
from tests.core.sounds import swelling


@pytest.fixture(scope="module")
def wave() -> Tensor:
    return torch.from_numpy(swelling())[None]


@pytest.mark.parametrize("place", [100, 200, 290])
def test_the_group_delay_of_a_click_is_where_it_is(place: int) -> None:
    click = torch.zeros(1, 400)
    click[0, place] = 1.0
    delay, power = group_delay(click, 400, 512)
    assert delay.shape == power.shape == (1, 1, 257)
    torch.testing.assert_close(
        delay, torch.full_like(delay, (place - 200) / 400), atol=1e-3, rtol=0
    )


def test_the_group_delay_of_a_filter_is_the_derivative_of_its_phase() -> None:
    """A resonance rings longest at its own frequency; its phase, by differences, says how long."""
    radius, angle = 0.9, torch.pi / 2  # at 4 kHz; it has died away before the frame ends
    number = torch.arange(300, dtype=torch.float64)
    ringing = radius**number * torch.sin(angle * (number + 1))
    sound = torch.zeros(1, 400, dtype=torch.float64)
    sound[0, 100:] = ringing
    window = torch.hann_window(400, dtype=torch.float64)
    phase = torch.angle(torch.fft.rfft((sound * window)[0], n=1 << 16))
    step = torch.diff(phase)
    step = torch.remainder(step + torch.pi, 2 * torch.pi) - torch.pi
    wanted = (-step * (1 << 16) / (2 * torch.pi) - 200) / 400
    delay, _ = group_delay(sound, 400, 512)
    bins = torch.arange(40, 217, 8)
    found, expected = delay[0, 0, bins], wanted[bins * 128]
    # power is smoothed over nine bins, which a resonance this wide bears
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0.15)
    assert SMOOTH == 9
    assert delay[0, 0, 128] > max(delay[0, 0, 40], delay[0, 0, 216]) + 0.002


def test_a_frame_turned_round_in_time_has_the_opposite_delay() -> None:
    """Power spectra cannot tell a sound from the same turned round; this can."""
    sound = torch.from_numpy(swelling())[None, 4_000:4_400].double()
    sound[0, 0] = 0.0
    turned = torch.cat([sound[:, :1], sound[:, 1:].flip(1)], 1)
    (delay, power), (opposite, same) = (group_delay(x, 400, 512) for x in (sound, turned))
    torch.testing.assert_close(power, same)
    torch.testing.assert_close(delay, -opposite)
    assert delay.abs().max() > 0.1


def test_ears_side_by_side_are_those_alone_under_one_scale(wave: Tensor) -> None:
    ears = ("phase", "texture", "cepstra")
    small = {"layers": 2, "width": 32, "heads": 2, "ffn": 32, "positional_kernel": 8}
    config = SpeechConfig.of({**small, "stem": "ears", "ears": ears, "cepstra": {"parts": 2}})
    assert SpeechConfig.of(config_entries(config)) == config
    backbone = SpeechBackbone(config).eval()
    stem = backbone.model.feature_extractor
    assert isinstance(stem, EarsStem)
    assert list(stem.state_dict()) == ["centre", "scale"]
    alone = [PhaseStem(PhaseConfig()), TextureStem(TextureConfig()), *stem.ears[2:]]
    found = stem.statistics(wave)
    wanted = torch.cat([ear.statistics(wave) for ear in alone], -1)
    torch.testing.assert_close(found, wanted)
    widths = (PhaseConfig().width, TextureConfig().width, CepstraConfig(parts=2).width)
    assert stem.widths == widths
    assert backbone.stem_width == sum(stem.widths) == found.shape[-1]
    assert backbone(wave).hidden.shape == (1, 2, backbone.frames(32_000), 32)
    assert not backbone.local


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ears": ["phase"], "phase": {"coefficients": 65}}, "coefficients is from 1 to 64"),
        ({"ears": ["phase"], "phase": {"reach": 10**9}}, "reach is from 0"),
        ({"ears": []}, "each once"),
        ({"ears": ["phase", "phase"]}, "each once"),
        ({"ears": ["nose"]}, "texture, cepstra, phase"),
        ({"width": 10**6}, "width is from 1 to 4096"),
        ({"layers": 0}, "layers is from 1"),
        ({"stem": "texture"}, "one of conv, spectral, ears"),
    ],
)
def test_a_card_cannot_ask_for_what_no_network_has(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SpeechConfig.of({"stem": "ears"} | options)
