"""The gated recurrent unit against its equations number by number, and against torch's."""

from __future__ import annotations

import math

import pytest
import torch

from lstmkit.recurrence.cell import Sizes
from lstmkit.recurrence.cells.gru import Gru
from lstmkit.recurrence.reference import run_direction


def test_a_step_is_the_equations_by_hand():
    def sigmoid(v: float) -> float:
        return 1 / (1 + math.exp(-v))

    a, h, w, b = [0.3, -0.8, 0.6], 0.4, [1.1, -0.6, 0.9], [0.2, 0.1, -0.5]
    u = [h * w_k + b_k for w_k, b_k in zip(w, b, strict=True)]
    r, z = sigmoid(a[0] + u[0]), sigmoid(a[1] + u[1])
    expected = (1 - z) * math.tanh(a[2] + r * u[2]) + z * h
    weights = {
        "weight_hh": torch.tensor(w, dtype=torch.float64)[:, None],
        "bias_hh": torch.tensor(b, dtype=torch.float64),
    }
    state = (torch.tensor([[h]], dtype=torch.float64),)
    y, (after,) = Gru().step(torch.tensor([a], dtype=torch.float64), state, weights)
    assert y.item() == after.item() == pytest.approx(expected, rel=1e-14)


def test_it_is_torchs():
    torch.manual_seed(2)
    for bias in (True, False):
        torchs = torch.nn.GRU(4, 5, bias=bias, dtype=torch.float64)
        weights = {name.removesuffix("_l0"): p for name, p in torchs.named_parameters()}
        assert {n: tuple(w.shape) for n, w in weights.items()} == Gru().weight_shapes(Sizes(4, 5, 5, bias))
        x, h0 = torch.randn(7, 3, 4, dtype=torch.float64), torch.randn(1, 3, 5, dtype=torch.float64)
        (y, (h,)), (expected, last) = run_direction(Gru(), x, (h0[0],), weights), torchs(x, h0)
        torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(h, last[0], rtol=1e-12, atol=1e-14)


def test_a_step_is_torchs_cell():
    torch.manual_seed(3)
    torchs = torch.nn.GRUCell(4, 5, dtype=torch.float64)
    weights = dict(torchs.named_parameters())
    x, h = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    y, _ = Gru().step(Gru().inputs(x, weights), (h,), weights)
    torch.testing.assert_close(y, torchs(x, h), rtol=1e-12, atol=1e-14)
