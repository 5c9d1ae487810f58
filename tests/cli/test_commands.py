"""The subcommands on good input: what they write, and what goes to stdout and to stderr."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import lstmkit
from lstmkit import Forecaster, checkup
from lstmkit.cli.app import app

Run = Callable[..., "Ran"]  # noqa: F821
RESULTS = ["backtest.csv", "forecast.csv", "model", "report.html", "summary.json"]
BASELINES = ["last_value", "seasonal_naive", "drift", "moving_average"]


@pytest.fixture
def result(lstm: Run, prices_csv: Path, tmp_path: Path) -> Path:
    """A folder of results."""
    assert lstm("forecast", prices_csv, "--target", "Close", "--horizon", 3, "--out", tmp_path / "out").code == 0
    return tmp_path / "out"


def test_the_saved_model_forecasts_after_the_last_row_of_the_table(result: Path) -> None:
    written = pl.read_csv(result / "forecast.csv", try_parse_dates=True)
    assert Forecaster.load(result / "model").predict().equals(written)


def test_forecast_writes_the_five_results(result: Path) -> None:
    assert sorted(path.name for path in result.iterdir()) == RESULTS
    assert sorted(path.name for path in (result / "model").iterdir()) == ["config.json", "model.safetensors"]
    forecast = pl.read_csv(result / "forecast.csv")
    assert forecast.columns == ["Date", "mean", "median", "lo-80", "hi-80", "lo-95", "hi-95"]
    assert forecast["Date"].to_list() == ["2024-08-12", "2024-08-13", "2024-08-14"]
    assert "plotly" in (result / "report.html").read_text().lower()


def test_the_summary_has_its_keys_and_agrees_with_the_backtest(result: Path) -> None:
    summary = json.loads((result / "summary.json").read_text())
    assert list(summary["scores"]) == ["model", *BASELINES]
    assert all({"rmse", "mae", "mase", "smape", "crps"} <= set(scores) for scores in summary["scores"].values())
    assert summary["best_naive"] in BASELINES
    best = summary["scores"][summary["best_naive"]]["mase"]
    assert best == min(summary["scores"][name]["mase"] for name in BASELINES)
    assert summary["skill"] == pytest.approx(1 - summary["scores"]["model"]["mase"] / best)
    assert (summary["horizon"], summary["series"], summary["rows"], summary["seed"]) == (3, 1, 160, 0)
    assert summary["windows"] == 32 - 3 + 1
    assert set(summary["coverage"]) == {"80", "95"}
    assert set(summary["seconds"]) == {"read", "fit", "score", "predict", "total"}
    assert summary["steps"] > 0
    assert {"model", "context", "levels", "test", "hidden_size", "learning_rate"} <= set(summary["settings"])
    assert summary["versions"]["lstmkit"] == lstmkit.__version__
    assert summary["backend"]
    rows = pl.read_csv(result / "backtest.csv")
    assert rows.height == 30 * 3
    for name, column in (("model", "mean"), *((name, name) for name in BASELINES)):
        error = rows["y"] - rows[column]
        assert summary["scores"][name]["mae"] == pytest.approx(error.abs().mean())
        assert summary["scores"][name]["rmse"] == pytest.approx((error**2).mean() ** 0.5)


def test_a_price_is_traded_on_and_other_columns_where_a_cost_asks_for_it(
    lstm: Run, result: Path, prices: pl.DataFrame, tmp_path: Path
) -> None:
    found = json.loads((result / "summary.json").read_text())["trading"]  # of a walk, whose forecast is its last value
    assert (found["cost"], found["periods"], found["hits"][0]["windows"], found["changes"]) == (10, 30, 0, 0)
    assert "says no direction" in (result / "report.html").read_text()
    rising = prices.with_columns(Close=prices["Close"] + np.arange(prices.height))
    rising.write_csv(tmp_path / "rising.csv")
    options = ("--horizon", 3, "--set", "max_epochs=1", "--cost", 10, "--out", tmp_path / "rising")
    assert "buying and holding" in lstm("forecast", tmp_path / "rising.csv", *options).out
    found = json.loads((tmp_path / "rising" / "summary.json").read_text())["trading"]
    rows = pl.read_csv(tmp_path / "rising" / "backtest.csv").filter(pl.col("step") == 1)
    before = pl.Series(rows["last_value"])
    assert (rows["mean"] > before).all()
    assert found["hits"][0]["share"] == pytest.approx((rows["y"] > before).mean())
    sold = tmp_path / "sold.csv"
    rising.rename({"Close": "sold"}).write_csv(sold)
    options = ("--horizon", 3, "--set", "max_epochs=1", "--out", tmp_path / "sold", "--force")
    ran = lstm("forecast", sold, *options)
    assert "buying" not in ran.out
    assert "trading" not in json.loads((tmp_path / "sold" / "summary.json").read_text())
    ran = lstm("forecast", sold, *options, "--cost", 0)
    assert "buying" in ran.out and "direction was right in" in ran.out
    quick = ("--horizon", 1, "--windows", 30, "--set", "max_epochs=1")
    assert "buying" in lstm("backtest", sold, *quick, "--cost", 3.5).out
    assert json.loads(lstm("backtest", sold, *quick, "--cost", 3.5, "--json").out)["trading"]["cost"] == 3.5
    assert "buying" not in lstm("backtest", sold, *quick).out


def test_json_is_the_summary_and_nothing_else(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    ran = lstm("forecast", prices_csv, "--horizon", 3, "--out", tmp_path / "out", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert ran.out == (tmp_path / "out" / "summary.json").read_text()


def test_results_go_to_stdout_and_talk_to_stderr(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    ran = lstm("forecast", prices_csv, "--horizon", 3, "--out", tmp_path / "out")
    assert "column 'Close', 160 rows, one series, 2024-01-01 to 2024-08-09, a row per business day" in ran.err
    assert "learning from the first 128 rows, scoring on the last 32" in ran.err
    assert "learning from" not in ran.out
    assert "2024-08-12" in ran.out and "seasonal naive (5)" in ran.out and "report.html" in ran.out
    assert "seasonal naive" not in ran.err
    assert "\x1b" not in ran.out + ran.err


def test_quiet_says_nothing_and_prints_the_same(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    ran = lstm("forecast", prices_csv, "--horizon", 3, "--out", tmp_path / "out", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert "2024-08-12" in ran.out


def test_the_default_folder_is_named_after_the_file(
    lstm: Run, prices_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prices_csv.parent)
    assert lstm("forecast", prices_csv.name, "--horizon", 2, "-q").code == 0
    assert sorted(path.name for path in Path("forecast-prices").iterdir()) == RESULTS


def test_the_same_seed_writes_the_same_bytes(lstm: Run, result: Path, prices_csv: Path, tmp_path: Path) -> None:
    assert lstm("forecast", prices_csv, "--horizon", 3, "--out", tmp_path / "again", "-q").code == 0
    for name in ("forecast.csv", "backtest.csv", "model/model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (result / name).read_bytes()


def test_levels_and_seasons_are_passed_on(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = lstm("forecast", prices_csv, "--horizon", 2, "--level", 97.5, "--level", 50, "--season", 5, "--out", out)
    assert ran.code == 0
    head = (out / "forecast.csv").read_text().splitlines()[0]
    assert head == "Date,mean,median,lo-50,hi-50,lo-97.5,hi-97.5"
    assert json.loads((out / "summary.json").read_text())["seasons"] == {"naive": 5, "shown": [5]}


@pytest.mark.parametrize("inner", ["", "model"])
def test_predict_repeats_the_forecast_of_the_job(
    lstm: Run, result: Path, prices_csv: Path, tmp_path: Path, inner: str
) -> None:
    ran = lstm("predict", result / inner, prices_csv, "--out", tmp_path / "next.csv")
    assert (ran.code, ran.err) == (0, "")
    assert "2024-08-12" in ran.out
    assert (tmp_path / "next.csv").read_text() == (result / "forecast.csv").read_text()


def test_predict_as_json_is_a_list_of_rows(lstm: Run, result: Path, prices_csv: Path) -> None:
    ran = lstm("predict", result, prices_csv, "--json")
    with (result / "forecast.csv").open() as file:
        expected = list(csv.DictReader(file))
    rows = json.loads(ran.out)
    assert [row["Date"] for row in rows] == [row["Date"] for row in expected]
    assert [row["mean"] for row in rows] == [float(row["mean"]) for row in expected]
    assert ran.err == ""


def test_predict_needs_only_the_model_and_new_rows(
    lstm: Run, result: Path, prices: pl.DataFrame, tmp_path: Path
) -> None:
    shutil.copytree(result / "model", tmp_path / "moved")
    prices.tail(100).head(90).write_csv(tmp_path / "later.csv")
    ran = lstm("predict", tmp_path / "moved", tmp_path / "later.csv", "--json")
    assert [row["Date"] for row in json.loads(ran.out)] == [str(d) for d in prices["Date"][150:153]]


def test_backtest_prints_scores_and_writes_a_row_per_step(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    ran = lstm("backtest", prices_csv, "--horizon", 2, "--windows", 5, "--out", rows)
    assert ran.code == 0
    assert "5 cutoffs, 2 ahead, fitted once before the first" in ran.out
    frame = pl.read_csv(rows)
    assert frame.height == 10
    found = json.loads(lstm("backtest", prices_csv, "--horizon", 2, "--windows", 5, "--json").out)
    assert found["windows"] == 5
    assert found["scores"]["model"]["mae"] == pytest.approx((frame["y"] - frame["mean"]).abs().mean())


def test_doctor_lists_versions_backends_and_times(lstm: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "SECONDS", 0.1)
    found = json.loads(lstm("doctor", "--json").out)
    assert found["versions"]["lstmkit"] == lstmkit.__version__
    names = {backend["name"]: backend["unsupported"] for backend in found["backends"]}
    assert names[found["chosen"]] == ""
    assert all(speed["lstmkit"] > 0 and speed["torch"] > 0 for speed in found["speed"])
    ran = lstm("doctor")
    assert ran.code == 0
    assert "in use" in ran.out and "ratio" in ran.out


COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]


def test_the_subcommands() -> None:
    assert COMMANDS == ["forecast", "predict", "backtest", "tune", "doctor"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(lstm: Run, command: str) -> None:
    ran = lstm(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"  lstm {command}" in ran.out.split("example")[1]
    assert command in lstm("--help").out


def test_the_version(lstm: Run) -> None:
    assert lstm("--version").out == f"lstmkit {lstmkit.__version__}\n"


def test_follow_forecasts_after_every_row_and_tells_which_could_not_be_used(
    lstm: Run, result: Path, prices: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [str(d) for d in np.busday_offset("2024-08-12", np.arange(3))]
    lines = ["Date,Close", f"{days[0]},99.5", f"{days[1]},abc", f"{days[1]},98", f"{days[1]},97"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(("\n".join(lines) + "\n").encode())))
    ran = lstm("predict", result, "--follow")
    assert ran.code == 2
    frame = pl.read_csv(io.StringIO(ran.out))
    assert frame["Date"].to_list()[:3:2] == ["2024-08-13", "2024-08-15"]
    assert frame.height == 2 * 3
    told = ran.err.splitlines()
    assert told[0] == "lstm: line 3: column 'Close', row 1: 'abc' is not a number"
    assert told[1].startswith(f"lstm: line 5: update: column 'Close': a row at {days[1]}; the one that follows is")
    assert told[2] == "lstm: standard input: 2 rows could not be used"
    more = pl.DataFrame({"Date": days[:2], "Close": [99.5, 98.0]}).with_columns(pl.col("Date").str.to_date())
    whole = pl.concat([prices, more])
    expected = Forecaster.load(result / "model").predict(whole)
    np.testing.assert_allclose(frame["mean"][-3:], expected["mean"], rtol=1e-6)


def test_follow_as_json_is_a_line_a_row(lstm: Run, result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Date,Close\n2024-08-12,99\n2024-08-13,98\n")))
    ran = lstm("predict", result, "--follow", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [json.loads(line)[0]["Date"] for line in ran.out.splitlines()] == [
        "2024-08-13",
        "2024-08-14",
    ]


def test_sample_paths_are_printed_as_csv(lstm: Run, result: Path, prices_csv: Path) -> None:
    ran = lstm("predict", result, prices_csv, "--paths", 4)
    frame = pl.read_csv(io.StringIO(ran.out))
    assert frame.columns == ["Date", "path", "value"] and frame.height == 4 * 3
    assert lstm("predict", result, "--follow", "--paths", 4).code == 2
    assert lstm("predict", result).code == 2


@pytest.mark.parametrize("command", ["backtest", "predict"])
def test_what_was_noticed_in_a_table_is_told_on_stderr(
    lstm: Run, result: Path, prices_csv: Path, tmp_path: Path, command: str
) -> None:
    first = ("backtest", tmp_path / "new.csv", "--target", "Close", "--windows", 2)
    (tmp_path / "new.csv").write_text(prices_csv.read_text() + "\nSource: us, them\n")
    ran = lstm(*(first if command == "backtest" else ("predict", result, tmp_path / "new.csv")), "--json")
    assert "a line after the table is left out: 'Source: us, them'" in ran.err
    json.loads(ran.out)
