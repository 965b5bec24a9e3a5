import json
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from core.detectors.qaf import QafStatic
from core.types import DetectorError, Window
from tests.core.detectors.tiny import QAF, SAMPLES, noise, scramble

BOOKS = (8, 16, 8)  # quantizers, entries, width of the tiny codec


def built(**changes: Any) -> QafStatic:
    torch.manual_seed(4)
    detector = QafStatic.build(QAF | {"normalise": True} | changes, "compact")
    scramble(detector.head)
    for layer in detector.codec.model.quantizer.layers:
        layer.codebook.embed.mul_(0.05)  # the size of an untrained encoder's output
    return detector.eval()


def merged(state: dict[str, Tensor], layers: Tensor) -> Tensor:
    """Attentive merging from its description, one frame after another."""
    squeezed = layers.mean(2) @ state["W"]
    squeezed = (squeezed * torch.sigmoid(squeezed))[..., 0]
    inner = squeezed @ state["W1"]
    gates = 1 / (1 + (-((inner * torch.sigmoid(inner)) @ state["W2"])).exp())
    count, width = layers.shape[1], layers.shape[3]
    out = []
    for frame in range(layers.shape[2]):
        flat = torch.zeros(len(layers), width * count)
        for feature in range(width):
            for layer in range(count):
                value = gates[:, layer] * layers[:, layer, frame, feature]
                flat[:, feature * count + layer] = value
        first = flat @ state["linear_proj.0.weight"].T + state["linear_proj.0.bias"]
        first = first * torch.sigmoid(first)
        out.append(first @ state["linear_proj.2.weight"].T + state["linear_proj.2.bias"])
    return torch.stack(out, 1)


def lstm_mean(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """Mean over time of a one-layer LSTM, gate by gate (input, forget, cell, output)."""
    size = state["lstm.weight_hh_l0"].shape[1]
    hidden = cell = torch.zeros(len(x), size)
    outputs = []
    for step in x.unbind(1):
        gates = step @ state["lstm.weight_ih_l0"].T + state["lstm.bias_ih_l0"]
        gates = gates + hidden @ state["lstm.weight_hh_l0"].T + state["lstm.bias_hh_l0"]
        enter, forget, update, leave = gates.split(size, dim=1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * update.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        outputs.append(hidden)
    return torch.stack(outputs, 1).mean(1)


def described(detector: QafStatic, layers: Tensor, codes: Tensor) -> Tensor:
    """Logits from the description of the method."""
    state = dict(detector.head.state_dict())
    merge = {k.removeprefix("feat_merge."): v for k, v in state.items() if "feat_merge" in k}
    speech = merged(merge, layers)
    power = (state["mix.W"] / detector.config.tau).exp()
    alpha = power / power.sum(0)
    vectors = torch.stack([state["mix.vectors"][q][codes[:, q]] for q in range(8)], 1)
    mixture = (alpha[None, :, None] * vectors).sum(1)
    length = speech.shape[1]
    aligned = functional.interpolate(mixture.mT, length, mode="linear").mT
    joined = torch.cat([speech, aligned], -1) @ state["projection.weight"].T
    embedding = lstm_mean(state, joined + state["projection.bias"])
    logits: Tensor = embedding @ state["classifier.weight"].T + state["classifier.bias"]
    return logits


def test_the_head_is_the_described_one() -> None:
    detector = built(tau=0.7)
    features = {
        "hidden": noise(2, 4, 20, 32) * 5,
        "codes": torch.randint(0, 16, (2, 8, 31), generator=torch.Generator().manual_seed(1)),
    }
    logits = detector.decide(features).trace["logits"]
    expected = described(detector, features["hidden"], features["codes"])
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_paper_size_has_the_computed_numbers_of_parameters() -> None:
    with torch.device("meta"):
        head = QafStatic.build().head

    def count(module: torch.nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    assert count(head.feat_merge) == 1_168 + 40_898_560
    assert count(head.lstm) == 935_424
    assert count(head.classifier) == 386
    assert head.mix.W.numel() == 1_024
    assert count(head.mix) == 1_024 + 8 * 1024 * 128


def test_training_starts_at_the_mean_over_quantizers() -> None:
    static, mean = QafStatic.build(QAF, "compact").eval(), built(mode="mean")
    static.start_from_codec()
    assert torch.equal(static.head.mix.weights(), torch.full((8, 8), 1 / 8))
    state = static.head.state_dict()
    mean.head.load_state_dict({k: v for k, v in state.items() if k != "mix.vectors"})
    mean.codec.load_state_dict(static.codec.state_dict())
    mean.backbone.load_state_dict(static.backbone.state_dict())
    wave = noise(2, SAMPLES)
    changed = QafStatic.build(QAF | {"normalise": True}, "compact").eval()
    changed.load_state_dict(static.state_dict())
    torch.testing.assert_close(changed(wave).spoof_logit, mean(wave).spoof_logit)


def test_vectors_start_as_the_codebooks_of_the_codec() -> None:
    detector = built()
    detector.start_from_codec()
    codes = detector.codec.codes(noise(1, SAMPLES))
    vectors = detector.decide(detector.features(noise(1, SAMPLES))).trace["vectors"]
    decoded = detector.codec.model.quantizer.decode(codes.transpose(0, 1)).mT
    torch.testing.assert_close(vectors.sum(1), decoded)


@pytest.mark.parametrize(
    ("mode", "trained"),
    [("codecT", {"mix.W", "mix.vectors"}), ("codecF", {"mix.W"}), ("mean", set())],
)
def test_modes_train_what_they_say(mode: str, trained: set[str]) -> None:
    detector = built(mode=mode).train()
    detector(noise(2, SAMPLES)).spoof_logit.sum().backward()
    moved = {n for n, p in detector.head.named_parameters() if p.grad is not None}
    assert {name for name in moved if name.startswith("mix.")} == trained
    frozen = [*detector.backbone.parameters(), *detector.codec.parameters()]
    assert not any(p.requires_grad for p in frozen)
    idle = [n for n, p in detector.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []


def test_weights_sum_to_one_and_follow_the_temperature() -> None:
    warm, cold = built(tau=10.0), built(tau=0.1)
    for detector in (warm, cold):
        torch.testing.assert_close(detector.head.mix.weights().sum(0), torch.ones(8))
    assert cold.head.mix.weights().max() > warm.head.mix.weights().max()


def test_leaving_one_out_by_hand() -> None:
    detector = built()
    trace = detector(noise(1, SAMPLES)).trace
    without = detector.head.leave_one_out(trace)
    assert without.shape == (1, 8)
    with torch.no_grad():
        full = detector(noise(1, SAMPLES)).spoof_logit
        detector.head.mix.W[3] = -1e9  # the softmax without quantizer 4
        expected = detector(noise(1, SAMPLES)).spoof_logit
    torch.testing.assert_close(without[:, 3], expected, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(full, expected)


def test_alignment_keeps_constants_constant() -> None:
    detector = built()
    speech = torch.zeros(1, 20, 32)
    short = detector.head.join(speech, torch.ones(1, 31, 8))
    long = detector.head.join(speech, torch.ones(1, 97, 8))
    torch.testing.assert_close(short, long)


def test_speech_network_hears_every_clip_at_one_level_and_the_codec_as_it_is() -> None:
    detector = built()
    quiet, loud = (detector.features(noise(1, SAMPLES) * gain) for gain in (0.1, 1.0))
    torch.testing.assert_close(quiet["hidden"], loud["hidden"], rtol=1e-3, atol=1e-3)
    assert not torch.equal(quiet["codes"], loud["codes"])
    levelled = built(codec_rms=0.05)
    codes = [levelled.features(noise(1, SAMPLES) * gain)["codes"] for gain in (0.5, 1.0)]
    assert (codes[0] == codes[1]).float().mean() > 0.99


def test_only_the_lower_layers_run() -> None:
    detector = built()
    hidden = detector.features(noise(1, SAMPLES))["hidden"]
    assert hidden.shape[1] == 4
    wave = noise(1, SAMPLES)
    levelled = (wave - wave.mean()) / wave.std(unbiased=False)
    torch.testing.assert_close(
        hidden, detector.backbone(levelled).hidden[:, :4], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ssl_layers": 7}, "cannot merge 7 layers of a backbone that has 6"),
        ({"tau": 0.0}, "temperature tau must be positive"),
        ({"mode": "dynamic"}, '"codecT", "codecF" or "mean"'),
        ({"codec": QAF["codec"] | {"quantizers": 1}}, "one alone leaves nothing to weigh"),
    ],
)
def test_impossible_options_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DetectorError, match=sentence):
        built(**changes)


def test_configuration_survives_json() -> None:
    detector = built(mode="codecF", tau=0.5)
    entries = json.loads(json.dumps(detector.config_dict()))
    assert QafStatic.build(entries).config == detector.config


def test_evidence() -> None:
    detector = built()
    with torch.no_grad():
        out = detector(noise(1, SAMPLES))
        without = detector.head.leave_one_out(out.trace)
    found = {item.key: item for item in detector.evidence(out.trace, Window(0, SAMPLES))}
    assert found["qaf.weights"].scope == "model"
    assert "the same for every clip" in found["qaf.weights"].caption
    assert found["qaf.weights"].values.sum(0) == pytest.approx(1, abs=1e-5)
    assert found["qaf.quantizers"].values.sum() == pytest.approx(1, abs=1e-5)
    assert found["qaf.leave_one_out"].signed
    expected = (out.spoof_logit[:, None] - without)[0].detach().numpy()
    assert found["qaf.leave_one_out"].values == pytest.approx(expected, abs=1e-6)
    assert found["qaf.gates"].values.shape == (4,)


def test_topk_leaves_that_many_dimensions() -> None:
    embedding = built(topk=3)(noise(2, SAMPLES)).trace["embedding"]
    assert (embedding != 0).sum(1).tolist() == [3, 3]
