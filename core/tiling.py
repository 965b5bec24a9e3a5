"""The front end of AASIST in tiles: the same numbers, in a fraction of time and memory.

The first residual block of AASIST works on maps of 32 x 24 x 21,490 values, 66 MB a clip and
tensor, and spends its time on moving them. All its operations look at three neighbouring frames,
so it can be computed tile by tile along time, each tile with two frames more on both sides, and
only the pooled result is kept. Batch norm is what stands in the way:
    in evaluation it is an affine map, folded into the weights of the convolution before it;
    in training its mean and variance over the batch are needed first. The block's input has one
    channel, so each output channel of its first convolution is a weighted sum of the same six
    neighbours, and its mean and variance follow from the mean and the covariance of these six.
With gradients, a tile's insides are computed again on the way back (checkpointing).
"""

from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from core.types import RATE

POOL = 3  # every pooling of the front end takes the maximum of three
TILE = 200  # pooled frames; 600 x 24 x 32 floats stay in a core's cache
LATER_TILE = 600  # pooled frames
SINC_TILE = 7_200  # pooled frames; torch has no fast convolution for fewer than 20,480 samples
Affine = tuple[Tensor, Tensor]


def sinc_edges(filters: int) -> np.ndarray:
    """Hz: the `filters` + 1 band edges, equally spaced on the mel scale from 0 to half the rate."""
    mel = np.linspace(0.0, 2595 * np.log10(1 + RATE / 2 / 700), filters + 1)
    return 700 * (10 ** (mel / 2595) - 1)


def sinc_filters(filters: int, taps: int) -> Tensor:
    """Fixed windowed-sinc band-passes between `sinc_edges`, (filters, 1, taps), taps odd.

    Single precision inside the sinc, as in the authors' code: double moves their logits by 1e-5.
    """
    n = np.arange(-(taps // 2), taps // 2 + 1, dtype=np.float32)
    low_pass = [
        2 * f / RATE * np.sinc(np.float32(2 * f) * n / np.float32(RATE))
        for f in sinc_edges(filters)
    ]
    window = np.float32(np.hamming(taps))
    bands = [window * np.float32(b - a) for a, b in pairwise(low_pass)]
    return torch.from_numpy(np.stack(bands).astype(np.float32))[:, None]


def sinc_map(wave: Tensor, filters: Tensor) -> Tensor:
    """Waves (batch, samples) -> largest |output| of 3 filters x 3 samples.

    Shape (batch, 1, bins, frames). Filters and samples that do not fill a group of three are left
    out, as by the authors' pooling.
    """
    bins = len(filters) // POOL
    frames = (wave.shape[-1] - filters.shape[-1] + 1) // POOL
    overlap = filters.shape[-1] - 1
    used = filters[: bins * POOL]
    pieces = []
    for first in range(0, frames, SINC_TILE):
        last = min(first + SINC_TILE, frames)
        piece = wave[:, None, first * POOL : last * POOL + overlap]
        bands = functional.conv1d(piece, used).abs()  # (batch, filters, samples)
        bands = _largest(bands[:, 0::POOL], bands[:, 1::POOL], bands[:, 2::POOL])
        pieces.append(_largest(bands[..., 0::POOL], bands[..., 1::POOL], bands[..., 2::POOL]))
    return torch.cat(pieces, dim=-1)[:, None]


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> Affine:
    """Weight and bias of one convolution that equals `conv`, then `norm` in evaluation."""
    return _folded(conv, norm, *_running(norm))


def fold_batch(conv: nn.Conv2d, norm: nn.BatchNorm2d, padded: Tensor) -> Affine:
    """As `fold`, with the statistics of this batch, which also move the running ones of `norm`.

    `padded` is the one-channel input of `conv`, (batch, 1, bins, frames), padded already.
    """
    count = len(padded) * (padded.shape[-2] - 1) * (padded.shape[-1] - 2)
    sums = [checkpoint(_moments, one, use_reentrant=False) for one in padded.split(1)]
    first = torch.stack([one[0] for one in sums]).sum(0) / count  # (6,)
    second = torch.stack([one[1] for one in sums]).sum(0) / count  # (6, 6)
    weight = conv.weight.flatten(1).double()  # (channels, 6)
    mean = weight @ first
    var = ((weight @ (second - first.outer(first))) * weight).sum(1).clamp_min(0)
    mean, var = mean.to(conv.weight.dtype) + _bias(conv), var.to(conv.weight.dtype)
    with torch.no_grad():
        running_mean, running_var = _running(norm)
        momentum = cast("float", norm.momentum)
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(var * (count / (count - 1)), momentum)
        cast("Tensor", norm.num_batches_tracked).add_(1)
    return _folded(conv, norm, mean, var)


def pad_map(x: Tensor) -> Tensor:
    """Zeros around a map for `first_block`: one bin and two frames on each side."""
    return functional.pad(x, (2, 2, 1, 1))


def first_block(padded: Tensor, first: Affine, conv2: nn.Conv2d, skip: nn.Conv2d) -> Tensor:
    """The first residual block, tile by tile and clip by clip.

    Parameters
    ----------
    padded : (batch, 1, bins + 2, frames + 4), from `pad_map`.
    first : the first convolution with its batch norm folded in.
    conv2, skip : the second convolution, and the one around both.

    Returns
    -------
    (batch, channels, bins, frames // 3) in channels_last.
    """
    frames = padded.shape[-1] - 4
    pooled = frames // POOL
    weights = (*first, conv2.weight, _bias(conv2) + _bias(skip), skip.weight)
    clips = []
    for clip in padded.split(1):
        tiles = []
        for start in range(0, pooled, TILE):
            lo, hi = start * POOL, min(start + TILE, pooled) * POOL
            edges = (lo == 0, hi >= frames)
            piece = clip[..., lo : hi + 4]  # frames lo - 2 up to hi + 2 of the unpadded map
            if torch.is_grad_enabled():
                tile = checkpoint(
                    _tile, piece, edges, *weights, use_reentrant=False, preserve_rng_state=False
                )
            else:
                tile = _tile(piece, edges, *weights)
            tiles.append(tile)
        clips.append(torch.cat(tiles, dim=-1))
    return clips[0] if len(clips) == 1 else torch.cat(clips)


def tiles(frames: int) -> list[tuple[int, int, slice]]:
    """How a later block is cut: first and last input frame, and which of its outputs are right.

    A block's outputs depend on two frames to each side, so those within two frames of a cut that is
    not an end of the map are wrong and left out.
    """
    pooled = frames // POOL
    cuts = []
    for start in range(0, pooled, LATER_TILE):
        lo, hi = start * POOL, min(start + LATER_TILE, pooled) * POOL
        first, last = max(0, lo - 2), min(frames, hi + 2)
        cuts.append((first, last, slice(lo - first, hi - first)))
    return cuts


def pool(x: Tensor) -> Tensor:
    """The largest of each three frames: (..., frames) -> (..., frames // 3)."""
    if torch.is_grad_enabled():
        return functional.max_pool2d(x, (1, POOL))
    x = x[..., : x.shape[-1] // POOL * POOL]
    return _largest(x[..., 0::POOL], x[..., 1::POOL], x[..., 2::POOL])


def _largest(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.maximum(torch.maximum(a, b), c)  # faster than max_pool2d here


def _tile(piece: Tensor, edges: tuple[bool, bool], *weights: Tensor) -> Tensor:
    """One tile of `first_block`; `edges` says whether it begins or ends where the clip does."""
    weight1, bias1, weight2, bias2, skip = weights
    batch, rows, width = len(piece), piece.shape[-2] - 1, piece.shape[-1] - 2
    near = functional.unfold(piece, (2, 3))  # (batch, 6, rows * width)
    mix = weight1.flatten(1).T.expand(batch, -1, -1)  # (batch, 6, channels)
    out = torch.baddbmm(bias1, near.transpose(1, 2), mix)
    out = functional.selu(out, inplace=True).view(batch, rows, width, -1)
    if edges[0]:  # the second convolution is padded with zeros, not with what lies before
        out = torch.cat([torch.zeros_like(out[:, :, :1]), out[:, :, 1:]], dim=2)
    if edges[1]:
        out = torch.cat([out[:, :, :-1], torch.zeros_like(out[:, :, :1])], dim=2)
    out = functional.conv2d(
        out.permute(0, 3, 1, 2), weight2.contiguous(memory_format=torch.channels_last), bias2
    )
    same = near.view(batch, 6, rows, width)[:, :3, 1:, 1:-1]  # the row itself
    around = same.permute(0, 2, 3, 1).flatten(0, 1)  # (batch * rows, width, 3), not copied
    onto = out.permute(0, 2, 3, 1).flatten(0, 1)  # (batch * rows, width, channels), not copied
    out = onto.baddbmm_(around, skip.flatten(1).T.expand(len(around), -1, -1))
    out = out.unflatten(0, (batch, rows - 1)).permute(0, 3, 1, 2)
    return pool(out)


def _moments(padded: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over all places of the six neighbours, (6,), and of their products, (6, 6)."""
    near = functional.unfold(padded, (2, 3)).double().transpose(0, 1).flatten(1)
    return near.sum(1), near @ near.T


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d, mean: Tensor, var: Tensor) -> Affine:
    scale = norm.weight / torch.sqrt(var + norm.eps)
    return conv.weight * scale[:, None, None, None], (_bias(conv) - mean) * scale + norm.bias


def _bias(conv: nn.Conv2d) -> Tensor:
    return cast("Tensor", conv.bias)  # every convolution of AASIST has one


def _running(norm: nn.BatchNorm2d) -> Affine:
    return cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
