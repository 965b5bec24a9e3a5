"""Vocoders and codecs that copy human speech."""

import json
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training import steps
from training.bank import Bank
from training.data import Item
from training.zoo import fit as fitting
from training.zoo import generators
from training.zoo.copies import FAMILY, as_copies, beside, copies, copy
from training.zoo.critics import Critics, Periods, critics_loss, generator_loss
from training.zoo.fit import LEVEL, at_level, fit, pieces
from training.zoo.generators import Codec, Flow, Generator, Mel, inverse

HOP_MULTIPLE = 12_800


def noise(count: int, samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(count, samples, generator=torch.Generator().manual_seed(seed))


def bank_of(clips: int) -> Bank:
    waves = [(noise(1, 9_000 + 77 * i, i)[0] * 9_000).short().numpy() for i in range(clips)]
    items = [
        Item(f"U{i}", "spoof" if i % 3 == 2 else "bonafide", Path(f"{i}.flac"), source=f"s{i % 2}")
        for i in range(clips)
    ]
    return Bank.of(items, waves, "cpu")


class Louder(Generator):
    """Gives back three times what it hears."""

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        return 3 * wave, wave.new_zeros(())


def test_mel_spectra_have_a_frame_each_hop_and_hear_a_tone_in_its_band() -> None:
    time = torch.arange(HOP_MULTIPLE) / 16_000
    for frequency in (200.0, 1_000.0, 6_000.0):
        found = Mel(1024, 256, 80)(torch.sin(2 * torch.pi * frequency * time)[None])
        assert found.shape == (1, 50, 80)
        # Slaney's scale: linear up to 1 kHz (15 mel), then 27 to the octave of 6.4
        scale = [0.0, 15.0, 15.0 + 27 * np.log(8) / np.log(6.4)]
        hertz = [0.0, 1_000.0, 8_000.0]
        mel = (
            np.interp(frequency, hertz[:2], scale[:2])
            if frequency <= 1_000
            else 15 + 27 * np.log(frequency / 1_000) / np.log(6.4)
        )
        wanted = mel / scale[2] * 81 - 1
        assert abs(int(found[0, 25].argmax()) - wanted) <= 1


def test_inverse_gives_back_what_the_spectra_are_of() -> None:
    wave, window = noise(2, HOP_MULTIPLE), torch.hann_window(512)
    edge = (512 - 128) // 2
    padded = nn.functional.pad(wave[:, None], (edge, edge), mode="reflect")[:, 0]
    spectrum = torch.stft(padded, 512, 128, window=window, center=False, return_complex=True)
    torch.testing.assert_close(inverse(spectrum, window, 128), wave, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", list(generators.KINDS))
def test_every_kind_copies_and_learns(kind: str) -> None:
    torch.manual_seed(0)
    made_by, wave = generators.build(kind), noise(2, HOP_MULTIPLE)
    made, loss = made_by(wave)
    assert made.shape == wave.shape
    (made.square().mean() + loss).backward()
    silent = [
        n for n, p in made_by.named_parameters() if p.grad is None or not p.grad.isfinite().all()
    ]
    assert not silent
    copied = made_by.eval().copy(wave[:1])
    assert copied.shape == (1, HOP_MULTIPLE)
    assert copied.isfinite().all()
    assert not torch.equal(copied, wave[:1])


def test_flow_reaches_the_wave_when_it_knows_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    flow, wave = Flow(16, 1).eval(), noise(1, HOP_MULTIPLE)
    target = flow._compressed(wave)

    def straight(_: Flow, state: Tensor, mel: Tensor, time: Tensor) -> Tensor:
        assert mel.shape[:2] == state.shape[:2]
        return (target - state) / (1 - time[:, None, None])

    monkeypatch.setattr(Flow, "_velocity", straight)
    torch.testing.assert_close(flow.copy(wave), wave, atol=2e-3, rtol=1e-2)


def test_a_codec_by_fewer_quantisers_says_something_else() -> None:
    torch.manual_seed(0)
    codec = generators.build("seanet").eval()
    assert isinstance(codec, Codec)
    with torch.inference_mode():
        few, many = (codec.through(noise(1, 6_400), n)[0] for n in (1, 8))
    assert few.shape == many.shape
    assert not torch.allclose(few, many)


def test_critics_losses_by_hand() -> None:
    def said(value: float, feature: float) -> list[list[Tensor]]:
        return [[torch.full((2, 3), feature), torch.full((2, 1), value)]]

    assert float(critics_loss(said(1.0, 0.0), said(0.0, 0.0))) == 0.0
    assert float(critics_loss(said(0.5, 0.0), said(0.5, 0.0))) == pytest.approx(0.5)
    assert float(generator_loss(said(1.0, 2.0), said(1.0, 2.0))) == 0.0
    assert float(generator_loss(said(1.0, 2.0), said(0.0, 0.5))) == pytest.approx(1 + 2 * 1.5)


def test_a_critic_of_periods_cannot_tell_columns_apart() -> None:
    """All columns of the picture are treated alike: the period's samples may change places."""
    critic, wave = Periods(3), noise(1, 9_000)
    turned = wave.unflatten(1, (-1, 3)).flip(2).flatten(1)
    one, other = critic(wave)[-1], critic(turned)[-1]
    torch.testing.assert_close(one.flip(3), other, atol=1e-5, rtol=1e-4)
    assert len(Critics()(wave)) == 8


def test_pieces_are_of_the_wave_and_of_one_level() -> None:
    samples = torch.sin(torch.arange(50_000) * 0.3) * 0.01
    found = pieces(samples, 4_000, 16)
    assert found.shape == (16, 4_000)
    level = found.square().mean(1).sqrt()
    assert float(level.min()) > LEVEL * 10**-0.31
    assert float(level.max()) < LEVEL * 10**0.31
    torch.testing.assert_close(at_level(torch.zeros(1, 10)), torch.zeros(1, 10))


def test_fit_follows_the_wave_it_hears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty steps on a clock that counts them, the last sixteen against critics."""
    clock = SimpleNamespace(monotonic=count().__next__)
    monkeypatch.setattr(steps, "time", clock)
    for name, value in {"BATCH": 2, "MEMORY": 0.5, "SAMPLES": 6_400}.items():
        monkeypatch.setattr(fitting, name, value)
    time = torch.arange(64_000) / 16_000
    samples = 0.1 * torch.sin(2 * torch.pi * 220 * time) * (1 + torch.sin(2 * torch.pi * 3 * time))
    made = fit("vocos", samples, 20.0, tmp_path / "log.json", 3)
    assert not made.training
    torch.manual_seed(3)
    fresh = generators.build("vocos").eval()
    wave, mel = at_level(samples[None, :HOP_MULTIPLE]), Mel(512, 128, 64)

    def far(generator: Generator) -> float:
        return float((mel(generator.copy(wave)) - mel(wave)).abs().mean())

    assert far(made) < 0.95 * far(fresh)  # the rate is still rising
    assert json.loads((tmp_path / "log.json").read_text())[0]["step"] == 1


def test_no_time_is_no_step(tmp_path: Path) -> None:
    made = fit("vocos", torch.zeros(20_000), 0.0, tmp_path / "log.json", 3)
    assert not made.training
    assert not (tmp_path / "log.json").exists()


def test_copies_keep_length_and_level_and_are_spoof() -> None:
    bank = bank_of(3)
    made = copies(Louder(), bank, 0, "louder")
    assert [item.label for item in made.items] == ["spoof"] * 3
    assert {item.system for item in made.items} == {"louder"}
    assert [item.utt_id for item in made.items] == [item.utt_id for item in bank.items]
    assert torch.equal(made.lengths, bank.lengths)
    # three times as loud, and then as loud as it was
    assert int((made.samples.int() - bank.samples.int()).abs().max()) <= 1
    short = copy(Louder(), torch.zeros(100))
    assert short.shape == (100,)
    assert torch.equal(short, torch.zeros(100))


def test_beside_puts_copies_of_human_clips_after_the_clips() -> None:
    bank = bank_of(6)
    human = [i for i in range(6) if bank.items[i].label == "bonafide"]
    inner = Bank.of([bank.items[i] for i in human], [bank.waves()[i] for i in human], "cpu")
    made = [
        as_copies(inner, name, np.full(len(inner.samples), value, np.int16))
        for name, value in (("a", 1), ("b", 2), ("c", 3))
    ]
    draws = [beside(bank, made, 2, np.random.default_rng(seed)) for seed in (0, 1)]
    for whole in draws:
        assert len(whole) == 6 + 2 * len(human)
        assert whole.items == draws[0].items
        assert torch.equal(whole.samples[: len(bank.samples)], bank.samples)
        for place, clip in enumerate(human):
            for item, wave in list(zip(whole.items, whole.waves(), strict=True))[6 + 2 * place :][
                :2
            ]:
                assert (item.utt_id, item.label) == (bank.items[clip].utt_id, "spoof")
                assert (item.family, item.source) == (FAMILY, bank.items[clip].source)
                assert len(wave) == int(bank.lengths[clip])
                assert len(np.unique(wave)) == 1
    chosen = [[int(wave[0]) for wave in whole.waves()[6:]] for whole in draws]
    assert chosen[0] != chosen[1]
    assert all(a != b for a, b in zip(chosen[0][::2], chosen[0][1::2], strict=True))
