"""The kernel's A-LSTM: phases that differ from row to row, pasts at both ends, and its reduction to the LSTM."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from lstmkit.recurrence import Call, Cell, Output, run_reference
from lstmkit.recurrence.cell import Sizes
from lstmkit.recurrence.cells import ALstm, Lstm
from lstmkit.recurrence.native import run_native

TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5}  # of the largest value
CELLS = (
    ALstm(),
    ALstm(mean=True),
    ALstm((1,)),
    ALstm((2,)),
    ALstm((3, 1), 4),
    ALstm((1, 2, 3, 4), mean=True),
    ALstm((5, 2), 11),
    ALstm((31, 30, 1), 40),
    ALstm(tuple(range(1, 32))),
)
LENGTHS = (12, 0, 5, 1, 12, 4, 7)
PHASE = 4
"""The place of the phase in the state."""


def make_call(
    cell: ALstm, dtype: torch.dtype, T: int = 12, H: int = 19, K: int = 2, lengths: Sequence[int] | None = LENGTHS
) -> Call:
    """Return a bidirectional call of seven rows with random tensors and a random phase for every row and direction."""
    torch.manual_seed(6)
    B, I = len(LENGTHS), 3  # noqa: E741
    layers = [Sizes(2 * H if k else I, H, H, True) for k in range(K)]
    shapes = [shape for sizes in layers for _ in range(2) for shape in cell.weight_shapes(sizes).values()]
    state = [torch.randn(2 * K, B, width) for width in cell.state_widths(layers[0])]
    state[PHASE] = torch.randint(0, cell.cycle, (2 * K, B, 1))
    return Call(
        cell,
        torch.randn(T, B, I, dtype=dtype, requires_grad=True),
        tuple(s.to(dtype).requires_grad_() for s in state),
        tuple((torch.randn(shape, dtype=dtype) / shape[-1] ** 0.5).requires_grad_() for shape in shapes),
        hidden=H,
        output=H,
        num_layers=K,
        bidirectional=True,
        lengths=None if lengths is None else torch.tensor(lengths),
    )


def everything(call: Call, run: Callable[[Call], Output], states: int = 5) -> list[Tensor]:
    """Return outputs, final states, and the gradients of all tensors by the outputs and the first final states."""
    out = run(call)
    torch.manual_seed(4)
    loss = sum((t * torch.randn_like(t)).sum() for t in (out.y, *out.state[:states]))
    assert isinstance(loss, Tensor)
    found = torch.autograd.grad(loss, call.tensors, allow_unused=True)
    zeros = [torch.zeros_like(t) if g is None else g for g, t in zip(found, call.tensors, strict=True)]
    return [out.y, *out.state, *zeros]


def assert_same(call: Call) -> None:
    for ours, theirs in zip(everything(call, run_native), everything(call, run_reference), strict=True):
        assert ours.shape == theirs.shape
        largest = float(theirs.detach().abs().amax()) if theirs.numel() else 0.0
        torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCES[call.x.dtype] * (1 + largest))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_rows_in_different_phases_equal_the_reference(target, lengths, cell, dtype):
    assert_same(make_call(cell, dtype, lengths=lengths))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_mixes_across_the_blocks_of_the_backward_equal_the_reference(cell):
    lengths = (190, 100, 77, 3, 151, 0, 150)  # the gradients of 512 rows are kept at a time: 73 steps of seven rows
    assert_same(make_call(cell, torch.float64, T=190, H=9, K=1, lengths=lengths))


@pytest.mark.parametrize("sizes", [(1, 1), (2, 16), (6, 63), (9, 130)])
def test_sizes_around_a_vector_equal_the_reference(target, sizes):
    T, H = sizes
    assert_same(make_call(ALstm((3, 1)), torch.float32, T=T, H=H, lengths=None))


@pytest.mark.parametrize("scale", [-1e4, 1e4])
def test_scores_beyond_the_range_of_exp_equal_the_reference(target, scale):
    call = make_call(ALstm((3, 2, 1)), torch.float64)
    weights = tuple((scale * w if w.shape == (19,) else w).detach().requires_grad_() for w in call.weights)
    assert_same(dataclasses.replace(call, weights=weights))


@pytest.mark.parametrize("phase", [-3.0, 2.5, 3.0, 4e9, -float("inf"), float("inf"), float("nan")])
def test_a_phase_that_is_none_equals_the_reference(phase):
    call = make_call(ALstm((3, 1)), torch.float64)
    state = list(call.state)
    state[PHASE] = torch.full_like(state[PHASE], phase).requires_grad_()
    with torch.no_grad():
        given = dataclasses.replace(call, state=tuple(state))
        ours, theirs = run_native(given), run_reference(given)
    for a, b in zip((ours.y, *ours.state), (theirs.y, *theirs.state), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12, equal_nan=True)


def as_lstm(call: Call) -> Call:
    """Return the same call of the plain LSTM: without scores, pasts and phases."""
    names: list[str] = []
    for layer in range(call.num_layers):
        names += list(call.cell.weight_shapes(call.sizes(layer))) * call.directions
    weights = tuple(w for name, w in zip(names, call.weights, strict=True) if name != "weight_score")
    cell: Cell = Lstm()
    return dataclasses.replace(call, cell=cell, state=call.state[:2], weights=weights)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", [ALstm((1,)), ALstm((1,), 3), ALstm((1,), 3, mean=True)], ids=str)
@pytest.mark.parametrize("H", [17, 64])
def test_the_lag_one_alone_gives_the_bits_of_the_lstm(target, H, cell, dtype):
    call = make_call(cell, dtype, H=H)
    plain = as_lstm(call)
    wanted, found = everything(plain, run_native, states=2), everything(call, run_native, states=2)
    y, h, c, _, _, _, *gradients = found
    dx, dh, dc, _, _, _, *dweights = gradients
    scores = [d for d, w in zip(dweights, call.weights, strict=True) if w.dim() == 1 and w.shape == (H,)]
    assert len(scores) == (0 if cell.mean else 4) and not any(d.any() for d in scores)
    others = [d for d, w in zip(dweights, call.weights, strict=True) if w.shape != (H,)]
    assert all(torch.equal(a, b) for a, b in zip((y, h, c, dx, dh, dc, *others), wanted, strict=True))
    with torch.no_grad():
        inferred, expected = run_native(call), run_native(plain)
    assert torch.equal(inferred.y, y) and torch.equal(expected.y, y)


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_bits_do_not_depend_on_threads_where_mixes_cross_blocks(target, dtype):
    call = make_call(ALstm(), dtype, T=190, H=40, lengths=(190, 100, 77, 3, 151, 0, 150))
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        results.append(everything(call, run_native))
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_inference_gives_the_bits_of_training_in_every_phase(target, cell):
    call = make_call(cell, torch.float32, T=90, lengths=(90, 0, 41, 1, 90, 4, 30))
    trained = run_native(call)
    with torch.no_grad():
        inferred = run_native(call)
    pairs = zip((trained.y, *trained.state), (inferred.y, *inferred.state), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_sequence_in_two_parts_gives_the_bits_of_the_whole(target):
    call = make_call(ALstm((5, 2), 6), torch.float32, T=23, K=1, lengths=None)
    one = dataclasses.replace(
        call,
        bidirectional=False,
        state=tuple(s[:1] for s in call.state),
        weights=call.weights[: len(call.weights) // 2],
    )
    with torch.no_grad():
        whole = run_native(one)
        first = run_native(dataclasses.replace(one, x=one.x[:10]))
        rest = run_native(dataclasses.replace(one, x=one.x[10:], state=first.state))
    assert torch.equal(torch.cat((first.y, rest.y)), whole.y)
    assert all(torch.equal(a, b) for a, b in zip(rest.state, whole.state, strict=True))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", [ALstm((3, 1)), ALstm((3, 1), mean=True)], ids=str)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_nan_and_infinity_come_out_as_in_the_reference(target, value, cell, dtype):
    call = make_call(cell, dtype, T=7, H=5, lengths=None)
    x = call.x.detach().clone()
    x[2, 1, 0] = value
    with torch.no_grad():
        poisoned = dataclasses.replace(call, x=x)
        ours, theirs = run_native(poisoned), run_reference(poisoned)
    for a, b in zip((ours.y, *ours.state), (theirs.y, *theirs.state), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
