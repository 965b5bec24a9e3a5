"""The compact EnCodec that is trained here."""

from pathlib import Path

import torch

from core import loading
from core.backbones import Codec, CodecConfig
from tests.training.noises import corpus
from training import codec as codecs
from training.corpus import read_splits
from training.data import Audio


def far_from_nothing(seed: int) -> Codec:
    """A codec whose latents differ by thousandths around a mean of size 23."""
    torch.manual_seed(seed)
    made = Codec(CodecConfig(quantizers=2, filters=8, lstm_layers=1, entries=64)).eval()
    last = made.model.encoder.layers[-1].conv
    with torch.no_grad():
        last.parametrizations.weight.original0.mul_(0.02)
        last.bias.fill_(2.0)
    return made


def nearest(codec: Codec, wave: torch.Tensor) -> torch.Tensor:
    """The entries of the first codebook that are nearest, by distances in float64."""
    with torch.no_grad():
        latent = codec.model.encoder(codec.resample(wave)[:, None]).mT.double()
    apart = latent[..., None, :] - codec.codebooks()[0].double()
    found: torch.Tensor = apart.square().sum(-1).argmin(-1)
    return found


def test_codes_are_the_nearest_entries_and_the_same_in_any_batch(tmp_path: Path) -> None:
    train = read_splits(corpus(tmp_path / "corpus", 4)).train
    codec = far_from_nothing(0)
    codecs.settle(codec, Audio.of(train, tmp_path / "cache"), 0, clips=16, rounds=2)
    wave = torch.randn(4, 16_000, generator=torch.Generator().manual_seed(1)) / 10
    together = codec.codes(wave)
    alone = torch.cat([codec.codes(one) for one in wave.split(1)])
    assert (together == alone).float().mean() > 0.99
    assert (together[:, 0] == nearest(codec, wave)).float().mean() > 0.99
    assert len(together[:, 0].unique()) > 10


def test_the_codec_that_ships_chooses_alike_alone_and_together() -> None:
    """Its latents are centred, too: before, a third of the first codes differed."""
    (qaf,) = (one.detector for one in loading.select(("qaf",)))
    golden = torch.from_numpy(loading.golden_wave(64_600))
    wave = torch.stack([golden.roll(7_000 * i) for i in range(4)])
    with torch.inference_mode():
        together = qaf.features(wave)["codes"]
        alone = torch.cat([qaf.features(one)["codes"] for one in wave.split(1)])
    assert (together == alone).float().mean() > 0.98
    assert len(together[:, 0].unique()) > 10
