"""Two sets of tunes: can a classifier that saw some of each tell of the others from which set they are?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lstmkit.classification.linear import Dense, fit_logistic
from lstmkit.classification.metrics import Floats
from lstmkit.music.likeness.figures import described
from lstmkit.music.tune import Tune
from lstmkit.results.bootstrap import ratio_interval

FOLDS = 10
STRENGTH = 0.1
"""Of the data against the penalty on weights."""
CONSTANT = 1e-9


class Apart(NamedTuple):
    """How often a tune was told to be of the set from which it is; half is what luck does.

    share      0 to 1
    low, high  interval of 95 %
    """

    share: float
    low: float
    high: float


def told_apart(one: Sequence[Tune], other: Sequence[Tune], seed: int = 0) -> Apart:
    """Return how well logistic regression on figures of tunes tells two sets apart, over tunes it did not learn from.

    one, other  as many of each; those that belong together stand at the same place, and are left out together
    seed        of the folds
    Source      Lopez-Paz & Oquab 2017 (classifier two-sample tests)
    """
    rows = np.array([described(tune) for pair in zip(one, other, strict=True) for tune in pair])
    truth = np.arange(len(rows)) % 2
    folds = np.random.default_rng(seed).permutation(len(one)).repeat(2) % min(FOLDS, len(one))
    right = np.zeros(len(rows))
    for fold in range(folds.max() + 1):
        learnt, left = folds != fold, folds == fold
        mean, spread = rows[learnt].mean(axis=0), rows[learnt].std(axis=0)
        scaled: Floats = (rows - mean) / np.where(spread > CONSTANT, spread, 1.0)
        model = fit_logistic(Dense(scaled[learnt]), truth[learnt], 2, STRENGTH)
        right[left] = (model.scores(Dense(scaled[left]))[:, 0] > 0) == truth[left]
    pairs = right.reshape(-1, 2).sum(axis=1)
    low, high = ratio_interval(pairs, np.full(len(pairs), 2), seed)
    return Apart(float(right.mean()), low, high)
