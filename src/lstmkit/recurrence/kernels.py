"""Which cells the native kernel has, and how their settings and weights are written down for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lstmkit.recurrence.call import Call
from lstmkit.recurrence.cell import Cell
from lstmkit.recurrence.cells import ALstm, Gru, Lstm, Mogrifier, Rnn, SLstm
from lstmkit.recurrence.cells.lstm import Coupled, Norm
from lstmkit.recurrence.library import VECTORS

LSTM, ALSTM, MOGRIFIER, SLSTM, GRU, RNN = range(6)
"""The numbers of the cells in csrc/lstmkit.h."""


class KernelCell(NamedTuple):
    """A cell and its sizes as integers, the way operators and the C interface take them.

    heads is how many blocks the recurrent matrix has. vectors is the width in bytes of the vectors of the instruction
    set, on which the size of the memory between forward and backward depends: a compiler's cache on disk must not give
    the graph of one instruction set to another. The others are fields of `struct lstmkit_stack`.
    """

    cell: int
    H: int
    P: int
    K: int
    D: int
    bias: int
    vectors: int
    peephole: int = 0
    coupled: int = 0
    norm: int = 0
    period: int = 0
    lags: int = 0
    mean: int = 0
    rounds: int = 0
    rank: int = 0
    exponential: int = 0
    heads: int = 1


def kernel_refusal(cell: Cell) -> str:
    """Return "" if the kernel has `cell`, else one sentence why not."""
    if isinstance(cell, Lstm) and cell.clip is not None:
        return "it does not clip"
    if isinstance(cell, ALstm) and not (cell.mean or cell.share_score):
        return "it has one score for the cell and the output of an A-LSTM"
    if isinstance(cell, ALstm) and max(cell.lags) > 31:
        return "it takes lags of up to 31"
    if not isinstance(cell, Lstm | ALstm | Mogrifier | SLstm | Gru | Rnn):
        return f"it does not have the cell {cell.name}"
    return ""


def kernel_cell(call: Call) -> KernelCell:
    """Return how the kernel is told about the cell of `call`, for which `kernel_refusal` answered ""."""
    cell = call.cell
    sizes = (call.hidden, call.output, call.num_layers, call.directions, int(call.bias), VECTORS)
    if isinstance(cell, Lstm):
        coupled = {None: 0, "input": 1, "forget": 2}[cell.coupled]
        norm = {None: 0, "ba": 1, "gates": 2}[cell.layer_norm]
        return KernelCell(LSTM, *sizes, int(cell.peephole), coupled, norm)
    if isinstance(cell, ALstm):
        lags = sum(1 << (lag - 1) for lag in cell.lags)
        return KernelCell(ALSTM, *sizes, period=cell.cycle, lags=lags, mean=int(cell.mean))
    if isinstance(cell, Mogrifier):
        return KernelCell(MOGRIFIER, *sizes, rounds=cell.rounds, rank=cell.rank or 0)
    if isinstance(cell, SLstm):
        return KernelCell(SLSTM, *sizes, exponential=int(cell.exponential_forget), heads=cell.heads)
    return KernelCell(GRU if isinstance(cell, Gru) else RNN, *sizes)


def kernel_epsilon(cell: Cell) -> float:
    """Return what the kernel adds to the variance in layer norms; the operators take it beside the whole numbers."""
    return cell.epsilon if type(cell) is Lstm else 0.0


def cell_of(how: KernelCell, epsilon: float) -> Cell:
    """Return the cell that `kernel_cell` and `kernel_epsilon` wrote down."""
    if how.cell == LSTM:
        coupled: Coupled = (None, "input", "forget")[how.coupled]
        norm: Norm = (None, "ba", "gates")[how.norm]
        return Lstm(bool(how.peephole), coupled, norm, epsilon=epsilon)
    if how.cell == ALSTM:
        lags = tuple(lag for lag in range(31, 0, -1) if how.lags >> (lag - 1) & 1)
        return ALstm(lags, how.period, bool(how.mean))
    if how.cell == MOGRIFIER:
        return Mogrifier(how.rounds, how.rank or None)
    if how.cell == SLSTM:
        return SLstm(heads=how.heads, exponential_forget=bool(how.exponential))
    return Gru() if how.cell == GRU else Rnn()


def expanded(how: KernelCell, weights: Sequence[Tensor]) -> list[Tensor]:
    """Return the weights as the kernel reads them: a GRU's candidate in two parts, a blocked matrix with its zeros."""
    per = len(weights) // (how.K * how.D)
    out = list(weights)
    for first in range(0, len(weights), per) if how.cell == GRU else ():
        for k in range(per):  # weight_ih, weight_hh, bias_ih, bias_hh: those of x and those of h alternate
            r_z, n = torch.split(weights[first + k], [2 * how.H, how.H])
            zeros = torch.zeros_like(n)
            out[first + k] = torch.cat([r_z, n, zeros] if k % 2 == 0 else [r_z, zeros, n])
    for first in range(0, len(weights), per) if how.cell == SLSTM and how.heads > 1 else ():
        out[first + 1] = SLstm(heads=how.heads).dense_recurrent(weights[first + 1])
    return out


def folded(how: KernelCell, gradients: list[Tensor]) -> list[Tensor]:
    """Return the gradients of the weights from those of `expanded` weights."""
    per = len(gradients) // (how.K * how.D)
    H, out = how.H, list(gradients)
    for first in range(0, len(gradients), per) if how.cell == GRU else ():
        for k in range(per):
            d = gradients[first + k]
            out[first + k] = d[: 3 * H].clone() if k % 2 == 0 else torch.cat([d[: 2 * H], d[3 * H :]])
    for first in range(0, len(gradients), per) if how.cell == SLSTM and how.heads > 1 else ():
        D = H // how.heads
        dense = gradients[first + 1].view(4, how.heads, D, how.heads, D)
        out[first + 1] = dense.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2).reshape(4 * H, D)
    return out
