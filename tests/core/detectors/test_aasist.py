"""AASIST against the authors' outputs, and against a plain transcription of its description."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from checkpoints.pth import read_pth
from core.detectors.aasist import AASIST, AASIST_L, DENSE_320, SPARSE, Aasist, Config
from core.detectors.aasist_picture import CENTRES
from core.tiling import sinc_edges, sinc_filters, tail
from core.types import RATE, Window
from tests.core.detectors.aasist_reference import Reference
from tests.core.detectors.aasist_reference import sinc_filters as plain_filters

TINY = Config(channels=(1, 5, 6, 7), gat_dims=(8, 4), k=7, samples=9_000)
SHORT = 9_000


def randomised(config: Config, seed: int = 0) -> Aasist:
    """A network whose norms are not the identity either."""
    torch.manual_seed(seed)
    detector = Aasist(config).eval()
    for name, value in detector.state_dict().items():
        if name.endswith("running_var") or (".bn" in name and name.endswith("weight")):
            value.uniform_(0.5, 2.0)
        elif name.endswith("running_mean") or (".bn" in name and name.endswith("bias")):
            value.normal_(0, 0.3)
    return detector


def waves(batch: int, samples: int, seed: int = 1) -> Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed)) * 0.1


def without_dropout(detector: Aasist) -> Aasist:
    for module in detector.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return detector


class Undropped(Reference):
    def drop(self, x: Tensor, p: float) -> Tensor:
        return x


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "file", "config"),
    [("aasist", "AASIST.pth", AASIST), ("aasist-l", "AASIST-L.pth", AASIST_L)],
)
def test_golden(shared_dir: Path, name: str, file: str, config: Config) -> None:
    weights = read_pth(shared_dir / "golden" / file)
    assert len(weights) == 229
    detector = Aasist(config).eval()
    detector.load_state_dict(weights, strict=True)
    with np.load(shared_dir / "golden" / "aasist.npz") as golden, torch.inference_mode():
        found = detector(torch.from_numpy(golden["waves"]))
        logits = torch.from_numpy(golden[f"{name}_logits"])
        hidden = torch.from_numpy(golden[f"{name}_last_hidden"])
    torch.testing.assert_close(found.trace["logits"], logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.trace["embedding"], hidden, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.spoof_logit, logits[:, 0] - logits[:, 1], rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("config", "parameters"), [(AASIST, 297_866), (AASIST_L, 85_306), (DENSE_320, 373_706)]
)
def test_parameter_totals(config: Config, parameters: int) -> None:
    assert sum(p.numel() for p in Aasist(config).parameters()) == parameters


def test_filters_equal_the_plain_ones() -> None:
    assert torch.equal(sinc_filters(70, 129), plain_filters())
    edges = sinc_edges(70)
    assert edges[0] == 0
    assert edges[-1] == pytest.approx(8000)
    # filter 35 passes its own band and nothing two bands away
    spectrum = np.abs(np.fft.rfft(sinc_filters(70, 129)[60, 0].numpy(), 16_000))
    inside = spectrum[int(edges[60]) : int(edges[61])].mean()
    assert inside > 10 * spectrum[: int(edges[57])].max()


@pytest.mark.parametrize("config", [TINY, Config(channels=(1, 6, 4, 4), gat_dims=(4, 6), k=30)])
@pytest.mark.parametrize("samples", [SHORT, 9_001, 12_345])
def test_matches_the_transcription(config: Config, samples: int) -> None:
    """Odd lengths end inside a tile, inside a pooled frame, and at neither."""
    detector = randomised(config)
    plain = Reference(detector.state_dict(), config.pool_ratios, k=config.k)
    wave = waves(3, samples)
    with torch.inference_mode():
        hidden, logits = plain(wave)
        found = detector(wave)
    torch.testing.assert_close(found.trace["embedding"], hidden, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.trace["logits"], logits, rtol=1e-5, atol=1e-5)


def test_matches_the_transcription_over_many_tiles() -> None:
    detector = randomised(AASIST_L)
    plain = Reference(detector.state_dict(), AASIST_L.pool_ratios)
    wave = waves(1, 64_600)
    with torch.inference_mode():
        torch.testing.assert_close(
            detector(wave).trace["logits"], plain(wave)[1], rtol=1e-5, atol=1e-5
        )


def test_all_ways_agree() -> None:
    """No gradients (tiles, folded, clip by clip) and gradients (as a batch) give the same."""
    detector = randomised(TINY)
    wave = waves(3, SHORT)
    with torch.inference_mode():
        fast = detector(wave).trace
    slow = detector(wave).trace
    assert slow["logits"].requires_grad
    for name, value in fast.items():
        torch.testing.assert_close(slow[name].detach(), value, rtol=1e-5, atol=1e-5, msg=name)


def test_training_equals_the_transcription_in_numbers_statistics_and_gradients() -> None:
    """In double precision, where the order of sums does not matter."""
    detector = without_dropout(randomised(TINY)).train().double()
    weights = {k: v.clone() for k, v in detector.state_dict().items()}
    for name, _ in detector.named_parameters():
        weights[name].requires_grad_()
    wave = waves(4, SHORT).double()
    plain = Undropped(weights, TINY.pool_ratios, training=True, k=TINY.k)
    plain.filters = plain.filters.double()
    hidden, logits = plain(wave)
    found = detector(wave)
    exactly = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-10)
    exactly(found.trace["embedding"], hidden)
    mix = torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)
    (logits * mix).sum().backward()
    (found.trace["logits"] * mix).sum().backward()
    for name, parameter in detector.named_parameters():
        wanted = weights[name].grad
        assert (wanted is None) == (parameter.grad is None) == (".bn1." in name)
        if wanted is not None:
            exactly(parameter.grad, wanted, msg=name)
    for name, value in detector.state_dict().items():
        if name.endswith(("running_mean", "running_var")) and ".bn1." not in name:
            exactly(value, weights[name], msg=name)
    assert detector.state_dict()["encoder.0.0.bn2.num_batches_tracked"] == 1


def test_gradient_of_the_wave_equals_the_transcription_with_frozen_weights() -> None:
    """As attribution asks for it: in evaluation, of a network whose weights are not learned."""
    detector = randomised(TINY).double().requires_grad_(False)
    plain = Reference(detector.state_dict(), TINY.pool_ratios, k=TINY.k)
    plain.filters = plain.filters.double()
    wave, same = (waves(2, SHORT).double().requires_grad_() for _ in range(2))
    plain(wave)[1].diff().sum().backward()
    detector(same).trace["logits"].diff().sum().backward()
    assert wave.grad is not None
    assert wave.grad.any()
    torch.testing.assert_close(same.grad, wave.grad, rtol=1e-9, atol=1e-12)
    assert all(parameter.grad is None for parameter in detector.parameters())


def test_ties_and_left_over_frames_go_where_max_pool_sends_them() -> None:
    conv = nn.Conv2d(3, 3, (2, 3), padding=(0, 1))
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    around = torch.randint(0, 2, (2, 3, 5, 35), generator=torch.Generator().manual_seed(0)).float()
    grad = torch.linspace(1, 2, 2 * 3 * 5 * 11).view(2, 3, 5, 11)
    ours, wanted = around.clone().requires_grad_(), around.clone().requires_grad_()
    found = tail(torch.ones(2, 3, 6, 35), ours, conv)
    pooled = nn.functional.max_pool2d(wanted, (1, 3))
    assert torch.equal(found, pooled)
    found.backward(grad)
    pooled.backward(grad)
    assert torch.equal(cast("Tensor", ours.grad), cast("Tensor", wanted.grad))


def test_a_second_way_back_is_refused() -> None:
    """Memory of the first one is used again: silence about it would give wrong gradients."""
    detector = randomised(TINY)
    logits = detector(waves(1, SHORT)).trace["logits"].sum()
    logits.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        logits.backward()


def test_first_norm_is_dead() -> None:
    detector = randomised(TINY)
    wave = waves(1, SHORT)
    with torch.inference_mode():
        before = detector(wave).spoof_logit
        for name, value in detector.state_dict().items():
            if ".bn1." in name and value.is_floating_point():
                value.fill_(float("nan"))
        assert torch.equal(detector(wave).spoof_logit, before)
        detector.state_dict()["encoder.1.0.bn2.weight"].mul_(3)
        assert not torch.equal(detector(wave).spoof_logit, before)


def test_all_k_is_the_dense_network_to_the_bit() -> None:
    wave = waves(2, SHORT)
    whole = randomised(Config(channels=(1, 5, 6, 7), gat_dims=(8, 4), k=20, samples=SHORT))
    sparse = randomised(TINY)
    sparse.load_state_dict(whole.state_dict())
    with torch.inference_mode():
        dense, few = whole(wave).trace["embedding"], sparse(wave).trace["embedding"]
        plain = Reference(whole.state_dict(), TINY.pool_ratios)(wave)[0]
    torch.testing.assert_close(dense, plain, rtol=1e-5, atol=1e-5)
    assert (dense != 0).all()
    assert (dense < 0).any()
    assert ((few != 0).sum(1) == 7).all()
    assert torch.equal(few[few != 0], dense[few != 0])


def test_embedding_is_clean_in_training() -> None:
    detector = randomised(SPARSE).train()
    detector.encoder.eval()
    embedding = detector(waves(2, SHORT)).trace["embedding"]
    assert ((embedding != 0).sum(1) == SPARSE.k).all()  # dropout would have zeroed half of them


def test_silence_is_deterministic() -> None:
    """All temporal nodes are equal: only the order of ties decides which are kept."""
    detector = randomised(TINY)
    silence = torch.zeros(2, SHORT)
    with torch.inference_mode():
        kept = detector(silence).trace["temporal_kept"]
        gates = kept[0][kept[0] > 0]
    assert torch.equal(kept[0], kept[1])
    assert len(gates) == int(kept.shape[1] * TINY.pool_ratios[1])


def test_contributions_and_bias_add_up_to_the_score() -> None:
    detector = randomised(SPARSE)
    wave = waves(1, 64_600)
    with torch.inference_mode():
        output = detector(wave)
    found = {e.key: e for e in detector.evidence(output.trace, Window(0, 64_600))}
    contribution = found["aasist.contribution"]
    assert float(contribution.values.astype(np.float64).sum()) == pytest.approx(
        float(output.spoof_logit), abs=1e-5
    )
    assert contribution.axes[0].values[-1] == "bias"
    active = found["aasist.active"]
    assert active.values.shape == (SPARSE.k,)
    assert active.axes[0].values == contribution.axes[0].values[:-1]
    dims = [int(str(name)[1:]) for name in active.axes[0].values]
    assert np.array_equal(active.values, output.trace["embedding"][0, dims].numpy())


def test_axes_are_where_the_network_listens() -> None:
    """A click moves the temporal node that covers it, a tone the spectral node of its band."""
    detector = Aasist(AASIST).eval()
    with torch.inference_mode():
        trace = detector(waves(1, 64_600)).trace
        found = {e.key: e for e in detector.evidence(trace, Window(RATE, RATE + 64_600))}
        seconds = np.array(found["aasist.temporal"].axes[1].values, dtype=float) - 1.0
        hz = np.array(found["aasist.spectral"].axes[1].values, dtype=float)
        wave = waves(1, 64_600)
        click = wave.clone()
        click[0, 30_000:30_010] += 5
        moved = (detector.encode(click) - detector.encode(wave)).abs().amax((0, 1, 2))
        tone = 0.5 * torch.sin(2 * torch.pi * 3000 * torch.arange(64_600) / RATE)[None]
        map_ = torch.nn.functional.max_pool2d(
            torch.nn.functional.conv1d(tone[:, None], detector.filters).abs()[:, None], 3
        )
    assert len(seconds) == 29
    assert len(hz) == 23
    assert abs(seconds[int(moved.argmax())] - 30_005 / RATE) < 2187 / RATE
    assert int(map_.mean((0, 1, 3)).argmax()) == int(np.abs(hz - 3000).argmin())


def test_padding_is_left_out_of_the_axes() -> None:
    detector = randomised(SPARSE)
    with torch.inference_mode():
        trace = detector(waves(1, 64_600)).trace
    window = Window(16_000, 16_000 + 20_000)
    found = {e.key: e for e in detector.evidence(trace, window)}
    temporal = found["aasist.temporal"]
    assert temporal.values.shape == (9, 9)  # (20,000 - 64) // 2,187
    assert temporal.sums_to_one == ()
    assert max(float(t) for t in temporal.axes[1].values) < window.stop
    assert "aasist.temporal" not in {e.key for e in detector.evidence(trace, Window(0, 1000))}


@pytest.mark.parametrize(
    "changes", [{"k": 0}, {"k": 321}, {"by": "size"}, {"channels": [2, 3, 4, 5]}]
)
def test_impossible_configurations_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"k is from|orders by|the sinc stem gives"):
        Aasist.build(changes)


def test_the_label_says_whether_it_is_sparse() -> None:
    assert Aasist(replace(SPARSE, k=20)).label == "Sparse AASIST (TopK)"
    assert Aasist(replace(SPARSE, k=SPARSE.width)).label == "AASIST"


@pytest.mark.parametrize(("band", "bins"), [(0, {0}), (7, {0, 1}), (51, {6, 7}), (127, {15})])
def test_compact_bins_look_at_the_bands_around_their_centre(band: int, bins: set[int]) -> None:
    """Bin b sees bands 8 b - 7 to 8 b + 7 of 128, each of 62 Hz."""
    torch.manual_seed(0)
    spectra = Aasist.build(size="compact").stem.spectra
    image = torch.zeros(2, spectra.config.spectra, 7, 128)
    image[1, ..., band] = 3.0
    with torch.no_grad():
        for conv in spectra.convs:
            image = conv(image)
    changed = (image[1] - image[0]).abs().amax((0, 1))  # (bins,)
    assert set(changed.nonzero().flatten().tolist()) == bins
    assert CENTRES[6] == pytest.approx(49 * 8000 / 129)  # the centre of band 48


def test_compact_hears_no_gain_and_says_where_its_nodes_lie() -> None:
    torch.manual_seed(0)
    net = Aasist.build(size="compact").eval()
    wave = 0.1 * torch.randn(1, 64_600)
    with torch.no_grad():
        trace, louder = net(wave).trace, net(4 * wave).trace
    torch.testing.assert_close(trace["logits"], louder["logits"], atol=1e-4, rtol=1e-4)
    found = {e.key: e for e in net.evidence(trace, Window(16_000, 16_000 + 32_000))}
    hertz = found["aasist.spectral_kept"].axes[0].values
    assert hertz == CENTRES
    assert len(hertz) == 16
    seconds = found["aasist.temporal_kept"].axes[0].values
    assert seconds[0] == pytest.approx(1.05)
    assert len(seconds) == 20  # two seconds of real audio, the rest is said again
    assert int((trace["embedding"] != 0).sum()) == net.config.k


def test_compact_is_refused_the_channels_of_the_other_stem() -> None:
    with pytest.raises(
        ValueError, match="channels starts with 32, which the spectral stem gives, not with 1"
    ):
        Aasist.build({"channels": [1, 32, 32, 32]}, "compact")
    with pytest.raises(ValueError, match='stem is "sinc" or "spectral"'):
        Aasist.build({"stem": "mel"})
