"""Pictures of attention on a page: what was read for each token that was written, one example after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from numpy.typing import NDArray

from lstmkit.results import page

TICKS = 60
"""Names of what was read that stand beside a picture, at most."""


def extremes(figures: NDArray[Any], shown: Sequence[bool], count: int) -> dict[str, Sequence[int]]:
    """Return the examples with the best figures, the worst, and those in the middle, `count` of each.

    figures  (U,)
    shown    which examples may be shown; if none may, all are
    """
    order = [int(k) for k in (-figures).argsort(kind="stable")]
    order = [k for k in order if shown[k]] or order
    middle = max(0, len(order) // 2 - count // 2)
    return {"best": order[:count], "worst": order[::-1][:count], "middle": order[middle : middle + count]}


def attention_card(steps: Sequence[page.Step], read: str) -> str:
    """Return the card with pictures of what was attended to, "" without any.

    steps  of `attention_step`, one of each example
    read   a step that was read, in words
    """
    if not steps:
        return ""
    figure = page.new_figure(560)
    figure.add_trace(go.Heatmap(colorscale=[[0, "white"], [1, page.BLUE]], zmin=0, zmax=1, showscale=False))
    figure.update_layout(hovermode="closest", margin={"l": 130, "t": 110, "r": 12, "b": 12})
    figure.update_xaxes(side="top", tickangle=-60, showgrid=False, constrain="domain")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    text = f"For each token that was written, a row: how much each {read} was attended to."
    return page.card("Attention", text, page.plot(figure, "attention", steps))


def attention_step(
    text: str, kind: str, attention: NDArray[Any], read: Sequence[str], written: Sequence[str]
) -> page.Step:
    """Return the picture of one example.

    text           above it
    kind           of the example, by which it is chosen
    attention      (T, S)
    read, written  S and T names
    """
    trace = {"z": attention.round(3).tolist(), "x": list(range(len(read))), "y": list(range(len(written)))}
    trace["hovertext"] = [[f"{page.words(own)} | {page.words(other)}" for own in read] for other in written]
    trace["hovertemplate"] = "%{hovertext}: %{z:.2f}<extra></extra>"
    return page.Step(text, kind, [trace], {"xaxis": _ticks(read), "yaxis": _ticks(written)})


def _ticks(parts: Sequence[str]) -> dict[str, Any]:
    shown = range(0, len(parts), -(-len(parts) // TICKS) or 1)
    return {"tickmode": "array", "tickvals": list(shown), "ticktext": [page.words(parts[k]) for k in shown]}
