"""`lstm predict`: forecast again from a saved model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from lstmkit.cli import options, printing


def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Model folder, or a folder of results with one in it.")
    ],
    file: options.Source,
    out: Annotated[Path | None, typer.Option(help="CSV file to write the forecast to.")] = None,
    delimiter: options.Delimiter = None,
    missing: Annotated[
        str | None, typer.Option(help="As in lstm forecast; as the model was fitted if left out.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that --out names.")] = False,
    json: options.Json = False,
) -> None:
    """Forecast what follows the last rows of FILE, from a model that lstm forecast has saved.

    \b
    examples:
      lstm predict forecast-aapl/model AAPL-today.csv
      lstm predict forecast-aapl AAPL-today.csv --out tomorrow.csv
    """
    from lstmkit.data import read_file
    from lstmkit.forecasting.forecaster import Forecaster
    from lstmkit.forecasting.output import forecast_columns, to_csv, to_user_table
    from lstmkit.forecasting.report import forecast_rows
    from lstmkit.training import write_atomically

    options.check_out(out, force)
    inner = model / "model"
    forecaster = Forecaster.load(inner if inner.is_dir() else model)
    if missing is not None:
        forecaster.table_ = dataclasses.replace(
            forecaster.table_, columns=dataclasses.replace(forecaster.table_.columns, missing=missing)
        )
    table = forecaster.read(read_file(file, delimiter))
    columns = forecast_columns(forecaster, table)
    if out is not None:
        write_atomically(out, to_csv(columns, table))
    if json:
        frame = to_user_table(columns, table, "polars")
        time = table.time_column
        rows = frame.with_columns(frame[time].cast(str) if table.time_kind in ("date", "datetime") else frame[time])
        printing.print_json(rows.to_dicts())
    else:
        head, text = forecast_rows(columns)
        printing.print_table(head, text, "Forecast")
