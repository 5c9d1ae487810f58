"""A job as the command that does it again, and as Python that does the same."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lstmkit.data import TableSettings
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.models import model_named
from lstmkit.results import Job
from lstmkit.training import Devices

REPEATED = {"wide": "target", "levels": "level", "seasons": "season", "baselines": "baseline"}
"""Options that are given once for each of several values, and are not called as in Python."""
NOT_REPEATED_IN_A_RUN = ("force", "resume")
PARTS = ("source", "out", "table", "forecaster")
"""What a job is made of; its other fields are options of its own."""
FOUND = ("id_type", "usual_format")
"""Settings of a table that reading finds and nobody gives."""


def command(job: Job[Any, Any, Any], into: bool = True) -> str:
    """Return the line for a shell that does a `ForecastJob` again, with the options that differ from their defaults.

    into  name the folder of results, too
    """
    source, out, table, forecaster = _parts(job)
    words = ["lstm", "forecast", source]
    named = [("out", str(out))] if into else []
    for name, value in [*_changed(table), *_of_forecaster(forecaster), *_own(job), *named]:
        words += _option(REPEATED.get(name, name.replace("_", "-")), value)
    return " ".join(shlex.quote(word) for word in words)


def python(job: Job[Any, Any, Any]) -> str:
    """Return Python that does a `ForecastJob` again and forecasts with the model it leaves."""
    source, out, table, forecaster = _parts(job)
    settings = forecaster.settings
    more = "" if settings is None else f"from {type(settings).__module__} import {type(settings).__name__}\n"
    more += "" if forecaster.devices is None else "from lstmkit.training import Devices\n"
    given = [f"{source!r}", _written(out), _written(table), _constructed(forecaster)]
    given += [f"{name}={_written(value)}" for name, value in _own(job)]
    lines = "".join(f"    {argument},\n" for argument in given)
    return (
        "from pathlib import Path\n\n"
        "from lstmkit import Forecaster\n"
        "from lstmkit.data import TableSettings\n"
        "from lstmkit.forecasting.job import ForecastJob\n"
        "from lstmkit.results import run_job\n"
        f"{more}\n"
        f"job = ForecastJob(\n{lines})\n"
        "result = run_job(job)\n"
        "print(result.verdict.headline, result.evaluation.scores['model'])\n\n"
        f"forecaster = Forecaster.load({str(out / 'model')!r})\n"
        "print(forecaster.predict())  # or predict(newer_rows)"
    )


def _parts(job: Job[Any, Any, Any]) -> tuple[str, Path, TableSettings, Forecaster]:
    given = dict(_changed(job))
    return given["source"], given["out"], given["table"], given["forecaster"]


def _own(job: Job[Any, Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield name and value of the options of a job itself that differ from their defaults."""
    return ((name, value) for name, value in _changed(job) if name not in (*PARTS, *NOT_REPEATED_IN_A_RUN))


def _changed(settings: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and value of the fields of a dataclass that differ from their defaults."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name not in FOUND and (field.default is dataclasses.MISSING or value != field.default):
            yield field.name, value


def _of_forecaster(forecaster: Forecaster) -> Iterator[tuple[str, Any]]:
    """Yield the options that make a forecaster."""
    given = forecaster.get_params()
    default = type(forecaster)(1).get_params()
    for name, value in given.items():
        if name == "horizon" or (name not in ("settings", "ensemble", "devices") and value != default[name]):
            yield name, value
    for name, value in _changed_settings(forecaster):
        yield "set", f"{name}={_setting(value)}"
    ensemble = forecaster.ensemble
    if ensemble is not None:
        yield "ensemble", "x".join(map(str, ensemble)) if isinstance(ensemble, tuple | list) else str(ensemble)
    if isinstance(forecaster.devices, Devices):
        yield "devices", forecaster.devices.devices
        yield "num_nodes", forecaster.devices.num_nodes


def _constructed(forecaster: Forecaster) -> str:
    """Return the call that makes a forecaster, without the arguments that are their defaults."""
    default = type(forecaster)(1).get_params()
    own = {n: v for n, v in forecaster.get_params().items() if n == "horizon" or v != default[n]}
    return f"Forecaster({', '.join(f'{n}={_written(v)}' for n, v in own.items())})"


def _changed_settings(forecaster: Forecaster) -> list[tuple[str, Any]]:
    if forecaster.settings is None:
        return []
    default = model_named(forecaster.model).Settings()
    return [
        (field.name, getattr(forecaster.settings, field.name))
        for field in dataclasses.fields(forecaster.settings)
        if getattr(forecaster.settings, field.name) != getattr(default, field.name)
    ]


def _setting(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value).replace(" ", "")


def _option(name: str, value: Any) -> list[str]:
    """Return the words of an option; one that is a switch has no value, one of several values is repeated."""
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    values = value if isinstance(value, tuple | list) else (value,)
    return [word for v in values for word in ([f"--{name}={v}"] if str(v).startswith("-") else [f"--{name}", str(v)])]


def _written(value: Any) -> str:
    """Return a value as Python writes it, of a dataclass only what differs from its defaults."""
    if isinstance(value, Path):
        return f"Path({str(value)!r})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}({', '.join(f'{n}={_written(v)}' for n, v in _changed(value))})"
    return repr(value)
