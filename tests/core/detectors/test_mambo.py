"""XLSR-MamBo: published sizes, parity with a forward from the description, evidence, names."""

from typing import Any

import pytest
import torch
from torch import Tensor

from checkpoints.card import CheckpointError
from checkpoints.convert import mambo as convert
from checkpoints.store import load_strict
from core.detectors.mambo import SIZES, Mambo, MamboConfig, MamboHead, block_kinds
from core.mixers import SSMS
from core.types import RATE, Evidence, Window
from tests.core import mixer_reference as reference
from tests.core.detectors.mambo_layout import head_shapes, speech_shapes
from tests.core.mixer_reference import State

BACKBONE = {"layers": 2, "width": 16, "heads": 2, "ffn": 32, "spectral": {"channels": [4, 4]}}
TINY: dict[str, Any] = {"backbone": BACKBONE, "samples": 8_000, "units": 2, "repeats": 1}
MILLIONS = {  # of the head over 1024-wide XLS-R; MamBo-1 to 4
    ("hydra", 1): (1.563, 1.248, 2.558, 2.591),
    ("hydra", 2): (2.251, 1.936, 3.247, 3.967),
    ("hydra", 3): (2.939, 2.624, 3.935, 5.343),
    ("mamba", 3): (2.624, 2.309, 3.620, 4.713),
    ("mamba2", 3): (2.637, 2.322, 3.633, 4.741),
    ("gdn", 3): (2.890, 2.575, 3.886, 5.245),
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(2601)


def tiny(**changes: Any) -> Mambo:
    return Mambo.build(TINY | changes, "compact").eval()


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("ssm", "repeats"), MILLIONS)
def test_head_totals_as_published(ssm: str, repeats: int) -> None:
    with torch.device("meta"):
        found = [
            parameters(MamboHead(1024, MamboConfig(topology=t, ssm=ssm, repeats=repeats))) / 1e6
            for t in (1, 2, 3, 4)
        ]
    assert tuple(round(count, 3) for count in found) == MILLIONS[ssm, repeats]


def test_the_whole_network_as_published() -> None:
    with torch.device("meta"):
        detector = Mambo.build()
        head = MamboHead(1024, SIZES["paper"])
    mask = detector.get_parameter("backbone.model.masked_spec_embed").numel()  # transformers' own
    assert parameters(detector) - mask == 315_437_696 + parameters(head)
    assert detector.backbone.frames(detector.spec.samples) == 208
    assert detector.spec.normalise == "clip"


def test_thirty_blocks_and_their_order() -> None:
    kinds = block_kinds(SIZES["paper"])
    assert len(kinds) == 30
    assert kinds[:7] == ("hydra", "hydra", "hydra", "mlp", "mha", "mlp", "hydra")
    four = block_kinds(MamboConfig(topology=4, ssm="gdn", repeats=2))
    assert four[:6] == ("gdn", "gdn", "mlp", "gdn", "gdn", "mha")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"ssm": "lstm"}, "mamba, mamba2"), ({"topology": 5}, "1 to 4"), ({"repeats": 0}, "start")],
)
def test_wrong_configurations_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tiny(**wrong)


# --- parity: tensors in the authors' layout -> converted, against a forward on their names ------


def filled(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    return {name: 0.2 * torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()}


def under(state: State, prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


MIXERS = {
    "mamba": reference.mamba,
    "mamba2": reference.mamba2,
    "hydra": reference.hydra,
    "gdn": reference.gated_delta_net,
    "mlp": reference.swiglu,
    "mha": lambda u, state: reference.attention(u, state)[0],
}


def described(x: Tensor, state: State, kinds: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Logits and pooling weights by the description, on the authors' tensor names."""
    h = reference.rms(x @ state["input_proj.input_proj.weight"].T, state["input_proj.norm.weight"])
    h, r = reference.silu(h), torch.zeros(1, dtype=x.dtype)
    for block, kind in enumerate(kinds):
        prefix = f"stacked_mamba2.layers.layers.{block}."
        own = kind if kind in ("gdn", "mlp", "mha") else "mamba"
        r = h + r
        normed = reference.rms(r, state[f"{prefix}norm.weight"])
        h = MIXERS[kind](normed, under(state, f"{prefix}{own}."))
    out = reference.rms(h + r, state["stacked_mamba2.layers.norm.weight"])
    both = out @ state["attention_pool.gate_value_proj.weight"].T
    scores = reference.silu(both[..., :341]) * both[..., 341:]
    weights = torch.softmax(scores @ state["attention_pool.to_score.weight"][0], 1)
    pooled = (weights[..., None] * out).sum(1)
    return pooled @ state["classifier.weight"].T + state["classifier.bias"], weights


@pytest.mark.parametrize(
    ("topology", "ssm"), [(1, "mamba"), (2, "mamba2"), (3, "hydra"), (4, "gdn"), (4, "hydra")]
)
def test_parity_in_the_authors_layout(topology: int, ssm: str) -> None:
    config = MamboConfig(topology=topology, ssm=ssm, repeats=1, units=2)
    kinds = block_kinds(config)
    state = filled(head_shapes(kinds))
    head = MamboHead(16, config).double().eval()
    load_strict(head, under(convert.rename(state), "head."), "authors' layout")
    x = torch.randn(2, 11, 16, dtype=torch.float64)
    trace = head(x)
    logits, weights = described(x, state, kinds)
    torch.testing.assert_close(trace["logits"], logits, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(trace["pooling"], weights, atol=1e-9, rtol=1e-9)


def authors_checkpoint() -> tuple[dict[str, Tensor], Mambo]:
    backbone = {"kind": "xls-r", "layers": 2, "width": 16, "heads": 2, "ffn": 32, "stem": "conv"}
    sizes = {"stem_width": 8, "positional_kernel": 16, "positional_groups": 4}
    detector = Mambo.build({"backbone": backbone | sizes, "repeats": 1, "units": 2})
    shapes = head_shapes(block_kinds(detector.config)) | speech_shapes(2)
    return {name: tensor.float() for name, tensor in filled(shapes).items()}, detector


def test_the_whole_checkpoint_converts_strictly() -> None:
    state, detector = authors_checkpoint()
    load_strict(detector, convert.rename(state), "authors' layout")
    embed = detector.get_parameter("backbone.model.masked_spec_embed")
    assert embed.abs().max() == 0
    layer = detector.backbone.model.encoder.layers[1]
    theirs = state[
        "feature_extractor.model.model.encoder.transformer.layers.1.attention.q_proj.bias"
    ]
    assert torch.equal(layer.attention.q_proj.bias, theirs)


def test_the_older_weight_norm_spelling_converts_too() -> None:
    state, _ = authors_checkpoint()
    under_conv = "encoder.transformer.pos_conv_embed.conv."
    old = {
        name.replace(
            f"{under_conv}parametrizations.weight.original0", f"{under_conv}weight_g"
        ).replace(f"{under_conv}parametrizations.weight.original1", f"{under_conv}weight_v"): tensor
        for name, tensor in state.items()
    }
    assert old.keys() != state.keys()
    assert convert.rename(old).keys() == convert.rename(state).keys()


@pytest.mark.parametrize("topology", [1, 2, 3, 4])
@pytest.mark.parametrize("ssm", SSMS)
@pytest.mark.parametrize("repeats", [1, 3])
def test_the_configuration_is_read_off_the_names(topology: int, ssm: str, repeats: int) -> None:
    config = MamboConfig(topology=topology, ssm=ssm, repeats=repeats, units=5)
    state = {n: torch.empty(s) for n, s in head_shapes(block_kinds(config)).items()}
    found = convert.config_of(state)
    assert found == {"topology": topology, "ssm": ssm, "repeats": repeats, "units": 5}


def test_unknown_tensors_and_block_orders_are_named() -> None:
    with pytest.raises(CheckpointError, match=r"'module\.conv\.weight' is not one of XLSR-MamBo"):
        convert.rename({"module.conv.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"'feature_extractor\.model\.model\.aux\.weight'"):
        convert.rename({"feature_extractor.model.model.aux.weight": torch.zeros(1)})
    lonely = head_shapes(("mlp", "hydra"))
    with pytest.raises(CheckpointError, match="mlp, hydra; that is none of MamBo-1 to 4"):
        convert.config_of({name: torch.empty(shape) for name, shape in lonely.items()})


# --- behaviour -------------------------------------------------------------------------------


def test_higher_means_spoof() -> None:
    detector = tiny()
    with torch.no_grad():
        detector.head.classifier.bias.copy_(torch.tensor([100.0, -100.0]))  # class 0 is spoof
        assert detector(torch.randn(1, 8_000)).spoof_logit.item() > 100


def test_normalised_by_itself_loudness_does_not_count() -> None:
    """Per clip: neither its own gain nor the clip beside it moves a score."""
    detector = tiny(normalise="clip", backbone=BACKBONE | {"stem": "conv", "stem_width": 8})
    wave = 0.1 * torch.randn(1, 8_000)
    with torch.no_grad():
        alone = detector(wave).spoof_logit
        louder = detector(5 * wave).spoof_logit
        beside = detector(torch.cat([wave, 7 * torch.randn(1, 8_000)])).spoof_logit[:1]
    torch.testing.assert_close(louder, alone, atol=1e-3, rtol=0)
    torch.testing.assert_close(beside, alone, atol=1e-5, rtol=0)


def test_compact_hears_what_sls_and_hiercon_hear() -> None:
    assert SIZES["compact"].samples == 64_600
    assert SIZES["compact"].normalise == "none"


def test_topk_keeps_that_many() -> None:
    trace = tiny(topk=9)(torch.randn(2, 8_000)).trace
    assert ((trace["embedding"] != 0).sum(1) == 9).all()
    dense, every = tiny(), tiny(topk=128)
    every.load_state_dict(dense.state_dict())
    wave = torch.randn(1, 8_000)
    assert torch.equal(dense(wave).spoof_logit, every(wave).spoof_logit)


def test_the_configuration_builds_the_same_again() -> None:
    detector = tiny(topology=2, ssm="gdn", topk=5)
    again = Mambo.build(detector.config_dict(), "compact")
    assert again.config == detector.config
    again.load_state_dict(detector.state_dict())


def test_the_residual_stays_in_float32_under_autocast() -> None:
    head, x = tiny().head, torch.randn(1, 24, 16)
    exact = head(x)["logits"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, r, _ = head.blocks[0](head.input_proj(x), None)
        half = head(x)
    assert r.dtype == torch.float32
    assert half["pooling"].dtype == torch.float32
    torch.testing.assert_close(half["logits"].float(), exact, atol=0.1, rtol=0.1)


def test_the_update_is_what_a_block_adds_over_what_was_there() -> None:
    head, x = tiny(topology=1).head, torch.randn(1, 12, 16)
    trace = head(x)
    r = head.input_proj(x)
    for number, block in enumerate(head.blocks):
        h, _, _ = block(r, None)
        expected = h.norm(dim=-1) / r.norm(dim=-1)
        torch.testing.assert_close(trace["update"][:, number], expected)
        r = r + h


def pictures(detector: Mambo, window: Window) -> dict[str, Evidence]:
    with torch.no_grad():
        trace = detector(torch.randn(1, 8_000)).trace
    return {evidence.key: evidence for evidence in detector.evidence(trace, window)}


def test_evidence_of_a_full_window() -> None:
    window = Window(32_000, 40_000)
    found = pictures(tiny(), window)  # MamBo-3, two units of Hydra, MLP, attention, MLP
    assert list(found) == [
        "mambo.pooling",
        "mambo.update",
        "mambo.attention.3",
        "mambo.attention.7",
    ]
    assert found["mambo.pooling"].values.mean() == pytest.approx(1, abs=1e-5)
    assert found["mambo.update"].axes[0].values[:3] == ("1 Hydra", "2 MLP", "3 attention")
    for evidence in found.values():
        assert all(window.start <= float(t) < window.stop for t in evidence.axes[-1].values)
    attention = found["mambo.attention.3"].values
    assert attention.sum(1) == pytest.approx(1, abs=1e-5)


def test_evidence_leaves_the_padding_out() -> None:
    window = Window(RATE, RATE + 3_200)  # 0.2 s repeated to 0.5 s
    found = pictures(tiny(), window)
    assert found["mambo.pooling"].values.shape == (10,)
    assert found["mambo.update"].values.shape == (8, 10)
    assert found["mambo.attention.3"].values.shape == (10, 10)
    assert found["mambo.pooling"].values.mean() == pytest.approx(1, abs=1e-5)


def test_no_attention_no_map() -> None:
    assert set(pictures(tiny(topology=1), Window(0, 8_000))) == {"mambo.pooling", "mambo.update"}


def test_even_frames_are_pooled_evenly() -> None:
    head = tiny().head
    _, weights = head.pool(torch.ones(1, 20, 128))
    torch.testing.assert_close(weights, torch.full((1, 20), 0.05))
