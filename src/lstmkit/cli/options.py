"""Options that several subcommands share, and how lists in them are read."""

from __future__ import annotations

import ast
import dataclasses
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.data import TableSettings
    from lstmkit.forecasting.forecaster import Forecaster
    from lstmkit.forecasting.models import ModelSettings

Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="CSV or other text, JSON lines, Parquet or Monash .tsf file (also .gz); - for standard input; or "
        "demo:aapl, demo:ibm, demo:msft.",
    ),
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        help="Column to forecast, if there are several columns of numbers. Repeated: columns side by side, each a "
        "series of its own."
    ),
]
Time = Annotated[str | None, typer.Option(help="Time column; found by itself if left out; row: the rows are in order.")]
Id = Annotated[str | None, typer.Option(help="Column that tells several series apart.")]
Freq = Annotated[str | None, typer.Option(help="Step: s, min, h, D, B, W, MS, ME, BME, QS, YS, 15min, MON-SAT ...")]
TimeFormat = Annotated[
    str | None, typer.Option(help="How times are written: %d.%m.%Y and the like, quarter, excel, unix-s, unix-ms ...")
]
Missing = Annotated[
    str, typer.Option(help="Missing values and rows: refuse, mask, drop, previous or interpolate.", show_default=True)
]
Future = Annotated[
    list[str] | None, typer.Option(help="Column of numbers that is known ahead, such as a promotion; may be repeated.")
]
Past = Annotated[
    list[str] | None, typer.Option(help="Column of numbers that is known up to the last row; may be repeated.")
]
Static = Annotated[
    list[str] | None, typer.Option(help="Column that says something about a series as a whole; may be repeated.")
]
Calendar = Annotated[bool, typer.Option("--calendar", help="Tell the model the time of day, week, month and year.")]
Short = Annotated[str, typer.Option(help="Series with too few rows: auto (pad the few), refuse, drop or pad.")]
ModelFolder = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Model folder, or a folder of results with one in it.")
]
MissingAsFitted = Annotated[
    str | None, typer.Option("--missing", help="As in lstm forecast; as the model was fitted if left out.")
]
Duplicates = Annotated[str, typer.Option(help="Rows with the same time: refuse, first, last, mean or sum.")]
Delimiter = Annotated[str | None, typer.Option(help="Between the columns of a text; found by itself if left out.")]
Decimal = Annotated[str | None, typer.Option(help="Before decimals in text, . or ,; found by itself if left out.")]
DuplicatesAsFitted = Annotated[
    str | None, typer.Option("--duplicates", help="As in lstm forecast; as fitted if left out.")
]
ShortAsFitted = Annotated[str | None, typer.Option("--short", help="As in lstm forecast; as fitted if left out.")]
Lower = Annotated[float | None, typer.Option(help="No forecast lies below this, such as 0 for counts.")]
Upper = Annotated[float | None, typer.Option(help="No forecast lies above this.")]
Horizon = Annotated[int | None, typer.Option(help="Steps ahead to forecast.  [default: 5]", show_default=False)]
Context = Annotated[
    int | None, typer.Option(help="Past values the model sees; chosen from the seasons and the length if left out.")
]
Model = Annotated[str, typer.Option(help="The model: lstm, seq2seq, deepar, esrnn, segrnn or slstm.")]
Cell = Annotated[
    str | None, typer.Option(help="Member of the LSTM family, such as gru, peephole, alstm, mogrifier, slstm.")
]
Ensemble = Annotated[
    str, typer.Option(help="Networks whose mean is forecast: seeds, or seeds x snapshots of each, such as 3 or 3x2.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="A setting of the model, such as hidden_size=128; may be repeated."
    ),
]
Ray = Annotated[str | None, typer.Option(help="Share the work among the machines of this Ray cluster: HOST:PORT.")]
Devices = Annotated[int, typer.Option(help="Processes on this machine that train together; see also torchrun.")]
NumNodes = Annotated[int, typer.Option(help="Machines that train together, each started by torchrun.")]
Level = Annotated[list[float], typer.Option(help="Coverage of an interval in percent; may be repeated.")]
Season = Annotated[list[int] | None, typer.Option(help="Season in steps; may be repeated; looked for if left out.")]
Seed = Annotated[int, typer.Option(help="Of weights, order and dropout; the same seed gives the same forecast.")]
Baseline = Annotated[
    list[str] | None, typer.Option(help="Also score theta, ets or arima (extra baselines); may be repeated.")
]
Cost = Annotated[
    float | None,
    typer.Option(
        help="Of prices: basis points that a change of position costs, to see what trading on the forecast would have "
        "earned.  [default: 10 where the column is named like a price]",
        show_default=False,
    ),
]
Backend = Annotated[str | None, typer.Option(help="Force a backend; see lstm doctor.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the results.  [default: forecast-NAME]", show_default=False)]

DEFAULT_HORIZON = 5


def columns(
    source: str,
    target: list[str] | None,
    time: str | None,
    id: str | None,
    freq: str | None,
    time_format: str | None,
    missing: str,
    duplicates: str,
    future: list[str] | None,
    past: list[str] | None,
    static: list[str] | None,
    calendar: bool,
    short: str,
    decimal: str | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> TableSettings:
    """Return how the table of a command is read; a demonstration has a target that it is known by."""
    from lstmkit.data import TableSettings

    if not target and source.startswith("demo:"):
        target = ["Adj Close"]
    return TableSettings.of(
        target,
        time,
        id,
        future=future,
        past=past,
        static=static,
        calendar=calendar,
        freq=freq,
        time_format=time_format,
        missing=missing,
        duplicates=duplicates,
        short=short,
        decimal=decimal,
        lower=lower,
        upper=upper,
    )


def forecaster(
    horizon: int | None,
    context: int | None,
    model: str,
    cell: str | None,
    setting: list[str] | None,
    ensemble: str,
    level: list[float],
    season: list[int] | None,
    seed: int,
    backend: str | None,
    devices: int = 1,
    num_nodes: int = 1,
) -> Forecaster:
    """Return the forecaster that the options of a command describe."""
    from lstmkit.forecasting.forecaster import Forecaster

    steps = DEFAULT_HORIZON if horizon is None else horizon
    settings, networks = settings_of(model, setting), seeds_and_snapshots(ensemble)
    together = None
    if devices * num_nodes != 1:
        from lstmkit.training import Devices

        together = Devices(devices, num_nodes)
    return Forecaster(
        steps, context, model, whole(level), season, seed, settings, backend, cell, networks, devices=together
    )


def seeds_and_snapshots(ensemble: str) -> int | tuple[int, int]:
    """Read 3 or 3x2.

    Raises  InputError if it is neither
    """
    seeds, _, snapshots = ensemble.partition("x")
    if not re.fullmatch("[0-9]{1,9}(x[0-9]{1,9})?", ensemble):
        raise InputError(f"--ensemble must be a number such as 3, or seeds x snapshots such as 3x2; got {ensemble!r}")
    return (int(seeds), int(snapshots)) if snapshots else int(seeds)


def load_model(
    model: Path,
    missing: str | None,
    time_format: str | None = None,
    duplicates: str | None = None,
    short: str | None = None,
    decimal: str | None = None,
) -> Forecaster:
    """Load a saved model from its folder or from the folder of results around it.

    missing, time_format, duplicates, short, decimal  how the table that it will read is read, or None: as the one it
                                                      was fitted on
    """
    from lstmkit.forecasting.forecaster import Forecaster

    inner = model / "model"
    forecaster = Forecaster.load(inner if inner.is_dir() else model)
    given: dict[str, Any] = {"missing": missing, "time_format": time_format, "duplicates": duplicates, "short": short}
    given = {name: value for name, value in (given | {"decimal": decimal}).items() if value is not None}
    if given:
        columns = dataclasses.replace(forecaster.table_.columns, **given)
        forecaster.remember(dataclasses.replace(forecaster.table_, columns=columns))
    return forecaster


def refuse_without_effect(where: str, given: Mapping[str, bool]) -> None:
    """Raise InputError for an option that does nothing beside others.

    where  what it is beside, such as "with --ray"
    given  whether it is given, by its name in Python
    """
    for name, is_given in given.items():
        if is_given:
            raise InputError(f"--{name.replace('_', '-')} has no effect {where}; leave it out")


def is_given(context: typer.Context, name: str) -> bool:
    """Say whether an option stands in the command line, also with the value of its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def check_out(out: Path | None, force: bool) -> None:
    """Raise InputError if `out` exists and may not be replaced, or its folder is missing; a device is written to."""
    from lstmkit.training import replaces

    refuse_without_effect("without --out", {"force": force and out is None})
    if out is not None and not out.parent.is_dir():
        raise InputError(f"{out}: there is no folder {str(out.parent)!r}; make it first, or choose another --out")

    if out is not None and not force and replaces(out):
        raise InputError(f"{out}: exists already; choose another --out, or --force to replace it")


def named_after(file: str, kind: str) -> Path:
    """Return the folder of results that a command makes if --out is left out."""
    name = "input" if file == "-" else Path(file.removeprefix("demo:")).name.split(".")[0]
    return Path(f"{kind}-{name}")


def whole(levels: list[float]) -> tuple[float, ...]:
    """Return levels with 80.0 written as 80, smallest first and each once."""
    return tuple(sorted({int(level) if level.is_integer() else level for level in levels}))


def settings_of(model: str, pairs: Sequence[str] | None) -> ModelSettings | None:
    """Read settings of a model from NAME=VALUE, each of the type that the settings have; None without any.

    Raises  InputError if there is no such model or setting, or a value is not of its type or out of range
    """
    from lstmkit.forecasting.models import model_named

    kind = model_named(model).Settings
    given = given_settings(kind, pairs, f"model {model}")
    return kind(**given) if given else None


def given_settings(
    kind: type, pairs: Sequence[str] | None, owner: str, own: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Read settings from NAME=VALUE, each of the type that its field in a dataclass has.

    owner   whose settings they are, for an error
    own     settings that have options of their own, as these were given
    Returns  settings by name, those of `own` among them
    Raises  InputError if there is no such setting, one is given twice, or a value is not of its type
    """
    from lstmkit.data.series import closest

    hints = typing.get_type_hints(kind)
    given: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise InputError(f"--set takes NAME=VALUE, such as hidden_size=128; got {pair!r}")
        if name not in hints:
            raise InputError(f"{owner} has no setting {name!r}{closest(name, hints)}")
        if name in given:
            raise InputError(f"--set {name} is given twice; leave one out")
        given[name] = _typed(name, text.strip(), hints[name])
    for name in own or {}:
        if name in given:
            raise InputError(f"--set {name} and --{name.replace('_', '-')} are the same setting; leave one out")
    return given | dict(own or {})


def _typed(name: str, text: str, hint: Any) -> Any:
    """Return a setting's value from text; "none" where the setting may be left to the model."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if types.NoneType in kinds and text.lower() in ("none", "null", ""):
        return None
    kind = next(k for k in kinds if k is not types.NoneType)
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
    value = _read_as(kind, text)
    if value is None:
        also = " or none" if types.NoneType in kinds else ""
        what = words.get(kind, "numbers in brackets, such as ((1,2),(4,8))")
        raise InputError(f"--set {name} must be {what}{also}; got {text!r}")
    return value


def _read_as(kind: Any, text: str) -> Any:
    """Return text as a value of a type, or None if it is not one."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower())
    if kind is str:
        return text or None
    try:
        if kind is int:
            return int(text)
        if kind is float:
            return float(text) if math.isfinite(float(text)) else None
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):  # of brackets without end
        return None
    return _of_tuples(value, kind)


def _of_tuples(value: Any, kind: Any) -> Any:
    """Return nested lists or tuples as tuples of the type tuple[X, ...], or None if they are something else."""
    if typing.get_origin(kind) is not tuple:
        return value if type(value) is kind else None
    if not isinstance(value, list | tuple):
        return None
    found = tuple(_of_tuples(v, typing.get_args(kind)[0]) for v in value)
    return None if None in found else found
