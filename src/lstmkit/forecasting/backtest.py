"""Rolling-origin evaluation: forecasts from several cutoffs at the end of every series, with or without refitting."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, TableSettings, table_kind, windows_at
from lstmkit.errors import InputError
from lstmkit.forecasting.cluster import run
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.evaluation import assemble, evaluate
from lstmkit.forecasting.learning.fitting import table_to_learn_from
from lstmkit.forecasting.predicting.columns import to_user_table
from lstmkit.forecasting.reading import read_to_learn
from lstmkit.forecasting.reporting.output import backtest_columns
from lstmkit.ranges import flag, shown, whole, words
from lstmkit.training import EpochRecord


def backtest(
    forecaster: Forecaster,
    table: Any,
    target: str | Sequence[str] | None = None,
    time: str | None = None,
    id: str | None = None,
    *,
    windows: int = 20,
    refit: bool = False,
    future: str | Sequence[str] | None = None,
    past: str | Sequence[str] | None = None,
    static: str | Sequence[str] | None = None,
    calendar: bool = False,
    freq: str | None = None,
    time_format: str | None = None,
    missing: str = "refuse",
    duplicates: str = "refuse",
    short: str = "auto",
    decimal: str | None = None,
    lower: float | None = None,
    upper: float | None = None,
    baselines: Sequence[str] = (),
    ray: str | None = None,
) -> Any:
    """Forecast from `windows` cutoffs at the end of every series, `horizon` rows apart, and return a row per step.

    forecaster  its settings are used; it is neither changed nor required to be fitted
    table, target, time, id, future, past, static, calendar, freq, time_format, missing, duplicates, short,
                decimal, lower, upper  as in `Forecaster.fit`
    windows     cutoffs of each series; the last one leaves exactly `horizon` rows
    refit       False fits once, on the rows before the first cutoff; True fits again at every cutoff
    baselines   classical models to forecast beside it, from theta, ets, arima
    ray         address of a Ray cluster that fits at several cutoffs at a time; the rows are the same
    Returns     a table of the kind given: id (if any), cutoff (time of the last value seen), time, step, y, mean,
                median, `lo-80` and `hi-80` for each level, and a column per naive forecast and baseline
    Raises      InputError if the table cannot be used or is too short
    """
    if not isinstance(forecaster, Forecaster):
        raise InputError(f"backtest: a Forecaster is needed; got {shown(forecaster)}")
    columns = TableSettings.of(
        target,
        time,
        id,
        future=future,
        past=past,
        static=static,
        calendar=calendar,
        freq=freq,
        time_format=time_format,
        missing=missing,
        duplicates=duplicates,
        short=short,
        decimal=decimal,
        lower=lower,
        upper=upper,
    )
    read = read_to_learn(table, columns)
    fitted, evaluation = backtest_series(forecaster, read, windows, refit, ray=ray, classical=baselines)
    return to_user_table(backtest_columns(fitted.levels, evaluation), read, table_kind(table))


def backtest_series(
    forecaster: Forecaster,
    table: SeriesTable,
    windows: int,
    refit: bool,
    on_window: Callable[[int], None] | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    ray: str | None = None,
    classical: Sequence[str] = (),
) -> tuple[Forecaster, Evaluation]:
    """Backtest on a table that has been read; return the last forecaster fitted, and the evaluation.

    on_window  called with the number of windows forecast so far, when fitting again at each
    on_epoch   called with every record, when fitting once
    ray        address of a Ray cluster that shares the fits of `refit`, or None
    classical  classical models to forecast beside it, from theta, ets, arima
    """
    windows = whole("windows", windows)
    flag("refit", refit)
    classical = words("baselines", classical)
    if ray is not None and not refit:
        raise InputError("ray shares the fits of refit among machines, and without refit there is one; leave ray out")
    P = forecaster.horizon
    table = table_to_learn_from(table, forecaster.request(), windows * P)
    first = table.lengths - windows * P
    if (first < 2).any():
        s = int(first.argmin())
        raise InputError(
            f"{table.name(s)}: {table.lengths[s]} rows are too few for {windows} windows of {P} steps; use fewer"
        )
    if not refit:
        fitted = Forecaster(**forecaster.get_params()).fit_series(table.head(first), on_epoch)
        return fitted, evaluate(fitted, table, first, stride=P, classical=classical)
    refitted: Forecaster | None = None
    quantiles = []
    at_cutoff = functools.partial(_forecast_at, forecaster.get_params(), table, first, windows)
    for refitted, own in run(at_cutoff, range(windows), ray):  # noqa: B007
        quantiles.append(own)
        if on_window is not None:
            on_window(len(quantiles))
    assert refitted is not None
    cutoffs = (table.offsets[:-1] + first)[:, None] + P * np.arange(windows)
    order = cutoffs.reshape(-1)  # windows of one series stand together, in order of time
    stacked = np.stack(quantiles, axis=1).reshape(len(order), P, -1)
    return refitted, assemble(refitted, table, first, order, stacked, classical)


def _forecast_at(
    parameters: dict[str, Any], table: SeriesTable, first: NDArray[np.int64], windows: int, k: int
) -> tuple[Forecaster | None, NDArray[np.float64]]:
    """Fit on the rows before cutoff `k` of `windows`; return the forecaster if it is the last, and quantiles (S, P, Q).

    parameters  of the forecaster
    first       (S,) rows before the first cutoff
    """
    fitted = Forecaster(**parameters)
    seen = table.head(first + k * fitted.horizon)
    fitted.fit_series(seen)
    quantiles = fitted.predict_windows(windows_at(table, fitted.network_.window, fitted.horizon, seen.lengths))
    return fitted if k == windows - 1 else None, quantiles
