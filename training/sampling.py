"""Which clips make an epoch and its batches: a pure function of the recipe, the seed and the epoch.

Nothing is kept between epochs, so a run that was killed continues from a number: the count of
batches done.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from core.types import Label
from training.errors import TrainingError
from training.recipe import Level, Sampling


class Grouped(Protocol):
    """What sampling looks at in a clip."""

    @property
    def label(self) -> Label: ...
    @property
    def family(self) -> str: ...
    @property
    def system(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def speaker(self) -> str: ...


class Draw(NamedTuple):
    """One clip in one place of one epoch; its random choices follow from these numbers."""

    epoch: int
    position: int
    clip: int  # index into the list of clips
    copy: bool = False  # a machine-made copy of it instead


def plan(
    clips: Sequence[Grouped], sampling: Sampling, batch: int, seed: int, epoch: int
) -> list[list[Draw]]:
    """The batches of one epoch, over all processes.

    Raises
    ------
    TrainingError
        A batch that cannot be made: larger than the data, or without a class it needs.
    """
    rng = np.random.default_rng([seed, epoch, 0x5A3])
    copies = sampling.copies_per_batch
    real = batch - copies
    if real < 1:
        raise TrainingError(f"{copies} copies leave no room for a clip in a batch of {batch}")
    if sampling.bonafide_per_batch is None:
        rows = _chunks(_order(clips, range(len(clips)), sampling, rng, sampling.clips), real)
    else:
        rows = _composed(clips, sampling, real, rng)
    if sampling.drop_last:
        rows = [row for row in rows if len(row) == real]
    if not rows:
        raise TrainingError(f"{len(clips)} clips do not fill one batch of {real}")
    position = 0
    batches = []
    for row in rows:
        picks = [(int(index), False) for index in row]
        picks += [(index, True) for index in _to_copy(clips, row, copies, rng)]
        rng.shuffle(picks)
        batches.append(
            [Draw(epoch, position + k, int(i), bool(c)) for k, (i, c) in enumerate(picks)]
        )
        position += len(picks)
    return batches


def shares(clips: Sequence[Grouped], levels: Sequence[Level], temper: float) -> NDArray[np.float64]:
    """Each clip's share of a balanced epoch; they sum to one."""
    share = np.zeros(len(clips))

    def split(members: list[int], depth: int, mass: float) -> None:
        if depth == len(levels):
            share[members] = mass / len(members)
            return
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for index in members:
            groups[getattr(clips[index], levels[depth])].append(index)
        sizes = np.array([len(group) for group in groups.values()], dtype=np.float64)
        portions = sizes ** (1.0 - temper)
        portions /= portions.sum()
        for group, portion in zip(groups.values(), portions, strict=True):
            split(group, depth + 1, mass * float(portion))

    split(list(range(len(clips))), 0, 1.0)
    return share


def _order(
    clips: Sequence[Grouped],
    members: Sequence[int],
    sampling: Sampling,
    rng: np.random.Generator,
    count: int | None,
) -> NDArray[np.int64]:
    """`count` of the `members` in random order."""
    pool = rng.permutation(np.asarray(members, dtype=np.int64))
    wanted = len(pool) if count is None else count
    if sampling.order == "shuffle":
        rounds = [pool] + [rng.permutation(pool) for _ in range((wanted - 1) // len(pool))]
        return np.concatenate(rounds)[:wanted]
    weights = shares([clips[i] for i in pool], sampling.levels, sampling.temper)
    # systematic sampling: a clip is drawn as often as its share says, rounded down or up
    marks = (np.arange(wanted) + rng.random()) / wanted
    drawn = pool[np.minimum(np.searchsorted(np.cumsum(weights), marks), len(pool) - 1)]
    return rng.permutation(drawn)


def _composed(
    clips: Sequence[Grouped], sampling: Sampling, size: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    human = sampling.bonafide_per_batch or 0
    count = (sampling.clips or len(clips)) // size
    parts = []
    for label, each in (("bonafide", human), ("spoof", size - human)):
        members = [i for i, clip in enumerate(clips) if clip.label == label]
        if each and not members:
            raise TrainingError(f"a batch needs {each} {label} clips, and the data has none")
        if each < 0:
            raise TrainingError(f"{human} bona fide clips do not fit into a batch of {size}")
        if each:
            parts.append(_chunks(_order(clips, members, sampling, rng, each * count), each))
    return [np.concatenate(row) for row in zip(*parts, strict=True)]


def _to_copy(
    clips: Sequence[Grouped], row: NDArray[np.int64], copies: int, rng: np.random.Generator
) -> list[int]:
    if copies == 0:
        return []
    human = [int(index) for index in row if clips[int(index)].label == "bonafide"]
    if not human:  # a batch without human speech takes it from anywhere
        human = [i for i, clip in enumerate(clips) if clip.label == "bonafide"]
    if not human:
        raise TrainingError("copies are made of bona fide clips, and the data has none")
    return [int(i) for i in rng.choice(human, copies, replace=copies > len(human))]


def _chunks(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [order[start : start + size] for start in range(0, len(order), size)]
