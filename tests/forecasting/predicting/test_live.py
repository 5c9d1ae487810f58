"""New observations without training: `update` forecasts what a table with the new rows would be forecast."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lstmkit import Forecaster, InputError
from lstmkit.forecasting.models.esrnn import EsRnnSettings
from lstmkit.forecasting.models.lstm import LstmSettings

QUICK = LstmSettings(hidden_size=8, max_epochs=1)
DAYS, FIT, P = 140, 120, 3


@pytest.fixture(scope="module")
def shops() -> pl.DataFrame:
    """Two shops with a promotion known ahead, the weather of the day, and a kind."""
    rng = np.random.default_rng(3)
    parts = []
    for name, level in (("a", 20.0), ("b", 50.0)):
        promotion, weather = rng.integers(0, 2, DAYS), rng.normal(size=DAYS)
        y = level + 5 * promotion + weather + rng.normal(0, 0.3, DAYS)
        days = (np.datetime64("2024-01-01") + np.arange(DAYS)).astype("datetime64[us]")
        columns = {"shop": name, "day": days, "y": y, "promotion": promotion, "weather": weather, "kind": name * 2}
        parts.append(pl.DataFrame(columns))
    return pl.concat(parts)


def rows(table: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    return table.filter(pl.int_range(pl.len()).over("shop").is_between(first, last - 1))


def fit(table: pl.DataFrame) -> Forecaster:
    return Forecaster(P, context=10, seasons=(7,), settings=QUICK).fit(rows(table, 0, FIT), "y", "day", "shop")


def test_an_update_forecasts_as_the_whole_table_would(shops: pl.DataFrame) -> None:
    forecaster = fit(shops)
    for k in range(FIT, FIT + 4):
        updated = forecaster.update(rows(shops, k, k + 1))
        assert_frame_equal(updated, forecaster.predict(rows(shops, 0, k + 1)), check_exact=True)
    assert_frame_equal(forecaster.predict(), updated, check_exact=True)


def test_several_rows_at_once_and_one_series_alone(shops: pl.DataFrame) -> None:
    forecaster, other = fit(shops), fit(shops)
    at_once = forecaster.update(rows(shops, FIT, FIT + 5).filter(pl.col("shop") == "b"))
    for k in range(FIT, FIT + 5):
        one_by_one = other.update(rows(shops, k, k + 1).filter(pl.col("shop") == "b"))
    # Forecasts in between have shown how wide intervals must be, and moved nothing else.
    assert_frame_equal(
        at_once["shop", "day", "mean", "median"], one_by_one["shop", "day", "mean", "median"], rel_tol=1e-9
    )
    assert at_once["shop"].unique().to_list() == ["b"]
    expected = forecaster.predict(
        pl.concat(
            [rows(shops, 0, FIT).filter(pl.col("shop") == "a"), rows(shops, 0, FIT + 5).filter(pl.col("shop") == "b")]
        )
    )
    assert_frame_equal(forecaster.predict(), expected, check_exact=True)


def test_covariates_go_with_the_rows(shops: pl.DataFrame) -> None:
    def with_ahead(first: int, last: int) -> pl.DataFrame:
        ahead = rows(shops, last, last + P).with_columns(y=pl.lit(None, pl.Float64), weather=pl.lit(None, pl.Float64))
        return pl.concat([rows(shops, first, last), ahead]).sort("shop", "day", maintain_order=True)

    forecaster = Forecaster(P, context=10, seasons=(), settings=QUICK)
    forecaster.fit(
        with_ahead(0, FIT), "y", "day", "shop", future=["promotion"], past=["weather"], static=["kind"], calendar=True
    )
    updated = forecaster.update(with_ahead(FIT, FIT + 2))
    assert_frame_equal(updated, forecaster.predict(with_ahead(0, FIT + 2)), check_exact=True)
    with pytest.raises(InputError, match=r"'promotion' is known ahead, but has no value for .* of the 3 steps"):
        forecaster.update(rows(shops, FIT + 2, FIT + 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"day": pl.col("day") + pl.duration(days=2)},
            "update: series 'a': a row at 2024-05-02; the one that follows is 2024-04-30",
        ),
        (
            {"day": pl.col("day") - pl.duration(days=1)},
            "update: series 'a': a row at 2024-04-29; the one that follows is 2024-04-30",
        ),
        ({"y": pl.lit(None, pl.Float64)}, "update: series 'a', 2024-04-30: the value is missing"),
        ({"y": pl.lit(float("inf"))}, "update: series 'a', 2024-04-30: infinite value"),
        (
            {"shop": pl.lit("c")},
            "update: no series 'c' among those learnt from ('a', 'b'); forecast a new one from rows of its own with "
            "predict",
        ),
    ],
)
def test_a_row_that_cannot_be_used_changes_nothing(
    shops: pl.DataFrame, change: dict[str, pl.Expr], message: str
) -> None:
    forecaster = fit(shops)
    before = forecaster.predict()
    with pytest.raises(InputError) as caught:
        forecaster.update(rows(shops, FIT, FIT + 1).with_columns(**change))
    assert str(caught.value) == message
    assert_frame_equal(forecaster.predict(), before, check_exact=True)


def test_a_missing_column_and_an_empty_table_are_named(shops: pl.DataFrame) -> None:
    forecaster = fit(shops)
    with pytest.raises(InputError, match="update: no column 'day'"):
        forecaster.update(rows(shops, FIT, FIT + 1).drop("day"))
    with pytest.raises(InputError, match="update: the table has no rows"):
        forecaster.update(shops.head(0))


def test_a_saved_model_goes_on_from_its_updates(shops: pl.DataFrame, tmp_path: object) -> None:
    forecaster = fit(shops)
    forecaster.update(rows(shops, FIT, FIT + 3))
    forecaster.save(f"{tmp_path}/model")
    again = Forecaster.load(f"{tmp_path}/model")
    assert_frame_equal(again.predict(), forecaster.predict(), check_exact=True)
    later = rows(shops, FIT + 3, FIT + 4)
    mine, others = again.update(later), forecaster.update(later)
    same = ["shop", "day", "mean", "median"]
    assert_frame_equal(mine[same], others[same], rel_tol=1e-9)


@pytest.mark.parametrize("first", [1, 3, 60, DAYS - 21])
def test_a_season_of_its_own_keeps_its_place_in_a_table_that_begins_later(first: int) -> None:
    """ES-RNN learns factors of each day of the week; which day a row is follows from its time, not from its place."""
    k = np.arange(DAYS)
    days = (np.datetime64("2024-01-01") + k).astype("datetime64[us]")
    y = 50 + 20 * (k % 7 == 2) + np.random.default_rng(0).normal(size=DAYS)
    table = pl.DataFrame({"day": days, "y": y})
    settings = EsRnnSettings(hidden_size=8, max_epochs=1, steps_per_epoch=2)
    forecaster = Forecaster(7, context=14, model="esrnn", seasons=(7,), settings=settings).fit(table.head(FIT), "y")
    whole, later = forecaster.predict(table), forecaster.predict(table[first:])
    np.testing.assert_allclose(later["median"], whole["median"], rtol=1e-5)
    assert whole["median"].arg_max() == (2 - DAYS) % 7
