"""The gates of an LSTM over time, unrolled from its weights step by step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.nn import LSTM
from lstmkit.recurrence import Cell, Masks
from lstmkit.recurrence.cell import State, Weights
from lstmkit.recurrence.cells import Lstm


@dataclass(frozen=True)
class GateValues:
    """What happened inside one direction of one layer, each (T, B, H), steps in the order of the input.

    input, forget, output  the gates i, f and o, between 0 and 1
    candidate              g, what the input gate lets into the cell, between -1 and 1
    cell                   the state c after the step
    hidden                 the output h after the step, (T, B, P)
    """

    input: Tensor
    forget: Tensor
    output: Tensor
    candidate: Tensor
    cell: Tensor
    hidden: Tensor


def has_gates(cell: Cell) -> bool:
    """Return whether the gates of this cell can be shown: every form of the LSTM with gates i, f, g, o."""
    return isinstance(cell, Lstm)


def gate_values(lstm: LSTM, x: Tensor) -> list[GateValues]:
    """Unroll a layer, or a stack of layers, as it runs in evaluation.

    x        (T, B, I), or (B, T, I) if it is batch first
    Returns  the values of each layer and direction, in torch's order: layer 0, its reverse, layer 1, ...
    Raises   InputError if the cell has no such gates
    """
    cell = lstm.cell
    if not isinstance(cell, Lstm):
        raise InputError(f"explain gates: the gates of the cell {cell.name} cannot be shown; those of lstm can")
    layer_input = x.transpose(0, 1) if lstm.batch_first else x
    H, P = lstm.hidden_size, lstm.proj_size or lstm.hidden_size
    masks = lstm.regularization.masks(layer_input, lstm.num_layers * lstm.directions, H, P, training=False)
    found: list[GateValues] = []
    for layer in range(lstm.num_layers):
        outputs = []
        for direction in range(lstm.directions):
            suffix = f"_l{layer}" + ("_reverse" if direction else "")
            weights = {n.removesuffix(suffix): p for n, p in lstm.named_weights().items() if n.endswith(suffix)}
            steps = layer_input.flip(0) if direction else layer_input
            values = _unroll(cell, steps, weights, masks.of_state(len(found)).of_step(0))
            if direction:
                values = GateValues(*(getattr(values, name).flip(0) for name in GateValues.__dataclass_fields__))
            found.append(values)
            outputs.append(values.hidden)
        layer_input = torch.cat(outputs, dim=-1)
    return found


def _unroll(cell: Lstm, x: Tensor, weights: Weights, masks: Masks) -> GateValues:
    """Run one direction of one layer, step by step."""
    inputs = cell.inputs(x, weights)
    P, H = weights["weight_hh"].shape[1], weights["weight_hh"].shape[0] // cell.gates
    state: State = (x.new_zeros(x.shape[1], P), x.new_zeros(x.shape[1], H))
    found = []
    for step in inputs:
        gates = cell.gate_values(step, state, weights, masks)
        _, state = cell.step(step, state, weights, masks)
        found.append((*gates, state[0]))
    return GateValues(*(torch.stack(values) for values in zip(*found, strict=True)))
