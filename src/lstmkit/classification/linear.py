"""Logistic and ridge regression by L-BFGS, on whatever can be multiplied with weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lstmkit.classification.metrics import Floats

MAX_STEPS = 200
TOLERANCE = 1e-4
"""Of the largest entry of the gradient, for a row."""


class Matrix(Protocol):
    """Rows of features (N, D), held in any way."""

    @property
    def shape(self) -> tuple[int, int]:
        """N and D."""

    def times(self, weights: Floats) -> Floats:
        """Return the product with weights (D, K), as (N, K)."""

    def transposed_times(self, values: Floats) -> Floats:
        """Return the product of the transpose with values (N, K), as (D, K)."""


@dataclass(frozen=True)
class Dense:
    """Rows of features, every one of them written down.

    values  (N, D)
    """

    values: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """N and D."""
        N, D = self.values.shape
        return N, D

    def times(self, weights: Floats) -> Floats:
        """Return the product with weights (D, K), as (N, K)."""
        return self._product(self.values, weights)

    def transposed_times(self, values: Floats) -> Floats:
        """Return the product of the transpose with values (N, K), as (D, K)."""
        return self._product(self.values.T, values)

    @staticmethod
    def _product(one: Floats, other: Floats) -> Floats:
        """Return a product on torch's threads: numpy's own would be many, and spin where processors are shared."""
        return np.asarray((torch.from_numpy(one) @ torch.from_numpy(np.ascontiguousarray(other))).numpy())


@dataclass(frozen=True)
class LinearModel:
    """Scores that are sums of weights.

    weights    (D, K)
    intercept  (K,)
    """

    weights: Floats
    intercept: Floats

    def scores(self, rows: Matrix) -> Floats:
        """Return (N, K)."""
        return rows.times(self.weights) + self.intercept


def fit_logistic(
    rows: Matrix, classes: NDArray[np.int64], count: int, strength: float, begin: LinearModel | None = None
) -> LinearModel:
    """Fit logistic regression: strength * (sum of the cross-entropy) + half the sum of the squared weights.

    rows      (N, D)
    classes   (N,) from 0 to count - 1
    strength  of the data against the penalty, scikit-learn's C
    begin     where the search starts, to save time
    Returns   for two classes the weights (D, 1) of the second, the first having zero, as in scikit-learn; else (D, K)
    """
    truth = torch.from_numpy(classes)

    def loss(scores: Tensor) -> Tensor:
        return functional.cross_entropy(full_scores(scores), truth, reduction="sum")

    return _minimise(rows, loss, 1 if count == 2 else count, strength, begin)


def fit_ridge(rows: Matrix, targets: Floats, strength: float, begin: LinearModel | None = None) -> LinearModel:
    """Fit ridge regression: strength * (half the sum of the squared errors) + half the sum of the squared weights.

    rows      (N, D)
    targets   (N,)
    strength  one over scikit-learn's alpha
    begin     where the search starts, to save time
    Returns   weights (D, 1)
    """
    truth = torch.from_numpy(targets).unsqueeze(1)
    return _minimise(rows, lambda scores: 0.5 * (scores - truth).square().sum(), 1, strength, begin)


def full_scores(scores: Tensor) -> Tensor:
    """Return scores of all classes (N, K); the first of two has zero where only those of the second are given."""
    return torch.cat([torch.zeros_like(scores), scores], dim=1) if scores.shape[1] == 1 else scores


def _minimise(
    rows: Matrix, loss: Callable[[Tensor], Tensor], outputs: int, strength: float, begin: LinearModel | None
) -> LinearModel:
    D = rows.shape[1]
    point = torch.zeros((D + 1) * outputs, dtype=torch.float64)
    if begin is not None:
        point = torch.from_numpy(np.concatenate([begin.weights, begin.intercept[None]]).ravel())
    point.requires_grad_()

    def model() -> LinearModel:
        both = point.detach().numpy().reshape(D + 1, outputs)
        return LinearModel(both[:-1].copy(), both[-1].copy())

    def value_and_gradient() -> float:
        now = model()
        scores = torch.from_numpy(now.scores(rows)).requires_grad_()
        error = loss(scores)
        (slope,) = torch.autograd.grad(error, scores)
        pulled = slope.numpy()
        gradient = np.concatenate([rows.transposed_times(pulled), pulled.sum(axis=0)[None]]) * strength
        gradient[:-1] += now.weights
        point.grad = torch.from_numpy(gradient.ravel())
        return strength * float(error.detach()) + 0.5 * float((now.weights**2).sum())

    optimizer = torch.optim.LBFGS(
        [point],
        max_iter=MAX_STEPS,
        tolerance_grad=TOLERANCE * strength,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )
    optimizer.step(value_and_gradient)  # type: ignore[no-untyped-call]
    return model()
