"""Single steps by the library against the reference: weights read as they are, or packed, on every instruction set."""

from __future__ import annotations

import ctypes

import pytest
import torch

from lstmkit.nn import LSTM, Gru, Lstm
from lstmkit.nn.streaming import FEW
from lstmkit.recurrence.kernels import kernel_cell
from lstmkit.recurrence.library import load_library
from lstmkit.recurrence.operators import stack_call

SIZES = ((1, 1, 1), (3, 3, 2), (1, 16, 2), (17, 15, 3), (8, 17, 1), (40, 50, 2), (64, 64, 1), (150, 130, 2))
DTYPES = pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=["64", "32"])


@DTYPES
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.usefixtures("target")
def test_steps_of_any_number_of_sequences_are_those_of_the_reference(sizes, bias, dtype, bound):
    (inputs, hidden, layers), worst = sizes, 0.0
    torch.manual_seed(1)
    layer = LSTM(inputs, hidden, layers, bias, dtype=dtype)
    known = LSTM(inputs, hidden, layers, bias, dtype=dtype, backend="reference")
    known.load_state_dict(layer.state_dict())
    with torch.no_grad():
        for B in (1, FEW, FEW + 1, 3 * FEW):
            state = expected = tuple(torch.randn(layers, B, hidden, dtype=dtype) for _ in range(2))
            for _ in range(3):
                x = torch.randn(B, inputs, dtype=dtype)
                y, state = layer.step(x, state)
                right, expected = known.step(x, expected)
                for a, b in zip((y, *state), (right, *expected), strict=True):
                    worst = max(worst, float((a - b).abs().max()) / (1 + float(b.abs().max())))
    assert worst <= bound


@pytest.mark.usefixtures("target")
def test_memory_beyond_the_tensors_is_neither_read_nor_written():
    """NaN stands on both sides of every tensor, so what is read there would be seen; what is written there, too."""
    torch.manual_seed(2)
    layer = LSTM(3, 5, 2)

    def between(tensor: torch.Tensor) -> torch.Tensor:
        room = torch.full((tensor.numel() + 64,), torch.nan)
        room[32:-32] = tensor.flatten()
        return room[32:-32].view(tensor.shape)

    x, state = torch.randn(2, 3), (torch.randn(2, 2, 5), torch.randn(2, 2, 5))
    with torch.no_grad():
        y, after = layer.step(x, state)
        for weight in layer.parameters():
            weight.data = between(weight.data)
        found, last = layer.step(between(x), tuple(map(between, state)))
    assert torch.equal(found, y)
    assert all(torch.equal(a, b) for a, b in zip(last, after, strict=True))


@pytest.mark.parametrize(
    "options",
    [{"cell": Lstm(peephole=True)}, {"cell": Gru()}, {"cell": Lstm(layer_norm="ba")}, {"proj_size": 2}, {"B": 9}],
    ids=str,
)
def test_the_library_refuses_steps_that_it_does_not_have(options):
    given = dict(options)
    B = given.pop("B", 1)
    layer = LSTM(3, 5, **given)
    call = layer._assemble(torch.randn(1, B, 3), None, None)
    one, _alive = stack_call(call.x, call.state, call.weights, None, call.masks.in_order(), 1e-5, kernel_cell(call))
    library = load_library()[0]
    assert library is not None
    assert library.lstmkit_step(ctypes.byref(one)) == 2
