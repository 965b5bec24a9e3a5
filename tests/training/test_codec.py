"""The compact EnCodec that is trained here."""

from pathlib import Path

import torch
from torch import nn

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


def nearest(latents: torch.Tensor, book: torch.Tensor) -> torch.Tensor:
    """The entries that are nearest, by distances in float64."""
    apart = latents.double()[..., None, :] - book.double()
    found: torch.Tensor = apart.square().sum(-1).argmin(-1)
    return found


def latents_of(codec: Codec, wave: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        latents: torch.Tensor = codec.model.encoder(codec.resample(wave)[:, None])
    return latents


def test_the_nearest_entry_is_found_far_from_zero() -> None:
    torch.manual_seed(0)
    latents, book = 20 + torch.randn(50, 128) / 1000, 20 + torch.randn(64, 128) / 1000
    found = codecs.nearest(latents, book)
    assert (found == nearest(latents, book)).float().mean() > 0.95
    plain = torch.cdist(latents, book).argmin(1)
    assert (plain == found).float().mean() < 0.9  # what rounding would have chosen


def test_the_last_layer_does_what_the_norm_did() -> None:
    torch.manual_seed(0)
    codec = Codec(CodecConfig(quantizers=2, filters=8, lstm_layers=1, entries=64)).eval()
    norm = nn.BatchNorm1d(codec.config.width, affine=False)
    wave = torch.randn(3, 16_000) / 10
    for _ in range(3):
        norm(latents_of(codec, wave))
    wanted = norm.eval()(latents_of(codec, wave))
    codecs.fold(norm, codec)
    torch.testing.assert_close(latents_of(codec, wave), wanted, atol=1e-3, rtol=1e-3)


def test_codes_are_the_nearest_entries_and_the_same_in_any_batch(tmp_path: Path) -> None:
    train = read_splits(corpus(tmp_path / "corpus", 4)).train
    codec = far_from_nothing(0)
    codecs.settle(codec, Audio.of(train, tmp_path / "cache"), 0, clips=16, rounds=2)
    wave = torch.randn(4, 16_000, generator=torch.Generator().manual_seed(1)) / 10
    together = codec.codes(wave)
    alone = torch.cat([codec.codes(one) for one in wave.split(1)])
    assert (together == alone).float().mean() > 0.99
    assert (
        together[:, 0] == nearest(latents_of(codec, wave).mT, codec.codebooks()[0])
    ).float().mean() > 0.99
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


def test_the_codes_that_ship_tell_the_sound_and_not_the_time() -> None:
    """A trained LSTM can swing by itself; its codes are then the same at one time in all clips."""
    (qaf,) = (one.detector for one in loading.select(("qaf",)))
    golden = torch.from_numpy(loading.golden_wave(64_600))
    moved = 7_040  # samples: 33 codec frames
    with torch.inference_mode():
        here, there = qaf.features(torch.stack([golden, golden.roll(moved)]))["codes"][:, 0]
    assert (here[40:] == there[40:]).float().mean() < 0.3  # at one time
    assert (here[40:-33] == there[73:]).float().mean() > 0.3  # of one sound
