"""Forecasts as columns, and columns as the user's kind of table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lstmkit.data import SeriesTable, make_windows, to_native

if TYPE_CHECKING:
    from lstmkit.forecasting.forecaster import Forecaster


def level_name(level: float) -> str:
    """Return a coverage in percent as it appears in column names: 80, 97.5."""
    return f"{level:g}"


def interval_columns(forecaster: Forecaster, quantiles: Any) -> dict[str, Any]:
    """Return `mean`, `median`, and `lo-` and `hi-` of each level, from quantiles (..., Q)."""
    levels = forecaster.quantile_levels
    columns = {"mean": forecaster.mean_of(quantiles), "median": quantiles[..., levels.index(0.5)]}
    for level in forecaster.levels:
        low, high = round(0.5 - level / 200, 6), round(0.5 + level / 200, 6)
        columns[f"lo-{level_name(level)}"] = quantiles[..., levels.index(low)]
        columns[f"hi-{level_name(level)}"] = quantiles[..., levels.index(high)]
    return columns


def forecast_columns(forecaster: Forecaster, table: SeriesTable) -> dict[str, Any]:
    """Forecast after the end of every series; return flat columns: id (if any), time, mean, median, intervals."""
    P = forecaster.horizon
    windows = make_windows(table, forecaster.network_.window, 0, first=table.lengths)
    quantiles = forecaster.predict_windows(windows)
    times = [table.future_times(table.times[end - 1], P) for end in table.offsets[1:]]
    columns: dict[str, Any] = {}
    if table.columns.id is not None:
        columns[table.columns.id] = [table.ids[s] for s in range(len(table)) for _ in range(P)]
    columns[table.columns.time or "row"] = np.concatenate(times)
    return columns | {k: v.reshape(-1) for k, v in interval_columns(forecaster, quantiles).items()}


def to_user_table(columns: dict[str, Any], table: SeriesTable, kind: str) -> Any:
    """Return columns as a polars, pandas or pyarrow table, with times as in the user's own."""
    return to_native(columns, table, kind, table.columns.time)
