"""Published layouts of SLS and HierCon: random tensors under their names, converted, compared."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from checkpoints.card import CheckpointError
from checkpoints.convert import fairseq, hiercon, sls
from checkpoints.store import load_strict
from core.detectors.hiercon import HierCon
from core.detectors.sls import SIZES, Sls
from tests.core.detectors import heads_reference
from tests.core.detectors.tiny import SAMPLES, noise, scramble
from tests.core.speech_reference import layer_outputs, random_state

State = dict[str, Tensor]
WIDTH, HEADS = 128, 2


def speech() -> State:
    return random_state(layers=6, width=WIDTH, stem=16, ffn=48, positional=(16, 4))


def published_sls(speech_state: State) -> tuple[State, State]:
    """A whole file in the authors' layout, and its head by itself."""
    options: dict[str, Any] = {"backbone": {"layers": 1, "width": WIDTH}, "samples": SAMPLES}
    built = scramble(Sls.build(options | {"hidden": 12}, "compact").head)
    head = {name.removeprefix("gates."): tensor for name, tensor in built.state_dict().items()}
    return {f"ssl_model.model.{k}": v for k, v in speech_state.items()} | head, head


def published_hiercon(speech_state: State) -> tuple[State, State]:
    options: dict[str, Any] = {"backbone": {"layers": 3, "width": WIDTH}, "attention": 9}
    built = scramble(HierCon.build(options | {"hidden": [12, 10]}, "compact").head)
    head = dict(built.state_dict())
    return {f"ssl_model.model.{k}": v for k, v in speech_state.items()} | head, head


def modern(state: State) -> State:
    """The same tensors in the spelling since torch 2.1."""
    weight = "pos_conv.0.parametrizations.weight.original"
    return {
        k.replace("pos_conv.0.weight_g", f"{weight}0").replace(
            "pos_conv.0.weight_v", f"{weight}1"
        ): v
        for k, v in state.items()
    }


def parallel(state: State) -> State:
    return {f"module.{k}": v for k, v in state.items()}


@pytest.mark.parametrize("spelling", [dict, modern, parallel])
def test_a_converted_sls_is_the_published_network(spelling: Any) -> None:
    speech_state = speech()
    file, head = published_sls(speech_state)
    file = spelling(file)
    detector = Sls.build(sls.config_of(file)).eval()
    load_strict(detector, sls.rename(file), "sls")
    wave = noise(2, SAMPLES)
    with torch.no_grad():
        layers, _ = layer_outputs(speech_state, wave, HEADS)
        logits, gates = heads_reference.sls(head, torch.stack(layers, 1))
        out = detector(wave)
    torch.testing.assert_close(out.trace["gates"], gates, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(out.trace["logits"], logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(out.spoof_logit, logits[:, 0] - logits[:, 1], rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("spelling", [dict, modern, parallel])
def test_a_converted_hiercon_is_the_published_network(spelling: Any) -> None:
    speech_state = speech()
    file, head = published_hiercon(speech_state)
    file = spelling(file)
    entries = hiercon.config_of(file) | {"samples": SAMPLES}
    detector = HierCon.build(entries).eval()
    load_strict(detector, hiercon.rename(file), "hiercon")
    wave = noise(2, SAMPLES)
    with torch.no_grad():
        layers, _ = layer_outputs(speech_state, wave, HEADS)
        expected = heads_reference.hiercon(head, torch.stack(layers, 1), 3)
        out = detector(wave)
    for key, value in expected.items():
        torch.testing.assert_close(out.trace[key], value, rtol=1e-3, atol=1e-4, msg=key)


def test_every_layer_matches_the_network_written_from_the_description() -> None:
    speech_state = speech()
    file, _ = published_sls(speech_state)
    detector = Sls.build(sls.config_of(file)).eval()
    load_strict(detector, sls.rename(file), "sls")
    wave = noise(2, 3_000)
    with torch.no_grad():
        layers, last = layer_outputs(speech_state, wave, HEADS)
        heard = detector.backbone(wave)
    for index, layer in enumerate(layers):
        torch.testing.assert_close(heard.hidden[:, index], layer, rtol=1e-4, atol=2e-5)
    torch.testing.assert_close(heard.last, last, rtol=1e-4, atol=2e-5)


def test_no_tensor_is_lost_but_the_seven() -> None:
    file, _ = published_sls(speech())
    renamed = sls.rename(file)
    assert len(file) - len(renamed) == 7
    kept = {name for name in file if name.removeprefix(fairseq.SPEECH) not in fairseq.DROPPED}
    assert sorted(t.data_ptr() for t in renamed.values()) == sorted(
        file[name].data_ptr() for name in kept
    )


def test_options_are_read_off_the_tensors() -> None:
    entries = sls.config_of(parallel(published_sls(speech())[0]))
    assert entries["samples"] // 320 == SAMPLES // 320 - 2  # 18 frames pool to the same six
    assert entries["hidden"] == 12
    assert entries["backbone"] == {
        "layers": 6, "width": WIDTH, "heads": HEADS, "ffn": 48, "stem_width": 16,
        "positional_kernel": 16, "positional_groups": 4,
    }  # fmt: skip
    read = hiercon.config_of(published_hiercon(speech())[0])
    assert (read["attention"], read["hidden"], read["stages"]) == (9, [12, 10], "full")


@pytest.mark.parametrize("convert", [sls, hiercon])
def test_foreign_tensors_are_named(convert: Any) -> None:
    file, _ = published_sls(speech()) if convert is sls else published_hiercon(speech())
    with pytest.raises(CheckpointError, match=r"'fc2\.weight' is not one of"):
        convert.rename(file | {"fc2.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="not one of fairseq's wav2vec"):
        convert.rename(file | {"ssl_model.model.encoder.layers.0.fc3.bias": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="twice, under two spellings"):
        convert.rename(file | modern(file))
    with pytest.raises(CheckpointError, match="so it is not of"):
        convert.config_of({k: v for k, v in file.items() if k.startswith("ssl_model")})
    with pytest.raises(CheckpointError, match="no speech network of fairseq"):
        convert.config_of({k: v for k, v in file.items() if not k.startswith("ssl_model")})


def test_an_impossible_geometry_is_refused() -> None:
    file, _ = published_sls(speech())
    with pytest.raises(CheckpointError, match="fc1 reads 253 numbers"):
        sls.config_of(file | {"fc1.weight": torch.zeros(12, 253)})


@pytest.mark.shared
def test_the_published_file_of_440_tensors(shared_dir: Path) -> None:
    shapes = json.loads((shared_dir / "spec" / "sls_state_dict_keys.json").read_text())
    file = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    assert len(file) == 440
    entries = sls.config_of(parallel(file))
    with torch.device("meta"):
        detector = Sls.build(entries)
    assert detector.config == SIZES["paper"]
    ours = {name: tensor.shape for name, tensor in detector.state_dict().items()}
    assert {name: tensor.shape for name, tensor in sls.rename(file).items()} == ours
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert sum(t.numel() for k, t in file.items() if not k.endswith(statistics)) == 340_790_021
