"""One call of a recurrence, as a value: everything a backend needs, checked once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, Sizes, State, Weights
from lstmkit.recurrence.shapes import Shapes, check_shapes, known_shapes, shapes


@dataclass(frozen=True, slots=True)
class Call:
    """A stack of layers of one cell applied to a batch of sequences.

    Letters: B batch, T time, I input, H hidden, P width of the output (H, or `proj_size`), K layers, D directions.

    cell           the member of the family
    x              (T, B, I) time-major input; rows beyond a sequence's length are padding and never read
    state          initial state, one tensor (K * D, B, its width) for each of the cell's states
    weights        for each layer and direction what `cell.weight_shapes` names, in its order
    hidden         H
    output         P
    num_layers     K
    bidirectional  whether D is 2
    bias           whether the weights include biases
    lengths        (B,) int64 on the CPU, or None when every sequence fills all T steps
    masks          random masks, drawn by the caller
    """

    cell: Cell
    x: Tensor
    state: State
    weights: tuple[Tensor, ...]
    hidden: int
    output: int
    num_layers: int = 1
    bidirectional: bool = False
    bias: bool = True
    lengths: Tensor | None = None
    masks: Masks = NO_MASKS

    @property
    def directions(self) -> int:
        """1, or 2 if bidirectional."""
        return 2 if self.bidirectional else 1

    def sizes(self, layer: int) -> Sizes:
        """Return the sizes of layer number `layer`."""
        inputs = self.x.shape[-1] if layer == 0 else self.directions * self.output
        return Sizes(inputs, self.hidden, self.output, self.bias)

    def weights_of(self, layer: int, direction: int) -> Weights:
        """Return the weights of one direction of one layer by name."""
        names = self.cell.weight_shapes(self.sizes(layer))
        first = (layer * self.directions + direction) * len(names)
        return dict(zip(names, self.weights[first : first + len(names)], strict=True))

    def layer(self, k: int, x: Tensor) -> Call:
        """Return the call of layer number `k` alone, on the output x of the one below."""
        D, n = self.directions, len(self.weights) // self.num_layers
        at = slice(k * D, (k + 1) * D)
        return dataclasses.replace(
            self,
            x=x,
            state=tuple(s[at] for s in self.state),
            weights=self.weights[k * n : (k + 1) * n],
            num_layers=1,
            masks=type(self.masks)(*(None if m is None else m[at] for m in self.masks.in_order())),
        )

    def check(self) -> None:
        """Raise InputError unless every tensor has the shape that the cell and the sizes ask for."""
        find = shapes if torch.compiler.is_compiling() else known_shapes
        wanted: Shapes = find(
            self.cell, self.x.shape[-1], self.hidden, self.output, self.num_layers, self.directions, bias=self.bias
        )
        check_shapes(wanted, self.x, self.state, self.weights, self.lengths, self.masks.in_order())

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor that may want a gradient: x, the state, the weights."""
        return (self.x, *self.state, *self.weights)


@dataclass(frozen=True, slots=True)
class Output:
    """What a backend returns.

    y      (T, B, D * P); zero where a sequence has ended
    state  as `Call.state`, after each sequence's last step (its first, in the backward direction)
    """

    y: Tensor
    state: State


def state_tensors(cell: Cell, given: State | Tensor | None) -> State | None:
    """Return a state as the tuple it is to the recurrences.

    given   a tuple of what `cell.states` names; for cells of one state the tensor alone, as torch.nn.GRU takes it; None
    Raises  InputError for anything else
    """
    if given is None:
        return None
    if isinstance(given, Tensor):
        if len(cell.states) == 1:
            return (given,)
        raise InputError(f"LSTM: the state of {cell.name} is a tuple of {', '.join(cell.states)}; got one tensor")
    if not isinstance(given, tuple | list) or not all(isinstance(s, Tensor) for s in given):
        kinds = [type(s).__name__ for s in given] if isinstance(given, tuple | list) else [type(given).__name__]
        wanted = ", ".join(cell.states)
        raise InputError(f"LSTM: the state of {cell.name} is a tuple of the tensors {wanted}; got {', '.join(kinds)}")
    return tuple(given)
