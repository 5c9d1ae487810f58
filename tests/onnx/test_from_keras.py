"""Weights of Keras layers, against Keras' equations written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit import InputError
from lstmkit.onnx import from_keras


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def keras_lstm(x, kernel, recurrent, bias=0.0):
    """Run Keras' LSTM over x (B, T, I); gates in the order i, f, c, o."""
    h = c = np.zeros((x.shape[0], recurrent.shape[0]))
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def random_arrays(*, bias=True, dtype=np.float64, seed=0):
    draw = np.random.default_rng(seed)
    shapes = [(3, 20), (5, 20), (20,)][: 3 if bias else 2]
    return [draw.normal(size=shape).astype(dtype) for shape in shapes]


X = np.random.default_rng(9).normal(size=(2, 6, 3))


@pytest.mark.parametrize("bias", [True, False])
def test_one_direction(bias):
    arrays = random_arrays(bias=bias)
    y, _ = from_keras(arrays)(torch.from_numpy(X))
    np.testing.assert_allclose(y.detach(), keras_lstm(X, *arrays), rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_two_directions(bias):
    forward, backward = random_arrays(bias=bias, seed=1), random_arrays(bias=bias, seed=2)
    y, _ = from_keras([*forward, *backward])(torch.from_numpy(X))
    expected = keras_lstm(X, *forward), keras_lstm(X[:, ::-1], *backward)[:, ::-1]
    np.testing.assert_allclose(y.detach(), np.concatenate(expected, axis=2), rtol=1e-12)


def square_arrays(count):
    draw = np.random.default_rng(count)
    return [draw.normal(size=shape) for shape in [(5, 20), (5, 20), (20,)] * count]


def test_arrays_that_could_be_two_stacked_layers_are_refused_unless_it_is_said_what_they_are():
    arrays = square_arrays(2)
    with pytest.raises(InputError, match=r"6 arrays of 5 inputs and 5 units are two directions or two stacked layers"):
        from_keras(arrays)
    with pytest.raises(InputError, match=r"bidirectional=False, but 6 arrays are 2 direction\(s\)"):
        from_keras(arrays, bidirectional=False)
    with pytest.raises(InputError, match=r"bidirectional=True, but 3 arrays are 1 direction\(s\)"):
        from_keras(arrays[:3], bidirectional=True)
    x = np.random.default_rng(1).normal(size=(2, 6, 5))
    both = keras_lstm(x, *arrays[:3]), keras_lstm(x[:, ::-1], *arrays[3:])[:, ::-1]
    y, _ = from_keras(arrays, bidirectional=True)(torch.from_numpy(x))
    np.testing.assert_allclose(y.detach(), np.concatenate(both, axis=2), rtol=1e-12)
    first, second = from_keras(arrays[:3]), from_keras(arrays[3:], bidirectional=False)
    y, _ = second(first(torch.from_numpy(x))[0])
    np.testing.assert_allclose(y.detach(), keras_lstm(keras_lstm(x, *arrays[:3]), *arrays[3:]), rtol=1e-12)


def test_the_bias_is_the_first_of_torchs_two_and_the_type_stays():
    arrays = random_arrays(dtype=np.float32)
    layer = from_keras(arrays, batch_first=False)
    assert not layer.batch_first and layer.weight_ih_l0.dtype == torch.float32
    np.testing.assert_array_equal(layer.bias_ih_l0.detach(), arrays[2])
    assert not layer.bias_hh_l0.any()


def test_other_arrays_are_refused():
    kernel, recurrent, bias = random_arrays()
    with pytest.raises(InputError, match=r"expected 2 or 3 arrays, or 4 or 6 of two directions; got 1"):
        from_keras([kernel])
    with pytest.raises(InputError, match=r"bias_ih of direction 0 must be \(20,\); got \(19,\)"):
        from_keras([kernel, recurrent, bias[:-1]])
    with pytest.raises(InputError, match=r"kernels must have two axes; got \(20,\) and \(5, 20\)"):
        from_keras([bias, recurrent, bias])
    with pytest.raises(InputError, match="weights must be float32 or float64; got float16"):
        from_keras([kernel.astype(np.float16), recurrent, bias])
