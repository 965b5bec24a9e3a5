"""Quality is measured: known signals give known numbers, and what cannot be scored is refused."""

import csv
import random
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soxr

from core import sentences, speech
from core.intake import decode
from core.quality import Quality, decibels, measure
from core.types import RATE, ChannelPolicy, Region
from tests.core.sounds import Wave, clip_of, noise, speak, tone


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Wave:
    """About six seconds of machine speech at 16 kHz, full band."""
    return speak(tmp_path_factory.mktemp("spoken"))


POLICIES: tuple[ChannelPolicy, ...] = ("mix", "left", "each")


def codes(quality: Quality) -> set[str]:
    return {notice.code for notice in quality.notices}


def sixteen_bit(wave: np.ndarray) -> np.ndarray:
    return np.round(wave * 32768) / 32768


def through(wave: np.ndarray, rate: int) -> np.ndarray:
    """Taken down to `rate` and back up."""
    return np.asarray(soxr.resample(soxr.resample(wave, RATE, rate), rate, RATE))


def hiss(wave: np.ndarray) -> np.ndarray:
    return np.asarray(wave + 1e-5 * noise(60)[: len(wave)])


def dark(wave: np.ndarray) -> np.ndarray:
    """Falls by 12 dB an octave from 500 Hz on: a microphone under a coat, not a telephone."""
    from scipy import signal

    return np.asarray(signal.lfilter(*signal.butter(2, 500, fs=RATE), wave))


# Numbers.


def test_level_and_peak_of_a_sine() -> None:
    quality = measure(clip_of(tone(2)))
    assert quality.peak_dbfs == pytest.approx(20 * np.log10(0.3), abs=0.01)
    assert quality.level_dbfs == pytest.approx(quality.peak_dbfs - 3.0103, abs=0.01)
    assert decibels(0) == -np.inf


def test_speech_is_fit_to_be_scored(spoken: Wave) -> None:
    quality = measure(clip_of(spoken))
    assert quality.refusal is None
    assert not quality.may_overrule
    assert 0.7 * len(spoken) / RATE < quality.speech_seconds <= len(spoken) / RATE
    assert quality.bandwidth_hz == 8000
    assert quality.channel_correlation is None
    assert codes(quality) <= {"digital-silence"}  # espeak-ng leaves digital silence


@pytest.mark.parametrize(
    "change",
    [
        lambda wave: wave,
        dark,
        lambda wave: sixteen_bit(dark(wave)),
        lambda wave: sixteen_bit(wave * 0.01),
        lambda wave: sixteen_bit(wave * 0.003),
        lambda wave: through(wave, 44_100),
    ],
    ids=["as it is", "dark", "dark, 16 bit", "quiet", "very quiet", "resampled from 44.1 kHz"],
)
def test_full_band_is_not_taken_for_a_telephone(
    spoken: Wave, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    quality = measure(clip_of(change(spoken)))
    assert quality.bandwidth_hz == 8000
    assert "band-limited" not in codes(quality)


@pytest.mark.parametrize(
    ("change", "low", "high"),
    [
        (lambda wave: through(wave, 8000), 3400, 4000),
        (lambda wave: sixteen_bit(through(wave, 8000) * 0.1), 3400, 4000),
        (lambda wave: hiss(through(wave, 8000)), 3400, 4000),
        (lambda wave: np.where(np.arange(len(through(wave, 8000))) == 30_000, 0.9,
                               through(wave, 8000)), 3400, 4000),
        (lambda wave: through(wave, 11_025), 5000, 5600),
    ],
    ids=["telephone", "telephone, quiet, 16 bit", "telephone, hiss", "telephone, click", "11 kHz"],
)  # fmt: skip
def test_where_the_band_ends(
    spoken: Wave, change: Callable[[np.ndarray], np.ndarray], low: float, high: float
) -> None:
    quality = measure(clip_of(change(spoken)))
    assert low <= quality.bandwidth_hz <= high
    assert "band-limited" in codes(quality)


def test_a_telephone_file_is_known_by_its_sound(spoken: Wave, tmp_path: Path) -> None:
    import soundfile

    telephone = soxr.resample(spoken, RATE, 8000)
    for name, rate, wave in [
        ("8k.wav", 8000, telephone),
        ("says48k.wav", 48_000, soxr.resample(telephone, 8000, 48_000)),
    ]:
        soundfile.write(tmp_path / name, wave, rate, subtype="PCM_16")
        assert 3400 <= measure(decode(tmp_path / name)).bandwidth_hz <= 4000


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_clipping(spoken: Wave, tmp_path: Path, rate: int) -> None:
    import soundfile

    loud = soxr.resample(spoken / np.abs(spoken).max() * 4, RATE, rate)
    soundfile.write(tmp_path / "loud.wav", np.clip(loud, -1, 1), rate, subtype="PCM_16")
    truth = float(np.mean(np.abs(loud) >= 1))
    quality = measure(decode(tmp_path / "loud.wav"))
    assert truth / 1.3 < quality.clipped_fraction < truth * 1.1
    assert "clipped" in codes(quality)


def test_a_high_peak_is_not_clipping(spoken: Wave) -> None:
    quality = measure(clip_of(spoken / np.abs(spoken).max()))
    assert quality.clipped_fraction < 1e-3
    assert "clipped" not in codes(quality)
    assert measure(clip_of(tone(2))).clipped_fraction < 0.1


def test_flat_tops_by_hand() -> None:
    wave = noise(2) * 0.5
    wave[1000:1010], wave[3000:3002] = 0.9, -0.9  # a run of ten, and two: too few
    assert measure(clip_of(wave)).clipped_fraction == 10 / len(wave)


def test_digital_silence(spoken: Wave) -> None:
    wave = np.concatenate([noise(3), np.zeros(RATE)])
    quality = measure(clip_of(wave))
    assert quality.silent_fraction == pytest.approx(0.25)
    assert "digital-silence" in codes(quality)
    assert measure(clip_of(noise(3))).silent_fraction == 0


def test_silent_ends_are_said_and_do_not_count_as_length() -> None:
    wave = np.concatenate([np.zeros(RATE), noise(3), np.zeros(RATE // 2)])
    said = {one.code: one.text for one in measure(clip_of(wave)).notices}
    assert "silence, 1.0 s at the start and 0.5 s at the end, is not" in said["silent-ends"]
    assert "3.0 s" in said["short"]  # 4.5 s are longer than a window, 3 are not
    assert "silent-ends" not in codes(measure(clip_of(noise(3))))
    (late,) = [x for x in measure(clip_of(wave[RATE:])).notices if x.code == "silent-ends"]
    assert "silence, 0.5 s at the end, is not" in late.text  # nothing of a start that sounds


# Channels.


def test_correlation_by_construction() -> None:
    left, other = noise(3, 1), noise(3, 2)
    quality = measure(clip_of(np.stack([left, 0.6 * left + 0.8 * other])))
    assert quality.channel_correlation == pytest.approx(0.6, abs=0.02)
    assert measure(clip_of(np.stack([left, -left]))).channel_correlation == pytest.approx(-1)
    offset = measure(clip_of(np.stack([left, left * 0.1 + 0.3])))
    assert offset.channel_correlation == pytest.approx(1)


def test_channels_that_differ_are_said(spoken: Wave) -> None:
    clip = clip_of(np.stack([spoken, noise(60)[: len(spoken)] * 0.1]))
    texts = {policy: measure(clip, policy).notices[0].text for policy in POLICIES}
    assert texts["mix"].startswith("The two channels carry different sound (correlation ")
    assert "They were mixed" in texts["mix"]
    assert "Only the left one was scored." in texts["left"]
    assert texts["each"].endswith("They were scored separately; pick one below.")


def test_a_silent_channel_is_named(spoken: Wave) -> None:
    quality = measure(clip_of(np.stack([spoken, np.zeros(len(spoken))])))
    assert quality.channel_correlation == 0
    assert quality.notices[0].text.startswith("There is no sound in right of 2 channels.")
    assert quality.refusal is None


def test_speech_is_sought_in_what_is_scored(spoken: Wave) -> None:
    clip = clip_of(np.stack([spoken, noise(60)[: len(spoken)] * 0.01]))
    assert measure(clip, "left").refusal is None
    refusal = measure(clip, "right").refusal
    assert refusal is not None and refusal.code == "no-speech"  # noqa: PT018


# Refusals.


def refused(wave: np.ndarray) -> str:
    refusal = measure(clip_of(wave)).refusal
    return refusal.code if refusal else "scored"


def melody() -> np.ndarray:
    time = np.arange(RATE) / RATE
    notes = [196, 247, 294, 392, 330, 262]
    return np.concatenate([
        sum(np.sin(2 * np.pi * note * part * time) / part for part in (1, 2, 3, 4))
        * np.exp(-3 * time) * 0.2
        for note in notes
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda: np.zeros(3 * RATE), "silent"),
        (lambda: noise(3) * 1e-3, "silent"),
        (lambda: tone(0.5), "too-short"),
        (lambda: np.concatenate([tone(0.5), np.zeros(3 * RATE)]), "too-short"),
        (lambda: tone(4), "no-speech"),
        (lambda: noise(4), "no-speech"),
    ],
    ids=["zeros", "hiss at -80", "0.5 s", "0.5 s and silence", "sine", "noise"],
)
def test_what_is_not_scored(made: Callable[[], np.ndarray], code: str) -> None:
    assert refused(made()) == code


def test_a_short_clip_is_told_its_length(spoken: Wave) -> None:
    wave = np.concatenate([spoken[:4000], np.zeros(800)])
    assert measure(clip_of(wave)).refusal == sentences.too_short(0.3)


def test_a_melody_is_not_scored() -> None:
    assert refused(melody()) in {"no-speech", "little-speech"}


def test_a_word_in_silence_is_too_little(tmp_path: Path) -> None:
    word = speak(tmp_path, "yes")
    wave = np.concatenate([noise(2) * 0.003, word, noise(2) * 0.003])
    quality = measure(clip_of(wave))
    assert quality.refusal is not None
    assert quality.refusal.code == "little-speech"
    assert 0 < quality.speech_seconds < 1
    assert quality.may_overrule
    assert quality.refusal == sentences.little_speech(quality.speech_seconds)


def test_a_little_speech_in_much_music_is_scored_with_a_warning(spoken: Wave) -> None:
    music = np.tile(melody(), 2)
    quality = measure(clip_of(np.concatenate([spoken[: 2 * RATE], music])))
    assert quality.refusal is None
    assert "mostly-not-speech" in codes(quality)
    (said,) = (one.text for one in quality.notices if one.code == "mostly-not-speech")
    assert said.startswith(f"Speech was found in only {quality.speech_seconds:.1f} of 1")
    assert "mostly-not-speech" not in codes(
        measure(clip_of(np.concatenate([spoken, music[:RATE]])))
    )


def test_only_findings_about_speech_can_be_overruled() -> None:
    assert measure(clip_of(tone(4))).may_overrule
    assert not measure(clip_of(np.zeros(RATE * 2))).may_overrule
    assert not measure(clip_of(tone(0.3))).may_overrule


def test_short_clips_say_so(spoken: Wave) -> None:
    assert "short" in codes(measure(clip_of(spoken[: 2 * RATE])))
    assert "short" not in codes(measure(clip_of(spoken[:65_000])))


# Speech.


def test_speech_is_where_it_was_put(spoken: Wave) -> None:
    quiet = noise(20) * 0.003
    wave = np.concatenate([quiet[: 14 * RATE], spoken, quiet])  # across the first row's end
    found = speech.regions(clip_of(wave))
    assert found[0].start == pytest.approx(14, abs=0.2)
    assert found[-1].stop == pytest.approx(14 + len(spoken) / RATE, abs=0.4)
    assert all(a.stop <= b.start for a, b in pairwise(found))


def test_rows_side_by_side_hear_what_one_listener_hears(spoken: Wave) -> None:
    import silero_vad
    import torch

    wave = np.concatenate([spoken * gain for gain in (1, 0.3, 1, 0.1, 0.6, 1, 0.2)])
    with speech._one_thread():
        model = silero_vad.load_silero_vad()
        reference = silero_vad.get_speech_timestamps(torch.from_numpy(wave), model)
    expected = np.zeros(len(wave), bool)
    for part in reference:
        expected[part["start"] : part["end"]] = True
    got = np.zeros(len(wave), bool)
    for region in speech.regions(clip_of(wave)):
        got[round(region.start * RATE) : round(region.stop * RATE)] = True
    assert len(wave) > 2 * speech.ROW
    assert np.mean(expected == got) > 0.98


def test_nothing_of_one_clip_is_left_for_the_next(spoken: Wave) -> None:
    first = speech.regions(clip_of(spoken))
    speech.regions(clip_of(noise(3)))
    assert speech.regions(clip_of(spoken)) == first
    assert all(isinstance(region, Region) for region in first)


def test_threads_are_as_before(spoken: Wave) -> None:
    import torch

    before = torch.get_num_threads()
    sys.modules.pop("silero_vad.model", None)  # whose import sets them to one
    sys.modules.pop("silero_vad", None)
    speech.regions(clip_of(spoken[:RATE]))
    assert torch.get_num_threads() == before


@pytest.mark.shared
def test_corpus_clips_are_speech(shared_dir: Path) -> None:
    """Of sixty clips of people and machines none is refused, save crops that hold none.

    Four in 600 crops of the corpus are pauses between words, as their spectrograms show, so one
    among sixty is allowed.
    """
    with (shared_dir / "corpus" / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] in {"train", "dev"}]
    chosen = random.Random(0).sample(rows, 60)  # noqa: S311
    flac = shared_dir / "corpus" / "flac"
    qualities = [measure(decode(flac / f"{row['utt_id']}.flac")) for row in chosen]
    refusals = [q.refusal.code for q in qualities if q.refusal]
    assert refusals.count("no-speech") <= 1
    assert len(refusals) <= 3
    assert np.median([q.speech_seconds for q in qualities]) > 2
