"""Scoring on windows that neither the model nor anything fitted before it has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, make_windows
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.judgement.baselines import TITLES as NAIVE_TITLES
from lstmkit.forecasting.judgement.baselines import naive2, naive_forecasts
from lstmkit.forecasting.judgement.classical import TITLES as CLASSICAL_TITLES
from lstmkit.forecasting.judgement.classical import classical_forecasts
from lstmkit.forecasting.judgement.metrics import (
    Scores,
    SeriesScores,
    StepScores,
    coverage,
    crps_of_quantiles,
    mean_by_series,
    naive_scales,
    pinball,
    score_by_series,
    score_by_step,
    share_below,
)
from lstmkit.forecasting.judgement.significance import DieboldMariano, Skill, diebold_mariano, skill
from lstmkit.forecasting.learning.adaptive import adapt
from lstmkit.forecasting.learning.fitting import bounded
from lstmkit.forecasting.models import model_named
from lstmkit.forecasting.predicting.columns import interval_ends

Array = NDArray[np.float64]
MODEL = "model"


@dataclass(frozen=True)
class Evaluation:
    """Forecasts of a model and of the baselines on the same windows, and what they scored.

    title             of the model
    table             all rows, test rows included
    cutoffs           (W,) flat position of the first value each window forecasts
    series            (W,) series of each window
    truth             (W, P); NaN where it is missing
    forecasts         (W, P) by name: the model, whose point forecast is its mean, the naive and the classical ones
    quantiles         (W, P, Q) of the model, its widths following how often intervals held before each cutoff
    followed          (Q // 2,) what widths are multiplied by at the end for that, outermost interval first
    levels            (Q,) of the quantiles
    scores            by name, the model first
    medians           as `scores`, with the median over the series in place of the mean
    scores_by_series  by name
    scores_by_step    by name
    best_naive        the naive baseline with the lowest MASE
    skill             of the model against it
    test              Diebold and Mariano's, of the model against it
    coverage          share of truths within the model's interval, by level in percent
    width             mean width of that interval, by level
    reliability       share of truths below each of the model's quantiles, by level
    pinball           mean pinball loss of each of the model's quantiles, by level
    """

    title: str
    table: SeriesTable
    cutoffs: NDArray[np.int64]
    series: NDArray[np.int64]
    truth: Array
    forecasts: dict[str, Array]
    quantiles: Array
    followed: Array
    levels: tuple[float, ...]
    scores: dict[str, Scores]
    medians: dict[str, Scores]
    scores_by_series: dict[str, SeriesScores]
    scores_by_step: dict[str, StepScores]
    best_naive: str
    skill: Skill
    test: DieboldMariano
    coverage: dict[float, float]
    width: dict[float, float]
    reliability: dict[float, float]
    pinball: dict[float, float]

    def title_of(self, name: str) -> str:
        """Return how a reader knows a forecast: the model, a naive forecast, or a classical model."""
        return self.title if name == MODEL else (NAIVE_TITLES | CLASSICAL_TITLES)[name]

    @property
    def error_by_step(self) -> dict[str, Array]:
        """Mean absolute error over all windows at each step ahead, (P,), by name; NaN where no truth is known."""
        seen = np.isfinite(self.truth)
        errors = {name: np.where(seen, np.abs(self.truth - f), 0.0).sum(0) for name, f in self.forecasts.items()}
        counts = np.where(seen.any(0), seen.sum(0), np.nan)
        return {name: error / counts for name, error in errors.items()}

    @property
    def without_scale(self) -> NDArray[np.int64]:
        """Numbers of the scored series whose naive error in the training rows is zero: they have no MASE."""
        own = self.scores_by_series[MODEL]
        return np.flatnonzero((own.points > 0) & ~own.has_scale)

    @property
    def distinct_truths(self) -> int:
        """How many true values were forecast; one that several windows forecast counts once."""
        at = self.cutoffs[:, None] + np.arange(self.truth.shape[1])
        return len(np.unique(at[np.isfinite(self.truth)]))


def evaluate(
    forecaster: Forecaster,
    table: SeriesTable,
    train_rows: NDArray[np.int64],
    stride: int = 1,
    classical: Sequence[str] = (),
) -> Evaluation:
    """Score a fitted forecaster on every window whose whole future lies after the training rows.

    forecaster  fitted on `table.head(train_rows)`, and on nothing later
    table       all rows; a window's context may reach back into the training rows
    train_rows  (S,)
    stride      rows between the cutoffs of a series
    classical   classical models to show it beside, from theta, ets, arima
    Raises      InputError if a name is not known or its library is not installed
    """
    network = forecaster.network_
    windows = make_windows(table, network.window, forecaster.horizon, first=train_rows, stride=stride)
    quantiles = forecaster.predict_windows(windows)
    return assemble(forecaster, table, train_rows, np.asarray(windows.cutoffs), quantiles, classical)


def assemble(
    forecaster: Forecaster,
    table: SeriesTable,
    train_rows: NDArray[np.int64],
    cutoffs: NDArray[np.int64],
    quantiles: Array,
    classical: Sequence[str] = (),
) -> Evaluation:
    """Score quantile forecasts (W, P, Q) made at `cutoffs` beside the baselines at the same cutoffs.

    quantiles  changed in place: their widths follow how often they held before each cutoff
    """
    P, seasons, levels = forecaster.horizon, forecaster.seasons_, forecaster.quantile_levels
    series = np.searchsorted(table.offsets, cutoffs, side="right") - 1
    naive = naive_forecasts(table, cutoffs, P, seasons.naive)
    truth = table.values[cutoffs[:, None] + np.arange(P)]
    truth = np.where(np.isfinite(naive["last_value"]), truth, np.nan)  # nothing observed before: nothing to compare
    forecasts = {MODEL: forecaster.mean_of(quantiles)} | naive
    quantiles, followed = adapt(quantiles, truth, times_of(table, cutoffs, P), levels)
    quantiles, followed = bounded(quantiles, table.columns), forecaster.network_.followed * followed
    forecasts |= classical_forecasts(classical, table, train_rows, cutoffs, P, seasons.naive)
    forecasts = {name: bounded(forecast, table.columns) for name, forecast in forecasts.items()}
    scales = naive_scales(table.head(train_rows), seasons.mase_period)
    crps = {MODEL: crps_of_quantiles(truth, quantiles, levels)}
    by_series = {name: score_by_series(truth, f, series, scales, crps.get(name)) for name, f in forecasts.items()}
    base = score_by_series(truth, naive2(table, train_rows, cutoffs, P, seasons.naive), series, scales).mean()
    scores = {name: found.mean().with_owa(base) for name, found in by_series.items()}
    best = min(naive, key=lambda name: (np.nan_to_num(scores[name].mase, nan=np.inf), scores[name].mae))
    errors = {name: np.abs(truth - forecasts[name]) for name in (MODEL, best)}
    ends = interval_ends(forecaster.levels, quantiles)
    overlap = _overlap(cutoffs, series, P)
    block = max(overlap, round(len(cutoffs) ** (1 / 3)))
    return Evaluation(
        title=_model_title(forecaster),
        table=table,
        cutoffs=cutoffs,
        series=series,
        truth=truth,
        forecasts=forecasts,
        quantiles=quantiles,
        followed=followed,
        levels=levels,
        scores=scores,
        medians={name: found.median() for name, found in by_series.items()},
        scores_by_series=by_series,
        scores_by_step={n: score_by_step(truth, f, series, scales, crps.get(n)) for n, f in forecasts.items()},
        best_naive=best,
        skill=skill(errors[MODEL], errors[best], series, scales.absolute, block),
        test=diebold_mariano(errors[MODEL], errors[best], series, scales.absolute, overlap),
        coverage={level: coverage(truth, low, high) for level, (low, high) in ends.items()},
        width={level: float((high - low).mean()) for level, (low, high) in ends.items()},
        reliability={level: share_below(truth, quantiles[..., k]) for k, level in enumerate(levels)},
        pinball=_pinball_by_level(truth, quantiles, levels, series, len(table)),
    )


def times_of(table: SeriesTable, cutoffs: NDArray[np.int64], horizon: int) -> NDArray[np.int64]:
    """Return the times of the values that are forecast at `cutoffs` (W,), as numbers, (W, P)."""
    times: NDArray[np.int64] = table.times[cutoffs[:, None] + np.arange(horizon)].astype(np.int64)
    return times


def _model_title(forecaster: Forecaster) -> str:
    """Return how a reader knows a model, with its cell if that is not the model's own."""
    title, settings = model_named(forecaster.model).title, forecaster.request().settings
    return title if settings.cell == type(settings)().cell else f"{title} ({settings.cell})"


def _overlap(cutoffs: NDArray[np.int64], series: NDArray[np.int64], horizon: int) -> int:
    """Return how many consecutive windows of a series share a true value; 1 where their futures do not overlap."""
    gaps = np.diff(cutoffs)[np.diff(series) == 0]
    return -(-horizon // int(gaps.min())) if len(gaps) else 1


def _pinball_by_level(
    truth: Array, quantiles: Array, levels: tuple[float, ...], series: NDArray[np.int64], num_series: int
) -> dict[float, float]:
    """Return the mean pinball loss of each quantile, averaged within a series first."""
    seen, found = np.isfinite(truth), {}
    scored = np.bincount(series, weights=seen.any(1), minlength=num_series) > 0
    for k, level in enumerate(levels):
        own = mean_by_series(pinball(truth, quantiles[..., k], level), series, num_series, seen)
        found[level] = float(own[scored].mean()) if scored.any() else float("nan")
    return found


def test_split(table: SeriesTable, share: float) -> NDArray[np.int64]:
    """Return the training rows (S,) when the last `share` of every series is kept for testing."""
    return table.lengths - np.round(share * table.lengths).astype(np.int64)
