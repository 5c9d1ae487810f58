"""Forecasts as columns, and columns as the user's kind of table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, TableKind, to_native
from lstmkit.forecasting.learning import Ensemble
from lstmkit.forecasting.predicting.forecasts import mean_of, paths_of, quantiles_ahead, windows_ahead
from lstmkit.forecasting.predicting.soundness import check_widths
from lstmkit.nn import quantile_levels


def level_name(level: float) -> str:
    """Return a coverage in percent as it appears in column names: 80, 97.5."""
    return f"{level:g}"


def interval_ends(
    levels: Sequence[float], quantiles: NDArray[np.float64]
) -> dict[float, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the two ends of each interval, by coverage in percent, from quantiles (..., Q).

    levels  coverages in percent, in the order asked for
    """
    at = {q: k for k, q in enumerate(quantile_levels(levels))}
    return {
        float(level): (quantiles[..., at[round(0.5 - level / 200, 6)]], quantiles[..., at[round(0.5 + level / 200, 6)]])
        for level in levels
    }


def interval_columns(
    levels: Sequence[float], table: SeriesTable, mean: NDArray[np.float64], quantiles: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return `mean` (...), `median`, and `lo-` and `hi-` of each level, flat, from quantiles (..., Q)."""
    columns = {"mean": mean, "median": quantiles[..., quantiles.shape[-1] // 2]}
    for level, (low, high) in interval_ends(levels, quantiles).items():
        columns[f"lo-{level_name(level)}"] = low
        columns[f"hi-{level_name(level)}"] = high
    return {table.our_name(name): column.reshape(-1) for name, column in columns.items()}


def forecast_columns(
    network: Ensemble, levels: Sequence[float], table: SeriesTable, ray: str | None = None
) -> dict[str, Any]:
    """Forecast after the end of every series; return flat columns: id (if any), time, mean, median, intervals.

    levels  coverages of the intervals in percent
    ray     address of a Ray cluster that forecasts parts of the series at a time, or None
    Raises  InputError if a covariate known ahead is missing for a step, or the forecast can be no forecast
    """
    return columns_ahead(network, levels, table, quantiles_ahead(network, table, ray))


def columns_ahead(
    network: Ensemble, levels: Sequence[float], table: SeriesTable, quantiles: NDArray[np.float64]
) -> dict[str, Any]:
    """Return a forecast (S, P, Q) of what follows every series as columns; see `forecast_columns`."""
    check_widths(quantiles, table, network.window)
    ahead = _steps_ahead(table, network.task.horizon)
    return ahead | interval_columns(levels, table, mean_of(network, quantiles), quantiles)


def sample_columns(network: Ensemble, table: SeriesTable, paths: int, seed: int) -> dict[str, Any]:
    """Draw sample paths after the end of every series; return flat columns: id (if any), time, path, value."""
    drawn = paths_of(network, windows_ahead(network, table), paths, seed)  # (S, paths, P)
    P, S = network.task.horizon, len(table)
    own = _steps_ahead(table, P)
    row = np.repeat(np.arange(S * P).reshape(S, 1, P), paths, axis=1).reshape(-1)
    columns: dict[str, Any] = {table.time_column: own[table.time_column][row]}
    if table.columns.id is not None:
        columns = {table.columns.id: [table.ids[k // P] for k in row]} | columns
    columns[table.our_name("path")] = np.tile(np.repeat(np.arange(1, paths + 1), P), S)
    return columns | {table.our_name("value"): drawn.reshape(-1)}


def _steps_ahead(table: SeriesTable, P: int) -> dict[str, Any]:
    """Return id (if any) and time of the P steps after every series, flat.

    Ids are a list: an array of numpy's would give every one the width of the longest.
    """
    columns: dict[str, Any] = {}
    if table.columns.id is not None:
        columns[table.columns.id] = [id for id in table.ids for _ in range(P)]
    columns[table.time_column] = table.future_times(table.times[table.offsets[1:] - 1], P).reshape(-1)
    return columns


def to_csv(columns: dict[str, Any], table: SeriesTable, header: bool = True) -> bytes:
    """Return columns as the text of a CSV file, with times as in the user's own table.

    header  whether the names of the columns come first
    """
    frame = to_user_table(columns, table, "polars")
    text: str = frame.write_csv(datetime_format="%Y-%m-%d %H:%M:%S", include_header=header)
    return text.encode()


def to_user_table(columns: dict[str, Any], table: SeriesTable, kind: TableKind) -> Any:
    """Return columns as a polars, pandas or pyarrow table, with times as in the user's own."""
    times = (
        [] if table.columns.time is None else [c for c in (table.time_column, table.our_name("cutoff")) if c in columns]
    )
    return to_native(columns, table, kind, times)
