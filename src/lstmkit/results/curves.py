"""The figure of a training, the same on every page, and the place of the names of curves."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from lstmkit.results.page import BLUE, GREY, new_figure
from lstmkit.training import EpochRecord


def training_figure(history: Sequence[EpochRecord]) -> go.Figure:
    """Draw training and validation loss by epoch, and the epoch whose weights were kept."""
    figure = new_figure(360)
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
    legend_below(figure)
    figure.update_xaxes(title="epoch (0 is untrained)")
    figure.update_yaxes(title="loss")
    return figure


def legend_below(figure: go.Figure) -> None:
    """Put the names of the curves below the figure, where they cover nothing however narrow it is."""
    figure.update_layout(legend={"y": -0.24, "yanchor": "top", "x": 0}, margin={"t": 36, "b": 92})
