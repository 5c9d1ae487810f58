"""Rolling-origin evaluation: forecasts from several cutoffs at the end of every series, with or without refitting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lstmkit.data import SeriesTable, TableSettings, make_windows, read_table, table_kind
from lstmkit.errors import InputError
from lstmkit.forecasting.evaluate import Evaluation, assemble, evaluate
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.output import backtest_columns, to_user_table


def backtest(
    forecaster: Forecaster,
    table: Any,
    target: str | None = None,
    time: str | None = None,
    id: str | None = None,
    *,
    windows: int = 20,
    refit: bool = False,
    missing: str = "refuse",
) -> Any:
    """Forecast from `windows` cutoffs at the end of every series, `horizon` rows apart, and return a row per step.

    forecaster  its settings are used; it is neither changed nor required to be fitted
    table, target, time, id, missing  as in `Forecaster.fit`
    windows     cutoffs of each series; the last one leaves exactly `horizon` rows
    refit       False fits once, on the rows before the first cutoff; True fits again at every cutoff
    Returns     a table of the kind given: id (if any), cutoff (time of the last value seen), time, step, y, mean,
                median, `lo-80` and `hi-80` for each level, and a column per naive forecast
    Raises      InputError if the table cannot be used or is too short
    """
    read = read_table(table, TableSettings(target, time, id, missing=missing))
    fitted, evaluation = backtest_series(forecaster, read, windows, refit)
    return to_user_table(backtest_columns(fitted, evaluation), read, table_kind(table))


def backtest_series(
    forecaster: Forecaster,
    table: SeriesTable,
    windows: int,
    refit: bool,
    on_window: Callable[[int], None] | None = None,
) -> tuple[Forecaster, Evaluation]:
    """Backtest on a table that has been read; return the last forecaster fitted, and the evaluation.

    on_window  called with the number of windows forecast so far
    """
    if windows < 1:
        raise InputError(f"windows must be at least 1; got {windows}")
    P = forecaster.horizon
    first = table.lengths - windows * P
    if (first < 2).any():
        s = int(first.argmin())
        raise InputError(
            f"{table.name(s)}: {table.lengths[s]} rows are too few for {windows} windows of {P} steps; use fewer"
        )
    if not refit:
        fitted = Forecaster(**forecaster.get_params()).fit_series(table.head(first))
        return fitted, evaluate(fitted, table, first, stride=P)
    cutoffs, quantiles = [], []
    for k in range(windows):
        seen = table.head(first + k * P)
        fitted = Forecaster(**forecaster.get_params()).fit_series(seen)
        quantiles.append(fitted.predict_windows(make_windows(seen, fitted.network_.window, 0, first=seen.lengths)))
        cutoffs.append(table.offsets[:-1] + seen.lengths)
        if on_window is not None:
            on_window(k + 1)
    order = np.stack(cutoffs, axis=1).reshape(-1)  # windows of one series stand together, in order of time
    return fitted, assemble(fitted, table, first, order, np.stack(quantiles, axis=1).reshape(len(order), P, -1))
