"""The figures of the page of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.metrics import Floats
from lstmkit.results.page import BLUE, GREY, ORANGE, Step, new_figure, words

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_CHANNELS, MOST_STEPS = 8, 400
"""Channels that are drawn of a sequence: the first ones; and steps: evenly chosen ones."""
COLOURS = (BLUE, ORANGE, "#2e9e6b", "#8a5cd1", "#c23b6b", "#6b7280", "#b58900", "#17a2b8")


@dataclass(frozen=True)
class Example:
    """A sequence that was tested, and is shown.

    name     of the sequence
    said     what it is and what was told
    frames   (T, C)
    weights  (T,) of its steps; None shows none
    """

    name: str
    said: str
    frames: Floats
    weights: Floats | None


def confusion_figure(table: Floats, classes: Sequence[str]) -> go.Figure:
    """Draw how often each class (row) was answered by each class (column)."""
    K = len(classes)
    figure = new_figure(min(900, 200 + 34 * K))
    names = [words(name) for name in classes]
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    texts = [["" if not n else f"{int(n):,}" for n in row] for row in table]
    figure.add_heatmap(
        z=share.tolist(),
        x=list(range(K)),
        y=list(range(K)),
        text=texts,
        texttemplate="%{text}" if K <= 30 else "",
        hovertext=[
            [f"{a}, told {b}: {int(n):,}" for b, n in zip(names, row, strict=True)]
            for a, row in zip(names, table, strict=True)
        ],
        hoverinfo="text",
        colorscale=[[0, "#ffffff"], [1, BLUE]],
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=1,
        ygap=1,
    )
    ticks = {"tickmode": "array", "tickvals": list(range(K)), "ticktext": names, "showgrid": False}
    figure.update_xaxes(title="told", **ticks)
    figure.update_yaxes(title="is", autorange="reversed", automargin=True, **ticks)
    figure.update_layout(hovermode="closest")
    return figure


def numbers_figure(truth: NDArray[Any], answers: Floats, name: str) -> go.Figure:
    """Draw answers against the truth, with the line on which both are the same."""
    figure = new_figure(420)
    ends = [float(min(truth.min(), answers.min())), float(max(truth.max(), answers.max()))]
    figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": GREY, "dash": "dash"}, name="the same")
    figure.add_scatter(x=truth, y=answers, mode="markers", marker={"color": BLUE, "size": 6}, name="sequences")
    figure.update_xaxes(title=words(name))
    figure.update_yaxes(title="answer")
    figure.update_layout(hovermode="closest")
    return figure


def examples_figure(examples: Sequence[Example], channels: Sequence[str]) -> tuple[go.Figure, list[Step]]:
    """Draw one sequence at a time: its channels, and below them the weights of its steps."""
    figure, shown = new_figure(420), list(channels[:MOST_CHANNELS])
    weighted = any(own.weights is not None for own in examples)
    for k, name in enumerate(shown):
        line = {"color": COLOURS[k % len(COLOURS)], "width": 1.6}
        figure.add_scatter(x=[], y=[], mode="lines", name=words(name), line=line)
    if weighted:
        figure.add_bar(x=[], y=[], name="weight", marker={"color": GREY}, opacity=0.5, yaxis="y2")
        figure.update_layout(
            xaxis={"anchor": "y2"},
            yaxis={"domain": [0.28, 1]},
            yaxis2={"domain": [0, 0.2], "showticklabels": False, "title": {"text": "weight"}, "rangemode": "tozero"},
        )
    figure.update_xaxes(title="step")
    return figure, [_step(own, len(shown), weighted) for own in examples]


def _step(own: Example, channels: int, weighted: bool) -> Step:
    T = len(own.frames)
    places = np.unique(np.linspace(0, T - 1, min(T, MOST_STEPS)).round().astype(np.int64))
    x = places + 1
    traces = [{"x": x, "y": own.frames[places, k]} for k in range(channels)]
    if weighted:
        weights = np.zeros(T) if own.weights is None else own.weights
        traces.append({"x": x, "y": np.add.reduceat(weights, places)})
    return Step(f"{own.name}: {own.said}", "sequences", traces)
