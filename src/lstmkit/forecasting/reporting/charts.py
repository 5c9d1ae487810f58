"""The report's figures of scores, and what its figures share; those of series are in `series_charts.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from lstmkit.data import SeriesTable
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.evaluation import MODEL
from lstmkit.forecasting.judgement.tutorial import TutorialResult
from lstmkit.forecasting.predicting.columns import level_name
from lstmkit.forecasting.reporting.thinning import thin_before
from lstmkit.results.curves import legend_below
from lstmkit.results.page import BLUE, GREY, INK, ORANGE, new_figure, words

BASELINE_COLOURS = {
    "last_value": ORANGE,
    "seasonal_naive": "#7c5cbf",
    "drift": "#2e8b6f",
    "moving_average": "#b08800",
    "theta": "#bf3989",
    "ets": "#57606a",
    "arima": "#0a7ea4",
}
BANDS = ("rgba(47,111,237,0.28)", "rgba(47,111,237,0.14)", "rgba(47,111,237,0.08)")
BAND_GREY = "rgba(140,149,159,0.22)"
MOST_SERIES = 6
MOST_LETTERS = 45
"""Of the buttons above a figure, so that they find room above half the width of a page."""
RECENT_WINDOWS = 120
MOST_POINTS = 1500
"""Points of a long curve that are drawn beside its end, which is drawn whole."""


def add_bands(
    figure: go.Figure,
    x: Any,
    bands: dict[float, tuple[Any, Any]],
    visible: bool = True,
    row: int | None = None,
    col: int | None = None,
) -> None:
    """Add filled intervals, the widest first, so that the narrow ones lie on top."""
    for k, level in enumerate(sorted(bands, reverse=True)):
        low, high = bands[level]
        colour = BANDS[max(0, len(bands) - 1 - k)] if len(bands) <= len(BANDS) else BANDS[-1]
        line = {"width": 0, "color": colour}
        shared = {"x": x, "line": line, "visible": visible, "legendgroup": f"band{level}", "mode": "lines"}
        figure.add_trace(go.Scatter(y=low, showlegend=False, hoverinfo="skip", **shared), row=row, col=col)
        name = f"{level_name(level)} % interval"
        upper = go.Scatter(y=high, fill="tonexty", fillcolor=colour, name=name, **shared)
        figure.add_trace(upper, row=row, col=col)


def add_band(figure: go.Figure, x: Any, low: Any, high: Any, name: str, visible: bool = True) -> None:
    """Add a grey band that says nothing under the pointer."""
    edge = {"width": 0, "color": BAND_GREY}
    shared = {"x": x, "mode": "lines", "line": edge, "visible": visible, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(y=low, showlegend=False, **shared))
    figure.add_trace(go.Scatter(y=high, fill="tonexty", fillcolor=BAND_GREY, name=name, **shared))


def add_ahead(figure: go.Figure, evaluation: Evaluation, x: Any, rival: Any, model: Any, visible: bool = True) -> None:
    """Add the forecast of the best naive model and that of ours from one cutoff."""
    line = {"color": colour_of(evaluation.best_naive), "width": 1.7, "dash": "dash"}
    title = f"{evaluation.title_of(evaluation.best_naive)} (best naive)"
    figure.add_scatter(x=x, y=rival, name=title, mode="lines", line=line, visible=visible)
    few = "lines+markers" if evaluation.truth.shape[1] <= 60 else "lines"
    own, marker = {"color": BLUE, "width": 2.2}, {"size": 5}
    figure.add_scatter(x=x, y=model, name=evaluation.title, mode=few, line=own, marker=marker, visible=visible)


def error_figure(evaluation: Evaluation) -> go.Figure:
    """Draw the mean absolute error by step ahead, or as bars when there is one step."""
    figure = new_figure(360)
    errors = evaluation.error_by_step
    if next(iter(errors.values())).size == 1:
        names = [evaluation.title_of(name) for name in errors]
        colours = [colour_of(name) for name in errors]
        values = [float(e[0]) for e in errors.values()]
        figure.add_bar(
            x=values, y=names, orientation="h", marker_color=colours, texttemplate="%{x:.4g}", showlegend=False
        )
        figure.update_yaxes(autorange="reversed", showgrid=False)
        figure.update_xaxes(title=error_title(evaluation.table), rangemode="tozero")
        figure.update_layout(hovermode="closest", margin={"l": 110})
        return figure
    for name, error in errors.items():
        width = 2.6 if name == MODEL else 1.5
        figure.add_scatter(
            x=np.arange(1, len(error) + 1),
            y=error,
            name=evaluation.title_of(name),
            line={"color": colour_of(name), "width": width},
        )
    legend_below(figure)
    more = 18 * max(0, -(-len(errors) // 2) - 2)  # two names a line; beyond two lines the figure grows
    figure.update_layout(height=360 + more, margin={"b": 92 + more})
    figure.update_xaxes(title="steps ahead")
    figure.update_yaxes(title=error_title(evaluation.table), rangemode="tozero")
    return figure


def reliability_figure(evaluation: Evaluation) -> go.Figure:
    """Draw the share of true values below each quantile against its level, with the diagonal and a binomial band."""
    figure = new_figure(430)
    grid = np.linspace(0, 1, 101)
    spread = 1.96 * np.sqrt(grid * (1 - grid) / max(evaluation.distinct_truths, 1))
    low, high = np.maximum(grid - spread, 0), np.minimum(grid + spread, 1)
    add_band(figure, 100 * grid, 100 * low, 100 * high, "chance, 95 %")
    line = {"color": GREY, "width": 1, "dash": "dot"}
    figure.add_scatter(x=[0, 100], y=[0, 100], mode="lines", line=line, name="calibrated", hoverinfo="skip")
    levels, shares = np.array(list(evaluation.reliability)), np.array(list(evaluation.reliability.values()))
    figure.add_scatter(
        x=100 * levels,
        y=100 * shares,
        name=evaluation.title,
        mode="lines+markers",
        line={"color": BLUE, "width": 2},
        marker={"size": 7},
        hovertemplate="%{y:.1f} % of true values below the %{x:g} % quantile<extra></extra>",
    )
    legend_below(figure)
    figure.update_layout(hovermode="closest", legend={"y": -0.2})
    figure.update_xaxes(title="level of the quantile, %", range=[0, 101], dtick=20)
    figure.update_yaxes(title="true values below it, %", range=[0, 101], dtick=20)
    return figure


def tutorial_figure(evaluation: Evaluation, tutorial: TutorialResult) -> go.Figure:
    """Draw the tutorial's own picture, with the naive forecast that it leaves out."""
    table = evaluation.table
    figure = series_figure(table, 420)
    late = 2 * RECENT_WINDOWS
    at = thin_before(table.values, late, MOST_POINTS)
    figure.add_scatter(x=table.times[at], y=table.values[at], name="observed", line={"color": INK, "width": 1.2})
    for rows, forecast, name, colour in (
        (tutorial.train_at, tutorial.train_forecast, "tutorial, train", GREY),
        (tutorial.test_at, tutorial.test_forecast, "tutorial, test", "#cf222e"),
        (tutorial.test_at, table.values[tutorial.test_at - 1], "last value, test", ORANGE),
    ):
        at = thin_before(forecast, late, MOST_POINTS)
        figure.add_scatter(x=table.times[rows[at]], y=forecast[at], name=name, line={"color": colour, "width": 1.3})
    recent = tutorial.test_at[-late:]
    look_at(figure, table.times[recent], np.concatenate([tutorial.test_forecast[-late:], table.values[recent]]))
    return figure


def look_at(figure: go.Figure, times: Any, values: Any) -> None:
    """Begin with these times and values in view; a double click shows everything."""
    x, y = range_of(times, times, values, [])
    figure.update_xaxes(range=x)
    figure.update_yaxes(range=y)


def series_figure(table: SeriesTable, height: int) -> go.Figure:
    """Return an empty figure of series, its axes named after the user's columns."""
    figure = new_figure(height)
    legend_below(figure)
    figure.update_xaxes(title=words(table.time_column))
    figure.update_yaxes(title=words(str(table.columns.target)))
    return figure


def error_title(table: SeriesTable) -> str:
    """Return the name of an axis of errors."""
    return f"mean absolute error of {words(str(table.columns.target))}"


def names_of(table: SeriesTable, count: int) -> list[str]:
    """Return the names of the first series, as they stand in a menu."""
    return [words(str(id)) for id in table.ids[:count]]


def label_of(table: SeriesTable, s: int, what: str) -> str:
    """Return what is shown of a series, as it stands in a menu: with its name, if there are several."""
    return f"{words(str(table.ids[s]))}, {what}" if len(table) > 1 else what


def range_of(times: Any, ahead: Any, values: Any, bands: list[tuple[Any, Any]]) -> tuple[list[Any], list[float]]:
    """Return the ranges of both axes that show these times, the forecast `ahead` and its bands."""
    shown = np.concatenate([values, *(low for low, _ in bands), *(high for _, high in bands)])
    shown = shown[np.isfinite(shown)]
    low, high = (shown.min(), shown.max()) if len(shown) else (0.0, 1.0)
    margin = 0.05 * (high - low or abs(high) or 1.0)
    return [plain(times[0]), plain(ahead[-1])], [low - margin, high + margin]


def plain(time: Any) -> Any:
    """Return a time as JSON holds it."""
    return str(time) if isinstance(time, np.datetime64) else int(time)


def menu(buttons: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a menu above a figure to the right: buttons, or a list where there is no room for them."""
    few = len(buttons) <= 4 and sum(len(button["label"]) for button in buttons) <= MOST_LETTERS
    return {
        "type": "buttons" if few else "dropdown",
        "direction": "right" if few else "down",
        "buttons": buttons,
        "x": 1,
        "xanchor": "right",
        "y": 1.02,
        "yanchor": "bottom",
        "pad": {"b": 6, "r": 0},
        "bgcolor": "#f6f8fa",
        "bordercolor": "#d0d7de",
        "font": {"size": 12},
    }


def choose_between(figure: go.Figure, labels: list[str], per_choice: int) -> None:
    """Add a menu that shows `per_choice` curves at a time, those of the first label at first."""
    if len(labels) < 2:
        return
    count = len(figure.data)
    masks = [[j // per_choice == k for j in range(count)] for k in range(len(labels))]
    buttons = [{"label": t, "method": "update", "args": [{"visible": m}]} for t, m in zip(labels, masks, strict=True)]
    figure.update_layout(updatemenus=[menu(buttons)], margin={"t": 56})


def colour_of(name: str) -> str:
    """Return the colour of a forecast, the same in every figure."""
    return BLUE if name == MODEL else BASELINE_COLOURS[name]
