"""Options that several subcommands share, and how lists in them are read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.forecasting.forecaster import Forecaster

Source = Annotated[
    str, typer.Argument(metavar="FILE", help="CSV (also .gz) or Parquet file, or demo:aapl, demo:ibm, demo:msft.")
]
Target = Annotated[
    str | None, typer.Option(help="Column to forecast; may be left out if it is the only column of numbers.")
]
Time = Annotated[str | None, typer.Option(help="Time column; found by itself if left out.")]
Id = Annotated[str | None, typer.Option(help="Column that tells several series apart.")]
Freq = Annotated[str | None, typer.Option(help="Length of a step: s, min, h, D, B, W, MS, ME, QS, YS, 15min ...")]
TimeFormat = Annotated[str | None, typer.Option(help="How times are written, such as %d.%m.%Y.")]
Missing = Annotated[
    str, typer.Option(help="Missing values and rows: refuse, drop, previous or interpolate.", show_default=True)
]
ModelFolder = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Model folder, or a folder of results with one in it.")
]
MissingAsFitted = Annotated[
    str | None, typer.Option("--missing", help="As in lstm forecast; as the model was fitted if left out.")
]
Duplicates = Annotated[str, typer.Option(help="Rows with the same time: refuse, first, last or mean.")]
Delimiter = Annotated[str | None, typer.Option(help="Between the columns of a CSV; a comma if left out.")]
Horizon = Annotated[int | None, typer.Option(help="Steps ahead to forecast.  [default: 5]", show_default=False)]
Context = Annotated[
    int | None, typer.Option(help="Past values the model sees; chosen from the seasons and the length if left out.")
]
Model = Annotated[str, typer.Option(help="The model: lstm.")]
Level = Annotated[list[float], typer.Option(help="Coverage of an interval in percent; may be repeated.")]
Season = Annotated[list[int] | None, typer.Option(help="Season in steps; may be repeated; looked for if left out.")]
Seed = Annotated[int, typer.Option(help="Of weights, order and dropout; the same seed gives the same forecast.")]
Backend = Annotated[str | None, typer.Option(help="Force a backend; see lstm doctor.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the results.  [default: forecast-NAME]", show_default=False)]

DEFAULT_HORIZON = 5


def default_target(source: str, target: str | None) -> str | None:
    """Return the target, or for a demonstration the column it is known by."""
    return "Adj Close" if target is None and source.startswith("demo:") else target


def load_model(model: Path, missing: str | None) -> Forecaster:
    """Load a saved model from its folder or from the folder of results around it.

    missing  how the table that it will read is repaired, or None: as the one it was fitted on
    """
    from lstmkit.forecasting.forecaster import Forecaster

    inner = model / "model"
    forecaster = Forecaster.load(inner if inner.is_dir() else model)
    if missing is not None:
        columns = dataclasses.replace(forecaster.table_.columns, missing=missing)
        forecaster.table_ = dataclasses.replace(forecaster.table_, columns=columns)
    return forecaster


def check_out(out: Path | None, force: bool) -> None:
    """Raise InputError if the file `out` exists and may not be replaced."""
    if out is not None and out.exists() and not force:
        raise InputError(f"{out}: exists already; choose another --out, or --force to replace it")


def whole(levels: list[float]) -> tuple[float, ...]:
    """Return levels with 80.0 written as 80, smallest first and each once."""
    return tuple(sorted({int(level) if level == int(level) else level for level in levels}))
