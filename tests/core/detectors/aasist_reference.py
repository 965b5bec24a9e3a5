"""A plain transcription of AASIST from its description, the oracle of the parity tests.

Written from the table in the project's notes on the paper (arXiv 2110.01200) and on the released
weights, op by op, with nothing clever: no tiles, no folding, no shared code with
`core.detectors.aasist`. It is a function of a state dict in the authors' tensor names, so that
both networks can hold the same weights. It also does what the authors' network does in vain
(the first batch norm of the later blocks), because its speed is what a user would get otherwise.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Weights = Mapping[str, Tensor]
RATE = 16_000
FILTERS, TAPS = 70, 129


def sinc_filters() -> Tensor:
    """(70, 1, 129) band-pass filters between 71 points equally spaced on the mel scale."""
    f = 8000 * np.linspace(0, 1, 257)
    mel = 2595 * np.log10(1 + f / 700)
    points = np.linspace(mel.min(), mel.max(), FILTERS + 1)
    hz = 700 * (10 ** (points / 2595) - 1)
    n = np.arange(-64, 65, dtype=np.float32)  # single precision here moves the logits by 1e-5
    bands = []
    for low, high in pairwise(hz):
        above = 2 * high / RATE * np.sinc(np.float32(2 * high) * n / np.float32(RATE))
        below = 2 * low / RATE * np.sinc(np.float32(2 * low) * n / np.float32(RATE))
        bands.append(np.float32(np.hamming(TAPS)) * np.float32(above - below))
    return torch.tensor(np.stack(bands), dtype=torch.float32)[:, None]


class Reference:
    """The network as one function of a wave; `training` switches dropout and batch statistics."""

    def __init__(
        self,
        weights: Weights,
        pool_ratios: tuple[float, ...],
        training: bool = False,
        k: int | None = None,
    ) -> None:
        self.w = weights
        self.ratios = pool_ratios
        self.training = training
        self.k = k
        self.filters = sinc_filters()

    def __call__(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, samples) -> the last hidden vector (batch, D) and the logits (batch, 2)."""
        e = self.encode(wave)  # (batch, channels, 23, 29)
        spectral = e.abs().max(dim=3).values.transpose(1, 2) + self.w["pos_S"]
        temporal = e.abs().max(dim=2).values.transpose(1, 2)
        spectral = self.pool("pool_S", self.gat("GAT_layer_S", spectral), self.ratios[0])
        temporal = self.pool("pool_T", self.gat("GAT_layer_T", temporal), self.ratios[1])
        one = self.branch(1, temporal, spectral)
        two = self.branch(2, temporal, spectral)
        t, s, m = (
            torch.maximum(self.drop(a, 0.2), self.drop(b, 0.2))
            for a, b in zip(one, two, strict=True)
        )
        hidden = torch.cat(
            [t.abs().max(1).values, t.mean(1), s.abs().max(1).values, s.mean(1), m[:, 0]], dim=1
        )
        if self.k is not None:
            hidden = self.keep(hidden, self.k)
        return hidden, self.linear("out_layer", self.drop(hidden, 0.5))

    def encode(self, wave: Tensor) -> Tensor:
        x = functional.conv1d(wave[:, None], self.filters)
        x = functional.max_pool2d(x.abs()[:, None], (3, 3))
        x = functional.selu(self.norm("first_bn", x))
        for index in range(6):
            x = self.block(f"encoder.{index}.0", x, index > 0)
        return x

    def block(self, name: str, x: Tensor, has_first_norm: bool) -> Tensor:
        if has_first_norm:
            functional.selu(self.norm(f"{name}.bn1", x))  # thrown away, as in the released network
        out = self.conv(f"{name}.conv1", x, (1, 1))
        out = functional.selu(self.norm(f"{name}.bn2", out))
        out = self.conv(f"{name}.conv2", out, (0, 1))
        if f"{name}.conv_downsample.weight" in self.w:
            x = self.conv(f"{name}.conv_downsample", x, (0, 1))
        return functional.max_pool2d(out + x, (1, 3))

    def gat(self, name: str, x: Tensor) -> Tensor:
        x = self.drop(x, 0.2)
        score = torch.tanh(self.linear(f"{name}.att_proj", x[:, :, None] * x[:, None]))
        score = score @ self.w[f"{name}.att_weight"] / 2.0  # (batch, i, j, 1)
        attention = torch.softmax(score, dim=2).squeeze(3)
        out = self.linear(f"{name}.proj_with_att", attention @ x)
        out = out + self.linear(f"{name}.proj_without_att", x)
        return functional.selu(self.node_norm(f"{name}.bn", out))

    def branch(self, number: int, t: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        master = self.w[f"master{number}"].expand(len(t), -1, -1)
        t, s, master = self.hetero(f"HtrgGAT_layer_ST{number}1", t, s, master)
        s = self.pool(f"pool_hS{number}", s, self.ratios[2])
        t = self.pool(f"pool_hT{number}", t, self.ratios[2])
        t2, s2, m2 = self.hetero(f"HtrgGAT_layer_ST{number}2", t, s, master)
        return t + t2, s + s2, master + m2

    def hetero(
        self, name: str, t: Tensor, s: Tensor, master: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        n = t.shape[1]
        x = torch.cat(
            [self.linear(f"{name}.proj_type1", t), self.linear(f"{name}.proj_type2", s)], dim=1
        )
        x = self.drop(x, 0.2)
        pairs = torch.tanh(self.linear(f"{name}.att_proj", x[:, :, None] * x[:, None]))
        score = torch.zeros_like(pairs[..., :1])
        score[:, :n, :n] = pairs[:, :n, :n] @ self.w[f"{name}.att_weight11"]
        score[:, n:, n:] = pairs[:, n:, n:] @ self.w[f"{name}.att_weight22"]
        score[:, :n, n:] = pairs[:, :n, n:] @ self.w[f"{name}.att_weight12"]
        score[:, n:, :n] = pairs[:, n:, :n] @ self.w[f"{name}.att_weight12"]
        attention = torch.softmax(score / 100, dim=2).squeeze(3)
        to_master = torch.tanh(self.linear(f"{name}.att_projM", x * master))
        to_master = torch.softmax(to_master @ self.w[f"{name}.att_weightM"] / 100, dim=1)
        master = self.linear(f"{name}.proj_with_attM", to_master.transpose(1, 2) @ x) + self.linear(
            f"{name}.proj_without_attM", master
        )
        x = self.linear(f"{name}.proj_with_att", attention @ x) + self.linear(
            f"{name}.proj_without_att", x
        )
        x = functional.selu(self.node_norm(f"{name}.bn", x))
        return x[:, :n], x[:, n:], master

    def pool(self, name: str, h: Tensor, ratio: float) -> Tensor:
        score = torch.sigmoid(self.linear(f"{name}.proj", self.drop(h, 0.3)))
        count = max(int(h.shape[1] * ratio), 1)
        order = torch.sort(score, dim=1, descending=True, stable=True).indices[:, :count]
        return torch.gather(h * score, 1, order.expand(-1, -1, h.shape[2]))

    def keep(self, hidden: Tensor, k: int) -> Tensor:
        kept = torch.zeros_like(hidden)
        for row, vector in enumerate(hidden.detach()):
            for d in sorted(range(len(vector)), key=lambda d: (-float(vector[d]), d))[:k]:
                kept[row, d] = 1
        return hidden * kept

    def linear(self, name: str, x: Tensor) -> Tensor:
        return functional.linear(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def conv(self, name: str, x: Tensor, padding: tuple[int, int]) -> Tensor:
        return functional.conv2d(
            x, self.w[f"{name}.weight"], self.w[f"{name}.bias"], padding=padding
        )

    def norm(self, name: str, x: Tensor) -> Tensor:
        return functional.batch_norm(
            x,
            self.w[f"{name}.running_mean"],
            self.w[f"{name}.running_var"],
            self.w[f"{name}.weight"],
            self.w[f"{name}.bias"],
            self.training,
        )

    def node_norm(self, name: str, x: Tensor) -> Tensor:
        return self.norm(name, x.flatten(0, 1)).view_as(x)

    def drop(self, x: Tensor, p: float) -> Tensor:
        return functional.dropout(x, p, self.training)
