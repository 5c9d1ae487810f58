"""The Elman network against its equation number by number, and against torch's."""

from __future__ import annotations

import numpy as np
import torch

from lstmkit.recurrence.cell import Sizes
from lstmkit.recurrence.cells.rnn import Rnn
from lstmkit.recurrence.reference import run_direction


def test_the_states_are_the_equation_number_by_number():
    torch.manual_seed(1)
    T, I, H = 4, 2, 3  # noqa: E741
    weights = {n: torch.randn(s, dtype=torch.float64) for n, s in Rnn().weight_shapes(Sizes(I, H, H, True)).items()}
    x, h0 = torch.randn(T, 1, I, dtype=torch.float64), torch.randn(1, H, dtype=torch.float64)
    W, R, b, d = (weights[name].numpy() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h = h0[0].numpy()
    expected = []
    for t in range(T):
        a = [b[u] + d[u] + sum(W[u, j] * x[t, 0, j].item() for j in range(I)) for u in range(H)]
        h = np.array([np.tanh(a[u] + sum(R[u, j] * h[j] for j in range(H))) for u in range(H)])
        expected.append(h)
    y, _ = run_direction(Rnn(), x, (h0,), weights)
    np.testing.assert_allclose(y[:, 0].numpy(), expected, rtol=1e-12)


def test_it_is_torchs():
    torch.manual_seed(2)
    for bias in (True, False):
        torchs = torch.nn.RNN(4, 5, bias=bias, dtype=torch.float64)
        weights = {name.removesuffix("_l0"): p for name, p in torchs.named_parameters()}
        assert {n: tuple(w.shape) for n, w in weights.items()} == Rnn().weight_shapes(Sizes(4, 5, 5, bias))
        x, h0 = torch.randn(7, 3, 4, dtype=torch.float64), torch.randn(1, 3, 5, dtype=torch.float64)
        (y, (h,)), (expected, last) = run_direction(Rnn(), x, (h0[0],), weights), torchs(x, h0)
        torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(h, last[0], rtol=1e-12, atol=1e-14)
