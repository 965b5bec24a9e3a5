"""The compact stem of Sparse AASIST: a learned picture of spectra of three lengths.

The published network hears 70 sinc filters and learns from scratch what matters in them, for tens
of epochs on tens of hours. Here its residual blocks are given log spectra of 25, 10 and 4 ms
(`core.compact`), fine in frequency, in between, and fine in time, which three small convolutions
read into 16 bins 500 Hz apart; five frames are averaged to a block of 100 ms. Unlike the stems of
the other four detectors, all of it is learned: what this network finds is not what they find, which
is why it is here. The blocks keep the length, as in the version of AASIST
over wav2vec 2.0 (github.com/TakHemlata/SSL_Anti-spoofing), which pools before its blocks, not in
them.
"""

from torch import Tensor, nn
from torch.nn import functional

from core.compact import FRAME, HOP, SpectralConfig, SpectralStem
from core.types import RATE

BINS, CHANNELS = 16, 32  # 500 Hz apart; what is known of a bin
FRAMES = 5  # of 20 ms in a block
STEP = FRAMES * HOP  # samples from one temporal node to the next: 100 ms
SHORTEST = FRAME + (FRAMES - 1) * HOP  # samples of one block
BANDS = 8  # of the spectra from one bin to the next: three convolutions of stride 2
SPECTRA = SpectralConfig(
    windows=(400, 160, 64), bands=BANDS * BINS, channels=(32, 48, CHANNELS), time_kernel=3
)
# Hz: bin b looks at the bands around band 8 b, 7 to either side
CENTRES = tuple((BANDS * b + 1) * RATE / 2 / (BANDS * BINS + 1) for b in range(BINS))


class SpectralPicture(nn.Module):
    """Waveform -> picture."""

    def __init__(self) -> None:
        super().__init__()
        self.spectra = SpectralStem(SPECTRA)

    def forward(self, wave: Tensor) -> Tensor:
        """Waveforms (batch, samples) -> (batch, CHANNELS, BINS, blocks of 100 ms)."""
        frames: Tensor = self.spectra(wave.float())
        return functional.avg_pool2d(frames.unflatten(1, (CHANNELS, BINS)), (1, FRAMES))
