"""Which parts of a window moved a detector's number: integrated gradients and occlusion.

Works on any detector from outside, in logits, signed: positive spoke for a spoof. Both methods see
the window as cells of a short-time Fourier transform, from which the waveform is made again by
overlap-add, so that a cell has a time and a frequency and leaves without a click.

Compared with what? Not with silence: most of these networks level their input, so fading a clip
out changes nothing until there is nothing left. The baseline is noise with the clip's own level
and average spectrum, always the same noise. What a network would say of the clip if nothing but
its long-term spectrum were left is thus the zero of all pictures.

Integrated gradients (Sundararajan et al. 2017; captum's, by Gauss-Legendre) add up: the parts sum
to the detector's number for the clip minus that for the baseline, but for what the steps along the
path miss. That gap (`delta`) is measured and stands in the caption. Parts may add up and still be
in the wrong places, so where they do, they are held against those of half as many steps; parts
that fail either test are called rough. Occlusion (captum's `FeatureAblation`) asks once for each
cell, needs no gradient and does not add up. Neither is a cause: both say what this network reacts
to.

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
from core.sharing import device_of
from core.types import RATE, Axis, DetectorError, Evidence, Window

FFT, HOP = 512, 128  # samples: 32 ms, 8 ms
SEED = 20_261_120  # of the baseline's phases

OnPasses = Callable[[int, int], None]  # (passes just made, most that are still to come)


@dataclass(frozen=True, slots=True)
class Settings:
    """How fine and how costly.

    Attributes
    ----------
    steps : points on the path of integrated gradients, 2 or more, each a forward and a backward
        pass. Where the parts add up, half as many again, to see whether they have settled.
    tolerance, settled : how far the parts may be from adding up, and from those of half as many
        steps, as shares of the sum of their sizes over time, before they are called rough.
    batch : passes at once.
    seconds, bands : size of the cells that integrated gradients are summed into.
    occluded_seconds, occluded_bands : size of the cells that are taken away; each is a pass.
    wide_seconds : the same for cells of time and frequency.
    """

    steps: int = 32
    tolerance: float = 0.05
    settled: float = 0.2
    batch: int = 4
    seconds: float = 0.1
    bands: int = 16
    occluded_seconds: float = 0.25
    occluded_bands: int = 4
    wide_seconds: float = 0.5


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

    def read(self, effects: Tensor) -> NDArray[np.float32]:
        """(1, bins, frames, 2), the same all over a cell -> (bands, times)."""
        values = effects[0, :, :, 0].float().cpu()
        out = values.new_zeros(math.prod(self.shape))
        out[self.cells.flatten()] = values.flatten()
        return out.reshape(self.shape).numpy()

    def summed(self, effects: Tensor) -> NDArray[np.float32]:
        """(1, bins, frames, 2) -> (bands, times)."""
        values = effects[0].sum(-1).cpu()
        out = values.new_zeros(math.prod(self.shape))
        out.index_add_(0, self.cells.flatten(), values.flatten())
        return out.reshape(self.shape).float().numpy()


def passes(window: Window, settings: Settings) -> tuple[int, int]:
    """Most passes: (forward and backward for gradients, forward for occlusion)."""
    real = window.last - window.first
    times = _count(real, settings.occluded_seconds)
    cells = _count(real, settings.wide_seconds) * settings.occluded_bands
    return 2 + settings.steps + settings.steps // 2, 4 + times + cells


def integrated_gradients(
    detector: Detector,
    wave: NDArray[np.float32],
    window: Window,
    settings: Settings,
    on_passes: OnPasses | None = None,
) -> Attributed:
    """Shares of time, and of time x frequency, that add up.

    Parameters
    ----------
    detector : in eval mode.
    wave : (samples,) of the network's input; what lies beyond the window's real audio is taken
        to be its repetition.
    on_passes : told after every batch; what it raises ends the work.

    Returns
    -------
    Evidence `attribution.ig.time`, `attribution.ig.spectrum`; for a detector that reads a codec
    also `attribution.ig.codec`, and the codec's share is in the first but not in the second.

    Raises
    ------
    DetectorError
        where the detector's number has no gradient over its input.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        scene = _Scene(detector, wave, window)
        grid = _grid(scene, settings.seconds, settings.bands)
        path = scene.path()
        ask = _counted(scene.logit(path.names), passes(window, settings)[0], on_passes)

        def shares(steps: int) -> _Shares:
            method = IntegratedGradients(ask)
            own, *codec = method.attribute(
                path.clip, path.baseline, n_steps=steps, internal_batch_size=settings.batch
            )
            return _Shares(grid.summed(own), scene.folded(codec[0], grid) if codec else None)

        last = _number_with_gradient(detector, ask, path.clip)
        with torch.no_grad():
            first = float(ask(*path.baseline))
        found = shares(settings.steps)
        whole = float(np.abs(found.over_time).sum())
        delta = float(found.over_time.sum(dtype=np.float64)) - (last - first)
        sound = abs(delta) <= settings.tolerance * whole
        if sound:
            moved = np.abs(found.over_time - shares(settings.steps // 2).over_time).sum()
            sound = float(moved) <= settings.settled * whole
    rough = "" if sound else " More steps would still change them: read them as rough."
    sums = (
        f"The parts add up to {last - first:+.2f}, the number for this window minus that for noise "
        f"of the same level and average spectrum, with an error of {abs(delta):.2f} "
        f"({settings.steps} steps).{rough}"
    )
    return Attributed(_gradient_evidence(grid, found, sums), last, first, delta)


def occlusion(
    detector: Detector,
    wave: NDArray[np.float32],
    window: Window,
    settings: Settings,
    on_passes: OnPasses | None = None,
) -> Attributed:
    """How far the number falls when a stretch, or a band of a stretch, becomes noise.

    Returns
    -------
    Evidence `attribution.occlusion.time` and `attribution.occlusion.spectrum`.
    """
    with torch.inference_mode():
        scene = _Scene(detector, wave, window)
        ask = _counted(scene.logit(()), passes(window, settings)[1], on_passes)
        times = _grid(scene, settings.occluded_seconds, 1)
        cells = _grid(scene, settings.wide_seconds, settings.occluded_bands)
        first, last = float(ask(scene.baseline)), float(ask(scene.clip))
        by_time, by_cell = (
            grid.read(
                FeatureAblation(ask).attribute(
                    scene.clip,
                    scene.baseline,
                    feature_mask=grid.cells.to(scene.clip.device)[None, :, :, None],
                    perturbations_per_eval=settings.batch,
                )
            )
            for grid in (times, cells)
        )
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
    return Attributed(evidence, last, first, None)


class _Shares(NamedTuple):
    """What gradients sum to: (bands, times), and of a codec (quantizers, times)."""

    spectrum: NDArray[np.float32]
    codec: NDArray[np.float32] | None

    @property
    def over_time(self) -> NDArray[np.float32]:
        own: NDArray[np.float32] = self.spectrum.sum(0)
        return own if self.codec is None else own + self.codec.sum(0)


class _Path(NamedTuple):
    """The two ends of a straight line, as what the function of those names takes."""

    names: tuple[str, ...]  # of the features that have no gradient and are walked as well
    baseline: tuple[Tensor, ...]
    clip: tuple[Tensor, ...]


def _counted(
    function: Callable[..., Tensor], most: int, on_passes: OnPasses | None
) -> Callable[..., Tensor]:
    """The same function, which tells of every batch of passes it made."""
    left = most

    def ask(*inputs: Tensor) -> Tensor:
        nonlocal left
        found = function(*inputs)
        left -= len(found)
        if on_passes is not None:
            on_passes(len(found), left)
        return found

    return ask


def _number_with_gradient(
    detector: Detector, function: Callable[..., Tensor], at: tuple[Tensor, ...]
) -> float:
    """The number there, or the error in our words; captum's are autograd's."""
    cells = at[0].detach().requires_grad_()
    number = function(cells, *at[1:])
    slopes = number.requires_grad and torch.autograd.grad(number.sum(), cells, allow_unused=True)
    if not slopes or slopes[0] is None:
        raise DetectorError(
            f"The number of {detector.label} has no gradient over its input, so it cannot be "
            "divided among the parts of this window; occlusion works without gradients."
        )
    return float(number.detach())


class _Scene:
    """One window as cells, its baseline, and the way from cells to the detector's number."""

    def __init__(self, detector: Detector, wave: NDArray[np.float32], window: Window) -> None:
        device = device_of(detector)
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

    def path(self) -> _Path:
        """From the baseline to the clip, through what stands in for features as well."""
        first, last = self.relaxed(self.baseline), self.relaxed(self.clip)
        return _Path(tuple(first), (self.baseline, *first.values()), (self.clip, *last.values()))

    def folded(self, effects: Tensor, grid: Grid) -> NDArray[np.float32]:
        """(1, rows, frames that divide the network's input, D) -> (rows, cells of time).

        A frame on a repetition counts for the real audio it repeats.
        """
        shares = effects[0].sum(-1).cpu()
        count = shares.shape[-1]
        middles = (torch.arange(count) + 0.5) * self.samples / count
        cells = ((middles % self.real) // grid.width).long().clamp_max(len(grid.time) - 1)
        out = shares.new_zeros(len(shares), len(grid.time))
        return out.index_add_(1, cells, shares).float().numpy()

    def logit(self, names: tuple[str, ...]) -> Callable[..., Tensor]:
        """The function that is attributed: cells, and the features of those names, -> (batch,)."""
        hear = self.detector.smooth if names else self.detector.features

        def function(cells: Tensor, *relaxed: Tensor) -> Tensor:
            features = {**hear(self.wave(cells)), **dict(zip(names, relaxed, strict=True))}
            return self.detector.decide(features).spoof_logit

        return function


def _grid(scene: _Scene, seconds: float, bands: int) -> Grid:
    _, bins, frames, _ = scene.clip.shape
    width, count = round(seconds * RATE), _count(scene.real, seconds)
    times = (torch.arange(frames) * HOP // width).clamp_max(count - 1)
    first, last = scene.window.first, scene.window.first + scene.real
    edges = [*(first + cell * width for cell in range(count)), last]
    centres = tuple((a + b) / 2 / RATE for a, b in pairwise(edges))
    step = RATE / 2 / bands
    frequency = Axis("frequency", "Hz", tuple(step * (band + 0.5) for band in range(bands)))
    rows = (torch.arange(bins) * bands // bins).long()
    return Grid(rows, times.long(), frequency, Axis("time", "s", centres), width)


def _count(samples: int, seconds: float) -> int:
    """Cells of that length; the last takes up to half a cell more, or less, than the others."""
    return max(1, math.floor(samples / round(seconds * RATE) + 0.5))


def _evidence(
    key: str, title: str, values: NDArray[np.float32], axes: tuple[Axis, ...], caption: str
) -> Evidence:
    values = np.ascontiguousarray(values, np.float32)
    return Evidence(
        f"attribution.{key}", title, values, axes, unit="logit", caption=caption, signed=True
    )


def _gradient_evidence(grid: Grid, shares: _Shares, sums: str) -> tuple[Evidence, ...]:
    note = f"{sums} Positive spoke for a spoof."
    axes = (grid.frequency, grid.time)
    title, codec = "Shares of time and frequency", shares.codec
    by_time = _evidence("ig.time", "Shares over time", shares.over_time, (grid.time,), note)
    if codec is None:
        return by_time, _evidence("ig.spectrum", title, shares.spectrum, axes, note)
    left = " The codec's share has no frequency and is not in this picture."
    quantizers = (numbered("quantizer", len(codec)), grid.time)
    return (
        by_time,
        _evidence("ig.spectrum", title, shares.spectrum, axes, note + left),
        _evidence("ig.codec", "Shares of the codec's vectors", codec, quantizers, note),
    )
