"""Tables in, tables of the same library out; many series by id; saved and loaded without a difference."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from damage import write_config
from lstmkit import Forecaster
from lstmkit.errors import ModelFolderError
from lstmkit.forecasting.models.lstm import LstmSettings

QUICK = LstmSettings(hidden_size=4, max_epochs=1)
VALUES = np.random.default_rng(4).normal(size=60).cumsum()
MAKE = {"polars": pl.DataFrame, "pandas": pd.DataFrame, "pyarrow": pa.table}
NUMBERS = ["mean", "median", "lo-80", "hi-80", "lo-95", "hi-95"]


def make() -> Forecaster:
    return Forecaster(2, context=8, settings=QUICK)


def hours() -> pd.Series:
    return pd.Series(pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Berlin"), name="t")


TIMES: dict[str, Callable[[], Any]] = {
    "date": lambda: pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 29), eager=True).alias("t"),
    "datetime": lambda: pd.Series(pd.date_range("2024-01-01", periods=60, freq="30min"), name="t"),
    "zone": hours,
    "integer": lambda: np.arange(0, 120, 2),
    "row": lambda: None,
}


def table_of(library: str, times: str) -> Any:
    column = TIMES[times]()
    if times == "date":
        column = {"polars": column, "pandas": column.to_pandas().astype("datetime64[us]"), "pyarrow": column.to_arrow()}
        column = column[library]
    elif library == "polars" and isinstance(column, pd.Series):
        column = pl.from_pandas(column)
    columns = {"y": VALUES} if column is None else {"t": column, "y": VALUES}
    return MAKE[library](columns)


def fit(table: Any, times: str) -> Forecaster:
    return make().fit(table, "y", "row" if times == "row" else "t")


def names(table: Any) -> list[str]:
    return list(table.column_names if isinstance(table, pa.Table) else table.columns)


def polars(table: Any) -> pl.DataFrame:
    return table if isinstance(table, pl.DataFrame) else pl.DataFrame(table)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("library", MAKE)
def test_the_forecast_comes_in_the_library_and_the_time_type_of_the_table(library: str, times: str) -> None:
    table = table_of(library, times)
    forecast = fit(table, times).predict()
    assert type(forecast) is type(table)
    assert names(forecast) == ["row" if times == "row" else "t", *NUMBERS]
    found = polars(forecast)
    if times == "row":
        assert found["row"].to_list() == [60, 61]
        return
    given = polars(table)["t"]
    step = given[1] - given[0]
    assert found["t"].to_list() == [given[-1] + step, given[-1] + 2 * step]
    if times == "zone":
        assert found.schema["t"].time_zone == "Europe/Berlin"
    assert found.schema["t"].base_type() == given.dtype.base_type()


@pytest.mark.parametrize("times", TIMES)
def test_every_library_gives_the_same_forecast(times: str) -> None:
    expected = polars(fit(table_of("polars", times), times).predict())
    for library in ("pandas", "pyarrow"):
        found = polars(fit(table_of(library, times), times).predict())
        assert_frame_equal(found.select(NUMBERS), expected.select(NUMBERS), check_exact=True)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_saved_forecaster_forecasts_the_same(library: str, times: str, tmp_path: Path) -> None:
    table = table_of(library, times)
    forecaster = fit(table, times)
    forecaster.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    assert type(loaded.predict()) is type(table)
    assert loaded.predict().equals(forecaster.predict())
    assert loaded.predict(table).equals(forecaster.predict(table))
    assert loaded.get_params() == {**forecaster.get_params(), "settings": QUICK, "ensemble": 1}
    assert [r.epoch for r in loaded.history_] == [r.epoch for r in forecaster.history_]


@pytest.fixture(scope="module")
def shops() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    parts = [
        pl.DataFrame({"shop": [name] * 60, "t": np.arange(60), "sold": 10.0**k * rng.normal(size=60).cumsum()})
        for k, name in enumerate(["oslo", "rome", "lima"])
    ]
    return pl.concat(parts)


@pytest.mark.parametrize("number_ids", [False, True])
def test_many_series_are_forecast_each_from_its_own_end(shops: pl.DataFrame, number_ids: bool) -> None:
    if number_ids:
        shops = shops.with_columns(pl.col("shop").replace_strict({"oslo": 7, "rome": 3, "lima": 9}))
    forecaster = make().fit(shops, "sold", "t", "shop")
    forecast = forecaster.predict()
    assert forecast.columns == ["shop", "t", *NUMBERS]
    assert forecast["shop"].to_list() == [s for s in shops["shop"].unique(maintain_order=True) for _ in range(2)]
    assert forecast["t"].to_list() == [60, 61] * 3
    one = shops.filter(pl.col("shop") == shops["shop"][60])
    assert_frame_equal(forecaster.predict(one), forecast[2:4], rel_tol=1e-5)


def test_a_series_unseen_at_fit_is_forecast_from_its_own_context(shops: pl.DataFrame) -> None:
    forecaster = make().fit(shops, "sold", "t", "shop")
    new = pl.DataFrame({"shop": ["kyiv"] * 8, "t": np.arange(8), "sold": [5e5, 5e5 + 1, 5e5, 5e5 + 2] * 2})
    forecast = forecaster.predict(new)
    assert forecast["shop"].to_list() == ["kyiv"] * 2
    assert forecast["t"].to_list() == [8, 9]
    assert forecast["median"].to_numpy() == pytest.approx(5e5, abs=20)


def test_a_saved_forecaster_of_many_series_keeps_their_ids(shops: pl.DataFrame, tmp_path: Path) -> None:
    forecaster = make().fit(shops, "sold", "t", "shop")
    forecaster.save(tmp_path / "model")
    assert Forecaster.load(tmp_path / "model").predict().equals(forecaster.predict())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    make().fit(table_of("polars", "date"), "y").save(tmp_path / "model")
    return tmp_path / "model"


def test_a_model_folder_is_only_replaced_when_forced(model: Path) -> None:
    before = {f.name: f.read_bytes() for f in model.iterdir()}
    other = Forecaster(2, context=9, settings=QUICK).fit(table_of("polars", "date"), "y")
    with pytest.raises(ModelFolderError, match="exists already"):
        other.save(model)
    assert {f.name: f.read_bytes() for f in model.iterdir()} == before
    other.save(model, force=True)
    assert Forecaster.load(model).network_.task.context == 9
    assert sorted(f.name for f in model.parent.iterdir()) == ["model"]


def test_a_truncated_model_is_refused(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(ModelFolderError, match="the file is truncated"):
        Forecaster.load(model)


def test_a_changed_model_is_refused(model: Path) -> None:
    weights = model / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelFolderError, match="the file is damaged"):
        Forecaster.load(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "in model format 99; this lstmkit reads up to 1: upgrade it"),
        ({"kind": "classifier"}, "holds a 'classifier' model, not a 'forecaster' model"),
        ({"context": 9, "params": {}}, r"missing required field `horizon` - at `\$\.params`; the file is damaged"),
        ({"seasons": None}, r"Expected `object`, got `null` - at `\$\.seasons`; the file is damaged"),
        ({"format": "one"}, "config.json has no format number"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(model: Path, change: dict[str, Any], message: str) -> None:
    config = json.loads((model / "config.json").read_text())
    write_config(model, config | change)
    with pytest.raises(ModelFolderError, match=message) as caught:
        Forecaster.load(model)
    assert "\n" not in str(caught.value)


def test_a_model_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="no such model folder"):
        Forecaster.load(tmp_path / "none")
    with pytest.raises(ModelFolderError, match=r"no config\.json"):
        Forecaster.load(tmp_path)
