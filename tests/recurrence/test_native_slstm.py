"""The kernel's sLSTM where its exponentials are at their limits: starts, saturated gates, infinities, rounding."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from lstmkit.recurrence import Call, run_reference
from lstmkit.recurrence.cells import SLstm
from lstmkit.recurrence.native import run_native

TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5}  # of the largest value
CELLS = (SLstm(), SLstm(exponential_forget=True))
I_GATE, F_GATE, Z_GATE, O_GATE = range(4)


def gate_call(gates: Tensor, state: tuple[Tensor, ...], recurrent: float, cell: SLstm = CELLS[0]) -> Call:
    """Return a call whose pre-activations are `gates` (T, B, 4H) plus `recurrent` times h of the unit's neighbour."""
    G, H = gates.shape[-1], gates.shape[-1] // 4
    weights = (torch.eye(G), recurrent * torch.eye(H).roll(1, 0).repeat(4, 1))
    return Call(
        cell,
        gates.clone().requires_grad_(),
        tuple(s.to(gates).requires_grad_() for s in state),
        tuple(w.to(gates).requires_grad_() for w in weights),
        hidden=H,
        output=H,
        bias=False,
    )


def everything(call: Call, run: object) -> list[Tensor]:
    """Return outputs, final states and the gradients of all inputs and weights."""
    out = run(call)  # type: ignore[operator]
    torch.manual_seed(4)
    loss = sum((t * torch.randn_like(t, dtype=torch.float64)).sum() for t in (out.y, *out.state[:3]))
    return [out.y, *out.state, *torch.autograd.grad(loss, call.tensors)]


def assert_close(ours: list[Tensor], theirs: list[Tensor], tolerance: float) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert b.isfinite().all()
        assert (a - b).abs().max() <= tolerance * (1 + b.abs().max())


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_rows_at_their_start_take_the_shift_of_the_input_gate(target, cell, dtype):
    torch.manual_seed(0)
    B, H = 7, 19
    c, m = torch.randn(1, B, H), 3 * torch.randn(1, B, H)
    n = torch.rand(1, B, H) + 0.5
    n[0, :4] = 0
    n[0, 3, H - 1] = 0.5  # not at its start: one unit has been something
    c[0, 3] *= n[0, 3]  # a quotient c / n of two numbers near zero would be all rounding
    call = gate_call(2 * torch.randn(5, B, 4 * H, dtype=dtype), (torch.randn(1, B, H), c, n, m), 0.3, cell)
    call = dataclasses.replace(call, lengths=torch.tensor([5, 0, 3, 5, 2, 0, 1]))
    assert_close(everything(call, run_native), everything(call, run_reference), TOLERANCES[dtype])


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("started", [False, True])
def test_saturated_gates_in_float32_equal_the_reference_in_float64(target, started, cell):
    torch.manual_seed(1)
    T, B, H = 40, 5, 21
    # multiples of 1/64: where exp is the forget gate, m grows to thousands, and its roundings would be in exponents
    gates = 80.0 * torch.randint(-1, 2, (T, B, 4 * H)) + torch.round(64 * torch.randn(T, B, 4 * H)) / 64
    recurrent = 0.0 if cell.exponential_forget else 0.3
    state = [torch.randn(1, B, H), torch.randn(1, B, H), torch.rand(1, B, H) + 0.5, torch.randn(1, B, H)]
    if started:
        state = [torch.zeros(1, B, H) for _ in state]
    ours = everything(gate_call(gates, tuple(state), recurrent, cell), run_native)
    theirs = everything(gate_call(gates.double(), tuple(state), recurrent, cell), run_reference)
    assert_close(ours, theirs, TOLERANCES[torch.float32])


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("gate", [I_GATE, F_GATE, Z_GATE, O_GATE])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30])
def test_nan_and_infinity_come_out_as_in_the_reference(target, value, gate, cell, dtype):
    torch.manual_seed(3)
    B, H = 3, 5
    call = gate_call(
        torch.randn(4, B, 4 * H, dtype=dtype), tuple(torch.rand(1, B, H) + 0.5 for _ in range(4)), 0.3, cell
    )
    # an input that all rows but one lack, for one unit of one gate: infinity times zero would be NaN everywhere else
    x, w = torch.randn(4, B, 4 * H, dtype=dtype), 0.3 * torch.randn(4 * H, 4 * H, dtype=dtype)
    x[1, 1, 0] = value
    call = dataclasses.replace(call, x=x, weights=(w, call.weights[1]))
    with torch.no_grad():
        ours, theirs = run_native(call), run_reference(call)
    for a, b in zip((ours.y, *ours.state), (theirs.y, *theirs.state), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


def units_in_the_last_place(ours: Tensor, exact: Tensor) -> float:
    """Return the largest difference of float32 `ours` from float64 `exact`, in units in the last place of float32."""
    last = torch.exp2(torch.frexp(exact).exponent.clamp(min=-125) - 24.0).double()
    return float(((ours.double() - exact).abs() / last).max())


def test_exp_is_within_a_unit_in_the_last_place(target):
    x = torch.cat([torch.linspace(-104, 0, 200_001), -torch.logspace(-30, 0, 1000), torch.tensor([-1e30])])
    gates = torch.zeros(1, len(x), 8)
    gates[0, :, 2 * I_GATE], gates[0, :, 2 * F_GATE] = x, 1000  # m' = 0, f' = 1
    n = torch.tensor([0.0, 1.0]).repeat(1, len(x), 1)  # not at its start, but the unit's n' is i'
    with torch.no_grad():
        _, _, n, m = run_native(gate_call(gates, (0 * n, 0 * n, n, 0 * n), 0.0)).state
    assert (m[..., 0] == 0).all()
    assert units_in_the_last_place(n[0, :, 0], torch.exp(x.double())) <= 1


def test_the_logarithm_of_the_logistic_function_is_within_three_units_in_the_last_place(target):
    x = torch.cat([torch.linspace(-110, 85, 200_001), torch.logspace(-30, 0, 1000), -torch.logspace(-30, 0, 1000)])
    gates = torch.zeros(1, len(x), 4)
    gates[0, :, I_GATE], gates[0, :, F_GATE] = -1000, x
    state = tuple(torch.full((1, len(x), 1), value) for value in (0.0, 0.0, 1.0, 0.0))
    with torch.no_grad():
        m = run_native(gate_call(gates, state, 0.0)).state[3]
    assert units_in_the_last_place(m.flatten(), torch.nn.functional.logsigmoid(x.double())) <= 3
