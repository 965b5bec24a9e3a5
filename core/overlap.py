"""Stem frames of overlapping windows, each computed once.

Frame t of a convolutional stem depends on samples [320 t, 320 t + 400) of what it is given, so two
windows that overlap have frames in common. `SharedFrames` keeps those of one window for the next.

What comes out is equal to the last bit to the stem of each window alone. Where it would not be,
nothing is shared:

* windows that start elsewhere than on a multiple of 320 samples: frame t then looks at other
  samples (half a window of 64,600 is not a multiple, 32,000 is);
* stems that level or describe a whole window (`SpeechBackbone.local` is false: the texture stem,
  and the spectral one unless its levels are absolute);
* a detector that normalises each window by itself (`OverBackbone.level`);
* a window that is filled up by repetition, at the end of a clip: its last frames hear other sound;
* windows of another length: which kernel a convolution runs on depends on the length, and two
  kernels differ in the last bit, so frames are made in pieces of one window's length;
* stems of fewer than 64 channels, whose last rows run on another kernel (measured with oneDNN on
  AVX-512: 16 and 32 channels differ in the last bit, 64 and 512 do not), and other devices than
  the CPU, where nobody has measured it.

The stem is a ninth of the work of XLS-R: windows that overlap by half save about 5 % in all.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from core.backbones import SpeechBackbone

NARROWEST = 64  # channels

Read = Callable[[int], Tensor]


def may_share(backbone: SpeechBackbone) -> bool:
    """Whether windows may share frames of this stem without a changed bit."""
    wide = backbone.config.stem != "conv" or backbone.stem_width >= NARROWEST
    devices = {parameter.device.type for parameter in backbone.parameters()}
    return backbone.local and wide and devices == {"cpu"}


class SharedFrames:
    """Stem frames of windows of one length that come from left to right over one stretch of sound.

    Each window runs the stem once at most, on a piece as long as a window that begins where the
    frames so far end; a window whose frames are all there does not run it. Holds the frames of
    two windows.

    Parameters
    ----------
    read : first sample -> (1, samples), a window of the waveform as the stem wants to hear it.
    length : samples in the stretch.
    samples : in a window.
    """

    def __init__(self, backbone: SpeechBackbone, read: Read, length: int, samples: int) -> None:
        if not may_share(backbone):
            raise ValueError("Windows cannot share frames of this stem without changing them.")
        self._backbone, self._read = backbone, read
        self._samples, self._count = samples, backbone.frames(samples)
        self._last = (length - samples) // backbone.hop  # the frame at which the last piece begins
        self._begin = 0
        self._frames = torch.empty(0)  # from frame `_begin` on

    def serves(self, first: int, last: int) -> bool:
        """Whether a window is aligned, whole and inside the stretch."""
        inside = first >= 0 and first // self._backbone.hop <= self._last
        return inside and first % self._backbone.hop == 0 and last - first == self._samples

    def window(self, first: int) -> Tensor:
        """Frames of the window that begins at sample `first`: (1, frames, stem width).

        Raises
        ------
        ValueError
            where `serves` is false.
        """
        if not self.serves(first, first + self._samples):
            raise ValueError(
                f"A window of {self._samples} samples from {first} on cannot share frames: it must "
                f"start on a multiple of {self._backbone.hop} and end inside the sound."
            )
        at = first // self._backbone.hop
        end = self._begin + len(self._frames)
        if not self._begin <= at < end:
            self._begin, self._frames = at, self._piece(at)
        elif at + self._count > end:
            piece = min(end, self._last)  # the last piece begins earlier, and is cut
            new = self._piece(piece)[end - piece :]
            self._frames = torch.cat([self._frames[at - self._begin :], new])
            self._begin = at
        return self._frames[None, at - self._begin : at - self._begin + self._count]

    def _piece(self, frame: int) -> Tensor:
        return self._backbone.stem(self._read(frame * self._backbone.hop))[0]
