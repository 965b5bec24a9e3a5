"""Which channel the likelihood-ratio card is about."""

from core.fusing import leading_channel
from core.types import Detection, Score


def one(channel: str, llr: float | None, name: str = "sls") -> Detection:
    return Detection(name, f"{name}-1", "0" * 64, channel, Score(0.0, llr), ())


def test_of_channels_scored_apart_the_one_with_the_highest_fused_llr_leads() -> None:
    left = (one("left", 2.0), one("left", -1.0, "aasist"))
    right = (one("right", 0.4), one("right", 1.0, "aasist"))
    assert leading_channel((*left, *right)) == right  # means 0.5 and 0.7
    assert leading_channel(left) == left


def test_without_a_calibrated_detector_the_first_channel_leads() -> None:
    both = (one("left", None), one("right", None))
    assert leading_channel(both) == both[:1]
    assert leading_channel(()) == ()
