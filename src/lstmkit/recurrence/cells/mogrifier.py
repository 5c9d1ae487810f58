"""The Mogrifier: input and state scale each other in turn before an ordinary LSTM step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lstmkit.ranges import NOT_NEGATIVE, check_fields
from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, Sizes, State, Weights
from lstmkit.recurrence.cells.lstm import Lstm

PLAIN = Lstm()


@dataclass(frozen=True)
class Mogrifier(Cell):
    """Settings of the Mogrifier LSTM.

    With σ the logistic function and * elementwise, one round after the other:

        x ← 2 σ(Q_k h) * x      in the rounds k = 1, 3, 5, ...
        h ← 2 σ(R_k x) * h      in the rounds k = 2, 4, 6, ...

    and then the step of `Lstm` on this x and h. The input part of the gates therefore depends on the state, so nothing
    can be computed for all steps at once.

    rounds  how many of these; 0 is the plain LSTM
    rank    None, or the rank of every Q_k and R_k, each then a product left · right
    Raises  InputError if `rounds` is negative, or `rank` is not positive
    Source  Melis, Kočiský & Blunsom 2020
    """

    rounds: int = 5
    rank: int | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, {"rounds": NOT_NEGATIVE}, "Mogrifier")

    @property
    def name(self) -> str:
        """The name in CELLS."""
        return "mogrifier"

    def weight_shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of torch's LSTM, then those of Q_1, R_2, Q_3 and so on."""
        shapes = PLAIN.weight_shapes(sizes)
        for k in range(1, self.rounds + 1):
            height, width = (sizes.inputs, sizes.hidden) if k % 2 else (sizes.hidden, sizes.inputs)
            if self.rank is None:
                shapes[f"weight_round_{k}"] = (height, width)
            else:
                shapes[f"weight_round_{k}_left"] = (height, self.rank)
                shapes[f"weight_round_{k}_right"] = (self.rank, width)
        return shapes

    def inputs(self, x: Tensor, weights: Weights) -> Tensor:
        """Return x (..., I) itself."""
        return x

    def step(self, inputs: Tensor, state: State, weights: Weights, masks: Masks = NO_MASKS) -> tuple[Tensor, State]:
        """Advance by one step; the equations are in the class's description."""
        h, c = state
        x = inputs
        for k in range(1, self.rounds + 1):
            if k % 2:
                x = 2 * torch.sigmoid(self._product(h, k, weights)) * x
            else:
                h = 2 * torch.sigmoid(self._product(x, k, weights)) * h
        return PLAIN.step(PLAIN.inputs(x, weights), (h, c), weights)

    def _product(self, value: Tensor, k: int, weights: Weights) -> Tensor:
        """Return Q_k h or R_k x."""
        if self.rank is None:
            return functional.linear(value, weights[f"weight_round_{k}"])
        inner = functional.linear(value, weights[f"weight_round_{k}_right"])
        return functional.linear(inner, weights[f"weight_round_{k}_left"])

    def step_gradients(
        self, inputs: Tensor, state: State, weights: Weights, masks: Masks, dy: Tensor, dstate: State
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """Return the step's gradients, derived by hand; a name with d is the gradient by what follows."""
        h, c = state
        x = inputs
        rounds = []
        for k in range(1, self.rounds + 1):
            source, target = (h, x) if k % 2 else (x, h)
            gate = torch.sigmoid(self._product(source, k, weights))
            rounds.append((k, source, target, gate))
            if k % 2:
                x = 2 * gate * target
            else:
                h = 2 * gate * target

        # the LSTM's step on the last x and h
        da, (dh, dc), found = PLAIN.step_gradients(PLAIN.inputs(x, weights), (h, c), weights, masks, dy, dstate)
        dx = da @ weights["weight_ih"]
        found["weight_ih"] = da.T @ x
        found |= {name: da.sum(0) for name in ("bias_ih", "bias_hh") if name in weights}

        # target' = 2 σ(Q source) * target, from the last round to the first
        for k, source, target, gate in reversed(rounds):
            dtarget = dx if k % 2 else dh
            dproduct = 2 * dtarget * target * gate * (1 - gate)
            dsource, of_matrix = self._product_gradients(source, k, weights, dproduct)
            found |= of_matrix
            if k % 2:
                dx, dh = 2 * gate * dx, dh + dsource
            else:
                dx, dh = dx + dsource, 2 * gate * dh
        return dx, (dh, dc), found

    def _product_gradients(
        self, value: Tensor, k: int, weights: Weights, dproduct: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the gradients of the vector and of the matrix, or of its two factors."""
        if self.rank is None:
            name = f"weight_round_{k}"
            return dproduct @ weights[name], {name: dproduct.T @ value}
        left, right = f"weight_round_{k}_left", f"weight_round_{k}_right"
        dinner = dproduct @ weights[left]
        inner = functional.linear(value, weights[right])
        return dinner @ weights[right], {left: dproduct.T @ inner, right: dinner.T @ value}
