from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from core.backbones import COMPACT, XLSR_300M, SpeechBackbone, SpeechConfig
from core.compact import SpectralConfig
from core.overlap import SharedFrames, may_share
from core.packed import packed
from tests.core.test_backbones import CONFIGS, noise

SMALL: dict[str, Any] = {
    "layers": 1, "width": 32, "heads": 2, "ffn": 48, "positional_kernel": 16,
    "positional_groups": 4,
}  # fmt: skip
ABSOLUTE = SpectralConfig(bands=16, channels=(4,), level="none")
SHAREABLE = {
    "stem of XLS-R": replace(XLSR_300M, **SMALL),
    "narrow convolutions": replace(COMPACT, **SMALL, stem="conv"),
    "absolute spectra": replace(COMPACT, **SMALL, spectral=ABSOLUTE),
}
SAMPLES = 6_480  # 20 frames, and 80 samples that no frame needs


class Counted:
    """Shared frames over a wave, with a note of every piece that was run."""

    def __init__(
        self, config: SpeechConfig, wave: Tensor, samples: int = SAMPLES, *, fast: bool = False
    ) -> None:
        torch.manual_seed(1)
        plain = SpeechBackbone(config).eval()
        self.backbone = packed(plain) if fast else plain
        self.wave, self.samples = wave, samples
        self.pieces: list[int] = []  # first samples
        self.shared = SharedFrames(self.backbone, self._read, wave.shape[1], samples)

    def _read(self, first: int) -> Tensor:
        self.pieces.append(first)
        assert first + self.samples <= self.wave.shape[1]
        return self.wave[:, first : first + self.samples]

    def alone(self, first: int) -> Tensor:
        return self.backbone.stem(self.wave[:, first : first + self.samples])


@pytest.mark.parametrize("config", SHAREABLE.values(), ids=SHAREABLE)
@pytest.mark.parametrize("hop", [320, 960, 3_200, 6_400, 6_720])
def test_frames_are_equal_to_the_last_bit(config: SpeechConfig, hop: int) -> None:
    made = Counted(config, noise(1, 20_123))
    with torch.inference_mode():
        for first in range(0, 20_123 - SAMPLES, hop):
            assert torch.equal(made.shared.window(first), made.alone(first)), first


@pytest.mark.parametrize("samples", [64_600, 66_800])
@pytest.mark.parametrize("fast", [False, True], ids=["plain", "packed"])
def test_and_so_they_are_at_the_length_that_the_papers_hear(fast: bool, samples: int) -> None:
    made = Counted(SHAREABLE["stem of XLS-R"], noise(1, 2 * samples), samples, fast=fast)
    with torch.inference_mode():
        for first in (0, 12_800, 32_000, 64_000):
            assert torch.equal(made.shared.window(first), made.alone(first)), first


def test_and_what_the_encoder_makes_of_them() -> None:
    made = Counted(SHAREABLE["stem of XLS-R"], noise(1, 20_000))
    with torch.inference_mode():
        made.shared.window(0)
        heard = made.backbone.encode(made.shared.window(3_200))
        whole = made.backbone(made.wave[:, 3_200 : 3_200 + SAMPLES])
    assert torch.equal(heard.hidden, whole.hidden)
    assert torch.equal(heard.last, whole.last)


def test_each_frame_is_made_once() -> None:
    made = Counted(SHAREABLE["absolute spectra"], noise(1, 40 * 320 + SAMPLES))  # 60 frames
    for first in range(0, 40 * 320 + 1, 640):
        made.shared.window(first)
    assert made.pieces == [0, 20 * 320, 40 * 320]


def test_no_piece_reaches_beyond_the_end() -> None:
    made = Counted(SHAREABLE["absolute spectra"], noise(1, 31 * 320 + SAMPLES + 100))
    for first in (0, 320, 30 * 320, 31 * 320):
        assert torch.equal(made.shared.window(first), made.alone(first))
    assert made.pieces == [0, 20 * 320, 31 * 320]


def test_windows_that_do_not_overlap_are_made_alone() -> None:
    made = Counted(SHAREABLE["absolute spectra"], noise(1, 60_000))
    for first in (0, 32_000, 32_000, 6_400):  # apart, again, and back
        assert torch.equal(made.shared.window(first), made.alone(first))
    assert made.pieces == [0, 32_000, 6_400]


def test_what_it_keeps_does_not_grow() -> None:
    made = Counted(SHAREABLE["absolute spectra"], noise(1, 64_000))
    for first in range(0, 64_000 - SAMPLES, 320):
        made.shared.window(first)
        assert len(made.shared._frames) <= 2 * 20


@pytest.mark.parametrize(
    ("first", "last"), [(1_000, 7_480), (0, 6_000), (12_800, 19_280), (-320, 6_160)]
)
def test_windows_that_would_change_are_not_served(first: int, last: int) -> None:
    shared = Counted(SHAREABLE["absolute spectra"], noise(1, 16_000)).shared
    assert not shared.serves(first, last)
    if last - first == SAMPLES:
        with pytest.raises(ValueError, match=f"from {first} on cannot share frames"):
            shared.window(first)


@pytest.mark.parametrize(
    "config",
    [
        CONFIGS["compact-spectral"],  # levels a whole window
        replace(CONFIGS["compact-spectral"], stem="ears"),
        CONFIGS["xls-r"],  # 16 channels
    ],
)
def test_stems_that_would_change_are_not_shared(config: SpeechConfig) -> None:
    backbone = SpeechBackbone(config)
    assert not may_share(backbone)
    with pytest.raises(ValueError, match="cannot share frames of this stem"):
        SharedFrames(backbone, lambda _first: noise(1, SAMPLES), 16_000, SAMPLES)


def test_an_unaligned_hop_would_have_changed_the_frames() -> None:
    made = Counted(SHAREABLE["stem of XLS-R"], noise(1, 16_000))
    difference = made.alone(0)[:, 3:] - made.alone(1_000)[:, :-3]
    assert difference.abs().max() > 1e-3
