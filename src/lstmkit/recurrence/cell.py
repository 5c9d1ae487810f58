"""What a cell of the family is: settings, the shapes of its weights and states, one step, and the step's gradients.

A cell is a frozen dataclass of settings with pure functions on it. It holds no tensor. The loop over time, lengths,
directions and stacking stand in `reference.py`, once for all cells.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import init

Weights = Mapping[str, Tensor]
"""Tensors of one direction of one layer by name, such as "weight_hh"; in the order of `Cell.weight_shapes`."""
State = tuple[Tensor, ...]
"""The state of a cell: (B, width) each; the first one is h, which the next layer or the user reads."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of one layer.

    inputs   I, width of the input
    hidden   H, width of the cell
    output   P, width of the output: H, or the width of the recurrent projection
    bias     whether there are biases
    """

    inputs: int
    hidden: int
    output: int
    bias: bool

    @property
    def projected(self) -> bool:
        """Whether the output is a projection of the cell's."""
        return self.output != self.hidden


@dataclass(frozen=True, slots=True)
class Masks:
    """Random masks of a call, drawn by the caller; None where there is none.

    For a call each is (K * D, T or 1, B or 1, H); for one step (B or 1, H). All are numbers that multiply.

    zoneout_h   share of the old h that is kept (0 or 1 in training, the rate itself in evaluation)
    zoneout_c   the same for c
    candidate   what the candidate g is multiplied by: recurrent dropout without memory loss
    state       what h is multiplied by where the recurrence reads it: locked dropout on the state
    """

    zoneout_h: Tensor | None = None
    zoneout_c: Tensor | None = None
    candidate: Tensor | None = None
    state: Tensor | None = None

    def of_state(self, k: int) -> Masks:
        """Return the masks (T or 1, B or 1, H) of direction and layer number `k`."""
        return Masks(*(None if m is None else m[k] for m in self.in_order()))

    def of_step(self, t: int) -> Masks:
        """Return the masks (B or 1, H) of step `t`, from masks that `of_state` returned."""
        return Masks(*(None if m is None else m[t if m.shape[0] > 1 else 0] for m in self.in_order()))

    def in_order(self) -> tuple[Tensor | None, ...]:
        """Return the four masks in the order of the fields, which is also the kernel's."""
        return (self.zoneout_h, self.zoneout_c, self.candidate, self.state)


NO_MASKS = Masks()


class Cell(ABC):
    """One member of the LSTM family."""

    states: ClassVar[tuple[str, ...]] = ("h", "c")
    """Names of the tensors of the state."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name under which `cell=` finds these settings, or describes them."""

    @abstractmethod
    def weight_shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the weights of one direction of one layer; torch's where torch has them."""

    def state_widths(self, sizes: Sizes) -> tuple[int, ...]:
        """Return the width of each tensor of the state."""
        return (sizes.output,) + (sizes.hidden,) * (len(self.states) - 1)

    def unsupported(self, sizes: Sizes, masks: Masks) -> str:
        """Return "" or one sentence why these sizes or masks make no sense for this cell."""
        if sizes.projected:
            return f"{self.name} has no recurrent projection"
        if any(m is not None for m in masks.in_order()):
            return f"{self.name} has no zoneout and no dropout on its state or candidate"
        return ""

    def initialize(self, weights: Weights, sizes: Sizes) -> None:
        """Fill fresh weights in place: uniform in ±1/√H, as torch does."""
        bound = 1 / math.sqrt(sizes.hidden) if sizes.hidden else 0.0
        for weight in weights.values():
            init.uniform_(weight, -bound, bound)

    def forget_rows(self, hidden: int) -> slice | None:
        """Return which rows of the biases belong to the forget gate, or None if the cell has none of its own."""
        return slice(hidden, 2 * hidden)

    @abstractmethod
    def inputs(self, x: Tensor, weights: Weights) -> Tensor:
        """Return the part of a step that needs no state, for any number of steps: (..., I) to (..., its width)."""

    @abstractmethod
    def step(self, inputs: Tensor, state: State, weights: Weights, masks: Masks = NO_MASKS) -> tuple[Tensor, State]:
        """Advance by one step.

        inputs   (B, its width) what `inputs` returned for this step
        state    as `state_widths` says, each (B, width)
        masks    of this step
        Returns  the output (B, P) and the state after the step
        """

    @abstractmethod
    def step_gradients(
        self, inputs: Tensor, state: State, weights: Weights, masks: Masks, dy: Tensor, dstate: State
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """Return the gradients of one step, derived by hand.

        inputs, state, weights, masks   as given to `step`
        dy       (B, P) gradient of the output
        dstate   gradients of the state after the step
        Returns  gradients of `inputs` and of `state`, and of each weight that `step` reads, summed over the batch
        """


def rows(matrix: Tensor, rows: int) -> tuple[Tensor, ...]:
    """Split the last axis into `rows` equal parts: the gates of a row of pre-activations."""
    return torch.chunk(matrix, rows, dim=-1)


def masked(value: Tensor, mask: Tensor | None) -> Tensor:
    """Return value * mask, or value if there is no mask."""
    return value if mask is None else value * mask


def blend(old: Tensor, new: Tensor, share: Tensor | None) -> Tensor:
    """Return share * old + (1 - share) * new, or `new` if there is no share: zoneout."""
    return new if share is None else share * old + (1 - share) * new
