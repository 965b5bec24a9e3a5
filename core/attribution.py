"""Which parts of a window moved a detector's number: integrated gradients and occlusion.

Works on any detector from outside, in logits, signed: positive spoke for a spoof. Both methods see
the window as cells of a short-time Fourier transform, from which the waveform is made again by
overlap-add, so that a cell has a time and a frequency and leaves without a click.

Compared with what? Not with silence: most of these networks level their input, so fading a clip
out changes nothing until there is nothing left. The baseline is noise with the clip's own level
and average spectrum, always the same noise. What a network would say of the clip if nothing but
its long-term spectrum were left is thus the zero of all pictures.

Integrated gradients (Sundararajan et al. 2017) add up: the parts sum to the detector's number for
the clip minus that for the baseline. The integral is a Clenshaw-Curtis sum over the points of
`core.quadrature`: each finer set holds the coarser one, so no pass is made twice, and the sum is
made finer only until it adds up and has settled. The gap that is left (`delta`) is measured and
stands in the caption. Occlusion asks once for each cell, needs no gradient and does not add up.
Neither is a cause: both say what this network reacts to.

A clip shorter than the network's input is repeated inside the function that is attributed, so
every repetition counts for the real audio it came from.

Occlusion is captum's `FeatureAblation`. Its integrated gradients take a number of steps fixed
beforehand; the tests hold ours against them, `benchmarks/attribution.py` the time.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from captum.attr import FeatureAblation
from numpy.typing import NDArray
from torch import Tensor

from core import quadrature
from core.detectors.axes import numbered
from core.detectors.base import Detector
from core.sharing import device_of
from core.types import RATE, Axis, DetectorError, Evidence, Window

FFT, HOP = 512, 128  # samples: 32 ms, 8 ms
SEED = 20_261_120  # of the baseline's phases

Item = TypeVar("Item")
OnPasses = Callable[[int, int], None]  # (passes just made, most that are still to come)


@dataclass(frozen=True, slots=True)
class Settings:
    """How fine and how costly.

    Attributes
    ----------
    steps : the most points on the path of integrated gradients, each a forward and a backward
        pass: 5, 9, 17, 33, 65 and so on; another number means the next smaller of these.
    tolerance, settled : how far the parts may be from adding up, and from what they were with half
        as many points, as shares of the sum of their sizes over time; then no more are asked for.
    batch : passes at once.
    seconds, bands : size of the cells that integrated gradients are summed into.
    occluded_seconds, occluded_bands : size of the cells that are taken away; each is a pass.
    wide_seconds : the same for cells of time and frequency.
    """

    steps: int = 33
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

    def summed(self, values: Tensor) -> NDArray[np.float32]:
        """(bins, frames) -> (bands, times)."""
        out = values.new_zeros(math.prod(self.shape))
        out.index_add_(0, self.cells.flatten(), values.flatten())
        return out.reshape(self.shape).float().numpy()


def passes(window: Window, settings: Settings) -> tuple[int, int]:
    """Most passes: (forward and backward for gradients, forward for occlusion)."""
    real = window.last - window.first
    times = _count(real, settings.occluded_seconds)
    cells = _count(real, settings.wide_seconds) * settings.occluded_bands
    return quadrature.sizes(settings.steps)[-1], 3 + times + cells


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
        path = _Path(scene)
        sizes = quadrature.sizes(settings.steps)
        shares = _Shares(np.zeros(grid.shape, np.float32), None)
        for size in sizes:
            for batch in _batches(path.missing(size), settings.batch):
                path.walk(batch)
                if on_passes is not None:
                    on_passes(len(batch), sizes[-1] - len(path.slopes))
            before, shares = shares, path.shares(size, grid)
            change = path.numbers[1.0] - path.numbers[0.0]
            delta = float(shares.over_time.sum(dtype=np.float64)) - change
            whole = float(np.abs(shares.over_time).sum())
            moved = float(np.abs(shares.over_time - before.over_time).sum())
            if abs(delta) <= settings.tolerance * whole and moved <= settings.settled * whole:
                rough = ""
                break
        else:
            rough = " More steps would still change them: read them as rough."
    sums = (
        f"The parts add up to {change:+.2f}, the number for this window minus that for noise of "
        f"the same level and average spectrum, with an error of {abs(delta):.2f} "
        f"({len(path.slopes)} steps).{rough}"
    )
    evidence = _gradient_evidence(grid, shares, sums)
    return Attributed(evidence, path.numbers[1.0], path.numbers[0.0], delta)


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
        function = scene.logit(())
        left = passes(window, settings)[1]
        asked: list[Tensor] = []

        def ask(cells: Tensor) -> Tensor:
            nonlocal left
            found = function(cells)
            asked.append(found)
            left -= len(found)
            if on_passes is not None:
                on_passes(len(found), left)
            return found

        times = _grid(scene, settings.occluded_seconds, 1)
        cells = _grid(scene, settings.wide_seconds, settings.occluded_bands)
        first = float(ask(scene.baseline))
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
        last = float(asked[1])  # captum asks for the whole clip first
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


class _Path:
    """The straight line from the baseline (0) to the clip (1), and the slopes met on it so far."""

    def __init__(self, scene: "_Scene") -> None:
        self.scene = scene
        ends = (scene.relaxed(scene.baseline), scene.relaxed(scene.clip))
        self.names = tuple(ends[0])
        self.starts = (scene.baseline, *ends[0].values())
        self.spans = tuple(
            last - first
            for first, last in zip(self.starts, (scene.clip, *ends[1].values()), strict=True)
        )
        self.function = scene.logit(self.names)
        self.slopes: dict[float, tuple[Tensor, ...]] = {}  # times the span: shares, if constant
        self.numbers: dict[float, float] = {}

    def missing(self, size: int) -> tuple[float, ...]:
        """The points of that set which were not walked yet."""
        return tuple(point for point in quadrature.points(size) if point not in self.slopes)

    def walk(self, at: Sequence[float]) -> None:
        """A forward and a backward pass at each of these points, all at once."""
        inputs = []
        for start, span in zip(self.starts, self.spans, strict=True):
            places = torch.tensor(at, dtype=start.dtype, device=start.device)
            inputs.append(
                (start + places.view(-1, *[1] * (start.ndim - 1)) * span).requires_grad_()
            )
        numbers = self.function(*inputs)
        if not numbers.requires_grad:
            raise _no_gradient(self.scene.detector)
        slopes = torch.autograd.grad(numbers.sum(), inputs, allow_unused=True)
        if slopes[0] is None:
            raise _no_gradient(self.scene.detector)
        for number, point in enumerate(at):
            self.numbers[point] = float(numbers[number].detach())
            self.slopes[point] = tuple(
                (slope[number] * span[0]).sum(-1).detach().cpu()  # over real and imaginary part,
                for slope, span in zip(slopes, self.spans, strict=True)  # or a vector's numbers
            )

    def shares(self, size: int, grid: "Grid") -> _Shares:
        """The integral over the points of that set."""
        weights = quadrature.weights(size)
        own, *codec = (
            torch.stack([w * s for w, s in zip(weights, column, strict=True)]).sum(0)
            for column in zip(*(self.slopes[p] for p in quadrature.points(size)), strict=True)
        )
        return _Shares(grid.summed(own), self.scene.folded(codec[0], grid) if codec else None)


def _no_gradient(detector: Detector) -> DetectorError:
    return DetectorError(
        f"The number of {detector.label} has no gradient over its input, so it cannot be divided "
        "among the parts of this window; occlusion works without gradients."
    )


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


def _batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


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
