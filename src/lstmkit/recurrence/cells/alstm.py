"""The advanced LSTM: every few steps its states are mixed with older ones by attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from lstmkit.errors import InputError
from lstmkit.ranges import check_fields
from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, Sizes, State, Weights, rows
from lstmkit.recurrence.cells.lstm import Lstm

PLAIN = Lstm()


@dataclass(frozen=True)
class ALstm(Cell):
    """Settings of the advanced LSTM, with gates i, f, g, o as in `Lstm`.

    With σ the logistic function, a = W x + R h' + b, and * elementwise:

        i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)
        c_t = f * c' + i * g
        h_t = o * tanh(c')                                     with the c' of this very step
        c' = Σ_τ w_τ c_{t+1-τ},   w = softmax_τ(s_c · c_{t+1-τ})     in every step number `period`
        h' = Σ_τ w_τ h_{t+1-τ},   w = softmax_τ(s_h · h_{t+1-τ})     in the same steps
        c' = c_t,   h' = h_t                                         in all other steps

    The sums run over the lags; lag 1 is this step's own state. The output is h_t; h' only feeds the next step. Of the
    states, h and c are h' and c'; past_h and past_c are h_t and c_t of the steps since the last mix, newest first, zero
    where there is none; phase is how many these are, from 0 to period - 1.

    lags         which states a mix reads, counted from the step that follows
    period       steps from one mix to the next, at least the largest lag; None is the largest lag
    mean         mix with equal weights instead of the softmax, and without a score vector
    share_score  whether one score vector serves both mixes, s_c = s_h, as in the paper
    Raises       InputError if `lags` or `period` is none of these
    Source       Tao & Liu 2017, arXiv 1710.10197, equations 6 to 12. That (10) reads the c' mixed in the same step, and
                 that the first mix comes after `period` steps, are our reading of what the paper leaves open
    """

    states: ClassVar[tuple[str, ...]] = ("h", "c", "past_h", "past_c", "phase")

    lags: tuple[int, ...] = (5, 3, 1)
    period: int | None = None
    mean: bool = False
    share_score: bool = True

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, {}, "ALstm")
        lags = self.lags
        if not lags or len(set(lags)) < len(lags):
            raise InputError(f"ALstm: lags must be a tuple of distinct positive integers; got {lags!r}")
        if self.period is not None and self.period < max(lags):
            raise InputError(
                f"ALstm: period must be None or an integer not below the largest lag, {max(lags)}; got {self.period!r}"
            )

    @property
    def name(self) -> str:
        """The name in CELLS."""
        return "alstm-mean" if self.mean else "alstm"

    @property
    def cycle(self) -> int:
        """Steps from one mix to the next."""
        return max(self.lags) if self.period is None else self.period

    def weight_shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of torch's LSTM, then the score: (H,), or a row for the cell and one for h."""
        shapes = PLAIN.weight_shapes(sizes)
        if not self.mean:
            shapes["weight_score"] = (sizes.hidden,) if self.share_score else (2, sizes.hidden)
        return shapes

    def state_widths(self, sizes: Sizes) -> tuple[int, ...]:
        """Return the widths of h, c, past_h, past_c and phase."""
        H = sizes.hidden
        return (H, H, (self.cycle - 1) * H, (self.cycle - 1) * H, 1)

    def inputs(self, x: Tensor, weights: Weights) -> Tensor:
        """Return W x + b (..., 4H)."""
        return PLAIN.inputs(x, weights)

    def step(self, inputs: Tensor, state: State, weights: Weights, masks: Masks = NO_MASKS) -> tuple[Tensor, State]:
        """Advance by one step; the equations are in the class's description."""
        h, c, past_h, past_c, phase = state
        score_c, score_h = self._scores(weights)
        mixes = phase + 1 == self.cycle
        i, f, g, o = _gates(inputs, h, weights)
        history_c = torch.cat((f * c + i * g, past_c), dim=-1)
        c_new = self._carried(history_c, score_c, mixes)
        y = o * torch.tanh(c_new)
        history_h = torch.cat((y, past_h), dim=-1)
        h_new = self._carried(history_h, score_h, mixes)
        return y, (
            h_new,
            c_new,
            _remembered(history_h, y, mixes),
            _remembered(history_c, y, mixes),
            torch.where(mixes, torch.zeros_like(phase), phase + 1),
        )

    def _scores(self, weights: Weights) -> tuple[Tensor | None, Tensor | None]:
        """Return the score vectors (H,) of the cell and of h."""
        if self.mean:
            return None, None
        score = weights["weight_score"]
        return (score, score) if self.share_score else (score[0], score[1])

    def _carried(self, history: Tensor, score: Tensor | None, mixes: Tensor) -> Tensor:
        """Return (B, H) what feeds the next step: a mix, or this step's own state.

        history  (B, period * H) this step's state, then the older ones
        mixes    (B, 1) whether this step is one that mixes
        """
        states = torch.unflatten(history, -1, (self.cycle, -1))
        chosen = self._chosen(states)
        mix = (_shares(chosen, score)[..., None] * chosen).sum(1)
        return torch.where(mixes, mix, states[:, 0])

    def _chosen(self, states: Tensor) -> Tensor:
        """Return the states (B, lags, H) that a mix reads, of all (B, period, H)."""
        return states[:, [lag - 1 for lag in self.lags]]

    def step_gradients(
        self, inputs: Tensor, state: State, weights: Weights, masks: Masks, dy: Tensor, dstate: State
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """Return the step's gradients, derived by hand; a name with d is the gradient by what follows."""
        h, c, past_h, past_c, phase = state
        dh_new, dc_new, dpast_h, dpast_c, dphase = dstate
        score_c, score_h = self._scores(weights)
        mixes = phase + 1 == self.cycle
        i, f, g, o = _gates(inputs, h, weights)
        history_c = torch.cat((f * c + i * g, past_c), dim=-1)
        tanh = torch.tanh(self._carried(history_c, score_c, mixes))
        history_h = torch.cat((o * tanh, past_h), dim=-1)

        # h' and past_h' from h_t and past_h
        dhistory_h, dscore_h = self._history_gradients(history_h, score_h, mixes, dh_new, dpast_h)
        H = h.shape[-1]
        dy = dy + dhistory_h[:, :H]

        # h_t = o * tanh(c')
        do, dc_new = dy * tanh, dc_new + dy * o * (1 - tanh**2)

        # c' and past_c' from c_t and past_c
        dhistory_c, dscore_c = self._history_gradients(history_c, score_c, mixes, dc_new, dpast_c)
        dc = dhistory_c[:, :H]

        # c_t = f * c + i * g
        da = (dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), do * o * (1 - o))
        dinputs = torch.cat(da, dim=-1)

        found = {"weight_hh": dinputs.T @ h}
        if not self.mean:
            found["weight_score"] = dscore_c + dscore_h if self.share_score else torch.stack((dscore_c, dscore_h))
        dphase = torch.where(mixes, torch.zeros_like(dphase), dphase)
        return dinputs, (dinputs @ weights["weight_hh"], dc * f, dhistory_h[:, H:], dhistory_c[:, H:], dphase), found

    def _history_gradients(
        self, history: Tensor, score: Tensor | None, mixes: Tensor, dcarried: Tensor, dpast: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the gradients of `history` and of the score, from those of what is carried and remembered."""
        states = torch.unflatten(history, -1, (self.cycle, -1))
        chosen = self._chosen(states)
        shares = _shares(chosen, score)
        dmix = torch.where(mixes, dcarried, torch.zeros_like(dcarried))
        dchosen = shares[..., None] * dmix[:, None]
        dscore = torch.zeros_like(dmix[0])
        if score is not None:
            # w = softmax(e)   e_τ = s · v_τ
            dshares = (chosen * dmix[:, None]).sum(-1)
            de = shares * (dshares - (shares * dshares).sum(-1, keepdim=True))
            dchosen = dchosen + de[..., None] * score
            dscore = (de[..., None] * chosen).sum((0, 1))

        # a row that mixes forgets its past; another carries its own state and remembers all but the oldest
        kept = torch.where(mixes, torch.zeros_like(history), torch.cat((dpast, torch.zeros_like(dcarried)), dim=-1))
        dstates = torch.unflatten(kept, -1, (self.cycle, -1)).clone()
        dstates[:, 0] += dcarried - dmix
        for k, lag in enumerate(self.lags):
            dstates[:, lag - 1] += dchosen[:, k]
        return dstates.flatten(1), dscore


def _gates(inputs: Tensor, h: Tensor, weights: Weights) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return i, f, g, o, computed as `Lstm` computes them."""
    a_i, a_f, a_g, a_o = rows(inputs + functional.linear(h, weights["weight_hh"]), 4)
    return torch.sigmoid(a_i), torch.sigmoid(a_f), torch.tanh(a_g), torch.sigmoid(a_o)


def _shares(chosen: Tensor, score: Tensor | None) -> Tensor:
    """Return the weights (B, lags) of the states of a mix."""
    if score is None:
        return chosen.new_full(chosen.shape[:2], 1 / chosen.shape[1])
    return torch.softmax(chosen @ score, dim=1)


def _remembered(history: Tensor, newest: Tensor, mixes: Tensor) -> Tensor:
    """Return the past after the step: without its oldest state, and nothing after a mix."""
    past = history[:, : history.shape[-1] - newest.shape[-1]]
    return torch.where(mixes, torch.zeros_like(past), past)
