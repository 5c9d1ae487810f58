"""A fitted forecaster as a model folder, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lstmkit import __version__
from lstmkit.data import SeriesTable, TableSettings, parse_frequency
from lstmkit.data.series import Covariates
from lstmkit.errors import InputError, ModelFolderError
from lstmkit.forecasting.ensemble import Ensemble
from lstmkit.forecasting.fitting import build, with_snapshots
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.models import Task, model_named
from lstmkit.forecasting.seasons import Seasons
from lstmkit.training import EpochRecord, ModelFolder

KIND = "forecaster"
COVARIATES = ("seen", "future", "ahead", "numbers", "categories")


def save_forecaster(forecaster: Forecaster, path: Path, force: bool) -> None:
    """Write a fitted forecaster to a folder; see `Forecaster.save`."""
    table = forecaster.table_
    params = forecaster.get_params()
    params["levels"] = list(forecaster.levels)
    params["seasons"] = None if forecaster.seasons is None else list(forecaster.seasons)
    params["settings"] = dataclasses.asdict(forecaster.request().settings)
    del params["backend"], params["cell"], params["devices"]
    given = table.covariates
    config = {
        "params": params,
        "task": dataclasses.asdict(forecaster.network_.task) | {"backend": None},
        "members": len(forecaster.network_.members),
        "seasons": dataclasses.asdict(forecaster.seasons_),
        "columns": dataclasses.asdict(table.columns),
        "number_names": list(given.number_names),
        "category_names": list(given.category_names),
        "category_levels": [list(levels) for levels in given.category_levels],
        "ids": list(table.ids),
        "time_kind": table.time_kind,
        "time_zone": table.zone,
        "time_on_wall": table.wall,
        "frequency": str(table.frequency),
        "table_kind": forecaster.table_kind_,
        "needs": needs(forecaster),
        "history": [record.to_json() for record in forecaster.history_],
    }
    times = table.times.astype("datetime64[us]").astype(np.int64) if table.times.dtype.kind == "M" else table.times
    arrays = {
        "values": table.values,
        "offsets": table.offsets,
        "times": times.astype(np.int64),
        "cut": table.skipped,
        "learnt": table.numbers,
    }
    if table.given is not None:
        arrays |= {name: getattr(given, name) for name in COVARIATES}
    tensors = {f"network.{k}": v for k, v in forecaster.network_.state_dict().items()}
    tensors |= {f"table.{name}": torch.from_numpy(np.array(values)) for name, values in arrays.items()}
    ModelFolder(KIND, config, tensors).write(path, __version__, force)


def needs(forecaster: Forecaster) -> str:
    """Return what a table must hold to be forecast by a fitted forecaster, in a sentence or two."""
    columns, window = forecaster.table_.columns, forecaster.network_.window
    roles = [("target", columns.wide or (columns.target,)), ("time", (columns.time,)), ("id", (columns.id,))]
    roles += [("known ahead", columns.future), ("known up to now", columns.past), ("static", columns.static)]
    named = [f"{role} {', '.join(repr(n) for n in names)}" for role, names in roles if any(names) and names[0]]
    if columns.wide:
        named = [part for part in named if not part.startswith("id ")]
    ahead = ""
    if columns.future:
        ahead = f" Columns known ahead must also be given for the {forecaster.horizon} steps after the last target."
    words = "step" if forecaster.table_.frequency.unit == "step" else forecaster.table_.frequency.words
    return f"Columns: {'; '.join(named)}. A row per {words}, the last {window} of each series at least.{ahead}"


def load_forecaster(path: Path) -> Forecaster:
    """Read a forecaster from a folder; see `Forecaster.load`."""
    folder = ModelFolder.read(path, KIND)
    try:
        return _restore(folder)
    except (KeyError, TypeError, RuntimeError, InputError) as error:
        raise ModelFolderError(f"{path}: config.json and model.safetensors do not belong together ({error})") from error


def _restore(folder: ModelFolder) -> Forecaster:
    config, tensors = folder.config, folder.tensors
    params = dict(config["params"])
    params["settings"] = model_named(params["model"]).Settings(**_tuples(params["settings"]))
    params = {name: tuple(v) if isinstance(v, list) else v for name, v in params.items()}
    forecaster = Forecaster(**params)
    forecaster.seasons_ = Seasons(config["seasons"]["naive"], tuple(config["seasons"]["shown"]))
    forecaster.network_ = _network(forecaster, config, tensors)
    forecaster.history_ = [EpochRecord.from_json(record) for record in config["history"]]
    forecaster.table_kind_ = config["table_kind"]
    times = tensors["table.times"].numpy()
    table = SeriesTable(
        ids=tuple(config["ids"]),
        offsets=tensors["table.offsets"].numpy(),
        values=tensors["table.values"].numpy(),
        times=times if config["time_kind"] in ("integer", "row") else times.astype("datetime64[us]"),
        columns=TableSettings(**_tuples(config["columns"])),
        time_kind=config["time_kind"],
        zone=config["time_zone"],
        wall=config["time_on_wall"],
        frequency=parse_frequency(config["frequency"]),
        given=_covariates(config, tensors),
        cut=tensors["table.cut"].numpy(),
        learnt=tensors["table.learnt"].numpy(),
    )
    return forecaster.remember(table)


def _network(forecaster: Forecaster, config: Any, tensors: Any) -> Ensemble:
    request = forecaster.request()
    network = build(request, Task(**_tuples(config["task"])))
    network = with_snapshots(network, config["members"] // len(network.members))
    network.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")})
    return network.eval()


def _covariates(config: Any, tensors: Mapping[str, Tensor]) -> Covariates | None:
    if "table.seen" not in tensors:
        return None
    levels = tuple(tuple(own) for own in config["category_levels"])
    seen, future, ahead, numbers, categories = (tensors[f"table.{name}"].numpy() for name in COVARIATES)
    names = tuple(config["number_names"]), tuple(config["category_names"])
    return Covariates(seen, future, ahead, numbers, categories, *names, levels)


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the lists that JSON made of tuples as tuples again."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
