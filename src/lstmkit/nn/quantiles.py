"""Quantile forecasts: the levels, the loss, and the mean they imply."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def pinball_loss(quantiles: Tensor, target: Tensor, levels: Tensor) -> Tensor:
    """Return the pinball loss of quantile forecasts, elementwise.

    quantiles  (..., Q) forecasts
    target     (...)
    levels     (Q,) in (0, 1)
    Returns    (..., Q), zero where the forecast is exact; its expectation is least at the true quantile
    Source     Koenker & Bassett 1978
    """
    error = target.unsqueeze(-1) - quantiles
    return torch.maximum(levels * error, (levels - 1) * error)


def quantile_levels(intervals: Sequence[float]) -> tuple[float, ...]:
    """Return the levels a forecaster is trained on: the median, quartiles, and both ends of every interval.

    intervals  coverage in percent, each in (0, 100)
    """
    ends = {0.1, 0.25, 0.5, 0.75, 0.9}
    for coverage in intervals:
        half = float(coverage) / 200
        ends |= {round(0.5 - half, 6), round(0.5 + half, 6)}
    return tuple(sorted(ends))


def mean_weights(levels: Sequence[float]) -> Tensor:
    """Return weights (Q,) under which the quantiles add up to the mean of the distribution they describe.

    The quantile function is taken as piecewise linear between the levels and flat beyond the outermost ones, so the
    mean is its integral over (0, 1): the trapezoid rule.
    """
    edges = torch.tensor([0.0, *levels, 1.0], dtype=torch.float64)
    gaps = edges.diff()
    weights = (gaps[:-1] + gaps[1:]) / 2
    weights[0] += gaps[0] / 2
    weights[-1] += gaps[-1] / 2
    return weights
