import socket
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from checkpoints.card import CheckpointError
from core.backbones import COMPACT, Codec, CodecConfig, SpeechBackbone
from core.pretrained import load_published
from tests.core.test_backbones import CONFIGS, noise


@pytest.mark.parametrize("kind", ["xls-r", "wavlm"])
def test_weights_come_from_a_local_folder(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIGS[kind]
    source, target = SpeechBackbone(config), SpeechBackbone(config)
    source.model.save_pretrained(tmp_path)
    load_published(target, tmp_path)
    assert torch.equal(source(noise(1, 2_000)).hidden, target(noise(1, 2_000)).hidden)
    again = SpeechBackbone(config)
    variable = {"xls-r": "SPOOFSCOPE_XLSR", "wavlm": "SPOOFSCOPE_WAVLM"}[kind]
    monkeypatch.setenv(variable, str(tmp_path))
    load_published(again)
    assert torch.equal(
        again.state_dict()["model.masked_spec_embed"], source.model.masked_spec_embed
    )


def test_codec_weights_come_from_a_local_folder(tmp_path: Path) -> None:
    config = CodecConfig(filters=2, lstm_layers=1, entries=16, width=8)
    whole, target = Codec(replace(config, decoder=True)), Codec(config)
    for layer in whole.model.quantizer.layers:
        layer.codebook.embed.normal_()
    whole.model.save_pretrained(tmp_path)
    load_published(target, tmp_path)
    assert torch.equal(whole.codes(noise(1, 2_000)), target.codes(noise(1, 2_000)))


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    SpeechBackbone(replace(CONFIGS["xls-r"], layers=2)).model.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"missing .*encoder\.layers\.2"):
        load_published(SpeechBackbone(CONFIGS["xls-r"]), tmp_path)


def test_absent_weights_are_named_with_what_would_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    backbone = SpeechBackbone(CONFIGS["xls-r"])
    with pytest.raises(CheckpointError, match="SPOOFSCOPE_XLSR, or go online"):
        load_published(backbone, tmp_path / "nothing")
    monkeypatch.delenv("SPOOFSCOPE_XLSR", raising=False)
    with pytest.raises(CheckpointError, match=r"facebook/wav2vec2-xls-r-300m.*1a640f32"):
        load_published(backbone)
    with pytest.raises(CheckpointError, match="compact backbone has no published weights"):
        load_published(SpeechBackbone(COMPACT))


def test_without_a_network_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the name of the hub is known, its client is not let loose: it would retry for long."""

    def unknown(*_address: object) -> NoReturn:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setattr("time.sleep", lambda _seconds: pytest.fail("the hub's client retries"))
    monkeypatch.delenv("SPOOFSCOPE_XLSR", raising=False)
    with pytest.raises(CheckpointError, match="SPOOFSCOPE_XLSR, or go online"):
        load_published(SpeechBackbone(CONFIGS["xls-r"]))
