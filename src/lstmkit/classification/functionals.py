"""A yardstick for frames: what a few numbers about each channel tell, by a linear model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.classification.baselines import LinearAnswers
from lstmkit.classification.linear import Dense
from lstmkit.classification.metrics import Floats
from lstmkit.sequences import Features, Ragged
from lstmkit.sequences.ragged import batches_by_length, padded

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
PARTS = ((0, 3), (0, 1), (1, 2), (2, 3))
"""From which third to which: the whole, then each third."""
STRENGTHS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
"""Of the data against the penalty: there are often more numbers than rows."""
FURTHEST = 5.0
"""Spreads from its mean that a functional counts for at most: one that was nearly the same in all rows that were learnt
from would else outweigh all others together where it is another for once."""
AT_ONCE = 1_000_000
"""Values that are sorted together, about."""


@dataclass(frozen=True)
class FunctionalsModel:
    """Functionals of every feature, standardised, with logistic regression, or ridge regression for numbers.

    features      of the frames
    mean, spread  of the functionals in the training part, (D,)
    basis         (D, R) of the rows that they were learnt from: weights that shrink lie among them, and where there are
                  more functionals than rows, few numbers are to be found rather than many
    """

    features: Features
    mean: Floats
    spread: Floats
    basis: Floats
    linear: LinearAnswers

    @classmethod
    def fit(
        cls, training: Ragged, targets: Tensor, validation: Ragged, wanted: Tensor, count: int, features: Features
    ) -> FunctionalsModel:
        """Learn how far to shrink the weights on the validation part, then the weights on both parts.

        training, validation  frames
        targets, wanted       (N,) classes or standardised numbers likewise
        count                 classes; 1 for numbers
        features              of the frames: those that the network has
        """
        rows, held = functionals(features.of(training)), functionals(features.of(validation))
        chosen = cls._fit(rows, targets, held, wanted, count, features, STRENGTHS).linear.strength
        both, told = np.concatenate([rows, held]), torch.cat([targets, wanted])
        return cls._fit(both, told, held, wanted, count, features, (chosen,))

    @classmethod
    def _fit(
        cls,
        rows: Floats,
        targets: Tensor,
        held: Floats,
        wanted: Tensor,
        count: int,
        features: Features,
        strengths: Sequence[float],
    ) -> FunctionalsModel:
        there = ~np.isnan(rows)
        known = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, rows, 0.0).sum(axis=0) / known
        spread = np.sqrt((np.where(there, rows - mean, 0.0) ** 2).sum(axis=0) / known)
        spread = np.where(spread > 1e-9 * np.abs(mean), spread, np.inf)  # what is always the same tells nothing
        own = _standardised(rows, mean, spread)
        basis = torch.linalg.qr(torch.from_numpy(own.T)).Q.numpy()
        beside = _standardised(held, mean, spread)
        parts = Dense(Dense(own).times(basis)), targets, Dense(Dense(beside).times(basis)), wanted
        return cls(features, mean, spread, basis, LinearAnswers.fit(*parts, count, strengths))

    def answers(self, rows: Ragged) -> Floats:
        """Return probabilities (N, K), or numbers (N, 1)."""
        found = _standardised(functionals(self.features.of(rows)), self.mean, self.spread)
        return self.linear.answers(Dense(Dense(found).times(self.basis)))


def functionals(frames: Ragged) -> Floats:
    """Return numbers about every channel of every sequence, (S, D); NaN where nothing is there to be measured.

    They are mean, spread, slope, smallest and largest value, median and quartiles: of the whole sequence, and of its
    first, middle and last third. The slope is that of the line of least squares, from the first to the last step.
    """
    lengths, C = frames.lengths, frames.values.shape[1]
    measures = 3 + len(QUANTILES)
    found = np.full((len(frames), len(PARTS), measures, C), np.nan)
    for rows in batches_by_length(lengths, AT_ONCE // C):
        for part, (first, last) in enumerate(PARTS):
            starts, ends = lengths[rows] * first // 3, lengths[rows] * last // 3
            found[rows, part] = _measured(frames, frames.offsets[rows] + starts, ends - starts)
    return found.reshape(len(frames), -1)


def _measured(frames: Ragged, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Floats:
    """Return the numbers about pieces of the frames, (B, measures, C)."""
    values = padded(frames.values, starts, lengths, np.nan, np.float64)
    steps = np.arange(len(values))[:, None]
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    known = np.where(count > 0, count, np.nan)
    mean = np.where(there, values, 0.0).sum(axis=0) / known
    apart = np.where(there, values - mean, 0.0)
    time = np.where(there, (steps / np.maximum(lengths - 1, 1))[:, :, None], 0.0)
    time = np.where(there, time - time.sum(axis=0) / known, 0.0)
    length = (time**2).sum(axis=0)
    slope = (time * apart).sum(axis=0) / np.where(length > 0, length, 1.0) + 0 * mean
    ordered = np.sort(values, axis=0)  # what is missing comes last
    at = [_quantile(ordered, count, q) for q in QUANTILES]
    return np.stack([mean, np.sqrt((apart**2).sum(axis=0) / known), slope, *at], axis=1)


def _quantile(ordered: Floats, count: NDArray[np.int64], q: float) -> Floats:
    """Return a quantile (B, C) of sorted values (T, B, C), of which the first `count` (B, C) are there."""
    place = q * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    left, right = (np.take_along_axis(ordered, own[None], axis=0)[0] for own in (low, high))
    return np.asarray(left + (right - left) * (place - low))


def _standardised(rows: Floats, mean: Floats, spread: Floats) -> Floats:
    """Return functionals in units of their spread, `FURTHEST` at most; what is missing is the mean."""
    return np.asarray(np.clip(np.nan_to_num((rows - mean) / spread), -FURTHEST, FURTHEST))
