"""Clip -> windows: stretches of real audio, and the wave a network is given for each.

Windows are multiples of 320 samples apart, the frame of wav2vec-like feature encoders, so that
overlapping windows could share frames bit for bit. The last window is moved back so that it ends
where the sound ends: the end is scored, with at most 319 samples of repetition.

Digital silence at the ends of a clip is no recording: windows leave it out, so that zeros which a
program put before or after a recording do not change its scores.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from core.types import RATE, ChannelPolicy, Clip, Window

FRAME = 320  # samples; 20 ms
SAMPLES = 64_600  # what the published networks hear: 4.0375 s
HOP = 64_000  # 4 s
SECONDS = SAMPLES / RATE
STEP = 1 / 32_768  # a sample below one step of 16 bits is digital silence
BLOCK = 1 << 17  # samples that are read at a time


def channel_name(index: int) -> str:
    """What a channel is called: left, right, channel 3 and so on."""
    return ("left", "right")[index] if index < 2 else f"channel {index + 1}"


def channels_of(clip: Clip, policy: ChannelPolicy = "mix") -> tuple[str, ...]:
    """The names of what is scored: `("mix",)` for one channel, else as the policy says."""
    count = clip.samples.channels
    if count == 1 or policy == "mix":
        return ("mix",)
    if policy == "each":
        return tuple(channel_name(index) for index in range(count))
    return (policy,)


def sounding(clip: Clip) -> tuple[int, int]:
    """Where a clip begins and ends without digital silence: first sample, and one after the last.

    Silence in any channel counts only where all are silent; less than a frame of it stays, and so
    does a clip of nothing else.
    """
    length = clip.samples.length
    first = _silent(clip, range(0, length, BLOCK), 1)
    if first == length:
        return 0, length
    last = length - _silent(clip, range(length, 0, -BLOCK), -1)
    return (first if first >= FRAME else 0), (last if length - last >= FRAME else length)


def _silent(clip: Clip, edges: range, way: int) -> int:
    """How many samples are silent from one end on, block by block in that direction."""
    count = 0
    for edge in edges:
        low, high = sorted((edge, min(max(edge + way * BLOCK, 0), clip.samples.length)))
        loudest = np.abs(clip.samples.read(low, high)).max(axis=0)[::way]
        if (loudest >= STEP).any():
            return count + int((loudest >= STEP).argmax())
        count += high - low
    return count


def segment(
    clip: Clip, samples: int = SAMPLES, hop: int = HOP, policy: ChannelPolicy = "mix"
) -> tuple[Window, ...]:
    """Windows that reach from the first sample that sounds to the last.

    Parameters
    ----------
    samples : what the network takes; the longest a window can be.
    hop : from one window's first sample to the next one's; taken down to a multiple of 320
        samples, at least one. A hop longer than `samples` leaves out what lies between.
    policy : which channels; with `"each"`, all windows of one channel, then those of the next.

    Returns
    -------
    Each window `samples` long but the last, which ends with the sound and may be up to 319 shorter.
    Sound shorter than `samples` is one window; the repetition is `wave_of`'s affair.
    """
    if samples < FRAME or hop < 1:
        raise ValueError(f"windows of {samples} samples every {hop} cannot be made")
    begin, end = sounding(clip)
    hop = max(hop // FRAME * FRAME, FRAME)
    starts = list(range(begin, max(end - samples, begin) + 1, hop))
    if starts[-1] + samples < end:
        starts.append(latest(begin, end, samples))
    return tuple(
        Window(first, min(first + samples, end), channel)
        for channel in channels_of(clip, policy)
        for first in starts
    )


def latest(begin: int, end: int, samples: int) -> int:
    """Where the last window of sound from `begin` to `end` starts: whole frames after `begin`."""
    return begin + -(-max(end - begin - samples, 0) // FRAME) * FRAME


def shares(windows: Sequence[Window]) -> NDArray[np.float64]:
    """What part each window has in the sound that all of one channel cover together; sums to 1.

    Every sample counts once: one that several windows hold is split evenly between them. So the
    last window, which is moved back over sound that was scored already, weighs about as much as
    it adds, and a short hop does not count the middle of a clip several times over.
    """
    edges = np.unique([(window.first, window.last) for window in windows])
    firsts = np.searchsorted(edges, [window.first for window in windows])
    lasts = np.searchsorted(edges, [window.last for window in windows])
    change = np.zeros(len(edges), np.int64)
    np.add.at(change, firsts, 1)
    np.add.at(change, lasts, -1)
    holding = np.cumsum(change)[:-1]  # windows over each stretch between two edges
    split = np.diff(edges) / np.maximum(holding, 1)
    until = np.concatenate([[0.0], np.cumsum(split)])
    parts = until[lasts] - until[firsts]
    found: NDArray[np.float64] = parts / parts.sum()
    return found


def wave_of(clip: Clip, window: Window, samples: int = SAMPLES) -> NDArray[np.float32]:
    """The window's sound, repeated from its start until it fills `samples`; shape (samples,).

    Never padded with zeros: the networks were trained on repeated short clips. The mix is the
    plain mean of all channels.
    """
    wave = channel_of(clip, window.channel, window.first, window.last)
    if not wave.size:
        raise ValueError(f"an empty window at {window.first}")
    return np.resize(wave, samples)  # repeats, then cuts; a copy, so it may be written to


def channel_of(clip: Clip, channel: str, first: int, last: int) -> NDArray[np.float32]:
    """Samples `first` up to `last` of one named channel, or of the mix; shape (last - first,)."""
    block = clip.samples.read(first, last)
    wave: NDArray[np.float32]
    if block.shape[0] == 1:
        wave = block[0]
    elif channel == "mix":
        wave = block.mean(axis=0, dtype=np.float32)
    else:
        names = [channel_name(index) for index in range(block.shape[0])]
        if channel not in names:
            raise ValueError(f"no channel {channel!r}; the clip has {', '.join(names)}")
        wave = block[names.index(channel)]
    return wave


def blocks_of(
    clip: Clip, channel: str = "mix", samples: int = BLOCK
) -> Iterator[NDArray[np.float32]]:
    """The whole clip, one channel, in consecutive blocks of at most `samples`."""
    for first in range(0, clip.samples.length, samples):
        yield channel_of(clip, channel, first, min(first + samples, clip.samples.length))
