"""The Elman network: one tanh, no gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, Sizes, State, Weights


@dataclass(frozen=True)
class Rnn(Cell):
    """The Elman network, which is torch.nn.RNN.

        h' = tanh(W x + b_ih + R h + b_hh)

    Source  Elman 1990
    """

    states: ClassVar[tuple[str, ...]] = ("h",)

    @property
    def name(self) -> str:
        """The name in CELLS."""
        return "rnn"

    def weight_shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Return torch's names and shapes."""
        H = sizes.hidden
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (H, sizes.inputs), "weight_hh": (H, H)}
        return shapes | {"bias_ih": (H,), "bias_hh": (H,)} if sizes.bias else shapes

    def forget_rows(self, hidden: int) -> slice | None:
        """Return None: there is no gate."""
        return None

    def inputs(self, x: Tensor, weights: Weights) -> Tensor:
        """Return W x + b_ih + b_hh (..., H)."""
        bias = weights["bias_ih"] + weights["bias_hh"] if "bias_ih" in weights else None
        return functional.linear(x, weights["weight_ih"], bias)

    def step(self, inputs: Tensor, state: State, weights: Weights, masks: Masks = NO_MASKS) -> tuple[Tensor, State]:
        """Advance by one step; the equation is in the class's description."""
        (h,) = state
        h_new = torch.tanh(inputs + functional.linear(h, weights["weight_hh"]))
        return h_new, (h_new,)

    def step_gradients(
        self, inputs: Tensor, state: State, weights: Weights, masks: Masks, dy: Tensor, dstate: State
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """Return the step's gradients, derived by hand; a name with d is the gradient by what follows."""
        (h,) = state
        h_new, _ = self.step(inputs, state, weights)
        da = (dy + dstate[0]) * (1 - h_new**2)
        return da, (da @ weights["weight_hh"],), {"weight_hh": da.T @ h}
