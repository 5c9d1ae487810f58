"""Keras' own numbers for constant weights.

Source: keras/src/layers/rnn/lstm_test.py of Keras 3.16 (Apache-2.0), tests test_correctness, test_statefulness,
test_pass_initial_state, test_masking. Every input weight is 0.01, every recurrent weight 0.02, every bias 0.03, but
the forget gate's is 1 (unit_forget_bias); outputs there are compared to 1e-5. Constant weights cannot tell gates apart:
other tests do.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit.nn import LSTM

KERAS_TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def constant_lstm(inputs: int, H: int, *, forget: float = 1.0, bias: bool = True) -> LSTM:
    lstm = LSTM(inputs, H, bias=bias, batch_first=True)
    with torch.no_grad():
        lstm.weight_ih_l0.fill_(0.01)
        lstm.weight_hh_l0.fill_(0.02)
        if bias:
            lstm.bias_ih_l0.fill_(0.03)
            lstm.bias_ih_l0[H : 2 * H] = forget
            lstm.bias_hh_l0.zero_()
    return lstm


def count_up(*shape: int) -> torch.Tensor:
    return torch.arange(float(np.prod(shape))).reshape(shape)


def expect(h: torch.Tensor, rows: list[list[float]]) -> None:
    torch.testing.assert_close(h[-1], torch.tensor(rows), **KERAS_TOLERANCE)


@pytest.mark.parametrize(
    ("options", "flip", "expected"),
    [
        ({}, False, [0.6288687, 0.86899155, 0.9460773]),
        ({}, True, [0.35622165, 0.74789524, 0.8872726]),
        ({"forget": 0.03}, False, [0.57019705, 0.8661914, 0.9459622]),
        ({"bias": False}, False, [0.54986924, 0.86226785, 0.9443936]),
    ],
    ids=["plain", "go_backwards", "unit_forget_bias=False", "use_bias=False"],
)
def test_correctness(options, flip, expected):
    x = count_up(3, 6, 4)
    _, (h, _) = constant_lstm(4, 3, **options)(x.flip(1) if flip else x)
    expect(h, [[value] * 3 for value in expected])


def test_stateful():
    lstm, x = constant_lstm(4, 4), count_up(2, 3, 4)
    _, state = lstm(x)
    _, (h, _) = lstm(x, state)
    expect(h, [[0.3124785] * 4, [0.6863672] * 4])


@pytest.mark.parametrize(
    ("flip", "expected"),
    [
        (False, [[0.20574439, 0.3558822], [0.64930826, 0.66276]]),
        (True, [[0.13281618, 0.2790356], [0.5839337, 0.5992567]]),
    ],
    ids=["forward", "go_backwards"],
)
def test_initial_state(flip, expected):
    x, state = count_up(2, 4, 3), count_up(1, 2, 2)
    _, (h, _) = constant_lstm(3, 2)(x.flip(1) if flip else x, (state, state))
    expect(h, expected)


@pytest.mark.parametrize("keep_padding", [True, False], ids=["lengths", "cut"])
@pytest.mark.parametrize(
    ("mask", "flip", "expected"),
    [
        ([[1, 1, 1, 0], [1, 1, 0, 0]], False, [0.11755939, 0.28556206]),
        ([[0, 1, 1, 1], [0, 0, 1, 1]], True, [0.15341201, 0.3844719]),
    ],
    ids=["forward", "go_backwards"],
)
def test_masks(mask, flip, expected, keep_padding):
    """A mask from which right padding remains is lengths; either mask can also be cut out of the sequence."""
    lstm, x, mask = constant_lstm(3, 2), count_up(2, 4, 3), torch.tensor(mask).bool()
    if flip:
        x, mask = x.flip(1), mask.flip(1)
    if keep_padding:
        _, (h, _) = lstm(x, lengths=mask.sum(1))
        expect(h, [[value] * 2 for value in expected])
    else:
        for sequence, kept, value in zip(x, mask, expected, strict=True):
            _, (h, _) = lstm(sequence[kept][None])
            expect(h, [[value] * 2])
