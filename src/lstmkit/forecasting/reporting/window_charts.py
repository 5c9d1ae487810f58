"""The report's figures of the test windows: k steps ahead, all steps from one cutoff, and the errors over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from lstmkit.data.frequency import show
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.evaluation import MODEL
from lstmkit.forecasting.judgement.trading import Trading
from lstmkit.forecasting.judgement.worst import Worst, window_errors, worst_windows
from lstmkit.forecasting.predicting.columns import interval_ends
from lstmkit.forecasting.reporting.charts import (
    MOST_SERIES,
    RECENT_WINDOWS,
    add_ahead,
    add_bands,
    choose_between,
    colour_of,
    error_title,
    label_of,
    look_at,
    series_figure,
)
from lstmkit.forecasting.reporting.figures import figure as number
from lstmkit.forecasting.reporting.figures import steps_ahead
from lstmkit.forecasting.reporting.thinning import thin, thin_before
from lstmkit.results.curves import legend_below
from lstmkit.results.page import BLUE, GREY, INK, Step, new_figure, words

Array = NDArray[np.float64]
Windows = NDArray[np.int64]
POINTS = 9000
"""Windows that a figure draws, all its curves together."""
FAN_NUMBERS = 24_000
"""Numbers in a fan's figure, all cutoffs together."""
MOST_CUTOFFS, FEWEST_CUTOFFS = 40, 4
MOST_STEPS, MOST_BEFORE = 300, 240


def windows_figure(forecaster: Forecaster, evaluation: Evaluation, rival_title: str) -> go.Figure:
    """Draw the test part twice, k steps ahead: the model's forecasts on the left, the best naive ones on the right."""
    table, P = evaluation.table, forecaster.horizon
    titles = (evaluation.title, evaluation.title_of(evaluation.best_naive))
    empty = new_figure(440)
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=titles, figure=empty)
    legend_below(figure)
    figure.update_annotations(font_size=13)  # short and small: side by side also on a telephone
    figure.update_xaxes(matches="x", title=words(table.time_column))
    figure.update_yaxes(title=words(str(table.columns.target)), col=1)
    steps = sorted({1, (P + 1) // 2, P})
    choices = [(s, p) for s in _drawn(evaluation) for p in steps]
    ends = interval_ends(forecaster.levels, evaluation.quantiles)
    narrow = min(ends)
    most = max(300, POINTS // len(choices))
    rival = colour_of(evaluation.best_naive)
    labels = []
    for k, (s, p) in enumerate(choices):
        own = np.flatnonzero(evaluation.series == s)
        own = own[thin_before(evaluation.truth[own, p - 1], min(RECENT_WINDOWS, most // 2), most)]
        x = table.times[evaluation.cutoffs[own] + p - 1]
        truth = evaluation.truth[own, p - 1]
        visible = k == 0
        band = {narrow: (ends[narrow][0][own, p - 1], ends[narrow][1][own, p - 1])}
        add_bands(figure, x, band, visible=visible, row=1, col=1)
        for col, name, colour in ((1, MODEL, BLUE), (2, evaluation.best_naive, rival)):
            seen = {"color": INK, "width": 1.2}
            title = evaluation.title if name == MODEL else rival_title
            at = {"row": 1, "col": col}
            figure.add_scatter(x=x, y=truth, name="observed", line=seen, showlegend=col == 1, visible=visible, **at)
            y, line = evaluation.forecasts[name][own, p - 1], {"color": colour, "width": 1.4}
            figure.add_scatter(x=x, y=y, name=title, line=line, visible=visible, **at)
        labels.append(label_of(table, s, steps_ahead(p)))
    own = np.flatnonzero(evaluation.series == evaluation.series[:1])[-RECENT_WINDOWS:]
    if len(own):
        shown = np.concatenate([evaluation.truth[own, 0], *(end[own, 0] for end in ends[narrow])])
        look_at(figure, table.times[evaluation.cutoffs[own]], shown)
    choose_between(figure, labels, 6)
    if len(labels) > 1:
        figure.update_layout(updatemenus=[figure.layout.updatemenus[0].to_plotly_json() | {"y": 1.1}], margin={"t": 80})
    return figure


def _drawn(evaluation: Evaluation) -> list[int]:
    """Return the first series that have windows: those that are drawn."""
    return [int(s) for s in np.unique(evaluation.series)[:MOST_SERIES]]


def fan_figure(forecaster: Forecaster, evaluation: Evaluation) -> tuple[go.Figure, list[Step], list[tuple[Worst, int]]]:
    """Draw all steps ahead from one cutoff, with what was observed before and what came.

    Returns  the figure, its steps (a cutoff each), and the worst windows, each with its place among the steps
    """
    table = evaluation.table
    figure = series_figure(table, 440)
    ends = interval_ends(forecaster.levels, evaluation.quantiles)
    levels = sorted(ends, reverse=True)
    add_bands(figure, [], {level: ([], []) for level in levels})
    figure.add_scatter(x=[], y=[], name="observed before", mode="lines", line={"color": GREY, "width": 1.6})
    figure.add_scatter(x=[], y=[], name="what came", mode="lines", line={"color": INK, "width": 1.6})
    add_ahead(figure, evaluation, [], [], [])
    worst = worst_windows(evaluation)
    chosen = _fan_windows(evaluation, _numbers_per_fan(forecaster), len(worst))
    errors = {name: window_errors(evaluation, name) for name in (MODEL, evaluation.best_naive)}

    def group(s: int) -> str:
        return str(table.ids[s]) if len(table) > 1 else "spread over the test part"

    steps = [_fan_step(forecaster, evaluation, ends, errors, w, group(s)) for s, w in chosen]
    steps += [_fan_step(forecaster, evaluation, ends, errors, own.window, "the worst windows") for own in worst]
    return figure, steps, [(own, len(chosen) + k) for k, own in enumerate(worst)]


def _numbers_per_fan(forecaster: Forecaster) -> int:
    return min(forecaster.horizon, MOST_STEPS) * (4 + 2 * len(forecaster.levels)) + 2 * _rows_before(forecaster)


def _rows_before(forecaster: Forecaster) -> int:
    """Return how many rows before the cutoff a fan shows, so that what comes after it is not squeezed."""
    return max(30, min(4 * forecaster.horizon, MOST_BEFORE))


def _fan_windows(evaluation: Evaluation, numbers: int, others: int) -> list[tuple[int, int]]:
    """Return series and number of windows spread over the test part of the first series, in order of time."""
    shown = _drawn(evaluation)
    most = min(MOST_CUTOFFS, max(FEWEST_CUTOFFS * len(shown), FAN_NUMBERS // numbers - others))
    found = []
    for s in shown:
        own = np.flatnonzero(evaluation.series == s)
        at = np.unique(np.linspace(0, len(own) - 1, min(len(own), max(1, most // len(shown)))).round().astype(np.int64))
        found += [(s, int(w)) for w in own[at]]
    return found


def _fan_step(
    forecaster: Forecaster,
    evaluation: Evaluation,
    ends: dict[float, tuple[Array, Array]],
    errors: dict[str, Array],
    w: int,
    group: str,
) -> Step:
    table, P = evaluation.table, forecaster.horizon
    s, cutoff = int(evaluation.series[w]), int(evaluation.cutoffs[w])
    begin = max(int(table.offsets[s]), cutoff - _rows_before(forecaster))
    at = np.unique(np.linspace(0, P - 1, min(P, MOST_STEPS)).round().astype(np.int64))
    last = evaluation.forecasts["last_value"][w, 0]  # the last observed, where the lines ahead begin
    x = table.times[np.append(cutoff - 1, cutoff + at)]

    def line(values: Array) -> dict[str, Any]:
        return {"x": x, "y": np.append(last, values[w, at])}

    traces = [line(end) for level in sorted(ends, reverse=True) for end in ends[level]]
    traces.append({"x": table.times[begin:cutoff], "y": table.values[begin:cutoff]})
    names = (evaluation.best_naive, MODEL)
    traces += [line(evaluation.truth), *(line(evaluation.forecasts[name]) for name in names)]
    own, naive = (number(float(errors[name][w])) for name in (MODEL, evaluation.best_naive))
    name = f"{table.ids[s]}, " if len(table) > 1 else ""
    label = f"{name}after {show(x[0])}: mean error {own}, best naive {naive}"
    return Step(label, group, traces)


def residual_figure(evaluation: Evaluation) -> go.Figure:
    """Draw the true values minus the model's forecasts over time, at the first and at the last step ahead."""
    table = evaluation.table
    figure = series_figure(table, 360)
    figure.update_yaxes(title="observed minus forecast")
    residual = evaluation.truth - evaluation.forecasts[MODEL]
    steps = sorted({1, evaluation.truth.shape[1]})
    choices = [(s, p) for s in _drawn(evaluation) for p in steps]
    labels = []
    for k, (s, p) in enumerate(choices):
        own = np.flatnonzero(evaluation.series == s)
        own = own[thin(residual[own, p - 1], max(300, POINTS // 3 // len(choices)))]
        x, y, line = table.times[evaluation.cutoffs[own] + p - 1], residual[own, p - 1], {"color": BLUE, "width": 1}
        name = f"residual, {steps_ahead(p)}"
        figure.add_scatter(x=x, y=y, name=name, mode="lines", line=line, visible=k == 0)
        labels.append(label_of(table, s, steps_ahead(p)))
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    figure.update_layout(showlegend=False, margin={"b": 56})
    choose_between(figure, labels, 1)
    return figure


def running_error_figure(evaluation: Evaluation, span: int) -> go.Figure:
    """Draw the mean absolute error of the model and of the best naive forecast over time.

    span  windows in a mean, that window the last of them
    """
    figure = series_figure(evaluation.table, 360)
    figure.update_yaxes(title=error_title(evaluation.table), rangemode="tozero")
    shown = _drawn(evaluation)
    names = (MODEL, evaluation.best_naive)
    errors = {name: window_errors(evaluation, name) for name in names}
    for s in shown:
        own = np.flatnonzero(evaluation.series == s)
        for name in names:
            mean = _trailing_mean(errors[name][own], span)
            at = thin(mean, max(300, POINTS // 6 // len(shown)))
            width = 2.2 if name == MODEL else 1.5
            figure.add_scatter(
                x=evaluation.table.times[evaluation.cutoffs[own[at]]],
                y=mean[at],
                name=evaluation.title_of(name),
                mode="lines",
                line={"color": colour_of(name), "width": width},
                visible=s == shown[0],
            )
    choose_between(figure, [words(str(evaluation.table.ids[s])) for s in shown], 2)
    return figure


def _trailing_mean(values: Array, span: int) -> Array:
    """Return the mean of the `span` values up to each of (N,), of those that are there; NaN where none is."""
    seen = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(seen, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(seen)])
    at = np.arange(len(values)) + 1
    begin = np.maximum(at - span, 0)
    count = counts[at] - counts[begin]
    return np.asarray(np.divide(sums[at] - sums[begin], count, out=np.full(len(values), np.nan), where=count > 0))


def wealth_figure(trading: Trading) -> go.Figure:
    """Draw what one unit of money became by the rule, and by buying and holding."""
    figure = new_figure(340)
    legend_below(figure)
    for wealth, name, colour, width in (
        (trading.wealth, "the rule, after costs", BLUE, 2.2),
        (trading.wealth_held, "buying and holding", INK, 1.3),
    ):
        at = thin(wealth, POINTS // 4)
        line = {"color": colour, "width": width}
        figure.add_scatter(x=trading.times[at], y=wealth[at], name=name, mode="lines", line=line)
    figure.add_hline(y=1, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.update_yaxes(title="money, from 1")
    return figure
