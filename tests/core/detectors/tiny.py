"""Tiny configurations of the detectors over speech backbones, and helpers of their tests."""

from typing import Any

import torch
from torch import Tensor, nn

BACKBONE: dict[str, Any] = {
    "layers": 6, "width": 32, "heads": 2, "ffn": 48, "stem": "conv", "stem_width": 16,
    "positional_kernel": 16, "positional_groups": 4,
}  # fmt: skip
CODEC = {"filters": 2, "lstm_layers": 1, "entries": 16, "width": 8}
SAMPLES = 6_480  # 20 frames
SLS: dict[str, Any] = {"backbone": BACKBONE, "samples": SAMPLES, "hidden": 12}
HIERCON: dict[str, Any] = {
    "backbone": BACKBONE, "samples": SAMPLES, "group_size": 2, "attention": 8, "refine": 16,
    "hidden": [12, 10], "proj_dim": 7,
}  # fmt: skip
QAF: dict[str, Any] = {
    "backbone": BACKBONE, "codec": CODEC, "samples": SAMPLES, "ssl_layers": 4, "lstm": 10,
}  # fmt: skip


def scramble(module: nn.Module, seed: int = 3) -> nn.Module:
    """Random numbers in every parameter and running statistic, so that none is at its default."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.is_floating_point() and "codebook" not in name and "bank" not in name:
                scale = tensor.shape[-1] ** -0.5 if tensor.dim() > 1 else 0.2
                drawn = torch.randn(tensor.shape, generator=generator) * scale
                positive = name.endswith(("running_var", "norm.weight", "original0"))
                tensor.copy_(0.5 + drawn.abs() if positive else drawn)
    return module.eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.1
