"""The LSTM in plain PyTorch: the only place with the formula, and the truth every backend is tested against.

It works on any device and any floating type, differentiates to any order, and is slow: one Python step per time step.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lstmkit.recurrence.call import LstmCall, LstmOutput

State = tuple[Tensor, Tensor]


def lstm_step(gates_x: Tensor, state: State, w_hh: Tensor, w_hr: Tensor | None = None) -> State:
    """Advance an LSTM by one step.

    gates_x  (B, 4H) input part of the gates, both biases included, order i f g o
    state    (h, c): (B, P) and (B, H), same type and device as gates_x
    w_hh     (4H, P)
    w_hr     (P, H) recurrent projection, or None, and then P = H
    Returns  (h, c), shaped like `state`
    Raises   ValueError if H or P differ between the arguments; all shapes are named
    Source   Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000;
             projection: Sak, Senior & Beaufays 2014
    """
    h, c = state
    P, H = h.shape[-1], c.shape[-1]
    projection = (H, H) if w_hr is None else tuple(w_hr.shape)
    if gates_x.shape[-1] != 4 * H or w_hh.shape != (4 * H, P) or projection != (P, H):
        raise ValueError(
            f"lstm_step: gates_x {tuple(gates_x.shape)}, h {tuple(h.shape)}, c {tuple(c.shape)}, w_hh "
            f"{tuple(w_hh.shape)} and w_hr {None if w_hr is None else tuple(w_hr.shape)} do not belong to one LSTM; "
            f"expected (B, 4H), (B, P), (B, H), (4H, P) and (P, H), or P = H without w_hr"
        )
    i, f, g, o = (gates_x + h @ w_hh.T).chunk(4, dim=-1)
    i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)
    c = f * c + i * torch.tanh(g)
    h = o * torch.tanh(c)
    if w_hr is not None:
        h = h @ w_hr.T
    return h, c


def lstm_direction(
    x: Tensor, state: State, weights: tuple[Tensor, ...], *, bias: bool, lengths: Tensor | None, backward: bool
) -> tuple[Tensor, State]:
    """Run one layer in one direction over a padded batch.

    x        (T, B, I)
    state    (h, c): (B, P) and (B, H)
    weights  w_ih, w_hh, then b_ih and b_hh if `bias`, then w_hr if projected
    lengths  (B,) or None; a sequence's state stops changing where it ends, and its output there is zero
    backward from each sequence's own last step to its first
    Returns  y (T, B, P) and the final (h, c)
    """
    w_ih, w_hh = weights[:2]
    b_ih, b_hh = weights[2:4] if bias else (None, None)
    w_hr = weights[-1] if len(weights) in (3, 5) else None
    alive = None
    if lengths is not None:  # a NaN in the padding would pass the backward of torch.where, as 0 * NaN
        alive = (torch.arange(x.shape[0])[:, None] < lengths.cpu()).to(x.device)[..., None]
        x = torch.where(alive, x, x.new_zeros(()))
    gates_x = functional.linear(x, w_ih, None if b_ih is None or b_hh is None else b_ih + b_hh)
    steps = range(x.shape[0])
    outputs: list[Tensor] = [x.new_empty(0)] * x.shape[0]
    for t in reversed(steps) if backward else steps:
        after = lstm_step(gates_x[t], state, w_hh, w_hr)
        if alive is None:
            state = after
            outputs[t] = state[0]
        else:
            state = (torch.where(alive[t], after[0], state[0]), torch.where(alive[t], after[1], state[1]))
            outputs[t] = torch.where(alive[t], after[0], torch.zeros_like(after[0]))
    return torch.stack(outputs), state


def lstm_reference(call: LstmCall) -> LstmOutput:
    """Run every layer and direction of `call`, one after another.

    Returns  the output of the last layer and the final states, as `LstmOutput` describes them
    """
    layer_input = call.x
    final_h: list[Tensor] = []
    final_c: list[Tensor] = []
    n = call.weights_per_direction
    for layer in range(call.num_layers):
        outputs = []
        for direction in range(call.directions):
            k = layer * call.directions + direction
            y, (h, c) = lstm_direction(
                layer_input,
                (call.h0[k], call.c0[k]),
                call.weights[k * n : (k + 1) * n],
                bias=call.bias,
                lengths=call.lengths,
                backward=direction == 1,
            )
            outputs.append(y)
            final_h.append(h)
            final_c.append(c)
        layer_input = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
        if call.dropout > 0 and call.training and layer < call.num_layers - 1:
            layer_input = functional.dropout(layer_input, call.dropout, training=True)
    return LstmOutput(layer_input, torch.stack(final_h), torch.stack(final_c))
