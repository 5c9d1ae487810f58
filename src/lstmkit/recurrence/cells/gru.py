"""The gated recurrent unit, in the form that torch and cuDNN compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, Sizes, State, Weights, rows


@dataclass(frozen=True)
class Gru(Cell):
    """The gated recurrent unit with gates r, z, n, which is torch.nn.GRU.

    With σ the logistic function, a = W x + b_ih, u = R h + b_hh, and * elementwise:

        r = σ(a_r + u_r)   z = σ(a_z + u_z)   n = tanh(a_n + r * u_n)
        h' = (1 - z) * n + z * h

    The reset gate acts after the product R_n h, as in torch; in the paper it acts on h before it.

    Source  Cho et al. 2014; the reset after the product: Chung et al. 2014 and cuDNN
    """

    states: ClassVar[tuple[str, ...]] = ("h",)

    @property
    def name(self) -> str:
        """The name in CELLS."""
        return "gru"

    def weight_shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Return torch's names and shapes."""
        H = sizes.hidden
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (3 * H, sizes.inputs), "weight_hh": (3 * H, H)}
        return shapes | {"bias_ih": (3 * H,), "bias_hh": (3 * H,)} if sizes.bias else shapes

    def forget_rows(self, hidden: int) -> slice | None:
        """Return None: z both forgets and writes."""
        return None

    def inputs(self, x: Tensor, weights: Weights) -> Tensor:
        """Return W x + b_ih (..., 3H); b_hh stays with R h, whose last third the reset gate multiplies."""
        return functional.linear(x, weights["weight_ih"], weights.get("bias_ih"))

    def step(self, inputs: Tensor, state: State, weights: Weights, masks: Masks = NO_MASKS) -> tuple[Tensor, State]:
        """Advance by one step; the equations are in the class's description."""
        (h,) = state
        a_r, a_z, a_n = rows(inputs, 3)
        u_r, u_z, u_n = rows(functional.linear(h, weights["weight_hh"], weights.get("bias_hh")), 3)
        r, z = torch.sigmoid(a_r + u_r), torch.sigmoid(a_z + u_z)
        n = torch.tanh(a_n + r * u_n)
        h_new = (1 - z) * n + z * h
        return h_new, (h_new,)

    def step_gradients(
        self, inputs: Tensor, state: State, weights: Weights, masks: Masks, dy: Tensor, dstate: State
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """Return the step's gradients, derived by hand; a name with d is the gradient by what follows."""
        (h,) = state
        a_r, a_z, a_n = rows(inputs, 3)
        u_r, u_z, u_n = rows(functional.linear(h, weights["weight_hh"], weights.get("bias_hh")), 3)
        r, z = torch.sigmoid(a_r + u_r), torch.sigmoid(a_z + u_z)
        n = torch.tanh(a_n + r * u_n)

        # h' = (1 - z) * n + z * h
        dh_new = dy + dstate[0]
        dz, dn = dh_new * (h - n), dh_new * (1 - z)

        # n = tanh(a_n + r * u_n)
        da_n = dn * (1 - n**2)
        dr, du_n = da_n * u_n, da_n * r

        # r and z: a and u have the same gradient
        da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
        dinputs, du = torch.cat((da_r, da_z, da_n), dim=-1), torch.cat((da_r, da_z, du_n), dim=-1)

        # u = R h + b_hh
        found = {"weight_hh": du.T @ h}
        if "bias_hh" in weights:
            found["bias_hh"] = du.sum(0)
        return dinputs, (dh_new * z + du @ weights["weight_hh"],), found
