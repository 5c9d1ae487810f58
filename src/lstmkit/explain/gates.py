"""What the gates of a trained forecaster do over a window of a real series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmkit.data import Batch, SeriesTable, Windows
from lstmkit.data.series import closest
from lstmkit.errors import InputError
from lstmkit.explain.gate_values import GateValues, gate_values
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.models import ForecastModel
from lstmkit.nn import LSTM, AdditiveAttention, AttentivePooling, MultiplicativeAttention, StructuredPooling

ATTENTION = (AdditiveAttention, MultiplicativeAttention, AttentivePooling, StructuredPooling)
NO_ATTENTION = "The model has no attention, so there are no attention weights to draw."
SILENT_ATTENTION = "The model has attention, but not over the steps of this window, so its weights are not drawn."
TOLERANCE = 1e-4


@dataclass(frozen=True)
class LayerGates:
    """The gates of one layer over the window.

    title                  such as "layer 1"
    input, forget, output  (C, H) gates, between 0 and 1
    cell                   (C, H) the state c
    """

    title: str
    input: NDArray[np.float64]
    forget: NDArray[np.float64]
    output: NDArray[np.float64]
    cell: NDArray[np.float64]

    @property
    def half_lives(self) -> NDArray[np.float64]:
        """Steps in which each unit forgets half of its cell, at its mean logarithm of the forget gate, (H,)."""
        return np.asarray(-np.log(2) / np.minimum(np.log(self.forget).mean(0), -1e-12))

    @property
    def order(self) -> NDArray[np.int64]:
        """Units with the longest memory first, (H,)."""
        return np.argsort(-self.half_lives, kind="stable")

    def to_json(self) -> dict[str, Any]:
        """Return means over the window and the memory of the units as JSON-able data."""
        return {
            "layer": self.title,
            "input_gate": self.input.mean(1).tolist(),
            "forget_gate": self.forget.mean(1).tolist(),
            "output_gate": self.output.mean(1).tolist(),
            "cell_size": np.abs(self.cell).mean(1).tolist(),
            "half_lives": self.half_lives.tolist(),
        }


@dataclass(frozen=True)
class GateStudy:
    """A window of a series, the forecast made from it, and the gates while the model read it.

    name       of the series, as an error message would call it
    times      (C,) of the window
    values     (C,) of the window, in the units of the series
    steps      (T,) times at which the steps of the recurrence end: those of the window, or the ends of its seasons
    ahead      (P,) times of the forecast
    quantiles  (P, Q) of the forecast, in the units of the series
    truth      the values that followed, as far as the table has them, at most P
    layers     first to last; both directions if there are two
    attention  weights (R, C) of each attention of the model over the window, a row for each query
    remark     "" or, if there are no attention weights, a sentence that says so
    """

    name: str
    time_column: str
    times: NDArray[Any]
    values: NDArray[np.float64]
    steps: NDArray[Any]
    ahead: NDArray[Any]
    quantiles: NDArray[np.float64]
    truth: NDArray[np.float64]
    layers: tuple[LayerGates, ...]
    attention: tuple[NDArray[np.float64], ...]
    remark: str

    def to_json(self) -> dict[str, Any]:
        """Return the study as JSON-able data."""
        return {
            "series": self.name,
            "times": [str(t) for t in self.times],
            "values": self.values.tolist(),
            "layers": [layer.to_json() for layer in self.layers],
            "attention": [weights.tolist() for weights in self.attention],
            "remark": self.remark,
        }


def study_gates(forecaster: Forecaster, table: SeriesTable, id: str | None = None, at: str | None = None) -> GateStudy:
    """Run the model over one window and keep what its gates did.

    table    rows in the columns of the model, as `forecaster.read` returns them
    id       which series, by its value in the id column; None if there is one
    at       the last row that the model sees: its time, or its number in the series, from 0, or from -1 backwards; None
             for the last row there is
    Raises   InputError if there is no such series or row, too little before it, or the cell has no gates to show
    """
    s = _find_series(table, id)
    begin, end = int(table.offsets[s]), int(table.offsets[s + 1])
    row = _find_row(table, s, at)
    network = forecaster.network_
    if row + 1 < network.window:
        raise InputError(
            f"{table.name(s)}: {row + 1} rows up to {table.time_name(begin + row)}; the model needs "
            f"{network.window} to forecast from; choose a later --at"
        )
    cutoff, C = begin + row + 1, network.task.context
    windows = Windows(
        table.choose(np.array([s])), network.window, forecaster.horizon, np.array([row + 1]), np.array([1])
    )
    watched = watch(network.networks[0], windows.batch(torch.tensor([0])), C)
    return GateStudy(
        name=table.name(s),
        time_column=table.time_column,
        times=table.times[cutoff - C : cutoff],
        values=table.values[cutoff - C : cutoff],
        steps=table.times[cutoff - 1 - network.networks[0].values_per_step * np.arange(watched.steps)[::-1]],
        ahead=table.future_times(table.times[cutoff - 1], forecaster.horizon),
        quantiles=watched.quantiles,
        truth=table.values[cutoff : min(cutoff + forecaster.horizon, end)],
        layers=watched.layers,
        attention=watched.attention,
        remark=watched.remark,
    )


@dataclass(frozen=True)
class Watched:
    """What a network computed from one window, and what was seen inside; the fields are those of `GateStudy`."""

    steps: int
    quantiles: NDArray[np.float64]
    layers: tuple[LayerGates, ...]
    attention: tuple[NDArray[np.float64], ...]
    remark: str


def watch(network: ForecastModel[Any], batch: Batch, context: int) -> Watched:
    """Forecast from a window while watching what the network feeds its LSTM, and the weights of its attention.

    network  a model; of an ensemble, its first
    batch    one window
    context  C, how many values the model sees
    Raises   InputError if no LSTM reads the window, or its cell has no gates to show
    """
    calls: list[tuple[nn.Module, Tensor, tuple[Tensor, Tensor]]] = []

    def keep(module: nn.Module, arguments: tuple[Any, ...], result: Any) -> None:
        calls.append((module, arguments[0], result))

    network.eval()
    handles = [m.register_forward_hook(keep) for m in network.modules() if isinstance(m, (LSTM, *ATTENTION))]
    try:
        with torch.no_grad():
            quantiles = network.quantiles(batch)
    finally:
        for handle in handles:
            handle.remove()
    layers: list[LayerGates] = []
    attention: list[NDArray[np.float64]] = []
    steps = context
    for module, x, result in calls:
        if isinstance(module, LSTM):
            found = x.shape[1 if module.batch_first else 0]
            if found == context or (network.values_per_step > 1 and found * network.values_per_step <= network.window):
                steps = found
                layers += _layers(module, x, result[0])
        elif result[1].shape[-1] == context:
            attention.append(result[1][0].double().reshape(-1, context).numpy())
    if not layers:
        raise InputError("explain gates: no LSTM in this model reads the window, so there are no gates to show")
    has_attention = any(isinstance(m, ATTENTION) for m in network.modules())
    remark = "" if attention else SILENT_ATTENTION if has_attention else NO_ATTENTION
    raw = quantiles.sort(dim=2).values[0].numpy()
    return Watched(steps, raw, tuple(layers), tuple(attention), remark)


def _layers(lstm: LSTM, x: Tensor, y: Tensor) -> list[LayerGates]:
    """Return the gates of each layer and direction."""
    with torch.no_grad():
        values = gate_values(lstm, x)
    _check(values, lstm, y)
    return [_layer(v, k, lstm) for k, v in enumerate(values)]


def _check(values: list[GateValues], lstm: LSTM, y: Tensor) -> None:
    """Make sure that the gates shown are those of the run: they give its very output."""
    hidden = torch.cat([v.hidden for v in values[-lstm.directions :]], -1)
    difference = float(((hidden.transpose(0, 1) if lstm.batch_first else hidden) - y).abs().max())
    assert difference < TOLERANCE, f"the unrolled gates give another output than the layer, by {difference}"


def _layer(values: GateValues, k: int, lstm: LSTM) -> LayerGates:
    title = f"layer {k // lstm.directions + 1}" if lstm.num_layers > 1 else "the LSTM layer"
    if lstm.bidirectional:
        title += ", backward" if k % 2 else ", forward"
    parts = (values.input, values.forget, values.output, values.cell)
    return LayerGates(title, *(part[:, 0].double().numpy() for part in parts))


def _find_series(table: SeriesTable, id: str | None) -> int:
    names = [str(i) for i in table.ids]
    if id is None:
        if len(table) == 1:
            return 0
        raise InputError(f"{len(table)} series in the table; choose one with --id, such as --id {names[0]}")
    if table.columns.id is None:
        raise InputError(f"the model was fitted on a single series; leave --id {id!r} out")
    if id not in names:
        raise InputError(f"no series {id!r} in column {table.columns.id!r}{closest(id, names)}")
    return names.index(id)


def _find_row(table: SeriesTable, s: int, at: str | None) -> int:
    """Return the row within series `s` that `at` names."""
    begin, rows = int(table.offsets[s]), int(table.lengths[s])
    if at is None:
        return rows - 1
    times = table.times[begin : begin + rows]
    number = int(at) if re.fullmatch(r"-?\d{1,9}", at) else None
    if number is not None and table.time_kind != "integer":
        if not -rows <= number < rows:
            raise InputError(f"{table.name(s)}: no row {number}; it has {rows}, 0 to {rows - 1}")
        return number % rows
    try:
        wanted: Any = np.datetime64(at.replace(" ", "T"), "us") if times.dtype.kind == "M" else int(at)
    except ValueError as error:
        raise InputError(f"--at must be a time such as {table.time_name(begin)} or a row number; got {at!r}") from error
    found = np.flatnonzero(times == wanted)
    if not len(found):
        first, last = table.time_name(begin), table.time_name(begin + rows - 1)
        raise InputError(f"{table.name(s)}: no row at {at}; it has rows from {first} to {last}")
    return int(found[0])
