"""Read the weights of a Keras LSTM layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lstmkit.errors import InputError
from lstmkit.nn import LSTM
from lstmkit.onnx.layout import Array


def from_keras(arrays: Sequence[Array], *, bidirectional: bool | None = None, batch_first: bool = True) -> LSTM:
    """Build an `LSTM` from the weights of a Keras layer `LSTM` or `Bidirectional(LSTM)`.

    Keras has one bias: it becomes bias_ih, and bias_hh is zero. The order of the gates is the same (i, f, c, o).

    arrays         `layer.get_weights()` of one layer: kernel (I, 4H), recurrent kernel (H, 4H), bias (4H) unless
                   use_bias=False; for a bidirectional layer the forward direction's, then the backward direction's
    bidirectional  whether the arrays are those of two directions; None: as their number says. It must be said where I
                   is H, because two stacked layers of one direction then have arrays of the same shapes
    batch_first    whether the input is (B, T, I), as in Keras, or (T, B, I)
    Returns        a layer of one or two directions, of the arrays' type. Its output is the whole sequence, with both
                   directions side by side; Keras' go_backwards is an input flipped by the caller
    Raises         InputError if the arrays are not those of such a layer, or could be those of two
    """
    if len(arrays) not in (2, 3, 4, 6):
        raise InputError(f"from_keras: expected 2 or 3 arrays, or 4 or 6 of two directions; got {len(arrays)}")
    bias, D = len(arrays) % 3 == 0, 1 if len(arrays) < 4 else 2
    per = len(arrays) // D
    kernel, recurrent = np.asarray(arrays[0]), np.asarray(arrays[1])
    if kernel.ndim != 2 or recurrent.ndim != 2:
        raise InputError(f"from_keras: kernels must have two axes; got {kernel.shape} and {recurrent.shape}")
    inputs, H = kernel.shape[0], recurrent.shape[0]
    if bidirectional is not None and bidirectional != (D == 2):
        raise InputError(f"from_keras: bidirectional={bidirectional}, but {len(arrays)} arrays are {D} direction(s)")
    if D == 2 and inputs == H and bidirectional is None:
        raise InputError(
            f"from_keras: {len(arrays)} arrays of {H} inputs and {H} units are two directions or two stacked layers; "
            "say bidirectional=True, or convert each layer by itself"
        )
    if kernel.dtype not in (np.float32, np.float64):
        raise InputError(f"from_keras: weights must be float32 or float64; got {kernel.dtype}")
    expected = ((inputs, 4 * H), (H, 4 * H), (4 * H,))
    dtype = torch.float64 if kernel.dtype == np.float64 else torch.float32
    lstm = LSTM(inputs, H, bias=bias, batch_first=batch_first, bidirectional=D == 2, dtype=dtype)
    for direction in range(D):
        suffix = "_l0" + "_reverse" * direction
        names = ("weight_ih", "weight_hh", "bias_ih")[:per]
        for name, array, shape in zip(names, arrays[direction * per :], expected, strict=False):
            if np.shape(array) != shape:
                raise InputError(f"from_keras: {name} of direction {direction} must be {shape}; got {np.shape(array)}")
            with torch.no_grad():
                lstm.get_parameter(name + suffix).copy_(torch.from_numpy(np.ascontiguousarray(np.transpose(array))))
        if bias:
            torch.nn.init.zeros_(lstm.get_parameter("bias_hh" + suffix))
    return lstm
