"""Speech networks under the detectors: XLS-R, WavLM, EnCodec and their compact kin.

The only file that imports transformers. Three promises that the detectors build on:

* **Layer outputs are the layers' own outputs.** transformers 4 gave the last hidden state after
  the encoder's final layer norm, transformers 5 before it. `SpeechBackbone` runs the encoder's
  layers one after another and keeps what each returns, so layer 24 is before that norm whatever
  the version; no hook is registered.
* **Nothing random.** Every dropout, layer drop and SpecAugment is 0, as fairseq's recipe has it,
  whatever a published configuration says.
* **Frames are local** for a stem of convolutions: frame t depends on samples
  [320 t, 320 t + 400) and no others, so windows that overlap by a multiple of 320 samples may
  share them (`core.overlap`).

Sizes: `XLSR_300M` and `WAVLM_LARGE` (first 12 layers; those above are not built) are the papers';
`COMPACT` has the same encoder, 24 layers in pre-norm order with a convolutional position
embedding, but narrow, over a stem of small convolutions, of spectra (`core.compact`), or of
statistics around a frame (`core.ears`: of texture, cepstra, phase).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

import core.torchaudio_guard  # noqa: F401  transformers imports torchaudio; the guard comes first
from core.blocks import BlockStem
from core.cepstra import CepstraConfig, CepstraStem
from core.compact import SpectralConfig, SpectralStem
from core.ears import EarsStem
from core.phase import PhaseConfig, PhaseStem
from core.texture import TextureConfig, TextureStem
from core.types import RATE

# isort: split
import torchaudio
from transformers import (
    EncodecConfig,
    EncodecModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
)

KERNELS = (10, 3, 3, 3, 3, 2, 2)  # samples, of the seven convolutions of wav2vec 2.0's stem
STRIDES = (5, 2, 2, 2, 2, 2, 2)

MOST = {  # that a card may ask for: a few times the largest published encoders
    "layers": 96,
    "width": 4096,
    "heads": 64,
    "ffn": 16_384,
    "stem_width": 2048,
    "positional_kernel": 512,
    "positional_groups": 256,
}

Kind = Literal["xls-r", "wavlm", "compact"]
Ear = Literal["texture", "cepstra", "phase"]
Stem = Literal["conv", "spectral", "ears"]


class Layers(NamedTuple):
    """What a backbone hears.

    `hidden` (batch, layers, frames, width): the output of each transformer layer, before the
    encoder's final layer norm. `last` (batch, frames, width): the topmost one after that norm.
    """

    hidden: Tensor
    last: Tensor


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """Which encoder, and how large. `stem_width` is of the convolutions, `spectral` of the other.

    Attributes
    ----------
    positional_kernel, positional_groups : of the convolutional position embedding, in frames.
    ears : which statistics a stem of ears takes, side by side.
    conv_bias : whether the stem's convolutions have biases (XLS-R yes, WavLM no).
    """

    kind: Kind = "compact"
    layers: int = 24
    width: int = 144
    heads: int = 4
    ffn: int = 320
    stem: Stem = "spectral"
    stem_width: int = 64
    conv_bias: bool = True
    positional_kernel: int = 64
    positional_groups: int = 16
    spectral: SpectralConfig = field(default_factory=SpectralConfig)
    texture: TextureConfig = field(default_factory=TextureConfig)
    cepstra: CepstraConfig = field(default_factory=CepstraConfig)
    phase: PhaseConfig = field(default_factory=PhaseConfig)
    ears: tuple[Ear, ...] = ("texture",)

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            if not 1 <= (given := getattr(self, name)) <= most:
                raise ValueError(f"{name} is from 1 to {most}, not {given}.")
        if self.stem not in get_args(Stem):
            raise ValueError(f"the stem is one of {', '.join(get_args(Stem))}, not {self.stem!r}.")
        known = get_args(Ear)
        if not self.ears or len(set(self.ears)) < len(self.ears) or set(self.ears) - set(known):
            raise ValueError(f"ears are some of {', '.join(known)}, each once; not {self.ears}.")

    @property
    def described(self) -> int:
        """Numbers that describe a frame at the end of the stem."""
        if self.stem == "ears":
            return sum(getattr(self, ear).width for ear in self.ears)
        return self.spectral.width if self.stem == "spectral" else self.stem_width

    @classmethod
    def of(cls, entries: Mapping[str, Any], base: "SpeechConfig | None" = None) -> "SpeechConfig":
        """`base` changed by `entries`, as they stand in a card's JSON."""
        base = base or cls()
        entries = dict(entries)
        spectral = dict(entries.pop("spectral", {}))
        spectral = {k: tuple(v) if isinstance(v, list) else v for k, v in spectral.items()}
        entries["ears"] = tuple(entries.get("ears", base.ears))
        own = {ear: replace(getattr(base, ear), **entries.pop(ear, {})) for ear in get_args(Ear)}
        return replace(base, **entries, **own, spectral=replace(base.spectral, **spectral))


XLSR_300M = SpeechConfig("xls-r", 24, 1024, 16, 4096, "conv", 512, positional_kernel=128)
WAVLM_LARGE = SpeechConfig(
    "wavlm", 12, 1024, 16, 4096, "conv", 512, conv_bias=False, positional_kernel=128
)
COMPACT = SpeechConfig()


def _encoder(config: SpeechConfig) -> Any:
    """The transformers model of that configuration, with random weights and nothing random else."""
    options: dict[str, Any] = {
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.ffn,
        "conv_dim": (config.stem_width,) * (len(KERNELS) - 1) + (config.described,),
        "conv_kernel": KERNELS,
        "conv_stride": STRIDES,
        "conv_bias": config.conv_bias,
        "num_conv_pos_embeddings": config.positional_kernel,
        "num_conv_pos_embedding_groups": config.positional_groups,
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "apply_spec_augment": False,
        "mask_time_prob": 0.05,  # not used for masking: it makes the model own its mask embedding
    }
    zero = ("hidden", "attention", "activation", "feat_proj", "final")
    options |= {f"{name}_dropout": 0.0 for name in zero} | {"layerdrop": 0.0}
    if config.kind == "wavlm":
        return WavLMModel(WavLMConfig(**options))
    model: Any = Wav2Vec2Model(Wav2Vec2Config(**options | {"attn_implementation": "sdpa"}))
    if config.stem == "spectral":
        model.feature_extractor = SpectralStem(config.spectral)
    if config.stem == "ears":
        model.feature_extractor = EarsStem([_ear(config, ear) for ear in config.ears])
    return model


def _ear(config: SpeechConfig, ear: Ear) -> BlockStem:
    if ear == "texture":
        return TextureStem(config.texture)
    return CepstraStem(config.cepstra) if ear == "cepstra" else PhaseStem(config.phase)


class SpeechBackbone(nn.Module):
    """Waveform -> layer outputs. `model` holds the weights under transformers' names.

    The final layer norm of a WavLM cut at layer 12 is the one that followed layer 24, so its
    `last` means nothing; QAF-Static does not use it.
    """

    model: Any  # transformers' types say less than nothing here

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        self.config = config
        self.model = _encoder(config)
        # only masked pre-training uses it; detectors would show it as a parameter without gradient
        self.model.masked_spec_embed.requires_grad_(False)  # noqa: FBT003

    @property
    def width(self) -> int:
        return self.config.width

    @property
    def layers(self) -> int:
        return self.config.layers

    @property
    def stem_width(self) -> int:
        """Numbers that describe a frame at the end of the stem."""
        return self.config.described

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return math.prod(STRIDES)

    @property
    def frame(self) -> int:
        """Samples that one frame of the stem looks at: 400."""
        samples = 1
        for kernel, stride in zip(reversed(KERNELS), reversed(STRIDES), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples

    @property
    def local(self) -> bool:
        """Whether a frame of the stem depends on its own samples only."""
        return self.config.stem == "conv" or (
            self.config.stem == "spectral" and self.config.spectral.local
        )

    @property
    def final_norm(self) -> nn.LayerNorm:
        """The norm between the last layer and `Layers.last`; detectors on `hidden` freeze it."""
        norm: nn.LayerNorm = self.model.encoder.layer_norm
        return norm

    def frames(self, samples: int) -> int:
        """Frames for that many samples: 201 for 64,600."""
        for kernel, stride in zip(KERNELS, STRIDES, strict=True):
            samples = (samples - kernel) // stride + 1
        return max(samples, 0)

    def stem(self, wave: Tensor) -> Tensor:
        """Waveforms (batch, samples) -> local frames (batch, frames, stem width)."""
        if self.frames(wave.shape[-1]) < 1:
            raise ValueError(f"{wave.shape[-1]} samples are less than one frame.")
        if self.config.stem != "conv":
            spectra: Tensor = self.model.feature_extractor(wave)
            return spectra.transpose(1, 2)
        frames = wave[:, None]
        # not feature_extractor(wave): in training that switches on gradients of its input
        for conv in self.model.feature_extractor.conv_layers:
            frames = conv(frames)
        return frames.transpose(1, 2)

    def encode(
        self, frames: Tensor, masked: Tensor | None = None, layers: int | None = None
    ) -> Layers:
        """Frames of the stem -> layer outputs.

        Parameters
        ----------
        frames : (batch, frames, stem width).
        masked : optional, bool (batch, frames): frames to replace by the learned mask embedding
            (masked pre-training).
        layers : how many layers to run, from the bottom; all where it is None. `last` is then the
            final norm of the topmost layer that ran.
        """
        state, _ = self.model.feature_projection(frames)
        if masked is not None:
            state = torch.where(masked[..., None], self.model.masked_spec_embed, state)
        state = state + self.model.encoder.pos_conv_embed(state)  # (batch, frames, width)
        hidden = list(self._run(state, layers))
        return Layers(torch.stack(hidden, 1), self.final_norm(hidden[-1]))

    def _run(self, state: Tensor, layers: int | None) -> Iterator[Tensor]:
        """Each layer's output. WavLM's first layer makes a position bias that the others take."""
        given: dict[str, Any] = {}
        for layer in self.model.encoder.layers[:layers]:
            out = layer(state, **given)
            state = out[0] if isinstance(out, tuple) else out
            if self.config.kind == "wavlm":
                given = {"position_bias": out[1]}
            yield state

    def forward(self, wave: Tensor) -> Layers:
        return self.encode(self.stem(wave))


# --- EnCodec ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """An EnCodec at 24 kHz: 75 frames a second, residual codebooks of 1024 entries of 128 numbers.

    `quantizers=8` is 6 kbit/s. The decoder is built only to train a codec or to make speech with
    it; detectors need the encoder and the codebooks.
    """

    quantizers: int = 8
    filters: int = 32
    lstm_layers: int = 2
    entries: int = 1024
    width: int = 128
    decoder: bool = False


ENCODEC_24KHZ = CodecConfig()
COMPACT_CODEC = CodecConfig(filters=8, lstm_layers=1)


class Codec(nn.Module):
    """EnCodec's codes of 16 kHz speech. `model` holds the weights under transformers' names."""

    RATE = 24_000  # Hz
    RATIOS = (8, 5, 4, 2)
    model: Any

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        frame_rate = self.RATE / math.prod(self.RATIOS)
        self.kilobits = config.quantizers * frame_rate * (config.entries.bit_length() - 1) / 1000
        self.model = EncodecModel(
            EncodecConfig(
                target_bandwidths=(self.kilobits,),
                sampling_rate=self.RATE,
                upsampling_ratios=self.RATIOS,
                num_filters=config.filters,
                num_lstm_layers=config.lstm_layers,
                codebook_size=config.entries,
                hidden_size=config.width,
                normalize=False,
            )
        )
        for layer in self.model.quantizer.layers:
            layer.codebook.embed.normal_()  # transformers' zeros would make every code the same
            if not config.decoder:  # state of codebook training only
                del layer.codebook.embed_avg, layer.codebook.cluster_size
        if not config.decoder:
            del self.model.decoder

    def frames(self, samples: int) -> int:
        """Codec frames for that many samples at 16 kHz: 303 for 64,600."""
        resampled = -(-samples * self.RATE // RATE)
        return -(-resampled // math.prod(self.RATIOS))

    def resample(self, wave: Tensor) -> Tensor:
        """16 kHz -> 24 kHz with one fixed windowed-sinc filter (torchaudio, its defaults)."""
        resampled: Tensor = torchaudio.functional.resample(wave, RATE, self.RATE)
        return resampled

    def codes(self, wave: Tensor) -> Tensor:
        """Waveforms (batch, samples) at 16 kHz -> int64 (batch, quantizers, codec frames).

        No gradient: the choice of the nearest codebook entry has none.
        """
        with torch.no_grad():
            latent = self.model.encoder(self.resample(wave)[:, None])
            codes: Tensor = self.model.quantizer.encode(latent, self.kilobits)
        return codes.transpose(0, 1)

    def codebooks(self) -> Tensor:
        """The vectors behind the codes: (quantizers, entries, width)."""
        return torch.stack([layer.codebook.embed for layer in self.model.quantizer.layers])


def config_entries(config: SpeechConfig | CodecConfig) -> dict[str, Any]:
    """The configuration as JSON values."""
    entries = asdict(config)
    if "ears" in entries:
        entries["ears"] = list(entries["ears"])
    if "spectral" in entries:
        spectral: dict[str, Any] = entries["spectral"]
        entries["spectral"] = {
            k: list(v) if isinstance(v, tuple) else v for k, v in spectral.items()
        }
    return entries
