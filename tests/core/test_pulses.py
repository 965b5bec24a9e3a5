"""How bands beat: a hand-made voice whose bands rise and fall at a known rate, together or not."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from core import pulses
from core.types import RATE

BLOCKS, STEP = 10, 100
RANGES = len(pulses.RATES)


def beating(hertz: float, delay: float = 0.0) -> Tensor:
    """A second of noise that beats; above 4 kHz it does so `delay` of a turn later."""
    rng = np.random.default_rng(3)
    time = np.arange(RATE) / RATE
    noise = np.fft.rfft(rng.standard_normal(RATE))
    low, high = (
        np.fft.irfft(np.where(side, noise, 0))
        for side in (np.arange(noise.size) < 4000, np.arange(noise.size) >= 4000)
    )
    early, late = (
        np.exp(2 * np.cos(2 * math.pi * (hertz * time - shift))) for shift in (0.0, delay)
    )
    wave = 0.02 * (low * early + high * late)
    return torch.from_numpy(wave.astype(np.float32))[None]


def kinds(wave: Tensor) -> Tensor:
    """(kinds, bands), the mean over blocks."""
    found, _ = pulses.pulses(wave, BLOCKS, STEP)
    assert found.shape == (1, BLOCKS, pulses.WIDTH)
    mean: Tensor = found[0, :-1].mean(0)
    return mean.view(pulses.KINDS, pulses.BANDS)


@pytest.mark.parametrize(("hertz", "place"), [(45, 1), (80, 2), (120, 3), (200, 4)])
def test_bands_move_most_at_the_rate_they_beat_at(hertz: float, place: int) -> None:
    shares = kinds(beating(hertz))[RANGES : 2 * RANGES].mean(1)
    assert int(shares.argmax()) == place


def test_shares_of_the_ranges_add_up_to_less_than_one() -> None:
    shares = kinds(beating(120))[RANGES : 2 * RANGES].sum(0)
    assert ((shares > 0.3) & (shares < 1)).all()


def test_bands_that_beat_together_agree_and_late_ones_agree_but_for_the_delay() -> None:
    whatever, together = 2 * RANGES + 2 * pulses.APART.index(16), 2 * RANGES + 9
    steady, late = kinds(beating(120)), kinds(beating(120, 0.25))
    for band in (2, 6, 10):  # partners 4 kHz above
        assert steady[together, band] > 0.5
        assert abs(float(late[together, band])) < 0.25
        assert late[whatever, band] > 0.5


def test_noise_that_does_not_beat_agrees_less() -> None:
    still = torch.from_numpy(np.random.default_rng(4).normal(0, 0.05, (1, RATE)).astype(np.float32))
    far = 2 * RANGES + 9
    assert kinds(still)[far, :14].mean() < 0.5 * kinds(beating(120))[far, :14].mean()


def test_bands_without_a_partner_say_nothing() -> None:
    for number, apart in enumerate(pulses.APART):
        pair = kinds(beating(120))[2 * RANGES + 2 * number :][:2, -apart:]
        assert (pair == 0).all()


def test_gain_moves_nothing_and_silence_and_one_frame_are_heard() -> None:
    wave = beating(100)
    loud, _ = pulses.pulses(wave * 4, BLOCKS, STEP)
    soft, _ = pulses.pulses(wave / 4, BLOCKS, STEP)
    torch.testing.assert_close(loud, soft, atol=1e-3, rtol=1e-3)
    for short in (torch.zeros(1, 400), torch.zeros(1, RATE)):
        found, active = pulses.pulses(short, 3, STEP)
        assert torch.isfinite(found).all()
        assert ((active > 0) & (active < 1)).all()


def test_silent_blocks_weigh_next_to_nothing() -> None:
    wave = beating(100)
    wave[:, RATE // 2 :] = 0
    _, active = pulses.pulses(wave, BLOCKS, STEP)
    assert active[0, :4].min() > 0.9
    assert active[0, 6:].max() < 1e-3
