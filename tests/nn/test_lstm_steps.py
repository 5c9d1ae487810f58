"""The layer is its step, unrolled; a sequence in pieces is the whole sequence."""

from __future__ import annotations

import pytest
import torch

from lstmkit.recurrence.cells import Lstm

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])


@DTYPES
@pytest.mark.parametrize("proj_size", [0, 2])
def test_the_unrolled_step_is_the_layer(dtype, proj_size, backend, pair, states, assert_same, everything):
    theirs, ours = pair(4, 3, proj_size=proj_size, dtype=dtype, backend=backend)
    x, hx = torch.randn(6, 5, 4, dtype=dtype), states(theirs, 5)
    weights = {name.removesuffix("_l0"): weight for name, weight in theirs.named_parameters()}
    inputs = Lstm().inputs(x, weights)
    h, c = hx[0][0], hx[1][0]
    outputs = []
    for t in range(6):
        y, (h, c) = Lstm().step(inputs[t], (h, c), weights)
        outputs.append(y)
    y, state = ours(x, hx)
    assert_same({"y": y, "h": state[0][0], "c": state[1][0]}, {"y": torch.stack(outputs), "h": h, "c": c})


@DTYPES
@pytest.mark.parametrize("piece", [1, 2, 4])
def test_pieces_with_carried_state_are_the_whole(dtype, piece, backend, pair, assert_same):
    _, ours = pair(4, 3, num_layers=2, dtype=dtype, backend=backend)
    x = torch.randn(8, 5, 4, dtype=dtype)
    whole, (h, c) = ours(x)
    state, outputs = None, []
    for part in x.split(piece):
        y, state = ours(part, state)
        outputs.append(y)
    assert_same({"y": torch.cat(outputs), "h": state[0], "c": state[1]}, {"y": whole, "h": h, "c": c})


def test_pieces_of_padded_sequences_with_carried_state_are_the_whole(pair, assert_same):
    _, ours = pair(4, 3, num_layers=2, dtype=torch.float64)
    x, lengths = torch.randn(8, 4, 4, dtype=torch.float64), torch.tensor([8, 2, 5, 3])
    whole, (h, c) = ours(x, lengths=lengths)
    state, outputs = None, []
    for start, part in zip((0, 2, 4, 6), x.split(2), strict=True):
        y, state = ours(part, state, lengths=(lengths - start).clamp(0, 2))
        outputs.append(y)
    assert_same({"y": torch.cat(outputs), "h": state[0], "c": state[1]}, {"y": whole, "h": h, "c": c})
