"""Test windows as columns, and which of the user's names ours give way to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstmkit.data import SeriesTable
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.baselines import TITLES as NAIVE_TITLES
from lstmkit.forecasting.judgement.classical import TITLES as CLASSICAL_TITLES
from lstmkit.forecasting.predicting.columns import interval_columns, level_name, to_csv
from lstmkit.training.writing import replacing

ALL = slice(None)
ROWS_AT_ONCE = 1 << 17
"""Rows of a CSV file that are written at a time."""
OURS = ("row", "cutoff", "step", "y", "mean", "median", "path", "value")
"""Names of our columns in results, beside those of intervals and of other forecasts."""


def backtest_columns(levels: Sequence[float], evaluation: Evaluation, windows: slice = ALL) -> dict[str, Any]:
    """Return a row per window and step ahead: id (if any), cutoff, time, step, y, the model's and the naive forecasts.

    levels   coverages of the intervals in percent
    windows  which of them
    cutoff   time of the last value that the forecast has seen
    """
    table, P, cutoffs = evaluation.table, evaluation.truth.shape[1], evaluation.cutoffs[windows]
    columns: dict[str, Any] = {}
    if table.columns.id is not None:
        columns[table.columns.id] = [table.ids[s] for s in evaluation.series[windows] for _ in range(P)]
    columns[table.our_name("cutoff")] = np.repeat(table.times[cutoffs - 1], P)
    columns[table.time_column] = table.times[(cutoffs[:, None] + np.arange(P)).reshape(-1)]
    columns[table.our_name("step")] = np.tile(np.arange(1, P + 1), len(cutoffs))
    columns[table.our_name("y")] = evaluation.truth[windows].reshape(-1)
    mean, quantiles = evaluation.forecasts["model"][windows], evaluation.quantiles[windows]
    columns |= interval_columns(levels, table, mean, quantiles)
    naive = {name: f for name, f in evaluation.forecasts.items() if name != "model"}
    return columns | {table.our_name(name): f[windows].reshape(-1) for name, f in naive.items()}


def write_backtest(path: Path, levels: Sequence[float], evaluation: Evaluation) -> None:
    """Write the columns of a backtest as CSV, some windows at a time: the text is much larger than the numbers.

    Raises  InputError if it cannot be written
    """
    at_once = max(1, ROWS_AT_ONCE // evaluation.truth.shape[1])
    with replacing(path) as file:
        for begin in range(0, len(evaluation.cutoffs), at_once):
            columns = backtest_columns(levels, evaluation, slice(begin, begin + at_once))
            file.write(to_csv(columns, evaluation.table, header=begin == 0))


def renamed(levels: Sequence[float], table: SeriesTable) -> list[str]:
    """Return a sentence for each column of the user's that has the name of one of ours, which gives way."""
    ends = [f"{end}-{level_name(level)}" for level in levels for end in ("lo", "hi")]
    ours = {*OURS, *NAIVE_TITLES, *CLASSICAL_TITLES, *ends}
    return [
        f"column {name!r} keeps its name in the results; there, our own of that name is {table.our_name(name)!r}"
        for name in table.own_columns
        if name in ours and (name != "row" or table.columns.time is None)
    ]
