"""Tables that say the same in another way say the same to a forecaster.

Exactly the same: units of a power of two, other names, other order of the rows, other dates a whole number of periods
away, other files and kinds of table, columns that are not used. To rounding: any other unit, another level, and series
forecast in other company. Ids in another order are not among these: windows are then drawn in another order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster
from lstmkit.data import SeriesTable, TableSettings, read_file, read_table
from lstmkit.data.mapped import read_mapped
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.evaluation import evaluate
from lstmkit.forecasting.judgement.evaluation import test_split as split_rows
from lstmkit.forecasting.judgement.verdict import judge
from lstmkit.forecasting.models import MODELS

P = 4
FIGURES = ("mean", "median", "lo-80", "hi-80", "lo-95", "hi-95")
KINDS = (*MODELS, "lstm by seasons")
QUICK = (-12, 20)
POWERS = [p if p in QUICK else pytest.param(p, marks=pytest.mark.slow) for p in range(-30, 31)]
LEVEL_FREE = ("lstm", "seq2seq", "segrnn", "slstm")
"""Models to which zero is a value like any other."""


class Found(NamedTuple):
    """What a job finds."""

    forecast: np.ndarray
    evaluation: Evaluation
    verdict: str

    @property
    def width(self) -> float:
        return float((self.forecast[:, 5] - self.forecast[:, 4]).mean())


def shops() -> pl.DataFrame:
    """Two series of one week's shape; every value is a whole number of 64ths, so that levels can be added exactly."""
    rng, k, parts = np.random.default_rng(3), np.arange(90), []
    for s in range(2):
        y = np.round(64 * (20 * (s + 1) + 3 * np.sin(2 * np.pi * k / 7) + rng.normal(0, 1, len(k)))) / 64
        days = (np.datetime64("2024-01-01") + k).astype("datetime64[us]")
        parts.append(pl.DataFrame({"shop": f"s{s}", "day": days, "y": y}))
    return pl.concat(parts)


def forecaster(kind: str) -> Forecaster:
    model, _, by_seasons = kind.partition(" by ")
    small: dict[str, object] = {"hidden_size": 8, "max_epochs": 2, "steps_per_epoch": 4}
    small |= {"paths": 20} if model == "deepar" else {"fold": "always"} if by_seasons else {}
    settings = dataclasses.replace(MODELS[model].Settings(), **small)
    return Forecaster(P, 14, model, seasons=(7,), settings=settings)


def found(kind: str, table: pl.DataFrame) -> Found:
    """Fit, score on the last fifth, and forecast after the end."""
    read = read_table(table, TableSettings("y", "day", "shop"))
    rows = split_rows(read, 0.2)
    fitted = forecaster(kind).fit_series(read.head(rows))
    fitted.table_kind_ = "polars"
    evaluation = evaluate(fitted, read, rows)
    forecast = fitted.remember(read).predict().select(FIGURES).to_numpy()
    return Found(forecast, evaluation, judge(evaluation, fitted.seasons_).kind)


def times(table: pl.DataFrame, factor: float) -> pl.DataFrame:
    return table.with_columns(pl.col("y") * factor)


@pytest.fixture(scope="module", params=KINDS)
def plain(request: pytest.FixtureRequest) -> tuple[str, Found]:
    return request.param, found(request.param, shops())


@pytest.mark.parametrize("power", [-90, pytest.param(90, marks=pytest.mark.slow)])
def test_a_power_of_two_changes_no_bit(plain: tuple[str, Found], power: int) -> None:
    kind, expected = plain
    other = found(kind, times(shops(), 2.0**power))
    assert np.array_equal(other.forecast, expected.forecast * 2.0**power)
    assert other.evaluation.coverage == expected.evaluation.coverage
    assert other.evaluation.scores["model"].mase == expected.evaluation.scores["model"].mase
    assert other.evaluation.skill == expected.evaluation.skill and other.verdict == expected.verdict


@pytest.mark.parametrize("power", POWERS)
def test_other_units_change_nothing_but_the_rounding(plain: tuple[str, Found], power: int) -> None:
    kind, expected = plain
    factor = 10.0**power
    other = found(kind, times(shops(), factor))
    np.testing.assert_allclose(other.forecast / factor, expected.forecast, rtol=0, atol=1e-4 * expected.width)
    assert other.evaluation.coverage == pytest.approx(expected.evaluation.coverage, abs=0.01)
    for name, scores in expected.evaluation.scores.items():
        own = other.evaluation.scores[name]
        assert (own.mase, own.smape, own.owa) == pytest.approx((scores.mase, scores.smape, scores.owa), rel=1e-4)
        assert (own.rmse / factor, own.crps / factor) == pytest.approx((scores.rmse, scores.crps), rel=1e-4)
    assert other.evaluation.best_naive == expected.evaluation.best_naive
    assert other.evaluation.skill.value == pytest.approx(expected.evaluation.skill.value, abs=1e-4)
    assert other.evaluation.test.p == pytest.approx(expected.evaluation.test.p, abs=1e-3)
    assert other.verdict == expected.verdict


@pytest.mark.parametrize("level", [pytest.param(1e6, marks=pytest.mark.slow), 1e12])
def test_a_level_changes_nothing_where_zero_is_a_value_like_any_other(plain: tuple[str, Found], level: float) -> None:
    """At 1e12 a float64 has steps of 1e-4 left, a hundred-thousandth of the interval's width."""
    kind, expected = plain
    if kind not in LEVEL_FREE:
        pytest.skip("zero is not a value like any other to this model: docs/models.md says why")
    other = found(kind, shops().with_columns(pl.col("y") + level))
    np.testing.assert_allclose(other.forecast - level, expected.forecast, rtol=0, atol=1e-3 * expected.width)
    assert other.evaluation.coverage == pytest.approx(expected.evaluation.coverage, abs=0.01)
    for name, scores in expected.evaluation.scores.items():
        assert other.evaluation.scores[name].mase == pytest.approx(scores.mase, rel=1e-3)
    assert other.verdict == expected.verdict


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(LEVEL_FREE)))
def test_no_level_hides_the_shape_of_a_week(kind: str) -> None:
    """Models that look at zero forecast otherwise on a level, but as well."""
    far, near = (found(kind, shops().with_columns(pl.col("y") + level)) for level in (1e12, 1e3))
    for one in (far, near):
        assert one.evaluation.scores["model"].mase < 1.1
    np.testing.assert_allclose(far.forecast - 1e12, near.forecast - 1e3, rtol=0, atol=0.1 * near.width)


def forecast_of(kind: str, read: SeriesTable) -> np.ndarray:
    fitted = forecaster(kind).fit_series(read)
    fitted.table_kind_ = "polars"
    return np.asarray(fitted.predict().select(FIGURES).to_numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_names_order_dates_and_other_columns_change_no_bit(kind: str) -> None:
    """Rows newest first but for the first of each shop, so that the shops appear in the same order."""
    table = shops()
    expected = forecast_of(kind, read_table(table, TableSettings("y", "day", "shop")))
    order = pl.concat([table.filter(pl.col("day") == table["day"].min()), table.reverse()])
    told = order.unique(["shop", "day"], keep="first", maintain_order=True).select(
        pl.lit("x").alias("unused"),
        (pl.col("day") + pl.duration(days=7 * 100)).alias("then"),
        ("zz" + pl.col("shop")).alias("id"),
        pl.col("y").alias("step"),
        pl.int_range(pl.len()).alias("also unused"),
    )
    assert np.array_equal(forecast_of(kind, read_table(told, TableSettings("step", "then", "id"))), expected)


def test_the_calendar_comes_round_after_400_years() -> None:
    settings = TableSettings("y", "day", "shop", calendar=True)
    later = shops().with_columns(pl.col("day") + pl.duration(days=146_097))
    forecasts = [forecast_of("lstm", read_table(table, settings)) for table in (shops(), later)]
    assert np.array_equal(*forecasts)


FORMS: dict[str, Callable[[pl.DataFrame, Path], Any]] = {
    "csv": lambda table, path: read_file(written(table.with_columns(pl.col("day").dt.date()), path / "t.csv")),
    "parquet": lambda table, path: read_file(written(table, path / "t.parquet", 17)),
    "pandas": lambda table, path: table.to_pandas(),
    "pandas, index": lambda table, path: table.to_pandas().set_index("day"),
    "pyarrow": lambda table, path: table.to_arrow(),
    "chunks": lambda table, path: pl.concat([table[k : k + 7] for k in range(0, len(table), 7)], rechunk=False),
    "float32": lambda table, path: table.with_columns(pl.col("y").cast(pl.Float32)),
    "milliseconds": lambda table, path: table.with_columns(pl.col("day").dt.cast_time_unit("ms")),
    "categories": lambda table, path: table.with_columns(pl.col("shop").cast(pl.Categorical)),
}


def written(table: pl.DataFrame, path: Path, rows: int | None = None) -> Path:
    if path.suffix == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path, row_group_size=rows)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_the_table_changes_no_bit(form: str, tmp_path: Path) -> None:
    settings = TableSettings("y", "day", "shop")
    expected = read_table(shops(), settings)
    read = read_table(FORMS[form](shops(), tmp_path), settings)
    assert np.array_equal(read.values, expected.values) and np.array_equal(read.times, expected.times)
    assert read.ids == expected.ids
    assert np.array_equal(forecast_of("lstm", read), forecast_of("lstm", expected))


@pytest.mark.parametrize("piece", [10, 64, 1000])
@pytest.mark.parametrize("sorted_rows", [True, False])
def test_a_table_mapped_from_disk_in_any_pieces_changes_no_bit(piece: int, sorted_rows: bool, tmp_path: Path) -> None:
    table, settings = shops(), TableSettings("y", "day", "shop")
    if not sorted_rows:  # day by day, the shops side by side
        table = table.sort("day", maintain_order=True)
    mapped = read_mapped(written(table, tmp_path / "t.parquet", 13), settings, folder=tmp_path, piece=piece)
    expected = forecast_of("lstm", read_table(shops(), settings))
    assert np.array_equal(forecast_of("lstm", mapped), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_series_is_forecast_the_same_in_other_company(kind: str) -> None:
    """DeepAR's paths are drawn for a batch as a whole, so there other company is another draw."""
    fitted = forecaster(kind).fit(shops(), "y", "day", "shop")
    both, swapped = fitted.predict(), fitted.predict(shops().reverse()).sort("shop", "day")
    alone = fitted.predict(shops().filter(pl.col("shop") == "s1"))
    width = float((both["hi-95"] - both["lo-95"]).mean())
    near, shown = (0.5 * width, FIGURES[:2]) if kind == "deepar" else (1e-4 * width, FIGURES)
    for other, expected in ((swapped, both), (alone, both.filter(pl.col("shop") == "s1"))):
        figures = (frame.select(shown).to_numpy() for frame in (other, expected))
        np.testing.assert_allclose(*figures, rtol=0, atol=near)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, pytest.param(2, marks=pytest.mark.slow), 3])
def test_a_cold_start_is_as_uncertain_as_the_others_in_any_unit(kind: str, rows: int) -> None:
    """One, two or three equal values say nothing about how far the next one is."""
    new = shops().filter(pl.col("shop") == "s0").head(rows).with_columns(shop=pl.lit("new"), y=pl.lit(30.0))
    table = pl.concat([shops(), new])
    model = forecaster(kind)
    forecast = model.fit(table, "y", "day", "shop", short="pad").predict()
    widths = forecast.with_columns(width=pl.col("hi-95") - pl.col("lo-95")).group_by("shop").agg(pl.col("width").mean())
    found = dict(widths.iter_rows())
    usual = (found["s0"] + found["s1"]) / 2
    assert 0.2 * usual < found["new"] < 5 * usual
    scaled = forecaster(kind).fit(times(table, 2.0**-40), "y", "day", "shop", short="pad").predict()
    assert np.array_equal(scaled.select(FIGURES).to_numpy() * 2.0**40, forecast.select(FIGURES).to_numpy())
    if rows > 1:  # an id that was not learnt from
        newer = pl.concat([shops(), new.with_columns(shop=pl.lit("newer"))])
        unseen = model.predict(newer).filter(pl.col("shop") == "newer")
        assert 0.2 * usual < float((unseen["hi-95"] - unseen["lo-95"]).mean()) < 5 * usual


def test_a_series_of_a_few_zeros_is_forecast_in_the_unit_of_the_table() -> None:
    """It shows no window, and what is not positive has no logarithm."""
    zeros = shops().filter(pl.col("shop") == "s0").head(2).with_columns(shop=pl.lit("new"), y=pl.lit(0.0))
    table = pl.concat([shops(), zeros])
    plain, scaled = (
        forecaster("esrnn")
        .fit(times(table, factor), "y", "day", "shop", short="pad")
        .predict()
        .select(FIGURES)
        .to_numpy()
        for factor in (1.0, 2.0**51)
    )
    assert np.array_equal(scaled, plain * 2.0**51)
