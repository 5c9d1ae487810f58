"""Forecasts and test windows as columns, and columns as the user's kind of table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, TableKind, Windows, require_ahead, to_native, windows_at
from lstmkit.forecasting.baselines import TITLES as NAIVE_TITLES
from lstmkit.forecasting.classical import TITLES as CLASSICAL_TITLES
from lstmkit.forecasting.cluster import quantiles_ahead
from lstmkit.forecasting.soundness import check_widths
from lstmkit.training.writing import replacing

if TYPE_CHECKING:
    from lstmkit.forecasting.evaluate import Evaluation
    from lstmkit.forecasting.forecaster import Forecaster

ALL = slice(None)
ROWS_AT_ONCE = 1 << 17
"""Rows of a CSV file that are written at a time."""
OURS = ("row", "cutoff", "step", "y", "mean", "median", "path", "value")
"""Names of our columns in results, beside those of intervals and of other forecasts."""


def level_name(level: float) -> str:
    """Return a coverage in percent as it appears in column names: 80, 97.5."""
    return f"{level:g}"


def interval_ends(
    forecaster: Forecaster, quantiles: NDArray[np.float64]
) -> dict[float, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the two ends of each interval, by coverage in percent, from quantiles (..., Q)."""
    levels = forecaster.quantile_levels
    at = {q: k for k, q in enumerate(levels)}
    return {
        float(level): (quantiles[..., at[round(0.5 - level / 200, 6)]], quantiles[..., at[round(0.5 + level / 200, 6)]])
        for level in forecaster.levels
    }


def interval_columns(
    forecaster: Forecaster, table: SeriesTable, mean: NDArray[np.float64], quantiles: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return `mean` (...), `median`, and `lo-` and `hi-` of each level, flat, from quantiles (..., Q)."""
    columns = {"mean": mean, "median": quantiles[..., forecaster.quantile_levels.index(0.5)]}
    for level, (low, high) in interval_ends(forecaster, quantiles).items():
        columns[f"lo-{level_name(level)}"] = low
        columns[f"hi-{level_name(level)}"] = high
    return {table.our_name(name): column.reshape(-1) for name, column in columns.items()}


def forecast_columns(forecaster: Forecaster, table: SeriesTable, ray: str | None = None) -> dict[str, Any]:
    """Forecast after the end of every series; return flat columns: id (if any), time, mean, median, intervals.

    ray     address of a Ray cluster that forecasts parts of the series at a time, or None
    Raises  InputError if a covariate known ahead is missing for a step, or the forecast can be no forecast
    """
    return columns_ahead(forecaster, table, quantiles_ahead(forecaster, table, ray))


def columns_ahead(forecaster: Forecaster, table: SeriesTable, quantiles: NDArray[np.float64]) -> dict[str, Any]:
    """Return a forecast (S, P, Q) of what follows every series as columns; see `forecast_columns`."""
    check_widths(quantiles, table, forecaster.network_.window)
    return _steps_ahead(table, forecaster.horizon) | interval_columns(
        forecaster, table, forecaster.mean_of(quantiles), quantiles
    )


def sample_columns(forecaster: Forecaster, table: SeriesTable, paths: int) -> dict[str, Any]:
    """Draw sample paths after the end of every series; return flat columns: id (if any), time, path, value."""
    windows = windows_ahead(forecaster, table)
    drawn = forecaster.sample_windows(windows, paths)  # (S, paths, P)
    own = _steps_ahead(table, forecaster.horizon)
    P, S = forecaster.horizon, len(table)
    row = np.repeat(np.arange(S * P).reshape(S, 1, P), paths, axis=1).reshape(-1)
    columns: dict[str, Any] = {table.time_column: own[table.time_column][row]}
    if table.columns.id is not None:
        columns = {table.columns.id: [table.ids[k // P] for k in row]} | columns
    columns[table.our_name("path")] = np.tile(np.repeat(np.arange(1, paths + 1), P), S)
    return columns | {table.our_name("value"): drawn.reshape(-1)}


def windows_ahead(forecaster: Forecaster, table: SeriesTable) -> Windows:
    """Return the window after the end of every series."""
    require_ahead(table, forecaster.horizon)
    return windows_at(table, forecaster.network_.window, forecaster.horizon, table.lengths)


def _steps_ahead(table: SeriesTable, P: int) -> dict[str, Any]:
    """Return id (if any) and time of the P steps after every series, flat.

    Ids are a list: an array of numpy's would give every one the width of the longest.
    """
    columns: dict[str, Any] = {}
    if table.columns.id is not None:
        columns[table.columns.id] = [id for id in table.ids for _ in range(P)]
    columns[table.time_column] = table.future_times(table.times[table.offsets[1:] - 1], P).reshape(-1)
    return columns


def backtest_columns(forecaster: Forecaster, evaluation: Evaluation, windows: slice = ALL) -> dict[str, Any]:
    """Return a row per window and step ahead: id (if any), cutoff, time, step, y, the model's and the naive forecasts.

    windows  which of them
    cutoff   time of the last value that the forecast has seen
    """
    table, P, cutoffs = evaluation.table, forecaster.horizon, evaluation.cutoffs[windows]
    columns: dict[str, Any] = {}
    if table.columns.id is not None:
        columns[table.columns.id] = [table.ids[s] for s in evaluation.series[windows] for _ in range(P)]
    columns[table.our_name("cutoff")] = np.repeat(table.times[cutoffs - 1], P)
    columns[table.time_column] = table.times[(cutoffs[:, None] + np.arange(P)).reshape(-1)]
    columns[table.our_name("step")] = np.tile(np.arange(1, P + 1), len(cutoffs))
    columns[table.our_name("y")] = evaluation.truth[windows].reshape(-1)
    mean, quantiles = evaluation.forecasts["model"][windows], evaluation.quantiles[windows]
    columns |= interval_columns(forecaster, table, mean, quantiles)
    naive = {name: f for name, f in evaluation.forecasts.items() if name != "model"}
    return columns | {table.our_name(name): f[windows].reshape(-1) for name, f in naive.items()}


def write_backtest(path: Path, forecaster: Forecaster, evaluation: Evaluation) -> None:
    """Write the columns of a backtest as CSV, some windows at a time: the text is much larger than the numbers.

    Raises  InputError if it cannot be written
    """
    at_once = max(1, ROWS_AT_ONCE // forecaster.horizon)
    with replacing(path) as file:
        for begin in range(0, len(evaluation.cutoffs), at_once):
            columns = backtest_columns(forecaster, evaluation, slice(begin, begin + at_once))
            file.write(to_csv(columns, evaluation.table, header=begin == 0))


def renamed(forecaster: Forecaster, table: SeriesTable) -> list[str]:
    """Return a sentence for each column of the user's that has the name of one of ours, which gives way."""
    ends = [f"{end}-{level_name(level)}" for level in forecaster.levels for end in ("lo", "hi")]
    ours = {*OURS, *NAIVE_TITLES, *CLASSICAL_TITLES, *ends}
    return [
        f"column {name!r} keeps its name in the results; there, our own of that name is {table.our_name(name)!r}"
        for name in table.own_columns
        if name in ours and (name != "row" or table.columns.time is None)
    ]


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
