"""The report: one HTML file that needs no network, written from a finished job."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lstmkit.data import SeriesTable
from lstmkit.data.frequency import show
from lstmkit.data.series import shorten
from lstmkit.forecasting.evaluate import MODEL, Evaluation, test_split
from lstmkit.forecasting.figures import figure, fixed, p_value, percent
from lstmkit.forecasting.output import level_name
from lstmkit.forecasting.seasons import Seasons
from lstmkit.forecasting.tutorial import FAULTS, TutorialResult
from lstmkit.forecasting.verdict import naive_name
from lstmkit.results import page

if TYPE_CHECKING:
    from lstmkit.forecasting.job import JobResult

MOST_ROWS = 60
MOST_ENDS = 10


def write_report(result: JobResult, path: Path) -> None:
    """Write report.html."""
    verdict, table = result.verdict, result.evaluation.table
    source = Path(result.job.source).name
    horizon = f"{result.forecaster.horizon} {_step(table)}{'s' if result.forecaster.horizon > 1 else ''} ahead"
    page.write_page(
        path,
        f"{table.columns.target}, {horizon}",
        _understood(result),
        (verdict.kind, verdict.headline, verdict.detail),
        _sections(result),
        _footer(result),
        title=f"{table.columns.target} of {source}, {horizon}",
    )


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


def tutorial_rows(result: JobResult) -> list[tuple[str, ...]]:
    """Return the honest comparison for the tutorial: title, train RMSE, test RMSE, all on the tutorial's own rows."""
    tutorial, evaluation = result.tutorial, result.evaluation
    assert tutorial is not None
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


def _sections(result: JobResult) -> list[str]:
    from lstmkit.forecasting import charts

    forecaster, evaluation = result.forecaster, result.evaluation
    table = evaluation.table
    rival = naive_name(evaluation.best_naive, forecaster.seasons_)
    starts = table.offsets[:-1] + test_split(table, result.job.test)
    scores = page.table(*wide_score_rows(evaluation, forecaster.seasons_), first="model")
    sections = []
    if result.tutorial is not None:
        sections.append(_tutorial_section(result, result.tutorial))
    sections += [
        page.card(
            "Forecast",
            "What has been observed, and what comes next. Drag to zoom, double-click to see everything.",
            page.plot(charts.forecast_figure(forecaster, evaluation, result.columns, starts), "forecast"),
        ),
        page.card(
            "Scores on the test part",
            "Every row forecasts the same windows. MASE below 1 beats the naive forecast on the training rows; "
            "skill is the share of the best naive forecast's error that is saved; p is how often chance alone makes "
            f"such a difference. The CRPS of a forecast without quantiles is its MAE.{_apart(evaluation)}",
            page.scrolling(scores),
        ),
        *_series_section(evaluation),
        page.card(
            "The test windows",
            "The same forecasts, made from each point of the test part with what was known then. A curve that follows "
            "the truth one step late is what repeating the last value looks like. Double-click to see all windows.",
            page.plot(charts.windows_figure(forecaster, evaluation, rival), "windows"),
        ),
        _calibration_section(evaluation),
        '  <div class="pair">'
        + page.card("Errors by step ahead", "", page.plot(charts.error_figure(evaluation), "errors"))
        + page.card("Training", "", page.plot(charts.training_figure(forecaster.history_), "training"))
        + "</div>",
        page.card("The next steps in numbers", "", page.scrolling(_forecast_table(result))),
        page.card("Settings", "", _settings(result)),
    ]
    return sections


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
    from lstmkit.forecasting.charts import reliability_figure

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
    from lstmkit.forecasting.charts import tutorial_figure

    rows = page.table(("one step ahead", "train RMSE", "test RMSE"), tutorial_rows(result))
    faults = "".join(f"<li>{escape(fault)}</li>" for fault in FAULTS)
    return page.card(
        "The tutorial, as people write it",
        "Min-max scaling of the whole series, windows of 60, two layers of 50, ten epochs. Its picture, with "
        "the line it leaves out (the end of the test part; double-click for all):",
        page.plot(tutorial_figure(result.evaluation, tutorial), "tutorial")
        + f"{rows}<h3>{escape(tutorial_verdict(tutorial))}</h3><ol>{faults}</ol>",
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
        else f"first {100 * (1 - result.job.test):.0f} % of every series",
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
    return f"{Path(result.job.source).name}: {len(table.values):,} rows, {series}{period}{notes}."


def _footer(result: JobResult) -> str:
    versions = result.summary["versions"]
    return (
        f"Written by lstmkit {versions['lstmkit']} with torch {versions['torch']}, seed {result.forecaster.seed}. "
        "The scores are of the very model that made the forecast; the test part was used for nothing else."
    )


def _step(table: SeriesTable) -> str:
    return "step" if table.frequency.unit == "step" else table.frequency.words


def _score_title(evaluation: Evaluation, name: str, seasons: Seasons) -> str:
    return evaluation.title_of(name) + (f" ({seasons.naive})" if name == "seasonal_naive" else "")


def _skill_mark(evaluation: Evaluation, name: str) -> str:
    best = evaluation.scores[evaluation.best_naive].mase
    if name == evaluation.best_naive:
        return "best naive"
    return percent(1 - evaluation.scores[name].mase / best if best else float("nan"))
