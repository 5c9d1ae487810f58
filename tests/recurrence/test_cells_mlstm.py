"""The mLSTM against its equations without a shift, and its chunks against its steps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lstmkit.recurrence.cell import NO_MASKS, Sizes, State
from lstmkit.recurrence.cells.mlstm import MLstm
from lstmkit.recurrence.reference import run_direction

H, I = 6, 3  # noqa: E741


def make(cell: MLstm, T: int = 5, B: int = 2) -> tuple[Tensor, State, dict[str, Tensor]]:
    """Return a random input, a random state and random weights."""
    torch.manual_seed(9)
    sizes = Sizes(I, H, H, True)
    weights = {n: torch.randn(s, dtype=torch.float64) for n, s in cell.weight_shapes(sizes).items()}
    state = tuple(torch.randn(B, width, dtype=torch.float64) for width in cell.state_widths(sizes))
    return torch.randn(T, B, I, dtype=torch.float64), state, weights


def loop(cell: MLstm, x: Tensor, state: State, weights: dict[str, Tensor]) -> Tensor:
    """Return the outputs with plain exponentials and no m, every head and row by itself."""
    D = H // cell.heads
    outputs = torch.zeros(len(x), x.shape[1], H, dtype=torch.float64)
    _, c, n_all, m = state
    for row in range(x.shape[1]):
        for head in range(cell.heads):
            at = slice(head * D, (head + 1) * D)
            C = c[row].reshape(cell.heads, D, D)[head] * torch.exp(m[row, head])
            n = n_all[row, at] * torch.exp(m[row, head])
            for t in range(len(x)):
                a = weights["weight_ih"] @ x[t, row] + weights["bias_ih"]
                q, k, v, o = (a[part * H : (part + 1) * H][at] for part in range(4))
                k = k / math.sqrt(D)
                i = torch.exp(a[4 * H + head])
                f = 1 / (1 + torch.exp(-a[4 * H + cell.heads + head]))
                C = f * C + i * torch.outer(v, k)
                n = f * n + i * k
                read = torch.stack([(C[u] * q).sum() for u in range(D)]) / max(abs((n * q).sum()), torch.ones(()))
                outputs[t, row, at] = read / (1 + torch.exp(-o))
    return outputs


@pytest.mark.parametrize("heads", [1, 2, 6])
def test_outputs_and_gradients_are_those_of_the_equations_without_a_shift(heads):
    cell = MLstm(heads)
    x, state, weights = make(cell)
    tensors = [t.requires_grad_() for t in (x, *state[1:], *weights.values())]
    y, _ = run_direction(cell, x, state, weights)
    expected = loop(cell, x, state, weights)
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-13)
    dy = torch.randn_like(y)
    found, wanted = (torch.autograd.grad(out, tensors, dy) for out in (y, expected))
    for have, want in zip(found, wanted, strict=True):
        torch.testing.assert_close(have, want, rtol=1e-9, atol=1e-11)


def everything(run, tensors: list[Tensor]) -> list[Tensor]:
    """Return y, the state after, and the gradients by all tensors of a loss that reads all of these."""
    y, (h, c, n, m) = run()
    torch.manual_seed(10)
    loss = sum((t * torch.randn_like(t)).sum() for t in (y, h, c, n))
    return [y, h, c, n, m, *torch.autograd.grad(loss, tensors)]


@pytest.mark.parametrize("lengths", [None, [13, 0, 5, 1]], ids=["equal", "lengths"])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("chunk", [1, 3, 13, 64])
@pytest.mark.parametrize("heads", [1, 3])
def test_chunks_are_the_steps(heads, chunk, backward, lengths):
    cell = MLstm(heads, chunk)
    x, state, weights = make(cell, T=13, B=4)
    ends = None if lengths is None else torch.tensor(lengths)
    if ends is not None:
        x[torch.arange(13)[:, None] >= ends] = math.nan
    # only a sequence without steps hands on the h that was given
    read = state[1:] if ends is None else state
    tensors = [t.requires_grad_() for t in (x, *read, *weights.values())]
    found = everything(lambda: cell.chunkwise(x, state, weights, ends, backward), tensors)
    expected = everything(lambda: run_direction(cell, x, state, weights, lengths=ends, backward=backward), tensors)
    for have, want in zip(found, expected, strict=True):
        torch.testing.assert_close(have, want, rtol=1e-10, atol=1e-10)


def test_chunks_have_second_derivatives():
    cell = MLstm(2, chunk=2)
    x, state, weights = make(cell, T=3, B=1)

    def outputs(x: Tensor, c: Tensor, n: Tensor, weight: Tensor) -> Tensor:
        return cell.chunkwise(x, (state[0], c, n, state[3]), weights | {"weight_ih": weight})[0]

    tensors = tuple(t.requires_grad_() for t in (x, state[1], state[2], weights["weight_ih"]))
    assert torch.autograd.gradcheck(outputs, tensors) and torch.autograd.gradgradcheck(outputs, tensors)


@pytest.mark.parametrize("size", [1e1, 1e3])
def test_large_gates_stay_finite_and_right_in_float32(size):
    cell = MLstm(2, chunk=16)
    x, state, weights = make(cell, T=50)
    weights["weight_ih"][-4:] *= size
    narrow = {name: w.float().requires_grad_() for name, w in weights.items()}
    wide = {name: w.detach().double() for name, w in narrow.items()}
    # the largest gate is known to about 1e-7 of itself, and it stands in an exponent
    tolerance = 1e-4 + 1e-6 * size
    x32, state32 = x.float(), tuple(s.float() for s in state)
    expected, _ = run_direction(cell, x32.double(), tuple(s.double() for s in state32), wide)
    for y, _ in (cell.chunkwise(x32, state32, narrow), run_direction(cell, x32, state32, narrow)):
        assert all(g.isfinite().all() for g in torch.autograd.grad(y.sum(), list(narrow.values())))
        torch.testing.assert_close(y.double(), expected, rtol=tolerance, atol=tolerance)


def test_a_query_of_zeros_reads_zeros_even_after_a_huge_gate():
    cell = MLstm(2)
    weights = {"weight_ih": torch.zeros(4 * H + 4, I), "bias_ih": torch.zeros(4 * H + 4)}
    weights["bias_ih"][H : 3 * H] = 1.0
    weights["bias_ih"][4 * H :] = 500.0
    state = tuple(torch.zeros(1, width) for width in cell.state_widths(Sizes(I, H, H, True)))
    x = torch.zeros(3, 1, I)
    for y, _ in (cell.chunkwise(x, state, weights), run_direction(cell, x, state, weights)):
        assert torch.equal(y, torch.zeros_like(y))


def test_heads_must_divide_the_units():
    assert MLstm(4).unsupported(Sizes(I, H, H, True), NO_MASKS) == "4 heads do not divide the 6 units of an mLSTM"
    assert MLstm(2).weight_shapes(Sizes(I, H, H, True)) == {"weight_ih": (28, I), "bias_ih": (28,)}
    assert MLstm(2).state_widths(Sizes(I, H, H, True)) == (6, 18, 6, 2)
