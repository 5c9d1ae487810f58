"""The kernel's layer norms against the reference in float64: last lanes, masks, projections, far means, bits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lstmkit.recurrence import Call, Masks, Output, run_reference
from lstmkit.recurrence.cells import Lstm
from lstmkit.recurrence.native import run_native

TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5}  # of the largest value
CELLS = [
    Lstm(peephole=peephole, coupled=coupled, layer_norm=norm)
    for norm in ("ba", "gates")
    for peephole in (False, True)
    for coupled in (None, "input", "forget")
]
HIDDEN = (1, 2, 7, 16, 31, 65)
LENGTHS = (6, 0, 3, 6, 1)


def make_call(cell: Lstm, H: int, dtype: torch.dtype, P: int = 0, K: int = 2, bias: bool = True) -> Call:
    """Return a bidirectional call of rows of unequal lengths; its tensors are drawn in float32, whatever their type."""
    torch.manual_seed(7)
    (T, B, I), D = (max(LENGTHS), len(LENGTHS), 3), 2  # noqa: E741
    x, state = torch.randn(T, B, I), (torch.randn(K * D, B, P or H), torch.randn(K * D, B, H))
    call = Call(cell, x, state, (), H, P or H, K, True, bias, torch.tensor(LENGTHS))
    shapes = [call.cell.weight_shapes(call.sizes(k // D)) for k in range(K * D)]
    weights = tuple(
        torch.randn(shape) / 3 + float(name.startswith("norm") and name.endswith("weight"))
        for layer in shapes
        for name, shape in layer.items()
    )
    return in_type(dataclasses.replace(call, weights=weights), dtype)


def in_type(call: Call, dtype: torch.dtype) -> Call:
    """Return the call with all its tensors in a type, wanting gradients."""

    def convert(tensor: Tensor) -> Tensor:
        return tensor.detach().to(dtype).requires_grad_()

    masks = Masks(*(None if mask is None else mask.to(dtype) for mask in call.masks.in_order()))
    state, weights = tuple(map(convert, call.state)), tuple(map(convert, call.weights))
    return dataclasses.replace(call, x=convert(call.x), state=state, weights=weights, masks=masks)


def with_masks(call: Call) -> Call:
    """Return the call with masks of every kind."""
    (T, B, _), states = call.x.shape, call.state[0].shape[0]
    draw = torch.Generator().manual_seed(8)
    shapes = ((T, call.output), (T, call.hidden), (T, call.hidden), (1, call.output))
    drawn = [torch.rand(states, steps, B, width, generator=draw).to(call.x.dtype) for steps, width in shapes]
    return dataclasses.replace(call, masks=Masks(*drawn))


def everything(call: Call, run: Callable[[Call], Output]) -> list[Tensor]:
    """Return outputs, final states and the gradients of all inputs and weights; the loss is the same in every type."""
    out = run(call)
    torch.manual_seed(9)
    results = (out.y, *out.state)
    loss = sum(((t * torch.randn(t.shape).to(t)).sum() for t in results), torch.zeros(()))
    return [*results, *torch.autograd.grad(loss, call.tensors)]


def nudged(call: Call, seed: int) -> Call:
    """Return the call in float64 with every value moved by up to one unit in the last place of float32."""
    draw = torch.Generator().manual_seed(seed)

    def nudge(tensor: Tensor) -> Tensor:
        return tensor * (1 + 2**-23 * (2 * torch.rand(tensor.shape, generator=draw, dtype=tensor.dtype) - 1))

    state, weights = tuple(map(nudge, call.state)), tuple(map(nudge, call.weights))
    return in_type(dataclasses.replace(call, x=nudge(call.x), state=state, weights=weights), torch.float64)


def distance(a: Tensor, b: Tensor) -> float:
    """Return the largest difference, of the largest value of b."""
    return float(((a - b).abs().max() / (1 + b.abs().max())).detach())


def assert_near(call: Call) -> None:
    """Compare with the reference in float64.

    A norm of values that are almost equal magnifies how they were rounded: in float32 the reference, too, can be
    further off than the tolerance. What is allowed then is a few times what rounding of the inputs alone would do.
    """
    exact = in_type(call, torch.float64)
    truth = everything(exact, run_reference)
    others = [everything(nudged(exact, seed), run_reference) for seed in range(3 * (call.x.dtype == torch.float32))]
    for k, (ours, theirs) in enumerate(zip(everything(call, run_native), truth, strict=True)):
        reach = max((distance(other[k], theirs) for other in others), default=0.0)
        assert distance(ours, theirs) <= max(TOLERANCES[call.x.dtype], 4 * reach)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_every_width_equals_the_reference(target, cell, dtype):
    for H in HIDDEN if dtype == torch.float64 else set(HIDDEN) - {2}:  # of two values a norm is little but the sign
        assert_near(make_call(cell, H, dtype))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("bias", [False, True])
def test_all_masks_and_a_projection_at_once_equal_the_reference(target, bias, cell, dtype):
    assert_near(with_masks(make_call(cell, 19, dtype, bias=bias)))
    assert_near(with_masks(make_call(cell, 19, dtype, P=5, bias=bias)))


@pytest.mark.parametrize("norm", ["ba", "gates"])
def test_epsilon_is_the_caller_s(target, norm):
    call = make_call(Lstm(layer_norm=norm, epsilon=0.5), 9, torch.float64)
    assert_near(call)
    usual = run_native(dataclasses.replace(call, cell=Lstm(layer_norm=norm)))
    assert (usual.y - run_native(call).y).abs().max() > 1e-3


@pytest.mark.parametrize("norm", ["ba", "gates"])
def test_a_deviation_is_not_lost_beside_a_large_mean(target, norm):
    """Input products of 3000 plus or minus 1: the squares of float32 would keep nothing of the deviation."""
    call = make_call(Lstm(layer_norm=norm), 21, torch.float32, K=1)
    far = tuple(w + 1000 if w.shape[-1] == 3 else w for w in call.weights)
    call = in_type(dataclasses.replace(call, x=torch.ones_like(call.x), weights=far), torch.float32)
    with torch.no_grad():
        assert (run_native(call).y - run_reference(in_type(call, torch.float64)).y).abs().max() < 1e-3


@pytest.mark.parametrize("norm", ["ba", "gates"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_row_without_a_norm_spoils_no_other_row(target, value, norm):
    call = make_call(Lstm(layer_norm=norm), 5, torch.float32, K=1)
    x = call.x.detach().clone()
    x[2, 0, 1] = value
    with torch.no_grad():
        ours, theirs = run_native(dataclasses.replace(call, x=x)), run_reference(dataclasses.replace(call, x=x))
    assert theirs.y[2, 0].isnan().all()
    for a, b in zip((ours.y, *ours.state), (theirs.y, *theirs.state), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_bits_do_not_depend_on_the_number_of_threads(target, cell, dtype):
    call = make_call(cell, 65, dtype, K=1)
    x = torch.randn(40, len(LENGTHS), 64, dtype=dtype)  # enough work for threads
    shapes = cell.weight_shapes(dataclasses.replace(call, x=x).sizes(0))
    weights = tuple(torch.randn(shape, dtype=dtype) / 3 for shape in (*shapes.values(), *shapes.values()))
    lengths = torch.tensor([40, 0, 17, 33, 40])
    call = in_type(dataclasses.replace(call, x=x, weights=weights, lengths=lengths), dtype)
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2, 3, 5):
        torch.set_num_threads(threads)
        results.append(everything(with_masks(call), run_native))
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
