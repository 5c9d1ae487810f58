"""`lstm predict`: forecast again from a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lstmkit.cli import options, printing


def predict(
    model: options.ModelFolder,
    file: options.Source,
    out: Annotated[Path | None, typer.Option(help="CSV file to write the forecast to.")] = None,
    delimiter: options.Delimiter = None,
    missing: options.MissingAsFitted = None,
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
    from lstmkit.forecasting.output import forecast_columns, to_csv, to_user_table
    from lstmkit.forecasting.report import forecast_rows
    from lstmkit.training import write_atomically

    options.check_out(out, force)
    forecaster = options.load_model(model, missing)
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
