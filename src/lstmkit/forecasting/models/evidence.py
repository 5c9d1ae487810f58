"""How much of what windows show is to be believed: few of them, or many that overlap, show much by chance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lstmkit.forecasting.student import student_quantile

CHANCE = 0.05
"""A mean that chance alone makes so large as often as this, or more often, is not believed at all."""


def believed(figures: Tensor, series: Tensor) -> float:
    """Return which share of the mean of figures to believe, from 0 (chance shows as much) to 1.

    The share is 1 - (q / t)², not below 0: t is the mean in units of its standard error, q what chance exceeds in
    CHANCE of all cases. The windows of a series depend on each other, and count as many as would tell as much if they
    did not.

    figures  (N,) of windows, those of one series together, in order of time; NaN where there is none
    series   (N,) the series of each
    Source   the positive part of James & Stein 1961; an autoregression of order 1 between neighbours, its coefficient
             corrected for few windows as in Kendall 1954
    """
    there = ~torch.isnan(figures)
    x, s = figures[there].double(), series[there]
    n = _independent(x, s)
    if n <= 1:
        return 0.0
    mean, variance = float(x.mean()), float(x.var(correction=0)) * n / (n - 1)
    if variance <= 1e-24 * mean**2:
        return float(mean != 0)
    t = mean / math.sqrt(variance / n)
    q = student_quantile(CHANCE, n - 1)
    return max(0.0, 1.0 - (q / t) ** 2) if abs(t) > q else 0.0


def _independent(x: Tensor, series: Tensor) -> float:
    """Return how many independent figures would tell as much as these."""
    if not len(x):
        return 0.0
    S, centred = len(torch.unique(series)), x - x.mean()
    square = float(centred.square().mean())
    beside = series[1:] == series[:-1]
    length = len(x) / S
    if not bool(beside.any()) or square == 0:
        return float(len(x))
    if length <= 4:
        return float(S)
    rho = float((centred[1:] * centred[:-1])[beside].mean()) / square
    rho = min(max((rho * length + 1) / (length - 3), 0.0), 1.0)
    return min(max(len(x) * (1 - rho) / (1 + rho), S), len(x))
