"""Human recordings with a stretch of something else put in: what localisation is measured on.

A host is some ten seconds of human speech, clips of one speaker (where one has too few, of one
source) joined. A stretch of 1 to 4 s is laid over it: machine-made speech, or, as a control, human
speech of another speaker. Host and stretch have one level, and every join, inside the host too, is
the same short cross-fade, so that neither level nor seam tells where the stretch is. With the same
seed the same clips come out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.types import RATE
from training.data import Item
from training.errors import TrainingError
from training.waves import Wave

Kind = Literal["machine", "human"]
FADE = 320  # samples of a cross-fade: 20 ms
LEVEL = 10 ** (-30 / 20)  # root mean square of host and stretch, full scale 1
HOST_SECONDS = 10.0
LEAST_HOST = 8.0  # seconds
STRETCH_SECONDS = (1.0, 4.0)
MARGIN = 0.25  # seconds of host before and after the stretch, at least
SAME_VOICE = 0.5  # share of machine-made stretches in the host's voice, where there are any


@dataclass(frozen=True, slots=True)
class Splice:
    """A clip with a stretch of another kind from `start` to `stop`, in seconds.

    `host` names what the human speech is of (a speaker or a source), `stretch` what was put in:
    its system, or "-" for human speech; `voice` says whose voice that is.
    """

    name: str
    kind: Kind
    wave: Wave
    start: float
    stop: float
    host: str
    stretch: str
    voice: str

    @property
    def seconds(self) -> float:
        return self.wave.size / RATE


@dataclass(frozen=True)
class Shelf:
    """Clips to splice from: items and their waves, one wave an item."""

    items: tuple[Item, ...]
    waves: tuple[Wave, ...]

    def hosts(self) -> Mapping[str, tuple[int, ...]]:
        """Places of the human clips by speaker, of speakers with too few together by source."""
        human = [i for i, item in enumerate(self.items) if item.label == "bonafide"]
        by_speaker = _by(human, [f"{item.source} {item.speaker}" for item in self.items])
        groups = {name: own for name, own in by_speaker.items() if self.enough(own)}
        left = [i for name, own in by_speaker.items() if name not in groups for i in own]
        by_source = _by(left, [item.source for item in self.items])
        return {**groups, **{name: own for name, own in by_source.items() if self.enough(own)}}

    def enough(self, places: Sequence[int]) -> bool:
        """Whether the clips together are long enough for a host."""
        return self.seconds(places) >= LEAST_HOST

    def seconds(self, places: Sequence[int]) -> float:
        """Of all these clips together."""
        return sum(self.waves[i].size for i in places) / RATE

    def machines(self) -> Mapping[str, tuple[int, ...]]:
        """Places of the machine-made clips by system and voice."""
        fake = [i for i, item in enumerate(self.items) if item.label == "spoof"]
        return _by(fake, [f"{item.system} {item.speaker}" for item in self.items])

    def join(self, places: Sequence[int], seconds: float, rng: np.random.Generator) -> Wave:
        """These clips in a drawn order, joined until there are so many seconds, each at one level.

        Shorter where there is not enough.
        """
        whole = np.zeros(0)
        for place in rng.permutation(np.array(places)):
            whole = joined(whole, levelled(self.waves[int(place)]))
            if whole.size >= seconds * RATE:
                break
        return whole[: round(seconds * RATE)]


def splices(shelf: Shelf, count: int, seed: int = 0) -> tuple[Splice, ...]:
    """`count` clips with a machine-made stretch, each followed by its control.

    The control is the same host with human speech of another speaker at the same place. Hosts are
    drawn in proportion to the sound there is of them.

    Raises
    ------
    TrainingError
        Too little speech of one speaker or source, no machine-made clip, or only one speaker.
    """
    hosts, machines = shelf.hosts(), shelf.machines()
    if not hosts or not machines:
        raise TrainingError(
            f"localisation needs {LEAST_HOST:g} s of human speech of one speaker or source, and "
            f"machine-made speech; there are {len(hosts)} of the one and {len(machines)} of the "
            "other"
        )
    names = list(hosts)
    weight = np.array([shelf.seconds(hosts[name]) for name in names])
    made: list[Splice] = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        name = names[int(rng.choice(len(names), p=weight / weight.sum()))]
        made += _pair(shelf, f"splice-{number:03d}", name, hosts[name], machines, rng)
    return tuple(made)


def _pair(
    shelf: Shelf,
    name: str,
    host: str,
    places: Sequence[int],
    machines: Mapping[str, tuple[int, ...]],
    rng: np.random.Generator,
) -> tuple[Splice, Splice]:
    base = shelf.join(places, HOST_SECONDS, rng)
    voices = {shelf.items[i].speaker for i in places}
    own = [key for key, at in machines.items() if shelf.items[at[0]].speaker in voices]
    same = bool(own) and rng.random() < SAME_VOICE
    keys = own if same else [key for key in machines if key not in own] or own
    fake = machines[keys[int(rng.integers(len(keys)))]]
    others = {
        key: at
        for key, at in _by(
            [i for i, item in enumerate(shelf.items) if item.label == "bonafide"],
            [f"{item.source} {item.speaker}" for item in shelf.items],
        ).items()
        if shelf.items[at[0]].speaker not in voices
    }
    if not others:
        raise TrainingError("a control needs human speech of another speaker, and there is none")
    length = rng.uniform(*STRETCH_SECONDS)
    machine = levelled(shelf.join(fake, length, rng))
    human = np.zeros(0)
    for key in rng.permutation(sorted(others)):  # the first speaker with as much speech
        human = levelled(shelf.join(others[str(key)], machine.size / RATE, rng))
        if human.size == machine.size:
            break
    size = min(machine.size, human.size)
    margin = round(MARGIN * RATE)
    first = int(rng.integers(margin, base.size - margin - size + 1))
    span = first / RATE, (first + size) / RATE
    system = shelf.items[fake[0]].system
    voice = "host's" if shelf.items[fake[0]].speaker in voices else "another"
    return (
        Splice(name, "machine", laid(base, machine[:size], first), *span, host, system, voice),
        Splice(name, "human", laid(base, human[:size], first), *span, host, "-", "another"),
    )


def levelled(wave: Wave) -> Wave:
    """At `LEVEL`; silence stays silence."""
    level = float(np.sqrt(np.mean(wave**2))) if wave.size else 0.0
    return wave * (LEVEL / level) if level > 0.0 else wave


def joined(first: Wave, second: Wave) -> Wave:
    """One after the other with a cross-fade."""
    if not first.size or not second.size:
        return np.concatenate([first, second])
    fade = min(FADE, first.size, second.size)
    up = (np.arange(fade) + 0.5) / fade
    middle = first[-fade:] * (1.0 - up) + second[:fade] * up
    return np.concatenate([first[:-fade], middle, second[fade:]])


def laid(host: Wave, stretch: Wave, first: int) -> Wave:
    """`stretch` in place of the host's sound from sample `first`, cross-faded inside its ends."""
    up = np.minimum((np.arange(stretch.size) + 0.5) / FADE, 1.0)
    share = np.minimum(up, up[::-1])
    out = host.copy()
    part = slice(first, first + stretch.size)
    out[part] = host[part] * (1.0 - share) + stretch * share
    return out


def _by(places: Sequence[int], keys: Sequence[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for place in places:
        found.setdefault(keys[place], []).append(place)
    return {key: tuple(own) for key, own in found.items()}
