"""A network beside its baselines on rows that none of them has seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.labels import Coding
from lstmkit.classification.metrics import SKEWED, Difference, class_difference, number_difference

MODEL, CONSTANT = "model", "constant"


@dataclass(frozen=True)
class Evaluation:
    """Scores on the test rows.

    scores      by who answered: "model", then the baselines
    measure     what is compared: "accuracy"; "matthews" where one class has most of the training rows; "rmse"; or what
                was asked for
    best        name of the best baseline by that measure
    difference  how much better the model is than it, an RMSE counting the other way round
    rows        in the test part
    groups      that these rows are of, whose rows were drawn together; 0 where every row was drawn by itself
    titles      how those who answered are called in a table
    strength    of the linear baseline's data against its penalty
    only        class that the network answers for every test row though there are others; "" if there is none
    """

    scores: dict[str, dict[str, float]]
    measure: str
    best: str
    difference: Difference
    rows: int
    groups: int = 0
    titles: Mapping[str, str] = field(default_factory=dict)
    strength: float = math.nan
    only: str = ""


def evaluate_answers(
    coding: Coding,
    labels: NDArray[Any],
    found: Mapping[str, NDArray[np.float64]],
    shares: NDArray[np.float64],
    titles: Mapping[str, str],
    strength: float,
    groups: Sequence[str] | None = None,
    measure: str = "",
) -> Evaluation:
    """Score answers on the same rows, and compare the model's with the best baseline's.

    labels  (N,) the truth, as `Coding.truth` returns it
    found   answers (N, K), or numbers in the units of the table (N, 1), by who gave them: "model" and the baselines
    shares  (K,) of the classes in the training part
    titles  of those who answered, as in a table
    groups  (N,) name of the group of every row: a person or a machine, whose rows err together
    measure by which classes are compared, one of `MEASURES`; "" is accuracy, or Matthews where one class has most rows
    """
    scores = {name: coding.scores(labels, own, measure == "uar") for name, own in found.items()}
    number = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    rivals, only = [name for name in found if name != MODEL], ""
    if not coding.classes:
        measure = "rmse"
        best = min(rivals, key=lambda name: scores[name][measure])
        difference = number_difference(labels, found[MODEL][:, 0], found[best][:, 0], groups=number)
    else:
        measure = measure or ("matthews" if shares.max() > SKEWED else "accuracy")
        best = max(rivals, key=lambda name: scores[name][measure])
        own, other = np.argmax(found[MODEL], axis=1), np.argmax(found[best], axis=1)
        difference = class_difference(labels, own, other, coding.outputs, measure, groups=number)
        if len(np.unique(own)) == 1 < len(np.unique(labels)):
            only = coding.classes[own[0]]
    told = 0 if number is None else int(number.max()) + 1
    return Evaluation(scores, measure, best, difference, len(labels), told, titles, strength, only)
