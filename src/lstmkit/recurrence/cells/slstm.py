"""The sLSTM: exponential gates, a normaliser beside the cell, and heads that mix only within themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional, init

from lstmkit.errors import InputError
from lstmkit.ranges import NOT_NEGATIVE, check_fields
from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, Sizes, State, Weights, rows


@dataclass(frozen=True)
class SLstm(Cell):
    """Settings of the sLSTM, with gates i, f, z, o.

    With σ the logistic function, a = W x + R h + b, * and / elementwise:

        z = tanh(a_z)   o = σ(a_o)   log i = a_i   log f = log σ(a_f)
        m' = max(log f + m, log i)
        i' = exp(log i - m')   f' = min(exp(log f + m - m'), 1)
        c' = f' * c + i' * z
        n' = f' * n + i'
        h' = o * c' / n'

    A row whose n is all zero is at its start: there m' = log i, so n' is 1 and never below 1 after.

    R is block-diagonal: a row of weight_hh has D = H / heads numbers, for the units of its own head; see
    `dense_recurrent`. Convolution, projections and group norm of the paper's block are left to the user.

    Only c e^m and n e^m matter: m is a shift that keeps the exponentials finite, and h is the same for any other. So m'
    is taken as a constant. The gradients of outputs, now and later, and of c' e^m' and n' e^m' are still exact, to any
    order; those of c' or n' by themselves are for a fixed m'. The m that is given has its true gradient, which is zero
    from the start. The m' that is returned has none: `step_gradients` does not read its part of dstate.

    heads               how many blocks R has; must divide H
    block, blocks       the place of the layer among `blocks` of a stack, from 0; it sets the spread of forget biases
    exponential_forget  log f = a_f instead of log σ(a_f)
    Raises              InputError if `heads`, `block` or `blocks` is none of these
    Source              Beck et al. 2024, arXiv 2405.04517; start, limits and initial weights: the authors' code
    """

    states: ClassVar[tuple[str, ...]] = ("h", "c", "n", "m")

    heads: int = 1
    block: int = 0
    blocks: int = 1
    exponential_forget: bool = False

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, {"block": NOT_NEGATIVE}, "SLstm")
        if self.block >= self.blocks:
            raise InputError(f"SLstm: block must be an integer in 0..{self.blocks - 1}; got {self.block!r}")

    @property
    def name(self) -> str:
        """The name in CELLS."""
        return "slstm"

    def weight_shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Return the names of torch's LSTM; weight_hh has the columns of one head only."""
        G = 4 * sizes.hidden
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (G, sizes.inputs),
            "weight_hh": (G, sizes.hidden // self.heads),
        }
        return shapes | {"bias_ih": (G,), "bias_hh": (G,)} if sizes.bias else shapes

    def unsupported(self, sizes: Sizes, masks: Masks) -> str:
        """Return "" if the heads divide H and nothing is asked that the sLSTM has not."""
        if sizes.hidden % self.heads:
            return f"{self.heads} heads do not divide the {sizes.hidden} units of an sLSTM"
        return super().unsupported(sizes, masks)

    def initialize(self, weights: Weights, sizes: Sizes) -> None:
        """Fill weight_ih as torch does, R and biases with zeros, and spread the forget biases from 5 down to -7.

        Unit j of the D of a head has 5 - 12 (j / (D - 1))^p with p = 0.3 + 1.3 block / (blocks - 1): long memories and
        short ones, and more long ones in later layers.
        """
        for name, weight in weights.items():
            if name != "weight_ih":
                init.zeros_(weight)
        bound = 1 / math.sqrt(sizes.hidden) if sizes.hidden else 0.0
        init.uniform_(weights["weight_ih"], -bound, bound)
        if "bias_ih" in weights:
            D = sizes.hidden // self.heads
            power = 0.3 + 1.3 * self.block / max(self.blocks - 1, 1)
            spread = 5 - 12 * (torch.arange(D, dtype=torch.float64) / max(D - 1, 1)) ** power
            with torch.no_grad():
                weights["bias_ih"][self.forget_rows(sizes.hidden)] = spread.repeat(self.heads).to(weights["bias_ih"])

    def dense_recurrent(self, weight_hh: Tensor) -> Tensor:
        """Return R as one matrix (4H, H), zero outside its blocks, from weight_hh (4H, H / heads)."""
        G, D = weight_hh.shape
        dense = weight_hh.new_zeros(4, self.heads, D, self.heads, D)
        dense.diagonal(dim1=1, dim2=3).copy_(weight_hh.reshape(4, self.heads, D, D).permute(0, 2, 3, 1))
        return dense.reshape(G, self.heads * D)

    def inputs(self, x: Tensor, weights: Weights) -> Tensor:
        """Return W x + b_ih + b_hh (..., 4H)."""
        bias = weights["bias_ih"] + weights["bias_hh"] if "bias_ih" in weights else None
        return functional.linear(x, weights["weight_ih"], bias)

    def step(self, inputs: Tensor, state: State, weights: Weights, masks: Masks = NO_MASKS) -> tuple[Tensor, State]:
        """Advance by one step; the equations are in the class's description."""
        h, c, n, m = state
        a_i, a_f, a_z, a_o = self._gates(inputs, h, weights)
        m_new, i, f, _ = self._memory(a_i, a_f, n, m)
        c_new = f * c + i * torch.tanh(a_z)
        n_new = f * n + i
        h_new = torch.sigmoid(a_o) * c_new / n_new
        return h_new, (h_new, c_new, n_new, m_new)

    def _gates(self, inputs: Tensor, h: Tensor, weights: Weights) -> tuple[Tensor, ...]:
        """Return the pre-activations of i, f, z, o."""
        D = h.shape[-1] // self.heads
        blocks = torch.unflatten(weights["weight_hh"], 0, (4, self.heads, D))
        recurrent = torch.einsum("bkd,gkud->bgku", torch.unflatten(h, -1, (self.heads, D)), blocks)
        return rows(inputs + recurrent.flatten(1), 4)

    def _memory(self, a_i: Tensor, a_f: Tensor, n: Tensor, m: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return m', i', f', and where f' is held at 1."""
        reach = m + (a_f if self.exponential_forget else functional.logsigmoid(a_f))
        starts = (n == 0).all(-1, keepdim=True)
        m_new = torch.where(starts, a_i, torch.maximum(reach, a_i)).detach()
        # limited before the exponential: after it, an infinity would make the gradient 0 * inf
        return m_new, torch.exp(a_i - m_new), torch.exp((reach - m_new).clamp(max=0)), reach > m_new

    def step_gradients(
        self, inputs: Tensor, state: State, weights: Weights, masks: Masks, dy: Tensor, dstate: State
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """Return the step's gradients, derived by hand; a name with d is the gradient by what follows."""
        h, c, n, m = state
        a_i, a_f, a_z, a_o = self._gates(inputs, h, weights)
        _, i, f, limited = self._memory(a_i, a_f, n, m)
        z, o = torch.tanh(a_z), torch.sigmoid(a_o)
        c_new, n_new = f * c + i * z, f * n + i

        # h' = o * c' / n'
        dh_new = dy + dstate[0]
        do = dh_new * c_new / n_new
        dc_new = dstate[1] + dh_new * o / n_new
        dn_new = dstate[2] - dh_new * o * c_new / n_new**2

        # c' = f' * c + i' * z   n' = f' * n + i'
        df, di, dz = dc_new * c + dn_new * n, dc_new * z + dn_new, dc_new * i

        # i' = exp(log i - m')   f' = min(exp(log f + m - m'), 1)   with m' constant
        da_i = di * i
        dm = torch.where(limited, torch.zeros_like(f), df * f)
        da_f = dm if self.exponential_forget else dm * torch.sigmoid(-a_f)
        da = torch.cat((da_i, da_f, dz * (1 - z**2), do * o * (1 - o)), dim=-1)

        # a = inputs + R h, head by head
        D = h.shape[-1] // self.heads
        of_units, of_heads = torch.unflatten(da, -1, (4, self.heads, D)), torch.unflatten(h, -1, (self.heads, D))
        dweight = torch.einsum("bgku,bkd->gkud", of_units, of_heads).reshape_as(weights["weight_hh"])
        dh = torch.einsum(
            "bgku,gkud->bkd", of_units, torch.unflatten(weights["weight_hh"], 0, (4, self.heads, D))
        ).flatten(1)
        return da, (dh, dc_new * f, dn_new * f, dm), {"weight_hh": dweight}
