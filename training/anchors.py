"""Simple detectors that any network here should beat: LFCC with a Gaussian mixture, or with trees.

LFCC: frames of 25 ms every 10 ms, 128 linear filters up to 8 kHz, 60 cosine coefficients, with
first and second differences: (frames, 180). So fine a resolution is not what the ASVspoof baselines
have (20 filters); of six that were tried, both detectors did best on dev with this one, and an
anchor ought to be strong.

    Mixture   a mixture of diagonal Gaussians a class; a clip's score is the mean over frames of
              ln p(frame | spoof) - ln p(frame | bona fide)
    Trees     gradient-boosted trees on moments and percentiles of the 180 numbers

Both are higher for spoof. Only train is ever used to fit them, and eval to choose nothing.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from core.types import RATE, Label
from training.waves import Wave

FRAME, HOP, SIZE = 400, 160, 512  # samples: 25 ms, 10 ms, and the transform's
FILTERS, COEFFICIENTS = 128, 60
NUMBERS = 3 * COEFFICIENTS
REACH = 2  # frames on either side for differences
FLOOR = 1e-10  # power below which a frame is silent
STATISTICS = (10.0, 50.0, 90.0)  # percentiles of each number, beside its moments

Frames = NDArray[np.float32]


def lfcc(wave: Wave) -> Frames:
    """Linear-frequency cepstral coefficients with differences, (frames, NUMBERS), at least one."""
    x = np.asarray(wave, np.float64)
    x = np.pad(x, (0, max(FRAME - x.size, 0)))
    pieces = np.lib.stride_tricks.sliding_window_view(x, FRAME)[::HOP]
    power = np.abs(np.fft.rfft(pieces * signal.get_window("hamming", FRAME), SIZE)) ** 2
    logs = np.log(power @ filters().T + FLOOR)
    cepstra = fft.dct(logs, norm="ortho", axis=1)[:, :COEFFICIENTS]
    first = differences(cepstra)
    return np.hstack([cepstra, first, differences(first)]).astype(np.float32)


def filters() -> Wave:
    """Triangles over frequency, evenly from 0 to 8 kHz, (filters, bins)."""
    edges = np.linspace(0.0, RATE / 2, FILTERS + 2)
    frequency = np.fft.rfftfreq(SIZE, 1.0 / RATE)
    width = edges[1]
    bank: Wave = np.maximum(1.0 - np.abs(frequency[None] - edges[1:-1, None]) / width, 0.0)
    return bank


def differences(values: Wave) -> Wave:
    """Slope over +-`REACH` frames by regression, the ends repeated; same shape."""
    padded = np.pad(values, ((REACH, REACH), (0, 0)), mode="edge")
    count = len(values)
    total = np.zeros_like(values)
    for step in range(1, REACH + 1):
        ahead = padded[REACH + step : REACH + step + count]
        total += step * (ahead - padded[REACH - step : REACH - step + count])
    return total / (2.0 * sum(step**2 for step in range(1, REACH + 1)))


class Anchor(Protocol):
    """What both kinds do. `name` goes into score files."""

    name: str

    def fit(self, clips: Sequence[Frames], labels: Sequence[Label]) -> None:
        """Learn from the LFCC of labelled clips."""

    def score(self, clip: Frames) -> float:
        """Higher = more likely spoofed; not calibrated."""


@dataclass
class Mixture:
    """Two Gaussian mixtures over frames, one a class."""

    components: int = 64
    every: int = 2  # of the frames of train; neighbours share half of their samples
    iterations: int = 100
    seed: int = 0
    name: str = "lfcc-gmm"
    fitted: dict[str, GaussianMixture] = field(default_factory=dict)

    def fit(self, clips: Sequence[Frames], labels: Sequence[Label]) -> None:
        for label in ("bonafide", "spoof"):
            own = [clip for clip, known in zip(clips, labels, strict=True) if known == label]
            frames = np.concatenate([clip[:: self.every] for clip in own])
            mixture = GaussianMixture(
                self.components,
                covariance_type="diag",
                init_params="k-means++",
                max_iter=self.iterations,
                random_state=self.seed,
            )
            with warnings.catch_warnings():
                # the last hundredth of a nat is not worth minutes; an anchor need not converge
                warnings.simplefilter("ignore", ConvergenceWarning)
                self.fitted[label] = mixture.fit(frames)

    def score(self, clip: Frames) -> float:
        spoof, human = (self.fitted[label].score(clip) for label in ("spoof", "bonafide"))
        return float(spoof - human)


@dataclass
class Trees:
    """Gradient-boosted trees over one row of statistics a clip; both classes weigh the same."""

    rounds: int = 300
    rate: float = 0.05
    seed: int = 0
    name: str = "lfcc-trees"
    fitted: Any = None

    def fit(self, clips: Sequence[Frames], labels: Sequence[Label]) -> None:
        model = HistGradientBoostingClassifier(
            max_iter=self.rounds,
            learning_rate=self.rate,
            early_stopping=False,
            class_weight="balanced",
            random_state=self.seed,
        )
        rows = np.stack([statistics(clip) for clip in clips])
        self.fitted = model.fit(rows, [label == "spoof" for label in labels])

    def score(self, clip: Frames) -> float:
        return float(self.fitted.decision_function(statistics(clip)[None])[0])


def statistics(clip: Frames) -> NDArray[np.float64]:
    """Mean, deviation, percentiles, skewness and kurtosis of each number, (7 * NUMBERS,).

    What never moves has no skewness and no kurtosis: 0.
    """
    values = np.asarray(clip, np.float64)
    mean, deviation = values.mean(0), values.std(0)
    scaled = (values - mean) / np.where(deviation > 0, deviation, 1.0)
    percentiles = np.percentile(values, STATISTICS, axis=0)
    return np.concatenate([mean, deviation, *percentiles, (scaled**3).mean(0), (scaled**4).mean(0)])
