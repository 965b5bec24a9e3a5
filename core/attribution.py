"""Which parts of a window moved a detector's number: integrated gradients and occlusion.

Works on any detector from outside, in logits, signed: positive spoke for a spoof. Both methods
(captum's) see the window as cells of a short-time Fourier transform, from which the waveform is
made again by overlap-add, so that a cell has a time and a frequency and leaves without a click.

Compared with what? Not with silence: most of these networks level their input, so fading a clip
out changes nothing until there is nothing left. The baseline is noise with the clip's own level
and average spectrum, always the same noise. What a network would say of the clip if nothing but
its long-term spectrum were left is thus the zero of all pictures.

Integrated gradients (Sundararajan et al. 2017) add up: the parts sum to the detector's number for
the clip minus that for the baseline. The gap of the finite sum (`delta`) is measured and stands
in the caption. Occlusion asks once for each cell, needs no gradient and does not add up. Neither
is a cause: both say what this network reacts to.

A clip shorter than the network's input is repeated inside the function that is attributed, so
every repetition counts for the real audio it came from.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from captum.attr import FeatureAblation, IntegratedGradients
from numpy.typing import NDArray
from torch import Tensor

from core.detectors.axes import numbered
from core.detectors.base import Detector
from core.types import RATE, Axis, Evidence, Window

FFT, HOP = 512, 128  # samples: 32 ms, 8 ms
SEED = 20_261_120  # of the baseline's phases


@dataclass(frozen=True, slots=True)
class Settings:
    """How fine and how costly.

    Attributes
    ----------
    steps : points on the path of integrated gradients; each is a forward and a backward pass.
    batch : passes at once.
    seconds, bands : size of the cells that integrated gradients are summed into.
    occluded_seconds, occluded_bands : size of the cells that are taken away; each is a pass.
    """

    steps: int = 32
    batch: int = 4
    seconds: float = 0.1
    bands: int = 16
    occluded_seconds: float = 0.25
    occluded_bands: int = 8


class Attributed(NamedTuple):
    """Evidence, and how well it adds up.

    `delta` is the sum of the parts minus (`spoof_logit` - `baseline_logit`); None for occlusion.
    """

    evidence: tuple[Evidence, ...]
    spoof_logit: float
    baseline_logit: float
    delta: float | None


class Grid(NamedTuple):
    """Cells over the bins and frames of a transform: which one each bin and frame belongs to."""

    bands: Tensor  # (bins,)
    times: Tensor  # (frames,)
    frequency: Axis
    time: Axis
    width: int  # samples of a cell

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.frequency), len(self.time)

    @property
    def cells(self) -> Tensor:
        """(bins, frames): the number of each one's cell, row by row."""
        return self.bands[:, None] * len(self.time) + self.times

    def summed(self, values: Tensor) -> NDArray[np.float32]:
        """(bins, frames) -> (bands, times)."""
        out = values.new_zeros(math.prod(self.shape))
        out.index_add_(0, self.cells.flatten(), values.flatten())
        return out.reshape(self.shape).float().numpy()


def passes(window: Window, settings: Settings) -> tuple[int, int]:
    """Passes through the network: (forward and backward for gradients, forward for occlusion)."""
    real = window.last - window.first
    cells = math.ceil(real / round(settings.occluded_seconds * RATE))
    return settings.steps + 2, cells * (
        1 + settings.occluded_bands
    ) + 4  # captum asks for the whole


def integrated_gradients(
    detector: Detector, wave: NDArray[np.float32], window: Window, settings: Settings
) -> Attributed:
    """Shares of time, and of time x frequency, that add up.

    Parameters
    ----------
    detector : in eval mode.
    wave : (samples,) of the network's input; what lies beyond the window's real audio is taken
        to be its repetition.

    Returns
    -------
    Evidence `attribution.ig.time`, `attribution.ig.spectrum`; for a detector that reads a codec
    also `attribution.ig.codec`, and the codec's share is in the first but not in the second.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        scene = _Scene(detector, wave, window)
        ends = (scene.relaxed(scene.clip), scene.relaxed(scene.baseline))
        names = tuple(ends[0])
        inputs = (scene.clip, *ends[0].values())
        baselines = (scene.baseline, *ends[1].values())
        first, last = (scene.logit(names)(*point).detach() for point in (baselines, inputs))
        parts = IntegratedGradients(scene.logit(names)).attribute(
            inputs, baselines, n_steps=settings.steps, internal_batch_size=settings.batch
        )
    change = float(last - first)
    delta = float(sum(part.double().sum() for part in parts)) - change
    grid = _grid(scene, settings.seconds, settings.bands)
    spectrum = grid.summed(parts[0].detach()[0].sum(-1).cpu())
    codec = [scene.folded(part.detach()[0].sum(-1).cpu(), grid) for part in parts[1:]]
    sums = (
        f"The parts add up to {change:+.2f}, the number for this window minus that for noise of "
        f"the same level and average spectrum, with an error of {abs(delta):.2f}."
    )
    evidence = _gradient_evidence(grid, spectrum, codec[0] if codec else None, sums)
    return Attributed(evidence, float(last), float(first), delta)


def occlusion(
    detector: Detector, wave: NDArray[np.float32], window: Window, settings: Settings
) -> Attributed:
    """How far the number falls when a stretch, or a band of a stretch, becomes noise.

    Returns
    -------
    Evidence `attribution.occlusion.time` and `attribution.occlusion.spectrum`.
    """
    with torch.inference_mode(mode=False), torch.no_grad():
        scene = _Scene(detector, wave, window)
        function = scene.logit(())
        ablation = FeatureAblation(function)
        found = []
        for bands in (1, settings.occluded_bands):
            grid = _grid(scene, settings.occluded_seconds, bands)
            effect = ablation.attribute(
                scene.clip,
                baselines=scene.baseline,
                feature_mask=grid.cells[None, :, :, None].to(scene.clip.device),
                perturbations_per_eval=settings.batch,
            )
            found.append((grid, _one_each(grid, effect[0, :, :, 0].cpu())))
        ends = [float(function(point)) for point in (scene.clip, scene.baseline)]
    (times, by_time), (cells, by_cell) = found
    note = (
        "How far the number falls when this part becomes noise of the same level and average "
        "spectrum; positive: it spoke for a spoof. The parts do not add up."
    )
    evidence = (
        _evidence("occlusion.time", "Occlusion over time", by_time[0], (times.time,), note),
        _evidence(
            "occlusion.spectrum",
            "Occlusion over time and frequency",
            by_cell,
            (cells.frequency, cells.time),
            note,
        ),
    )
    return Attributed(evidence, ends[0], ends[1], None)


class _Scene:
    """One window as cells, its baseline, and the way from cells to the detector's number."""

    def __init__(self, detector: Detector, wave: NDArray[np.float32], window: Window) -> None:
        device = next(detector.parameters()).device
        self.detector = detector
        self.window = window
        self.real = min(window.last - window.first, len(wave))
        self.samples = len(wave)
        self.shape = torch.hann_window(FFT, device=device)
        audio = torch.from_numpy(np.array(wave[: self.real], np.float32)).to(device)
        clip = torch.stft(
            audio[None], FFT, HOP, window=self.shape, pad_mode="constant", return_complex=True
        )
        self.clip = torch.view_as_real(clip)  # (1, bins, frames, 2)
        self.baseline = self._noise(clip, audio)

    def _noise(self, clip: Tensor, audio: Tensor) -> Tensor:
        """Cells of noise with the clip's level and average spectrum."""
        generator = torch.Generator().manual_seed(SEED)
        phases = torch.rand(clip.shape, generator=generator).to(audio) * 2 * torch.pi
        level = clip.abs().square().mean(-1, keepdim=True).sqrt()
        noise = torch.view_as_real(torch.polar(level.expand_as(phases).contiguous(), phases))
        power = self._sound(noise).square().mean()
        return noise * (audio.square().mean() / power.clamp_min(1e-20)).sqrt()

    def _sound(self, cells: Tensor) -> Tensor:
        """Cells (batch, bins, frames, 2) -> the real audio (batch, samples)."""
        spectrum = torch.view_as_complex(cells.contiguous())
        return torch.istft(spectrum, FFT, HOP, window=self.shape, length=self.real)

    def wave(self, cells: Tensor) -> Tensor:
        """Cells -> the network's input, the real audio repeated until it is full."""
        sound = self._sound(cells)
        places = torch.arange(self.samples, device=cells.device) % self.real
        return sound[:, places]

    def relaxed(self, cells: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            return dict(self.detector.relaxed(self.detector.features(self.wave(cells))))

    def folded(self, shares: Tensor, grid: Grid) -> NDArray[np.float32]:
        """Rows over frames that divide the network's input -> rows over the cells of time.

        A frame on a repetition counts for the real audio it repeats.
        """
        count = shares.shape[-1]
        middles = (torch.arange(count) + 0.5) * self.samples / count
        cells = ((middles % self.real) // grid.width).long().clamp_max(len(grid.time) - 1)
        out = shares.new_zeros(len(shares), len(grid.time))
        return out.index_add_(1, cells, shares).float().numpy()

    def logit(self, names: tuple[str, ...]) -> Callable[..., Tensor]:
        """The function that is attributed: cells, and the features of those names, -> (batch,)."""

        def function(cells: Tensor, *relaxed: Tensor) -> Tensor:
            features = dict(self.detector.features(self.wave(cells)))
            features |= dict(zip(names, relaxed, strict=True))
            return self.detector.decide(features).spoof_logit

        return function


def _grid(scene: _Scene, seconds: float, bands: int) -> Grid:
    _, bins, frames, _ = scene.clip.shape
    width = round(seconds * RATE)
    count = max(1, math.ceil(scene.real / width))
    times = (torch.arange(frames) * HOP // width).clamp_max(count - 1)
    first, last = scene.window.first, scene.window.first + scene.real
    edges = [min(first + cell * width, last) for cell in range(count + 1)]
    centres = tuple((a + b) / 2 / RATE for a, b in pairwise(edges))
    step = RATE / 2 / bands
    frequency = Axis("frequency", "Hz", tuple(step * (band + 0.5) for band in range(bands)))
    rows = (torch.arange(bins) * bands // bins).long()
    return Grid(rows, times.long(), frequency, Axis("time", "s", centres), width)


def _one_each(grid: Grid, values: Tensor) -> NDArray[np.float32]:
    """The number that all bins and frames of a cell share: (bins, frames) -> (bands, times)."""
    out = values.new_zeros(math.prod(grid.shape))
    out[grid.cells.flatten()] = values.flatten()
    return out.reshape(grid.shape).float().numpy()


def _evidence(
    key: str, title: str, values: NDArray[np.float32], axes: tuple[Axis, ...], caption: str
) -> Evidence:
    values = np.ascontiguousarray(values, np.float32)
    return Evidence(
        f"attribution.{key}", title, values, axes, unit="logit", caption=caption, signed=True
    )


def _gradient_evidence(
    grid: Grid, spectrum: NDArray[np.float32], codec: NDArray[np.float32] | None, sums: str
) -> tuple[Evidence, ...]:
    note = f"{sums} Positive spoke for a spoof."
    axes = (grid.frequency, grid.time)
    title, by_time = "Shares of time and frequency", spectrum.sum(0)
    if codec is None:
        return (
            _evidence("ig.time", "Shares over time", by_time, (grid.time,), note),
            _evidence("ig.spectrum", title, spectrum, axes, note),
        )
    left = " The codec's share has no frequency and is not in this picture."
    quantizers = (numbered("quantizer", len(codec)), grid.time)
    return (
        _evidence("ig.time", "Shares over time", by_time + codec.sum(0), (grid.time,), note),
        _evidence("ig.spectrum", title, spectrum, axes, note + left),
        _evidence("ig.codec", "Shares of the codec's vectors", codec, quantizers, note),
    )
