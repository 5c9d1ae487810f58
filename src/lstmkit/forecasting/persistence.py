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
from lstmkit.data import SeriesTable, TableKind
from lstmkit.errors import InputError
from lstmkit.forecasting.learning import Ensemble, Fit, Request, Seasons
from lstmkit.forecasting.learning.fitting import build, with_snapshots
from lstmkit.forecasting.models import Task, model_named
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
    """The config of a forecaster's folder, its types and ranges checked; see `write_forecaster`."""

    params: Params
    task: Task
    members: Positive
    seasons: Seasons
    history: tuple[StoredRecord, ...]
    followed: tuple[Factor, ...] = ()


def write_forecaster(
    path: Path, params: dict[str, Any], fit: Fit, table: SeriesTable, table_kind: TableKind, force: bool
) -> None:
    """Write a fitted forecaster to a folder; see `Forecaster.save`.

    params  arguments of the forecaster but for its settings, as JSON holds them
    table   the end of every series
    """
    given, network = table.covariates, fit.network
    config = {
        "params": params | {"settings": dataclasses.asdict(fit.settings)},
        "task": dataclasses.asdict(network.task) | {"backend": None},
        "members": len(network.members),
        "seasons": dataclasses.asdict(fit.seasons),
        "columns": dataclasses.asdict(table.columns),
        "number_names": list(given.number_names),
        "category_names": list(given.category_names),
        "category_levels": [list(levels) for levels in given.category_levels],
        "ids": list(table.ids),
        "time_kind": table.time_kind,
        "time_zone": table.zone,
        "time_on_wall": table.wall,
        "frequency": str(table.frequency),
        "table_kind": table_kind,
        "needs": needs(table, network),
        "followed": network.followed.tolist(),
        "history": [record.to_json() for record in fit.history],
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
    tensors = {NETWORK + k: v for k, v in network.state_dict().items()}
    tensors |= {TABLE + name: torch.from_numpy(np.array(values)) for name, values in arrays.items()}
    ModelFolder(KIND, config, tensors).write(path, __version__, force)


def needs(table: SeriesTable, network: Ensemble) -> str:
    """Return what a table must hold to be forecast by a fitted forecaster, in a sentence or two.

    table  the end of every series
    """
    columns = table.columns
    roles = [("target", columns.wide or (columns.target,)), ("time", (columns.time,)), ("id", (columns.id,))]
    roles += [("known ahead", columns.future), ("known up to now", columns.past), ("static", columns.static)]
    named = [f"{role} {', '.join(repr(n) for n in names)}" for role, names in roles if any(names) and names[0]]
    if columns.wide:
        named = [part for part in named if not part.startswith("id ")]
    ahead = ""
    if columns.future:
        ahead = f" Columns known ahead must also be given for the {network.task.horizon} steps after the last target."
    words = "step" if table.frequency.unit == "step" else table.frequency.words
    return f"Columns: {'; '.join(named)}. A row per {words}, the last {network.window} of each series at least.{ahead}"


class StoredForecaster:
    """A folder with a forecaster in it, which is read in two steps: its arguments, then what it learnt.

    path    of the folder, or of results with one in it
    Raises  ModelFolderError if it is missing or no folder of a forecaster
    """

    def __init__(self, path: Path) -> None:
        self._folder = StoredModel.open(path, KIND)
        self._config, self._table = self._folder.checked(ForecasterConfig), self._folder.checked(StoredTable)
        self.agreeing = self._folder.agreeing
        self.table_kind = self._table.table_kind

    def params(self) -> dict[str, Any]:
        """Return the arguments of `Forecaster`."""
        params = self._config.params
        settings = checked(params.settings, model_named(params.model).Settings)
        return {field.name: getattr(params, field.name) for field in dataclasses.fields(params)} | {
            "settings": settings
        }

    def learnt(self, request: Request) -> tuple[Fit, SeriesTable]:
        """Return what was learnt, and the end of every series.

        request  of the forecaster with these arguments
        Raises   InputError if the parts of the folder contradict each other
        """
        config, kept, folder = self._config, self._table, self._folder
        _check(config, request)
        networks = _networks(config, request)
        shapes = folder.shapes_of(lambda: _network(config, request), networks, NETWORK)
        folder.require(shapes | kept.shapes(config.task, folder.header))
        tensors = folder.load()
        network = _network(config, request)
        fill(network, tensors, NETWORK)
        if config.followed:  # a model of an earlier version has followed nothing
            network.followed = _followed(config)
        history = [record.record() for record in config.history]
        fit = Fit(network, config.seasons, history, request.settings)
        return fit, kept.table(part_of(tensors, TABLE), config.task, network.window)


def _check(config: ForecasterConfig, asked: Request) -> None:
    """Raise InputError unless what the parts of a config say twice agrees."""
    task = config.task
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


def _networks(config: ForecasterConfig, asked: Request) -> int:
    """Return how many modules the networks have at least."""
    if config.members % asked.networks or config.members > asked.networks * asked.snapshots:
        raise InputError(f"members is {config.members}, but ensemble {config.params.ensemble}")
    return config.members * asked.settings.num_layers


def _followed(config: ForecasterConfig) -> NDArray[np.float64]:
    if len(config.followed) != len(config.task.levels) // 2:
        raise InputError(f"followed holds {len(config.followed)} numbers, not {len(config.task.levels) // 2}")
    return np.array(config.followed)


def _network(config: ForecasterConfig, request: Request) -> Ensemble:
    network = build(request, config.task)
    return with_snapshots(network, config.members // len(network.members)).eval()
