"""What an evaluation holds: every figure against a plain loop, with missing truths and series that never move."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from lstmkit import Forecaster
from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.forecasting import LstmSettings
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement import evaluation as module
from lstmkit.forecasting.judgement.evaluation import MODEL, _model_title, assemble
from lstmkit.forecasting.learning import Ensemble, Seasons
from lstmkit.forecasting.models import Task
from lstmkit.forecasting.models.lstm import LstmModel

P, SEASON = 3, 4
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def table_of(values: NDArray[np.float64]) -> SeriesTable:
    """A table of series of equal length (S, T); NaN is put in after reading, which refuses it by default."""
    S, T = values.shape
    frame = pl.DataFrame({"s": np.repeat(np.arange(S), T), "y": np.arange(S * T, dtype=np.float64)})
    return dataclasses.replace(read_table(frame, TableSettings("y", None, "s")), values=values.reshape(-1).copy())


def forecaster(season: int | None = SEASON) -> Forecaster:
    """One that is asked for its levels and its mean only."""
    made = Forecaster(P)
    made.network_ = Ensemble([LstmModel(Task(2, P, (), made.quantile_levels), LstmSettings(hidden_size=2))])
    made.seasons_ = Seasons(season, () if season is None else (season,))
    return made


def walk(S: int = 3, T: int = 40, seed: int = 5) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return 50 + rng.normal(size=(S, T)).cumsum(1) + 5 * np.sin(np.arange(T) * 2 * np.pi / SEASON)


def evaluation_of(values: NDArray[np.float64], train: int = 25, stride: int = 1, season: int | None = SEASON):
    """Evaluate quantile forecasts that are wrong by a known pattern."""
    table = table_of(values)
    S, T = values.shape
    rows = np.arange(T - P, train - 1, -stride)[::-1]
    cutoffs = (np.arange(S)[:, None] * T + rows).reshape(-1)
    rng = np.random.default_rng(9)
    centre = np.nan_to_num(values, nan=50.0).reshape(-1)[cutoffs[:, None] - 1]
    quantiles = np.sort(centre[..., None] + rng.normal(0, 2, size=(len(cutoffs), P, len(LEVELS))), axis=2)
    return assemble(forecaster(season), table, np.full(S, train), cutoffs, quantiles)


def by_loop(found: Evaluation, name: str, train: int) -> dict[str, list[float]]:
    """MAE, RMSE, MASE and CRPS of each series, a value at a time."""
    scores: dict[str, list[float]] = {"mae": [], "rmse": [], "mase": [], "crps": []}
    for s in range(len(found.table)):
        own = found.table.values[found.table.offsets[s] : found.table.offsets[s + 1]]
        changes = [abs(own[t] - own[t - SEASON]) for t in range(SEASON, train)]
        scale = np.mean([c for c in changes if np.isfinite(c)])
        errors, ranked = [], []
        for w in np.flatnonzero(found.series == s):
            for p in range(P):
                truth = found.truth[w, p]
                if np.isnan(truth):
                    continue
                errors.append(truth - found.forecasts[name][w, p])
                q, x = np.array([0, *LEVELS, 1]), found.quantiles[w, p]
                gap = truth - np.array([x[0], *x, x[-1]])
                ranked.append(2 * np.trapezoid(np.maximum(q * gap, (q - 1) * gap), q))
        scores["mae"].append(np.mean(np.abs(errors)))
        scores["rmse"].append(np.sqrt(np.mean(np.square(errors))))
        scores["mase"].append(np.mean(np.abs(errors)) / scale)
        scores["crps"].append(np.mean(ranked) if name == MODEL else np.mean(np.abs(errors)))
    return scores


@pytest.mark.parametrize("missing", [False, True])
def test_scores_by_series_and_overall_are_those_of_a_plain_loop(missing: bool) -> None:
    values = walk()
    if missing:
        values[np.random.default_rng(1).random(values.shape) < 0.25] = np.nan
    found = evaluation_of(values)
    assert len(found.scores) == 5
    for name in found.scores:
        expected = by_loop(found, name, 25)
        for field, series in expected.items():
            np.testing.assert_allclose(getattr(found.scores_by_series[name], field), series, err_msg=f"{name} {field}")
            assert getattr(found.scores[name], field) == pytest.approx(np.mean(series))
            assert getattr(found.medians[name], field) == pytest.approx(np.median(series))


def test_no_score_is_spoilt_by_missing_values() -> None:
    values = walk(S=2)
    values[0, 30:36] = np.nan  # across cutoffs
    values[1, [3, 10, 39]] = np.nan
    found = evaluation_of(values)
    for name, scores in found.scores.items():
        assert np.isfinite(dataclasses.astuple(scores)).all(), name
        assert np.isfinite(found.error_by_step[name]).all(), name
    summary = [found.skill.value, found.skill.low, found.test.p, *found.coverage.values(), *found.pinball.values()]
    ratio = found.scores[MODEL].mase / found.scores[found.best_naive].mase
    assert found.skill.value == pytest.approx(1 - ratio)
    assert np.isfinite([*summary, *found.reliability.values(), *found.width.values()]).all()


def test_values_after_the_cutoff_change_no_forecast_of_any_baseline() -> None:
    values = walk(S=2)
    changed = values.copy()
    changed[:, 25:] = np.linspace(-1e6, 1e6, 15)
    table, cutoffs = table_of(values), np.array([25, 65])
    quantiles = np.zeros((2, P, len(LEVELS)))
    before = assemble(forecaster(), table, np.array([25, 25]), cutoffs, quantiles)
    after = assemble(forecaster(), table_of(changed), np.array([25, 25]), cutoffs, quantiles)
    for name in before.forecasts:
        np.testing.assert_array_equal(after.forecasts[name], before.forecasts[name], err_msg=name)


def test_a_series_that_never_moved_is_reported_apart() -> None:
    values = walk()
    values[1, :25] = 7.0  # and moves in the test part
    found = evaluation_of(values)
    moving = evaluation_of(values[[0, 2]])
    assert found.without_scale.tolist() == [1]
    assert moving.without_scale.tolist() == []
    own = found.scores_by_series["last_value"]
    assert np.isnan(own.mase[1]) and np.isnan(own.rmsse[1]) and own.mae[1] > 0
    assert found.scores["last_value"].mase == pytest.approx(moving.scores["last_value"].mase)
    assert found.scores["last_value"].mae == pytest.approx(own.mae.mean())


def test_where_no_series_moved_nothing_is_scaled_and_the_best_naive_has_the_smallest_error() -> None:
    values = np.full((1, 40), 7.0)
    values[0, 26:] = 9.0 + np.arange(14)
    found = evaluation_of(values)
    assert np.isnan([found.skill.value, found.test.p, found.scores[MODEL].mase, found.scores[MODEL].owa]).all()
    naive = {name: scores.mae for name, scores in found.scores.items() if name != MODEL}
    assert found.best_naive == min(naive, key=lambda name: naive[name])


def test_one_window_of_one_series_has_scores_and_nothing_that_needs_more() -> None:
    found = evaluation_of(walk(1), train=37)
    assert len(found.cutoffs) == 1
    assert np.isfinite(dataclasses.astuple(found.scores[MODEL])).all()
    assert np.isfinite(found.skill.value)
    assert np.isnan([found.skill.low, found.skill.high, found.test.p]).all()


def test_steps_ahead_are_scored_apart() -> None:
    found = evaluation_of(walk())
    for name, steps in found.scores_by_step.items():
        error = np.abs(found.truth - found.forecasts[name])
        by_series = np.stack([error[found.series == s].mean(0) for s in range(3)])
        np.testing.assert_allclose(steps.mae, by_series.mean(0))
        np.testing.assert_allclose(found.error_by_step[name], error.mean(0))
    assert (found.scores_by_step[MODEL].crps < found.scores_by_step[MODEL].mae).all()


def test_the_quantiles_losses_add_up_to_the_crps() -> None:
    found = evaluation_of(walk())
    per_level = list(found.pinball.values())
    inner = 2 * np.trapezoid(per_level, LEVELS)
    assert inner < found.scores[MODEL].crps < inner + 2 * LEVELS[0] * sum(per_level) * 5  # the rest: both outer parts


def test_overlapping_windows_are_known_to_the_test_and_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    test, skill = module.diebold_mariano, module.skill
    monkeypatch.setattr(module, "diebold_mariano", lambda *a: seen.append(("overlap", a[-1])) or test(*a))
    monkeypatch.setattr(module, "skill", lambda *a: seen.append(("block", a[-1])) or skill(*a))
    for stride in (1, 2, 3, 5):
        evaluation_of(walk(1, 60), train=20, stride=stride)
    assert [n for what, n in seen if what == "overlap"] == [3, 2, 1, 1]
    assert [n for what, n in seen if what == "block"] == [3, 3, 2, 2]  # the cube root of the windows, where larger


def test_a_season_that_is_not_known_leaves_owa_defined() -> None:
    found = evaluation_of(walk(), season=None)
    assert "seasonal_naive" not in found.scores
    assert found.scores["last_value"].owa == pytest.approx(1)


def test_two_thousand_series_are_scored_without_a_loop_over_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are counted, not seconds: of numpy's sums and means there are no more than for two series."""
    calls = {2: 0, 2000: 0}
    original = np.bincount

    def counted(*arguments: object, **options: object) -> NDArray[np.float64]:
        calls[size] += 1
        return original(*arguments, **options)

    monkeypatch.setattr(np, "bincount", counted)
    for size in calls:
        evaluation_of(walk(size, 30), train=27)
    assert calls[2000] <= calls[2] + 4


def test_titles_are_known_for_every_forecast() -> None:
    evaluation = evaluation_of(walk(2, 30), train=27)
    assert [evaluation.title_of(n) for n in (MODEL, "drift", "theta")] == ["LSTM", "drift", "Theta"]
    assert [_model_title(Forecaster(1, model=m, cell=c)) for m, c in (("segrnn", None), ("lstm", "gru"))] == [
        "SegRNN",
        "LSTM (gru)",
    ]
