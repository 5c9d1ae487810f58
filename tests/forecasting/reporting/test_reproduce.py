"""The command and the Python of a report do the job again, whatever its options."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer

from lstmkit import Forecaster
from lstmkit.cli import forecast as command_line
from lstmkit.cli.app import app
from lstmkit.data import TableSettings
from lstmkit.forecasting.job import ForecastJob
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.forecasting.models.segrnn import SegRnnSettings
from lstmkit.forecasting.reporting.reproduce import FOUND, REPEATED, command, python
from lstmkit.training import Devices

OUT = Path("some out")


def job(table: TableSettings, forecaster: Forecaster, **others: Any) -> ForecastJob:
    return ForecastJob("it's a file.csv", OUT, table, forecaster, **others)


JOBS = [
    job(TableSettings(), Forecaster(5)),
    job(TableSettings("y"), Forecaster(1, levels=(50, 97.5), seasons=(7, 28), seed=3), baselines=("theta", "ets")),
    job(TableSettings.of(["a b", "-c"], freq="D"), Forecaster(2, context=9, ensemble=(3, 2)), delimiter=";", test=0.3),
    job(
        TableSettings("y", "t", "id", time_format="%d.%m.%Y", missing="mask", duplicates="last", future=("p", "q")),
        Forecaster(28, model="segrnn", settings=SegRnnSettings(hidden_size=16, patience=None, final_fit=True)),
        cost=2.5,
    ),
    job(
        TableSettings("y", past=("w",), static=("r",), calendar=True, short="pad"),
        Forecaster(4, cell="gru", ensemble=2, settings=LstmSettings(learning_rate=2e-3, fold="never"), backend="torch"),
    ),
    job(TableSettings("y", decimal=",", lower=-0.5, upper=1e6, duplicates="sum"), Forecaster(3), delimiter=";"),
    job(TableSettings("y"), Forecaster(1, devices=Devices(2)), recipe="tutorial"),
]


def same(one: ForecastJob, two: ForecastJob) -> bool:
    parts = [(j.source, j.out, j.table, j.delimiter, j.test, j.recipe, j.baselines, j.cost) for j in (one, two)]
    asked = [j.forecaster.request() for j in (one, two)]
    return parts[0] == parts[1] and asked[0] == asked[1]


@pytest.mark.parametrize("wanted", JOBS, ids=range(len(JOBS)))
def test_the_command_asks_for_the_same_job(
    wanted: ForecastJob, lstm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(command_line, "run_shown", lambda job, progress: asked.append(job))
    monkeypatch.setattr(command_line, "_print", lambda result: None)
    words = shlex.split(command(wanted))
    assert words[:2] == ["lstm", "forecast"]
    ran = lstm(*words[1:])
    assert (ran.code, ran.err) == (0, "")
    assert same(asked[0], wanted)


@pytest.mark.parametrize("wanted", JOBS, ids=range(len(JOBS)))
def test_the_python_makes_the_same_job(wanted: ForecastJob) -> None:
    text = python(wanted)
    names: dict[str, Any] = {}
    exec(text[: text.index("result = run_job")], names)
    assert same(names["job"], wanted)


def test_both_do_the_run_again(
    lstm: Callable[..., Any], prices_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("--horizon", 2, "--context", 8, "--set", "hidden_size=4", "--set", "max_epochs=1", "--cost", 5)
    assert lstm("forecast", prices_csv.name, *options, "--out", "first", "-q").code == 0
    settings = LstmSettings(hidden_size=4, max_epochs=1)
    asked = ForecastJob(
        prices_csv.name, Path("first"), TableSettings(), Forecaster(2, context=8, settings=settings), cost=5
    )
    again = command(asked).replace("first", "again")
    assert lstm(*shlex.split(again)[1:], "-q").code == 0
    exec(python(asked).replace("first", "third"), {})
    forecast, backtest = (pl.read_csv(f"first/{name}.csv") for name in ("forecast", "backtest"))
    for folder in ("again", "third"):
        assert pl.read_csv(f"{folder}/forecast.csv").equals(forecast)
        assert pl.read_csv(f"{folder}/backtest.csv").equals(backtest)
    page = Path("first/report.html").read_text(encoding="utf-8")
    assert "lstm forecast prices.csv --horizon 2 --context 8" in page


def test_every_setting_has_an_option_of_its_name() -> None:
    parameters = typer.main.get_command(app).commands["forecast"].params
    options = {option for parameter in parameters for option in parameter.opts}
    fields = [*dataclasses.fields(TableSettings), *dataclasses.fields(ForecastJob)]
    names = {field.name for field in fields} - {"source", "table", "forecaster"} | set(Forecaster(1).get_params())
    missing = {f"--{REPEATED.get(name, name.replace('_', '-'))}" for name in names - {"settings", *FOUND}} - options
    assert not missing
