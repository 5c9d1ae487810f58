"""Scores of answers, and how sure the difference between two is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SKEWED = 0.6
"""Share of the largest class in the training rows above which accuracy says little, and Matthews is compared."""
TIE = 0.01
"""Weight of the cross-entropy in the validation score, so that it decides where the measure does not."""
DRAWS = 2000
AT_ONCE = 4_000_000
"""Numbers that the draws of one go take in memory, about."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one answer is than another.

    value      positive if the first is better
    low, high  95 % interval: drawn rows with replacement, the same for both
    """

    value: float
    low: float
    high: float


def confusion(truth: Ints, answers: Ints, count: int) -> Floats:
    """Return how often each class (row) was answered by each class (column), (K, K)."""
    return np.bincount(truth * count + answers, minlength=count * count).reshape(count, count).astype(np.float64)


def matthews(table: Floats) -> Floats:
    """Return the Matthews correlation of confusion tables (..., K, K); 0 where all of the truth or the answers is one.

    Source  Gorodkin 2004, for any number of classes
    """
    total, right = table.sum(axis=(-2, -1)), np.trace(table, axis1=-2, axis2=-1)
    truth, answers = table.sum(axis=-1), table.sum(axis=-2)
    covariance = right * total - (truth * answers).sum(axis=-1)
    variance = (total**2 - (truth**2).sum(axis=-1)) * (total**2 - (answers**2).sum(axis=-1))
    return np.asarray(np.where(variance > 0, covariance / np.sqrt(np.where(variance > 0, variance, 1.0)), 0.0))


def accuracy(table: Floats) -> Floats:
    """Return the share of right answers of confusion tables (..., K, K)."""
    return np.asarray(np.trace(table, axis1=-2, axis2=-1) / table.sum(axis=(-2, -1)))


def mean_recall(table: Floats) -> Floats:
    """Return the mean recall of the classes that occur (UAR) of confusion tables (..., K, K)."""
    rows = table.sum(axis=-1)
    recalls = np.diagonal(table, axis1=-2, axis2=-1) / np.where(rows > 0, rows, 1.0)
    return np.asarray(recalls.sum(axis=-1) / (rows > 0).sum(axis=-1))


def mean_f1(table: Floats) -> Floats:
    """Return the mean F1 of the classes that occur or are answered, of confusion tables (..., K, K)."""
    both = table.sum(axis=-1) + table.sum(axis=-2)
    shares = 2 * np.diagonal(table, axis1=-2, axis2=-1) / np.where(both > 0, both, 1.0)
    return np.asarray(shares.sum(axis=-1) / (both > 0).sum(axis=-1))


MEASURES: dict[str, Callable[[Floats], Floats]] = {
    "matthews": matthews,
    "accuracy": accuracy,
    "uar": mean_recall,
    "f1": mean_f1,
}
"""What answers can be compared by, of confusion tables (..., K, K)."""


def class_scores(truth: Ints, answers: Ints, classes: tuple[str, ...], recall: bool = False) -> dict[str, float]:
    """Return accuracy, F1 (the mean over the classes, and for two classes that of the second), and Matthews.

    truth, answers  (N,) places among the classes
    recall          whether the mean recall of the classes, "uar", stands beside the accuracy
    """
    from torchmetrics.functional.classification import binary_f1_score, multiclass_accuracy, multiclass_f1_score

    own, true, K = torch.from_numpy(answers), torch.from_numpy(truth), len(classes)
    table = confusion(truth, answers, K)
    scores: dict[str, Any] = {"accuracy": multiclass_accuracy(own, true, K, average="micro")}
    if recall:
        scores["uar"] = mean_recall(table)
    scores["f1"] = multiclass_f1_score(own, true, K, average="macro")
    if K == 2:
        scores["f1_positive"] = binary_f1_score(own, true)
    found = {name: round(float(score), 6) for name, score in scores.items()}  # in float32
    # Not torchmetrics': where all answers are one class, it shifts the table a little and finds a correlation.
    return found | {"matthews": float(matthews(table))}


def number_scores(truth: Floats, answers: Floats) -> dict[str, float]:
    """Return the root mean square error, and the correlations of Pearson and Spearman, nan for answers all alike."""
    from torchmetrics.functional import mean_squared_error, pearson_corrcoef, spearman_corrcoef

    own, true = torch.from_numpy(answers), torch.from_numpy(truth)
    scores = {"rmse": float(mean_squared_error(own, true, squared=False))}
    alike = len(truth) < 2 or np.ptp(answers) == 0 or np.ptp(truth) == 0
    for name, score in (("pearson", pearson_corrcoef), ("spearman", spearman_corrcoef)):
        scores[name] = float("nan") if alike else float(score(own, true))
    return scores


def answer_score(found: NDArray[np.float64], targets: Tensor, measure: str = "matthews") -> float:
    """Return how bad answers are, lower being better.

    Of numbers, the mean squared error. Of classes, one minus a measure, because on skewed classes the cross-entropy is
    best where nothing but the largest class is answered yet; and a hundredth of the cross-entropy.

    found    (N, K) probabilities, or (N, 1) numbers
    targets  (N,)
    measure  one of `MEASURES`
    """
    if targets.is_floating_point():
        return float(np.mean((found[:, 0] - targets.numpy()) ** 2))
    truth, K = targets.numpy(), found.shape[1]
    entropy = -np.log(np.maximum(found[np.arange(len(truth)), truth], 1e-12)).mean()
    return float(1 - MEASURES[measure](confusion(truth, found.argmax(axis=1), K)) + TIE * entropy)


def class_difference(
    truth: Ints, first: Ints, second: Ints, count: int, measure: str, seed: int = 0, groups: Ints | None = None
) -> Difference:
    """Return by how much the first answers are better than the second.

    measure  one of `MEASURES`
    groups   (N,) of the rows, from 0 on: rows of one group are drawn together, because they err together. None draws
             every row by itself
    """
    cells = (truth * count + first) * count + second
    kinds, inverse, counts = np.unique(cells, return_inverse=True, return_counts=True)
    true, own, other = kinds // count**2, kinds // count % count, kinds % count
    score = MEASURES[measure]

    def difference(draws: Ints) -> Floats:
        """Return the difference for draws (R, cells) of how often each cell came up."""
        scores = []
        for answers in (own, other):
            places, alike = np.unique(true * count + answers, return_inverse=True)
            tables = np.zeros((len(draws), count * count))
            for place, code in enumerate(places):
                tables[:, code] = draws[:, alike == place].sum(axis=1)
            scores.append(score(tables.reshape(-1, count, count)))
        return np.asarray(scores[0] - scores[1])

    units, shares = counts[None], counts / len(truth)
    if groups is not None:
        units = np.zeros((int(groups.max()) + 1, len(kinds)), np.int64)
        np.add.at(units, (groups, inverse), 1)
        shares = np.full(len(units), 1 / len(units))

    def drawn(draws: int) -> Ints:
        """Return how often each cell comes up in a number of draws."""
        if groups is None:
            return generator.multinomial(len(truth), shares, draws)
        return np.asarray(generator.multinomial(len(units), shares, draws) @ units)

    generator = np.random.default_rng(seed)
    at_once = max(1, min(DRAWS, AT_ONCE // max(count * count, len(kinds), len(units))))
    parts = [difference(drawn(min(at_once, DRAWS - begun))) for begun in range(0, DRAWS, at_once)]
    low, high = np.quantile(np.concatenate(parts), (0.025, 0.975))
    return Difference(float(difference(counts[None])[0]), float(low), float(high))


def number_difference(
    truth: Floats, first: Floats, second: Floats, seed: int = 0, groups: Ints | None = None
) -> Difference:
    """Return by how much the root mean square error of the first answers is lower than that of the second.

    groups  (N,) as in `class_difference`
    """
    squares, sizes = np.stack([(first - truth) ** 2, (second - truth) ** 2]), np.ones(len(truth))
    if groups is not None:
        squares, sizes = np.stack([np.bincount(groups, own) for own in squares]), np.bincount(groups).astype(np.float64)
    generator, N = np.random.default_rng(seed), len(sizes)
    drawn = np.empty(DRAWS)
    for draw in range(DRAWS):
        units = generator.integers(N, size=N)
        own, other = np.sqrt(squares[:, units].sum(axis=1) / sizes[units].sum())
        drawn[draw] = other - own
    own, other = np.sqrt(squares.sum(axis=1) / sizes.sum())
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Difference(float(other - own), float(low), float(high))
