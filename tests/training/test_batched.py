"""Changes made to a batch at once."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from training.augment.batched import Changes, change

NEVER = replace(Changes().scaled(0.0), gain=0.0)


def only(**options: Any) -> Changes:
    return replace(NEVER, **options)


def tones(*hertz: float, samples: int = 16_000) -> Tensor:
    time = torch.arange(samples) / 16_000
    return torch.stack([0.1 * torch.sin(2 * math.pi * f * time) for f in hertz])


def level(wave: Tensor) -> Tensor:
    """dB, without the edges, where filters ring."""
    return 10 * wave[:, 2_000:-2_000].square().mean(-1).log10()


def test_nothing_chosen_changes_nothing() -> None:
    wave = tones(440.0, 3_000.0)
    torch.testing.assert_close(change(wave, only()), wave, atol=1e-5, rtol=0)


def test_gain_stays_within_its_range_and_keeps_the_shape() -> None:
    torch.manual_seed(0)
    wave = tones(440.0).expand(64, -1)
    difference = level(change(wave, only(gain=1.0))) - level(wave)
    assert difference.abs().max() <= 15.01
    assert difference.max() > 8
    assert difference.min() < -8


def test_low_pass_takes_the_top_and_leaves_the_bottom() -> None:
    torch.manual_seed(0)
    low, high = tones(500.0).expand(32, -1), tones(7_900.0).expand(32, -1)
    assert (level(change(low, only(low_pass=1.0))) - level(low)).abs().max() < 0.1
    assert (level(change(high, only(low_pass=1.0))) - level(high)).max() < -15


def test_high_pass_takes_hum() -> None:
    torch.manual_seed(0)
    hum, speech = tones(20.0).expand(32, -1), tones(1_000.0).expand(32, -1)
    assert (level(change(hum, only(high_pass=1.0))) - level(hum)).mean() < -6
    assert (level(change(speech, only(high_pass=1.0))) - level(speech)).abs().max() < 0.1


def test_noise_has_the_ratio_that_was_drawn() -> None:
    torch.manual_seed(0)
    wave = tones(300.0).expand(64, -1)
    noise = change(wave, only(noise=1.0)) - wave
    ratio = level(wave) - 10 * noise.square().mean(-1).log10()
    assert ratio.min() > 9.5
    assert ratio.max() < 45.5


def test_a_room_keeps_the_level_and_rings_on() -> None:
    torch.manual_seed(0)
    wave = tones(300.0).expand(8, -1).clone()
    wave[:, 8_000:] = 0
    heard = change(wave, only(room=1.0))
    assert (heard[:, 8_100:9_000].square().mean(-1) > 1e-9).all()
    torch.testing.assert_close(heard.square().mean(-1), wave.square().mean(-1), rtol=1e-3, atol=0)


@pytest.mark.parametrize("seed", range(4))
def test_speed_keeps_the_length(seed: int) -> None:
    torch.manual_seed(seed)
    wave = tones(1_000.0, 2_000.0)
    assert change(wave, only(speed=1.0)).shape == wave.shape


def test_everything_at_once_is_finite_even_on_silence() -> None:
    torch.manual_seed(0)
    wave = torch.cat([tones(440.0), torch.zeros(1, 16_000), torch.ones(1, 16_000)])
    heard = change(wave, Changes().scaled(10.0))
    assert heard.isfinite().all()
    assert heard.abs().max() <= 1
