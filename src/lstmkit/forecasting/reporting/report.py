"""The report: one HTML file that needs no network, written from a finished job."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstmkit.data import SeriesTable
from lstmkit.data.frequency import show
from lstmkit.data.series import shorten
from lstmkit.forecasting.judgement import Evaluation, judge_trading
from lstmkit.forecasting.judgement.evaluation import test_split
from lstmkit.forecasting.judgement.tutorial import FAULTS, TutorialResult
from lstmkit.forecasting.judgement.verdict import naive_name
from lstmkit.forecasting.predicting.columns import level_name
from lstmkit.forecasting.reporting.figures import figure
from lstmkit.forecasting.reporting.rows import (
    MOST_ENDS,
    forecast_rows,
    hit_rows,
    interval_rows,
    quantile_rows,
    series_rows,
    tutorial_rows,
    tutorial_verdict,
    wealth_rows,
    wide_score_rows,
)
from lstmkit.forecasting.reporting.shape import season_shape
from lstmkit.forecasting.result import JobResult
from lstmkit.results import page

if TYPE_CHECKING:
    from lstmkit.forecasting.judgement.worst import Worst

MOST_ROWS = 60
MOST_SHAPES = 6
"""Series whose seasons are drawn."""


def write_report(result: JobResult, path: Path) -> None:
    """Write report.html."""
    table = result.evaluation.table
    source = Path(result.source).name
    horizon = f"{result.forecaster.horizon} {_step(table)}{'s' if result.forecaster.horizon > 1 else ''} ahead"
    page.write_page(
        path,
        f"{table.columns.target}, {horizon}",
        _understood(result),
        result.verdict,
        _sections(result),
        _footer(result),
        title=f"{table.columns.target} of {source}, {horizon}",
    )


def _sections(result: JobResult) -> list[str]:
    from lstmkit.forecasting.reporting import charts
    from lstmkit.forecasting.reporting.series_charts import forecast_figure
    from lstmkit.results.curves import training_figure

    forecaster, evaluation = result.forecaster, result.evaluation
    table = evaluation.table
    rival = naive_name(evaluation.best_naive, forecaster.seasons_)
    starts = table.offsets[:-1] + test_split(table, result.summary["settings"]["test"])
    scores = page.table(*wide_score_rows(evaluation, forecaster.seasons_), first="model")
    sections = []
    if result.tutorial is not None:
        sections.append(_tutorial_section(result, result.tutorial))
    sections += [
        page.card(
            "Forecast",
            "What has been observed, and what comes next, beside the best naive forecast. Drag to zoom, double-click "
            f"to see everything.{_thinned(len(table.values), charts.MOST_POINTS)}",
            page.plot(forecast_figure(forecaster, evaluation, result.columns, starts), "forecast"),
        ),
        page.card(
            "Scores on the test part",
            "Every row forecasts the same windows. MASE below 1 beats the naive forecast on the training rows; "
            "skill is the share of the best naive forecast's error that is saved; p is how often chance alone makes "
            f"such a difference. The CRPS of a forecast without quantiles is its MAE.{_apart(evaluation)}",
            page.scrolling(scores),
        ),
        *_trading_section(result),
        *_series_section(evaluation),
        *_windows_sections(result, rival),
        _calibration_section(evaluation),
        _shape_section(result),
        '  <div class="pair">'
        + page.card("Errors by step ahead", "", page.plot(charts.error_figure(evaluation), "errors"))
        + page.card("Training", "", page.plot(training_figure(forecaster.history_), "training"))
        + "</div>",
        page.card("The next steps in numbers", "", page.scrolling(_forecast_table(result))),
        page.card("Settings", "", _settings(result)),
        page.card(
            "Do it again",
            "The command of this run; with another --out, or --force to replace these results. Below it the same in "
            "Python.",
            page.code(result.summary["command"]) + page.code(result.python),
        ),
    ]
    return sections


def _thinned(rows: int, drawn: int) -> str:
    """Return a sentence where a curve has more points than are drawn, or nothing."""
    if rows <= 2 * drawn:
        return ""
    return " Of the longest curves the lowest and the highest point of each stretch are drawn; every row is scored."


def _windows_sections(result: JobResult, rival: str) -> list[str]:
    """Return the cards on the test windows: from one cutoff, k steps ahead, errors over time, the worst ones."""
    from lstmkit.forecasting.reporting import window_charts

    forecaster, evaluation = result.forecaster, result.evaluation
    fan, steps, worst = window_charts.fan_figure(forecaster, evaluation)
    span = max(2, len(evaluation.cutoffs) // max(1, len(evaluation.table)) // 20)
    running = window_charts.running_error_figure(evaluation, span)
    return [
        page.card(
            "All steps from one cutoff",
            "What the model forecast at a point of the test part, with what was known then, and what came.",
            page.plot(fan, "fan", steps),
        ),
        *_worst_section(evaluation, worst),
        page.card(
            "The test windows, so many steps ahead",
            "The same forecasts, those so many steps ahead joined to a curve. One that follows the truth one step late "
            "is what repeating the last value looks like. Double-click to see all windows."
            f"{_thinned(len(evaluation.cutoffs), window_charts.POINTS)}",
            page.plot(window_charts.windows_figure(forecaster, evaluation, rival), "windows"),
        ),
        '  <div class="pair">'
        + page.card(
            "Residuals over time",
            "Observed minus forecast. A drift away from zero, or a season in it, is something the model has missed.",
            page.plot(window_charts.residual_figure(evaluation), "residuals"),
        )
        + page.card(
            "Errors over time",
            f"Mean over the last {span:,} windows: when the model was better than {rival}, and when not.",
            page.plot(running, "running"),
        )
        + "</div>",
    ]


def _worst_section(evaluation: Evaluation, worst: list[tuple[Worst, int]]) -> list[str]:
    if not worst:
        return []
    table, P = evaluation.table, evaluation.truth.shape[1]
    several = len(table) > 1
    head = ("series",) * several + ("after", "up to", "mean error", "times the usual", "best naive", "")
    rows = []
    for own, step in worst:
        cutoff = int(evaluation.cutoffs[own.window])
        rows.append(
            (
                *(str(table.ids[evaluation.series[own.window]]),) * several,
                show(table.times[cutoff - 1]),
                show(table.times[cutoff + P - 1]),
                figure(own.error),
                f"{own.ratio:.1f}",
                figure(own.naive),
                page.shows("fan", step, "show"),
            )
        )
    return [
        page.card(
            "The worst windows",
            "Those with the largest mean error beside the usual one of their series. Where the naive forecast is as "
            "far off, nothing in the past may have told of it.",
            page.scrolling(page.table(head, rows)),
        )
    ]


def _shape_section(result: JobResult) -> str:
    from lstmkit.forecasting.reporting.series_charts import level_figure, season_figure

    forecaster, table = result.forecaster, result.evaluation.table
    seasons = forecaster.seasons_
    periods = seasons.shown or tuple(m for m in (seasons.naive,) if m is not None)
    context, lags = forecaster.network_.task.context, ", ".join(f"{m:,}" for m in seasons.shown)
    sees = f"The network sees the last {context:,} values of a series, as changes from the last one"
    sees += f", and the values {lags} steps before." if lags else "."
    level = page.plot(level_figure(table, max(seasons.shown, default=context)), "level")
    shapes = {
        (s, m): season_shape(table, s, m)
        for s in range(min(len(table), MOST_SHAPES))
        for m in periods
        if table.lengths[s] >= 2 * m
    }
    if not shapes:
        return page.card("Level", f"{sees} The training rows show no season.", level)
    shown = "" if seasons.shown else " The training rows do not show this season, so the network is not told of it."
    return page.card(
        "Level and season",
        f"{sees} To the right, how far values lie from the level at each place of a season.{shown}",
        f'<div class="pair">{level}{page.plot(season_figure(table, shapes), "season")}</div>',
    )


def _trading_section(result: JobResult) -> list[str]:
    from lstmkit.forecasting.reporting.window_charts import wealth_figure

    trading = result.trading
    if trading is None:
        return []
    verdict = judge_trading(trading)
    return [
        page.card(
            "Would trading on it have paid?",
            f"No short sales, no interest, no taxes; {trading.cost:g} basis points for each change (--cost)."
            + (" Several series have equal shares." if len(result.evaluation.table) > 1 else ""),
            f"<h3>{page.words(verdict.headline)}</h3>"
            f'<p class="wide">{page.sentence(verdict.detail)}</p>'
            + page.plot(wealth_figure(trading), "wealth")
            + f'<div class="pair">{page.scrolling(page.table(*wealth_rows(trading)))}'
            + f"{page.scrolling(page.table(*hit_rows(trading)))}</div>",
        )
    ]


def _series_section(evaluation: Evaluation) -> list[str]:
    if len(evaluation.table) == 1:
        return []
    text = "By skill, the best first."
    if len(evaluation.table) > 2 * MOST_ENDS:
        text += f" Of {len(evaluation.table):,} series, the {MOST_ENDS} best and the {MOST_ENDS} worst."
    return [page.card("Scores by series", text, page.scrolling(page.table(*series_rows(evaluation))))]


def _apart(evaluation: Evaluation) -> str:
    """Return a sentence about the series that scaled scores leave out, or nothing."""
    left_out = evaluation.without_scale
    if not len(left_out):
        return ""
    names = shorten([evaluation.table.ids[s] for s in left_out])
    what = "1 series" if len(left_out) == 1 else f"{len(left_out):,} series"
    named = f" ({names})" if len(evaluation.table) > 1 else ""
    return f" {what} without any naive error in the training rows{named}: left out of MASE, RMSSE and skill."


def _calibration_section(evaluation: Evaluation) -> str:
    from lstmkit.forecasting.reporting.charts import reliability_figure

    intervals = page.table(("interval", "held", "mean width"), interval_rows(evaluation))
    quantiles = page.table(("quantile", "true values below", "pinball loss"), quantile_rows(evaluation))
    return page.card(
        "How far the intervals and quantiles hold",
        "Points on the diagonal are well calibrated; below it, the quantile was too low. The band holds 95 % of what "
        f"chance makes of perfect forecasts of {evaluation.distinct_truths:,} true values, if these are independent.",
        f'<div class="pair">{page.plot(reliability_figure(evaluation), "reliability")}'
        f"<div>{intervals}<h3>Quantiles</h3>{quantiles}</div></div>",
    )


def _tutorial_section(result: JobResult, tutorial: TutorialResult) -> str:
    from lstmkit.forecasting.reporting.charts import tutorial_figure

    rows = page.table(("one step ahead", "train RMSE", "test RMSE"), tutorial_rows(tutorial, result.evaluation))
    faults = "".join(f"<li>{escape(fault)}</li>" for fault in FAULTS)
    return page.card(
        "The tutorial, as people write it",
        "Min-max scaling of the whole series, windows of 60, two layers of 50, ten epochs. Its picture, with "
        "the line it leaves out (the end of the test part; double-click for all):",
        page.plot(tutorial_figure(result.evaluation, tutorial), "tutorial")
        + f"{rows}<h3>{escape(tutorial_verdict(tutorial))}</h3><ol>{faults}</ol>",
    )


def _forecast_table(result: JobResult) -> str:
    names, rows = forecast_rows(result.columns, result.evaluation.table)
    more = f"<p>{len(rows) - MOST_ROWS:,} more rows in forecast.csv</p>" if len(rows) > MOST_ROWS else ""
    return page.table(names, rows[:MOST_ROWS]) + more


def _settings(result: JobResult) -> str:
    forecaster = result.forecaster
    chosen = dict(result.summary["settings"])
    seasons = forecaster.seasons_
    facts: dict[str, Any] = {
        "horizon": forecaster.horizon,
        "seasons the network sees": ", ".join(map(str, seasons.shown)) or "none shown by the training rows",
        "training rows": f"{len(result.evaluation.table.values) - result.summary['windows']:,}"
        if forecaster.horizon == 1
        else f"first {100 * (1 - result.summary['settings']['test']):.0f} % of every series",
        **{k: ", ".join(map(level_name, v)) if isinstance(v, list) else v for k, v in chosen.items()},
        "epochs trained": f"{result.summary['epochs']} ({result.summary['steps']:,} steps)",
        "seed": forecaster.seed,
        "backend": result.summary["backend"],
        "seconds": f"{result.summary['seconds']['total']:.1f}",
        **result.summary["versions"],
    }
    half = -(-len(facts) // 2)
    items = [(k.replace("_", " "), str(v)) for k, v in facts.items()]
    return f'<div class="pair">{page.table(("", ""), items[:half])}{page.table(("", ""), items[half:])}</div>'


def _understood(result: JobResult) -> str:
    table = result.evaluation.table
    series = "one series" if len(table) == 1 else f"{len(table):,} series"
    period = "" if table.time_kind == "row" else f", {show(table.times.min())} to {show(table.times.max())}"
    notes = "".join(f"; {note}" for note in table.notes)
    return f"{Path(result.source).name}: {len(table.values):,} rows, {series}{period}{notes}."


def _footer(result: JobResult) -> str:
    versions = result.summary["versions"]
    return (
        f"Written by lstmkit {versions['lstmkit']} with torch {versions['torch']}, seed {result.forecaster.seed}. "
        "The scores are of the very model that made the forecast; the test part was used for nothing else."
    )


def _step(table: SeriesTable) -> str:
    return "step" if table.frequency.unit == "step" else table.frequency.words
