"""What holds for every model: sparse series, unseen ids, saving, ensembles, sample paths, any order of the rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lstmkit import Forecaster
from lstmkit.forecasting.models import MODELS

P = 4


def quick(model: str) -> dict[str, object]:
    settings = MODELS[model].Settings()
    small: dict[str, object] = {"hidden_size": 8, "max_epochs": 1, "steps_per_epoch": 3}
    if model == "deepar":
        small["paths"] = 8
    return {"model": model, "context": 14, "settings": dataclasses.replace(settings, **small)}


@pytest.fixture(scope="module")
def shops() -> pl.DataFrame:
    rng = np.random.default_rng(2)
    parts = []
    for k, name in enumerate("abcd"):
        n = 100 + 10 * k
        promotion = rng.integers(0, 2, n + P)
        y = 30.0 + 10 * k + 4 * promotion + 3 * np.sin(2 * np.pi * np.arange(n + P) / 7) + rng.normal(0, 1, n + P)
        days = (np.datetime64("2024-01-01") + np.arange(n + P)).astype("datetime64[us]")
        part = pl.DataFrame({"shop": name, "day": days, "y": y, "promotion": promotion, "kind": "xy"[k % 2]})
        parts.append(part.with_columns(pl.when(pl.int_range(n + P) < n).then("y").alias("y")))
    return pl.concat(parts)


def fit(model: str, table: pl.DataFrame, **more: object) -> Forecaster:
    forecaster = Forecaster(P, seasons=(7,), **(quick(model) | more))
    return forecaster.fit(table, "y", "day", "shop", future="promotion", static="kind", calendar=True)


@pytest.mark.parametrize("model", MODELS)
def test_saved_models_and_unseen_ids(shops: pl.DataFrame, model: str, tmp_path: Path) -> None:
    forecaster = fit(model, shops.filter(pl.col("shop") != "d"), ensemble=(2, 1))
    forecast = forecaster.predict()
    assert forecast.height == 3 * P and forecast["mean"].is_finite().all()
    forecaster.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model")
    assert_frame_equal(again.predict(), forecast, check_exact=True)
    unseen = again.predict(shops.filter(pl.col("shop") == "d"))
    assert unseen["shop"].to_list() == ["d"] * P and unseen["mean"].is_finite().all()
    mixed = again.predict(shops.sample(fraction=1.0, shuffle=True, seed=1)).sort("shop", "day")
    np.testing.assert_allclose(
        mixed.filter(pl.col("shop") == "b")["median"], forecast.filter(pl.col("shop") == "b")["median"], rtol=0.2
    )


@pytest.mark.parametrize("model", MODELS)
def test_quantiles_increase_and_paths_are_drawn(shops: pl.DataFrame, model: str) -> None:
    forecaster = fit(model, shops)
    forecast = forecaster.predict()
    names = ["lo-95", "lo-80", "median", "hi-80", "hi-95"]
    assert (np.diff(forecast.select(names).to_numpy(), axis=1) >= 0).all()
    paths = forecaster.sample(6)
    assert paths.columns == ["shop", "day", "path", "value"]
    assert paths.height == 4 * 6 * P and paths["value"].is_finite().all()
    assert (
        paths.filter(pl.col("shop") == "a")["day"].to_list()
        == forecast.filter(pl.col("shop") == "a")["day"].to_list() * 6
    )
    assert paths.group_by("shop", "day").agg(pl.col("value").n_unique())["value"].max() > 1


@pytest.mark.parametrize("model", MODELS)
def test_series_that_are_mostly_zero_stay_finite(model: str) -> None:
    """Whole windows without a change, in training and at the end: nothing is divided by their spread."""
    rng = np.random.default_rng(0)
    parts = []
    for k in range(4):
        y = np.where(rng.random(150) < 0.08, rng.poisson(4, 150) + 1, 0).astype(float)
        y[100:] *= k < 3
        days = (np.datetime64("2024-01-01") + np.arange(150)).astype("datetime64[us]")
        parts.append(pl.DataFrame({"shop": f"s{k}", "day": days, "y": y}))
    forecaster = Forecaster(P, **quick(model)).fit(pl.concat(parts), "y", "day", "shop")
    values = forecaster.predict().select("mean", "lo-95", "hi-95").to_numpy()
    assert np.isfinite(values).all()
    assert np.abs(values).max() < 1000
    assert all(np.isfinite(r.valid_loss) for r in forecaster.history_)


@pytest.mark.parametrize("cell", ["gru", "peephole", "alstm", "mogrifier", "slstm"])
@pytest.mark.parametrize("model", MODELS)
def test_any_cell(shops: pl.DataFrame, model: str, cell: str) -> None:
    forecaster = fit(model, shops.filter(pl.col("shop") == "a"), cell=cell)
    assert forecaster.predict()["mean"].is_finite().all()
    assert forecaster.network_.networks[0].settings.cell == cell


@pytest.mark.parametrize("model", MODELS)
def test_a_covariate_that_never_varied_has_no_say(shops: pl.DataFrame, model: str) -> None:
    """0.1 and its mean differ by rounding, which is no standard deviation."""
    own = shops.filter(pl.col("y").is_not_null()).with_columns(tax=pl.lit(0.1))
    forecaster = Forecaster(P, **quick(model), seasons=(7,)).fit(own, "y", "day", "shop", past="tax")
    raised = own.with_columns(tax=pl.when(pl.col("day") < pl.col("day").max()).then(0.1).otherwise(7e9))
    assert_frame_equal(forecaster.predict(raised), forecaster.predict(), check_exact=True)
