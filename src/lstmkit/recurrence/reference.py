"""The loop over time in plain PyTorch, for every cell: the truth every backend is tested against.

It works on any device and any floating type, differentiates to any order, and is slow: one Python step per time step.
The steps themselves stand in `cells/`.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from lstmkit.recurrence.call import Call, Output
from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, State, Weights


def run_direction(
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Weights,
    *,
    masks: Masks = NO_MASKS,
    lengths: Tensor | None = None,
    backward: bool = False,
) -> tuple[Tensor, State]:
    """Run one layer in one direction over a padded batch.

    x        (T, B, I)
    state    each (B, width)
    weights  of this direction of this layer, by name
    masks    each (T or 1, B or 1, H)
    lengths  (B,) or None; a sequence's state stops changing where it ends, and its output there is zero
    backward from each sequence's own last step to its first
    Returns  y (T, B, P) and the final state
    """
    alive = None
    if lengths is not None:  # a NaN in the padding would pass the backward of torch.where, as 0 * NaN
        alive = (torch.arange(x.shape[0])[:, None] < lengths.cpu()).to(x.device)[..., None]
        x = torch.where(alive, x, x.new_zeros(()))
    # Taken apart in one go: what torch.jit.trace makes of this loop then refuses another number of steps.
    inputs = cell.inputs(x, weights).unbind()
    steps = range(len(inputs))
    outputs: list[Tensor] = [x.new_empty(0)] * len(inputs)
    for t in reversed(steps) if backward else steps:
        y, after = cell.step(inputs[t], state, weights, masks.of_step(t))
        if alive is None:
            state, outputs[t] = after, y
        else:
            state = tuple(torch.where(alive[t], new, old) for new, old in zip(after, state, strict=True))
            outputs[t] = torch.where(alive[t], y, torch.zeros_like(y))
    return torch.stack(outputs), state


class RunDirection(Protocol):
    """A way of running one layer in one direction, such as `run_direction` of one cell."""

    def __call__(
        self, x: Tensor, state: State, weights: Weights, *, masks: Masks, lengths: Tensor | None, backward: bool
    ) -> tuple[Tensor, State]:
        """Return y (T, B, P) and the final state."""


def run_layers(call: Call, run: RunDirection) -> Output:
    """Run every layer and direction of `call` by `run`, one after another.

    Returns  the output of the last layer and the final states, as `Output` describes them
    """
    layer_input = call.x
    final: list[State] = []
    for layer in range(call.num_layers):
        outputs = []
        for direction in range(call.directions):
            k = layer * call.directions + direction
            y, state = run(
                layer_input,
                tuple(s[k] for s in call.state),
                call.weights_of(layer, direction),
                masks=call.masks.of_state(k),
                lengths=call.lengths,
                backward=direction == 1,
            )
            outputs.append(y)
            final.append(state)
        layer_input = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
    return Output(layer_input, tuple(torch.stack(parts) for parts in zip(*final, strict=True)))


def run_reference(call: Call) -> Output:
    """Run `call` step by step."""
    return run_layers(call, partial(run_direction, call.cell))
