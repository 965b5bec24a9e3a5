"""Spliced clips: what is put in lies where it is said to lie, and nothing else tells."""

from pathlib import Path

import numpy as np
import pytest

from core.types import Label
from training.data import Item
from training.errors import TrainingError
from training.splices import (
    FADE,
    HOST_SECONDS,
    LEVEL,
    MARGIN,
    Shelf,
    joined,
    laid,
    levelled,
    splices,
)
from training.waves import Wave

RATE = 16_000


def item(name: str, label: Label, speaker: str, source: str = "r1", system: str = "-") -> Item:
    return Item(name, label, Path(name), system, "-", source, speaker)


def tone(hertz: float, seconds: float = 3.0, level: float = 0.1) -> Wave:
    time = np.arange(round(seconds * RATE)) / RATE
    return level * np.sin(2 * np.pi * hertz * time)


def shelf() -> Shelf:
    """Ann and Bob have 15 s each, Cy and Di of another source 6 s each; machines at 3 kHz."""
    items, waves = [], []
    people = (
        ("ann", "r1", 5, 200),
        ("bob", "r1", 5, 300),
        ("cy", "r2", 2, 400),
        ("di", "r2", 2, 500),
    )
    for speaker, source, count, hertz in people:
        for number in range(count):
            items.append(item(f"{speaker}{number}", "bonafide", speaker, source))
            waves.append(tone(hertz, level=0.02 * (number + 1)))
    for speaker, system in (("ann", "TTS"), ("ann", "TTS"), ("zed", "VC")):
        items.append(item(f"{system}{len(items)}", "spoof", speaker, "r3", system))
        waves.append(tone(3_000, level=0.3))
    return Shelf(tuple(items), tuple(waves))


def share_above(wave: Wave, hertz: float) -> float:
    spectrum = np.abs(np.fft.rfft(wave)) ** 2
    return float(spectrum[np.fft.rfftfreq(wave.size, 1 / RATE) > hertz].sum() / spectrum.sum())


def test_hosts_are_one_voice_where_there_is_enough_of_it() -> None:
    assert {name: len(own) for name, own in shelf().hosts().items()} == {
        "r1 ann": 5,
        "r1 bob": 5,
        "r2": 4,
    }


def test_the_stretch_lies_where_it_is_said_to() -> None:
    made = splices(shelf(), 30)
    assert [one.kind for one in made[:4]] == ["machine", "human", "machine", "human"]
    for fake, human in zip(made[::2], made[1::2], strict=True):
        assert (fake.name, fake.host, fake.start, fake.stop) == (
            *(human.name, human.host, human.start, human.stop),
        )
        assert 1.0 <= fake.stop - fake.start <= 4.0
        assert fake.seconds == pytest.approx(HOST_SECONDS, abs=0.1)
        assert fake.start >= MARGIN
        assert fake.stop <= fake.seconds - MARGIN + 1e-9
        first, last = round(fake.start * RATE), round(fake.stop * RATE)
        inside, before, after = (
            np.split(fake.wave, [first, last])[1],
            fake.wave[:first],
            fake.wave[last:],
        )
        assert share_above(inside[FADE:-FADE], 2_000) > 0.9
        assert share_above(before, 2_000) < 0.05
        assert share_above(after, 2_000) < 0.05
        assert share_above(human.wave, 2_000) < 0.05
        assert np.array_equal(before, human.wave[:first])  # the same host around both
        assert np.array_equal(after, human.wave[last:])
        assert not np.array_equal(fake.wave, human.wave)
        assert np.sqrt(np.mean(inside[FADE:-FADE] ** 2)) == pytest.approx(LEVEL, rel=0.05)


def test_voices_are_named_and_the_control_is_another_speaker() -> None:
    made = splices(shelf(), 60)
    fakes = [one for one in made if one.kind == "machine"]
    assert {one.voice for one in fakes} == {"host's", "another"}
    for one in fakes:
        assert (one.voice == "host's") == (one.stretch == "TTS" and one.host == "r1 ann")
    tones = {"r1 ann": 200, "r1 bob": 300}
    for one in made:
        if one.kind == "human" and one.host in tones:
            first, last = round(one.start * RATE) + FADE, round(one.stop * RATE) - FADE
            inside = one.wave[first:last]
            peak = np.argmax(np.abs(np.fft.rfft(inside * np.hanning(inside.size))))
            assert abs(peak * RATE / inside.size - tones[one.host]) > 50


def test_the_same_seed_gives_the_same_clips() -> None:
    first, second, other = (splices(shelf(), 4, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a.wave, b.wave) for a, b in zip(first, second, strict=True))
    assert not all(a.start == b.start for a, b in zip(first, other, strict=True))
    assert all(a.name == b.name for a, b in zip(first, splices(shelf(), 9, 1), strict=False))


def test_what_cannot_be_spliced_is_said() -> None:
    whole = shelf()
    human = [i for i, one in enumerate(whole.items) if one.label == "bonafide"]
    only_human = Shelf(tuple(whole.items[i] for i in human), tuple(whole.waves[i] for i in human))
    with pytest.raises(TrainingError, match="there are 3 of the one and 0 of the other"):
        splices(only_human, 1)
    ann = [i for i, one in enumerate(whole.items) if one.speaker == "ann"]
    with pytest.raises(TrainingError, match="another speaker, and there is none"):
        splices(Shelf(tuple(whole.items[i] for i in ann), tuple(whole.waves[i] for i in ann)), 1)


def test_joins_are_smooth_and_levels_equal() -> None:
    a, b = np.full(1_000, 0.5), np.full(800, -0.5)
    both = joined(a, b)
    assert both.size == 1_800 - FADE
    assert np.abs(np.diff(both)).max() <= 1.0 / FADE + 1e-12
    assert np.array_equal(joined(np.zeros(0), b), b)
    inside = laid(np.zeros(5_000), np.ones(2_000), 1_000)
    assert np.abs(np.diff(inside)).max() <= 1.0 / FADE + 1e-12
    assert not inside[:1_000].any()
    assert inside[2_000] == 1
    assert np.sqrt(np.mean(levelled(tone(440, level=0.7)) ** 2)) == pytest.approx(LEVEL)
    assert not levelled(np.zeros(10)).any()
