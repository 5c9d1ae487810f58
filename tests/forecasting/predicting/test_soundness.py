"""What cannot be a forecast is refused with its cause, and one wrong value among many spoils nothing in silence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit import Forecaster, InputError
from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.forecasting.models import MODELS
from lstmkit.forecasting.models.usual import most_usual, usual_error
from lstmkit.forecasting.predicting.soundness import check_widths

P = 3


def series(values: np.ndarray) -> pl.DataFrame:
    days = (np.datetime64("2024-01-01") + np.arange(len(values))).astype("datetime64[us]")
    return pl.DataFrame({"day": days, "y": values})


def noise(size: float | None = None, at: int = 60, rows: int = 140) -> np.ndarray:
    values = np.random.default_rng(0).normal(1, 0.3, rows)
    if size is not None:
        values[at] = size
    return values


def forecaster(model: str = "lstm") -> Forecaster:
    small: dict[str, Any] = {"hidden_size": 8, "max_epochs": 2, "steps_per_epoch": 4}
    small |= {"paths": 20} if model == "deepar" else {}
    return Forecaster(P, 10, model, seasons=(), settings=dataclasses.replace(MODELS[model].Settings(), **small))


def complaint(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (noise() * 1e308, "column 'y': the value "),
        (noise(1e100), "column 'y': the value 1e+100 at 2024-03-01 is beyond 1e+75, too large to compute with; "),
        (noise(-1e60), "column 'y': the value -1e+60 at 2024-03-01 dwarfs all others, which cannot be told apart "),
        (noise() * 1e-90, "column 'y': no value is beyond "),
    ],
)
def test_values_that_cannot_be_computed_with_are_named(values: np.ndarray, message: str) -> None:
    assert complaint(lambda: forecaster().fit(series(values), "y")).startswith(message)


@pytest.mark.parametrize("policy", ["refuse", "mask"])
def test_covariates_too_large_are_named(policy: str) -> None:
    table = series(noise()).with_columns(x=pl.Series(noise(1e300)))
    said = complaint(lambda: forecaster().fit(table, "y", past="x", missing=policy))
    assert said == "column 'x', column 'y', 2024-03-01: the covariate 1e+300 is beyond 1e+75; give it in other units"
    static = table.with_columns(x=pl.lit(1e300), shop=pl.lit("a"))
    said = complaint(lambda: forecaster().fit(static, "y", id="shop", static="x"))
    assert said == "column 'x', series 'a': the covariate 1e+300 is beyond 1e+75; give it in other units"


def test_an_update_takes_no_value_too_large() -> None:
    fitted = forecaster().fit(series(noise()), "y")
    row = series(noise(1e80, -1, 141)).tail(1)
    assert complaint(lambda: fitted.update(row)) == "update: column 'y', 2024-05-20: the value 1e+80 is too large"


def test_a_value_that_dwarfs_the_others_is_noted() -> None:
    read = read_table(series(noise(1e7)), TableSettings("y"))
    note = "column 'y': the value 1e+07 at 2024-03-01 dwarfs all others; correct it if it is a mistake"
    assert read.notes == (note,)
    for values in (noise(3e4), np.exp(np.arange(100) / 2), noise() + 1e12, np.arange(90) // 45 + 0.1 + 0.2):
        assert read_table(series(values), TableSettings("y")).notes == ()


@pytest.mark.parametrize("model", MODELS)
def test_one_wrong_value_among_the_training_rows_spoils_no_other_forecast(model: str) -> None:
    """Without care its square is all that counts, and a unit of its size makes zero of everything else."""
    plain, spoilt = (forecaster(model).fit(series(noise(size)), "y").predict() for size in (None, 1e12))
    width = (plain["hi-95"] - plain["lo-95"]).mean()
    assert 0.3 * width < (spoilt["hi-95"] - spoilt["lo-95"]).mean() < 3 * width
    assert (spoilt["mean"] - plain["mean"]).abs().max() < 0.5 * width


def test_errors_are_as_usual_though_one_is_enormous() -> None:
    errors = torch.randn(400, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mean = errors.abs().mean(0)
    torch.testing.assert_close(usual_error(errors), mean)
    errors[7, 0], errors[9, 1] = 1e20, torch.nan
    spoilt = usual_error(errors)
    assert float(spoilt[0]) == pytest.approx(10 * float(errors[:, 0].abs().quantile(0.9)))
    assert float(spoilt[1]) == pytest.approx(float(mean[1]), rel=0.01)
    assert most_usual(torch.zeros(5, 1, dtype=torch.float64)).tolist() == [float("inf")]
    assert usual_error(torch.full((5, 1), torch.nan, dtype=torch.float64)).tolist() == [1.0]


def test_a_forecast_that_is_not_finite_is_refused_with_what_stands_out() -> None:
    fitted = forecaster().fit(series(noise()), "y")
    with torch.no_grad():
        fitted.network_.width.fill_(torch.inf)
    said = complaint(fitted.predict)
    assert said.startswith("column 'y': the forecast after 2024-05-19 is not finite; the value that stands out most ")
    said = complaint(lambda: fitted.sample(2))
    assert said.startswith("column 'y': the forecast after 2024-05-19 is not finite; ")


def test_intervals_without_width_are_refused_where_the_series_varies() -> None:
    fitted = forecaster().fit(series(noise()), "y")
    with torch.no_grad():
        fitted.network_.width.zero_()
    said = complaint(fitted.predict)
    assert said.startswith("column 'y': the intervals of the forecast have no width, though the series varies; ")


@pytest.mark.parametrize(
    "values",
    [
        np.full(30, 4.0),
        np.full(30, 0.1) + np.tile([0.0, 1e-17], 15),
        np.tile([1.0, 5.0, 2.0], 10),
        1e9 + 0.1 * np.arange(30),
        np.eye(30)[7] * 3,
    ],
)
def test_of_series_that_stand_still_or_go_on_as_they_were_they_may_have_none(values: np.ndarray) -> None:
    moving = np.random.default_rng(0).normal(size=30)
    table = pl.DataFrame({"id": ["a"] * 30 + ["b"] * 30, "y": np.concatenate([values, moving])})
    read: SeriesTable = read_table(table, TableSettings("y", id="id"))
    still = np.zeros((2, P, 5))
    still[1] += np.arange(5)
    check_widths(still, read, 20)
    still[1] = 0.0
    assert complaint(lambda: check_widths(still, read, 20)).startswith("series 'b': the intervals ")


def test_a_constant_series_among_others_is_forecast() -> None:
    table = pl.concat(
        [series(values).with_columns(shop=pl.lit(name)) for name, values in (("a", noise()), ("b", np.full(140, 5.0)))]
    )
    forecast = forecaster().fit(table, "y", "day", "shop").predict().filter(pl.col("shop") == "b")
    np.testing.assert_allclose(forecast.select("mean", "lo-95", "hi-95").to_numpy(), 5.0, rtol=1e-12)


def test_the_commands_end_in_one_line(lstm: Callable[..., Any], tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    series(noise(1e100)).with_columns(pl.col("day").dt.date()).write_csv(table)
    ran = lstm("forecast", table, "--out", tmp_path / "out")
    assert ran.code == 2 and ran.err.count("\n") == 1 and "1e+100 at 2024-03-01" in ran.err
    assert not (tmp_path / "out").exists()
