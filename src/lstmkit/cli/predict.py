"""`lstm predict`: forecast again from a saved model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.streams import input_lines
from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.data import SeriesTable
    from lstmkit.forecasting.forecaster import Forecaster


@parameters.grouped
def predict(
    model: parameters.ModelFolder,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="As in lstm forecast; may be left out with --follow.")
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="CSV file to write the forecast to.")] = None,
    paths: Annotated[int | None, typer.Option(help="Draw so many sample paths instead of intervals.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Read further rows from standard input, forecast after each.")
    ] = False,
    reading: parameters.ReadingAsFitted,
    ray: parameters.Ray = None,
    force: parameters.ForceFile = False,
    json: parameters.Json = False,
) -> None:
    """Forecast what follows the last rows of FILE, from a model that lstm forecast has saved.

    With --follow, rows come as CSV on standard input, names of columns first; after each, its forecast is printed as
    CSV, or with --json as one line of JSON. The rows continue FILE, or the rows that the model has seen.

    \b
    examples:
      lstm predict forecast-aapl/model AAPL-today.csv
      lstm predict forecast-aapl AAPL-today.csv --out tomorrow.csv
      tail -f -n +1 prices.csv | lstm predict forecast-aapl --follow
    """
    from lstmkit.forecasting.predicting import forecast_columns
    from lstmkit.forecasting.predicting.columns import sample_columns
    from lstmkit.forecasting.reporting.output import renamed

    if follow and (out is not None or paths is not None):
        raise InputError("--follow prints forecasts with intervals: --out and --paths do not go with it")
    if not follow and file is None:
        raise InputError("FILE is missing: the table to forecast from, or --follow to read rows from standard input")
    if follow and file == "-":
        raise InputError("--follow reads rows from standard input: FILE must be a file, or be left out")
    parameters.refuse_without_effect("with --follow", {"ray": follow and ray is not None})
    parameters.refuse_without_effect("with --paths", {"ray": paths is not None and ray is not None})
    parameters.check_out(out, force)
    forecaster = reading.load(model)
    table = forecaster.table_ if file is None else forecaster.read_source(file, reading.delimiter)
    printing.remark((*(() if file is None else table.notes), *renamed(forecaster.levels, table)))
    if follow:
        _follow(forecaster, table, reading.delimiter or ",", json)
        return
    network = forecaster.network_
    if paths is None:
        columns = forecast_columns(network, forecaster.levels, table, ray)
    else:
        columns = sample_columns(network, table, paths, forecaster.seed)
    _show(columns, table, out, json)


def _show(columns: dict[str, Any], table: SeriesTable, out: Path | None, json: bool) -> None:
    from lstmkit.forecasting.predicting.columns import to_csv
    from lstmkit.forecasting.reporting.rows import forecast_rows
    from lstmkit.training import write_atomically

    if out is not None:
        write_atomically(out, to_csv(columns, table))
    if json:
        printing.print_json(_rows(columns, table))
    elif table.our_name("path") in columns:
        printing.write(to_csv(columns, table).decode())
    else:
        head, text = forecast_rows(columns, table)
        printing.print_table(head, text, "Forecast")


def _rows(columns: dict[str, Any], table: SeriesTable) -> list[dict[str, Any]]:
    from lstmkit.forecasting.predicting.columns import to_user_table

    frame = to_user_table(columns, table, "polars")
    dates = [column.cast(str) for column in frame if column.dtype.is_temporal()]
    rows: list[dict[str, Any]] = frame.with_columns(dates).to_dicts()
    return rows


def _follow(forecaster: Forecaster, table: SeriesTable, delimiter: str, json: bool) -> None:
    """Forecast after every row of standard input.

    Raises  InputError when the input ends, if rows could not be used; each has been told when it came
    """
    from json import dumps

    from lstmkit.forecasting.predicting.columns import to_csv

    forecaster.remember(table)
    wrong, headed = 0, False
    for number, row in _lines(delimiter):
        try:
            series, columns = forecaster.follow(row)
            text = dumps(_rows(columns, series)) + "\n" if json else to_csv(columns, series).decode()
            printing.write(text.split("\n", 1)[1] if headed and not json else text)
            headed = True
        except InputError as error:
            wrong += 1
            printing.stderr().print(f"lstm: line {number}: {error}")
    if wrong:
        raise InputError(f"standard input: {wrong} row{'s' if wrong > 1 else ''} could not be used")


def _lines(delimiter: str) -> Iterator[tuple[int, Any]]:
    """Yield number and content, as a table of one row, of every line after the first of standard input."""
    import csv

    import polars as pl

    reader = csv.reader(input_lines(), delimiter=delimiter)
    names = next(reader, None)
    if names is None:
        raise InputError("standard input: no line; the names of the columns are expected first")
    for row in reader:
        if row:
            cells = row + [""] * (len(names) - len(row))
            yield reader.line_num, pl.DataFrame({name: [cell] for name, cell in zip(names, cells, strict=False)})
