"""The generators: waveform in, a machine's copy of it out.

Architectures come from transformers where it has them (HiFi-GAN, UnivNet, DAC, EnCodec's SEANet),
in sizes that train in minutes; what it lacks, an inverse-STFT vocoder and a flow in the STFT's
domain, is short. All hear levels of about -20 dBFS.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

import core.torchaudio_guard  # noqa: F401  transformers imports torchaudio; the guard comes first
from core.types import RATE

# isort: split
from transformers import (
    DacConfig,
    DacModel,
    EncodecConfig,
    EncodecModel,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    UnivNetConfig,
    UnivNetModel,
)
from transformers.audio_utils import mel_filter_bank


class Mel(nn.Module):
    """Log mel spectra: (batch, samples) -> (batch, samples // hop, bands)."""

    window: Tensor
    bank: Tensor

    def __init__(self, size: int, hop: int, bands: int) -> None:
        super().__init__()
        self.size, self.hop = size, hop
        bank = mel_filter_bank(
            size // 2 + 1, bands, 0.0, RATE / 2, RATE, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        self.register_buffer("bank", torch.from_numpy(bank).float(), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        edge = (self.size - self.hop) // 2
        padded = functional.pad(wave[:, None], (edge, edge), mode="reflect")[:, 0]
        spectrum = torch.stft(
            padded, self.size, self.hop, window=self.window, center=False, return_complex=True
        )
        mel: Tensor = spectrum.abs().transpose(1, 2) @ self.bank
        return (mel + 1e-5).log()


class Generator(nn.Module):
    """A copy of a waveform, and what its training adds to the loss of the copy."""

    adversarial = True

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, samples) -> copies of the same shape, and a further loss."""
        raise NotImplementedError

    @torch.no_grad()
    def copy(self, wave: Tensor) -> Tensor:
        """Copies (batch, samples) of what is given."""
        made: Tensor = self(wave)[0]
        return made


class Vocoder(Generator):
    """Mel spectra, then a network that draws the waveform from them."""

    def __init__(self, mel: Mel, network: nn.Module) -> None:
        super().__init__()
        self.mel, self.network = mel, network

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        return self.draw(self.mel(wave)), wave.new_zeros(())

    def draw(self, mel: Tensor) -> Tensor:
        """Log mel spectra (batch, frames, bands) -> (batch, frames * hop)."""
        made: Tensor = self.network(mel)
        return made


class UnivNet(Vocoder):
    """UnivNet shapes noise by kernels that it predicts from the mel spectra."""

    def draw(self, mel: Tensor) -> Tensor:
        made: Tensor = self.network(mel).waveforms
        return made[:, : mel.shape[1] * self.mel.hop]


class ConvNext(nn.Module):
    """ConvNeXt blocks over frames (batch, frames, width), with a vector added to each if given."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.mix = nn.ModuleList(
            nn.Conv1d(width, width, 7, padding=3, groups=width) for _ in range(count)
        )
        self.think = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, 3 * width),
                nn.GELU(),
                nn.Linear(3 * width, width),
            )
            for _ in range(count)
        )

    def forward(self, frames: Tensor, added: Tensor | None = None) -> Tensor:
        for mix, think in zip(self.mix, self.think, strict=True):
            given = frames if added is None else frames + added
            frames = frames + think(mix(given.transpose(1, 2)).transpose(1, 2))
        return frames


class Vocos(nn.Module):
    """Mel spectra -> magnitudes and phases of an STFT -> waveform (Siuzdak, 2023)."""

    window: Tensor

    def __init__(self, bands: int, size: int, hop: int, width: int, blocks: int) -> None:
        super().__init__()
        self.size, self.hop = size, hop
        self.into = nn.Sequential(nn.Linear(bands, width), nn.LayerNorm(width))
        self.body = ConvNext(width, blocks)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, size + 2))
        self.register_buffer("window", torch.hann_window(size), persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        loud, phase = self.out(self.body(self.into(mel))).transpose(1, 2).chunk(2, 1)
        spectrum = torch.polar(loud.clamp_max(6).exp(), phase)
        return inverse(spectrum, self.window, self.hop)


def inverse(spectrum: Tensor, window: Tensor, hop: int) -> Tensor:
    """STFT (batch, bins, frames) of frames without centring -> (batch, frames * hop)."""
    size, frames = len(window), spectrum.shape[2]
    pieces = torch.fft.irfft(spectrum, n=size, dim=1) * window[:, None]
    weight = window.square()[:, None].expand(-1, frames)
    total, square = (
        functional.fold(x, (1, (frames - 1) * hop + size), (1, size), stride=(1, hop))[:, 0, 0]
        for x in (pieces, weight[None])
    )
    edge = (size - hop) // 2
    made: Tensor = (total / square.clamp_min(1e-3))[:, edge : edge + frames * hop]
    return made


class Flow(Generator):
    """A rectified flow from noise to a compressed STFT, given mel spectra (as RFWave, 2024)."""

    adversarial = False
    window: Tensor
    STEPS, POWER, SIZE, HOP = 8, 0.5, 512, 128

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.mel = Mel(1024, self.HOP, 80)
        self.given = nn.Linear(80, width)
        self.time = nn.Sequential(nn.Linear(64, width), nn.GELU(), nn.Linear(width, width))
        self.into = nn.Linear(self.SIZE + 2, width)
        self.body = ConvNext(width, blocks)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, self.SIZE + 2))
        self.register_buffer("window", torch.hann_window(self.SIZE), persistent=False)

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        target = self._compressed(wave)
        noise, time = torch.randn_like(target), torch.rand(len(wave), device=wave.device)
        at = time[:, None, None]
        found = self._velocity(noise + at * (target - noise), self.mel(wave), time)
        return wave, functional.mse_loss(found, target - noise)

    @torch.no_grad()
    def copy(self, wave: Tensor) -> Tensor:
        mel = self.mel(wave)
        state = torch.randn(*mel.shape[:2], self.SIZE + 2, device=wave.device)
        for step in range(self.STEPS):
            time = torch.full((len(wave),), step / self.STEPS, device=wave.device)
            state = state + self._velocity(state, mel, time) / self.STEPS
        real, imaginary = (state / 2).transpose(1, 2).chunk(2, 1)
        small = torch.complex(real, imaginary)
        return inverse(small * small.abs().pow(1 / self.POWER - 1), self.window, self.HOP)

    def _compressed(self, wave: Tensor) -> Tensor:
        edge = (self.SIZE - self.HOP) // 2
        padded = functional.pad(wave[:, None], (edge, edge), mode="reflect")[:, 0]
        spectrum = torch.stft(
            padded, self.SIZE, self.HOP, window=self.window, center=False, return_complex=True
        )
        small = spectrum * spectrum.abs().clamp_min(1e-6).pow(self.POWER - 1)
        return 2 * torch.cat([small.real, small.imag], 1).transpose(1, 2)

    def _velocity(self, state: Tensor, mel: Tensor, time: Tensor) -> Tensor:
        rates = torch.arange(32, device=time.device).mul(-math.log(1e3) / 32).exp() * 1e2
        angle = time[:, None] * rates
        added = self.time(torch.cat([angle.sin(), angle.cos()], 1))[:, None] + self.given(mel)
        found: Tensor = self.out(self.body(self.into(state), added))
        return found


class Codec(Generator):
    """Encoder, residual quantisers of which any number may be left out, decoder."""

    def __init__(self, encoder: nn.Module, quantiser: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.quantiser, self.decoder = encoder, quantiser, decoder

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        return self.through(wave, None)

    def through(self, wave: Tensor, quantisers: int | None) -> tuple[Tensor, Tensor]:
        """A copy by so many quantisers (None in training: a random number)."""
        latent, *_, commitment, codebook = self.quantiser(self.encoder(wave[:, None]), quantisers)
        made = self.decoder(latent)[:, 0, : wave.shape[1]]
        made = functional.pad(made, (0, wave.shape[1] - made.shape[1]))
        return made, (0.25 * commitment + codebook).mean()


def hifigan(
    rates: list[int], kernels: list[int], blocks: list[int], bands: int, size: int
) -> Vocoder:
    """HiFi-GAN (Kong et al., 2020)."""
    config = SpeechT5HifiGanConfig(
        model_in_dim=bands,
        upsample_initial_channel=256,
        upsample_rates=rates,
        upsample_kernel_sizes=kernels,
        resblock_kernel_sizes=blocks,
        resblock_dilation_sizes=[[1, 3, 5]] * len(blocks),
        normalize_before=False,
    )
    return Vocoder(Mel(size, math.prod(rates), bands), SpeechT5HifiGan(config))


def univnet() -> Vocoder:
    """UnivNet (Jang et al., 2021)."""
    config = UnivNetConfig(model_in_channels=64, model_hidden_channels=16, num_mel_bins=80)
    return UnivNet(Mel(1024, 256, 80), UnivNetModel(config))


def dac() -> Codec:
    """Descript's codec (Kumar et al., 2023): snakes, and codes of few dimensions."""
    config = DacConfig(
        encoder_hidden_size=24,
        downsampling_ratios=[2, 4, 5, 8],
        decoder_hidden_size=256,
        n_codebooks=8,
        codebook_size=512,
        quantizer_dropout=0.5,
        sampling_rate=RATE,
    )
    whole = DacModel(config)
    return Codec(whole.encoder, whole.quantizer, whole.decoder)


def seanet() -> Codec:
    """EnCodec's encoder and decoder (Défossez et al., 2022) around quantisers with gradients."""
    config = EncodecConfig(
        num_filters=16, hidden_size=96, upsampling_ratios=[8, 5, 4, 2], use_causal_conv=False
    )
    whole = EncodecModel(config)
    quantiser = DacModel(
        DacConfig(
            n_codebooks=8,
            codebook_size=512,
            quantizer_dropout=0.5,
            encoder_hidden_size=6,
            decoder_hidden_size=96,
        )
    ).quantizer
    return Codec(whole.encoder, quantiser, whole.decoder)


KINDS: dict[str, Callable[[], Generator]] = {
    "hifigan": lambda: hifigan([8, 8, 2, 2], [16, 16, 4, 4], [3, 7, 11], 80, 1024),
    "hifigan-coarse": lambda: hifigan([5, 5, 4, 2], [11, 11, 8, 4], [3, 5, 7], 64, 800),
    "univnet": univnet,
    "vocos": lambda: Vocoder(Mel(1024, 256, 80), Vocos(80, 1024, 256, 384, 6)),
    "flow": lambda: Flow(384, 6),
    "dac": dac,
    "seanet": seanet,
}


def quantisers_of(generator: Generator) -> tuple[int, ...]:
    """Numbers of quantisers at which a codec is worth copying through; () for a vocoder."""
    return (2, 4, 8) if isinstance(generator, Codec) else ()


def build(kind: str) -> Generator:
    """A fresh generator of that kind."""
    return KINDS[kind]()
