"""Damaged folders of forecasters: whatever is wrong in one is said in a line when it is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from damage import changed, check_all, places, refused_in_a_line, write_config
from lstmkit import Forecaster
from lstmkit.errors import ModelFolderError
from lstmkit.forecasting.models import MODELS


def _table() -> pl.DataFrame:
    draw = np.random.default_rng(3)
    parts = []
    for name, region in (("north", "cold"), ("süd", "warm")):
        days = np.arange("2024-01-01", "2024-03-31", dtype="datetime64[D]")
        value = 10 + np.sin(np.arange(len(days)) * 2 * np.pi / 7) + draw.normal(0, 0.3, len(days))
        known = {"day": days, "value": value, "price": draw.random(len(days)), "rain": draw.random(len(days))}
        same = [pl.lit(name).alias("shop"), pl.lit(region).alias("region"), pl.lit(3).alias("size")]
        parts.append(pl.DataFrame(known).with_columns(same))
    return pl.concat(parts)


@pytest.fixture(scope="module")
def rich(tmp_path_factory) -> Path:
    """A forecaster with every kind of covariate."""
    small = MODELS["lstm"].Settings(hidden_size=3, max_epochs=1, steps_per_epoch=1)
    forecaster = Forecaster(2, context=14, levels=(80,), settings=small)
    roles = {"past": ["rain"], "static": ["region", "size"], "calendar": True, "missing": "mask"}
    forecaster.fit(_table(), "value", id="shop", **roles)
    path = tmp_path_factory.mktemp("rich") / "model"
    forecaster.save(path)
    return path


@pytest.mark.parametrize("name", list(MODELS))
def test_what_never_varied_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    small = {"hidden_size": 4, "max_epochs": 1, "steps_per_epoch": 1}
    settings = MODELS[name].Settings(**small | ({"paths": 4} if name == "deepar" else {}))
    shops = pl.col("shop") == "north"
    table = _table().with_columns(value=pl.when(shops).then(7.0).otherwise("value"), rain=pl.lit(3), size=pl.lit(1))
    forecaster = Forecaster(2, context=14, model=name, levels=(80,), settings=settings)
    forecaster.fit(table, "value", id="shop", past=["rain"], static=["size"]).save(tmp_path / "model")
    assert Forecaster.load(tmp_path / "model").predict().equals(forecaster.predict())


@pytest.fixture(scope="module", params=list(MODELS))
def plain(request, tmp_path_factory) -> Path:
    """A forecaster of each model, of one series."""
    small = {"hidden_size": 4, "max_epochs": 1, "steps_per_epoch": 1}
    settings = MODELS[request.param].Settings(**small | ({"paths": 4} if request.param == "deepar" else {}))
    one = _table().filter(pl.col("shop") == "north").select("day", "value")
    forecaster = Forecaster(2, context=14, model=request.param, levels=(80,), settings=settings, ensemble=(1, 2))
    path = tmp_path_factory.mktemp(request.param) / "model"
    forecaster.fit(one, "value").save(path)
    return path


def _predict(folder: Path):
    return Forecaster.load(folder).predict()


def test_every_damage_to_a_rich_folder_is_answered_in_a_line(rich, tmp_path):
    folder = Path(shutil.copytree(rich, tmp_path / "model"))
    found = check_all(folder, lambda: _predict(folder))
    refused = sum(line is not None for line in found.values())
    assert refused > 0.8 * len(found)
    needed = (
        "params",
        "task",
        "members",
        "seasons",
        "columns",
        "ids",
        "time_kind",
        "frequency",
        "history",
        "table_kind",
    )
    assert all(found[f"('{name}',) left out"] for name in needed)
    assert all(
        line for name, line in found.items() if name.startswith("network.") and name.endswith(("NaN", "infinite"))
    )


def test_sizes_in_the_config_of_every_model_are_held_against_the_tensors(plain, tmp_path):
    """A number that a tensor has the size of is refused before anything of its size is made."""
    folder = Path(shutil.copytree(plain, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    sizes = [
        path
        for path in places(config)
        if path[0] in ("params", "task", "members", "seasons") and type(_at(config, path)) is int
    ]
    assert ("params", "settings", "hidden_size") in sizes
    for path in sizes:
        for value in {0, -1, 10**9, 10**18} - {_at(config, path)}:
            write_config(folder, changed(config, path, value))
            line = refused_in_a_line(lambda: _predict(folder))
            harmless = (value > 0 and path[-1] in HARMLESS) or path[-1] == "seed"
            assert line is not None or harmless, (path, value)


HARMLESS = ("batch_size", "max_epochs", "steps_per_epoch", "patience", "loss_stride", "naive", 1)
"""Of training, which is over; `naive` and the number of snapshots that were asked for bound nothing."""


def _at(config, path):
    for key in path:
        config = config[key]
    return config


@pytest.mark.parametrize(
    "text",
    [
        '{"format": 1, "kind": "forecaster", "share": NaN}',
        '{"format": 1, "kind": "forecaster", "share": 1e999}',
        '{"format": 1, "format": 1, "kind": "forecaster"}',
        '{"format": 1, "kind": "forecaster", "id": "\\ud800"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "1" * 5000,
    ],
    ids=["NaN", "infinite", "twice", "half a character", "deep", "deep objects", "long number"],
)
def test_json_that_is_not_strict_is_refused(text, rich, tmp_path):
    folder = Path(shutil.copytree(rich, tmp_path / "model"))
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelFolderError, match=r"config\.json: not readable JSON"):
        Forecaster.load(folder)
