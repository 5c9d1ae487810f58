"""Results as rows of text, for the terminal and for the report."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmkit.data import SeriesTable
from lstmkit.data.frequency import show
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.evaluation import MODEL
from lstmkit.forecasting.judgement.trading import Trading, largest_fall, signed
from lstmkit.forecasting.judgement.tutorial import TutorialResult
from lstmkit.forecasting.learning import Seasons
from lstmkit.forecasting.predicting.columns import level_name
from lstmkit.forecasting.reporting.figures import figure, fixed, p_value, percent

MOST_ENDS = 10
"""Series shown at each end of a long list of them."""
SCORE_HEAD = ("forecast", "RMSE", "MAE", "CRPS", "MASE", "sMAPE", "skill")


def score_rows(evaluation: Evaluation, seasons: Seasons) -> list[tuple[str, ...]]:
    """Return the table of scores as text, columns as in `SCORE_HEAD`; the model first."""
    rows: list[tuple[str, ...]] = []
    for name, scores in evaluation.scores.items():
        figures = (
            *map(figure, (scores.rmse, scores.mae, scores.crps)),
            fixed(scores.mase, 3),
            fixed(scores.smape, 2),
        )
        rows.append((_score_title(evaluation, name, seasons), *figures, _skill_mark(evaluation, name)))
    return rows


def wide_score_rows(evaluation: Evaluation, seasons: Seasons) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the report's table of scores as text: its head, and its rows; the model first."""
    several = len(evaluation.table) > 1
    head = ("forecast", "RMSE", "MAE", "CRPS", "MASE", "RMSSE", "sMAPE", "OWA", "skill", "p")
    rows: list[tuple[str, ...]] = []
    for name, scores in evaluation.scores.items():
        row = (
            _score_title(evaluation, name, seasons),
            *(figure(value) for value in (scores.rmse, scores.mae, scores.crps)),
            fixed(scores.mase, 3),
            fixed(scores.rmsse, 3),
            fixed(scores.smape, 2),
            fixed(scores.owa, 3),
            _skill_mark(evaluation, name),
            p_value(evaluation.test.p) if name == MODEL else "",
        )
        rows.append((*row[:5], fixed(evaluation.medians[name].mase, 3), *row[5:]) if several else row)
    return (*head[:5], "median MASE", *head[5:]) if several else head, rows


def series_rows(evaluation: Evaluation) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the table of series as text: its head, and its rows by skill; of many, those at both ends."""
    model = evaluation.scores_by_series[MODEL]
    naive = evaluation.scores_by_series[evaluation.best_naive]
    head = ("series", "values", "MAE", "CRPS", "MASE", "MASE of the best naive", "skill")
    skill = np.full(len(model.mase), np.nan)
    np.divide(model.mase, naive.mase, out=skill, where=naive.mase > 0)
    order = [int(s) for s in np.argsort(skill, kind="stable") if model.points[s] > 0]  # without a skill: at the end
    rows: list[tuple[str, ...]] = [
        (
            str(evaluation.table.ids[s]),
            f"{model.points[s]:,}",
            figure(float(model.mae[s])),
            figure(float(model.crps[s])),
            fixed(model.mase[s], 3),
            fixed(naive.mase[s], 3),
            percent(1 - skill[s]),
        )
        for s in order
    ]
    if len(rows) <= 2 * MOST_ENDS:
        return head, rows
    compared = int(np.isfinite(skill[order]).sum())
    gap = (f"… {compared - 2 * MOST_ENDS:,} series between", *[""] * (len(head) - 1))
    if compared <= 2 * MOST_ENDS:
        return head, rows[: 2 * MOST_ENDS]
    return head, [*rows[:MOST_ENDS], gap, *rows[compared - MOST_ENDS : compared]]


def interval_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Return the table of intervals as text: level, share of true values inside, mean width."""
    return [
        (f"{level_name(level)} %", f"{100 * share:.1f} %", figure(evaluation.width[level]))
        for level, share in evaluation.coverage.items()
    ]


def quantile_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Return the table of quantiles as text: level, share of true values below, pinball loss."""
    return [
        (f"{100 * level:g} %", f"{100 * share:.1f} %", figure(evaluation.pinball[level]))
        for level, share in evaluation.reliability.items()
    ]


def tutorial_rows(tutorial: TutorialResult, evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Return the honest comparison for the tutorial: title, train RMSE, test RMSE, all on the tutorial's own rows."""
    same = np.isin(evaluation.cutoffs, tutorial.test_at)
    error = evaluation.truth[same, 0] - evaluation.forecasts[MODEL][same, 0]
    return [
        ("the tutorial's LSTM", figure(tutorial.train_rmse), figure(tutorial.test_rmse)),
        ("repeating the last value", figure(tutorial.naive_train_rmse), figure(tutorial.naive_rmse)),
        ("lstmkit's default LSTM", "", figure(float(np.sqrt((error**2).mean())))),
    ]


def tutorial_verdict(tutorial: TutorialResult) -> str:
    """Return in a sentence what the tutorial's test error amounts to."""
    ratio = tutorial.test_rmse / tutorial.naive_rmse
    if ratio > 1:
        return f"The tutorial's test RMSE is {ratio:.1f} times that of repeating the last value. What is wrong with it:"
    return (
        f"The tutorial's test RMSE is {ratio:.2f} times that of repeating the last value. What is wrong all the same:"
    )


def forecast_rows(columns: dict[str, Any], table: SeriesTable) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the forecast as text: the names of the columns (without the median), and the rows.

    columns  from `forecast_columns`
    table    whose forecast it is
    """
    names = [name for name in columns if name != table.our_name("median")]
    numbers = [name for name in names if name not in (table.columns.id, table.time_column)]
    ends = np.stack([columns[name] for name in numbers[1:]], axis=1).reshape(len(columns[names[0]]), -1, 2)
    widths = ends[..., 1] - ends[..., 0]
    narrowest = np.where(widths > 0, widths, np.inf).min(1)
    return names, [
        tuple(
            figure(float(columns[name][k]), float(narrowest[k])) if name in numbers else show(columns[name][k])
            for name in names
        )
        for k in range(len(narrowest))
    ]


def wealth_rows(trading: Trading) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the table of what trading earned as text: its head, and its rows."""
    head = ("", "earned", "largest fall", "changes", "time held")
    falls = [percent(largest_fall(wealth)) for wealth in (trading.wealth, trading.wealth_held)]
    return head, [
        ("the rule", signed(trading.earned), falls[0], f"{trading.changes:,}", f"{100 * trading.invested:.0f} %"),
        ("without costs", signed(trading.before_costs), "", "", ""),
        ("buying and holding", signed(trading.held), falls[1], "1 each", "100 %"),
    ]


def hit_rows(trading: Trading) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the table of directions as text: its head, and its rows by step ahead."""
    head = ("steps ahead", "right", "95 % interval", "price rose", "windows")
    return head, [
        (
            str(hit.step),
            *("-" if np.isnan(x) else f"{100 * x:.1f} %" for x in (hit.share,)),
            "-" if np.isnan(hit.low) else f"{100 * hit.low:.1f} to {100 * hit.high:.1f} %",
            "-" if np.isnan(hit.up) else f"{100 * hit.up:.1f} %",
            f"{hit.windows:,}",
        )
        for hit in trading.hits
    ]


def _score_title(evaluation: Evaluation, name: str, seasons: Seasons) -> str:
    return evaluation.title_of(name) + (f" ({seasons.naive})" if name == "seasonal_naive" else "")


def _skill_mark(evaluation: Evaluation, name: str) -> str:
    best = evaluation.scores[evaluation.best_naive].mase
    if name == evaluation.best_naive:
        return "best naive"
    return percent(1 - evaluation.scores[name].mase / best if best else float("nan"))
