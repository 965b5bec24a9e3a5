"""Verdicts by hand: windows before means, disagreement, and what may not lean."""

import pytest

from core.types import Detection, Fused, Notice, Reading, Region, Score, Window
from core.verdict import most_spoofed, seconds, signed, verdict

HOP = 64_000


def reading(index: int, llr: float | None) -> Reading:
    return Reading(Window(index * HOP, index * HOP + 64_600), Score(llr or 0.0, llr))


def detection(
    llrs: list[float | None], name: str = "aasist", clip: float | None = None
) -> Detection:
    values = [llr for llr in llrs if llr is not None]
    mean = sum(values) / len(values) if values else None
    score = Score(0.0, mean if clip is None else clip)
    readings = tuple(reading(i, llr) for i, llr in enumerate(llrs))
    return Detection(name, name, "0" * 64, "mix", score, readings)


def fused(llrs: list[float]) -> Fused:
    regions = [Region(4.0 * i, 4.0 * i + 4.0375) for i in range(len(llrs))]
    return Fused(sum(llrs) / len(llrs), tuple(zip(regions, llrs, strict=True)))


def one(llrs: list[float]) -> tuple[list[Detection], Fused]:
    return [detection(list(llrs))], fused(llrs)


@pytest.mark.parametrize(
    ("llrs", "lean"),
    [
        ([3.0, 2.0, 4.0], "spoofed"),
        ([-3.0, -2.0, -4.0], "bona fide"),
        ([0.5, -0.5, 0.2], "inconclusive"),
        ([-2.0, 5.0, -2.0], "mixed"),  # the mean alone, +0.3, would say inconclusive
        ([5.0, 5.0, 5.0, -4.0], "mixed"),  # the mean alone, +2.8, would say spoofed
        ([5.0, 5.0, 0.5], "spoofed"),  # a window inside the band contradicts nothing
        ([1.0], "inconclusive"),  # the band's edge belongs to the band
    ],
)
def test_lean_of_one_detector(llrs: list[float], lean: str) -> None:
    assert verdict(*one(llrs)).lean == lean


def test_mixed_names_its_seconds() -> None:
    found = verdict(*one([-3.0, 5.0, 4.0, -3.0, -3.0]))
    assert found.lean == "mixed"
    assert found.regions == (Region(4.0, 12.0375),)
    assert "4.0–12.0 s leans spoofed" in found.text


def test_two_stretches_are_two_regions() -> None:
    found = verdict(*one([5.0, -3.0, -3.0, 5.0]))
    assert found.regions == (Region(0.0, 4.0375), Region(12.0, 16.0375))


def test_one_high_window_in_an_hour_is_chance() -> None:
    # 900 windows: the ratios of bona fide windows add up to about 900 = e^6.8
    hour = [-2.0] * 899
    assert verdict(*one([5.0, *hour])).lean == "bona fide"
    assert verdict(*one([7.0, *hour])).lean == "mixed"
    assert verdict(*one([5.0] * 10 + hour)).lean == "mixed"  # 10 e^5 = 1484 > 909


def test_a_window_without_speech_makes_nothing_mixed() -> None:
    detections, together = one([-3.0, 5.0, -2.0])
    spoken = [Region(0.0, 4.0), Region(8.0, 12.0)]
    assert verdict(detections, together, speech=spoken).lean == "inconclusive"
    assert verdict(detections, together, speech=[Region(0.0, 12.0)]).lean == "mixed"


def test_detectors_on_both_sides_are_inconclusive() -> None:
    both = [detection([3.4], "sls"), detection([-2.1], "aasist")]
    found = verdict(both, fused([1.5]))
    assert found.lean == "inconclusive"
    assert found.text == "The detectors disagree (from −2.1 to +3.4). Treat as inconclusive."


def test_a_window_they_disagree_on_is_no_region() -> None:
    both = [detection([-2.0, 6.0], "sls"), detection([-2.0, -4.0], "aasist")]
    assert verdict(both, fused([-2.0, 2.5])).lean != "mixed"


def test_the_band_is_the_callers() -> None:
    assert verdict(*one([1.5]), band=2.0).lean == "inconclusive"
    assert verdict(*one([1.5]), band=0.0).lean == "spoofed"


def test_uncalibrated_numbers_lean_nowhere() -> None:
    found = verdict([detection([None, None])], Fused(None, ()))
    assert found.lean == "inconclusive"
    assert "not calibrated" in found.text


def test_a_refusal_is_the_reason() -> None:
    found = verdict((), Fused(None, ()), refusal=Notice("silent", "It is silent. Not scored."))
    assert (found.lean, found.text) == ("not scored", "It is silent. Not scored.")


def test_nothing_scored_is_said() -> None:
    assert verdict((), Fused(None, ())).lean == "not scored"


def test_no_text_speaks_of_fakes_or_percentages() -> None:
    texts = [verdict(*one(llrs)).text for llrs in ([4.0], [-4.0], [0.0], [-2.0, 5.0, -2.0])]
    assert all("fake" not in t and "%" not in t and "probab" not in t for t in texts)
    assert texts[0].startswith("Leans spoofed")
    assert texts[1].startswith("Leans bona fide")


def test_the_most_spoofed_channel_speaks_and_is_named() -> None:
    left, right = fused([-3.0]), fused([3.0])
    by_channel = {
        "left": (left, verdict([detection([-3.0])], left)),
        "right": (right, verdict([detection([3.0])], right)),
    }
    channel, together, found = most_spoofed(by_channel)
    assert (channel, together, found.lean) == ("right", right, "spoofed")
    assert "right channel" in found.text
    assert "left: bona fide" in found.text


def test_numbers_and_stretches_for_people() -> None:
    assert (signed(-2.14), signed(3.0), signed(-0.01)) == ("−2.1", "+3.0", "+0.0")
    assert seconds(Region(5.0, 9.04)) == "5.0–9.0 s"
    assert seconds(Region(3725.0, 3729.0)) == "1:02:05–1:02:09"
