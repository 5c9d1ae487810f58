"""The sLSTM against its equations without a shift, number by number, and what the shift must not change."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lstmkit.recurrence.cell import NO_MASKS, Sizes, State
from lstmkit.recurrence.cells.slstm import SLstm
from lstmkit.recurrence.reference import run_direction

SETTINGS = [SLstm(heads, exponential_forget=exponential) for heads in (1, 2, 4) for exponential in (False, True)]


def make(cell: SLstm, T: int = 6, I: int = 3, H: int = 4) -> tuple[Tensor, State, dict[str, Tensor]]:  # noqa: E741
    torch.manual_seed(7)
    weights = {n: torch.randn(s, dtype=torch.float64) for n, s in cell.weight_shapes(Sizes(I, H, H, True)).items()}
    return torch.randn(T, 2, I, dtype=torch.float64), tuple(torch.zeros(4, 2, H, dtype=torch.float64)), weights


def loop(cell: SLstm, x: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """Return the outputs from the start, with plain exponentials: no m, no limit, every unit by itself."""
    H, D = 4, 4 // cell.heads
    outputs = []
    h, c, n = ([[torch.zeros((), dtype=torch.float64)] * H for _ in range(2)] for _ in range(3))
    bias = weights["bias_ih"] + weights["bias_hh"]
    for x_t in x:
        for row in range(2):
            a = []
            for gate in range(4):
                for unit in range(H):
                    k, at = unit // D, gate * H + unit
                    own = sum(weights["weight_hh"][at, j] * h[row][k * D + j] for j in range(D))
                    a.append(bias[at] + (weights["weight_ih"][at] * x_t[row]).sum() + own)
            h[row] = list(h[row])
            for u in range(H):
                f = torch.exp(a[H + u]) if cell.exponential_forget else 1 / (1 + torch.exp(-a[H + u]))
                i = torch.exp(a[u])
                c[row][u] = f * c[row][u] + i * torch.tanh(a[2 * H + u])
                n[row][u] = f * n[row][u] + i
                h[row][u] = c[row][u] / n[row][u] / (1 + torch.exp(-a[3 * H + u]))
        outputs.append(torch.stack([torch.stack(units) for units in h]))
    return torch.stack(outputs)


@pytest.mark.parametrize("cell", SETTINGS, ids=str)
def test_outputs_and_gradients_are_those_of_the_equations_without_a_shift(cell):
    x, state, weights = make(cell)
    tensors = [x.requires_grad_(), *(w.requires_grad_() for w in weights.values())]
    y, _ = run_direction(cell, x, state, weights)
    expected = loop(cell, x, weights)
    torch.testing.assert_close(y, expected, rtol=1e-11, atol=1e-13)
    dy = torch.randn_like(y)
    found, wanted = (torch.autograd.grad(out, tensors, dy) for out in (y, expected))
    for have, want in zip(found, wanted, strict=True):
        torch.testing.assert_close(have, want, rtol=1e-9, atol=1e-11)


def test_the_gradient_passes_a_state_that_is_handed_on():
    cell = SLstm(2)
    x, state, weights = make(cell)
    weights["weight_ih"].requires_grad_()
    _, middle = run_direction(cell, x[:3], state, weights)
    assert not middle[3].requires_grad
    late, _ = run_direction(cell, x[3:], middle, weights)
    (found,) = torch.autograd.grad(late.sin().sum(), weights["weight_ih"])
    (expected,) = torch.autograd.grad(loop(cell, x, weights)[3:].sin().sum(), weights["weight_ih"])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def test_outputs_do_not_depend_on_the_shift():
    cell = SLstm()
    x, state, weights = make(cell)
    _, (h, c, n, m) = run_direction(cell, x[:2], state, weights)
    expected, last = run_direction(cell, x[2:], (h, c, n, m), weights)
    shift = torch.tensor([[1.5], [-2.0]], dtype=torch.float64)
    found, after = run_direction(cell, x[2:], (h, c * torch.exp(shift), n * torch.exp(shift), m - shift), weights)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
    for k in (1, 2):
        torch.testing.assert_close(after[k] * after[3].exp(), last[k] * last[3].exp(), rtol=1e-12, atol=1e-13)


def test_a_row_at_its_start_takes_m_from_the_input_gate_alone():
    cell = SLstm()
    x, state, weights = make(cell)
    _, begun = run_direction(cell, x[:2], state, weights)
    mixed = tuple(torch.stack((new[0], old[1])) for new, old in zip(state, begun, strict=True))
    mixed[3][0] = 50.0
    inputs = cell.inputs(x[2], weights)
    _, (_, _, n, m) = cell.step(inputs, mixed, weights)
    torch.testing.assert_close(m[0], inputs[0, :4], rtol=0, atol=0)
    assert n[0].tolist() == [1.0] * 4 and (n[1] >= 1).all()


@pytest.mark.parametrize("size", [1e2, 1e4])
@pytest.mark.parametrize("start", [False, True])
def test_large_gates_stay_finite_and_right_in_float32(size, start):
    cell = SLstm()
    x, state, weights = make(cell, T=20)
    weights["weight_hh"].zero_()
    weights["weight_ih"][:8] *= size
    if not start:
        _, state = run_direction(cell, x[:1], state, weights)
    # the same numbers in both types, so that only the arithmetic differs
    inputs, narrow = cell.inputs(x, weights).float(), {"weight_hh": weights["weight_hh"].float()}
    state = tuple(s.float() for s in state)
    wide = tuple(s.double() for s in state)
    for a in inputs:
        a = a.requires_grad_()
        y, after = cell.step(a, state, narrow)
        expected, wide = cell.step(a.double(), wide, weights)
        torch.testing.assert_close(y.double(), expected, rtol=1e-5 + 2e-7 * size, atol=1e-6)
        (found,) = torch.autograd.grad(y.sum(), a)
        by_hand, *_ = cell.step_gradients(
            a, state, narrow, NO_MASKS, torch.ones_like(y), tuple(torch.zeros_like(s) for s in state)
        )
        assert found.isfinite().all()
        torch.testing.assert_close(by_hand, found, rtol=1e-5, atol=1e-6)
        state = tuple(s.detach() for s in after)


def test_the_gradients_by_hand_are_autograds_at_the_start():
    cell = SLstm(2)
    x, state, weights = make(cell)
    _, begun = run_direction(cell, x[:2], state, weights)
    state[1][:] = 1.0  # no run leaves a cell without a normaliser, but a gradient through f' would show only there
    # a row at its start with an input gate that is nearly shut, where f' is held at 1, and a row under way
    mixed = tuple(torch.stack((new[0], old[1])).requires_grad_() for new, old in zip(state, begun, strict=True))
    inputs = cell.inputs(x[2], weights)
    inputs[0, :4] -= 9
    inputs.requires_grad_()
    y, after = cell.step(inputs, mixed, weights)
    dy, dstate = torch.randn_like(y), tuple(torch.randn_like(s) for s in after)
    expected = torch.autograd.grad((y, *after[:3]), (inputs, *mixed), (dy, *dstate[:3]))
    dinputs, dbefore, _ = cell.step_gradients(inputs, mixed, weights, NO_MASKS, dy, dstate)
    assert not dbefore[3][0].any() and dbefore[3][1].all()
    for have, want in zip((dinputs, *dbefore), expected, strict=True):
        torch.testing.assert_close(have, want, rtol=1e-10, atol=1e-12)


def test_a_head_sees_only_itself_and_the_dense_matrix_says_so():
    cell = SLstm(2)
    x, state, weights = make(cell)
    dense = cell.dense_recurrent(weights["weight_hh"])
    assert dense.shape == (16, 4)
    for gate in range(4):
        block = dense[4 * gate : 4 * gate + 4]
        assert not block[:2, 2:].any() and not block[2:, :2].any()
        assert torch.equal(torch.cat((block[:2, :2], block[2:, 2:])), weights["weight_hh"][4 * gate : 4 * gate + 4])
    expected, _ = run_direction(SLstm(1), x, state, weights | {"weight_hh": dense})
    torch.testing.assert_close(run_direction(cell, x, state, weights)[0], expected, rtol=1e-12, atol=1e-14)
    assert torch.autograd.gradcheck(cell.dense_recurrent, weights["weight_hh"].requires_grad_())


def test_the_first_weights_are_those_of_the_paper():
    cell = SLstm(heads=2, block=1, blocks=3)
    sizes = Sizes(3, 10, 10, True)
    weights = {name: torch.full(shape, math.nan) for name, shape in cell.weight_shapes(sizes).items()}
    torch.manual_seed(8)
    cell.initialize(weights, sizes)
    forget = [5 - 12 * (j / 4) ** (0.3 + 1.3 / 2) for j in range(5)]
    assert weights["bias_ih"][10:20].tolist() == pytest.approx(forget * 2, rel=1e-6)
    assert forget[0] == 5 and forget[-1] == -7
    assert not torch.cat((weights["bias_ih"][:10], weights["bias_ih"][20:], weights["bias_hh"])).any()
    assert not weights["weight_hh"].any()
    assert 0.9 < weights["weight_ih"].abs().max().item() * math.sqrt(10) <= 1
    one = {name: torch.full(shape, math.nan) for name, shape in SLstm().weight_shapes(Sizes(2, 1, 1, True)).items()}
    SLstm().initialize(one, Sizes(2, 1, 1, True))
    assert one["bias_ih"].tolist() == [0, 5, 0, 0]


def test_heads_must_divide_the_units():
    assert SLstm(3).unsupported(Sizes(3, 4, 4, True), NO_MASKS) == "3 heads do not divide the 4 units of an sLSTM"
    assert SLstm(2).weight_shapes(Sizes(3, 4, 4, False)) == {"weight_ih": (16, 3), "weight_hh": (16, 2)}
