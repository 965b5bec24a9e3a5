"""What a scan shares changes no bit of a score, and is really shared."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.cepstra import CepstraStem
from core.detect import Settings, scan
from core.detectors.base import Detector
from core.detectors.hiercon import HierCon
from core.detectors.mambo import Mambo
from core.detectors.over_backbone import OverBackbone
from core.detectors.qaf import QafStatic
from core.detectors.sls import Sls
from core.loading import Loaded
from core.phase import PhaseStem
from core.windows import wave_of
from tests.core.detectors import tiny
from tests.core.loudness import clip_of, loaded

BACKBONE = tiny.BACKBONE | {"stem_width": 64}
EARS = tiny.BACKBONE | {"stem": "ears", "ears": ["cepstra", "phase"]}
SAMPLES = tiny.SAMPLES  # 20 frames, and 80 samples that no frame needs
HALF = Settings(hop_seconds=0.2)  # 3,200 samples
SOUND = tiny.noise(31 * 320 + SAMPLES).numpy()


def on_one(backbone: dict[str, Any], **mambo: Any) -> list[OverBackbone]:
    """The four over one backbone module; QAF-Static reads 4 of its 6 layers."""
    torch.manual_seed(2)
    changes = {"backbone": backbone, "samples": SAMPLES}
    made: list[OverBackbone] = [
        QafStatic.build(tiny.QAF | changes | {"normalise": False}, "compact"),
        HierCon.build(tiny.HIERCON | changes, "compact"),
        Sls.build(tiny.SLS | changes, "compact"),
        Mambo.build(changes | {"units": 1, "repeats": 1} | mambo, "compact"),
    ]
    for one in made:
        one.eval().backbone = made[0].backbone
    return made


def as_loaded(detectors: Sequence[Detector]) -> list[Loaded]:
    plain = loaded()
    return [
        Loaded(one, loaded(name=f"{one.name}-{place}").checkpoint, plain.calibration)
        for place, one in enumerate(detectors)
    ]


class Work:
    """Counts what one backbone is asked for."""

    def __init__(self, detector: OverBackbone, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frames, self.layers = 0, list[int]()
        backbone = detector.backbone
        stem, encode = backbone.stem, backbone.encode

        def counted_stem(wave: Tensor) -> Tensor:
            frames = stem(wave)
            self.frames += frames.shape[1]
            return frames

        def counted_encode(*given: Any, **options: Any) -> Any:
            heard = encode(*given, **options)
            self.layers.append(heard.hidden.shape[1])
            return heard

        monkeypatch.setattr(backbone, "stem", counted_stem)
        monkeypatch.setattr(backbone, "encode", counted_encode)


def check(detectors: Sequence[Detector], settings: Settings, sound: Any = SOUND) -> int:
    """Hold every score of a scan against the detector alone on the same wave; how many windows."""
    clip = clip_of([sound])
    ones = as_loaded(detectors)
    steps = list(scan(clip, ones, settings))
    for step in steps:
        assert step.reading is not None
        window, detector = step.reading.window, step.loaded.detector
        wave = torch.from_numpy(wave_of(clip, window, detector.spec.samples))[None]
        with torch.inference_mode():
            alone = float(detector(wave).spoof_logit[0])
        assert step.reading.score.spoof_logit == alone, (detector.name, window)
    return steps[-1].windows


@pytest.mark.parametrize("backbone", [BACKBONE, EARS], ids=["convolutions", "ears"])
@pytest.mark.parametrize("hop", [0.06, 0.2, 0.4])
def test_scores_are_those_without_sharing_to_the_last_bit(
    backbone: dict[str, Any], hop: float
) -> None:
    assert check(on_one(backbone), Settings(hop_seconds=hop)) >= 3


def test_a_clip_that_does_not_end_on_a_frame_and_a_short_one() -> None:
    four = on_one(BACKBONE)
    check(four, HALF, SOUND[:-123])
    assert check(four, HALF, SOUND[:4_000]) == 1


def test_each_frame_and_each_layer_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    four = on_one(BACKBONE)
    work = Work(four[0], monkeypatch)
    steps = list(scan(clip_of([SOUND]), as_loaded(four), HALF))
    assert len(steps) == 4 * 5  # windows at 0, 10, 20, 30 and 31 frames
    assert work.layers == [6] * 5  # one pass a window, deep enough for all four
    # 51 frames in pieces of 20, the last of which ends with the clip
    assert work.frames == 60
    assert work.frames < 5 * 20


def test_alone_a_detector_runs_no_deeper_than_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    qaf = on_one(BACKBONE)[0]
    work = Work(qaf, monkeypatch)
    list(scan(clip_of([SOUND]), as_loaded([qaf]), HALF))
    assert work.layers == [4] * 5


def test_a_stem_over_the_whole_window_runs_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    four = on_one(EARS)
    work = Work(four[0], monkeypatch)
    list(scan(clip_of([SOUND]), as_loaded(four), HALF))
    assert work.layers == [6] * 5


def test_backbones_with_a_common_ear_hear_a_window_with_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    for kind in (CepstraStem, PhaseStem):
        own = kind.statistics

        def counted(self: Any, wave: Tensor, own: Any = own) -> Tensor:
            asked.append(type(self).__name__)
            heard: Tensor = own(self, wave)
            return heard

        monkeypatch.setattr(kind, "statistics", counted)
    first = on_one(EARS)[1]
    second = on_one(EARS | {"ears": ["phase"]})[1]
    third = on_one(EARS | {"ears": ["phase"], "phase": {"coefficients": 20}})[1]
    list(scan(clip_of([SOUND]), as_loaded([first, second, third]), HALF))
    assert Counter(asked) == {"CepstraStem": 5, "PhaseStem": 10}  # the third hears otherwise
    check([first, second, third], HALF)


def test_whoever_levels_the_window_hears_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    four = on_one(BACKBONE, normalise="clip")
    work = Work(four[0], monkeypatch)
    list(scan(clip_of([SOUND]), as_loaded(four), HALF))
    assert work.layers == [6] * 10  # MamBo apart from the others
    assert work.frames == 60 + 5 * 20
    check(four, HALF)


def test_other_backbones_and_other_lengths_are_other_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = on_one(BACKBONE)[1], on_one(BACKBONE)[1]
    works = [Work(first, monkeypatch), Work(second, monkeypatch)]
    list(scan(clip_of([SOUND]), as_loaded([first, second]), HALF))
    assert [work.layers for work in works] == [[6] * 5, [6] * 5]
    longer = Mambo.build({"backbone": BACKBONE, "samples": 8_080, "units": 1}, "compact").eval()
    longer.backbone = first.backbone
    check([first, longer], HALF)


def test_features_of_one_key_are_one_function() -> None:
    qaf, hiercon, sls, mambo = on_one(BACKBONE)
    assert qaf.feature_key is None  # it wants codes too
    assert hiercon.feature_key == sls.feature_key == mambo.feature_key
    assert hiercon.feature_key != on_one(BACKBONE)[1].feature_key
    assert mambo.feature_key != on_one(BACKBONE, normalise="clip")[3].feature_key
    wave = tiny.noise(2, SAMPLES)
    with torch.inference_mode():
        given = hiercon.features(wave)
        assert torch.equal(sls.decide(given).spoof_logit, sls(wave).spoof_logit)
        assert torch.equal(mambo.decide(given).spoof_logit, mambo(wave).spoof_logit)


def test_channels_do_not_mix() -> None:
    sls = on_one(BACKBONE)[2]
    right = np.ascontiguousarray(SOUND[::-1])
    clip, (one,) = clip_of([SOUND, right]), as_loaded([sls])
    both = list(scan(clip, [one], Settings(hop_seconds=0.2, channels="each")))
    for channel, sound in (("left", SOUND), ("right", right)):
        found = [s.reading.score for s in both if s.reading and s.reading.window.channel == channel]
        alone = [s.reading.score for s in scan(clip_of([sound]), [one], HALF) if s.reading]
        assert found == alone
