"""What the detectors and the windows of one scan need not compute twice.

Detectors over one backbone module that hear the same stretch, levelled the same way, share its
pass: the first of them runs it, as deep as the deepest needs (QAF-Static reads the lower 12 layers
of the others' 24). Windows that overlap share the stem's frames where that changes no bit
(`core.overlap` says where it would), and backbones that hear with one ear (`core.ears`) share its
statistics. Scores are the same to the last bit as without sharing.

A `Passes` belongs to one scan on one thread, and windows come from left to right. It keeps, for
each way of hearing, the last window's layers, statistics and two windows of frames: memory does not
grow.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from core.backbones import Layers
from core.detectors.base import Detector, Features
from core.detectors.over_backbone import Level, OverBackbone
from core.ears import EarsStem
from core.overlap import SharedFrames, may_share
from core.types import Clip, Window
from core.windows import wave_of


class Hearing(NamedTuple):
    """Detectors with equal ones get the same layers for the same window."""

    backbone: int  # id of the module: the loader gives detectors over one checkpoint one module
    samples: int
    level: Level


def hearing_of(detector: OverBackbone) -> Hearing:
    """How a detector hears its backbone."""
    return Hearing(id(detector.backbone), detector.spec.samples, detector.level)


def device_of(detector: Detector) -> torch.device:
    """Where a detector's weights are."""
    return next((p.device for p in detector.parameters()), torch.device("cpu"))


class Passes:
    """Features of the windows of one clip, for the detectors that look at it together."""

    def __init__(self, clip: Clip, detectors: Sequence[Detector]) -> None:
        self._clip = clip
        self._depths: dict[Hearing, list[int | None]] = {}
        for one in detectors:
            if isinstance(one, OverBackbone):
                self._depths.setdefault(hearing_of(one), []).append(one.depth)
        self._layers: dict[Hearing, tuple[Window, Layers]] = {}
        self._frames: dict[tuple[Hearing, str], SharedFrames] = {}
        self._statistics: dict[tuple[object, ...], tuple[Window, Tensor]] = {}

    def features(self, detector: Detector, window: Window) -> Features:
        """`detector.features` of a window, which is what that detector hears (`detect.reach`)."""
        wave = self._sound(window, detector.spec.samples).to(device_of(detector))
        if not isinstance(detector, OverBackbone):
            return detector.features(wave)
        hearing = hearing_of(detector)
        known = self._layers.get(hearing)
        if known is None or known[0] != window:
            self._layers.pop(hearing, None)  # its memory is free before the next is made
            known = window, self._heard(detector, hearing, window, wave)
            self._layers[hearing] = known
        return detector.read(wave, known[1])

    def _sound(self, window: Window, samples: int) -> Tensor:
        return torch.from_numpy(wave_of(self._clip, window, samples))[None]

    def _heard(
        self, detector: OverBackbone, hearing: Hearing, window: Window, wave: Tensor
    ) -> Layers:
        depths = self._depths.get(hearing, [None])
        deepest = None if None in depths else max(depth for depth in depths if depth is not None)
        frames = self._stem(detector, hearing, window)
        if frames is None:
            frames = self._ears(detector, hearing, window, wave)
        return detector.backbone.encode(frames, layers=deepest)

    def _ears(
        self, detector: OverBackbone, hearing: Hearing, window: Window, wave: Tensor
    ) -> Tensor:
        """Frames of the stem, whose ears another backbone may have heard this window with."""
        stem, levelled = detector.backbone.model.feature_extractor, detector.levelled(wave)
        if not isinstance(stem, EarsStem):
            return detector.backbone.stem(levelled)
        found = []
        for ear in stem.parts():
            key = (ear.options, hearing.samples, hearing.level, wave.device)
            known = self._statistics.get(key)
            if known is None or known[0] != window:
                known = self._statistics[key] = window, ear.statistics(levelled.float())
            found.append(known[1])
        return stem.framed(torch.cat(found, -1), wave.shape[-1]).to(wave.dtype).transpose(1, 2)

    def _stem(self, detector: OverBackbone, hearing: Hearing, window: Window) -> Tensor | None:
        """Frames of the stem that windows share; None where they must not."""
        if hearing.level != "none" or not may_share(detector.backbone):
            return None
        key, samples = (hearing, window.channel), hearing.samples
        if key not in self._frames:
            self._frames[key] = SharedFrames(
                detector.backbone,
                lambda first: self._sound(
                    replace(window, first=first, last=first + samples), samples
                ),
                self._clip.samples.length,
                samples,
            )
        shared = self._frames[key]
        return shared.window(window.first) if shared.serves(window.first, window.last) else None
