"""What every detector promises, so that the rest of the program need not know which one it holds.

A detector runs in two steps. `features(wave)` is the frozen, shareable part (the backbone; for
AASIST the waveform itself); `decide(features)` is the detector's own part. `forward` is one after
the other. Detectors over a speech backbone say more about `features`, so that several of them can
share one pass of it (`core.detectors.over_backbone`).

Nothing is hooked, nothing is stored on the module, and no flag changes what comes back: every
intermediate worth inspecting is put into the trace on the line that computes it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Self

from torch import Tensor, nn

from core.types import RATE, DetectorError, Evidence, Window

Features = Mapping[str, Tensor]  # each (batch, ...)
Size = Literal["paper", "compact"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a network wants to hear, as published.

    Clips shorter than `samples` are repeated and cut, as in the authors' loaders, never
    zero-padded. `normalise="clip"` is zero mean and unit variance of each input by itself.
    """

    samples: int = 64_600
    rate: int = RATE
    padding: Literal["repeat"] = "repeat"
    normalise: Literal["none", "clip"] = "none"


class Output(NamedTuple):
    """What a detector says of a batch.

    `spoof_logit` (batch,): higher = more likely spoofed.
    `trace`: named tensors, first axis batch, for evidence and losses. Always there:
    `"logits"` (batch, 2), class 0 = spoof, 1 = bona fide; `"embedding"` (batch, width), the
    vector before the classifier. With a contrastive head also `"projection"`.
    """

    spoof_logit: Tensor
    trace: Mapping[str, Tensor]


class Detector(nn.Module, ABC):
    """A speech deepfake detector; see the module docstring.

    Class attributes: `name` (the id used in commands, files and records), `title` (for people),
    `paper` (citation), `sizes` (which of "paper", "compact" exist).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]
    sizes: ClassVar[tuple[Size, ...]]

    @classmethod
    @abstractmethod
    def build(cls, config: Mapping[str, Any] | None = None, size: Size = "paper") -> Self:
        """An untrained detector: the defaults of `size`, changed by the entries of `config`.

        `build(detector.config_dict())` gives the same architecture again. Random weights are for
        training and tests only; scoring goes through `core.loading`, which refuses them.
        """

    @abstractmethod
    def config_dict(self) -> dict[str, Any]:
        """The full configuration as JSON values; what `card.json` keeps."""

    @property
    def label(self) -> str:
        """What this one is called for people, where its configuration makes a difference."""
        return self.title

    @property
    @abstractmethod
    def spec(self) -> InputSpec: ...

    @property
    def feature_key(self) -> str | None:
        """Equal for detectors whose `features` are one function; None where no other's are."""
        return None

    @property
    @abstractmethod
    def shortest(self) -> int:
        """Samples below which nothing comes out."""

    @abstractmethod
    def features(self, wave: Tensor) -> Features:
        """Waveforms (batch, samples) at `spec.rate` in [-1, 1] -> named tensors (batch, ...).

        Raises
        ------
        DetectorError
            where `check` refuses.
        """

    def check(self, wave: Tensor) -> None:
        """Refuse in words what is not a batch of waveforms, or too short."""
        if wave.ndim != 2 or not len(wave):
            raise DetectorError(
                f"{self.label} hears waveforms of the shape (clips, samples), one clip or more; "
                f"this has the shape {tuple(wave.shape)}."
            )
        if wave.shape[1] < self.shortest:
            raise DetectorError(
                f"{self.label} reads {self.spec.samples} samples and needs at least "
                f"{self.shortest}; this has {wave.shape[1]}."
            )

    @abstractmethod
    def decide(self, features: Features) -> Output: ...

    def relaxed(self, features: Features) -> Features:
        """What `decide` takes in place of features that have no gradient, such as codes.

        Empty for most. For attribution: a path between two inputs runs through these as well, so
        that the parts add up to the whole.
        """
        return {}

    def smooth(self, wave: Tensor) -> Features:
        """`features` without those that `relaxed` stands in for: what has a gradient."""
        return self.features(wave)

    def forward(self, wave: Tensor) -> Output:
        return self.decide(self.features(wave))

    @abstractmethod
    def evidence(self, trace: Mapping[str, Tensor], window: Window) -> tuple[Evidence, ...]:
        """What the detector looked at in one window, from the trace of a batch of one.

        Time axes are in seconds of the clip and stay inside the window: what fell on repeated
        padding is left out.
        """
