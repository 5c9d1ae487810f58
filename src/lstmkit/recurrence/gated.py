"""Unequal lengths on torch's LSTM of lower precision, which takes none: padding closes the gates.

One more input is 1 in the padding and 0 before. Its weights shut the gate of the input and of the output there and hold
the forget gate open, so that nothing enters a cell, nothing leaves it, and it keeps what it has.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lstmkit.recurrence.call import Call, Output
from lstmkit.recurrence.cell import NO_MASKS
from lstmkit.recurrence.cells import Lstm

SHUT = 1e4
"""What a gate sums up where there is padding; float16 holds it, and its sigmoid is 0 or 1."""
LEAST = 0.75
"""Share of true steps in a padded batch, below which lower precision does not make up for the steps of the padding."""


def has_gates(call: Call) -> bool:
    """Whether `run_gated` takes a call with lengths: of the plain LSTM, and of states that padding keeps."""
    if not (type(call.cell) is Lstm and call.cell.plain and call.output == call.hidden and call.masks == NO_MASKS):
        return False
    # The backward direction begins in the padding, which shows nothing of the cell and so loses the output before it.
    return not (call.bidirectional and bool(call.state[0].any()))


def mostly_padding(call: Call) -> bool:
    """Whether so many steps of a call with lengths are padding that it is better skipped."""
    assert call.lengths is not None
    return int(call.lengths.sum()) < LEAST * call.x.shape[0] * call.x.shape[1]


def run_gated(call: Call) -> Output:
    """Run a call with lengths through torch's LSTM for equal ones, layer by layer."""
    assert call.lengths is not None
    padding = (torch.arange(call.x.shape[0]).unsqueeze(1) >= call.lengths).unsqueeze(2)
    how = (call.bias, 1, 0.0, False, call.bidirectional, False)
    y, states = call.x.masked_fill(padding, 0.0), []
    for k in range(call.num_layers):
        own = call.layer(k, torch.cat([y, padding.to(y.dtype)], 2))
        y, _, c = torch._VF.lstm(own.x, own.state, _with_gates(own), *how)
        y = y.masked_fill(padding, 0.0)
        states.append((_last(own, y, call.lengths), c))
    return Output(y, tuple(torch.cat(parts) for parts in zip(*states, strict=True)))


def _with_gates(call: Call) -> list[Tensor]:
    """Return the weights of a layer with those of the further input."""
    each = len(call.weights) // call.directions
    column = call.weights[0].new_tensor([-SHUT, SHUT, 0.0, -SHUT]).repeat_interleave(call.hidden).unsqueeze(1)
    return [torch.cat([w, column], 1) if k % each == 0 else w for k, w in enumerate(call.weights)]


def _last(call: Call, y: Tensor, lengths: Tensor) -> Tensor:
    """Return the output (D, B, H) after each sequence's last step, of which there is one at least."""
    ends = y[lengths - 1, torch.arange(len(lengths))]
    if not call.bidirectional:
        return ends.unsqueeze(0)
    return torch.stack([ends[:, : call.hidden], y[0, :, call.hidden :]])
