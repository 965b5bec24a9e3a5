"""The compact stem of Sparse AASIST: the texture of `core.texture` as a picture of bins and blocks.

The published network hears 70 sinc filters and learns from scratch what matters in them, for tens
of epochs on tens of hours. Here its residual blocks are given what is known to matter: 16 bins of
500 Hz, and in each bin the statistics of its bands (level, spread, movement, distance to the next
band, flatness) and how they beat, every 100 ms, read by a linear layer of the bin's own. The blocks
keep the length, as in the version of AASIST over wav2vec 2.0
(github.com/TakHemlata/SSL_Anti-spoofing), which pools before its blocks, not in them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from core import pulses
from core.texture import BLOCK, FLAT_BANDS, SHORT_HOP, TextureConfig, TextureStem

BINS = 16  # of 500 Hz
STEP = BLOCK * SHORT_HOP  # samples from one temporal node to the next: 100 ms
TEXTURE = TextureConfig()
NARROW = (3, 6, 7)  # the kinds that look at pairs of bands, and so have one band less
KINDS, FLATS = 8, 5
IN_BIN = KINDS * TEXTURE.bands // BINS + (FLATS + pulses.KINDS) * 2  # numbers that describe a bin
CHANNELS = 32  # what a bin's linear layer makes of them


class TexturePicture(nn.Module):
    """Waveform -> picture."""

    def __init__(self) -> None:
        super().__init__()
        self.texture = TextureStem(TEXTURE)
        self.read = nn.Parameter(torch.randn(BINS, IN_BIN, CHANNELS) / IN_BIN**0.5)

    def forward(self, wave: Tensor) -> Tensor:
        """Waveforms (batch, samples) -> (batch, CHANNELS, 16 bins, blocks of 100 ms)."""
        return self.picture(self.texture.scaled(self.texture.statistics(wave.float())))

    def picture(self, blocks: Tensor) -> Tensor:
        """Scaled statistics (batch, blocks, width) -> (batch, CHANNELS, bins, blocks)."""
        bands, sizes = TEXTURE.bands, [TEXTURE.bands] * KINDS + [FLAT_BANDS] * FLATS
        for kind in NARROW:
            sizes[kind] -= 1
        sizes += [pulses.BANDS] * pulses.KINDS  # two bands a bin already
        kinds = [_resized(part, bands) for part in blocks.split(sizes, -1)[:KINDS]]
        flats = [_resized(part, 2 * BINS) for part in blocks.split(sizes, -1)[KINDS:]]
        binned = torch.cat([_binned(part) for part in (*kinds, *flats)], 1)
        made: Tensor = torch.einsum("bift,fio->boft", binned, self.read)
        return made


def _resized(part: Tensor, bands: int) -> Tensor:
    """(batch, blocks, n) -> (batch, blocks, bands), read in straight lines where n differs."""
    if part.shape[-1] == bands:
        return part
    resized: Tensor = functional.interpolate(part, bands, mode="linear", align_corners=True)
    return resized


def _binned(part: Tensor) -> Tensor:
    """(batch, blocks, bands) -> (batch, bands in a bin, bins, blocks)."""
    binned: Tensor = part.unflatten(-1, (BINS, -1)).permute(0, 3, 2, 1)
    return binned
