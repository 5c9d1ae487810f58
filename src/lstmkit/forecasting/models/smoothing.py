"""Exponential smoothing with seasons as a layer, its gradients by hand: a loop over time on plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]


class Smoothed(NamedTuple):
    """Level and seasons of a batch of windows, as known after each of their steps.

    level    (B, L)
    factors  a tensor (B, L + m) for each season of m steps: what the season adds at every step of the window and at
             the m steps after it; the one at step t was last corrected at step t - m
    """

    level: Tensor
    factors: tuple[Tensor, ...]

    def season(self) -> Tensor:
        """Return what all seasons together add at each step of the window, (B, L)."""
        L = self.level.shape[1]
        return sum((factors[:, :L] for factors in self.factors), torch.zeros_like(self.level))

    def ahead(self, positions: Tensor, steps: int) -> Tensor:
        """Return the forecast of the smoothing itself: the level, and the seasons as they come round again.

        positions  (N,) steps of the window after which to forecast, 0 to L - 1
        Returns    (B, N, steps); of what comes after a position only the window's first values, from which the level
                   begins, have an influence on its forecast
        """
        forecast = self.level[:, positions, None].expand(-1, -1, steps)
        for factors in self.factors:
            m = factors.shape[1] - self.level.shape[1]
            forecast = forecast + factors[:, positions[:, None] + 1 + torch.arange(steps) % m]
        return forecast


def smooth(values: Tensor, seen: Tensor, rates: Tensor, first: Sequence[Tensor]) -> Smoothed:
    """Smooth a batch of windows.

    With v_t = y_t - Σ_i s_i,t, for a step that is seen (nothing changes at any other):

        l_t = a v_t + (1 - a) l_{t-1}
        s_i,t+m_i = s_i,t + b_i (v_t - l_t)      which is b_i (y_t - l_t - the other seasons) + (1 - b_i) s_i,t

    values  (B, L), finite everywhere
    seen    (B, L) bool, which of them count
    rates   (B, 1 + S) in (0, 1): a, then b_i of every season
    first   S tensors (B, m): what each season adds at the first m steps of the window
    Returns level and seasons; the level begins as the mean of the first values seen, a shortest season of them (without
            seasons, one), each less its season
    Source  Holt 1957, Winters 1960; with two seasons Taylor 2003; inside a network Smyl 2020
    """
    gain = seen.to(values.dtype)
    steps = torch.arange(values.shape[1])
    rest = values - sum((factors[:, steps % factors.shape[1]] for factors in first), torch.zeros_like(values))
    count = min((factors.shape[1] for factors in first), default=1)
    start = gain * (gain.cumsum(1) <= count)
    level = (start * rest).sum(1) / start.sum(1).clamp_min(1.0)
    smoothed = _Smoothing.apply(values, gain, rates, level, *first)  # type: ignore[no-untyped-call]
    return Smoothed(smoothed[0], tuple(smoothed[1:]))


class _Smoothing(torch.autograd.Function):
    """The loop of `smooth` and, once, its derivative; time is the first axis of all arrays."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, gain: Tensor, rates: Tensor, level: Tensor, *first: Tensor) -> Any:
        y, gains, rate = values.detach().numpy().T, gain.numpy().T, rates.detach().numpy().T
        levels, factors = _run(y, gains, rate, level.detach().numpy(), [f.detach().numpy().T for f in first])
        ctx.save_for_backward(values, gain, rates, level)
        ctx.smoothed = levels, factors
        return tuple(torch.from_numpy(np.ascontiguousarray(array.T)) for array in (levels, *factors))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_levels: Tensor, *grad_factors: Tensor) -> Any:
        values, gain, rates, level = (saved.detach().numpy().T for saved in ctx.saved_tensors)
        levels, factors = ctx.smoothed
        grads = [np.array(grad.numpy().T, order="C") for grad in grad_factors]
        by_level, by_value = _run_back(gain, rates, np.ascontiguousarray(grad_levels.numpy().T), grads)
        T = len(values)
        rest = values - sum(f[:T] for f in factors)
        before = np.concatenate([level[None], levels[:-1]])
        by_rates = [(gain * by_level * (rest - before)).sum(0)]
        by_rates += [(gain * (rest - levels) * g[len(g) - T :]).sum(0) for g in grads]
        by_start = by_level[0] * (1 - rates[0] * gain[0])
        by_first = (g[: len(g) - T].T for g in grads)
        found = (by_value.T, None, np.stack(by_rates).T, by_start, *by_first)
        return tuple(None if array is None else torch.from_numpy(np.ascontiguousarray(array)) for array in found)


def _run(y: Array, gain: Array, rates: Array, level: Array, first: list[Array]) -> tuple[Array, list[Array]]:
    """Return levels (T, B) and seasons (T + m, B) from values and gains (T, B) and rates (1 + S, B)."""
    T, B = y.shape
    y = np.ascontiguousarray(y)
    gains = [np.ascontiguousarray(gain * rate) for rate in rates]
    factors = [np.concatenate([f, np.empty((T, B), y.dtype)]) for f in first]
    seasons = [(f, g, len(f) - T) for f, g in zip(factors, gains[1:], strict=True)]
    levels = np.empty((T, B), y.dtype)
    rest = np.empty(B, y.dtype)
    step = np.empty(B, y.dtype)
    for t in range(T):
        rest[:] = y[t]
        for f, _, _ in seasons:
            rest -= f[t]
        np.subtract(rest, level, out=step)
        step *= gains[0][t]
        level = np.add(level, step, out=levels[t])
        rest -= level
        for f, g, m in seasons:
            np.multiply(g[t], rest, out=step)
            np.add(f[t], step, out=f[t + m])
    return levels, factors


def _run_back(gain: Array, rates: Array, by_levels: Array, by_factors: list[Array]) -> tuple[Array, Array]:
    """Return the loss's derivatives by levels and by values, both (T, B), with all their ways through later steps.

    by_levels   (T, B) derivatives by the levels that were returned; they are completed in place
    by_factors  (T + m, B) the same for each season
    """
    T, B = by_levels.shape
    gains = [np.ascontiguousarray(gain * rate) for rate in rates]
    kept = 1 - gains[0]
    by_values = np.zeros((T, B), by_levels.dtype)
    seasons = [(f, g, len(f) - T) for f, g in zip(by_factors, gains[1:], strict=True)]
    step = np.empty(B, by_levels.dtype)
    later = np.zeros(B, by_levels.dtype)
    for t in range(T - 1, -1, -1):
        by_level, by_value = by_levels[t], by_values[t]
        for f, g, m in seasons:
            np.multiply(g[t], f[t + m], out=step)
            by_value += step
        by_level += later
        by_level -= by_value
        np.multiply(gains[0][t], by_level, out=step)
        by_value += step
        np.multiply(kept[t], by_level, out=later)
        for f, _, m in seasons:
            f[t] += f[t + m]
            f[t] -= by_value
    return by_levels, by_values
