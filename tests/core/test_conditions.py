"""Measured conditions against those of a calibration."""

import copy
from dataclasses import replace

import pytest

from checkpoints.card import CheckpointError, check_card
from core.conditions import conditions_of, match, strictest
from core.quality import Quality
from core.types import Source
from tests.checkpoints.cards import card as a_card

QUALITY = Quality(8_000.0, -25.0, -3.0, 0.0, 0.0, 3.0, (), None, (), None)
SOURCE = Source("a.wav", "0" * 64, 1, "WAV", "PCM 16 bit", 16_000, 1, 4.0, "made")
CONDITIONS = {
    "bandwidth_hz": [7_000.0, 8_000.0],
    "level_dbfs": [-40.0, -15.0],
    "speech_seconds": [1.0, 20.0],
    "codecs": ["lossless", "MP3"],
}


def test_a_clip_within_all_ranges_matches() -> None:
    assert match(CONDITIONS, QUALITY, SOURCE).status == "matched"
    flac = replace(SOURCE, codec="FLAC")  # lossless is one class
    assert match(CONDITIONS, QUALITY, flac).status == "matched"
    assert match({"codecs": ["lossless"]}, QUALITY, SOURCE).status == "matched"


@pytest.mark.parametrize(
    ("quality", "source", "reason"),
    [
        (replace(QUALITY, bandwidth_hz=3_500.0), SOURCE, "bandwidth 3500 Hz, calibrated on 7000"),
        (replace(QUALITY, level_dbfs=-52.5), SOURCE, "level −52.5 dBFS, calibrated on −40.0 dBFS"),
        (
            replace(QUALITY, speech_seconds=0.5),
            SOURCE,
            "speech 0.5 s, calibrated on 1.0 s and more",
        ),
        (QUALITY, replace(SOURCE, codec="Opus"), "codec Opus, calibrated on lossless, MP3"),
    ],
)
def test_each_condition_is_held_and_named(quality: Quality, source: Source, reason: str) -> None:
    found = match(CONDITIONS, quality, source)
    assert found.status == "not calibrated for this condition"
    assert len(found.reasons) == 1
    assert reason in found.text
    assert found.text.startswith("Not calibrated for this condition: ")


def test_more_speech_than_the_calibration_had_is_no_reason() -> None:
    hour = replace(QUALITY, speech_seconds=3_600.0)
    assert match(CONDITIONS, hour, SOURCE).status == "matched"


def test_a_stray_clip_does_not_widen_the_conditions() -> None:
    usual = [(replace(QUALITY, level_dbfs=-30.0 + n / 100), SOURCE) for n in range(300)]
    odd = replace(QUALITY, bandwidth_hz=3_400.0, level_dbfs=-70.0), replace(SOURCE, codec="MP3")
    found = conditions_of([*usual, odd])
    assert found["bandwidth_hz"] == [8_000.0, 8_000.0]
    assert found["level_dbfs"] == [-29.98, -27.04]  # three of 301 left out at either end
    assert found["codecs"] == ["lossless"]
    assert conditions_of([*usual, *[odd] * 20])["codecs"] == ["MP3", "lossless"]
    narrow = match(found, odd[0], SOURCE).text
    assert "bandwidth 3400 Hz, calibrated on 8000 Hz;" in narrow


def test_nothing_known_is_not_a_match() -> None:
    for found in (match(None, QUALITY, SOURCE), match({}, QUALITY, SOURCE)):
        assert found.status == "conditions unknown"
    assert match(CONDITIONS, None, SOURCE).status == "conditions unknown"


def test_of_several_detectors_the_strictest_counts() -> None:
    fits, unknown = match(CONDITIONS, QUALITY, SOURCE), match(None, None, None)
    misfit = match(CONDITIONS, replace(QUALITY, level_dbfs=0.0), SOURCE)
    assert strictest([fits, unknown]) is unknown
    assert strictest([fits, unknown, misfit]) is misfit
    assert strictest([fits]) is fits
    assert strictest([]).status == "conditions unknown"


def test_conditions_of_a_set_are_what_its_clips_span_and_go_into_a_card() -> None:
    quiet = replace(QUALITY, level_dbfs=float("-inf"), speech_seconds=9.0)
    found = conditions_of([(QUALITY, SOURCE), (quiet, replace(SOURCE, codec="MP3"))])
    assert found == {
        "bandwidth_hz": [8_000.0, 8_000.0],
        "level_dbfs": [-25.0, -25.0],
        "speech_seconds": [3.0, 9.0],
        "codecs": ["MP3", "lossless"],
    }
    assert conditions_of([]) == {}
    whole = copy.deepcopy(dict(a_card()))
    whole["calibration"] = {
        "slope": 1.0,
        "intercept": 0.0,
        "n_bonafide": 9,
        "n_spoof": 9,
        "cllr": 0.5,
        "set": "s",
        "conditions": found,
    }
    check_card(whole, "a card")
    for wrong in ({"bandwidth_hz": [8, 4]}, {"loudness": [1, 2]}, {"codecs": "MP3"}):
        whole["calibration"]["conditions"] = wrong
        with pytest.raises(CheckpointError, match="conditions"):
            check_card(whole, "a card")
