"""A user's column that has the name of one of ours keeps it, everywhere the two meet; ours gives way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster, backtest
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.forecasting.plot import plot_backtest

P = 2
QUICK = LstmSettings(hidden_size=4, max_epochs=1, steps_per_epoch=2)
INTERVALS = ("mean", "median", "lo-80", "hi-80", "lo-95", "hi-95")
NAIVE = ("last_value", "seasonal_naive", "drift", "moving_average")
OURS = ("cutoff", "step", "y", "path", "value", "row", "theta", *INTERVALS, *NAIVE)
INDEX_LIKE = ("index", "level_0", "id", "number", "series", "groups", "times", "literal")
CONVERT: dict[str, Callable[[pl.DataFrame], Any]] = {
    "polars": lambda frame: frame,
    "pandas": lambda frame: frame.to_pandas(),
    "pyarrow": lambda frame: frame.to_arrow(),
}


def shops(id: str, time: str) -> pl.DataFrame:
    rng, k = np.random.default_rng(0), np.arange(60)
    days = (np.datetime64("2024-01-01") + k).astype("datetime64[us]")
    parts = [pl.DataFrame({id: name, time: days, "sold": rng.normal(10, 1, 60)}) for name in "ab"]
    return pl.concat(parts)


def forecaster() -> Forecaster:
    return Forecaster(P, context=10, settings=QUICK)


def plain(frame: Any) -> pl.DataFrame:
    return pl.DataFrame({name: np.asarray(frame[name]) for name in frame_names(frame)})


def frame_names(frame: Any) -> list[str]:
    return list(frame.column_names if type(frame).__module__.startswith("pyarrow") else frame.columns)


@pytest.fixture(scope="module")
def expected() -> dict[str, pl.DataFrame]:
    table = shops("shop", "day")
    fitted = forecaster().fit(table, "sold", "day", "shop")
    return {
        "predict": fitted.predict(),
        "sample": fitted.sample(3),
        "backtest": backtest(forecaster(), table, "sold", "day", "shop", windows=3),
    }


@pytest.mark.parametrize("kind", CONVERT)
@pytest.mark.parametrize("name", [*OURS, *INDEX_LIKE])
@pytest.mark.parametrize("role", ["id", "time"])
def test_in_python_the_users_column_keeps_its_name_and_its_values(
    expected: dict[str, pl.DataFrame], role: str, name: str, kind: str
) -> None:
    id, time = (name, "day") if role == "id" else ("shop", name)
    table = CONVERT[kind](shops(id, time))
    fitted = forecaster().fit(table, "sold", time, id)
    results = {
        "predict": fitted.predict(),
        "sample": fitted.sample(3),
        "backtest": backtest(forecaster(), table, "sold", time, id, windows=3),
    }
    for what, result in results.items():
        names, theirs = frame_names(result), expected[what].columns
        assert len(set(names)) == len(names) == len(theirs)
        for own, other in zip(names, theirs, strict=True):  # the same columns in the same order
            wanted = {"shop": id, "day": time}.get(other, f"{other}_" if other == name else other)
            assert own == wanted
            assert np.array_equal(np.asarray(result[own]), np.asarray(expected[what][other]))


def test_a_name_that_is_taken_twice_gives_way_twice() -> None:
    table = shops("mean", "mean_")
    names = forecaster().fit(table, "sold", "mean_", "mean").predict().columns
    assert names == ["mean", "mean_", "mean__", *INTERVALS[1:]]


def test_numbered_rows_give_way_to_an_id() -> None:
    table = shops("row", "day").drop("day")
    forecast = forecaster().fit(table, "sold", "row", id="row").predict()
    assert forecast.columns[:3] == ["row", "row_", "mean"]
    assert forecast["row"].to_list() == ["a", "a", "b", "b"] and forecast["row_"].to_list() == [60, 61] * 2


@pytest.mark.parametrize("name", ["mean", "series", "value", "path"])
def test_targets_and_covariates_of_any_name_change_nothing(expected: dict[str, pl.DataFrame], name: str) -> None:
    table = shops("shop", "day").rename({"sold": name})
    assert forecaster().fit(table, name, "day", "shop").predict().equals(expected["predict"])
    ahead = shops("shop", "day").with_columns(pl.lit(1.0).alias(name))
    later = pl.DataFrame({"shop": ["a", "a", "b", "b"], name: 1.0}).with_columns(
        pl.Series("day", np.array(["2024-03-01", "2024-03-02"] * 2, "datetime64[us]"))
    )
    forecast = forecaster().fit(ahead, "sold", "day", "shop", future=name).predict(future=later)
    assert forecast.columns == ["shop", "day", *INTERVALS]


def test_targets_side_by_side_are_read_again_whatever_else_a_table_has() -> None:
    wide = pl.DataFrame({"a": np.arange(60.0) % 7, "b": np.arange(60.0) % 5})
    fitted = forecaster().fit(wide, ["a", "b"], "row")
    more = wide.with_columns(series=pl.lit("x"), value=pl.lit(3))
    assert fitted.predict(more).equals(fitted.predict())
    assert fitted.update(more.tail(1)).columns[:2] == ["series", "row"]


@pytest.mark.parametrize("name", ["cutoff", "step", "y", "mean", "lo-80", "last_value"])
@pytest.mark.parametrize("role", ["id", "time"])
def test_pictures_show_ours(role: str, name: str) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    id, time = (name, "day") if role == "id" else ("shop", name)
    table = shops(id, time)
    rows = backtest(forecaster(), table, "sold", time, id, windows=3)
    plt.close("all")
    ax = plot_backtest(rows, id="b", baseline="last_value")
    drawn = {line.get_label(): np.asarray(line.get_ydata(), float) for line in ax.lines}
    own = rows.filter((pl.col(id) == "b") & (pl.col("step_" if name == "step" else "step") == 1))
    assert np.array_equal(drawn["observed"], own["y_" if name == "y" else "y"])
    assert np.array_equal(drawn["last value"], own["last_value_" if name == "last_value" else "last_value"])
    drawn = forecaster().fit(table, "sold", time, id).plot(id="b").lines
    assert [line.get_label() for line in drawn] == ["observed", "forecast"]


@pytest.mark.parametrize(("role", "name"), [("id", "mean"), ("time", "step"), ("id", "lo-80"), ("time", "cutoff")])
def test_files_and_reports_hold_both_and_a_note_says_so(
    lstm: Callable[..., Any], tmp_path: Path, role: str, name: str
) -> None:
    id, time = (name, "day") if role == "id" else ("shop", name)
    table, out = tmp_path / "t.csv", tmp_path / "out"
    shops(id, time).with_columns(pl.col(time).dt.date()).write_csv(table)
    settings = ("--set", "hidden_size=4", "--set", "max_epochs=1", "--context", 10, "--horizon", P)
    ran = lstm("forecast", table, "--target", "sold", "--time", time, "--id", id, *settings, "--out", out)
    note = f"column {name!r} keeps its name in the results; there, our own of that name is '{name}_'"
    assert ran.code == 0 and note in ran.err
    forecast = pl.read_csv(out / "forecast.csv")
    assert forecast.columns == [id, time, *(f"{c}_" if c == name else c for c in INTERVALS)]
    assert forecast[id].to_list() == ["a", "a", "b", "b"]
    rows = pl.read_csv(out / "backtest.csv")
    assert set(rows[id]) == {"a", "b"} and rows[time].min() > "2024"
    assert (out / "report.html").stat().st_size > 1000
    predicted = lstm("predict", out, table, "--out", tmp_path / "again.csv")
    assert predicted.code == 0 and note in predicted.err
    assert pl.read_csv(tmp_path / "again.csv").equals(forecast)
    paths = lstm("predict", out, table, "--paths", 2)
    assert paths.code == 0 and paths.out.splitlines()[0] == f"{id},{time},path,value"
    cut = lstm("backtest", table, "--target", "sold", "--time", time, "--id", id, *settings, "--windows", 2)
    assert cut.code == 0


def test_rows_in_the_order_of_the_table_are_warned_of_unless_that_is_said() -> None:
    table = pl.DataFrame({"sold": np.arange(60.0) % 7})
    with pytest.warns(UserWarning, match="no time column: the rows are taken in the order of the table"):
        forecaster().fit(table)
    with pytest.warns(UserWarning, match="no time column"):
        backtest(forecaster(), table, windows=2)
    assert forecaster().fit(table, time="row").predict()["row"].to_list() == [60, 61]
