"""Long questions tell how far they are and end when they are told to, with what is finished."""

import numpy as np
from torch import Tensor

from core.detect import Settings
from core.detectors.base import Features
from core.questions import Asked
from core.rescoring import Probing
from core.types import RATE, Axis, Evidence, Window
from tests.core.loudness import Loudness, clip_of, loaded

WINDOW = Window(0, 4 * RATE)


class Power(Loudness):
    """Loudness with a gradient everywhere."""

    def features(self, wave: Tensor) -> Features:
        self.heard.append(wave)
        return {"mean": wave.square().mean(dim=1)}


class Deaf(Loudness):
    """Hears through something that has no gradient."""

    def features(self, wave: Tensor) -> Features:
        return {"mean": wave.detach().abs().mean(dim=1)}


def sound() -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    rising = np.linspace(0.0, 0.2, 4 * RATE)
    return np.asarray(np.random.default_rng(0).normal(size=4 * RATE) * rising, np.float32)


def asked(detector: Loudness, seen: list[Probing], most: int | None = None) -> Asked:
    one = loaded(detector)
    clip = clip_of([sound()])
    stop = None if most is None else (lambda: len(seen) >= most)
    return Asked(clip, (one,), Settings(), seen.append, stop)


def keys(evidence: tuple[Evidence, ...]) -> list[str]:
    return [one.key.removeprefix("attribution.") for one in evidence]


def test_attribution_tells_how_far_it_is() -> None:
    seen: list[Probing] = []
    question = asked(Power(), seen)
    found = question.attribution(question.loaded[0], WINDOW)
    assert keys(found.evidence) == [
        "ig.time",
        "ig.spectrum",
        "occlusion.time",
        "occlusion.spectrum",
    ]
    assert not found.stopped
    assert found.problem == ""
    shares = [step.done / step.total for step in seen]
    assert shares == sorted(shares)
    assert {step.name for step in seen} == {"Occlusion", "Integrated gradients"}
    assert all(step.seconds_left >= 0 for step in seen)
    assert shares[0] < 0.1


def test_attribution_stopped_keeps_what_is_finished() -> None:
    seen: list[Probing] = []
    question = asked(Power(), seen, most=3)
    found = question.attribution(question.loaded[0], WINDOW)
    assert found.stopped
    assert found.evidence == ()
    assert len(seen) == 3
    whole: list[Probing] = []
    question = asked(Power(), whole)
    question.attribution(question.loaded[0], WINDOW)
    first = sum(step.name == "Occlusion" for step in whole)
    seen.clear()
    question = asked(Power(), seen, most=first)
    found = question.attribution(question.loaded[0], WINDOW)
    assert found.stopped
    assert keys(found.evidence) == ["occlusion.time", "occlusion.spectrum"]


def test_without_a_gradient_there_is_occlusion_and_a_sentence() -> None:
    question = asked(Deaf(), [])
    found = question.attribution(question.loaded[0], WINDOW)
    assert keys(found.evidence) == ["occlusion.time", "occlusion.spectrum"]
    assert "no gradient" in found.problem


def a_map(key: str) -> Evidence:
    centres = tuple((n + 0.5) * 0.1 for n in range(40))
    values = np.arange(40, dtype=np.float32)
    return Evidence(key, "A map", values, (Axis("time", "s", centres),), "weight", "A test.")


def test_maps_are_tested_one_after_the_other_until_a_stop() -> None:
    seen: list[Probing] = []
    question = asked(Power(), seen)
    maps = [a_map("one"), a_map("two")]
    found = question.all_faithful(question.loaded[0], WINDOW, maps)
    assert [one.key for one in found] == ["one", "two"]
    shares = [step.done / step.total for step in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert seen[-1].seconds_left == 0
    half = len(seen) // 2
    stopped: list[Probing] = []
    question = asked(Power(), stopped, most=half + 5)
    found = question.all_faithful(question.loaded[0], WINDOW, maps)
    assert [one.key for one in found] == ["one"]
    assert len(stopped) == half + 5
