from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.attribution import HOP, Attributed, Settings, integrated_gradients, occlusion, passes
from core.detectors.base import Detector, Features, InputSpec, Output, Size
from core.detectors.hiercon import HierCon
from core.detectors.qaf import QafStatic
from core.detectors.sls import Sls
from core.registry import DETECTORS
from core.types import RATE, DetectorError, Evidence, Window
from tests.core.detectors.tiny import HIERCON, QAF, SAMPLES, SLS, scramble
from tests.core.test_contract import built

QUICK = Settings(
    steps=16,
    batch=8,
    seconds=0.1,
    bands=4,
    occluded_seconds=0.1,
    occluded_bands=4,
    wide_seconds=0.1,
)


class Energy(Detector):
    """Says how much energy a stretch of its input has: what attribution must find is known."""

    name: ClassVar[str] = "energy"
    title: ClassVar[str] = "Energy"
    paper: ClassVar[str] = ""
    sizes: ClassVar[tuple[Size, ...]] = ("compact",)

    def __init__(self, samples: int, first: int, last: int) -> None:
        super().__init__()
        self.samples, self.first, self.last = samples, first, last
        self.weight = nn.Parameter(torch.ones(()))

    @classmethod
    def build(cls, config: Mapping[str, Any] | None = None, size: Size = "paper") -> Self:
        raise NotImplementedError

    def config_dict(self) -> dict[str, Any]:
        return {}

    @property
    def spec(self) -> InputSpec:
        return InputSpec(samples=self.samples)

    @property
    def shortest(self) -> int:
        return 1

    def features(self, wave: Tensor) -> Features:
        return {"wave": wave}

    def decide(self, features: Features) -> Output:
        part = features["wave"][:, self.first : self.last]
        return Output(part.square().sum(1) * self.weight, {})

    def evidence(self, trace: Mapping[str, Tensor], window: Window) -> tuple[Evidence, ...]:
        return ()


def two_tones(samples: int) -> NDArray[np.float32]:
    """A loud tone of 1 kHz in the first half, a soft one of 7 kHz in the second."""
    time = np.arange(samples) / RATE
    early = time < samples / 2 / RATE
    tones = 0.5 * np.sin(2 * np.pi * 1_000 * time) * early
    return (tones + 0.01 * np.sin(2 * np.pi * 7_000 * time) * ~early).astype(np.float32)


def noise(samples: int) -> NDArray[np.float32]:
    return (np.random.default_rng(0).normal(size=samples) * 0.1).astype(np.float32)


def by_key(found: Attributed) -> dict[str, Evidence]:
    return {item.key.removeprefix("attribution."): item for item in found.evidence}


def detectors() -> list[Detector]:
    torch.manual_seed(6)
    hiercon, sls = HierCon.build(HIERCON, "compact"), Sls.build(SLS, "compact")
    qaf = QafStatic.build(QAF | {"normalise": True}, "compact")
    for detector in (hiercon, sls, qaf):
        scramble(detector.head)
    for layer in qaf.codec.model.quantizer.layers:
        layer.codebook.embed.mul_(0.05)  # the size of an untrained encoder's output
    return [hiercon.eval(), sls.eval(), qaf.eval()]


def test_gradients_find_where_the_number_comes_from() -> None:
    wave = two_tones(16_000)
    detector = Energy(16_000, 0, 16_000)
    found = integrated_gradients(detector, wave, Window(0, 16_000), QUICK)
    items = by_key(found)
    cells = items["ig.spectrum"].values
    assert cells.shape == (4, 10)
    assert found.delta == pytest.approx(0, abs=1e-2)  # a quadratic: exact but for rounding
    total = found.spoof_logit - found.baseline_logit
    assert cells.sum() == pytest.approx(total, abs=1e-2)
    assert items["ig.time"].values == pytest.approx(cells.sum(0), abs=1e-4)
    assert cells[0, :5].min() > 0  # the loud half holds more than even noise would
    assert cells[0, 6:].max() < 0  # and the soft half less


class Ramp(Energy):
    """A weighted sum of its input, later samples for more: a cell's share can be worked out."""

    def decide(self, features: Features) -> Output:
        weights = torch.linspace(-1, 2, self.samples)
        return Output(features["wave"] @ weights * self.weight, {})


def test_shares_of_a_sum_are_those_worked_out_by_hand() -> None:
    """Each cell's difference from the baseline, made sound by itself and weighed."""
    from core.attribution import _grid, _Scene

    detector, wave, window = Ramp(8_000, 0, 0), noise(8_000), Window(0, 8_000)
    found = integrated_gradients(detector, wave, window, QUICK)
    scene = _Scene(detector, wave, window)
    grid = _grid(scene, QUICK.seconds, QUICK.bands)
    change = torch.view_as_complex(scene.clip - scene.baseline)
    weights = np.linspace(-1, 2, 8_000)
    wanted = np.zeros(grid.shape)
    for band, time in np.ndindex(grid.shape):
        inside = (grid.bands == band)[:, None] & (grid.times == time)
        shape = torch.hann_window(512)
        part = torch.istft(change * inside, 512, HOP, window=shape, length=8_000)[0].numpy()
        wanted[band, time] = (weights * part).sum()
    assert by_key(found)["ig.spectrum"].values == pytest.approx(wanted, abs=1e-3)
    assert np.abs(wanted).max() > 1
    assert found.spoof_logit == pytest.approx((weights * wave).sum(), abs=1e-3)
    assert found.delta == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("which", [0, 2], ids=["hiercon", "qaf"])
def test_shares_are_a_plain_sum_of_slopes(which: int) -> None:
    """The integral by hand: slopes in the middles of many equal steps, on smooth networks."""
    from core.attribution import _grid, _Scene

    detector, wave, window = detectors()[which], noise(SAMPLES), Window(0, SAMPLES)
    found = by_key(integrated_gradients(detector, wave, window, replace(QUICK, steps=32)))
    scene = _Scene(detector, wave, window)
    _, starts, ends = path = scene.path()
    number, total = scene.logit(path.names), torch.zeros_like(scene.clip)
    for step in range(100):
        place = [a + (step + 0.5) / 100 * (b - a) for a, b in zip(starts, ends, strict=True)]
        place[0].requires_grad_()
        total += torch.autograd.grad(number(*place).sum(), place[0])[0] / 100
    effects = total * (scene.clip - scene.baseline)
    wanted = _grid(scene, QUICK.seconds, QUICK.bands).summed(effects)
    largest = float(np.abs(wanted).max())
    assert found["ig.spectrum"].values == pytest.approx(wanted, abs=0.02 * largest)


def test_occlusion_is_the_number_less_that_without_each_cell() -> None:
    """Every cell by hand, with its own part of the baseline in place of the clip's."""
    from core.attribution import _grid, _Scene

    detector, wave, window = detectors()[1], noise(SAMPLES), Window(0, SAMPLES)
    found = by_key(occlusion(detector, wave, window, QUICK))["occlusion.spectrum"].values
    scene = _Scene(detector, wave, window)
    grid, number = _grid(scene, QUICK.wide_seconds, QUICK.occluded_bands), scene.logit(())
    wanted = np.zeros(grid.shape)
    with torch.no_grad():
        whole = float(number(scene.clip))
        for band, time in np.ndindex(grid.shape):
            inside = ((grid.bands == band)[:, None] & (grid.times == time))[None, :, :, None]
            without = torch.where(inside, scene.baseline, scene.clip)
            wanted[band, time] = whole - float(number(without))
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-5)


class Wavy(Energy):
    """The sine of the energy: a few points on the path are not enough."""

    def decide(self, features: Features) -> Output:
        energy = super().decide(features).spoof_logit
        return Output(torch.sin(0.05 * energy), {})


@pytest.mark.parametrize(
    ("steps", "passes_made", "adds_up", "rough"),
    [
        (12, 2 + 12, False, True),  # no need to ask whether it has settled
        (28, 2 + 28 + 14, True, True),  # half as many put the parts elsewhere
        (40, 2 + 40 + 20, True, False),
    ],
)
def test_parts_are_rough_unless_they_add_up_and_have_settled(
    steps: int, passes_made: int, *, adds_up: bool, rough: bool
) -> None:
    asked: list[int] = []
    found = integrated_gradients(
        Wavy(16_000, 0, 8_000),
        two_tones(16_000),
        Window(0, 16_000),
        replace(QUICK, steps=steps),
        lambda made, left: asked.append(made),
    )
    assert sum(asked) == passes_made
    assert found.delta is not None
    gap = abs(found.delta) / np.abs(by_key(found)["ig.time"].values).sum()
    assert (gap < 0.01) == adds_up
    for item in found.evidence:
        assert ("read them as rough" in item.caption) == rough
        assert f"({steps} steps)" in item.caption


def test_it_ends_where_whoever_is_told_has_had_enough() -> None:
    class EnoughError(Exception):
        pass

    def tell(made: int, left: int) -> None:
        raise EnoughError

    detector, wave, window = Energy(16_000, 0, 16_000), two_tones(16_000), Window(0, 16_000)
    for method in (integrated_gradients, occlusion):
        with pytest.raises(EnoughError):
            method(detector, wave, window, QUICK, tell)


@pytest.mark.parametrize("stem", ["conv", "spectral", "texture", "cepstra", "phase"])
def test_gradients_pass_through_every_stem(stem: str) -> None:
    torch.manual_seed(3)
    kind = {"stem": stem} if stem in ("conv", "spectral") else {"stem": "ears", "ears": [stem]}
    backbone = {**SLS["backbone"], **kind}
    detector = Sls.build(SLS | {"backbone": backbone}, "compact").eval()
    scramble(detector.head)
    wave = noise(SAMPLES) * np.linspace(0, 2, SAMPLES, dtype=np.float32)
    found = by_key(integrated_gradients(detector, wave, Window(0, SAMPLES), QUICK))
    assert np.abs(found["ig.time"].values).max() > 0


class Deaf(Energy):
    """Hears its input through something that has no gradient."""

    def features(self, wave: Tensor) -> Features:
        return {"wave": wave.detach()}


def test_no_gradient_is_said_in_words() -> None:
    detector, wave, window = Deaf(16_000, 0, 16_000), two_tones(16_000), Window(0, 16_000)
    with pytest.raises(DetectorError, match="no gradient over its input"):
        integrated_gradients(detector, wave, window, QUICK)
    assert np.abs(by_key(occlusion(detector, wave, window, QUICK))["occlusion.time"].values).max()


def test_occlusion_finds_the_stretch_and_the_band() -> None:
    detector = Energy(16_000, 3_200, 4_800)  # reads 0.2 s to 0.3 s only
    items = by_key(occlusion(detector, two_tones(16_000), Window(0, 16_000), QUICK))
    times = items["occlusion.time"].values
    assert times.argmax() == 2
    assert abs(times[[0, 5, 6, 7, 8, 9]]).max() < 1e-4 * times[2]
    cells = items["occlusion.spectrum"].values
    assert cells.argmax() == 2  # lowest band, third tenth of a second
    assert items["occlusion.time"].signed


def test_occlusion_by_hand() -> None:
    """The effect of a cell is the number minus the number with that cell taken from the noise."""
    from core.attribution import _Scene

    detector, wave, window = Energy(8_000, 0, 8_000), two_tones(8_000), Window(0, 8_000)
    items = by_key(occlusion(detector, wave, window, QUICK))
    scene = _Scene(detector, wave, window)
    cells = scene.clip.clone()
    inside = (torch.arange(cells.shape[2]) * HOP) // 1_600 == 3
    cells[:, :, inside] = scene.baseline[:, :, inside]
    with torch.no_grad():
        expected = float(scene.logit(())(scene.clip) - scene.logit(())(cells))
    assert items["occlusion.time"].values[3] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("detector", detectors(), ids=["hiercon", "sls", "qaf"])
def test_parts_of_real_networks_add_up(detector: Detector) -> None:
    wave = noise(SAMPLES)
    settings = Settings(steps=64, batch=16, seconds=0.05)
    found = integrated_gradients(detector, wave, Window(800, 800 + SAMPLES), settings)
    change = found.spoof_logit - found.baseline_logit
    assert abs(change) > 1e-4
    assert found.delta is not None
    items = by_key(found)
    # max pooling makes the gradient of SLS jump; the smooth ones are far below this
    assert abs(found.delta) < 0.1 * np.abs(items["ig.time"].values).sum()
    assert items["ig.time"].values.sum() == pytest.approx(change + found.delta, abs=1e-4)
    with torch.no_grad():
        whole = float(detector(torch.from_numpy(wave)[None]).spoof_logit)
    assert found.spoof_logit == pytest.approx(whole, rel=1e-3, abs=1e-4)
    assert f"{abs(found.delta):.2f}" in items["ig.time"].caption


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_registered_detector_can_be_attributed(name: str) -> None:
    detector = built(name, DETECTORS[name].sizes[-1])
    samples = detector.spec.samples
    wave, window = noise(samples) * np.linspace(0, 2, samples, dtype=np.float32), Window(0, samples)
    settings = Settings(steps=8, batch=8, occluded_seconds=0.2, occluded_bands=2)
    shares = integrated_gradients(detector, wave, window, settings)
    assert shares.delta is not None
    change = shares.spoof_logit - shares.baseline_logit
    parts = by_key(shares)["ig.time"].values
    assert parts.sum() == pytest.approx(change + shares.delta, abs=1e-4)
    assert np.abs(parts).max() > 0
    effects = by_key(occlusion(detector, wave, window, settings))
    assert np.abs(effects["occlusion.spectrum"].values).max() > 0


def test_codes_have_a_share_of_their_own() -> None:
    detector = detectors()[2]
    found = by_key(integrated_gradients(detector, two_tones(SAMPLES), Window(0, SAMPLES), QUICK))
    codec = found["ig.codec"]
    assert [axis.name for axis in codec.axes] == ["quantizer", "time"]
    rest = found["ig.time"].values - found["ig.spectrum"].values.sum(0)
    assert codec.values.sum(0) == pytest.approx(rest, abs=1e-5)
    assert abs(codec.values).max() > 0


@pytest.mark.parametrize("real", [1, 2_000])
def test_axes_stay_inside_the_real_audio(real: int) -> None:
    detector = detectors()[1]
    wave = noise(SAMPLES)[np.arange(SAMPLES) % real]
    window = Window(16_000, 16_000 + real)
    with torch.no_grad():
        whole = float(detector(torch.from_numpy(wave)[None]).spoof_logit)
    for found in (
        integrated_gradients(detector, wave, window, QUICK),
        occlusion(detector, wave, window, QUICK),
    ):
        assert found.spoof_logit == pytest.approx(whole, rel=1e-3, abs=1e-3)
        for item in found.evidence:
            times = next(axis for axis in item.axes if axis.name == "time").values
            assert window.start < float(times[0]) <= float(times[-1]) < window.stop
            assert np.isfinite(item.values).all()


def test_a_repetition_counts_for_what_it_repeats() -> None:
    detector = Energy(16_000, 12_000, 12_400)  # reads 0.75 s to 0.775 s: 0.25 s of 0.5 s repeated
    wave = np.tile(two_tones(16_000)[:8_000], 2)
    items = by_key(occlusion(detector, wave, Window(0, 8_000), QUICK))
    assert items["occlusion.time"].values.argmax() == 2


def test_silence_gives_zeros() -> None:
    wave = np.zeros(SAMPLES, np.float32)
    found = integrated_gradients(detectors()[0], wave, Window(0, SAMPLES), QUICK)
    assert by_key(found)["ig.time"].values == pytest.approx(0)
    assert found.spoof_logit == pytest.approx(found.baseline_logit, abs=1e-5)


def test_it_works_under_inference_mode_and_leaves_nothing_behind() -> None:
    detector = detectors()[0]
    with torch.inference_mode():
        first = integrated_gradients(detector, noise(SAMPLES), Window(0, SAMPLES), QUICK)
        again = integrated_gradients(detector, noise(SAMPLES), Window(0, SAMPLES), QUICK)
    assert np.array_equal(first.evidence[0].values, again.evidence[0].values)
    assert all(p.grad is None for p in detector.parameters())


def test_the_cost_is_known_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    detector, window = Energy(16_000, 0, 16_000), Window(0, 16_000)
    seen: list[int] = []
    decide = Energy.decide

    def counted(self: Energy, features: Features) -> Output:
        seen.append(len(features["wave"]))
        return decide(self, features)

    monkeypatch.setattr(Energy, "decide", counted)
    settings = replace(QUICK, settled=0)  # nothing has settled enough
    told: list[tuple[int, int]] = []

    def tell(made: int, left: int) -> None:
        told.append((sum(seen), left))

    gradients, occlusions = passes(window, settings)
    integrated_gradients(detector, two_tones(16_000), window, settings, tell)
    assert sum(seen) == gradients == 2 + 16 + 8
    assert {made + left for made, left in told} == {gradients}
    seen.clear()
    told.clear()
    occlusion(detector, two_tones(16_000), window, QUICK, tell)
    assert sum(seen) == occlusions
    assert {made + left for made, left in told} == {occlusions}
    assert max(seen) <= QUICK.batch
