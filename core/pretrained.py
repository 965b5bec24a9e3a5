"""Published weights of the papers' backbones: from a local folder, or from the hub, pinned."""

import os
import socket
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
import torch

from checkpoints.card import CheckpointError
from core.backbones import Codec, SpeechBackbone


@dataclass(frozen=True, slots=True)
class Published:
    """Where the weights of a paper's backbone are: hub repository at one commit, or a folder."""

    repository: str
    revision: str
    folder_variable: str  # environment variable naming a local folder, looked at first
    unused: tuple[str, ...]  # prefixes of tensors in the file that this program has no use for


PUBLISHED: dict[str, Published] = {
    "xls-r": Published(
        "facebook/wav2vec2-xls-r-300m",
        "1a640f32ac3e39899438a2931f9924c02f080a54",
        "SPOOFSCOPE_XLSR",
        ("quantizer.", "project_q.", "project_hid."),
    ),
    "wavlm": Published(
        "microsoft/wavlm-large",
        "c1423ed94bb01d80a3f5ce5bc39f6026a0f4828c",
        "SPOOFSCOPE_WAVLM",
        tuple(f"encoder.layers.{layer}." for layer in range(12, 24)),
    ),
    "encodec": Published(
        "facebook/encodec_24khz",
        "c1dbe2ae3f1de713481a3b3e7c47f357092ee040",
        "SPOOFSCOPE_ENCODEC",
        ("decoder.", *(f"quantizer.layers.{layer}." for layer in range(8, 32))),
    ),
}


def load_published(backbone: SpeechBackbone | Codec, folder: Path | None = None) -> None:
    """Fill a paper-size backbone with its published weights.

    From `folder`, else from the folder named by the environment variable of `PUBLISHED`, else
    from the hub at the pinned commit; HF_HUB_OFFLINE is honoured by huggingface_hub.

    Raises
    ------
    CheckpointError
        where the weights are not there, or do not fit the network.
    """
    kind = "encodec" if isinstance(backbone, Codec) else backbone.config.kind
    if kind not in PUBLISHED:
        raise CheckpointError("A compact backbone has no published weights; it ships with ours.")
    source = PUBLISHED[kind]
    named = folder or os.environ.get(source.folder_variable)
    where, revision = (str(named), None) if named else (source.repository, source.revision)
    known = named is not None or not _resolvable()  # then the cache, or nothing
    try:
        loaded, info = type(backbone.model).from_pretrained(
            where,
            revision=revision,
            config=backbone.model.config,
            dtype=torch.float32,
            output_loading_info=True,
            local_files_only=known,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"No weights of {source.repository} in {where} ({type(error).__name__}). Put that "
            f"repository at commit {source.revision[:8]} into a folder and name it in "
            f"{source.folder_variable}, or go online once to fetch it (HF_HUB_OFFLINE unset)."
        ) from error
    missing = set(info["missing_keys"]) - {"masked_spec_embed"}
    unexpected = [key for key in info["unexpected_keys"] if not _unused(key, source)]
    if missing or unexpected or info["mismatched_keys"]:
        raise CheckpointError(
            f"The weights in {where} are not those of {source.repository}: missing "
            f"{sorted(missing)[:3]}, unexpected {sorted(unexpected)[:3]}, of other shape "
            f"{sorted(info['mismatched_keys'])[:3]}."
        )
    state = {k: v for k, v in loaded.state_dict().items() if k in backbone.model.state_dict()}
    backbone.model.load_state_dict(state)


def _unused(key: str, source: Published) -> bool:
    bare = key.removeprefix("wav2vec2.").removeprefix("wavlm.")
    return bare.startswith(source.unused)


def _resolvable() -> bool:
    """Whether the hub has an address here; without, its client would retry for a minute and a half.

    A proxy resolves names by itself, so behind one the answer is yes.
    """
    if urllib.request.getproxies():
        return True
    host = urllib.parse.urlsplit(huggingface_hub.constants.ENDPOINT).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True
