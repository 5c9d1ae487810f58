"""Reliability: the shares are right for forecasts whose quantiles are known, and the page and figure show them."""

from __future__ import annotations

import dataclasses
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster
from lstmkit.data import TableSettings, read_table
from lstmkit.forecasting import LstmSettings
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.evaluation import MODEL, assemble
from lstmkit.forecasting.learning import Ensemble, Seasons, adaptive
from lstmkit.forecasting.models import Task
from lstmkit.forecasting.models.lstm import LstmModel
from lstmkit.forecasting.reporting.charts import error_figure, reliability_figure
from lstmkit.forecasting.reporting.rows import interval_rows, quantile_rows, series_rows, wide_score_rows

TRAIN, T = 20, 420


@pytest.fixture(autouse=True)
def widths_as_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would soon be right."""
    monkeypatch.setattr(adaptive, "RATE", 0.0)


def evaluation_of(S: int = 1, factor: float = 1.0, missing: bool = False) -> Evaluation:
    """Quantiles of a normal, `factor` times as wide as the values that they forecast are."""
    rng = np.random.default_rng(8)
    values = rng.normal(0, 1 + np.arange(S)[:, None] / 10, size=(S, T)).reshape(-1)
    frame = pl.DataFrame({"s": np.repeat([f"shop {s}" for s in range(S)], T), "y": np.arange(float(S * T))})
    if missing:
        values[rng.random(len(values)) < 0.3] = np.nan
    table = dataclasses.replace(read_table(frame, TableSettings("y", None, "s")), values=values)
    forecaster = Forecaster(2)
    forecaster.seasons_ = Seasons(None, ())
    task = Task(2, 2, (), forecaster.quantile_levels)
    forecaster.network_ = Ensemble([LstmModel(task, LstmSettings(hidden_size=2))])
    cutoffs = (np.arange(S)[:, None] * T + np.arange(TRAIN, T - 1)).reshape(-1)
    wide = np.array([NormalDist().inv_cdf(q) for q in forecaster.quantile_levels])
    quantiles = np.repeat(factor * (1 + (cutoffs // T)[:, None] / 10) * wide, 2, axis=0).reshape(len(cutoffs), 2, -1)
    return assemble(forecaster, table, np.full(S, TRAIN), cutoffs, quantiles)


@pytest.mark.parametrize("missing", [False, True])
def test_right_quantiles_have_shares_within_the_band(missing: bool) -> None:
    found = evaluation_of(missing=missing)
    seen = np.isfinite(found.table.values[TRAIN:]).sum()
    assert found.distinct_truths == seen
    for level, share in found.reliability.items():
        assert share == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / seen))


def test_quantiles_that_are_too_wide_are_seen_to_be() -> None:
    found = evaluation_of(factor=2.0)
    for level, share in found.reliability.items():
        expected = NormalDist().cdf(2 * NormalDist().inv_cdf(level))
        assert share == pytest.approx(expected, abs=0.06)
    assert found.coverage[80.0] == pytest.approx(2 * NormalDist().cdf(2 * NormalDist().inv_cdf(0.9)) - 1, abs=0.03)


def test_the_right_width_has_the_smallest_crps() -> None:
    scores = {factor: evaluation_of(factor=factor).scores[MODEL].crps for factor in (0.4, 1.0, 2.5)}
    assert min(scores, key=lambda f: scores[f]) == 1.0
    assert scores[1.0] == pytest.approx(1 / np.sqrt(np.pi), abs=0.05)  # of a standard normal that forecasts itself


def test_the_figure_shows_the_shares_the_diagonal_and_the_band() -> None:
    found = evaluation_of()
    low, high, diagonal, shares = reliability_figure(found).data
    np.testing.assert_allclose(shares.x, 100 * np.array(found.levels))
    np.testing.assert_allclose(shares.y, [100 * share for share in found.reliability.values()])
    assert list(diagonal.x) == list(diagonal.y) == [0, 100]
    half = 1.96 * np.sqrt(0.25 / found.distinct_truths)
    np.testing.assert_allclose([low.y[50], high.y[50]], [100 * (0.5 - half), 100 * (0.5 + half)])
    assert np.min(low.y) >= 0 and np.max(high.y) <= 100


def test_the_tables_of_intervals_and_quantiles_hold_the_figures() -> None:
    found = evaluation_of()
    assert [row[0] for row in interval_rows(found)] == ["80 %", "95 %"]
    assert interval_rows(found)[0][1] == f"{100 * found.coverage[80.0]:.1f} %"
    assert [row[0] for row in quantile_rows(found)] == ["2.5 %", "10 %", "25 %", "50 %", "75 %", "90 %", "97.5 %"]
    assert float(quantile_rows(found)[3][2]) == pytest.approx(found.pinball[0.5], abs=1e-4)


def test_the_table_of_scores_has_the_medians_of_many_series_and_the_p_of_the_model() -> None:
    head, rows = wide_score_rows(evaluation_of(), Seasons(None, ()))
    assert head == ("forecast", "RMSE", "MAE", "CRPS", "MASE", "RMSSE", "sMAPE", "OWA", "skill", "p")
    assert {len(row) for row in rows} == {len(head)}
    assert rows[0][0] == "LSTM" and rows[0][-1] and not any(row[-1] for row in rows[1:])
    several = evaluation_of(3)
    head, rows = wide_score_rows(several, Seasons(None, ()))
    assert rows[0][head.index("median MASE")] == f"{several.medians[MODEL].mase:.3f}"
    assert {len(row) for row in rows} == {len(head)}


def test_of_many_series_both_ends_are_shown_by_skill() -> None:
    head, few = series_rows(evaluation_of(20))
    skills = [float(row[-1].split()[0]) for row in few]
    assert len(few) == 20 and skills == sorted(skills, reverse=True)
    _, many = series_rows(evaluation_of(25))
    assert len(many) == 21
    assert many[10][0] == "… 5 series between" and {len(row) for row in many} == {len(head)}
    assert float(many[9][-1].split()[0]) > float(many[11][-1].split()[0])


def test_series_without_a_skill_come_last() -> None:
    found = evaluation_of(3)
    own = found.scores_by_series[found.best_naive]
    own.mase[1] = np.nan
    assert series_rows(found)[1][-1][0] == "shop 1"
    assert series_rows(found)[1][-1][-1] == ""


def test_errors_by_step_hold_every_forecast() -> None:
    found = evaluation_of()
    figure = error_figure(found)
    assert [trace.name for trace in figure.data] == ["LSTM", "last value", "drift", "moving average"]
    np.testing.assert_allclose(figure.data[0].y, found.error_by_step[MODEL])
