"""The gates shown are the gates of the layer: against hand-written equations, and against the layer's own output."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.explain import gate_values
from lstmkit.nn import LSTM


def logistic(a):
    return 1 / (1 + np.exp(-a))


def test_gates_of_the_plain_lstm_by_hand():
    torch.manual_seed(0)
    lstm = LSTM(3, 4, dtype=torch.float64)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    found = gate_values(lstm, x)[0]
    w_ih, w_hh, b_ih, b_hh = (p.detach().numpy() for p in lstm.parameters())
    h = c = np.zeros((2, 4))
    for t in range(6):
        i, f, g, o = np.split(x[t].numpy() @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=1)
        c = logistic(f) * c + logistic(i) * np.tanh(g)
        h = logistic(o) * np.tanh(c)
        expected = {"input": logistic(i), "forget": logistic(f), "output": logistic(o), "candidate": np.tanh(g)}
        for name, value in (expected | {"cell": c, "hidden": h}).items():
            np.testing.assert_allclose(getattr(found, name)[t].detach().numpy(), value, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("cell", ["lstm", "peephole", "coupled", "coupled-forget"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_gates_and_cell_give_the_output_of_the_layer(cell, batch_first):
    torch.manual_seed(1)
    lstm = LSTM(3, 5, 2, batch_first=batch_first, bidirectional=True, cell=cell, dtype=torch.float64)
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        y, (_, c) = lstm(x.transpose(0, 1) if batch_first else x)
        values = gate_values(lstm, x.transpose(0, 1) if batch_first else x)
    assert len(values) == 4
    last = torch.cat([v.output * torch.tanh(v.cell) for v in values[2:]], dim=-1)
    torch.testing.assert_close(last, y.transpose(0, 1) if batch_first else y, atol=1e-12, rtol=0)
    ends = [v.cell[0 if k % 2 else -1] for k, v in enumerate(values)]
    torch.testing.assert_close(torch.stack(ends), c, atol=1e-12, rtol=0)
    for k, v in enumerate(values):  # c = f * c_before + i * g, before being after for the backward direction
        zeros = torch.zeros_like(v.cell[:1])
        before = torch.cat([v.cell[1:], zeros]) if k % 2 else torch.cat([zeros, v.cell[:-1]])
        torch.testing.assert_close(v.forget * before + v.input * v.candidate, v.cell, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "options",
    [{"cell": "layer-norm"}, {"cell": "layer-norm-gates"}, {"proj_size": 2}, {"zoneout": 0.3}],
    ids=["layer norm", "norm of each gate", "projection", "zoneout"],
)
def test_every_form_of_the_gated_lstm_ends_in_the_layers_output(options):
    torch.manual_seed(2)
    lstm = LSTM(3, 5, 2, bidirectional=True, dtype=torch.float64, **options).eval()
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        y, (_, c) = lstm(x)
        values = gate_values(lstm, x)
    torch.testing.assert_close(torch.cat([v.hidden for v in values[2:]], dim=-1), y, atol=1e-12, rtol=0)
    ends = [v.cell[0 if k % 2 else -1] for k, v in enumerate(values)]
    torch.testing.assert_close(torch.stack(ends), c, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["gru", "alstm"])
def test_a_cell_without_such_gates_is_refused(name):
    with pytest.raises(InputError, match=f"^explain gates: the gates of the cell {name} cannot be shown"):
        gate_values(LSTM(2, 3, cell=name), torch.zeros(3, 1, 2))
