"""A fitted forecaster as a model folder, and back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from lstmkit import __version__
from lstmkit.data import SeriesTable, TableSettings, parse_frequency
from lstmkit.errors import InputError, ModelFolderError
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.seasons import Seasons
from lstmkit.forecasting.settings import LstmSettings
from lstmkit.training import EpochRecord, ModelFolder

KIND = "forecaster"


def save_forecaster(forecaster: Forecaster, path: Path, force: bool) -> None:
    """Write a fitted forecaster to a folder; see `Forecaster.save`."""
    table = forecaster.table_
    params = forecaster.get_params()
    params["levels"] = list(forecaster.levels)
    params["seasons"] = None if forecaster.seasons is None else list(forecaster.seasons)
    params["settings"] = dataclasses.asdict(forecaster.settings or LstmSettings())
    del params["backend"]
    config = {
        "params": params,
        "context": forecaster.network_.context,
        "seasons": dataclasses.asdict(forecaster.seasons_),
        "columns": dataclasses.asdict(table.columns),
        "ids": list(table.ids),
        "time_kind": table.time_kind,
        "time_zone": table.zone,
        "time_on_wall": table.wall,
        "frequency": str(table.frequency),
        "table_kind": forecaster.table_kind_,
        "history": [record.to_json() for record in forecaster.history_],
    }
    times = table.times.astype("datetime64[us]").astype(np.int64) if table.times.dtype.kind == "M" else table.times
    tensors = {f"network.{k}": v for k, v in forecaster.network_.state_dict().items()}
    tensors["table.values"] = torch.from_numpy(table.values.copy())
    tensors["table.offsets"] = torch.from_numpy(table.offsets.copy())
    tensors["table.times"] = torch.from_numpy(times.astype(np.int64))
    ModelFolder(KIND, config, tensors).write(path, __version__, force)


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
    params["settings"] = LstmSettings(**params["settings"])
    params["levels"] = tuple(params["levels"])
    params["seasons"] = None if params["seasons"] is None else tuple(params["seasons"])
    forecaster = Forecaster(**params)
    forecaster.seasons_ = Seasons(config["seasons"]["naive"], tuple(config["seasons"]["shown"]))
    forecaster.network_ = forecaster._build(config["context"], forecaster.seasons_, params["settings"])
    forecaster.network_.load_state_dict(
        {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
    )
    forecaster.network_.eval()
    forecaster.history_ = [EpochRecord.from_json(record) for record in config["history"]]
    forecaster.table_kind_ = config["table_kind"]
    times = tensors["table.times"].numpy()
    forecaster.table_ = SeriesTable(
        ids=tuple(config["ids"]),
        offsets=tensors["table.offsets"].numpy(),
        values=tensors["table.values"].numpy(),
        times=times if config["time_kind"] in ("integer", "row") else times.astype("datetime64[us]"),
        columns=TableSettings(**config["columns"]),
        time_kind=config["time_kind"],
        zone=config["time_zone"],
        wall=config["time_on_wall"],
        frequency=parse_frequency(config["frequency"]),
    )
    return forecaster
