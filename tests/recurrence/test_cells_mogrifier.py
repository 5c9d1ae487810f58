"""The Mogrifier against its equations number by number, and its reductions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lstmkit.recurrence.cell import Sizes
from lstmkit.recurrence.cells.lstm import Lstm
from lstmkit.recurrence.cells.mogrifier import Mogrifier
from lstmkit.recurrence.reference import run_direction


def make(cell: Mogrifier, I: int = 3, H: int = 4) -> tuple[Tensor, tuple[Tensor, Tensor], dict[str, Tensor]]:  # noqa: E741
    torch.manual_seed(6)
    weights = {n: torch.randn(s, dtype=torch.float64) for n, s in cell.weight_shapes(Sizes(I, H, H, True)).items()}
    state = torch.randn(2, H, dtype=torch.float64), torch.randn(2, H, dtype=torch.float64)
    return torch.randn(5, 2, I, dtype=torch.float64), state, weights


@pytest.mark.parametrize("rounds", [1, 2, 5, 6])
@pytest.mark.parametrize("rank", [None, 2])
def test_the_outputs_are_the_equations_number_by_number(rounds, rank):
    def sigmoid(v: float) -> float:
        return 1 / (1 + np.exp(-v))

    cell = Mogrifier(rounds, rank)
    xs, state, weights = make(cell)
    w = {name: tensor.numpy() for name, tensor in weights.items()}
    y, _ = run_direction(cell, xs, state, weights)
    for row in range(2):
        h, c = (s[row].numpy() for s in state)
        for t in range(len(xs)):
            x, k = xs[t, row].numpy(), 1
            while k <= rounds:
                matrix = (
                    w[f"weight_round_{k}"]
                    if rank is None
                    else w[f"weight_round_{k}_left"] @ w[f"weight_round_{k}_right"]
                )
                if k in (1, 3, 5):
                    x = np.array([2 * sigmoid(sum(matrix[u] * h)) * x[u] for u in range(3)])
                else:
                    h = np.array([2 * sigmoid(sum(matrix[u] * x)) * h[u] for u in range(4)])
                k += 1
            a = w["weight_ih"] @ x + w["weight_hh"] @ h + w["bias_ih"] + w["bias_hh"]
            c = np.array([sigmoid(a[4 + u]) * c[u] + sigmoid(a[u]) * np.tanh(a[8 + u]) for u in range(4)])
            h = np.array([sigmoid(a[12 + u]) * np.tanh(c[u]) for u in range(4)])
            np.testing.assert_allclose(y[t, row].numpy(), h, rtol=1e-10, atol=1e-13)


def test_no_round_is_the_lstm():
    cell = Mogrifier(0)
    x, state, weights = make(cell)
    assert cell.weight_shapes(Sizes(3, 4, 4, True)) == Lstm().weight_shapes(Sizes(3, 4, 4, True))
    for found, expected in zip(
        cell.step(cell.inputs(x[0], weights), state, weights)[1],
        Lstm().step(Lstm().inputs(x[0], weights), state, weights)[1],
        strict=True,
    ):
        assert torch.equal(found, expected)


def test_rounds_of_zeros_scale_by_one():
    cell = Mogrifier(3)
    x, state, weights = make(cell)
    zeros = {n: torch.zeros_like(w) if n.startswith("weight_round") else w for n, w in weights.items()}
    expected, _ = run_direction(Lstm(), x, state, weights)
    torch.testing.assert_close(run_direction(cell, x, state, zeros)[0], expected, rtol=1e-12, atol=1e-14)


def test_the_matrices_have_the_width_of_what_they_read():
    shapes = Mogrifier(2, rank=3).weight_shapes(Sizes(7, 5, 5, False))
    assert list(shapes.items())[2:] == [
        ("weight_round_1_left", (7, 3)),
        ("weight_round_1_right", (3, 5)),
        ("weight_round_2_left", (5, 3)),
        ("weight_round_2_right", (3, 7)),
    ]
