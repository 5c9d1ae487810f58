"""The sLSTM and the mLSTM against the paper's equations without a stabiliser, in float64.

Source: Beck et al. 2024, arXiv 2405.04517, equations of the sLSTM (exponential input gate) and of the mLSTM, as sums
over the whole past: no state m, no loop over c and n. The paper's stabiliser changes no number. The same formulas were
held against slstm_forward_pointwise and parallel_stabilized_simple of NX-AI/xlstm (Apache-2.0), once.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit.nn import LSTM, MLstm, SLstm

FORMULA_TOLERANCE = {"rtol": 1e-9, "atol": 1e-12}
B, T, INPUTS, H = 3, 11, 4, 6


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def log_weights(log_i, log_f):
    """Return the log of how much step s still counts at the last step t, log f_{s+1} + ... + log f_t + log i_s."""
    after = np.cumsum(log_f[::-1], axis=0)[::-1]
    return log_i + np.concatenate((after[1:], np.zeros_like(after[:1])))


def slstm(pre_x, recurrent, *, exponential_forget=False):
    """Return h (T, B, H) from W x + b (T, B, 4H) and a dense R (4H, H)."""
    hs, past = [], []
    h = np.zeros((pre_x.shape[1], recurrent.shape[1]))
    for a_x in pre_x:
        past.append(np.split(a_x + h @ recurrent.T, 4, axis=1))
        a_i, a_f, a_z, a_o = (np.stack(parts) for parts in zip(*past, strict=True))
        weights = np.exp(log_weights(a_i, a_f if exponential_forget else np.log(sigmoid(a_f))))
        h = sigmoid(a_o[-1]) * (weights * np.tanh(a_z)).sum(0) / weights.sum(0)
        hs.append(h)
    return np.stack(hs)


def mlstm(q, k, v, o, log_i, log_f):
    """Return h (T, B, heads, D); q, k, v, o (T, B, heads, D), log i and log f (T, B, heads)."""
    hs = []
    for t in range(q.shape[0]):
        weights = np.exp(log_weights(log_i[: t + 1], log_f[: t + 1]))
        scores = weights * (k[: t + 1] / np.sqrt(k.shape[-1]) * q[t]).sum(-1)
        divisor = np.maximum(abs(scores.sum(0)), 1)
        hs.append(o[t] * (scores[..., None] * v[: t + 1]).sum(0) / divisor[..., None])
    return np.stack(hs)


def random_layer(cell, scale, **options) -> LSTM:
    torch.manual_seed(8)
    layer = LSTM(INPUTS, H, cell=cell, dtype=torch.float64, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-scale, scale)
    return layer


def numbers(layer, suffix=""):
    return {name.removesuffix("_l0" + suffix): p.detach().numpy() for name, p in layer.named_parameters()}


def assert_equal(y, expected):
    np.testing.assert_allclose(y.detach().numpy(), expected, **FORMULA_TOLERANCE)


@pytest.mark.parametrize("exponential_forget", [False, True], ids=["sigmoid forget gate", "exponential forget gate"])
@pytest.mark.parametrize("heads", [1, 2, 3])
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_slstm(heads, scale, exponential_forget):
    layer = random_layer(SLstm(heads=heads, exponential_forget=exponential_forget), scale)
    w, x, D = numbers(layer), torch.randn(T, B, INPUTS, dtype=torch.float64), H // heads
    recurrent = np.zeros((4, H, H))
    for head in range(heads):
        at = slice(head * D, (head + 1) * D)
        recurrent[:, at, at] = w["weight_hh"].reshape(4, H, D)[:, at]
    pre_x = x.numpy() @ w["weight_ih"].T + w["bias_ih"] + w["bias_hh"]
    expected = slstm(pre_x, recurrent.reshape(4 * H, H), exponential_forget=exponential_forget)
    assert_equal(layer(x)[0], expected)


@pytest.mark.parametrize("chunk", [1, 4, 64])
@pytest.mark.parametrize("heads", [1, 2, 3])
@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_mlstm(heads, scale, chunk):
    layer = random_layer(MLstm(heads=heads, chunk=chunk), scale)
    w, x = numbers(layer), torch.randn(T, B, INPUTS, dtype=torch.float64)
    a = x.numpy() @ w["weight_ih"].T + w["bias_ih"]
    q, k, v, o = (part.reshape(T, B, heads, H // heads) for part in np.split(a[..., : 4 * H], 4, axis=-1))
    log_i, a_f = np.split(a[..., 4 * H :], 2, axis=-1)
    expected = mlstm(q, k, v, sigmoid(o), log_i, np.log(sigmoid(a_f))).reshape(T, B, H)
    assert_equal(layer(x)[0], expected)


@pytest.mark.parametrize("cell", [SLstm(heads=2), MLstm(heads=2, chunk=4)], ids=["slstm", "mlstm"])
def test_a_state_carries_everything(cell):
    """Two halves with the state handed over are the whole; sums over the past cannot be cut, states can."""
    layer, x = random_layer(cell, 1.0), torch.randn(T, B, INPUTS, dtype=torch.float64)
    first, state = layer(x[:5])
    second, _ = layer(x[5:], state)
    torch.testing.assert_close(torch.cat((first, second)), layer(x)[0], rtol=1e-9, atol=1e-12)
