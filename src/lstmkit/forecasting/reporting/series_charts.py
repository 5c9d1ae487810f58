"""The report's figures of a series as it is: with its forecast, its level, and the shape of its seasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lstmkit.data import SeriesTable
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.baselines import naive_forecasts
from lstmkit.forecasting.predicting.columns import level_name
from lstmkit.forecasting.reporting.charts import (
    MOST_POINTS,
    MOST_SERIES,
    add_ahead,
    add_band,
    add_bands,
    choose_between,
    menu,
    names_of,
    plain,
    range_of,
    series_figure,
)
from lstmkit.forecasting.reporting.shape import SeasonShape, moving_level
from lstmkit.forecasting.reporting.thinning import thin
from lstmkit.results.curves import legend_below
from lstmkit.results.page import BLUE, GREY, INK, new_figure, words

Array = NDArray[np.float64]
RECENT_ROWS = 30
"""Rows before the forecast that are shown at first, at least."""
MOST_AHEAD = 1000
"""Steps ahead that are drawn at most."""


def forecast_figure(
    forecaster: Forecaster, evaluation: Evaluation, columns: dict[str, Any], test_starts: NDArray[np.int64]
) -> go.Figure:
    """Draw the series with the forecast, its bands and the best naive forecast, and shade what the network sees.

    Buttons choose the stretch shown, or the series.

    columns      of forecast.csv
    test_starts  (S,) flat position of each series' first test row
    """
    table, P = evaluation.table, forecaster.horizon
    figure = series_figure(table, 470)
    shown = min(len(table), MOST_SERIES)
    naive = _naive_ahead(forecaster, evaluation, shown)
    steps = np.unique(np.linspace(0, P - 1, min(P, MOST_AHEAD)).round().astype(np.int64))
    views = []
    for s in range(shown):
        begin, end = int(table.offsets[s]), int(table.offsets[s + 1])
        times, values = table.times[begin:end], table.values[begin:end]
        own = {name: np.asarray(column[s * P : (s + 1) * P])[steps] for name, column in columns.items()}
        last = _last_seen(values)
        ahead = np.concatenate([times[last : last + 1], own[table.time_column]])

        def joined(steps_ahead: Array, first: float = values[last]) -> Array:
            return np.append(first, steps_ahead)

        bands = {}
        for level in forecaster.levels:
            low, high = (own[table.our_name(f"{end}-{level_name(level)}")] for end in ("lo", "hi"))
            bands[float(level)] = joined(low), joined(high)
        test, recent = int(test_starts[s]) - begin, max(0, len(values) - max(RECENT_ROWS, 6 * P))
        at = _drawn(values, min(recent, len(values) - 1), test, MOST_POINTS // shown)
        visible = s == 0
        observed = {"color": INK, "width": 1.3}
        figure.add_scatter(x=times[at], y=values[at], name="observed", line=observed, visible=visible)
        add_bands(figure, ahead, bands, visible=visible)
        mean = own[table.our_name("mean")]
        add_ahead(figure, evaluation, ahead, joined(naive[s, steps]), joined(mean), visible)
        marks = times[test], times[max(0, len(times) - forecaster.network_.window)], times[-1]
        for label, first in (("recent", recent), ("test part", test), ("everything", 0)):
            shown_values = np.append(values[first:][np.isfinite(values[first:])], naive[s])
            views.append((s, label, range_of(times[first:], ahead, shown_values, list(bands.values())), marks))
    _buttons(figure, views, shown, names_of(table, shown))
    return figure


def _last_seen(values: Array) -> int:
    """Return where the line of a forecast begins: at the last value that is there."""
    seen = np.flatnonzero(np.isfinite(values[-MOST_AHEAD:]))
    return len(values) - len(values[-MOST_AHEAD:]) + int(seen[-1]) if len(seen) else len(values) - 1


def _naive_ahead(forecaster: Forecaster, evaluation: Evaluation, shown: int) -> Array:
    """Return the best naive forecast after the end of the first series, (shown, P)."""
    table, P, season = evaluation.table, forecaster.horizon, forecaster.seasons_.naive
    ends = table.offsets[1 : shown + 1]
    return naive_forecasts(table, ends, P, season, np.arange(shown))[evaluation.best_naive]


def _drawn(values: Array, recent: int, test: int, most: int) -> NDArray[np.int64]:
    """Return the positions that are drawn: everything recent, and as much of the test part as of what is before it."""
    recent = max(recent, len(values) - 2 * MOST_POINTS)
    test = min(test, recent)
    before, tested = thin(values[:test], most // 2), test + thin(values[test:recent], most // 2)
    return np.concatenate([before, tested, np.arange(recent, len(values))])


def _buttons(figure: go.Figure, views: list[Any], shown: int, names: list[str]) -> None:
    """Add a button per view; with several series, a menu of series that shows the recent part of each."""
    per_series = len(figure.data) // shown

    def layout(view: Any) -> dict[str, Any]:
        _, _, (x, y), marks = view
        test, window, last = map(plain, marks)
        shapes, annotations = _marks(test, window, last, max(window, x[0]))
        return {"xaxis.range": x, "yaxis.range": y, "shapes": shapes, "annotations": annotations}

    figure.update_layout(layout(views[0]))
    if shown == 1:
        buttons = [{"label": view[1], "method": "relayout", "args": [layout(view)]} for view in views]
    else:
        buttons = []
        for view in views[::3]:
            mask = [j // per_series == view[0] for j in range(len(figure.data))]
            buttons.append({"label": names[view[0]], "method": "update", "args": [{"visible": mask}, layout(view)]})
    figure.update_layout(updatemenus=[menu(buttons)], margin={"t": 56})


def _marks(test: Any, window: Any, last: Any, words_at: Any) -> tuple[list[Any], list[Any]]:
    """Return the shapes and words that mark the first test row, and the stretch that the network sees."""
    line = {"color": GREY, "width": 1, "dash": "dot"}
    across = {"yref": "paper", "y0": 0, "y1": 1}
    seen = {"type": "rect", "x0": window, "x1": last, "fillcolor": GREY, "opacity": 0.1, "line": {"width": 0}, **across}
    begins = {"type": "line", "x0": test, "x1": test, "line": line, **across}
    text = {"yref": "paper", "showarrow": False, "font": {"size": 11, "color": GREY}}
    return [seen | {"layer": "below"}, begins], [
        text | {"x": test, "y": 1, "yanchor": "bottom", "xanchor": "left", "text": "test part begins"},
        text | {"x": words_at, "y": 0, "yanchor": "bottom", "xanchor": "left", "text": "what the network sees"},
    ]


def level_figure(table: SeriesTable, span: int) -> go.Figure:
    """Draw the series and the mean of `span` values around each row; a menu chooses among several series."""
    figure = series_figure(table, 360)
    shown = min(len(table), MOST_SERIES)
    for s in range(shown):
        own = slice(int(table.offsets[s]), int(table.offsets[s + 1]))
        values, level = table.values[own], moving_level(table.values[own], span)
        drawn, smooth = (thin(y, MOST_POINTS // shown + 300) for y in (values, level))
        thinline, line = {"color": GREY, "width": 1}, {"color": BLUE, "width": 2.2}
        figure.add_scatter(x=table.times[own][drawn], y=values[drawn], name="observed", line=thinline, visible=s == 0)
        name = f"mean of {span:,} values around"
        figure.add_scatter(x=table.times[own][smooth], y=level[smooth], name=name, line=line, visible=s == 0)
    choose_between(figure, names_of(table, shown), 2)
    return figure


def season_figure(table: SeriesTable, shapes: dict[tuple[int, int], SeasonShape]) -> go.Figure:
    """Draw how far values lie from the level at each place of a season; a menu chooses series and season.

    shapes  by number of the series and period
    """
    figure = new_figure(360)
    legend_below(figure)
    several = len({s for s, _ in shapes}) > 1
    labels = []
    for k, ((s, period), shape) in enumerate(shapes.items()):
        x, visible = list(shape.names), k == 0
        add_band(figure, x, shape.low, shape.high, f"middle 80 % of the last {shape.seasons:,} seasons", visible)
        few = "lines+markers" if len(x) <= 31 else "lines"
        line = {"color": BLUE, "width": 2.2}
        figure.add_scatter(x=x, y=shape.middle, name="median", mode=few, line=line, visible=visible)
        dotted = {"color": INK, "width": 1.2, "dash": "dot"}
        figure.add_scatter(x=x, y=shape.latest, name="latest season", mode="lines", line=dotted, visible=visible)
        labels.append((f"{words(str(table.ids[s]))}, " if several else "") + f"season of {period:,}")
    choose_between(figure, labels, 4)
    figure.update_xaxes(title="place in the season", type="category", nticks=12)
    figure.update_yaxes(title="above or below the level")
    return figure
