"""The front end of AASIST in tiles: the same numbers, in a fraction of time and memory.

The first residual block of AASIST works on maps of 32 x 24 x 21,490 values, 66 MB a clip and
tensor, and spends its time on moving them. All its operations look at three neighbouring frames,
so it can be computed tile by tile along time, each tile with two frames more on both sides, and
only the pooled result is kept. Batch norm is what stands in the way:
    in evaluation it is an affine map, folded into the weights of the convolution before it;
    in training its mean and variance over the batch are needed first. The block's input has one
    channel, so each output channel of its first convolution is a weighted sum of the same six
    neighbours, and its mean and variance follow from the mean and the covariance of these six.
With gradients, both ways are written out (`_First`, `_Tail`). For the way back, pooling keeps two
bytes for three frames instead of the map; a tile's neighbours and first convolution are computed
again, its second convolution is not. The later blocks go clip by clip, because a map of a whole
batch is memory that the system has to clear first, which costs as much as the arithmetic.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from core.types import RATE

POOL = 3  # every pooling of the front end takes the maximum of three
TILE = 200  # pooled frames; 600 x 24 x 32 floats stay in a core's cache
LATER_TILE = 600  # pooled frames
SINC_TILE = 7_200  # pooled frames; torch has no fast convolution for fewer than 20,480 samples
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
Affine = tuple[Tensor, Tensor]


class Tile(NamedTuple):
    """Where one tile of the first block lies."""

    seen: slice  # columns of the padded map
    pooled: slice  # frames of the result
    ends: tuple[bool, bool]  # whether it begins or ends where the clip does


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
        pieces.append(pool(bands))
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
    weights = (*first, conv2.weight, _bias(conv2) + _bias(skip), skip.weight)
    if torch.is_grad_enabled():
        return cast("Tensor", _First.apply(padded, *weights))
    cut = _cut(padded.shape[-1])
    clips = [
        torch.cat([pool(_tile(clip[..., tile.seen], tile, *weights)) for tile in cut], dim=-1)
        for clip in padded.split(1)
    ]
    return clips[0] if len(clips) == 1 else torch.cat(clips)


def tail(hidden: Tensor, around: Tensor, conv2: nn.Conv2d) -> Tensor:
    """What follows the batch norm of a later block, with gradients: SELU, `conv2`, the way around.

    Parameters
    ----------
    hidden : (batch, channels, bins + 1, frames); its memory is used up, so it must be nobody's.
    around : (batch, channels, bins, frames), what is added.

    Returns
    -------
    (batch, channels, bins, frames // 3).
    """
    return cast("Tensor", _Tail.apply(hidden, around, conv2.weight, _bias(conv2)))


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
    return _largest(*_thirds(x))


class _First(torch.autograd.Function):
    """`first_block` with gradients."""

    @staticmethod
    def forward(ctx: FunctionCtx, padded: Tensor, *weights: Tensor) -> Tensor:
        cut = _cut(padded.shape[-1])
        clips = []
        for clip in padded.split(1):
            parts = [_pool(_tile(clip[..., tile.seen], tile, *weights)) for tile in cut]
            clips.append([torch.cat(part, dim=-1) for part in zip(*parts, strict=True)])
        out, *places = (torch.cat(part) for part in zip(*clips, strict=True))
        ctx.save_for_backward(padded, *weights, *places)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        padded, *weights, later, last = ctx.saved_tensors
        learned = any(ctx.needs_input_grad[1:])
        of_padded, *of_weights = (torch.zeros_like(x) for x in (padded, *weights))
        for clip, of_clip, *pooled in _clips(padded, of_padded, grad, later, last):
            for tile in _cut(padded.shape[-1]):
                parts = (part[..., tile.pooled] for part in pooled)
                of_piece, *more = _tile_back(clip[..., tile.seen], tile, weights, learned, *parts)
                of_clip[..., tile.seen] += of_piece
                _add(of_weights, more)
        return of_padded, *of_weights


class _Tail(torch.autograd.Function):
    """See `tail`. `hidden` becomes its own SELU on the way there and its gradient on the way back.

    A second way back is refused by torch, because what was saved has changed.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, hidden: Tensor, around: Tensor, weight: Tensor, bias: Tensor
    ) -> Tensor:
        clips = []
        for clip, way in _clips(hidden, around):
            active = functional.selu(clip, inplace=True)
            clips.append(_pool(functional.conv2d(active, weight, bias, padding=(0, 1)).add_(way)))
        out, *places = (torch.cat(part) for part in zip(*clips, strict=True))
        ctx.save_for_backward(hidden, weight, *places)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        active, weight, later, last = ctx.saved_tensors
        around = torch.empty_like(active[:, :, 1:])
        of_weights = [torch.zeros_like(weight), weight.new_zeros(len(weight))]
        learned = any(ctx.needs_input_grad[2:])
        for clip, way, *pooled in _clips(active, around, grad, later, last):
            _unpool(way, *pooled)
            back, *more = _conv_back(way, clip, weight, learned)
            _selu_back(back, clip, onto=clip)
            _add(of_weights, more)
        return active, around, *of_weights


def _clips(*batches: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """One clip of each at a time."""
    return zip(*(batch.split(1) for batch in batches), strict=True)


def _cut(width: int) -> list[Tile]:
    """The tiles of a padded map, each with two frames more on both sides."""
    frames = width - 4
    pooled = frames // POOL
    cut = []
    for start in range(0, pooled, TILE):
        stop = min(start + TILE, pooled)
        seen, ends = slice(start * POOL, stop * POOL + 4), (start == 0, stop * POOL >= frames)
        cut.append(Tile(seen, slice(start, stop), ends))
    return cut


def _open(piece: Tensor, tile: Tile, weight1: Tensor, bias1: Tensor) -> tuple[Tensor, Tensor]:
    """The six neighbours of each place, (1, 6, rows * columns), and what conv2 hears."""
    near = functional.unfold(piece, (2, 3))
    active = torch.baddbmm(bias1, near.transpose(1, 2), weight1.flatten(1).T[None])
    active = functional.selu(active, inplace=True)
    active = active.view(1, piece.shape[-2] - 1, piece.shape[-1] - 2, -1).permute(0, 3, 1, 2)
    return near, _silence_ends(active, tile)


def _silence_ends(x: Tensor, tile: Tile) -> Tensor:
    """The second convolution is padded with zeros, not with what lies before the clip."""
    for column, end in zip((0, -1), tile.ends, strict=True):
        if end:
            x[..., column] = 0
    return x


def _row(near: Tensor, piece: Tensor) -> Tensor:
    """The neighbours that the way around looks at, (bins, frames, 3), not copied."""
    rows, columns = piece.shape[-2] - 1, piece.shape[-1] - 2
    return near.view(6, rows, columns)[:3, 1:, 1:-1].permute(1, 2, 0)


def _tile(piece: Tensor, tile: Tile, *weights: Tensor) -> Tensor:
    """One tile of `first_block` before it is pooled."""
    weight1, bias1, weight2, bias2, skip = weights
    near, active = _open(piece, tile, weight1, bias1)
    out = functional.conv2d(active, weight2.contiguous(memory_format=torch.channels_last), bias2)
    onto = out.permute(0, 2, 3, 1)[0]  # (bins, frames, channels), not copied
    onto.baddbmm_(_row(near, piece), skip.flatten(1).T.expand(len(onto), -1, -1))
    return out


def _tile_back(
    piece: Tensor,
    tile: Tile,
    weights: list[Tensor],
    learned: bool,
    *pooled: Tensor,
) -> list[Tensor]:
    """The gradients of `piece` and, if learned, of `weights`; `pooled` is for `_unpool`."""
    weight1, bias1, weight2, _, skip = weights
    near, active = _open(piece, tile, weight1, bias1)
    out = torch.empty_like(active[:, :, 1:, 1:-1])
    _unpool(out, *pooled)
    back, *of_second = _conv_back(out, active, weight2, learned)
    _silence_ends(_selu_back(back, active, onto=back), tile)
    hidden = back.permute(0, 2, 3, 1).flatten(0, 2)  # (rows * columns, channels), not copied
    flat = out.permute(0, 2, 3, 1)[0]  # (bins, frames, channels), not copied
    of_near = (hidden @ weight1.flatten(1)).T.contiguous()
    _row(of_near, piece).add_(flat @ skip.flatten(1))
    of_piece = functional.fold(of_near[None], piece.shape[-2:], (2, 3))
    if not learned:
        return [of_piece]
    of_weight1 = (near[0] @ hidden).T.view_as(weight1)
    of_skip = (flat.transpose(1, 2) @ _row(near, piece)).sum(0).view_as(skip)
    return [of_piece, of_weight1, hidden.sum(0), *of_second, of_skip]


def _conv_back(out: Tensor, x: Tensor, weight: Tensor, learned: bool) -> list[Tensor]:
    """The gradients of x and, if they are learned, of weight and bias, from that of the output."""
    found = torch.ops.aten.convolution_backward(
        out,
        x,
        weight.contiguous(memory_format=torch.channels_last),
        bias_sizes=[len(weight)],
        stride=[1, 1],
        padding=[0, (out.shape[-1] - x.shape[-1] + 2) // 2],  # of three taps
        dilation=[1, 1],
        transposed=False,
        output_padding=[0, 0],
        groups=1,
        output_mask=[True, learned, learned],
    )
    return [one for one in found if one is not None]


def _selu_back(grad: Tensor, active: Tensor, onto: Tensor) -> Tensor:
    """The gradient before SELU, from the one behind it and what SELU gave."""
    torch.ops.aten.elu_backward.grad_input(
        grad,
        alpha=SELU_ALPHA,
        scale=SELU_SCALE,
        input_scale=1.0,
        is_result=True,
        self_or_result=active,
        grad_input=onto,
    )
    return onto


def _pool(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As `pool`, and two bytes: whether it is not the first of the three, whether it is the last.

    Bytes, because torch multiplies numbers by booleans ten times as slowly.
    """
    first, second, third = _thirds(x)
    out = torch.maximum(first, second)
    later, last = (second > first).view(torch.uint8), (third > out).view(torch.uint8)
    return torch.maximum(out, third, out=out), later, last


def _unpool(onto: Tensor, grad: Tensor, later: Tensor, last: Tensor) -> None:
    """The way back of `_pool`: writes the gradient of its input to `onto`."""
    first, second, third = _thirds(onto)
    torch.mul(grad, last, out=third)
    rest = grad - third
    torch.mul(rest, later, out=second)
    torch.sub(rest, second, out=first)
    onto[..., grad.shape[-1] * POOL :] = 0


def _thirds(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    x = x[..., : x.shape[-1] // POOL * POOL]
    return x[..., 0::POOL], x[..., 1::POOL], x[..., 2::POOL]


def _largest(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.maximum(torch.maximum(a, b), c)  # faster than max_pool2d here


def _add(totals: list[Tensor], more: list[Tensor]) -> None:
    for total, part in zip(totals, more, strict=False):  # nothing is added where nothing is learned
        total += part


def _moments(padded: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over all places of the six neighbours, (6,), and of their products, (6, 6)."""
    near = functional.unfold(padded, (2, 3)).view(6, padded.shape[-2] - 1, -1).transpose(0, 1)
    return near.sum(2).double().sum(0), (near @ near.transpose(1, 2)).double().sum(0)


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d, mean: Tensor, var: Tensor) -> Affine:
    scale = norm.weight / torch.sqrt(var + norm.eps)
    return conv.weight * scale[:, None, None, None], (_bias(conv) - mean) * scale + norm.bias


def _bias(conv: nn.Conv2d) -> Tensor:
    return cast("Tensor", conv.bias)  # every convolution of AASIST has one


def _running(norm: nn.BatchNorm2d) -> Affine:
    return cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
