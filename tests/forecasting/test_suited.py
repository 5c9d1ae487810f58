"""Settings that are not given: what suits a table is chosen by the table, remembered, and begun from by a search."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster
from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.forecasting.models import Task, lstm
from lstmkit.forecasting.models.lstm import (
    FEW_MEMBERS,
    FEW_ROWS,
    PANEL,
    PANEL_ROWS,
    PANEL_SERIES,
    LstmModel,
    LstmSettings,
)
from lstmkit.forecasting.tuning.trying import ask_of

DAY, ROWS, SERIES = 24, 24 * 20, 5
SMALL = {"hidden_size": 6, "max_epochs": 1, "steps_per_epoch": 2, "final_fit": True}


def task(series: int, context: int = 5 * DAY) -> Task:
    return Task(context=context, horizon=DAY, seasons=(DAY,), levels=(0.1, 0.5, 0.9), series=series)


def panel() -> SeriesTable:
    hours = np.arange(ROWS)
    rng = np.random.default_rng(0)
    series = [10 + np.sin(2 * np.pi * hours / DAY + k) + 0.1 * rng.normal(size=ROWS) for k in range(SERIES)]
    names = [f"s{k}" for k in range(SERIES) for _ in hours]
    frame = pl.DataFrame({"id": names, "hour": np.tile(hours, SERIES), "y": np.concatenate(series)})
    return read_table(frame, TableSettings(target="y", time="hour", id="id"))


def noisy_months() -> pl.DataFrame:
    """Eight years with a season of which little can be learnt, so that training stops soon."""
    noise = np.random.default_rng(0).normal(size=96)
    return pl.DataFrame({"t": range(96), "y": np.tile(np.arange(12.0), 8) + 10 * noise})


@pytest.fixture
def small_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a panel of a test count as large, and train its networks briefly."""
    monkeypatch.setattr(lstm, "PANEL_SERIES", SERIES)
    monkeypatch.setattr(lstm, "PANEL_ROWS", 1)
    monkeypatch.setattr(lstm, "PANEL", SMALL)


def test_only_large_panels_read_season_by_season_get_larger_networks() -> None:
    usual = LstmSettings(cell="gru")
    large = LstmModel.suited(usual, task(PANEL_SERIES), PANEL_ROWS, 0)
    assert large == dataclasses.replace(usual, **PANEL)
    assert LstmModel.suited(usual, task(PANEL_SERIES - 1), PANEL_ROWS, 0) == usual
    assert LstmModel.suited(usual, task(PANEL_SERIES), PANEL_ROWS - 1, 0) == usual
    assert LstmModel.suited(usual, task(PANEL_SERIES, context=DAY), PANEL_ROWS, 0) == usual, (
        "no three days in the context"
    )


def test_where_many_rows_are_held_back_all_are_learnt_from_in_the_end() -> None:
    usual = LstmSettings()
    assert LstmModel.suited(usual, task(1), 80, 20) == dataclasses.replace(usual, final_fit=True)
    assert LstmModel.suited(usual, task(1), 700, 100) == usual
    assert LstmModel.suited(usual, task(PANEL_SERIES), 80, 20) == dataclasses.replace(usual, final_fit=True)
    months = noisy_months()
    forecaster = Forecaster(12).fit(months, "y", "t")  # 24 of 96 rows are held back
    assert forecaster.settings_ == dataclasses.replace(usual, final_fit=True)


@pytest.mark.usefixtures("small_panels")
def test_what_suits_the_table_is_trained_and_kept(tmp_path: object) -> None:
    forecaster = Forecaster(DAY, seasons=(DAY,)).fit_series(panel())
    forecaster.table_kind_ = "polars"
    assert forecaster.settings is None
    assert forecaster.settings_ == dataclasses.replace(LstmSettings(), **SMALL)
    forecaster.save(f"{tmp_path}/model")
    loaded = Forecaster.load(f"{tmp_path}/model")
    assert loaded.settings_ == loaded.settings == forecaster.settings_
    np.testing.assert_allclose(loaded.predict()["mean"], forecaster.predict()["mean"], rtol=1e-6)


@pytest.mark.usefixtures("small_panels")
def test_what_is_given_stays_as_it_is_given() -> None:
    given = LstmSettings(hidden_size=3, max_epochs=1)
    assert Forecaster(DAY, seasons=(DAY,), settings=given).fit_series(panel()).settings_ == given
    with_cell = Forecaster(DAY, seasons=(DAY,), cell="gru").fit_series(panel())
    assert with_cell.settings_ == dataclasses.replace(LstmSettings(cell="gru"), **SMALL)


@pytest.mark.usefixtures("small_panels")
def test_a_search_begins_from_what_suits_its_rows() -> None:
    question = ask_of([Forecaster(DAY, seasons=(DAY,))], panel())
    assert question.forecasters[0].settings == dataclasses.replace(LstmSettings(), **SMALL)


def test_few_rows_with_a_season_are_forecast_by_several_networks(tmp_path: object) -> None:
    assert LstmModel.members(task(1), FEW_ROWS - 1) == FEW_MEMBERS
    assert LstmModel.members(task(1), FEW_ROWS) == 1
    assert LstmModel.members(dataclasses.replace(task(1), seasons=()), 100) == 1, "such as prices"
    months = noisy_months()
    forecaster = Forecaster(12, seasons=(12,)).fit(months, "y", "t")
    assert len(forecaster.network_.members) == FEW_MEMBERS
    forecaster.save(f"{tmp_path}/model")
    loaded = Forecaster.load(f"{tmp_path}/model")
    assert loaded.ensemble == FEW_MEMBERS, "what is fitted again is fitted alike"
    np.testing.assert_allclose(loaded.predict()["mean"], forecaster.predict()["mean"], rtol=1e-6)
    few = LstmSettings(hidden_size=4, max_epochs=1)
    assert len(Forecaster(12, seasons=(12,), settings=few).fit(months, "y", "t").network_.members) == 1
    assert len(Forecaster(12, seasons=(12,), ensemble=2).fit(months, "y", "t").network_.members) == 2
    question = ask_of([Forecaster(12, seasons=(12,))], read_table(months, TableSettings(target="y", time="t")))
    assert question.forecasters[0].ensemble == FEW_MEMBERS
