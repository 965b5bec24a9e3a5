"""Where there is speech: silero-vad over a clip of any length, in bounded memory.

The network (Silero Team, MIT; its weights come with the package) hears 32 ms at a time and
remembers. A clip is cut into rows of 15 s that are heard side by side, each after one second of
what came before, so that the memory has settled; an hour takes seconds. The network is loaded anew
for each clip: nothing of one clip is left for the next.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import RATE, Clip, Region
from core.windows import channel_of

FRAME = 512  # samples the network takes at 16 kHz
WARM_UP = 31 * FRAME  # about one second
ROW = 469 * FRAME  # about 15 s
ROWS = 16  # heard side by side; more is no faster on a CPU


def regions(clip: Clip, channel: str = "mix") -> tuple[Region, ...]:
    """Stretches of speech in one channel, in order and apart, by silero-vad's own defaults.

    Source: snakers4/silero-vad, `get_speech_timestamps` (threshold 0.5, speech of at least
    250 ms, pauses of at least 100 ms, 30 ms added at both ends).
    """
    length = clip.samples.length
    with _one_thread():
        import silero_vad as vad

        model = vad.load_silero_vad()
        chances = [chance for group in _groups(clip, channel) for chance in _listen(model, group)]
    chances = chances[: -(-length // FRAME)]
    found = vad.get_speech_timestamps_from_probs(chances, audio_length_samples=length)
    return tuple(Region(part["start"] / RATE, part["end"] / RATE) for part in found)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for torch inside, as before outside.

    The network is so small that threads wait for one another; and the package, when it is imported,
    sets torch to one thread for all of the program.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _groups(clip: Clip, channel: str) -> Iterator[NDArray[np.float32]]:
    """Rows of the clip, (up to ROWS, WARM_UP + ROW), silence before its start and after its end."""
    starts = range(0, clip.samples.length, ROW)
    for first in range(0, len(starts), ROWS):
        group = starts[first : first + ROWS]
        longest = min(ROW, clip.samples.length - group[0])
        rows = np.zeros((len(group), WARM_UP + -(-longest // FRAME) * FRAME), np.float32)
        for row, start in zip(rows, group, strict=True):
            before = max(start - WARM_UP, 0)
            wave = channel_of(clip, channel, before, min(start + ROW, clip.samples.length))
            skip = before - (start - WARM_UP)
            row[skip : skip + len(wave)] = wave
        yield rows


def _listen(model: Any, rows: NDArray[np.float32]) -> list[float]:
    """The chance of speech in each frame of the rows one after the other, warm-up left out."""
    import torch

    with torch.inference_mode():
        model.reset_states()
        waves = torch.from_numpy(rows)
        heard = [model(frame, RATE).flatten() for frame in waves.split(FRAME, dim=1)]
    chances: list[float] = torch.stack(heard[WARM_UP // FRAME :], dim=1).flatten().tolist()
    return chances
