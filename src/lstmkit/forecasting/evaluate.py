"""Scoring on windows that neither the model nor anything fitted before it has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, make_windows
from lstmkit.forecasting.baselines import naive_forecasts
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.metrics import Scores, Skill, coverage, mase_scales, score, skill
from lstmkit.forecasting.output import interval_ends

Array = NDArray[np.float64]
MODEL = "model"


@dataclass(frozen=True)
class Evaluation:
    """Forecasts of a model and of the naive baselines on the same windows, and what they scored.

    table       all rows, test rows included
    cutoffs     (W,) flat position of the first value each window forecasts
    series      (W,) series of each window
    truth       (W, P)
    forecasts   (W, P) by name; the model's point forecast is its mean
    quantiles   (W, P, Q) of the model
    scores      by name, the model first
    best_naive  the baseline with the lowest MASE
    skill       of the model against it
    coverage    share of truths within the model's interval, by level in percent
    width       mean width of that interval, by level
    """

    table: SeriesTable
    cutoffs: NDArray[np.int64]
    series: NDArray[np.int64]
    truth: Array
    forecasts: dict[str, Array]
    quantiles: Array
    scores: dict[str, Scores]
    best_naive: str
    skill: Skill
    coverage: dict[float, float]
    width: dict[float, float]

    @property
    def error_by_step(self) -> dict[str, Array]:
        """Mean absolute error at each step ahead, (P,), by name."""
        return {name: np.abs(self.truth - forecast).mean(0) for name, forecast in self.forecasts.items()}


def evaluate(forecaster: Forecaster, table: SeriesTable, train_rows: NDArray[np.int64], stride: int = 1) -> Evaluation:
    """Score a fitted forecaster on every window whose whole future lies after the training rows.

    forecaster  fitted on `table.head(train_rows)`, and on nothing later
    table       all rows; a window's context may reach back into the training rows
    train_rows  (S,)
    stride      rows between the cutoffs of a series
    """
    network = forecaster.network_
    windows = make_windows(table, network.window, forecaster.horizon, first=train_rows, stride=stride)
    quantiles = forecaster.predict_windows(windows)
    return assemble(forecaster, table, train_rows, windows.cutoffs.numpy(), quantiles)


def assemble(
    forecaster: Forecaster,
    table: SeriesTable,
    train_rows: NDArray[np.int64],
    cutoffs: NDArray[np.int64],
    quantiles: Array,
) -> Evaluation:
    """Score quantile forecasts (W, P, Q) made at `cutoffs` beside the naive baselines at the same cutoffs."""
    P, seasons = forecaster.horizon, forecaster.seasons_
    series = np.searchsorted(table.offsets, cutoffs, side="right") - 1
    truth = table.values[cutoffs[:, None] + np.arange(P)]
    forecasts = {MODEL: forecaster.mean_of(quantiles)} | naive_forecasts(table, cutoffs, P, seasons.naive)
    scales = mase_scales(table.head(train_rows), seasons.mase_period)
    scores = {name: score(truth, forecast, series, scales) for name, forecast in forecasts.items()}
    best = min((name for name in scores if name != MODEL), key=lambda name: (scores[name].mase, scores[name].mae))
    errors = {name: np.abs(truth - forecasts[name]) for name in (MODEL, best)}
    ends = interval_ends(forecaster, quantiles)
    block = max(P, round(len(cutoffs) ** (1 / 3)))
    return Evaluation(
        table=table,
        cutoffs=cutoffs,
        series=series,
        truth=truth,
        forecasts=forecasts,
        quantiles=quantiles,
        scores=scores,
        best_naive=best,
        skill=skill(errors[MODEL], errors[best], series, scales, block),
        coverage={level: coverage(truth, low, high) for level, (low, high) in ends.items()},
        width={level: float((high - low).mean()) for level, (low, high) in ends.items()},
    )


def test_split(table: SeriesTable, share: float) -> NDArray[np.int64]:
    """Return the training rows (S,) when the last `share` of every series is kept for testing."""
    return table.lengths - np.round(share * table.lengths).astype(np.int64)
