import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from core.backbones import XLSR_300M
from core.detectors.sls import Sls
from core.types import DetectorError, Window
from tests.core.detectors import heads_reference
from tests.core.detectors.tiny import SAMPLES, SLS, noise, scramble


@pytest.fixture
def detector() -> Sls:
    torch.manual_seed(4)
    built = Sls.build(SLS, "compact")
    scramble(built.head)
    return built.eval()


def test_the_head_is_the_published_one(detector: Sls) -> None:
    layers = noise(3, 6, 20, 32) * 20
    trace = detector.head(layers)
    state = {k.removeprefix("gates."): v for k, v in detector.head.state_dict().items()}
    logits, gates = heads_reference.sls(state, layers)
    torch.testing.assert_close(trace["logits"], logits, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(trace["gates"], gates, rtol=1e-5, atol=1e-6)


def test_the_score_is_spoof_minus_bonafide(detector: Sls) -> None:
    out = detector(noise(2, SAMPLES))
    torch.testing.assert_close(
        out.spoof_logit, out.trace["logits"][:, 0] - out.trace["logits"][:, 1]
    )
    assert out.spoof_logit.shape == (2,)
    torch.testing.assert_close(out.trace["logits"].exp().sum(1), torch.ones(2))


def test_gates_by_hand() -> None:
    head = Sls.build(SLS, "compact").head
    with torch.no_grad():
        head.gates.fc0.weight.fill_(1 / 32)
        head.gates.fc0.bias.zero_()
    layers = torch.zeros(1, 6, 20, 32)
    layers[0, 2] = torch.log(torch.tensor(3.0))  # sigmoid(ln 3) = 3/4
    gates = head.gates(layers)
    torch.testing.assert_close(gates, torch.tensor([[0.5, 0.5, 0.75, 0.5, 0.5, 0.5]]))
    assert gates.sum() > 1


def test_paper_size_counts_what_the_publication_counts() -> None:
    with torch.device("meta"):
        detector = Sls.build()
    count = sum(p.numel() for p in detector.parameters())
    # fairseq keeps the pre-training heads in the file: the quantizer, project_q and final_proj
    pretraining = 1 * 640 * 384 + (640 * 512 + 640) + (768 * 768 + 768) + (768 * 1024 + 768)
    assert sum(p.numel() for p in detector.head.parameters()) == 23_399_429
    assert count + pretraining == 340_790_021
    assert detector.head.fc1.in_features == 22_847


def test_geometry_is_derived(detector: Sls) -> None:
    assert detector.head.fc1.in_features == (20 // 3) * (32 // 3)
    longer = Sls.build(SLS | {"samples": 2 * SAMPLES}, "compact")
    assert longer.head.fc1.in_features == (40 // 3) * (32 // 3)


def test_another_length_is_refused_in_words(detector: Sls) -> None:
    detector(noise(1, SAMPLES - 320))  # 19 frames pool to the same six cells
    with pytest.raises(DetectorError, match=r"6480 samples \(20 frames\); this input has 31"):
        detector(noise(1, 10_000))


def test_configuration_survives_json(detector: Sls) -> None:
    entries: dict[str, Any] = json.loads(json.dumps(detector.config_dict()))
    assert Sls.build(entries).config == detector.config
    assert Sls.build({"backbone": {"layers": 3}}).config.backbone == replace(XLSR_300M, layers=3)


def test_evidence_stays_inside_the_real_audio(detector: Sls) -> None:
    trace = detector(noise(1, SAMPLES)).trace
    window = Window(8_000, 8_000 + 4_000)
    gates, norm = detector.evidence(trace, window)
    assert gates.values.shape == (6,)
    assert gates.sums_to_one == ()
    times = [float(value) for value in norm.axes[0].values]
    assert window.start < times[0] < times[-1] < window.stop
    assert times[0] == pytest.approx(0.5 + 200 / 16_000)
    assert len(times) == 12  # centres 200 + 320 t below 4000
    fused = torch.einsum("bl,bltd->btd", trace["gates"], detector.backbone(noise(1, SAMPLES))[0])
    torch.testing.assert_close(torch.tensor(norm.values), fused[0, :12].norm(dim=-1))


def test_topk_leaves_that_many_dimensions() -> None:
    detector = Sls.build(SLS | {"topk": 4}, "compact").eval()
    embedding = detector(noise(3, SAMPLES)).trace["embedding"]
    assert (embedding != 0).sum(1).tolist() == [4, 4, 4]
