"""Tables that say the same in another way: other units, another level. The forecasts say the same too."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster
from lstmkit.data import TableSettings, read_table
from lstmkit.forecasting.evaluate import Evaluation, evaluate
from lstmkit.forecasting.evaluate import test_split as split_rows
from lstmkit.forecasting.models import MODELS
from lstmkit.forecasting.verdict import judge

P = 4
FIGURES = ("mean", "median", "lo-80", "hi-80", "lo-95", "hi-95")
KINDS = (*MODELS, "lstm by seasons")
UNITS = {"farads": 1e-12, "-30": 1e-30, "-8": 1e-8, "20": 1e20, "30": 1e30}
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


@pytest.mark.parametrize("power", [-90, 90])
def test_a_power_of_two_changes_no_bit(plain: tuple[str, Found], power: int) -> None:
    kind, expected = plain
    other = found(kind, times(shops(), 2.0**power))
    assert np.array_equal(other.forecast, expected.forecast * 2.0**power)
    assert other.evaluation.coverage == expected.evaluation.coverage
    assert other.evaluation.scores["model"].mase == expected.evaluation.scores["model"].mase
    assert other.evaluation.skill == expected.evaluation.skill and other.verdict == expected.verdict


@pytest.mark.parametrize("unit", UNITS)
def test_other_units_change_nothing_but_the_rounding(plain: tuple[str, Found], unit: str) -> None:
    kind, expected = plain
    other, factor = found(kind, times(shops(), UNITS[unit])), UNITS[unit]
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


@pytest.mark.parametrize("level", [1e6, 1e12])
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
