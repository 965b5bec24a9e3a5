"""What a region of a clip does to the numbers: alone, cut out, silenced.

For the app and for scripts (all values are frozen; torch is imported by the scoring only):

    what_if(clip, region, loaded, settings=None, channel="mix", on_step=None, should_stop=None,
            fusion=None) -> WhatIf

Files of regions, and the sound of one, are in `core.region_files`.

"The clip" is all of it up to `MAX_SECONDS`; of a longer one, the region and `AROUND` seconds on
either side, and the result says so. Each piece is scored like a clip of its own: its windows, the
mean of their raw scores, calibrated, fused. Edges are faded over 5 ms, so that no click is scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import probe_sentences as words
from core.detect import Settings, StopSign, grid
from core.fusing import installed_fusion
from core.probes import Skipped
from core.rescoring import (
    Bench,
    Numbers,
    OnProbing,
    StoppedError,
    clip_of,
    spread,
    titles_of,
)
from core.sentences import no_detector
from core.types import RATE, Clip, DetectorError, Region, Window
from core.windows import channel_of

if TYPE_CHECKING:
    from core.fusion import Fusion
    from core.loading import Loaded

MAX_SECONDS = 32.0  # of the clip that is scored with and without the region
AROUND = 4.0  # seconds on either side of the region, in a longer clip
MAX_WINDOWS = 9  # of one piece
LEAST = 0.5  # seconds that a piece must have
FADE = 80  # samples; 5 ms
PIECES = {
    "whole": "as it is",
    "alone": "for the region alone",
    "without": "with the region cut out",
    "silenced": "with the region silenced",
}

Wave = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of sound that was scored. `key` is one of `PIECES`, `name` its words."""

    key: str
    name: str
    seconds: float
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Change:
    """One detector, or all fused (`name` = `"fused"`): a piece against the clip as it is."""

    name: str
    title: str
    key: str
    quantity: str
    before: float
    after: float
    text: str

    @property
    def difference(self) -> float:
        """Positive: the piece is more spoof-like than the clip as it is."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What `what_if` found.

    `around` is what "the clip" means here; `notes` are sentences that belong beside the numbers.
    """

    region: Region
    around: Region
    pieces: tuple[Piece, ...]
    changes: tuple[Change, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    stopped: bool


def what_if(
    clip: Clip,
    region: Region,
    loaded: Sequence["Loaded"],
    settings: Settings | None = None,
    channel: str = "mix",
    on_step: OnProbing | None = None,
    should_stop: StopSign | None = None,
    fusion: "Fusion | None" = None,
) -> WhatIf:
    """Score a region alone, and the clip with it, without it and with it silenced.

    Raises
    ------
    DetectorError
        where there is no detector, or the region is empty or not within the clip.
    """
    if not loaded:
        raise DetectorError(no_detector())
    first, last = samples_of(clip, region)
    settings = settings or Settings()
    begins, ends = _around(clip, first, last)
    wave = np.array(channel_of(clip, channel, begins, ends), np.float32)
    cut = (first - begins, last - begins)
    pieces = {
        "whole": wave,
        "alone": wave[slice(*cut)],
        "without": _cut_out(wave, *cut),
        "silenced": _silenced(wave, *cut),
    }
    bench = Bench(loaded, settings, fusion or installed_fusion(), on_step, should_stop)
    around = Region(begins / RATE, ends / RATE)
    return _scored(bench, clip, pieces, Region(first / RATE, last / RATE), around)


def samples_of(clip: Clip, region: Region) -> tuple[int, int]:
    """First and last sample of a region, cut to the clip.

    Raises
    ------
    DetectorError
        where nothing of the clip is left.
    """
    first = max(round(region.start * RATE), 0)
    last = min(round(region.stop * RATE), clip.samples.length)
    if first >= last:
        raise DetectorError(
            f"The region {region.start:.2f}–{region.stop:.2f} s is not in this clip of "
            f"{clip.seconds:.2f} s."
        )
    return first, last


def _around(clip: Clip, first: int, last: int) -> tuple[int, int]:
    if clip.seconds <= MAX_SECONDS:
        return 0, clip.samples.length
    room = round(AROUND * RATE)
    return max(first - room, 0), min(last + room, clip.samples.length)


def _cut_out(wave: Wave, first: int, last: int) -> Wave:
    """What is left, joined over 5 ms."""
    before, after = wave[:first], wave[last:]
    fade = min(FADE, len(before), len(after))
    if not fade:
        return np.concatenate([before, after])
    rising = np.linspace(0, 1, fade, dtype=np.float32)
    joint = before[-fade:] * (1 - rising) + after[:fade] * rising
    return np.concatenate([before[:-fade], joint, after[fade:]])


def _silenced(wave: Wave, first: int, last: int) -> Wave:
    """Zeros in the region, faded in and out over 5 ms within it."""
    silent = wave.copy()
    gain = np.zeros(last - first, np.float32)
    fade = min(FADE, (last - first) // 2)
    if fade and first > 0:
        gain[:fade] = np.linspace(1, 0, fade)
    if fade and last < len(wave):
        gain[-fade:] = np.linspace(0, 1, fade)
    silent[first:last] *= gain
    return silent


def _scored(
    bench: Bench, clip: Clip, pieces: dict[str, Wave], region: Region, around: Region
) -> WhatIf:
    clips = {key: clip_of(wave, clip) for key, wave in pieces.items()}
    plans: dict[str, tuple[Window, ...]] = {}
    skipped, notes = [], []
    for key, made in clips.items():
        if made.seconds < LEAST:
            say = words.too_short_alone if key == "alone" else words.nothing_left
            text = words.left_out(PIECES[key], say(made.seconds, LEAST))
            skipped.append(Skipped(key, PIECES[key], text))
            continue
        windows = grid(made, bench.loaded, bench.settings)
        plans[key] = spread(windows, MAX_WINDOWS)
        if len(windows) > MAX_WINDOWS:
            notes.append(words.some_windows_only(PIECES[key], MAX_WINDOWS, len(windows)))
    bench.total = len(bench.loaded) * sum(map(len, plans.values()))
    found, stopped = [], False
    try:
        for key, plan in plans.items():
            numbers = bench.clip(clips[key], plan, PIECES[key])
            found.append(Piece(key, PIECES[key], clips[key].seconds, numbers))
    except StoppedError:
        stopped = True
    if around != Region(0.0, clip.seconds):
        notes.append(words.only_around(around.start, around.stop))
    notes.append(words.SILENCE_IS_A_CHANGE)
    changes = tuple(_changes(bench.loaded, found))
    return WhatIf(region, around, tuple(found), changes, tuple(skipped), tuple(notes), stopped)


def _changes(loaded: Sequence["Loaded"], pieces: Sequence[Piece]) -> list[Change]:
    whole = next((one for one in pieces if one.key == "whole"), None)
    changes: list[Change] = []
    if whole is None:
        return changes
    for name, title in titles_of(loaded).items():
        before, quantity = whole.numbers.of(name)
        for piece in pieces:
            after = piece.numbers.beside(whole.numbers, name)
            if piece.key == "whole" or before is None or after is None:
                continue
            text = words.region_change(title, quantity, piece.name, before, after)
            changes.append(Change(name, title, piece.key, quantity, before, after, text))
    return changes
