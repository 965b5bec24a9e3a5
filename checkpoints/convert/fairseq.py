"""The speech network of a fairseq checkpoint (wav2vec 2.0, XLS-R) under our names.

SLS and HierCon keep it under `ssl_model.model.`, saved through DataParallel, so that every name
may start with `module.`. Weight norm of the position embedding has two spellings, the one before
torch 2.1 and the parametrised one; both are read.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checkpoints.card import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

SPEECH = "ssl_model.model."
DROPPED = (  # the heads of pre-training, which no detector uses
    "quantizer.vars",
    "quantizer.weight_proj.weight",
    "quantizer.weight_proj.bias",
    "project_q.weight",
    "project_q.bias",
    "final_proj.weight",
    "final_proj.bias",
)
RULES = (  # fairseq -> transformers; the whole name must match one
    (r"mask_emb", "masked_spec_embed"),
    (
        r"feature_extractor\.conv_layers\.(\d+)\.0\.(weight|bias)",
        r"feature_extractor.conv_layers.\1.conv.\2",
    ),
    (
        r"feature_extractor\.conv_layers\.(\d+)\.2\.1\.(weight|bias)",
        r"feature_extractor.conv_layers.\1.layer_norm.\2",
    ),
    (r"layer_norm\.(weight|bias)", r"feature_projection.layer_norm.\1"),
    (r"post_extract_proj\.(weight|bias)", r"feature_projection.projection.\1"),
    (r"encoder\.pos_conv\.0\.bias", "encoder.pos_conv_embed.conv.bias"),
    (
        r"encoder\.pos_conv\.0\.(?:weight_g|parametrizations\.weight\.original0)",
        "encoder.pos_conv_embed.conv.parametrizations.weight.original0",
    ),
    (
        r"encoder\.pos_conv\.0\.(?:weight_v|parametrizations\.weight\.original1)",
        "encoder.pos_conv_embed.conv.parametrizations.weight.original1",
    ),
    (r"encoder\.layer_norm\.(weight|bias)", r"encoder.layer_norm.\1"),
    (
        r"encoder\.layers\.(\d+)\.self_attn\.([kvq]|out)_proj\.(weight|bias)",
        r"encoder.layers.\1.attention.\2_proj.\3",
    ),
    (
        r"encoder\.layers\.(\d+)\.self_attn_layer_norm\.(weight|bias)",
        r"encoder.layers.\1.layer_norm.\2",
    ),
    (
        r"encoder\.layers\.(\d+)\.fc1\.(weight|bias)",
        r"encoder.layers.\1.feed_forward.intermediate_dense.\2",
    ),
    (
        r"encoder\.layers\.(\d+)\.fc2\.(weight|bias)",
        r"encoder.layers.\1.feed_forward.output_dense.\2",
    ),
    (
        r"encoder\.layers\.(\d+)\.final_layer_norm\.(weight|bias)",
        r"encoder.layers.\1.final_layer_norm.\2",
    ),
)


def bare(state: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """The tensors without DataParallel's `module.`."""
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def speech_name(name: str) -> str:
    """Transformers' name of fairseq's tensor `name`.

    Raises
    ------
    CheckpointError
        where the tensor is not one of wav2vec 2.0's.
    """
    for pattern, ours in RULES:
        if match := re.fullmatch(pattern, name):
            return match.expand(ours)
    raise CheckpointError(f"The tensor '{SPEECH}{name}' is not one of fairseq's wav2vec 2.0.")


def rename(
    state: Mapping[str, "Tensor"], head: Mapping[str, str], what: str
) -> dict[str, "Tensor"]:
    """Every tensor under our name, but for the seven of `DROPPED`; the values are not touched.

    Parameters
    ----------
    head : prefixes of the detector's own tensors -> ours.
    what : the detector, for the message.

    Raises
    ------
    CheckpointError
        naming a tensor that is neither, or that stands in the file twice.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in bare(state).items():
        if name.startswith(SPEECH):
            part = name.removeprefix(SPEECH)
            if part in DROPPED:
                continue
            ours = f"backbone.model.{speech_name(part)}"
        else:
            prefix = next((prefix for prefix in head if name.startswith(prefix)), None)
            if prefix is None:
                raise CheckpointError(
                    f"The tensor '{name}' is not one of {what} in the authors' layout, which has "
                    f"'{SPEECH}*', {', '.join(repr(prefix + '*') for prefix in head)}."
                )
            ours = head[prefix] + name.removeprefix(prefix)
        if ours in found:
            raise CheckpointError(f"The file holds {ours} twice, under two spellings.")
        found[ours] = tensor
    return found


def speech_config(state: Mapping[str, "Tensor"]) -> dict[str, Any]:
    """Sizes of the speech network, as entries for a `SpeechConfig` of kind "xls-r".

    The number of heads leaves no trace in the tensors; every published XLS-R has heads of 64.
    """
    tensors = bare(state)
    try:
        width, stem = tensors[f"{SPEECH}post_extract_proj.weight"].shape
        ffn = len(tensors[f"{SPEECH}encoder.layers.0.fc1.weight"])
        names = ("weight_v", "parametrizations.weight.original1")
        spelled = (f"{SPEECH}encoder.pos_conv.0.{name}" for name in names)
        position = next(tensors[name] for name in spelled if name in tensors)
    except (KeyError, StopIteration) as error:
        raise CheckpointError(
            f"The file has no speech network of fairseq under '{SPEECH}' ({error} is missing)."
        ) from error
    layers = sum(name.endswith(".self_attn.k_proj.weight") for name in tensors)
    return {
        "layers": layers,
        "width": width,
        "heads": max(1, width // 64),
        "ffn": ffn,
        "stem_width": stem,
        "positional_kernel": position.shape[2],
        "positional_groups": width // position.shape[1],
    }
