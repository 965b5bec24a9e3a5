"""Windows reach from the first sample to the last, and waves are filled by repetition."""

import numpy as np
import pytest

from core.types import ChannelPolicy, Window
from core.windows import (
    BLOCK,
    FRAME,
    HOP,
    SAMPLES,
    STEP,
    blocks_of,
    channels_of,
    segment,
    shares,
    sounding,
    wave_of,
)
from tests.core.sounds import clip_of

LENGTHS = [1, 319, 320, 64_599, 64_600, 64_601, 64_920, 128_000, 128_600, 128_601, 200_001]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("hop", [HOP, 16_000, 8_123])
def test_windows_cover_the_clip(length: int, hop: int) -> None:
    windows = segment(clip_of(np.zeros(length)), hop=hop)
    covered = np.zeros(length, bool)
    for window in windows:
        covered[window.first : window.last] = True
        assert window.first % FRAME == 0
    assert covered.all()
    assert windows[-1].last == length
    assert all(window.last - window.first == SAMPLES for window in windows[:-1])
    assert windows[-1].last - windows[-1].first > min(SAMPLES - FRAME, length - 1)
    assert list(windows) == sorted(windows, key=lambda window: window.first)
    assert len({window.first for window in windows}) == len(windows)


def test_windows_by_hand() -> None:
    windows = segment(clip_of(np.zeros(130_000)), samples=64_600, hop=64_000)
    # 130 000 - 64 600 = 65 400 is 204.375 frames: the last one starts at frame 205
    assert [(w.first, w.last) for w in windows] == [
        (0, 64_600),
        (64_000, 128_600),
        (65_600, 130_000),
    ]
    assert (windows[1].start, windows[1].stop) == (4.0, 8.0375)


@pytest.mark.parametrize(
    ("before", "after", "begin", "end"),
    [
        (0, 0, 0, 1_000),
        (FRAME - 1, FRAME - 1, 0, 1_000 + 2 * (FRAME - 1)),  # less than a frame stays
        (FRAME, 5, FRAME, FRAME + 1_005),
        (5, FRAME, 0, 1_005),
        (2 * BLOCK + 7, BLOCK, 2 * BLOCK + 7, 2 * BLOCK + 1_007),
    ],
)
def test_digital_silence_at_the_ends_is_no_recording(
    before: int, after: int, begin: int, end: int
) -> None:
    quiet = np.full(1_000, STEP)  # one step of 16 bits sounds, less does not
    wave = np.concatenate([np.full(before, 0.9 * STEP), quiet, np.zeros(after)])
    assert sounding(clip_of(wave)) == (begin, end)
    other = np.stack([np.zeros_like(wave), wave])  # in one channel of two
    assert sounding(clip_of(other)) == (begin, end)


def test_nothing_but_silence_is_taken_as_it_is() -> None:
    assert sounding(clip_of(np.zeros(BLOCK + 3))) == (0, BLOCK + 3)


def test_windows_begin_and_end_with_the_sound() -> None:
    wave = np.concatenate([np.zeros(1_001), np.full(130_000, 0.1), np.zeros(900)])
    windows = segment(clip_of(wave), samples=64_600, hop=64_000)
    assert [(w.first, w.last) for w in windows] == [
        (1_001, 65_601),
        (65_001, 129_601),
        (66_601, 131_001),
    ]


def test_every_sample_counts_once_by_hand() -> None:
    three = (Window(0, 10), Window(10, 20), Window(14, 24))
    # samples 14 to 20 are held by two windows: 10, 4 + 6/2, 6/2 + 4 of 24
    assert shares(three).tolist() == pytest.approx([10 / 24, 7 / 24, 7 / 24])
    apart = (Window(0, 10), Window(30, 35))
    assert shares(apart).tolist() == pytest.approx([10 / 15, 5 / 15])
    assert shares((Window(3, 9), Window(3, 9))).tolist() == [0.5, 0.5]
    assert shares(three[::-1]).tolist() == pytest.approx([7 / 24, 7 / 24, 10 / 24])  # any order


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("hop", [HOP, 16_000, 8_123])
def test_shares_are_those_of_a_count_of_samples(length: int, hop: int) -> None:
    windows = segment(clip_of(np.zeros(length)), hop=hop)
    holding = np.zeros(length)
    for window in windows:
        holding[window.first : window.last] += 1
    counted = [(1 / holding[window.first : window.last]).sum() / length for window in windows]
    assert shares(windows).tolist() == pytest.approx(counted)


def test_a_hop_is_taken_down_to_whole_frames() -> None:
    windows = segment(clip_of(np.zeros(70_000)), hop=1_000)
    assert windows[1].first == 960


@pytest.mark.parametrize(
    ("policy", "names"),
    [("mix", ["mix"]), ("left", ["left"]), ("right", ["right"]), ("each", ["left", "right"])],
)
def test_policies_choose_channels(policy: ChannelPolicy, names: list[str]) -> None:
    clip = clip_of(np.stack([np.full(1000, 0.5), np.full(1000, -0.1)]))
    windows = segment(clip, policy=policy)
    assert [window.channel for window in windows] == names
    value = {"mix": 0.2, "left": 0.5, "right": -0.1}
    for window in windows:
        np.testing.assert_allclose(wave_of(clip, window, 10), value[window.channel], atol=1e-7)


@pytest.mark.parametrize("policy", ["mix", "left", "right", "each"])
def test_one_channel_is_one_channel_by_any_policy(policy: ChannelPolicy) -> None:
    clip = clip_of(np.ones(1000))
    assert channels_of(clip, policy) == ("mix",)


def test_more_than_two_channels_have_names() -> None:
    clip = clip_of(np.stack([np.full(900, value) for value in (0.1, 0.2, 0.6)]))
    assert channels_of(clip, "each") == ("left", "right", "channel 3")
    np.testing.assert_allclose(wave_of(clip, Window(0, 900, "mix"), 5), 0.3, atol=1e-7)
    np.testing.assert_allclose(wave_of(clip, Window(0, 900, "channel 3"), 5), 0.6, atol=1e-7)
    with pytest.raises(ValueError, match="no channel 'channel 4'"):
        wave_of(clip, Window(0, 900, "channel 4"), 5)


def test_short_sound_is_repeated_from_its_start() -> None:
    clip = clip_of(np.array([0.1, 0.2, 0.3]))
    wave = wave_of(clip, Window(0, 3), 8)
    np.testing.assert_allclose(wave, [0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1, 0.2], atol=1e-7)
    assert wave.dtype == np.float32
    wave[:] = 0  # the caller's own
    assert clip.samples.read(0, 3).any()


def test_nonsense_is_refused() -> None:
    clip = clip_of(np.ones(1000))
    with pytest.raises(ValueError, match="cannot be made"):
        segment(clip, hop=0)
    with pytest.raises(ValueError, match="empty window"):
        wave_of(clip, Window(5, 5), 8)


def test_blocks_are_the_clip() -> None:
    values = np.arange(1000) / 1000
    blocks = list(blocks_of(clip_of(values), samples=300))
    assert [len(block) for block in blocks] == [300, 300, 300, 100]
    np.testing.assert_allclose(np.concatenate(blocks), values, atol=1e-7)
