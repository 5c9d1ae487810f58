"""The reference: the equations by hand, derivatives by finite differences, errors that name shapes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lstmkit.nn import LSTM
from lstmkit.recurrence import lstm_step


def _random(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def test_one_step_of_one_cell_is_the_equations_by_hand():
    def sigmoid(v: float) -> float:
        return 1 / (1 + math.exp(-v))

    gates_x, h, c, w = [0.3, -0.2, 0.9, 0.5], 0.4, -0.7, [1.1, -0.6, 0.8, 0.2]
    i, f, g, o = (a + h * b for a, b in zip(gates_x, w, strict=True))
    c_next = sigmoid(f) * c + sigmoid(i) * math.tanh(g)
    h_next = sigmoid(o) * math.tanh(c_next)
    column = torch.tensor(w, dtype=torch.float64)[:, None]
    state = torch.tensor([[h]], dtype=torch.float64), torch.tensor([[c]], dtype=torch.float64)
    found = lstm_step(torch.tensor([gates_x], dtype=torch.float64), state, column)
    assert found[0].item() == pytest.approx(h_next, rel=1e-14)
    assert found[1].item() == pytest.approx(c_next, rel=1e-14)
    projected = lstm_step(torch.tensor([gates_x], dtype=torch.float64), state, column, -2 * torch.ones(1, 1).double())
    assert projected[0].item() == pytest.approx(-2 * h_next, rel=1e-14)
    assert projected[1].item() == pytest.approx(c_next, rel=1e-14)


def test_the_step_equals_torchs_cell():
    cell = torch.nn.LSTMCell(4, 3, dtype=torch.float64)
    x, h, c = _random(5, 4), _random(5, 3), _random(5, 3)
    gates_x = x @ cell.weight_ih.T + cell.bias_ih + cell.bias_hh
    found, expected = lstm_step(gates_x, (h, c), cell.weight_hh), cell(x, (h, c))
    torch.testing.assert_close(found[0], expected[0], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found[1], expected[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_step_keeps_every_floating_type(dtype):
    shapes = ((5, 12), (5, 3), (5, 3), (12, 3))
    gates_x, h, c, w_hh = (torch.randn(shape, dtype=dtype) for shape in shapes)
    assert [s.dtype for s in lstm_step(gates_x, (h, c), w_hh)] == [dtype, dtype]


@pytest.mark.parametrize("function", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
def test_derivatives_of_the_step_are_right(function):
    shapes = ((2, 12), (2, 2), (2, 3), (12, 2), (2, 3))
    inputs = tuple(_random(*shape).requires_grad_() for shape in shapes)
    assert function(lambda gates_x, h, c, w_hh, w_hr: lstm_step(gates_x, (h, c), w_hh, w_hr), inputs)


@pytest.mark.parametrize("function", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
@pytest.mark.parametrize("lengths", [None, [3, 0, 1]], ids=["equal", "lengths"])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "proj_size": 1}], ids=["plain", "both-ways-projected"])
def test_derivatives_of_the_layer_are_right(function, lengths, options):
    layer = LSTM(2, 2, **options, dtype=torch.float64, backend="reference")
    names = [name for name, _ in layer.named_parameters()]

    def outputs(x: Tensor, h0: Tensor, c0: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        named = dict(zip(names, weights, strict=True))
        y, (h, c) = torch.func.functional_call(layer, named, (x, (h0, c0)), {"lengths": lengths})
        return y, h, c

    D = 2 if layer.bidirectional else 1
    inputs = [_random(3, 3, 2), _random(D, 3, layer.proj_size or 2), _random(D, 3, 2)]
    inputs += [p.detach().clone() for p in layer.parameters()]
    assert function(outputs, tuple(t.requires_grad_() for t in inputs))


WRONG = {
    "gates": ((2, 11), (2, 3), (2, 3), (12, 3)),
    "cell state": ((2, 12), (2, 3), (2, 4), (12, 3)),
    "output state": ((2, 12), (2, 4), (2, 3), (12, 3)),
    "weights": ((2, 12), (2, 3), (2, 3), (3, 12)),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_shapes_of_a_step_are_all_named(what):
    gates_x, h, c, w_hh = (torch.zeros(shape) for shape in WRONG[what])
    with pytest.raises(ValueError, match="do not belong to one LSTM") as error:
        lstm_step(gates_x, (h, c), w_hh)
    assert all(str(shape) in str(error.value) for shape in WRONG[what])


def test_the_projection_is_checked_too():
    w_hr = torch.zeros(2, 4)
    with pytest.raises(ValueError, match=r"w_hr \(2, 4\)"):
        lstm_step(torch.zeros(5, 12), (torch.zeros(5, 2), torch.zeros(5, 3)), torch.zeros(12, 2), w_hr)
    with pytest.raises(ValueError, match=r"w_hr None"):
        lstm_step(torch.zeros(5, 12), (torch.zeros(5, 2), torch.zeros(5, 3)), torch.zeros(12, 2))
