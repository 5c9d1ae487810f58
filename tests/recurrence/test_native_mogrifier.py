"""The kernel's Mogrifier: rounds and ranks of every number, and widths of the input beside those of the state."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lstmkit.nn import LSTM
from lstmkit.recurrence import Call, run_reference
from lstmkit.recurrence.call import Output
from lstmkit.recurrence.cells import Mogrifier
from lstmkit.recurrence.native import run_native

TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5}  # of the largest value


def make_call(cell: Mogrifier, sizes: tuple[int, int, int, int], layers: int, dtype: torch.dtype) -> Call:
    """Return a bidirectional call with random tensors and lengths."""
    T, B, I, H = sizes  # noqa: E741
    torch.manual_seed(6)
    lstm = LSTM(I, H, layers, bidirectional=True, dtype=dtype, cell=cell)
    call = lstm._assemble(torch.randn(T, B, I, dtype=dtype), None, torch.randint(0, T + 1, (B,)))
    return dataclasses.replace(
        call,
        x=call.x.requires_grad_(),
        state=tuple(torch.randn_like(s).requires_grad_() for s in call.state),
        weights=tuple(
            (w + 0.7 / max(I, H) ** 0.5 * torch.randn_like(w)).detach().requires_grad_() for w in call.weights
        ),
    )


def everything(call: Call, run: Callable[[Call], Output]) -> list[Tensor]:
    """Return outputs, final states and the gradients of all inputs and weights."""
    out = run(call)
    torch.manual_seed(4)
    loss = torch.stack([(t * torch.randn_like(t)).sum() for t in (out.y, *out.state)]).sum()
    return [out.y, *out.state, *torch.autograd.grad(loss, call.tensors)]


def assert_same(call: Call, dtype: torch.dtype) -> None:
    for ours, theirs in zip(everything(call, run_native), everything(call, run_reference), strict=True):
        assert (ours - theirs).abs().max() <= TOLERANCES[dtype] * (1 + theirs.abs().max())


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("rank", [None, 1, 5, 33])
@pytest.mark.parametrize("rounds", [0, 1, 2, 3, 4, 7])
def test_rounds_and_ranks_equal_the_reference(target, rounds, rank, dtype):
    assert_same(make_call(Mogrifier(rounds, rank), (6, 5, 3, 18), 2, dtype), dtype)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("rank", [None, 4])
@pytest.mark.parametrize("sizes", [(3, 2, 1, 1), (5, 13, 70, 5), (4, 3, 5, 66), (2, 3, 150, 130)])
def test_widths_of_input_and_state_equal_the_reference(target, sizes, rank, dtype):
    assert_same(make_call(Mogrifier(5, rank), sizes, 2, dtype), dtype)


@pytest.mark.parametrize("rank", [None, 2])
def test_rounds_are_as_many_as_wanted(rank):
    call = make_call(Mogrifier(60, rank), (2, 3, 4, 5), 1, torch.float64)
    small = tuple((0.1 * w).detach().requires_grad_() for w in call.weights)
    assert_same(dataclasses.replace(call, weights=small), torch.float64)


def test_without_a_gradient_of_the_input_the_others_keep_their_bits(target):
    call = make_call(Mogrifier(3), (9, 4, 6, 20), 1, torch.float32)
    wanted = everything(call, run_native)
    others = dataclasses.replace(call, x=call.x.detach())
    out = run_native(others)
    torch.manual_seed(4)
    loss = torch.stack([(t * torch.randn_like(t)).sum() for t in (out.y, *out.state)]).sum()
    found = torch.autograd.grad(loss, others.tensors[1:])
    assert all(torch.equal(a, b) for a, b in zip(wanted[4:], found, strict=True))
