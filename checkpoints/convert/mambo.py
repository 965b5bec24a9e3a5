"""XLSR-MamBo's checkpoints in the authors' layout (torchaudio names) -> ours.

`config_of` reads topology, mixer, N and L off the tensor names, `rename` maps every tensor; both
refuse what they do not know, by name. torchaudio's XLS-R has no mask embedding, which only masked
pre-training uses: `masked_spec_embed` is the one tensor that is added, as zeros.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checkpoints.card import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

XLSR = "feature_extractor.model.model."  # the authors' module, torchaudio's bundle, its network
BLOCK = re.compile(
    r"stacked_mamba2\.layers\.layers\.(?P<block>\d+)\."
    r"(?:(?P<norm>norm)|mamba|gdn|mlp|mha)\.(?P<rest>.+)"
)
KINDS = {644: "mamba2", 776: "hydra", 512: "mamba"}  # by the rows of in_proj at width 128
HEAD = (
    ("input_proj.", "head.input_proj."),
    ("stacked_mamba2.layers.norm.", "head.norm."),
    ("attention_pool.", "head.pool."),
    ("classifier.", "head.classifier."),
)
SPEECH = (  # torchaudio -> transformers
    ("encoder.transformer.layers.", "encoder.layers."),
    ("encoder.transformer.layer_norm.", "encoder.layer_norm."),
    ("encoder.transformer.pos_conv_embed.", "encoder.pos_conv_embed."),
    ("encoder.feature_projection.", "feature_projection."),
    ("feature_extractor.", "feature_extractor."),
)
WEIGHT_NORM = (  # the spelling before torch 2.1
    (".conv.weight_g", ".conv.parametrizations.weight.original0"),
    (".conv.weight_v", ".conv.parametrizations.weight.original1"),
)
MASK = "backbone.model.masked_spec_embed"


def rename(state: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Every tensor under our name; the values are not touched.

    Raises
    ------
    CheckpointError
        naming the tensors that are not of XLSR-MamBo.
    """
    found = {_ours(name): tensor for name, tensor in state.items()}
    if len(found) != len(state):
        raise CheckpointError("Two tensors of the file are the same one under different names.")
    projection = found.get("backbone.model.feature_projection.projection.bias")
    if projection is not None and MASK not in found:
        found[MASK] = projection.new_zeros(projection.shape)
    return found


def config_of(state: Mapping[str, "Tensor"]) -> dict[str, Any]:
    """Topology, mixer, N and L of a checkpoint, as entries for `Mambo.build`."""
    kinds: dict[int, str] = {}
    for name, tensor in state.items():
        if match := BLOCK.fullmatch(name):
            kinds |= _kind(int(match["block"]), name, tensor)
    order = [kinds.get(block, "missing") for block in range(max(kinds, default=-1) + 1)]
    for topology in (1, 2, 3, 4):
        for repeats in (1, 2, 3):
            unit = _unit(topology, repeats, order[0] if order else "missing")
            units, rest = divmod(len(order), len(unit))
            if units and not rest and unit * units == order:
                return {
                    "topology": topology,
                    "ssm": order[0],
                    "repeats": repeats,
                    "units": units,
                }
    raise CheckpointError(
        f"The blocks of this file are {', '.join(order) or 'none'}; that is none of MamBo-1 to 4 "
        "with one to three SSM blocks in a row."
    )


def _unit(topology: int, repeats: int, ssm: str) -> list[str]:
    tail = {1: ["mlp"], 2: ["mha"], 3: ["mlp", "mha", "mlp"], 4: ["mlp", *[ssm] * repeats, "mha"]}
    return [ssm] * repeats + tail[topology]


def _kind(block: int, name: str, tensor: "Tensor") -> dict[int, str]:
    """What a block is, where this tensor tells."""
    for kind, marker in (
        ("gdn", ".gdn.q_proj."),
        ("mlp", ".mlp.w2_out."),
        ("mha", ".mha.in_proj."),
    ):
        if marker in name:
            return {block: kind}
    if name.endswith(".mamba.in_proj.weight"):
        return {block: KINDS.get(len(tensor), f"an SSM with {len(tensor)} rows")}
    return {}


def _ours(name: str) -> str:
    for theirs, ours in HEAD:
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    if name.startswith(XLSR):
        return f"backbone.model.{_speech(name.removeprefix(XLSR))}"
    if match := BLOCK.fullmatch(name):
        part = "norm." if match["norm"] else "mixer."
        return f"head.blocks.{match['block']}.{part}{match['rest']}"
    raise CheckpointError(
        f"The tensor '{name}' is not one of XLSR-MamBo in the authors' layout, which has "
        f"'{XLSR}*', 'input_proj.*', 'stacked_mamba2.*', 'attention_pool.*' and 'classifier.*'."
    )


def _speech(name: str) -> str:
    for theirs, ours in SPEECH:
        if name.startswith(theirs):
            name = ours + name.removeprefix(theirs)
            for old, new in WEIGHT_NORM:
                name = name.replace(old, new)
            return name
    raise CheckpointError(f"The tensor '{XLSR}{name}' is not one of torchaudio's XLS-R 300M.")
