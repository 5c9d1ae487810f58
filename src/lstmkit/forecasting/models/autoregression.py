"""Linear autoregression over chosen lags: the lagged values of windows, and one set of weights for all of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

RIDGE = 1e-3  # of the mean square of a lag: lags nearly repeat each other
ENORMOUS = 1e100
LARGEST = 4.0  # a window with larger values counts as if it were scaled down to them


def lag_values(values: Tensor, steps: int, lags: tuple[int, ...], outside: float, after: bool = False) -> Tensor:
    """Return what stood at each lag before each of the last steps.

    values   (B, L)
    steps    T, how many steps at the end of `values`; with `after` there is one step, which follows them
    outside  what stands before the first value
    Returns  (B, T, K)
    """
    first = max(lags)
    padded = torch.nn.functional.pad(values, (first, 0), value=outside)
    end = values.shape[1] + (1 if after else 0)
    at = torch.arange(end - steps, end)[:, None] + first - torch.tensor(lags)
    return padded[:, at]


def fit_autoregression(lagged: Tensor, target: Tensor, lags: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Fit weights of the lags by least squares over all windows and steps.

    lagged   (B, T, K) values at the lags, nothing missing
    target   (B, T), NaN where missing
    lags     (K,)
    Returns  weights (K,), and the mean absolute error (), at least 1e-6; float64. A fit that would grow without bound
             when it reads its own forecasts is drawn towards zero until it does not
    """
    X, y = lagged.double(), target.double()
    there = ~torch.isnan(y)
    y = y.nan_to_num()
    size = torch.maximum(X.abs().amax((1, 2)), y.abs().amax(1)) if len(y) else y.new_zeros(0)
    weight = (LARGEST / size.clamp_min(LARGEST))[:, None] * there
    A, b = (X * weight[..., None]).flatten(0, 1), (y * weight).flatten()
    gram = A.T @ A
    ridge = RIDGE * gram.diagonal().mean().clamp_min(1e-12)
    weights = torch.linalg.solve(gram + ridge * torch.eye(len(lags), dtype=gram.dtype), A.T @ b)
    weights = _stable(weights, lags)
    errors = ((y - X @ weights).abs() * weight).sum() / weight.sum().clamp_min(1e-12)
    return weights, errors.clamp_min(1e-6)


def _stable(weights: Tensor, lags: tuple[int, ...]) -> Tensor:
    """Return weights r^lag * w, with r at most 1 such that the recursion does not grow."""
    growth = _growth(weights, lags)  # a root of the recursion; r multiplies every root
    return weights * growth ** -torch.tensor(lags, dtype=weights.dtype)


def _growth(weights: Tensor, lags: tuple[int, ...]) -> float:
    """Return by what factor a step the response to one impulse grows in the long run, at least 1."""
    first, w, back = max(lags), weights.numpy(), np.array(lags)
    block = 2 * first
    response = np.zeros(first + 4 * block)
    response[first - 1] = 1.0
    for t in range(first, len(response)):
        response[t] = w @ response[t - back]
        if abs(response[t]) > ENORMOUS:
            return float(abs(response[t]) ** (1 / (t - first + 1)))
    size = np.abs(response)
    before, last = size[-2 * block : -block].max(), size[-block:].max()
    return float(max(1.0, (last / before) ** (1 / block))) if before > 0 else 1.0
