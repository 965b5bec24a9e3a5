"""The fast scans against their step-by-step recurrences, in float64 and where numbers are hard."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from core import scans
from tests.core import recurrences

LENGTHS = (1, 7, 64, 208, 1000)
Arguments = tuple[Tensor, ...]


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype)


def steps(*shape: int) -> Tensor:
    """Step sizes as softplus gives them, from almost nothing to strong."""
    return torch.nn.functional.softplus(2 * noise(*shape) - 1)


def s6_arguments(length: int) -> Arguments:
    rates = -torch.exp(noise(6, 5))
    x, dt = noise(2, length, 6), steps(2, length, 6)
    return x, dt, rates, noise(2, length, 5), noise(2, length, 5)


def ssd_arguments(length: int) -> Arguments:
    x = noise(2, length, 3, 8)
    return x, steps(2, length, 3), -torch.exp(noise(3)), noise(2, length, 5), noise(2, length, 5)


def delta_arguments(length: int) -> Arguments:
    q, k = noise(2, length, 3, 4), noise(2, length, 3, 4)
    k = torch.nn.functional.normalize(k, dim=-1)
    gates = -steps(2, length, 3), torch.sigmoid(noise(2, length, 3))
    return q, k, noise(2, length, 3, 6), *gates


def hydra_arguments(length: int, batch: int = 2) -> Arguments:
    pairs = [steps(batch, length, 3), steps(batch, length, 3)]
    pairs += [noise(batch, length, 5) for _ in range(4)]
    return noise(batch, length, 3, 8), -torch.exp(noise(3)), *pairs


def hydra_fast(x: Tensor, A: Tensor, *p: Tensor) -> Tensor:
    return scans.quasi_separable(x, (p[0], p[1]), A, (p[2], p[3]), (p[4], p[5]))


def hydra_steps(x: Tensor, A: Tensor, *p: Tensor) -> Tensor:
    return recurrences.hydra(x, (p[0], p[1]), A, (p[2], p[3]), (p[4], p[5]))


class Case(NamedTuple):
    fast: Callable[..., Tensor]
    steps: Callable[..., Tensor]
    arguments: Callable[[int], Arguments]


CASES = {
    "s6": Case(scans.selective_scan, recurrences.s6, s6_arguments),
    "ssd": Case(scans.ssd, recurrences.ssd, ssd_arguments),
    "hydra": Case(hydra_fast, hydra_steps, hydra_arguments),
    "gated delta": Case(scans.gated_delta_rule, recurrences.gated_delta, delta_arguments),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(114)


@each_case
@pytest.mark.parametrize("length", LENGTHS)
def test_equal_to_the_recurrence(case: Case, length: int) -> None:
    arguments = case.arguments(length)
    torch.testing.assert_close(
        case.fast(*arguments), case.steps(*arguments), atol=1e-9, rtol=0, check_stride=False
    )


@each_case
@pytest.mark.parametrize("length", [1, 7, 70])
def test_gradients_equal_those_of_the_recurrence(case: Case, length: int) -> None:
    arguments = [argument.requires_grad_() for argument in case.arguments(length)]
    weights = noise(*case.steps(*arguments).shape)
    found = torch.autograd.grad((case.fast(*arguments) * weights).sum(), arguments)
    expected = torch.autograd.grad((case.steps(*arguments) * weights).sum(), arguments)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0, check_stride=False)


@each_case
def test_gradcheck(case: Case) -> None:
    arguments = tuple(argument.requires_grad_() for argument in case.arguments(5))
    assert torch.autograd.gradcheck(case.fast, arguments, fast_mode=True)


def test_blocks_of_the_selective_scan_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [argument.requires_grad_() for argument in s6_arguments(23)]
    whole = scans.selective_scan(*arguments)
    expected = torch.autograd.grad(whole.square().sum(), arguments)
    monkeypatch.setattr(scans, "BLOCK_NUMBERS", 5 * 2 * 6 * 5)  # five frames at a time
    parts = scans.selective_scan(*arguments)
    torch.testing.assert_close(parts, whole, atol=1e-13, rtol=0)
    for ours, theirs in zip(
        torch.autograd.grad(parts.square().sum(), arguments), expected, strict=True
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-11, rtol=0)


@pytest.mark.parametrize("chunk", [1, 3, 16, 50, 64])
def test_the_chunk_does_not_show(chunk: int) -> None:
    x, dt, A, B, C = ssd_arguments(50)
    q, k, v, g, beta = delta_arguments(50)
    close = partial(torch.testing.assert_close, atol=1e-10, rtol=0)
    close(scans.ssd(x, dt, A, B, C, chunk), scans.ssd(x, dt, A, B, C))
    whole = scans.gated_delta_rule(q, k, v, g, beta)
    close(scans.gated_delta_rule(q, k, v, g, beta, chunk), whole)


@pytest.mark.parametrize(
    ("length", "chunk", "padding"),
    [(1, 1, 0), (7, 7, 0), (40, 40, 0), (200, 25, 0), (201, 29, 2), (208, 26, 0), (1009, 26, 5)],
)
def test_chunks_pad_little(length: int, chunk: int, padding: int) -> None:
    assert scans.even_chunk(length) == chunk
    assert -length % chunk == padding


@each_case
def test_strong_decay_does_not_overflow(case: Case) -> None:
    """A decay of exp(-1e4) a frame underflows to zero and stays finite, with its gradient."""
    arguments = [argument.float() for argument in case.arguments(100)]
    strong = {0: 2, 1: 2, 2: 1, 3: 3}[list(CASES.values()).index(case)]  # A, A, A and g
    arguments[strong] = torch.full_like(arguments[strong], -1e4)
    arguments = [argument.requires_grad_() for argument in arguments]
    y = case.fast(*arguments)
    assert y.isfinite().all()
    assert all(grad.isfinite().all() for grad in torch.autograd.grad(y.sum(), arguments))


@each_case
def test_no_decay_at_all_keeps_the_first_frame(case: Case) -> None:
    arguments = [argument.float() for argument in case.arguments(300)]
    strong = {0: 2, 1: 2, 2: 1, 3: 3}[list(CASES.values()).index(case)]
    arguments[strong] = torch.zeros_like(arguments[strong])
    exact = case.steps(*(argument.double() for argument in arguments))
    error = (case.fast(*arguments).double() - exact).abs().max() / exact.abs().max()
    assert error < 1e-5


@each_case
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float32])
def test_scans_run_in_float32_at_least(case: Case, precision: torch.dtype) -> None:
    """Also under autocast, whose matrix products would fall to bfloat16."""
    arguments = [argument.to(precision) for argument in case.arguments(60)]
    exact = case.steps(*(argument.double() for argument in arguments))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = case.fast(*arguments)
    assert y.dtype == torch.float32
    assert (y.double() - exact).abs().max() / exact.abs().max() < 1e-5


def test_gradients_under_autocast_stay_float32() -> None:
    arguments = [argument.float().requires_grad_() for argument in s6_arguments(60)]
    expected = torch.autograd.grad(scans.selective_scan(*arguments).sum(), arguments)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = torch.autograd.grad(scans.selective_scan(*arguments).sum(), arguments)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=0, rtol=0)


def test_hydra_is_its_quasi_separable_matrix() -> None:
    x, A, *p = hydra_arguments(208, batch=1)
    matrix = recurrences.quasi_separable_matrix((p[0], p[1]), A, (p[2], p[3]), (p[4], p[5]))
    expected = torch.einsum("hij,jhp->ihp", matrix, x[0])
    torch.testing.assert_close(hydra_fast(x, A, *p)[0], expected, atol=1e-9, rtol=0)
    assert matrix.diagonal(dim1=1, dim2=2).abs().max() == 0


def test_hydra_turns_with_the_sequence() -> None:
    """Both directions swapped and the sequence reversed: the answer, reversed."""
    x, A, *p = hydra_arguments(90)
    swapped = [p[i ^ 1].flip(1) for i in range(6)]
    turned = hydra_fast(x.flip(1), A, *swapped)
    torch.testing.assert_close(turned.flip(1), hydra_fast(x, A, *p), atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", ["s6", "ssd", "gated delta"])
def test_causal(name: str) -> None:
    case = CASES[name]
    arguments = list(case.arguments(100))
    before = case.fast(*arguments)
    changed = [
        argument
        if argument.ndim < 3 or argument.shape[1] != 100
        else torch.cat([argument[:, :50], 0.5 * argument[:, 50:]], dim=1)
        for argument in arguments
    ]
    after = case.fast(*changed)
    torch.testing.assert_close(after[:, :50], before[:, :50], atol=1e-12, rtol=0)
    assert (after[:, 50] - before[:, 50]).abs().max() > 1e-3


def test_a_second_derivative_is_refused_in_words() -> None:
    arguments = [argument.requires_grad_() for argument in s6_arguments(9)]
    (grad,) = torch.autograd.grad(
        scans.selective_scan(*arguments).square().sum(), arguments[:1], create_graph=True
    )
    with pytest.raises(NotImplementedError, match="first derivatives only"):
        grad.sum().backward()


def test_the_chunked_scans_can_be_differentiated_twice() -> None:
    for fast, arguments in (
        (scans.ssd, ssd_arguments(4)),
        (scans.gated_delta_rule, delta_arguments(4)),
    ):
        needing = tuple(argument[:1].requires_grad_() for argument in arguments)
        if fast is scans.ssd:
            needing = (needing[0], needing[1], arguments[2].requires_grad_(), *needing[3:])
        assert torch.autograd.gradgradcheck(fast, needing, fast_mode=True)
    needing = tuple(argument.requires_grad_() for argument in hydra_arguments(4, batch=1))
    assert torch.autograd.gradgradcheck(hydra_fast, needing, fast_mode=True)


def test_only_block_boundaries_are_kept_for_the_gradient() -> None:
    """Memory: 3000 frames of 128 x 16 states would be 25 MB; the inputs are 3 MB."""
    kept = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    x, dt = (torch.rand(1, 3000, 128, requires_grad=True) for _ in range(2))
    A, B, C = -torch.rand(128, 16), torch.rand(1, 3000, 16), torch.rand(1, 3000, 16)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        scans.selective_scan(x, dt, A, B, C)
    assert kept < 3000 * 128 * 16 / 4
