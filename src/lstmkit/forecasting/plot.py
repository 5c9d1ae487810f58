"""Pictures with matplotlib, for notebooks and papers: axes in, axes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from lstmkit.data.series import SeriesTable, closest, shorten
from lstmkit.errors import InputError
from lstmkit.forecasting.learning import Ensemble
from lstmkit.forecasting.predicting import forecast_columns
from lstmkit.forecasting.predicting.columns import level_name
from lstmkit.results.page import BLUE, INK, ORANGE
from lstmkit.visible import visible_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIRST = ("step", "y", "mean", "median")
"""Columns of a backtest after id, cutoff and time."""
ID_FIRST = 3


def plot_forecast(
    network: Ensemble, levels: Sequence[float], table: SeriesTable, id: Any = None, ax: Axes | None = None
) -> Axes:
    """Draw the end of one series and its forecast with intervals; return the axes.

    levels  coverages of the intervals in percent
    table   rows in the columns of the model
    id      which series; None for the first
    ax      to draw on; None makes new ones
    """
    ids = [str(i) for i in table.ids]
    if id is not None and str(id) not in ids:
        raise InputError(f"plot: no series {id!r}{closest(str(id), ids)}")
    s = 0 if id is None else ids.index(str(id))
    own = table.choose(np.array([s]))
    columns = forecast_columns(network, levels, own)
    ax = _axes(ax)
    ax.plot(own.times, own.values, color=INK, linewidth=1.2, label="observed")
    ahead = np.asarray(columns[own.time_column])
    for level in sorted(levels, reverse=True):
        low, high = (columns[own.our_name(f"{end}-{level_name(level)}")] for end in ("lo", "hi"))
        ax.fill_between(ahead, low, high, color=BLUE, alpha=0.18, linewidth=0, label=f"{level_name(level)} % interval")
    ax.plot(
        ahead,
        columns[own.our_name("mean")],
        color=BLUE,
        linewidth=2,
        marker="o" if len(ahead) <= 60 else "",
        markersize=3,
        label="forecast",
    )
    name = own.columns.target if own.columns.id is None else f"{own.columns.id} {table.ids[s]}"
    return _finished(ax, own.time_column, str(name))


def plot_backtest(
    rows: Any, id: Any = None, step: int = 1, baseline: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw what `backtest` returned: the truth, and what was forecast of it `step` steps before; return the axes.

    rows      a row per cutoff and step ahead, as `backtest` returns them
    id        which series; None for the first
    step      steps ahead
    baseline  column of a naive forecast to draw beside the model's, such as "last_value"
    ax        to draw on; None makes new ones
    """
    frame = nw.from_native(rows, eager_only=True)
    names = frame.columns
    at = _first_of_ours(names)
    time, ours = names[at - 1], {name.rstrip("_"): name for name in names[at:]}
    if baseline is not None and baseline.rstrip("_") not in ours:
        raise InputError(f"plot: no column {baseline!r}{closest(baseline, ours)}")
    if at == ID_FIRST:
        first = frame[names[0]][0] if id is None else id
        frame = frame.filter(nw.col(names[0]) == first)
    frame = frame.filter(nw.col(ours["step"]) == step)
    if not len(frame):
        raise InputError(f"plot: no row of series {id!r}, {step} steps ahead")
    x = frame[time].to_numpy()
    ax = _axes(ax)
    levels = sorted((float(name[3:]) for name in ours if name.startswith("lo-")), reverse=True)
    for level in levels:
        low, high = (frame[ours[f"{end}-{level_name(level)}"]].to_numpy() for end in ("lo", "hi"))
        ax.fill_between(x, low, high, color=BLUE, alpha=0.18, linewidth=0, label=f"{level_name(level)} % interval")
    ax.plot(x, frame[ours["y"]].to_numpy(), color=INK, linewidth=1.2, label="observed")
    ax.plot(x, frame[ours["mean"]].to_numpy(), color=BLUE, linewidth=1.6, label=f"forecast, {step} ahead")
    if baseline is not None:
        ax.plot(
            x,
            frame[ours[baseline.rstrip("_")]].to_numpy(),
            color=ORANGE,
            linewidth=1.2,
            label=baseline.replace("_", " "),
        )
    return _finished(ax, time, "y")


def _first_of_ours(names: Sequence[str]) -> int:
    """Return where in the columns of a backtest ours begin that come after the time: 3 with an id, else 2.

    Ours may have underscores behind their names, where the user's have the same.
    """
    for at in (ID_FIRST, ID_FIRST - 1):
        if [name.rstrip("_") for name in names[at : at + len(FIRST)]] == list(FIRST):
            return at
    raise InputError(f"plot: rows as backtest returns them are needed; got the columns {shorten(names)}")


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise InputError("plot needs the extra plot: pip install 'lstmkit[plot]'") from error
    return plt.subplots(figsize=(9, 4), layout="constrained")[1]


def _finished(ax: Axes, x: str, y: str) -> Axes:
    ax.set_xlabel(visible_line(x), parse_math=False)  # a name such as "$US" is no formula
    ax.set_ylabel(visible_line(y), parse_math=False)
    ax.grid(alpha=0.3)
    for label in ax.legend(frameon=False).get_texts():
        label.set_parse_math(False)
    return ax
