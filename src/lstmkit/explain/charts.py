"""The figures of the studies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lstmkit.explain.gates import GateStudy, LayerGates
from lstmkit.explain.gradients import FAR, GradientCurve
from lstmkit.explain.memory import MemoryResult
from lstmkit.explain.page import style
from lstmkit.explain.problems import Problem
from lstmkit.results.page import BLUE, GREY, INK, ORANGE

PALETTE = (GREY, "#2e8b6f", BLUE, ORANGE, "#cf222e", "#7c5cbf", "#b08800", "#0f8aa8")
GATE_COLOURS = {"input": "#2e8b6f", "forget": BLUE, "output": ORANGE}
LEAST = 1e-12


def gradient_figure(curves: Sequence[GradientCurve]) -> go.Figure:
    """Draw the gradient against the distance: medians, quartile bands, and dotted what the forget gates alone keep."""
    figure = style(go.Figure(), 520)
    distance = np.arange(len(curves[0].median))
    for k, curve in enumerate(curves):
        colour = PALETTE[k % len(PALETTE)]
        low, high = (np.maximum(q, LEAST / 10) for q in curve.quartiles)
        group = {"legendgroup": curve.variant.name, "mode": "lines"}
        quiet = {"showlegend": False, "hoverinfo": "skip", **group}
        figure.add_scatter(x=distance, y=low, line={"width": 0}, **quiet)
        figure.add_scatter(x=distance, y=high, line={"width": 0}, fill="tonexty", fillcolor=_faint(colour), **quiet)
        figure.add_scatter(
            x=distance,
            y=curve.median,
            name=curve.variant.title,
            line={"color": colour, "width": 2.4},
            hovertemplate="%{y:.2e}",
            **group,
        )
        if curve.forget is not None:
            kept = np.median(curve.forget, axis=0)
            figure.add_scatter(x=distance, y=kept, line={"color": colour, "width": 1.4, "dash": "dot"}, **quiet)
    _add_level(figure, FAR, "a thousandth", dash="dash")
    figure.update_xaxes(title="steps from the input to the last output")
    figure.update_yaxes(
        title="gradient, as a share of the one at distance 0",
        type="log",
        range=[np.log10(LEAST), max(0.7, np.log10(max(float(curve.quartiles[1].max()) for curve in curves)) + 0.1)],
        dtick=3,
        exponentformat="power",
    )
    figure.update_layout(hovermode="x unified")
    return figure


def memory_figure(result: MemoryResult, problem: Problem) -> go.Figure:
    """Draw the error on new sequences against the lag for each cell, with the naive answer and the limit."""
    figure = style(go.Figure(), 400)
    lags = result.settings.lags
    for k, variant in enumerate(result.variants):
        trials = result.of(problem.name, variant)
        if not trials:
            continue
        colour = PALETTE[k % len(PALETTE)]
        learnt = [t.outcome == "learnt" for t in trials]
        figure.add_scatter(
            x=[t.lag * 1.015 ** (k - (len(result.variants) - 1) / 2) for t in trials],  # side by side
            y=[max(t.error, LEAST_ERROR) for t in trials],
            customdata=[(t.lag, t.outcome, t.error, t.steps) for t in trials],
            name=variant.title,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 10, "color": [colour if ok else "white" for ok in learnt]}
            | {"symbol": ["triangle-down" if t.error < LEAST_ERROR else "circle" for t in trials]}
            | {"line": {"color": colour, "width": 2}},
            hovertemplate="lag %{customdata[0]}: %{customdata[1]}, error %{customdata[2]:.4f}, %{customdata[3]} steps",
        )
    naive = [t.naive for t in result.trials if t.problem == problem.name]
    if naive:
        _add_level(figure, float(np.mean(naive)), f"naive: {problem.naive}", dash="solid")
    _add_level(figure, problem.limit, "learnt below this", dash="dash")
    figure.update_xaxes(
        title="lag, steps (log scale)", type="log", tickvals=lags, range=[np.log10(8), np.log10(1.4 * lags[-1])]
    )
    figure.update_yaxes(title=problem.measure, type="log", range=[np.log10(LEAST_ERROR) - 0.1, 0.15], dtick=1)
    figure.update_layout(hovermode="closest")
    return figure


LEAST_ERROR = 1e-3
"""Errors below this, 0 among them, are drawn here as triangles, where the scale ends; the page says so."""


def series_figure(study: GateStudy) -> go.Figure:
    """Draw the window, the forecast from it, and what followed."""
    figure = style(go.Figure(), 300)
    ahead = np.concatenate([study.times[-1:], study.ahead])
    last = study.values[-1]
    low, high = np.append(last, study.quantiles[:, 0]), np.append(last, study.quantiles[:, -1])
    quiet = {"showlegend": False, "hoverinfo": "skip", "line": {"width": 0}, "mode": "lines"}
    figure.add_scatter(x=ahead, y=low, **quiet)
    figure.add_scatter(x=ahead, y=high, fill="tonexty", fillcolor=_faint(BLUE), **quiet)
    figure.add_scatter(x=study.times, y=study.values, name="what the model read", line={"color": INK, "width": 1.6})
    middle = np.append(last, study.quantiles[:, study.quantiles.shape[1] // 2])
    figure.add_scatter(x=ahead, y=middle, name="its forecast (median)", line={"color": BLUE, "width": 2})
    if len(study.truth):
        times = np.concatenate([study.times[-1:], study.ahead[: len(study.truth)]])
        followed = np.append(last, study.truth)
        figure.add_scatter(x=times, y=followed, name="what followed", line={"color": GREY, "width": 1.6, "dash": "dot"})
    figure.update_layout(hovermode="x unified")
    return figure


def gates_figure(study: GateStudy, layer: LayerGates) -> go.Figure:
    """Draw the series, the means of the gates, and a heat map of the units for each gate and the cell."""
    titles = ("the series", "mean of the gates", "input gate", "forget gate", "output gate", "cell state")
    heights = [0.14, 0.18, 0.17, 0.17, 0.17, 0.17]
    figure = make_subplots(6, 1, shared_xaxes=True, vertical_spacing=0.035, row_heights=heights, subplot_titles=titles)
    style(figure, 1180)
    x = study.steps
    figure.add_scatter(
        x=study.times, y=study.values, line={"color": INK, "width": 1.5}, name="series", showlegend=False, row=1, col=1
    )
    for name, colour in GATE_COLOURS.items():
        values = getattr(layer, name)
        low, high = np.quantile(values, [0.25, 0.75], axis=1)
        quiet = {"showlegend": False, "hoverinfo": "skip", "legendgroup": name, "mode": "lines", "line": {"width": 0}}
        figure.add_scatter(x=x, y=low, row=2, col=1, **quiet)
        figure.add_scatter(x=x, y=high, fill="tonexty", fillcolor=_faint(colour), row=2, col=1, **quiet)
        line = {"color": colour, "width": 2}
        figure.add_scatter(x=x, y=values.mean(1), name=name, line=line, legendgroup=name, row=2, col=1)
    maps: tuple[tuple[Any, ...], ...] = (
        (layer.input, "Greens", _span(layer.input)),
        (layer.forget, "Blues", _span(layer.forget)),
        (layer.output, "Oranges", _span(layer.output)),
        (layer.cell, "RdBu_r", (-_size(layer.cell), _size(layer.cell))),
    )
    for k, (values, colours, limits) in enumerate(maps):
        _add_heat_map(figure, k + 3, x, values[:, layer.order], colours, limits)
    figure.update_annotations(font={"size": 13, "color": INK}, xanchor="left", x=0)
    figure.update_layout(legend={"y": _top(figure, 2), "x": 1, "xanchor": "right", "yanchor": "bottom"})
    figure.update_layout(hovermode="x", margin={"t": 32})
    return figure


def attention_figure(study: GateStudy) -> go.Figure:
    """Draw the attention weights of the model over the window, a row for each query."""
    weights = np.concatenate(study.attention)
    figure = style(go.Figure(), 140 + 24 * min(len(weights), 24))
    rows = [f"query {k + 1}" for k in range(len(weights))]
    figure.add_heatmap(x=study.times, y=rows, z=weights, colorscale="Purples", zmin=0, colorbar={"thickness": 10})
    figure.update_yaxes(autorange="reversed")
    return figure


def _add_heat_map(figure: go.Figure, row: int, x: Any, values: Any, colours: str, limits: tuple[float, float]) -> None:
    domain = figure.layout[f"yaxis{row}"].domain
    figure.add_heatmap(
        x=x,
        y=np.arange(1, values.shape[1] + 1),
        z=values.T,
        colorscale=colours,
        zmin=limits[0],
        zmax=limits[1],
        colorbar={"thickness": 10, "len": domain[1] - domain[0], "y": sum(domain) / 2, "outlinewidth": 0},
        hovertemplate="unit %{y}: %{z:.3f}<extra></extra>",
        row=row,
        col=1,
    )
    figure.update_yaxes(title="units", showticklabels=False, showgrid=False, row=row, col=1)


def _add_level(figure: go.Figure, y: float, text: str, dash: str) -> None:
    """Add a horizontal line with words above its right end, on a logarithmic axis."""
    figure.add_hline(y=y, line={"color": INK, "width": 1, "dash": dash})
    # plotly wants the place of words on such an axis as an exponent, and add_hline does not convert it
    figure.add_annotation(
        text=text,
        x=1,
        xref="paper",
        xanchor="right",
        y=np.log10(y),
        yanchor="bottom",
        showarrow=False,
        font={"size": 11},
    )


def _span(values: Any) -> tuple[float, float]:
    """Return between which values nearly all of them lie: gates often move little, and one colour shows nothing."""
    low, high = np.quantile(values, [0.005, 0.995])
    return float(low), float(high)


def _size(values: Any) -> float:
    return max(float(np.quantile(np.abs(values), 0.99)), 1e-6)


def _top(figure: go.Figure, row: int) -> float:
    return float(figure.layout[f"yaxis{row}"].domain[1])


def _faint(colour: str) -> str:
    """Return a colour like "#2f6fed" at 16 % opacity."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"
