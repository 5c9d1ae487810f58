"""The mLSTM: a matrix for a memory, gates that never see the state, and therefore whole chunks of steps at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from lstmkit.ranges import check_fields
from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, Sizes, State, Weights


@dataclass(frozen=True)
class MLstm(Cell):
    """Settings of the mLSTM.

    Every head has D = H / heads units and a memory C (D, D). With σ the logistic function, * elementwise, and the rows
    of a = W x + b in the order q, k, v, o, log i, log f, of which the last two are one number per head:

        q = a_q   k = a_k / √D   v = a_v   o = σ(a_o)   log i = a_i   log f = log σ(a_f)
        m' = max(log f + m, log i)
        i' = exp(log i - m')   f' = exp(log f + m - m')
        C' = f' C + i' v kᵀ
        n' = f' n + i' k
        h' = o * C' q / max(|n'ᵀ q|, exp(-m'))

    Of the states, c is C row by row, head after head; h is the last output, which nothing reads. The paper's block
    normalises C' q / max(...) within each head before the output gate; that norm is left to the user.

    Only C e^m and n e^m matter, so m' is taken as a constant, as in `SLstm`: gradients of outputs, now and later, are
    exact. exp(-m') does not fall below the smallest normal number of its type, so a quotient is never 0 / 0.

    heads   memories of a layer; must divide H
    chunk   steps that `chunkwise` computes at once
    Raises  InputError if `heads` or `chunk` is not a positive integer
    Source  Beck et al. 2024, arXiv 2405.04517
    """

    states: ClassVar[tuple[str, ...]] = ("h", "c", "n", "m")

    heads: int = 1
    chunk: int = 64

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, {}, "MLstm")

    @property
    def name(self) -> str:
        """The name in CELLS."""
        return "mlstm"

    def weight_shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Return the input weights and one bias: there is no recurrent matrix."""
        G = 4 * sizes.hidden + 2 * self.heads
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (G, sizes.inputs)}
        return shapes | {"bias_ih": (G,)} if sizes.bias else shapes

    def state_widths(self, sizes: Sizes) -> tuple[int, ...]:
        """Return the widths of h, c, n and m."""
        H = sizes.hidden
        return (H, H * (H // self.heads), H, self.heads)

    def unsupported(self, sizes: Sizes, masks: Masks) -> str:
        """Return "" if the heads divide H and nothing is asked that the mLSTM has not."""
        if sizes.hidden % self.heads:
            return f"{self.heads} heads do not divide the {sizes.hidden} units of an mLSTM"
        return super().unsupported(sizes, masks)

    def forget_rows(self, hidden: int) -> slice | None:
        """Return the rows of log f, one per head."""
        return slice(4 * hidden + self.heads, 4 * hidden + 2 * self.heads)

    def inputs(self, x: Tensor, weights: Weights) -> Tensor:
        """Return W x + b (..., 4H + 2 heads)."""
        return functional.linear(x, weights["weight_ih"], weights.get("bias_ih"))

    def step(self, inputs: Tensor, state: State, weights: Weights, masks: Masks = NO_MASKS) -> tuple[Tensor, State]:
        """Advance by one step; the equations are in the class's description."""
        q, k, v, o, log_i, log_f = self.parts(inputs)
        C, n, m = self.memory(state)
        m_new = torch.maximum(log_f + m, log_i).detach()
        i, f = torch.exp(log_i - m_new)[..., None], torch.exp(log_f + m - m_new)[..., None]
        C_new = f[..., None] * C + i[..., None] * v[..., :, None] * k[..., None, :]
        n_new = f * n + i * k
        read = (C_new @ q[..., None]).squeeze(-1)
        h_new = o * (read / _divisor((n_new * q).sum(-1), m_new)[..., None]).flatten(1)
        return h_new, (h_new, C_new.flatten(1), n_new.flatten(1), m_new)

    def parts(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return q, k, v (..., heads, D), o (..., H), log i and log f (..., heads)."""
        H = (inputs.shape[-1] - 2 * self.heads) // 4
        a_q, a_k, a_v, a_o, log_i, a_f = torch.split(inputs, [H, H, H, H, self.heads, self.heads], dim=-1)
        q, k, v = (torch.unflatten(a, -1, (self.heads, -1)) for a in (a_q, a_k, a_v))
        return q, k / math.sqrt(H // self.heads), v, torch.sigmoid(a_o), log_i, functional.logsigmoid(a_f)

    def memory(self, state: State) -> tuple[Tensor, Tensor, Tensor]:
        """Return C (B, heads, D, D), n (B, heads, D) and m (B, heads)."""
        _, c, n, m = state
        n = torch.unflatten(n, -1, (self.heads, -1))
        return torch.unflatten(c, -1, (self.heads, n.shape[-1], n.shape[-1])), n, m

    def step_gradients(
        self, inputs: Tensor, state: State, weights: Weights, masks: Masks, dy: Tensor, dstate: State
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """Return the step's gradients, derived by hand; a name with d is the gradient by what follows.

        That of m' is not read, since m' is a constant; there is none of weights, since `step` reads no weight.
        """
        q, k, v, o, log_i, log_f = self.parts(inputs)
        C, n, m = self.memory(state)
        m_new = torch.maximum(log_f + m, log_i)
        i, f = torch.exp(log_i - m_new), torch.exp(log_f + m - m_new)
        C_new = f[..., None, None] * C + i[..., None, None] * _outer(v, k)
        n_new = f[..., None] * n + i[..., None] * k
        product = (n_new * q).sum(-1)
        least = torch.exp(-m_new).clamp(min=torch.finfo(m.dtype).tiny)
        divisor = torch.maximum(product.abs(), least)
        inner = _apply(C_new, q) / divisor[..., None]
        dC_new, dn_new, _ = self.memory(dstate)

        # h' = o * inner
        dh_new = dy + dstate[0]
        do, dinner = dh_new * inner.flatten(1), torch.unflatten(dh_new * o, -1, (self.heads, -1))

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

        # i' = exp(log i - m')   f' = exp(log f + m - m')   with m' constant
        # log f = log σ(a_f), and exp(log f) = σ(a_f)
        da_i, dm = di * i, df * f
        da_f = -dm * torch.expm1(log_f)
        da_k = dk / math.sqrt(k.shape[-1])
        dinputs = torch.cat((dq.flatten(1), da_k.flatten(1), dv.flatten(1), do * o * (1 - o), da_i, da_f), dim=-1)
        return dinputs, (torch.zeros_like(dy), dC.flatten(1), dn.flatten(1), dm), {}

    def chunkwise(
        self, x: Tensor, state: State, weights: Weights, lengths: Tensor | None = None, backward: bool = False
    ) -> tuple[Tensor, State]:
        """Run one layer in one direction, `chunk` steps at once: the numbers of the steps one by one, but for rounding.

        x        (T, B, I); what lies beyond a sequence's length is not read
        state    each (B, width)
        weights  of this direction of this layer, by name
        lengths  (B,) or None; a sequence's state stops changing where it ends, and its output there is zero
        backward from each sequence's own last step to its first
        Returns  y (T, B, H) and the final state
        Source   Beck et al. 2024, appendix; Yang et al. 2024, arXiv 2312.06635, for the form in chunks
        """
        T = x.shape[0]
        alive = x.new_ones((T, x.shape[1]), dtype=torch.bool)
        if lengths is not None:
            alive = (torch.arange(T)[:, None] < lengths.cpu()).to(x.device)
            x = torch.where(alive[..., None], x, x.new_zeros(()))
        q, k, v, o, log_i, log_f = self.parts(self.inputs(x, weights))
        # a step that writes nothing and forgets nothing leaves the memory as it is, so padding may come first or last
        log_i = torch.where(alive[..., None], log_i, log_i.new_full((), -math.inf))
        log_f = torch.where(alive[..., None], log_f, log_f.new_zeros(()))
        steps = tuple(part.flip(0) if backward else part for part in (q, k, v, log_i, log_f))
        memory = self.memory(state)
        reads = []
        # Split in one go: what torch.jit.trace makes of this loop then refuses another number of chunks.
        for chunk in zip(*(torch.split(part, self.chunk) for part in steps), strict=True):
            read, memory = _chunk(chunk, memory)
            reads.append(read)
        read = torch.cat(reads).flatten(2)
        y = torch.where(alive[..., None], o * (read.flip(0) if backward else read), o.new_zeros(()))
        h = y[0 if backward else -1] if lengths is None else _at_end(y, lengths, backward)
        after: State = (h, memory[0].flatten(1), memory[1].flatten(1), memory[2])
        if lengths is not None:
            after = tuple(torch.where(alive[:1].mT, new, old) for new, old in zip(after, state, strict=True))
        return y, after


def _outer(column: Tensor, row: Tensor) -> Tensor:
    return column[..., :, None] * row[..., None, :]


def _apply(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector[..., None]).squeeze(-1)


def _at_end(y: Tensor, lengths: Tensor, backward: bool) -> Tensor:
    """Return the output (B, H) of the last step of each sequence that has one."""
    ends = torch.zeros_like(lengths) if backward else (lengths - 1).clamp(min=0)
    return y[ends.to(y.device), torch.arange(y.shape[1], device=y.device)]


def _divisor(product: Tensor, m: Tensor) -> Tensor:
    """Return max(|n'ᵀ q|, exp(-m')), with the gradient of the larger one."""
    least = torch.exp(-m).clamp(min=torch.finfo(m.dtype).tiny)
    return torch.where(product.abs() > least, product.abs(), least)


def _chunk(
    steps: tuple[Tensor, ...], memory: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Compute some steps at once.

    With D_ts = log f_{s+1} + ... + log f_t + log i_s for s ≤ t, and r_t = log f_1 + ... + log f_t + m:

        m_t = max(r_t, max_s D_ts)
        C_t q_t = exp(r_t - m_t) C q_t + Σ_s exp(D_ts - m_t) (k_s · q_t) v_s,   and likewise n_t · q_t

    steps   q, k, v (L, B, heads, D), log i, log f (L, B, heads)
    memory  C (B, heads, D, D), n (B, heads, D), m (B, heads) before these steps
    Returns C_t q_t over its divisor (L, B, heads, D), and the memory after them
    """
    q, k, v = (part.permute(1, 2, 0, 3) for part in steps[:3])
    log_i, log_f = (part.permute(1, 2, 0) for part in steps[3:])
    C, n, m = memory
    L = q.shape[-2]
    causal = torch.ones((L, L), dtype=torch.bool, device=q.device).tril()
    # each sum by itself: as a difference of two sums from the start, small ones would drown between large gates
    later = causal.tril(-1)
    between = torch.where(later, log_f[..., :, None], log_f.new_zeros(())).cumsum(-2)
    D = torch.where(causal, between + log_i[..., None, :], log_i.new_full((), -math.inf))
    r = log_f.cumsum(-1) + m[..., None]
    m_all = torch.maximum(r, D.amax(-1)).detach()
    shares, kept = torch.exp(D - m_all[..., None]), torch.exp(r - m_all)
    scores = (q @ k.mT) * shares
    read = scores @ v + kept[..., None] * (q @ C.mT)
    product = scores.sum(-1) + kept * (q @ n[..., None]).squeeze(-1)
    read = read / _divisor(product, m_all)[..., None]
    written = shares[..., -1, :, None] * k
    C_new = kept[..., -1, None, None] * C + v.mT @ written
    n_new = kept[..., -1, None] * n + written.sum(-2)
    return read.permute(2, 0, 1, 3), (C_new, n_new, m_all[..., -1])
