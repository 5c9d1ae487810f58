"""Rolling-origin rows from which any score is a group-by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lstmkit import Forecaster, InputError
from lstmkit.data import TableSettings, read_table
from lstmkit.forecasting.backtest import backtest, backtest_series
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.forecasting.predicting.columns import to_csv
from lstmkit.forecasting.reporting import output

QUICK = LstmSettings(hidden_size=4, max_epochs=1)


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=80, freq="D").astype("datetime64[us]")
    return pd.concat(
        [pd.DataFrame({"shop": s, "day": days, "sold": 50 + rng.normal(size=80).cumsum()}) for s in ("x", "z")],
        ignore_index=True,
    )


def make(**arguments: object) -> Forecaster:
    return Forecaster(**{"horizon": 4, "context": 8, "settings": QUICK, **arguments})


@pytest.mark.parametrize("refit", [False, True])
def test_a_score_is_a_group_by(table: pd.DataFrame, refit: bool) -> None:
    rows = backtest(make(), table, "sold", "day", "shop", windows=5, refit=refit)
    assert isinstance(rows, pd.DataFrame)
    _, evaluation = backtest_series(make(), read_table(table, TableSettings("sold", "day", "shop")), 5, refit)
    for column, name in (("mean", "model"), ("last_value", "last_value"), ("drift", "drift")):
        error = (rows["y"] - rows[column]).abs()
        assert error.groupby(rows["shop"]).mean().mean() == pytest.approx(evaluation.scores[name].mae)
        by_step = error.groupby(rows["step"]).mean()
        assert by_step.to_numpy() == pytest.approx(evaluation.error_by_step[name])
    inside = (rows["y"] >= rows["lo-80"]) & (rows["y"] <= rows["hi-80"])
    assert inside.mean() == pytest.approx(evaluation.coverage[80.0])


@pytest.mark.parametrize("refit", [False, True])
def test_every_row_names_its_cutoff_its_step_and_the_truth(table: pd.DataFrame, refit: bool) -> None:
    rows = backtest(make(), table, "sold", "day", "shop", windows=3, refit=refit)
    intervals = ["mean", "median", "lo-80", "hi-80", "lo-95", "hi-95"]
    naive = ["last_value", "seasonal_naive", "drift", "moving_average"]
    assert rows.columns.tolist() == ["shop", "cutoff", "day", "step", "y", *intervals, *naive]
    assert rows["shop"].tolist() == ["x"] * 12 + ["z"] * 12
    assert rows["step"].tolist() == [1, 2, 3, 4] * 6
    last = pd.Timestamp("2024-03-20")
    assert rows["cutoff"].unique().tolist() == [last - pd.Timedelta(days=4 * k) for k in (3, 2, 1)]
    assert (rows["day"] - rows["cutoff"]).dt.days.tolist() == rows["step"].tolist()
    truth = table.set_index(["shop", "day"])["sold"]
    assert rows["y"].tolist() == [truth[s, d] for s, d in zip(rows["shop"], rows["day"], strict=True)]
    assert rows["last_value"].tolist() == [truth[s, d] for s, d in zip(rows["shop"], rows["cutoff"], strict=True)]


def test_one_window_leaves_exactly_a_horizon(table: pd.DataFrame) -> None:
    rows = backtest(make(), table, "sold", "day", "shop", windows=1)
    assert rows["cutoff"].nunique() == 1
    fitted = make().fit(table.groupby("shop").head(76), "sold", "day", "shop")
    np.testing.assert_array_equal(fitted.predict()["mean"], rows["mean"])


def test_refitting_forecasts_the_first_cutoff_as_fitting_once(table: pd.DataFrame) -> None:
    made = make(seasons=(7,))  # without one, both would be the last value
    once, again = (backtest(made, table, "sold", "day", "shop", windows=3, refit=r) for r in (False, True))
    first = once["cutoff"] == once["cutoff"].min()
    # The same weights, but three cutoffs in one batch or one by itself, whose products in float32 may round otherwise.
    np.testing.assert_allclose(once[first]["mean"], again[first]["mean"], rtol=1e-6)
    others = once[~first]["mean"].to_numpy() / again[~first]["mean"].to_numpy()
    assert (np.abs(others - 1) > 1e-4).any()


def test_the_forecaster_given_is_not_changed(table: pd.DataFrame) -> None:
    forecaster = make()
    backtest(forecaster, table, "sold", "day", "shop", windows=2)
    assert not hasattr(forecaster, "network_")


def test_polars_comes_back_as_polars(table: pd.DataFrame) -> None:
    frame = pl.from_pandas(table).with_columns(pl.col("day").cast(pl.Date))
    rows = backtest(make(), frame, "sold", "day", "shop", windows=2)
    assert isinstance(rows, pl.DataFrame)
    assert (rows.schema["day"], rows.schema["cutoff"]) == (pl.Date, pl.Date)


def test_progress_is_told_at_every_refit(table: pd.DataFrame) -> None:
    told: list[int] = []
    backtest_series(make(), read_table(table, TableSettings("sold", "day", "shop")), 3, True, told.append)
    assert told == [1, 2, 3]


@pytest.mark.parametrize("windows", [0, -2])
def test_no_windows_are_refused(table: pd.DataFrame, windows: int) -> None:
    with pytest.raises(InputError, match=f"windows must be at least 1; got {windows}"):
        backtest(make(), table, "sold", "day", "shop", windows=windows)


def test_too_many_windows_for_the_rows_are_refused(table: pd.DataFrame) -> None:
    with pytest.raises(InputError) as caught:
        backtest(make(), table, "sold", "day", "shop", windows=20)
    assert str(caught.value) == "series 'x': 80 rows are too few for 20 windows of 4 steps; use fewer"


def test_the_file_is_the_same_however_much_is_written_at_a_time(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_table(table, TableSettings("sold", "day", "shop"))
    fitted, evaluation = backtest_series(make(), read, 5, False)
    whole = to_csv(output.backtest_columns(fitted.levels, evaluation), read)
    for rows in (1, 8, 12, 1000):
        monkeypatch.setattr(output, "ROWS_AT_ONCE", rows)
        output.write_backtest(tmp_path / "rows.csv", fitted.levels, evaluation)
        assert (tmp_path / "rows.csv").read_bytes() == whole
