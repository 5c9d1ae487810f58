"""How a table of series is read: as a command says, or as it was when the model was fitted."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lstmkit.data import TableSettings
    from lstmkit.forecasting.forecaster import Forecaster

Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="CSV or other text, JSON lines, Parquet or Monash .tsf file (also .gz); - for standard input; or "
        "demo:aapl, demo:ibm, demo:msft.",
    ),
]
TimeFormat = Annotated[
    str | None, typer.Option(help="How times are written: %d.%m.%Y and the like, quarter, excel, unix-s, unix-ms ...")
]
Delimiter = Annotated[str | None, typer.Option(help="Between the columns of a text; found by itself if left out.")]
Decimal = Annotated[str | None, typer.Option(help="Before decimals in text, . or ,; found by itself if left out.")]


@dataclass(frozen=True)
class Series:
    """The table, and which of its columns are what."""

    file: Source
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Column to forecast, if there are several columns of numbers. Repeated: columns side by side, each a "
            "series of its own."
        ),
    ] = None
    time: Annotated[
        str | None, typer.Option(help="Time column; found by itself if left out; row: the rows are in order.")
    ] = None
    id: Annotated[str | None, typer.Option(help="Column that tells several series apart.")] = None


@dataclass(frozen=True)
class Reading:
    """How the table is read, by options that are called as the fields of `TableSettings`."""

    future: Annotated[
        list[str] | None,
        typer.Option(help="Column of numbers that is known ahead, such as a promotion; may be repeated."),
    ] = None
    past: Annotated[
        list[str] | None, typer.Option(help="Column of numbers that is known up to the last row; may be repeated.")
    ] = None
    static: Annotated[
        list[str] | None, typer.Option(help="Column that says something about a series as a whole; may be repeated.")
    ] = None
    calendar: Annotated[
        bool, typer.Option("--calendar", help="Tell the model the time of day, week, month and year.")
    ] = False
    freq: Annotated[
        str | None, typer.Option(help="Step: s, min, h, D, B, W, MS, ME, BME, QS, YS, 15min, MON-SAT ...")
    ] = None
    time_format: TimeFormat = None
    missing: Annotated[
        str,
        typer.Option(help="Missing values and rows: refuse, mask, drop, previous or interpolate.", show_default=True),
    ] = "refuse"
    duplicates: Annotated[str, typer.Option(help="Rows with the same time: refuse, first, last, mean or sum.")] = (
        "refuse"
    )
    short: Annotated[str, typer.Option(help="Series with too few rows: auto (pad the few), refuse, drop or pad.")] = (
        "auto"
    )
    delimiter: Delimiter = None
    decimal: Decimal = None
    lower: Annotated[float | None, typer.Option(help="No forecast lies below this, such as 0 for counts.")] = None
    upper: Annotated[float | None, typer.Option(help="No forecast lies above this.")] = None

    def settings(self, series: Series) -> TableSettings:
        """Return how the table of a command is read; a demonstration has a target that it is known by."""
        from lstmkit.data import TableSettings

        target = series.target
        if not target and series.file.startswith("demo:"):
            target = ["Adj Close"]
        own = {name: value for name, value in vars(self).items() if name != "delimiter"}
        return TableSettings.of(target, series.time, series.id, **own)


@dataclass(frozen=True)
class ReadingAsFitted:
    """How another table is read by a saved model: as the one it was fitted on, but for what is given."""

    delimiter: Delimiter = None
    decimal: Decimal = None
    missing: Annotated[
        str | None, typer.Option("--missing", help="As in lstm forecast; as the model was fitted if left out.")
    ] = None
    time_format: TimeFormat = None
    duplicates: Annotated[
        str | None, typer.Option("--duplicates", help="As in lstm forecast; as fitted if left out.")
    ] = None
    short: Annotated[str | None, typer.Option("--short", help="As in lstm forecast; as fitted if left out.")] = None

    def load(self, model: Path) -> Forecaster:
        """Load a model."""
        from lstmkit.forecasting.forecaster import Forecaster

        forecaster = Forecaster.load(model)
        given = {name: value for name, value in vars(self).items() if value is not None and name != "delimiter"}
        if given:
            columns = dataclasses.replace(forecaster.table_.columns, **given)
            forecaster.remember(dataclasses.replace(forecaster.table_, columns=columns))
        return forecaster
