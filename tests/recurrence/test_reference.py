"""The reference: the equations by hand, derivatives by finite differences, the loop against torch's layer."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstmkit.recurrence.call import Call
from lstmkit.recurrence.cell import Masks
from lstmkit.recurrence.cells.lstm import Lstm
from lstmkit.recurrence.reference import run_direction, run_reference

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
CLOSE = {"rtol": 1e-12, "atol": 1e-14}
LENGTHS = pytest.mark.parametrize("lengths", [None, [3, 0, 1]], ids=["equal", "lengths"])


def _random(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def test_one_step_of_one_cell_is_the_equations_by_hand():
    def sigmoid(v: float) -> float:
        return 1 / (1 + math.exp(-v))

    inputs, h, c, w = [0.3, -0.2, 0.9, 0.5], 0.4, -0.7, [1.1, -0.6, 0.8, 0.2]
    i, f, g, o = (a + h * b for a, b in zip(inputs, w, strict=True))
    c_next = sigmoid(f) * c + sigmoid(i) * math.tanh(g)
    h_next = sigmoid(o) * math.tanh(c_next)
    row, column = torch.tensor([inputs], dtype=torch.float64), torch.tensor(w, dtype=torch.float64)[:, None]
    state = torch.tensor([[h]], dtype=torch.float64), torch.tensor([[c]], dtype=torch.float64)
    y, found = Lstm().step(row, state, {"weight_hh": column})
    assert y.item() == found[0].item() == pytest.approx(h_next, rel=1e-14)
    assert found[1].item() == pytest.approx(c_next, rel=1e-14)
    minus_two = torch.tensor([[-2.0]], dtype=torch.float64)
    y, projected = Lstm().step(row, state, {"weight_hh": column, "weight_hr": minus_two})
    assert y.item() == projected[0].item() == pytest.approx(-2 * h_next, rel=1e-14)
    assert projected[1].item() == pytest.approx(c_next, rel=1e-14)


def test_the_step_equals_torchs_cell():
    torch.manual_seed(1)
    cell = torch.nn.LSTMCell(4, 3, dtype=torch.float64)
    x, h, c = _random(5, 4), _random(5, 3), _random(5, 3)
    weights = dict(cell.named_parameters())
    found, expected = Lstm().step(Lstm().inputs(x, weights), (h, c), weights)[1], cell(x, (h, c))
    torch.testing.assert_close(found, expected, **CLOSE)


def _call(
    theirs: torch.nn.LSTM, x: Tensor, state: tuple[Tensor, ...], weights: tuple[Tensor, ...], lengths: list[int] | None
) -> Call:
    return Call(
        cell=Lstm(),
        x=x,
        state=state,
        weights=weights,
        hidden=theirs.hidden_size,
        output=theirs.proj_size or theirs.hidden_size,
        num_layers=theirs.num_layers,
        bidirectional=theirs.bidirectional,
        bias=theirs.bias,
        lengths=None if lengths is None else torch.tensor(lengths),
    )


@pytest.mark.parametrize("lengths", [None, [5, 1, 3, 5]], ids=["equal", "lengths"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("proj_size", [0, 2])
def test_the_loop_equals_torchs_layer(proj_size, num_layers, bidirectional, bias, lengths):
    torch.manual_seed(2)
    theirs = torch.nn.LSTM(4, 3, num_layers, bias, False, 0.0, bidirectional, proj_size, dtype=torch.float64)
    states = num_layers * (1 + bidirectional)
    x, h, c = _random(5, 4, 4), _random(states, 4, proj_size or 3), _random(states, 4, 3)
    found = run_reference(_call(theirs, x, (h, c), tuple(theirs.parameters()), lengths))
    if lengths is None:
        y, state = theirs(x, (h, c))
    else:
        packed, state = theirs(pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False), (h, c))
        y = pad_packed_sequence(packed, total_length=5)[0]
    torch.testing.assert_close((found.y, found.state), (y, state), **CLOSE)


@pytest.mark.parametrize("function", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
@LENGTHS
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "proj_size": 1}], ids=["plain", "both-ways-projected"])
def test_derivatives_of_the_loop_are_right(function, lengths, options):
    torch.manual_seed(3)
    theirs = torch.nn.LSTM(2, 2, **options, dtype=torch.float64)

    def outputs(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        out = run_reference(_call(theirs, x, (h, c), weights, lengths))
        return out.y, *out.state

    D = 2 if theirs.bidirectional else 1
    inputs = [_random(3, 3, 2), _random(D, 3, theirs.proj_size or 2), _random(D, 3, 2)]
    inputs += [p.detach().clone() for p in theirs.parameters()]
    assert function(outputs, tuple(t.requires_grad_() for t in inputs))


@pytest.mark.parametrize("backward", [False, True])
def test_padding_is_never_read_and_gets_no_gradient(backward):
    torch.manual_seed(4)
    weights = {name: _random(*shape) for name, shape in (("weight_ih", (8, 2)), ("weight_hh", (8, 2)))}
    x, state, lengths = _random(4, 3, 2), (_random(3, 2), _random(3, 2)), torch.tensor([4, 0, 2])
    padding = torch.arange(4)[:, None] >= lengths
    x[padding] = math.nan
    x.requires_grad_()
    for weight in weights.values():
        weight.requires_grad_()
    y, after = run_direction(Lstm(), x, state, weights, lengths=lengths, backward=backward)
    gradients = torch.autograd.grad((y**2).sum() + sum((s**2).sum() for s in after), [x, *weights.values()])
    assert all(torch.isfinite(t).all() for t in (y, *after, *gradients))
    assert (y[padding] == 0).all() and (gradients[0][padding] == 0).all()
    assert torch.equal(after[0][1], state[0][1]) and torch.equal(after[1][1], state[1][1])


@pytest.mark.parametrize("backward", [False, True])
def test_each_step_takes_the_masks_of_its_time(backward):
    """Zoneout of one at some steps is the sequence without these steps."""
    torch.manual_seed(5)
    weights = {name: _random(*shape) for name, shape in (("weight_ih", (8, 2)), ("weight_hh", (8, 2)))}
    x, state = _random(5, 3, 2), (_random(3, 2), _random(3, 2))
    skipped = torch.tensor([False, True, False, False, True])
    share = skipped.double()[:, None, None].expand(5, 1, 2)
    found = run_direction(Lstm(), x, state, weights, masks=Masks(zoneout_h=share, zoneout_c=share), backward=backward)
    expected = run_direction(Lstm(), x[~skipped], state, weights, backward=backward)
    assert torch.equal(found[0][~skipped], expected[0])
    assert all(torch.equal(a, b) for a, b in zip(found[1], expected[1], strict=True))


def test_each_layer_and_direction_takes_its_own_masks():
    torch.manual_seed(6)
    theirs = torch.nn.LSTM(2, 3, 2, bidirectional=True, dtype=torch.float64)
    x, h, c = _random(4, 5, 2), _random(4, 5, 3), _random(4, 5, 3)
    share = torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=torch.float64)[:, None, None, None].expand(4, 1, 1, 3)
    call = _call(theirs, x, (h, c), tuple(theirs.parameters()), None)
    plain = run_reference(call)
    found = run_reference(
        Call(Lstm(), x, (h, c), call.weights, 3, 3, 2, True, True, None, Masks(zoneout_h=share, zoneout_c=share))
    )
    kept = [(torch.equal(a, b), torch.equal(a, d)) for a, b, d in zip(found.state[1], c, plain.state[1], strict=True)]
    assert kept == [(True, False), (False, True), (False, False), (True, False)]


WRONG = {
    "inputs": ((2, 11), (2, 3), (2, 3), (12, 3)),
    "cell state": ((2, 12), (2, 3), (2, 4), (12, 3)),
    "output state": ((2, 12), (2, 4), (2, 3), (12, 3)),
    "weights": ((2, 12), (2, 3), (2, 3), (3, 12)),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_shapes_of_a_step_are_all_named(what):
    inputs, h, c, w_hh = (torch.zeros(shape) for shape in WRONG[what])
    with pytest.raises(ValueError, match="do not belong to one layer") as error:
        Lstm().step(inputs, (h, c), {"weight_hh": w_hh})
    assert all(str(shape) in str(error.value) for shape in WRONG[what])


def test_the_projection_is_checked_too():
    inputs, state = torch.zeros(5, 12), (torch.zeros(5, 2), torch.zeros(5, 3))
    with pytest.raises(ValueError, match=r"weight_hr \(2, 4\)"):
        Lstm().step(inputs, state, {"weight_hh": torch.zeros(12, 2), "weight_hr": torch.zeros(2, 4)})
    with pytest.raises(ValueError, match=r"weight_hr None"):
        Lstm().step(inputs, state, {"weight_hh": torch.zeros(12, 2)})
