"""The judgement in words follows the interval of the skill; a test that does not agree is mentioned."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster
from lstmkit.forecasting.backtest import backtest_series
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.significance import DieboldMariano, Skill
from lstmkit.forecasting.judgement.verdict import judge, naive_name
from lstmkit.forecasting.learning import Seasons
from lstmkit.forecasting.models.lstm import LstmSettings


@pytest.fixture
def evaluation(prices: pl.DataFrame) -> Evaluation:
    from lstmkit.data import TableSettings, read_table

    forecaster = Forecaster(2, context=8, settings=LstmSettings(hidden_size=4, max_epochs=1))
    _, found = backtest_series(forecaster, read_table(prices, TableSettings("Close")), 5, False)
    return dataclasses.replace(found, best_naive="last_value", coverage={80.0: 0.7, 95.0: 1.0})


HELD = "Of the true values, the 80 % interval held 70 %, the 95 % interval held 100 %."
UNSEEN = "5 test windows that"


@pytest.mark.parametrize(
    ("skill", "kind", "headline", "detail"),
    [
        (
            Skill(0.123, 0.051, 0.2),
            "better",
            "Better than repeating the last value: 12 % less error.",
            f"95 % interval 5.1 % to 20 %, on {UNSEEN} the model never saw. {HELD}",
        ),
        (
            Skill(-0.052, -0.3, -0.01),
            "worse",
            "Worse than repeating the last value: 5.2 % more error.",
            f"95 % interval -30 % to -1.0 % of the error saved, on {UNSEEN} the model never saw. "
            f"Use the naive forecast instead. {HELD}",
        ),
        (
            Skill(0.01, -0.02, 0.04),
            "equal",
            "No better than repeating the last value.",
            f"The model makes 1.0 % less error on {UNSEEN} it never saw; the uncertainty (95 % interval -2.0 % to "
            f"4.0 % of the error saved) includes zero. {HELD}",
        ),
        (
            Skill(-0.01, -0.04, 0.02),
            "equal",
            "No better than repeating the last value.",
            f"The model makes 1.0 % more error on {UNSEEN} it never saw; the uncertainty (95 % interval -4.0 % to "
            f"2.0 % of the error saved) includes zero. {HELD}",
        ),
    ],
)
def test_the_wording(evaluation: Evaluation, skill: Skill, kind: str, headline: str, detail: str) -> None:
    agrees = DieboldMariano(-2.0, 0.5 if kind == "equal" else 0.01, 9)
    verdict = judge(dataclasses.replace(evaluation, skill=skill, test=agrees), Seasons(5, ()))
    assert (verdict.kind, verdict.headline, verdict.detail) == (kind, headline, detail)


@pytest.mark.parametrize(
    ("skill", "p", "sentence"),
    [
        (Skill(0.1, 0.05, 0.2), 0.213, "A Diebold-Mariano test is less sure of the difference (p = 0.21)."),
        (Skill(-0.1, -0.2, -0.05), 0.05, "A Diebold-Mariano test is less sure of the difference (p = 0.05)."),
        (Skill(0.1, -0.01, 0.2), 0.0123, "A Diebold-Mariano test does see a difference (p = 0.012)."),
    ],
)
def test_a_test_that_does_not_agree_is_mentioned(evaluation: Evaluation, skill: Skill, p: float, sentence: str) -> None:
    found = dataclasses.replace(evaluation, skill=skill, test=DieboldMariano(-1.0, p, 9))
    assert judge(found, Seasons(5, ())).detail.endswith(f" {sentence} {HELD}")


def test_without_a_test_nothing_is_said_of_one(evaluation: Evaluation) -> None:
    nothing = DieboldMariano(float("nan"), float("nan"), 0)
    found = dataclasses.replace(evaluation, skill=Skill(0.1, 0.05, 0.2), test=nothing)
    assert "Diebold" not in judge(found, Seasons(5, ())).detail


def test_what_cannot_be_compared_is_neither_better_nor_worse(evaluation: Evaluation) -> None:
    nan = float("nan")
    few = judge(dataclasses.replace(evaluation, skill=Skill(0.3, nan, nan)), Seasons(5, ()))
    assert (few.kind, few.headline) == ("equal", "Too few windows to compare with repeating the last value.")
    assert few.detail.startswith("The model makes 30 % less error on 5 test windows that it never saw.")
    never = judge(dataclasses.replace(evaluation, skill=Skill(nan, nan, nan)), Seasons(5, ()))
    assert (never.kind, never.headline) == ("equal", "Cannot be compared with repeating the last value.")
    assert "nan" not in few.detail + never.detail


@pytest.mark.parametrize("ends", [(0.0, 0.1), (-0.1, 0.0)])
def test_an_interval_that_touches_zero_is_no_difference(evaluation: Evaluation, ends: tuple[float, float]) -> None:
    assert judge(dataclasses.replace(evaluation, skill=Skill(0.0, *ends)), Seasons(5, ())).kind == "equal"


def test_naive_forecasts_in_words() -> None:
    assert naive_name("seasonal_naive", Seasons(12, (12,))) == "repeating the last season of 12 steps"
    assert naive_name("moving_average", Seasons(None, ())) == "the mean of the last 5 values"
    assert naive_name("moving_average", Seasons(7, ())) == "the mean of the last 7 values"
    assert naive_name("drift", Seasons(None, ())) == "continuing the drift"


@pytest.mark.parametrize(
    ("coverage", "truths", "kind"),
    [
        ({80.0: 0.62, 95.0: 0.9}, 600, "doubtful"),  # 300 windows of their own
        ({80.0: 0.62, 95.0: 0.9}, 10, "better"),  # so few say nothing
        ({80.0: 0.75, 95.0: 0.95}, 60_000, "better"),
        ({80.0: 0.80, 95.0: 0.85}, 600, "doubtful"),
        ({80.0: 0.95, 95.0: 1.0}, 600, "better"),
    ],
)
def test_a_gain_with_intervals_that_do_not_hold_is_doubtful(
    coverage: dict[float, float], truths: int, kind: str, evaluation: Evaluation
) -> None:
    table = dataclasses.replace(evaluation.table, values=np.zeros(truths + 2), offsets=np.array([0, truths + 2]))
    many = {
        "cutoffs": np.arange(truths - 1),
        "truth": np.zeros((truths - 1, 2)),
        "skill": Skill(0.123, 0.051, 0.2),
        "coverage": coverage,
    }
    found = judge(dataclasses.replace(evaluation, table=table, **many), Seasons(None, ()))
    assert found.kind == kind
    level, held = next(((k, v) for k, v in coverage.items() if v < (0.74, 0.9)[k > 80]), (0, 0))
    said = f" less error, but its {level:g} % interval held only {100 * held:.0f} % of the true values."
    assert (said in found.headline) == (kind == "doubtful")
