"""The report's figures. Everything they show is in the arrays of an `Evaluation`; nothing is computed twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from lstmkit.forecasting.evaluate import MODEL, Evaluation
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.output import interval_ends, level_name
from lstmkit.forecasting.tutorial import TutorialResult
from lstmkit.results.page import BLUE, GREY, INK, ORANGE, style, words
from lstmkit.training import EpochRecord

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
RECENT_WINDOWS = 120


def forecast_figure(
    forecaster: Forecaster, evaluation: Evaluation, columns: dict[str, Any], test_starts: NDArray[np.int64]
) -> go.Figure:
    """Draw the series with the forecast and its bands; buttons choose the stretch shown, or the series.

    columns      of forecast.csv
    test_starts  (S,) flat position of each series' first test row
    """
    table, P = evaluation.table, forecaster.horizon
    figure = style(go.Figure(), 440)
    shown = min(len(table), MOST_SERIES)
    views = []
    for s in range(shown):
        begin, end = int(table.offsets[s]), int(table.offsets[s + 1])
        times, values = table.times[begin:end], table.values[begin:end]
        own = {name: np.asarray(column)[s * P : (s + 1) * P] for name, column in columns.items()}
        seen = np.flatnonzero(np.isfinite(values))
        last = int(seen[-1]) if len(seen) else len(values) - 1  # where the forecast's line begins
        ahead = np.concatenate([times[last : last + 1], own[table.time_column]])
        bands = {}
        for level in forecaster.levels:
            low, high = (own[table.our_name(f"{end}-{level_name(level)}")] for end in ("lo", "hi"))
            bands[float(level)] = np.append(values[last], low), np.append(values[last], high)
        visible = s == 0
        figure.add_scatter(x=times, y=values, name="observed", line={"color": INK, "width": 1.3}, visible=visible)
        add_bands(figure, ahead, bands, visible=visible)
        figure.add_scatter(
            x=ahead,
            y=np.append(values[last], own[table.our_name("mean")]),
            name="forecast",
            mode="lines+markers" if P <= 60 else "lines",
            line={"color": BLUE, "width": 2.2},
            marker={"size": 5},
            visible=visible,
        )
        test = int(test_starts[s]) - begin
        recent = max(0, len(times) - max(60, 6 * P))
        for label, first in (("recent", recent), ("test part", test), ("everything", 0)):
            views.append((s, label, _window(times[first:], ahead, values[first:], list(bands.values())), times[test]))
    _buttons(figure, views, shown, [words(str(i)) for i in table.ids[:shown]])
    return figure


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


def windows_figure(forecaster: Forecaster, evaluation: Evaluation, rival_title: str) -> go.Figure:
    """Draw the test part twice: the model's forecasts on the left, the best naive ones on the right."""
    table, P = evaluation.table, forecaster.horizon
    titles = (f"{evaluation.title} and its interval", rival_title)
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=titles)
    style(figure, 420)
    _legend_below(figure)
    figure.update_xaxes(matches="x")
    steps = sorted({1, (P + 1) // 2, P})
    choices = [(s, p) for s in range(min(len(table), MOST_SERIES)) for p in steps]
    ends = interval_ends(forecaster, evaluation.quantiles)
    narrow = min(ends)
    for k, (s, p) in enumerate(choices):
        own = evaluation.series == s
        x = table.times[evaluation.cutoffs[own] + p - 1]
        truth = evaluation.truth[own, p - 1]
        band = {narrow: (ends[narrow][0][own, p - 1], ends[narrow][1][own, p - 1])}
        add_bands(figure, x, band, visible=k == 0, row=1, col=1)
        for col, name, colour in ((1, MODEL, BLUE), (2, evaluation.best_naive, ORANGE)):
            line = {"color": INK, "width": 1.2}
            title = evaluation.title if name == MODEL else rival_title
            forecast = evaluation.forecasts[name][own, p - 1]
            figure.add_scatter(
                x=x, y=truth, name="observed", line=line, showlegend=col == 1, visible=k == 0, row=1, col=col
            )
            figure.add_scatter(
                x=x, y=forecast, name=title, line={"color": colour, "width": 1.4}, visible=k == 0, row=1, col=col
            )
    own = np.flatnonzero(evaluation.series == 0)[-RECENT_WINDOWS:]
    shown = np.concatenate([evaluation.truth[own, 0], *(end[own, 0] for end in ends[narrow])])
    _look_at(figure, table.times[evaluation.cutoffs[own]], shown)
    if len(choices) > 1:
        per_choice = 6
        labels = [
            (f"{words(str(table.ids[s]))}, " if len(table) > 1 else "") + f"{p} step{'s' if p > 1 else ''} ahead"
            for s, p in choices
        ]
        masks = [[j // per_choice == k for j in range(per_choice * len(choices))] for k in range(len(choices))]
        menu = [{"label": t, "method": "update", "args": [{"visible": m}]} for t, m in zip(labels, masks, strict=True)]
        figure.update_layout(updatemenus=[_menu(menu) | {"y": 1.1}], margin={"t": 76})
    return figure


def error_figure(evaluation: Evaluation) -> go.Figure:
    """Draw the mean absolute error by step ahead, or as bars when there is one step."""
    figure = style(go.Figure(), 360)
    errors = evaluation.error_by_step
    if next(iter(errors.values())).size == 1:
        names = [evaluation.title_of(name) for name in errors]
        colours = [_colour(name) for name in errors]
        values = [float(e[0]) for e in errors.values()]
        figure.add_bar(
            x=values, y=names, orientation="h", marker_color=colours, texttemplate="%{x:.4g}", showlegend=False
        )
        figure.update_yaxes(autorange="reversed", showgrid=False)
        figure.update_xaxes(title="mean absolute error", rangemode="tozero")
        figure.update_layout(hovermode="closest", margin={"l": 110})
        return figure
    for name, error in errors.items():
        width = 2.6 if name == MODEL else 1.5
        figure.add_scatter(
            x=np.arange(1, len(error) + 1),
            y=error,
            name=evaluation.title_of(name),
            line={"color": _colour(name), "width": width},
        )
    _legend_below(figure)
    more = 18 * max(0, -(-len(errors) // 2) - 2)  # two names a line; beyond two lines the figure grows
    figure.update_layout(height=360 + more, margin={"b": 92 + more})
    figure.update_xaxes(title="steps ahead")
    figure.update_yaxes(title="mean absolute error", rangemode="tozero")
    return figure


def reliability_figure(evaluation: Evaluation) -> go.Figure:
    """Draw the share of true values below each quantile against its level, with the diagonal and a binomial band."""
    figure = style(go.Figure(), 430)
    grid = np.linspace(0, 1, 101)
    spread = 1.96 * np.sqrt(grid * (1 - grid) / max(evaluation.distinct_truths, 1))
    low, high = np.maximum(grid - spread, 0), np.minimum(grid + spread, 1)
    edge = {"width": 0, "color": BAND_GREY}
    figure.add_scatter(x=100 * grid, y=100 * low, mode="lines", line=edge, showlegend=False, hoverinfo="skip")
    figure.add_scatter(
        x=100 * grid,
        y=100 * high,
        mode="lines",
        line=edge,
        fill="tonexty",
        fillcolor=BAND_GREY,
        name="chance, 95 %",
        hoverinfo="skip",
    )
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
    _legend_below(figure)
    figure.update_layout(hovermode="closest", legend={"y": -0.2})
    figure.update_xaxes(title="level of the quantile, %", range=[0, 101], dtick=20)
    figure.update_yaxes(title="true values below it, %", range=[0, 101], dtick=20)
    return figure


def training_figure(history: Sequence[EpochRecord]) -> go.Figure:
    """Draw training and validation loss by epoch, and the epoch whose weights were kept."""
    figure = style(go.Figure(), 360)
    learnt = [r for r in history if r.epoch > 0]
    figure.add_scatter(
        x=[r.epoch for r in learnt],
        y=[r.train_loss for r in learnt],
        name="training",
        line={"color": GREY, "width": 1.6},
    )
    checked = [r for r in history if r.valid_loss == r.valid_loss]
    if checked:
        figure.add_scatter(
            x=[r.epoch for r in checked],
            y=[r.valid_loss for r in checked],
            name="validation",
            line={"color": BLUE, "width": 2.2},
        )
        kept = [r for r in checked if r.improved][-1]
        figure.add_scatter(
            x=[kept.epoch],
            y=[kept.valid_loss],
            name=f"kept: epoch {kept.epoch}",
            mode="markers",
            marker={"color": BLUE, "size": 11, "line": {"color": "white", "width": 2}},
        )
    _legend_below(figure)
    figure.update_xaxes(title="epoch (0 is untrained)")
    figure.update_yaxes(title="loss")
    return figure


def tutorial_figure(evaluation: Evaluation, tutorial: TutorialResult) -> go.Figure:
    """Draw the tutorial's own picture, with the naive forecast that it leaves out."""
    figure = style(go.Figure(), 420)
    table = evaluation.table
    figure.add_scatter(x=table.times, y=table.values, name="observed", line={"color": INK, "width": 1.2})
    for at, forecast, name, colour in (
        (tutorial.train_at, tutorial.train_forecast, "tutorial, train", GREY),
        (tutorial.test_at, tutorial.test_forecast, "tutorial, test", "#cf222e"),
    ):
        figure.add_scatter(x=table.times[at], y=forecast, name=name, line={"color": colour, "width": 1.4})
    at = tutorial.test_at
    line = {"color": ORANGE, "width": 1.2}
    figure.add_scatter(x=table.times[at], y=table.values[at - 1], name="last value, test", line=line)
    late = slice(-2 * RECENT_WINDOWS, None)
    _look_at(figure, table.times[at[late]], np.concatenate([tutorial.test_forecast[late], table.values[at[late]]]))
    return figure


def _look_at(figure: go.Figure, times: Any, values: Any) -> None:
    """Begin with these times and values in view; a double click shows everything."""
    x, y = _window(times, times, values, [])
    figure.update_xaxes(range=x)
    figure.update_yaxes(range=y)


def _legend_below(figure: go.Figure) -> None:
    figure.update_layout(legend={"y": -0.24, "yanchor": "top"}, margin={"t": 36, "b": 92})


def _window(times: Any, ahead: Any, values: Any, bands: list[tuple[Any, Any]]) -> tuple[list[Any], list[float]]:
    """Return the ranges of both axes that show these times and the forecast."""
    shown = np.concatenate([values, *(low for low, _ in bands), *(high for _, high in bands)])
    shown = shown[np.isfinite(shown)]
    low, high = (shown.min(), shown.max()) if len(shown) else (0.0, 1.0)
    margin = 0.05 * (high - low or abs(high) or 1.0)
    x = [times[0], ahead[-1]]
    return [str(t) if isinstance(t, np.datetime64) else int(t) for t in x], [low - margin, high + margin]


def _buttons(figure: go.Figure, views: list[Any], shown: int, names: list[str]) -> None:
    """Add a button per view; with several series, a menu of series that shows the recent part of each."""
    per_series = len(figure.data) // shown

    def layout(view: Any) -> dict[str, Any]:
        _, _, (x, y), test = view
        return {"xaxis.range": x, "yaxis.range": y, "shapes": [_test_line(test)]}

    figure.update_layout(layout(views[0]) | {"shapes": [_test_line(views[0][3])]})
    if shown == 1:
        menu = [{"label": view[1], "method": "relayout", "args": [layout(view)]} for view in views]
    else:
        menu = []
        for view in views[::3]:
            mask = [j // per_series == view[0] for j in range(len(figure.data))]
            menu.append({"label": names[view[0]], "method": "update", "args": [{"visible": mask}, layout(view)]})
    figure.update_layout(updatemenus=[_menu(menu)])


def _test_line(at: Any) -> dict[str, Any]:
    x = str(at) if isinstance(at, np.datetime64) else int(at)
    line = {"color": GREY, "width": 1, "dash": "dot"}
    label = {"text": "test part begins", "textposition": "end", "font": {"size": 11, "color": GREY}, "textangle": 0}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line, "label": label}


def _menu(buttons: list[dict[str, Any]]) -> dict[str, Any]:
    few = len(buttons) <= 4
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


def _colour(name: str) -> str:
    return BLUE if name == MODEL else BASELINE_COLOURS[name]
