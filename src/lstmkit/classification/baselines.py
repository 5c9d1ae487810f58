"""What every classifier must beat: the answer that looks at nothing; and linear models with a fitting penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lstmkit.classification.linear import LinearModel, Matrix, fit_logistic, fit_ridge, full_scores
from lstmkit.classification.metrics import Floats, answer_score

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Constant:
    """The answer that looks at no sequence.

    answer  (K,) shares of the classes in the training part, or (1,) the mean number
    """

    answer: Floats

    @classmethod
    def fit(cls, targets: Tensor, count: int) -> Constant:
        """Learn from targets (N,), of `count` classes or numbers."""
        if targets.is_floating_point():
            return cls(np.array([float(targets.double().mean())]))
        return cls(torch.bincount(targets, minlength=count).numpy() / len(targets))

    def answers(self, rows: int) -> Floats:
        """Return the answer once for each of some rows, (N, K)."""
        return np.tile(self.answer, (rows, 1))


@dataclass(frozen=True)
class LinearAnswers:
    """Logistic regression, or ridge regression for numbers.

    model     as it was fitted
    strength  of the data against the penalty, chosen on the validation part
    number    whether it answers with numbers
    """

    model: LinearModel
    strength: float
    number: bool

    @classmethod
    def fit(
        cls,
        rows: Matrix,
        targets: Tensor,
        held: Matrix,
        wanted: Tensor,
        count: int,
        strengths: Sequence[float] = STRENGTHS,
    ) -> LinearAnswers:
        """Learn the weights on the training part, and how far to shrink them on the validation part.

        rows, held       (N, D) of the training and of the validation part
        targets, wanted  (N,) likewise
        count            classes; 1 for numbers
        strengths        that are tried, rising
        """
        number, truth = targets.is_floating_point(), targets.numpy()
        found: list[tuple[float, LinearAnswers]] = []
        model = None
        for strength in strengths:
            if number:
                model = fit_ridge(rows, truth.astype(np.float64), strength, model)
            else:
                model = fit_logistic(rows, truth, count, strength, model)
            own = cls(model, strength, number)
            found.append((answer_score(own.answers(held), wanted), own))
        return min(found, key=lambda pair: pair[0])[1]

    def answers(self, rows: Matrix) -> Floats:
        """Return probabilities (N, K), or numbers (N, 1)."""
        scores = self.model.scores(rows)
        if self.number:
            return scores
        return np.asarray(full_scores(torch.from_numpy(scores)).softmax(dim=1).numpy())
