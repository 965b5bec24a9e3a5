import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from core.backbones import (
    ENCODEC_24KHZ,
    WAVLM_LARGE,
    XLSR_300M,
    Codec,
    CodecConfig,
    SpeechBackbone,
    SpeechConfig,
    config_entries,
)
from core.compact import FRAME, HOP, SpectralConfig, SpectralStem, linear_filterbank

TINY: dict[str, Any] = {
    "layers": 3, "width": 32, "heads": 2, "ffn": 48, "stem_width": 16,
    "positional_kernel": 16, "positional_groups": 4,
}  # fmt: skip
CONFIGS = {
    "xls-r": replace(XLSR_300M, **TINY),
    "wavlm": replace(WAVLM_LARGE, **TINY),
    "compact-conv": SpeechConfig(**TINY, stem="conv"),
    "compact-spectral": SpeechConfig(**TINY, spectral=SpectralConfig(bands=16, channels=(4, 8))),
}


@pytest.fixture(params=CONFIGS)
def backbone(request: pytest.FixtureRequest) -> SpeechBackbone:
    torch.manual_seed(1)
    return SpeechBackbone(CONFIGS[request.param]).eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.1


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def on_meta(build: Callable[[], torch.nn.Module]) -> int:
    with torch.device("meta"):
        return parameters(build())


def test_paper_sizes_have_the_published_numbers_of_parameters() -> None:
    assert on_meta(lambda: SpeechBackbone(XLSR_300M)) == 315_438_720
    assert on_meta(lambda: SpeechBackbone(WAVLM_LARGE)) == 164_292_000
    assert on_meta(lambda: Codec(replace(ENCODEC_24KHZ, decoder=True))) == 14_851_810
    assert on_meta(lambda: Codec(ENCODEC_24KHZ)) == 7_425_792


@pytest.mark.parametrize(("samples", "frames"), [(64_000, 199), (64_600, 201), (66_800, 208)])
def test_frames_of_the_papers(samples: int, frames: int) -> None:
    assert SpeechBackbone(CONFIGS["xls-r"]).frames(samples) == frames


@pytest.mark.parametrize("samples", [400, 719, 720, 3_333])
def test_frames_are_those_that_come_out(backbone: SpeechBackbone, samples: int) -> None:
    hidden, last = backbone(noise(2, samples))
    assert hidden.shape == (2, 3, backbone.frames(samples), 32)
    assert last.shape == (2, backbone.frames(samples), 32)


def test_less_than_a_frame_is_refused(backbone: SpeechBackbone) -> None:
    with pytest.raises(ValueError, match="399 samples are less than one frame"):
        backbone(noise(1, 399))


def test_hidden_is_what_the_layers_return_and_last_is_after_the_norm(
    backbone: SpeechBackbone,
) -> None:
    recorded: list[Tensor] = []

    def record(_module: object, _given: object, out: Any) -> None:
        recorded.append(out[0] if isinstance(out, tuple) else out)

    hooks = [layer.register_forward_hook(record) for layer in backbone.model.encoder.layers]
    wave = noise(2, 2_000)
    with torch.no_grad():
        theirs = backbone.model(wave).last_hidden_state
        for hook in hooks:
            hook.remove()
        hidden, last = backbone(wave)
    for index, layer in enumerate(recorded):
        torch.testing.assert_close(hidden[:, index], layer, rtol=0, atol=1e-6)
    torch.testing.assert_close(last, theirs, rtol=0, atol=1e-6)
    assert (recorded[-1] - theirs).abs().max() > 0.01  # before the norm is not after it
    torch.testing.assert_close(backbone.final_norm(hidden[:, -1]), last)


def test_nothing_is_random_even_in_training(backbone: SpeechBackbone) -> None:
    wave = noise(2, 2_000)
    expected = backbone(wave).hidden
    assert torch.equal(backbone.train()(wave).hidden, expected)
    rates = [m.p for m in backbone.modules() if isinstance(m, torch.nn.Dropout)]
    assert set(rates) <= {0.0}


def test_layers_can_stop_early(backbone: SpeechBackbone) -> None:
    frames = backbone.stem(noise(1, 2_000))
    torch.testing.assert_close(
        backbone.encode(frames, layers=2).hidden, backbone.encode(frames).hidden[:, :2]
    )


def test_masked_frames_are_replaced_before_the_encoder(backbone: SpeechBackbone) -> None:
    frames = backbone.stem(noise(1, 2_000))
    masked = torch.zeros(frames.shape[:2], dtype=torch.bool)
    masked[0, 2] = True
    changed = frames.clone()
    changed[0, 2] += 1
    ours = backbone.encode(frames, masked).hidden
    assert torch.equal(ours, backbone.encode(changed, masked).hidden)
    assert not torch.allclose(ours, backbone.encode(frames).hidden)


def test_configuration_survives_json() -> None:
    for config in CONFIGS.values():
        entries = json.loads(json.dumps(config_entries(config)))
        assert SpeechConfig.of(entries) == config


# --- the spectral stem -----------------------------------------------------------------------


def test_filterbank_is_linear_and_each_band_sums_to_one() -> None:
    bank = linear_filterbank(4, 11)  # centres at bins 2, 4, 6, 8; triangles reach 2 bins
    torch.testing.assert_close(bank[:, 0], torch.tensor([0, 0.25, 0.5, 0.25] + [0.0] * 7))
    torch.testing.assert_close(bank.sum(0), torch.ones(4))


def test_a_tone_lights_its_band_and_no_other() -> None:
    stem = SpectralStem(SpectralConfig(windows=(400,), bands=40, level="none", channels=()))
    tone = torch.sin(2 * torch.pi * 3_000 * torch.arange(4_000) / 16_000)[None]
    levels = stem(tone)[0]  # (bands, frames)
    expected = round(3_000 / 8_000 * 41) - 1
    assert set(levels.argmax(0).tolist()) == {expected}
    assert (levels[expected] - levels[5]).min() > 7  # nepers of power: 30 dB


def test_spectral_frames_look_at_their_own_samples_only() -> None:
    stem = SpectralStem(SpectralConfig(bands=16, channels=(4,), level="none")).eval()
    wave = noise(1, 4_000)
    changed = wave.clone()
    changed[:, 5 * HOP + FRAME :] += 1  # what frame 5 no longer sees
    changed[:, : 5 * HOP] -= 1
    before, after = stem(wave), stem(changed)
    assert torch.equal(before[..., 5], after[..., 5])
    assert not torch.allclose(before[..., 4], after[..., 4])
    assert not torch.allclose(before[..., 6], after[..., 6])


def test_gain_changes_nothing_where_levels_are_relative() -> None:
    wave = noise(1, 6_460)
    relative = SpectralStem(SpectralConfig(level="gain")).eval()
    absolute = SpectralStem(SpectralConfig(level="none")).eval()
    torch.testing.assert_close(relative(wave), relative(wave * 0.25), rtol=0, atol=1e-4)
    assert (absolute(wave) - absolute(wave * 0.25)).abs().max() > 0.1


def test_a_fixed_filter_changes_nothing_where_bands_are_levelled() -> None:
    stem = SpectralStem(SpectralConfig(windows=(400,), level="bands", channels=()))
    wave = noise(1, 6_460)
    spectrum = torch.fft.rfft(wave)
    tilt = torch.linspace(2.0, 0.5, spectrum.shape[-1])
    filtered = torch.fft.irfft(spectrum * tilt, n=wave.shape[-1])
    difference = (stem(wave) - stem(filtered)).abs()
    assert difference.median() < 0.02
    assert torch.allclose(stem(wave).mean(2), torch.zeros(1), atol=1e-4)


@pytest.mark.parametrize("level", ["none", "gain", "bands"])
def test_silence_is_finite_with_finite_gradient(level: Any) -> None:
    stem = SpectralStem(SpectralConfig(level=level))
    wave = torch.zeros(1, 2_000, requires_grad=True)
    out = stem(wave)
    out.sum().backward()
    assert out.isfinite().all()
    assert wave.grad is not None
    assert wave.grad.isfinite().all()


def test_impossible_spectra_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit into a frame of 400"):
        SpectralStem(SpectralConfig(windows=(512,)))
    with pytest.raises(ValueError, match="time_kernel must be odd"):
        SpectralStem(SpectralConfig(time_kernel=2))


# --- EnCodec ---------------------------------------------------------------------------------


def tiny_codec() -> Codec:
    torch.manual_seed(2)
    codec = Codec(CodecConfig(filters=2, lstm_layers=1, entries=16, width=8)).eval()
    for layer in codec.model.quantizer.layers:
        layer.codebook.embed.normal_()
    return codec


def test_codes_have_the_promised_shape() -> None:
    codec = tiny_codec()
    assert codec.frames(64_600) == 303
    for samples in (6_460, 3_333):
        codes = codec.codes(noise(2, samples))
        assert codes.shape == (2, 8, codec.frames(samples))
        assert codes.dtype == torch.int64
        assert 0 <= codes.min() <= codes.max() < 16


def test_codebook_vectors_sum_to_what_the_quantizer_decodes() -> None:
    codec = tiny_codec()
    codes = codec.codes(noise(2, 2_000))
    books = codec.codebooks()
    summed = sum(books[q][codes[:, q]] for q in range(8))
    decoded = codec.model.quantizer.decode(codes.transpose(0, 1)).mT
    torch.testing.assert_close(summed, decoded)


def test_codes_follow_the_nearest_entry_rule() -> None:
    codec = tiny_codec()
    wave = noise(1, 2_000)
    residual = codec.model.encoder(codec.resample(wave)[:, None]).mT
    codes = codec.codes(wave)
    for q, book in enumerate(codec.codebooks()):
        nearest = torch.cdist(residual, book[None]).argmin(-1)
        assert torch.equal(nearest, codes[:, q])
        residual = residual - book[nearest]


def test_resampling_keeps_a_tone_in_place() -> None:
    tone = torch.sin(2 * torch.pi * 1_000 * torch.arange(16_000) / 16_000)[None]
    resampled = tiny_codec().resample(tone)
    assert resampled.shape == (1, 24_000)
    expected = torch.sin(2 * torch.pi * 1_000 * torch.arange(24_000) / 24_000)
    middle = slice(1_000, 23_000)
    assert (resampled[0, middle] - expected[middle]).abs().max() < 2e-3
