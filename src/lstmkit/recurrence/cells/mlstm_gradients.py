"""The gradients of one step of `MLstm`, derived by hand."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lstmkit.recurrence.cell import State
from lstmkit.recurrence.cells.mlstm import MLstm


def mlstm_step_gradients(
    cell: MLstm, inputs: Tensor, state: State, dy: Tensor, dstate: State
) -> tuple[Tensor, State, dict[str, Tensor]]:
    """Return the gradients of one step; a name that begins with d is the gradient of the loss by what follows.

    cell     the settings
    inputs, state, dy, dstate   as in `Cell.step_gradients`; the gradient of m' is not read, since m' is a constant
    Returns  gradients of `inputs` and of (h, c, n, m), and none of weights: `step` reads no weight
    Source   the chain rule on the equations of `MLstm`
    """
    q, k, v, o, log_i, log_f = cell.parts(inputs)
    C, n, m = cell.memory(state)
    m_new = torch.maximum(log_f + m, log_i)
    i, f = torch.exp(log_i - m_new), torch.exp(log_f + m - m_new)
    C_new = f[..., None, None] * C + i[..., None, None] * _outer(v, k)
    n_new = f[..., None] * n + i[..., None] * k
    product = (n_new * q).sum(-1)
    least = torch.exp(-m_new).clamp(min=torch.finfo(m.dtype).tiny)
    divisor = torch.maximum(product.abs(), least)
    inner = _apply(C_new, q) / divisor[..., None]
    dC_new, dn_new, _ = cell.memory(dstate)

    # h' = o * inner
    dh_new = dy + dstate[0]
    do, dinner = dh_new * inner.flatten(1), torch.unflatten(dh_new * o, -1, (cell.heads, -1))

    # inner = C' q / max(|n'ᵀ q|, exp(-m'))
    dread = dinner / divisor[..., None]
    ddivisor = -(dread * inner).sum(-1)
    dproduct = torch.where(product.abs() > least, ddivisor * product.sign(), torch.zeros_like(product))[..., None]
    dq = _apply(C_new.mT, dread) + dproduct * n_new
    dC_new, dn_new = dC_new + _outer(dread, q), dn_new + dproduct * q

    # C' = f' C + i' v kᵀ   n' = f' n + i' k
    di = (v * _apply(dC_new, k)).sum(-1) + (dn_new * k).sum(-1)
    df = (dC_new * C).sum((-1, -2)) + (dn_new * n).sum(-1)
    dv = i[..., None] * _apply(dC_new, k)
    dk = i[..., None] * (_apply(dC_new.mT, v) + dn_new)
    dC, dn = f[..., None, None] * dC_new, f[..., None] * dn_new

    # i' = exp(log i - m')   f' = exp(log f + m - m')   with m' constant;   log f = log σ(a_f), and exp(log f) = σ(a_f)
    da_i, dm = di * i, df * f
    da_f = -dm * torch.expm1(log_f)
    da_k = dk / math.sqrt(k.shape[-1])
    dinputs = torch.cat((dq.flatten(1), da_k.flatten(1), dv.flatten(1), do * o * (1 - o), da_i, da_f), dim=-1)
    return dinputs, (torch.zeros_like(dy), dC.flatten(1), dn.flatten(1), dm), {}


def _outer(column: Tensor, row: Tensor) -> Tensor:
    return column[..., :, None] * row[..., None, :]


def _apply(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector[..., None]).squeeze(-1)
