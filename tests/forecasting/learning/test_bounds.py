"""Bounds of the target: forecasts, intervals, paths and what is scored stay within; kept with the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster, InputError, backtest
from lstmkit.data import TableSettings, read_table
from lstmkit.forecasting.learning.fitting import bounded, note_on_bounds
from lstmkit.forecasting.models import MODELS


def counts(rows: int = 160) -> pl.DataFrame:
    values = np.random.default_rng(3).poisson(0.6, rows).astype(float)
    return pl.DataFrame({"t": range(rows), "y": values})


def small(model: str) -> Forecaster:
    settings = MODELS[model].Settings(hidden_size=4, max_epochs=1, steps_per_epoch=2)
    return Forecaster(3, model=model, settings=settings, seasons=())


@pytest.mark.parametrize("model", ["lstm", "deepar"])
def test_nothing_lies_beyond_a_bound(model: str, tmp_path: Path) -> None:
    table = counts()
    free = small(model).fit(table, "y", "t")
    assert free.predict()["lo-95"].min() < 0, "else a bound would change nothing"
    held = small(model).fit(table, "y", "t", lower=0, upper=4)
    held.save(tmp_path / "model")
    for forecaster in (held, Forecaster.load(tmp_path / "model")):
        found = forecaster.predict().drop("t")
        assert found.min_horizontal().min() == 0
        assert found.max_horizontal().max() <= 4
        paths = forecaster.sample(50)["value"]
        assert paths.min() >= 0 and paths.max() <= 4
        for name in ("lo-80", "median", "hi-80"):
            expected = np.clip(free.predict()[name].to_numpy(), 0, 4)
            np.testing.assert_allclose(found[name].to_numpy(), expected, rtol=1e-6)


def test_scores_are_made_on_what_is_forecast() -> None:
    table = counts()
    rows = backtest(small("lstm"), table, "y", "t", windows=6, lower=0)
    free = backtest(small("lstm"), table, "y", "t", windows=6)
    assert free["lo-95"].min() < 0 <= rows["lo-95"].min()
    np.testing.assert_allclose(rows["drift"].to_numpy(), free["drift"].clip(0).to_numpy())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"lower": 1}, "column 'y': the value 0 at 0 is below --lower 1; give another bound, or correct the value"),
        ({"upper": 0.5}, "is above --upper 0.5; give another bound, or correct the value"),
        ({"lower": 2, "upper": 1}, "lower must be below upper; got 2 and 1"),
        ({"lower": "0"}, "lower must be a number; got '0'"),
    ],
)
def test_bounds_that_the_table_does_not_keep(how: dict, message: str) -> None:
    table = counts().with_columns(y=pl.when(pl.col("t") == 0).then(0.0).otherwise(pl.col("y")))
    with pytest.raises(InputError) as caught:
        small("lstm").fit(table, "y", "t", **how)
    assert message in str(caught.value)


def test_the_option_is_named_where_it_may_help() -> None:
    told = ["no value is below 0; if none can be, --lower 0 keeps forecasts and intervals there"]
    assert note_on_bounds(read_table(counts(), TableSettings("y", "t"))) == told
    assert note_on_bounds(read_table(counts(), TableSettings("y", "t", lower=0))) == []
    assert note_on_bounds(read_table(counts().with_columns(pl.col("y") - 1), TableSettings("y", "t"))) == []


def test_without_bounds_nothing_is_cut() -> None:
    values = np.array([-1.0, np.nan, 3])
    assert bounded(values, TableSettings()) is values
    np.testing.assert_array_equal(bounded(values, TableSettings(lower=0)), [0, np.nan, 3])
