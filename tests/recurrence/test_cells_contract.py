"""What holds for every cell: shapes, types, gradients by hand, derivatives of any order, pieces and lengths."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, Sizes
from lstmkit.recurrence.cells.alstm import ALstm
from lstmkit.recurrence.cells.gru import Gru
from lstmkit.recurrence.cells.mlstm import MLstm
from lstmkit.recurrence.cells.mogrifier import Mogrifier
from lstmkit.recurrence.cells.rnn import Rnn
from lstmkit.recurrence.cells.slstm import SLstm
from lstmkit.recurrence.reference import run_direction

CELLS: tuple[Cell, ...] = (
    Rnn(),
    Gru(),
    *(ALstm((3, 1), period, mean) for period in (None, 4) for mean in (False, True)),
    ALstm((2, 3), share_score=False),
    ALstm((1,)),
    *(Mogrifier(rounds, rank) for rounds in (0, 1, 2, 5) for rank in (None, 2)),
    *(SLstm(heads, exponential_forget=exponential) for heads in (1, 5) for exponential in (False, True)),
    *(MLstm(heads) for heads in (1, 5)),
)
SHAPES = [
    (cell, B, H, bias)
    for cell in CELLS
    for B in (1, 3)
    for H in (1, 5)
    for bias in (True, False)
    if not cell.unsupported(Sizes(4, H, H, bias), NO_MASKS)
]


class Problem:
    """A cell with random weights and a random state that its own steps could have made."""

    def __init__(self, cell: Cell, B: int, H: int, bias: bool = True, dtype: torch.dtype = torch.float64) -> None:
        torch.manual_seed(11)
        self.cell, self.B, self.sizes = cell, B, Sizes(4, H, H, bias)
        self.weights = {n: torch.randn(s, dtype=dtype) / 2 for n, s in cell.weight_shapes(self.sizes).items()}
        state = [torch.randn(B, width, dtype=dtype) for width in cell.state_widths(self.sizes)]
        if isinstance(cell, ALstm):
            state[4] = torch.arange(B, dtype=dtype)[:, None].flip(0).add(2) % cell.cycle
        if isinstance(cell, SLstm):
            state[2] = 1 + state[2] ** 2
        self.state = tuple(state)

    def random(self, *shape: int) -> Tensor:
        return torch.randn(shape, dtype=self.state[0].dtype)


@pytest.mark.parametrize(("cell", "B", "H", "bias"), SHAPES, ids=str)
def test_the_gradients_by_hand_are_autograds(cell, B, H, bias):
    problem = Problem(cell, B, H, bias)
    x = problem.random(B, 4)
    inputs = cell.inputs(x, problem.weights).detach().requires_grad_()
    state = tuple(s.requires_grad_() for s in problem.state)
    weights = {name: w.requires_grad_() for name, w in problem.weights.items()}
    y, after = cell.step(inputs, state, weights)
    dy, dstate = torch.randn_like(y), tuple(torch.randn_like(s) for s in after)
    outputs = [(out, d) for out, d in zip((y, *after), (dy, *dstate), strict=True) if out.requires_grad]
    expected = torch.autograd.grad(
        [out for out, _ in outputs], [inputs, *state, *weights.values()], [d for _, d in outputs], allow_unused=True
    )
    dinputs, dbefore, found = cell.step_gradients(inputs, state, weights, NO_MASKS, dy, dstate)
    for have, want in zip((dinputs, *dbefore), expected, strict=False):
        torch.testing.assert_close(have, torch.zeros_like(have) if want is None else want, rtol=1e-10, atol=1e-12)
    of_weights = dict(zip(weights, expected[1 + len(state) :], strict=True))
    assert set(found) == {name for name, want in of_weights.items() if want is not None}
    for name, have in found.items():
        torch.testing.assert_close(have, of_weights[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "function", [torch.autograd.gradcheck, pytest.param(torch.autograd.gradgradcheck, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("cell", [*(c for c in CELLS if "heads=5" not in str(c)), SLstm(2), MLstm(2)], ids=str)
def test_derivatives_of_the_step_are_right(cell, function):
    problem = Problem(cell, 2, 2)
    fixed = len(problem.state) - (isinstance(cell, ALstm))  # phase is a count

    def outputs(inputs: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        state = (*rest[:fixed], *problem.state[fixed:])
        y, after = cell.step(inputs, state, dict(zip(problem.weights, rest[fixed:], strict=True)))
        if not isinstance(cell, SLstm | MLstm):
            return (y, *after[:fixed])
        h, c, n, m = after
        return (y, h, c * torch.exp(m.repeat(1, c.shape[1] // m.shape[1])), n * torch.exp(m.repeat(1, 2 // m.shape[1])))

    inputs = cell.inputs(problem.random(2, 4), problem.weights)
    tensors = [inputs, *problem.state[:fixed], *problem.weights.values()]
    assert function(outputs, tuple(t.clone().requires_grad_() for t in tensors))


TOLERANCES = {torch.float64: 1e-14, torch.float32: 1e-5, torch.float16: 2e-2, torch.bfloat16: 1e-1}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_step_keeps_every_floating_type(cell, dtype):
    problem = Problem(cell, 3, 5, dtype=dtype)
    x = problem.random(3, 4)
    y, after = cell.step(cell.inputs(x, problem.weights), problem.state, problem.weights)
    assert {t.dtype for t in (y, *after)} == {dtype}
    wide = {name: w.double() for name, w in problem.weights.items()}
    expected, _ = cell.step(cell.inputs(x.double(), wide), tuple(s.double() for s in problem.state), wide)
    torch.testing.assert_close(y.double(), expected, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_step_returns_the_shapes_it_declares(cell):
    problem = Problem(cell, 3, 5)
    y, after = cell.step(cell.inputs(problem.random(3, 4), problem.weights), problem.state, problem.weights)
    assert y.shape == (3, 5) and len(after) == len(cell.states)
    assert tuple(s.shape[1] for s in after) == cell.state_widths(problem.sizes)
    assert "bias_ih" not in cell.weight_shapes(Sizes(4, 5, 5, False))


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_pieces_with_the_state_carried_are_the_whole(cell, backward):
    problem = Problem(cell, 3, 5)
    x = problem.random(11, 3, 4)
    whole, final = run_direction(cell, x, problem.state, problem.weights, backward=backward)
    state, outputs = problem.state, {}
    for piece in [(7, 11), (4, 7), (0, 4)] if backward else [(0, 4), (4, 7), (7, 11)]:
        outputs[piece], state = run_direction(cell, x[slice(*piece)], state, problem.weights, backward=backward)
    found = torch.cat([outputs[piece] for piece in sorted(outputs)])
    for have, want in zip((found, *state), (whole, *final), strict=True):
        torch.testing.assert_close(have, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_row_of_a_padded_batch_is_that_sequence_alone(cell):
    problem = Problem(cell, 4, 5)
    x = problem.random(9, 4, 4)
    lengths = torch.tensor([9, 0, 5, 1])
    y, final = run_direction(cell, x, problem.state, problem.weights, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        state = tuple(s[row : row + 1] for s in problem.state)
        if length:
            alone, state = run_direction(cell, x[:length, row : row + 1], state, problem.weights)
            torch.testing.assert_close(y[:length, row], alone[:, 0], rtol=1e-12, atol=1e-12)
        assert not y[length:, row].any()
        for have, want in zip(final, state, strict=True):
            torch.testing.assert_close(have[row : row + 1], want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_forget_rows_are_rows_of_the_forget_gate_alone(cell):
    problem = Problem(cell, 2, 5)
    at = cell.forget_rows(5)
    if isinstance(cell, Gru | Rnn):
        assert at is None
        return
    # a forget gate that is shut makes the step blind to the cell it was given
    problem.weights["bias_ih"][at] = -1e3
    x, (h, c, *rest) = problem.random(2, 4), problem.state
    before = cell.step(cell.inputs(x, problem.weights), (h, c, *rest), problem.weights)
    other = cell.step(cell.inputs(x, problem.weights), (h, c + 1, *rest), problem.weights)
    torch.testing.assert_close(before[0], other[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_what_a_cell_has_not_is_said(cell):
    assert cell.unsupported(Sizes(4, 5, 5, True), NO_MASKS) == ""
    assert "projection" in cell.unsupported(Sizes(4, 10, 5, True), NO_MASKS)
    assert "zoneout" in cell.unsupported(Sizes(4, 5, 5, True), Masks(zoneout_h=torch.ones(1, 1, 1, 5)))


WRONG = {
    "ALstm: lags must": [lambda lags=lags: ALstm(lags) for lags in ((), (1, 1), (0, 1), 3, (True,), (1.0,))],
    "ALstm: period must be": [lambda period=p: ALstm((3, 1), period) for p in (2, 3.0, True, 0)],
    "Mogrifier: rounds must": [lambda rounds=r: Mogrifier(rounds) for r in (-1, 2.0, True)],
    "Mogrifier: rank must be": [lambda rank=r: Mogrifier(2, rank) for r in (0, 2.0, True)],
    "SLstm: heads must be": [lambda heads=h: SLstm(heads) for h in (0, 2.0, True)],
    "SLstm: block must": [lambda block=b: SLstm(1, block, 2) for b in (-1, 2, 1.0)],
    "SLstm: blocks must be": [lambda blocks=b: SLstm(1, 0, blocks) for b in (0, 1.0)],
    "MLstm: heads must be": [lambda heads=h: MLstm(heads) for h in (0, 2.0, True)],
    "MLstm: chunk must be": [lambda chunk=c: MLstm(1, chunk) for c in (0, 2.0, True)],
}


@pytest.mark.parametrize(("message", "make"), [(m, make) for m, makers in WRONG.items() for make in makers])
def test_settings_that_cannot_be_are_refused(message, make):
    with pytest.raises(InputError, match=message):
        make()
