"""The test windows that were forecast worst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.frequency import show
from lstmkit.forecasting.judgement.evaluation import MODEL, Evaluation

MOST_WORST = 8


@dataclass(frozen=True, slots=True)
class Worst:
    """A window with a large error.

    window  its number
    error   mean absolute error of the model
    naive   of the best naive forecast
    ratio   the model's error over that of all windows of the series
    """

    window: int
    error: float
    naive: float
    ratio: float


def window_errors(evaluation: Evaluation, name: str) -> NDArray[np.float64]:
    """Return the mean absolute error of a forecast in each window, (W,); NaN where no truth is known."""
    seen = np.isfinite(evaluation.truth)
    errors = np.where(seen, np.abs(evaluation.truth - evaluation.forecasts[name]), 0.0).sum(1)
    return np.asarray(np.divide(errors, seen.sum(1), out=np.full(len(errors), np.nan), where=seen.any(1)))


def worst_windows(evaluation: Evaluation) -> list[Worst]:
    """Return the windows with the largest errors beside those of their series, largest first; none of them overlap."""
    own, naive = (window_errors(evaluation, name) for name in (MODEL, evaluation.best_naive))
    mean = evaluation.scores_by_series[MODEL].mae[evaluation.series]
    ratio = np.divide(own, mean, out=np.full(len(own), np.nan), where=mean > 0)
    P = evaluation.truth.shape[1]
    found: list[Worst] = []
    for w in np.argsort(-np.nan_to_num(ratio, nan=-1.0), kind="stable"):
        if not ratio[w] > 0 or len(found) == MOST_WORST:
            break
        apart = [abs(int(evaluation.cutoffs[w]) - int(evaluation.cutoffs[other.window])) >= P for other in found]
        if all(apart):
            found.append(Worst(int(w), float(own[w]), float(naive[w]), float(ratio[w])))
    return found


def worst_summary(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return what summary.json says of the worst windows."""
    table, P = evaluation.table, evaluation.truth.shape[1]
    rows = []
    for worst in worst_windows(evaluation):
        cutoff = int(evaluation.cutoffs[worst.window])
        row: dict[str, Any] = {
            "after": show(table.times[cutoff - 1]),
            "until": show(table.times[cutoff + P - 1]),
            "mae": worst.error,
            "mae_best_naive": worst.naive,
            "times_the_usual": worst.ratio,
        }
        series = {} if table.columns.id is None else {"series": str(table.ids[evaluation.series[worst.window]])}
        rows.append(series | row)
    return rows
