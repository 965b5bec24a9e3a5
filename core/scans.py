"""Recurrences of the state space mixers, in plain PyTorch and linear in length.

Glossary (the papers' symbols)
    l, t      length in frames, one frame
    A         decay rate of the state, negative; exp(dt A) is what a frame leaves of the state
    B, C      what a frame writes into the state and what it reads out of it
    dt        step size of a frame, positive
    h, S      the state: (channels, state) for S6, (head width, state) a head for the others
    n         state size; p, k, v: widths of a head
    beta, g   Gated DeltaNet: writing strength in (0, 1), log decay <= 0

Three recurrences, each equal to its step-by-step form (`tests/core/recurrences.py`):
    selective_scan     S6 of Mamba: Gu & Dao 2023, Algorithm 2; a sequential scan in place with a
                       hand-written reverse scan. On a CPU it beats every parallel form tried.
    ssd                state space duality of Mamba-2: Dao & Gu 2024, Sec. 6 and Listing 1, chunked.
    gated_delta_rule   Yang, Kautz & Hatamizadeh 2024, Sec. 3.3 (WY form), chunked.

Numbers: everything runs in float32 at least, also under autocast and for bfloat16 inputs. Decays
are compared as differences of logarithms, masked with -inf before exp; nothing is divided by a
cumulative product, so nothing overflows however strong the decay or long the clip.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional

# Shorter chunks loop more, longer ones do more work a frame (and lose digits); 25 to 40 is flat.
CHUNK, SHORTEST_CHUNK, LONGEST_CHUNK = 32, 24, 40
# Numbers in one block of S6 states: blocks that stay in the cache, and memory that does not grow.
BLOCK_NUMBERS = 1 << 19


def at_least_float32(tensor: Tensor) -> Tensor:
    """Half precisions as float32; float32 and float64 as they are."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def even_chunk(length: int) -> int:
    """The chunk of about `CHUNK` frames that pads `length` least: 26 for 208, 29 for 201."""
    if length <= LONGEST_CHUNK:
        return max(length, 1)
    sizes = range(SHORTEST_CHUNK, LONGEST_CHUNK + 1)
    return min(sizes, key=lambda size: (-length % size, abs(size - CHUNK)))


def selective_scan(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """S6: h_t = exp(dt_t A) h_{t-1} + dt_t x_t B_t, y_t = h_t C_t.

    Memory does not grow with the states: they are kept at block boundaries only and run again in
    the backward pass. The gradient is written by hand and can be taken once; differentiating it
    again raises NotImplementedError.

    Parameters
    ----------
    x, dt : (batch, length, channels)
    A : (channels, state), negative
    B, C : (batch, length, state)

    Returns
    -------
    (batch, length, channels), float32 at least, without the D term.
    """
    with torch.autocast(x.device.type, enabled=False):
        inputs = [at_least_float32(tensor) for tensor in (x, dt, A, B, C)]
        y: Tensor = _SelectiveScan.apply(*inputs)
    return y


def _blocks(length: int, numbers_per_frame: int) -> list[slice]:
    size = max(1, min(length, BLOCK_NUMBERS // numbers_per_frame))
    return [slice(first, min(first + size, length)) for first in range(0, length, size)]


def _run_states(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Decays (frames, batch, channels, state) and states, one more than frames: `h` comes first."""
    decay = (dt.unsqueeze(-1) * A).exp_()
    states = h.new_empty(len(x) + 1, *h.shape)
    states[0] = h
    torch.mul((dt * x).unsqueeze(-1), B.unsqueeze(-2), out=states[1:])
    steps = states.unbind(0)
    for t, kept in enumerate(decay.unbind(0)):
        steps[t + 1].addcmul_(kept, steps[t])
    return decay, states


class _SelectiveScan(torch.autograd.Function):
    """The sequential scan, in place, and its reverse; see `selective_scan`.

    An indexed Python loop under autograd is quadratic in length (each `x[:, t]` fills a gradient
    of the whole sequence with zeros); this one is linear and keeps no graph.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
        inputs = (x, dt, A, B, C)
        x, dt, B, C = _time_first(x, dt, B, C)
        h = x.new_zeros(x.shape[1], *A.shape)
        y = torch.empty_like(x)
        entering = []  # the state before each block
        for block in _blocks(len(x), h.numel()):
            entering.append(h)
            _, states = _run_states(x[block], dt[block], A, B[block], h)
            y[block] = torch.matmul(states[1:], C[block].unsqueeze(-1)).squeeze(-1)
            h = states[-1].clone()
        ctx.save_for_backward(*inputs, torch.stack(entering))
        return y.transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        with torch.no_grad(), torch.autocast(grads[0].device.type, enabled=False):
            found = _reverse_scan(ctx.saved_tensors, grads[0])
        if torch.is_grad_enabled():  # create_graph=True
            return tuple(_OnceOnly.apply(grad.requires_grad_()) for grad in found)
        return found


def _time_first(*tensors: Tensor) -> Iterator[Tensor]:
    return (tensor.transpose(0, 1).contiguous() for tensor in tensors)


def _reverse_scan(saved: tuple[Tensor, ...], grad_y: Tensor) -> tuple[Tensor, ...]:
    """Gradients of x, dt, A, B, C from that of y, last frame first.

    With G_t the gradient of h_t: G_t = grad_y_t C_t + exp(dt_{t+1} A) G_{t+1}.
    """
    x, dt, A, B, C, entering = saved
    x, dt, B, C, grad_y = _time_first(x, dt, B, C, grad_y)
    grad_x, grad_dt, grad_B, grad_C = (torch.empty_like(tensor) for tensor in (x, dt, B, C))
    grad_A = torch.zeros_like(A)
    carried = torch.zeros_like(entering[0])
    blocks = _blocks(len(x), carried.numel())
    for block, h in zip(reversed(blocks), entering.flip(0), strict=True):
        decay, states = _run_states(x[block], dt[block], A, B[block], h)
        grad_C[block] = torch.matmul(grad_y[block].unsqueeze(-2), states[1:]).squeeze(-2)
        grad_h = grad_y[block].unsqueeze(-1) * C[block].unsqueeze(-2)
        steps, kept = grad_h.unbind(0), decay.unbind(0)
        steps[-1].add_(carried)
        for t in range(len(steps) - 2, -1, -1):
            steps[t].addcmul_(kept[t + 1], steps[t + 1])
        carried = kept[0] * steps[0]
        written = (dt[block] * x[block]).unsqueeze(-2)  # (frames, batch, 1, channels)
        grad_B[block] = torch.matmul(written, grad_h).squeeze(-2)
        grad_written = torch.matmul(grad_h, B[block].unsqueeze(-1)).squeeze(-1)
        grad_rate = grad_h.mul_(decay).mul_(states[:-1])  # of dt A
        grad_A += (grad_rate * dt[block].unsqueeze(-1)).sum((0, 1))
        grad_x[block] = grad_written * dt[block]
        grad_dt[block] = (grad_rate * A).sum(-1) + grad_written * x[block]
    time_last = [grad.transpose(0, 1) for grad in (grad_x, grad_dt, grad_B, grad_C)]
    return time_last[0], time_last[1], grad_A, time_last[2], time_last[3]


class _OnceOnly(torch.autograd.Function):
    """The identity, which says clearly that there is no second derivative."""

    @staticmethod
    def forward(ctx: FunctionCtx, grad: Tensor) -> Tensor:
        return grad.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        raise NotImplementedError(
            "the gradient of Mamba's selective scan was asked for its own gradient; it is written "
            "by hand for first derivatives only. Mamba-2, Hydra and Gated DeltaNet can be "
            "differentiated twice."
        )


def _chunked(tensor: Tensor, chunk: int) -> Tensor:
    """(batch, length, ...) -> (batch, chunks, chunk, ...), padded at the end with zeros."""
    batch, length = tensor.shape[:2]
    missing = -length % chunk
    if missing:
        padding = tensor.new_zeros(batch, missing, *tensor.shape[2:])
        tensor = torch.cat([tensor, padding], dim=1)
    chunks: Tensor = tensor.unflatten(1, (-1, chunk))
    return chunks


def _decay_between(cumulative: Tensor) -> Tensor:
    """exp(c_i - c_j) for i >= j, else 0: (..., frames) -> (..., frames, frames)."""
    frames = cumulative.shape[-1]
    later = torch.ones(frames, frames, dtype=torch.bool, device=cumulative.device).triu(1)
    between = cumulative.unsqueeze(-1) - cumulative.unsqueeze(-2)
    decay: Tensor = between.masked_fill(later, -torch.inf).exp()
    return decay


def ssd(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, chunk: int | None = None) -> Tensor:
    """Mamba-2: S_t = exp(dt_t A) S_{t-1} + dt_t x_t B_t^T, y_t = S_t C_t, for each head.

    Inside a chunk as a masked quadratic form, between chunks as a recurrence over their ends.

    Parameters
    ----------
    x : (batch, length, heads, p)
    dt : (batch, length, heads)
    A : (heads,), negative
    B, C : (batch, length, n), shared by the heads
    chunk : frames; None chooses one near `CHUNK` that pads little

    Returns
    -------
    (batch, length, heads, p), float32 at least, without the D term.
    """
    length = x.shape[1]
    size = chunk or even_chunk(length)
    with torch.autocast(x.device.type, enabled=False):
        x, dt, A, B, C = (at_least_float32(tensor) for tensor in (x, dt, A, B, C))
        written = _chunked(x * dt.unsqueeze(-1), size)  # (batch, chunks, q, heads, p)
        B, C = _chunked(B, size), _chunked(C, size)  # (batch, chunks, q, n)
        rate = _chunked(dt * A, size)  # padding: dt = 0 keeps the state as it is
        cumulative = rate.cumsum(2)  # (batch, chunks, q, heads)
        decay = _decay_between(cumulative.transpose(2, 3))  # (batch, chunks, heads, q, q)
        overlap = torch.matmul(C, B.transpose(2, 3)).unsqueeze(2)
        inside = torch.matmul(overlap * decay, written.transpose(2, 3)).transpose(2, 3)

        to_end = (cumulative[:, :, -1:] - cumulative).exp().unsqueeze(-1)
        kept = cumulative[:, :, -1].exp()
        before = _read_between(B, C, (written * to_end).flatten(3), kept)
        before = before.unflatten(-1, x.shape[2:])  # (batch, chunks, q, heads, p)
        y = torch.addcmul(inside, before, cumulative.exp().unsqueeze(-1))
    return y.flatten(1, 2)[:, :length]


def _read_between(
    B: Tensor, C: Tensor, written: Tensor, kept: Tensor, *, backward: bool = False
) -> Tensor:
    """What the frames of each chunk read of the state that enters it.

    B, C (batch, chunks, q, n), written (batch, chunks, q, heads x p) decayed to the chunk's end,
    kept (batch, chunks, heads) -> as `written`. With `backward` the state comes from the chunks
    that follow. One state at a time: it stays in the cache.
    """
    width = written.shape[-1] // kept.shape[-1]
    kept = kept.repeat_interleave(width, -1).unsqueeze(2)  # (batch, chunks, 1, heads x p)
    order = -1 if backward else 1
    chunks = zip(*(part.unbind(1)[::order] for part in (B, C, written, kept)), strict=True)
    write, _, values, _ = next(chunks)  # no state enters the first
    state, reads = torch.bmm(write.mT, values), [torch.zeros_like(values)]
    for write, read, values, factor in chunks:
        reads.append(torch.bmm(read, state))
        state = torch.addcmul(torch.bmm(write.mT, values), state, factor)
    return torch.stack(reads[::order], dim=1)


def quasi_separable(
    x: Tensor,
    dt: tuple[Tensor, Tensor],
    A: Tensor,
    B: tuple[Tensor, Tensor],
    C: tuple[Tensor, Tensor],
) -> Tensor:
    """Hydra's mixing without its diagonal: Hwang et al. 2024, Sec. 3, an SSD each way.

    A frame hears the frames before it through the forward pair and those after it through the
    backward pair; each pass is delayed by a frame, so that neither holds the diagonal. Inside a
    chunk both are one matrix, the forward pass below its diagonal and the backward pass above.

    Parameters
    ----------
    x : (batch, length, heads, p)
    dt, B, C : (forward, backward), shapes as in `ssd`
    A : (heads,), negative, the same for both directions

    Returns
    -------
    (batch, length, heads, p), float32 at least.
    """
    length = x.shape[1]
    size = even_chunk(length)
    with torch.autocast(x.device.type, enabled=False):
        values = _chunked(at_least_float32(x), size)  # (batch, chunks, q, heads, p)
        forward = _way(dt[0], A, B[0], functional.pad(C[0][:, :-1], (0, 0, 1, 0)), size)
        backward = _way(dt[1], A, B[1], functional.pad(C[1][:, 1:], (0, 0, 0, 1)), size)
        mixed = torch.matmul(_mixing(forward, backward), values.transpose(2, 3))
        inside = mixed.transpose(2, 3)
        y = torch.addcmul(inside, *_from_other_chunks(values, forward, backward=False))
        y = torch.addcmul(y, *_from_other_chunks(values, backward, backward=True))
    return y.flatten(1, 2)[:, :length]


class _Way(NamedTuple):
    """One direction of Hydra, in chunks.

    `start` and `end`: the logarithm of what is kept from the start of a chunk to that of a frame,
    and to its end.
    """

    B: Tensor  # (batch, chunks, q, n)
    C: Tensor  # of the neighbour that a frame hears first
    dt: Tensor  # (batch, chunks, q, heads)
    start: Tensor
    end: Tensor


def _way(dt: Tensor, A: Tensor, B: Tensor, C: Tensor, size: int) -> _Way:
    B, C, dt = (_chunked(at_least_float32(part), size) for part in (B, C, dt))
    end = (dt * at_least_float32(A)).cumsum(2)
    return _Way(B, C, dt, functional.pad(end[:, :, :-1], (0, 0, 1, 0)), end)


def _mixing(forward: _Way, backward: _Way) -> Tensor:
    """What a frame hears of each other in its chunk: (batch, chunks, heads, q, q)."""
    size = forward.B.shape[2]
    above = torch.ones(size, size, dtype=torch.bool, device=forward.B.device).triu(1)

    def rows(part: Tensor) -> Tensor:
        return part.transpose(2, 3).unsqueeze(-1)

    def columns(part: Tensor) -> Tensor:
        return part.transpose(2, 3).unsqueeze(-2)

    between = torch.where(
        above,
        columns(backward.start) - rows(backward.end),
        rows(forward.start) - columns(forward.end),
    )
    between.diagonal(dim1=-2, dim2=-1).fill_(-torch.inf)  # before exp: it would overflow there
    overlap = torch.where(above, backward.C @ backward.B.mT, forward.C @ forward.B.mT)
    steps = torch.where(above, columns(backward.dt), columns(forward.dt))
    return between.exp_() * overlap.unsqueeze(2) * steps


def _from_other_chunks(values: Tensor, way: _Way, *, backward: bool) -> tuple[Tensor, Tensor]:
    """What frames read of the state that enters their chunk, and what of it is left for them.

    (batch, chunks, q, heads, p) and (batch, chunks, q, heads, 1), to be multiplied.
    """
    whole = way.end[:, :, -1:]
    to_end = whole - way.end
    write, read = (way.start, to_end) if backward else (to_end, way.start)
    written = values * (way.dt * write.exp()).unsqueeze(-1)
    kept = whole.squeeze(2).exp()
    heard = _read_between(way.B, way.C, written.flatten(3), kept, backward=backward)
    return heard.unflatten(-1, values.shape[3:]), read.exp().unsqueeze(-1)


def gated_delta_rule(
    q: Tensor, k: Tensor, v: Tensor, g: Tensor, beta: Tensor, chunk: int | None = None
) -> Tensor:
    """Gated DeltaNet: S <- exp(g_t) S, S <- S + k_t (beta_t (v_t - S^T k_t))^T, o_t = S^T q_t.

    Inside a chunk the corrections of all frames come from one unit triangular solve (the WY form),
    between chunks the state is carried on.

    Parameters
    ----------
    q, k : (batch, length, heads, k); k of unit length or shorter
    v : (batch, length, heads, v)
    g, beta : (batch, length, heads)
    chunk : frames; None chooses one near `CHUNK` that pads little

    Returns
    -------
    (batch, length, heads, v), float32 at least.
    """
    length = q.shape[1]
    size = chunk or even_chunk(length)
    with torch.autocast(q.device.type, enabled=False):
        q, k, v, g, beta = (
            _chunked(at_least_float32(tensor), size).transpose(2, 3)  # (batch, chunks, heads, q, .)
            for tensor in (q, k, v, g.unsqueeze(-1), beta.unsqueeze(-1))
        )
        cumulative = g.squeeze(-1).cumsum(-1)
        decay = _decay_between(cumulative)
        gone = cumulative.exp().unsqueeze(-1)
        coupled = (torch.matmul(k * beta, k.transpose(-1, -2)) * decay).tril(-1)
        wanted = torch.cat([v * beta, k * (beta * gone)], dim=-1)
        solved = torch.linalg.solve_triangular(  # the diagonal is taken as one
            coupled, wanted, upper=False, unitriangular=True
        )
        values, keys = solved.split([v.shape[-1], k.shape[-1]], dim=-1)
        within = torch.matmul(q, k.transpose(-1, -2)) * decay
        to_end = (cumulative[..., -1:] - cumulative).exp().unsqueeze(-1)
        parts = (values, keys, q * gone, within, k * to_end, gone[..., -1:, :])
        o: Tensor = _delta_chunks(*parts)
    return o.transpose(2, 3).flatten(1, 2)[:, :length]


def _delta_chunks(
    values: Tensor, keys: Tensor, q: Tensor, within: Tensor, k: Tensor, kept: Tensor
) -> Tensor:
    """The state from chunk to chunk and what is read of it; all (batch, chunks, heads, ., .)."""
    state = torch.zeros_like(torch.matmul(k[:, 0].transpose(-1, -2), values[:, 0]))
    outputs = []
    chunks = zip(*(part.unbind(1) for part in (values, keys, q, within, k, kept)), strict=True)
    for value, key, query, inside, write, factor in chunks:
        new = value - torch.matmul(key, state)
        outputs.append(torch.matmul(query, state) + torch.matmul(inside, new))
        state = factor * state + torch.matmul(write.transpose(-1, -2), new)
    return torch.stack(outputs, dim=1)
