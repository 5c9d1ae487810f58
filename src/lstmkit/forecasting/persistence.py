"""A fitted forecaster as a model folder, and back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit import __version__
from lstmkit.errors import InputError
from lstmkit.forecasting.ensemble import Ensemble
from lstmkit.forecasting.fitting import build, with_snapshots
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.models import Task, model_named
from lstmkit.forecasting.seasons import Seasons
from lstmkit.forecasting.stored_table import COVARIATES, TABLE, StoredTable
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill, part_of
from lstmkit.training.schema import Factor, Positive, Seed, checked, shown

KIND = "forecaster"
NETWORK = "network."


@dataclass(frozen=True)
class Params:
    """Arguments of `Forecaster` as a config holds them; `settings` are those of the model."""

    horizon: Positive
    context: Positive | None
    model: str
    levels: tuple[int | float, ...]
    seasons: tuple[Positive, ...] | None
    seed: Seed
    settings: dict[str, Any]
    ensemble: int | tuple[int, int] = 1


@dataclass(frozen=True)
class ForecasterConfig:
    """The config of a forecaster's folder, its types and ranges checked; see `save_forecaster`."""

    params: Params
    task: Task
    members: Positive
    seasons: Seasons
    history: tuple[StoredRecord, ...]
    followed: tuple[Factor, ...] = ()


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
        "followed": forecaster.network_.followed.tolist(),
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
    tensors = {NETWORK + k: v for k, v in forecaster.network_.state_dict().items()}
    tensors |= {TABLE + name: torch.from_numpy(np.array(values)) for name, values in arrays.items()}
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
    folder = StoredModel.open(path, KIND)
    config, kept = folder.checked(ForecasterConfig), folder.checked(StoredTable)
    with folder.agreeing():
        forecaster = _forecaster(config)
        members = _members(config, forecaster)
        network = folder.shapes_of(lambda: _network(config, forecaster), members, NETWORK)
        folder.require(network | kept.shapes(config.task, folder.header))
        tensors = folder.load()
        forecaster.network_ = _network(config, forecaster)
        fill(forecaster.network_, tensors, NETWORK)
        if config.followed:  # a model of an earlier version has followed nothing
            forecaster.network_.followed = _followed(config)
        forecaster.seasons_ = config.seasons
        forecaster.history_ = [record.record() for record in config.history]
        forecaster.table_kind_ = kept.table_kind
        table = kept.table(part_of(tensors, TABLE), config.task, forecaster.network_.window)
        forecaster.remember(table)
    return forecaster


def _forecaster(config: ForecasterConfig) -> Forecaster:
    """Return the unfitted forecaster; what its parts say twice must agree."""
    params, task = config.params, config.task
    settings = checked(params.settings, model_named(params.model).Settings)
    given = {field.name: getattr(params, field.name) for field in dataclasses.fields(params)}
    forecaster = Forecaster(**given | {"settings": settings})
    asked = forecaster.request()
    for name, own, said in (
        ("horizon", task.horizon, asked.horizon),
        ("context", task.context, asked.context or task.context),
        ("levels", task.levels, asked.levels),
        ("seasons", task.seasons, config.seasons.shown),
    ):
        if own != said:
            raise InputError(f"task.{name} is {shown(own)}, not {shown(said)}")
    if task.context < 2 or list(task.seasons) != sorted(set(task.seasons)) or min(task.seasons, default=2) < 2:
        raise InputError(f"task: context {task.context} and seasons {shown(task.seasons)}")
    return forecaster


def _members(config: ForecasterConfig, forecaster: Forecaster) -> int:
    """Return how many modules the networks have at least."""
    asked = forecaster.request()
    if config.members % asked.seeds or config.members > asked.seeds * asked.snapshots:
        raise InputError(f"members is {config.members}, but ensemble {config.params.ensemble}")
    return config.members * asked.settings.num_layers


def _followed(config: ForecasterConfig) -> NDArray[np.float64]:
    if len(config.followed) != len(config.task.levels) // 2:
        raise InputError(f"followed holds {len(config.followed)} numbers, not {len(config.task.levels) // 2}")
    return np.array(config.followed)


def _network(config: ForecasterConfig, forecaster: Forecaster) -> Ensemble:
    network = build(forecaster.request(), config.task)
    return with_snapshots(network, config.members // len(network.members)).eval()
