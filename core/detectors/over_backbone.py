"""What detectors over one speech backbone have in common: how they are built and what they hear.

A detector's own file says what it makes of the layers. Here is only what HierCon, SLS, MamBo and
QAF-Static would otherwise say in the same words, and what lets them share a pass: `features` is
`read` of the backbone's layers, and whoever has run that backbone on that window already, with the
waveform levelled the same way and deep enough, may call `read` at once (`core.sharing`).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar, Literal, Protocol, Self

from torch import Tensor
from torch.nn import functional

from core.backbones import Layers, SpeechBackbone, SpeechConfig, config_entries
from core.detectors.base import Detector, Features, InputSpec, Size

Level = Literal["none", "clip", "wavlm"]


def _clip(wave: Tensor) -> Tensor:
    return functional.layer_norm(wave, wave.shape[-1:])


def _wavlm(wave: Tensor) -> Tensor:
    centred = wave - wave.mean(-1, keepdim=True)
    variance = wave.var(-1, keepdim=True, unbiased=False)
    return centred / (variance + 1e-7).sqrt()


LEVELS: Mapping[Level, Callable[[Tensor], Tensor]] = {
    "none": lambda wave: wave,
    "clip": _clip,  # zero mean, unit variance, eps 1e-5: torchaudio's bundle for a batch of one
    "wavlm": _wavlm,  # zero mean, unit variance, eps 1e-7: WavLM's feature extractor
}


class OverBackboneConfig(Protocol):
    """What the configuration of such a detector has at least; its own file has the rest."""

    @property
    def backbone(self) -> SpeechConfig: ...
    @property
    def samples(self) -> int: ...


class OverBackbone(Detector):
    """A detector that reads the layers of one speech backbone; see the module docstring.

    A subclass names its configurations (`defaults`), calls this `__init__`, builds its head, and
    overrides `level`, `depth` and `read` where its answer is another.
    """

    defaults: ClassVar[Mapping[Size, Any]]  # frozen dataclasses
    config: Any  # one of them, perhaps changed

    def __init__(self, config: OverBackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = SpeechBackbone(config.backbone)

    @classmethod
    def build(cls, config: Mapping[str, Any] | None = None, size: Size = "paper") -> Self:
        base = cls.defaults[size]
        entries: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in (config or {}).items()
        }
        backbone = SpeechConfig.of(entries.pop("backbone", {}), base.backbone)
        return cls(replace(base, backbone=backbone, **entries))

    def config_dict(self) -> dict[str, Any]:
        entries = asdict(self.config) | {"backbone": config_entries(self.config.backbone)}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in entries.items()}

    @property
    def spec(self) -> InputSpec:
        return InputSpec(samples=self.config.samples)

    @property
    def level(self) -> Level:
        """How the waveform is levelled for the backbone."""
        return "none"

    def levelled(self, wave: Tensor) -> Tensor:
        """What the backbone hears of a waveform (batch, samples)."""
        return LEVELS[self.level](wave)

    @property
    def depth(self) -> int | None:
        """How many layers are read, from the bottom; None is all, and what `Layers.last` needs."""
        return None

    @property
    def feature_key(self) -> str | None:
        if type(self).read is not OverBackbone.read:
            return None  # it wants more than the layers
        return f"{id(self.backbone)}:{self.spec.samples}:{self.level}:{self.depth}"

    @property
    def shortest(self) -> int:
        """One frame of the backbone."""
        return self.backbone.frame

    def features(self, wave: Tensor) -> Features:
        self.check(wave)
        frames = self.backbone.stem(self.levelled(wave))
        return self.read(wave, self.backbone.encode(frames, layers=self.depth))

    def read(self, wave: Tensor, heard: Layers) -> Features:
        """What `decide` takes, from the waveform as it is and what the backbone made of it.

        `heard` may have more layers than `depth`.
        """
        return heard._asdict()
