"""Write an `lstmkit.nn.LSTM` as an ONNX model: as LSTM nodes where ONNX has the cell, else as a loop over its step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lstmkit.errors import InputError
from lstmkit.nn import LSTM, Gru, Lstm
from lstmkit.onnx.graph import Graph
from lstmkit.onnx.layout import node_weights, operator_of
from lstmkit.onnx.loop import sizes_of, write_loop
from lstmkit.onnx.package import onnx_package

_OPERATORS, _FORMAT = 18, 9
"""Versions of ONNX's operators and file format: the oldest with the operators used here."""


def export(layer: LSTM, path: str | Path, *, lengths: bool = False, initial_state: bool = False) -> None:
    """Write a layer as an ONNX model that computes what the layer computes in evaluation.

    Plain, peephole, coupled and clipped LSTMs become a node LSTM for each layer, `Gru` a GRU, `Rnn` an RNN. Any other
    cell, projection, zoneout, and float64, for which ONNX Runtime has no such nodes, become a Scan over time of the
    cell's step. Batch and time are of any size when the model runs. Dropout does nothing in evaluation.

    layer          any cell, any number of layers and directions, float32 or float64
    path           the file that is written
    lengths        whether the model has an input `lengths` (B,), int32
    initial_state  whether the model has an input for each state of the cell, such as `h0` and `c0` (K * D, B, width);
                   without, they are zero
    The model      has the input `input` and the output `output` in the layer's own layout, and an output for each final
                   state, such as `h` and `c`
    Raises         InputError if the layer is of another type, or its step uses an operator that cannot be written
    """
    onnx, dtype = onnx_package(), layer.current_weights()[0].dtype
    if dtype not in (torch.float32, torch.float64):
        raise InputError(f"export: the layer must be float32 or float64; got {dtype}")
    graph = Graph(np.dtype(np.float32 if dtype == torch.float32 else np.float64))
    K, D, states = layer.num_layers, layer.directions, layer.cell.states
    widths = layer.cell.state_widths(sizes_of(layer, 0))
    batch_axes = ("B", "T") if layer.batch_first else ("T", "B")
    inputs = [graph.value("input", (*batch_axes, layer.input_size))]
    inputs += [graph.value("lengths", ("B",), kind="int32")] if lengths else []
    if initial_state:
        inputs += [graph.value(f"{name}0", (K * D, "B", w)) for name, w in zip(states, widths, strict=True)]
    x = graph.op("Transpose", "input", attributes={"perm": [1, 0, 2]}) if layer.batch_first else "input"
    finals: list[list[str]] = []
    for k in range(K):
        start = [_rows(graph, f"{name}0", k * D, D) for name in states] if initial_state else None
        write = write_loop if operator_of(layer) is None else _write_node
        x, final = write(graph, layer, k, x, "lengths" if lengths else None, start)
        finals.append(final)
    outputs = [graph.value("output", (*batch_axes, D * sizes_of(layer, 0).output))]
    _rename(graph, "Transpose" if layer.batch_first else "Identity", [x], "output", {"perm": [1, 0, 2]})
    for name, parts, w in zip(states, zip(*finals, strict=True), widths, strict=True):
        outputs.append(graph.value(name, (K * D, "B", w)))
        _rename(graph, "Concat", parts, name, {"axis": 0})
    main = onnx.helper.make_graph(graph.nodes, "lstmkit", inputs, outputs, graph.constants)
    opset = onnx.helper.make_opsetid("", _OPERATORS)
    model = onnx.helper.make_model(main, opset_imports=[opset], ir_version=_FORMAT, producer_name="lstmkit")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def _rename(graph: Graph, operator: str, inputs: Sequence[str], name: str, attributes: dict[str, object]) -> None:
    used = attributes if operator != "Identity" else {}
    node = onnx_package().helper.make_node(operator, list(inputs), [name], name=graph.fresh(operator), **used)
    graph.nodes.append(node)


def _rows(graph: Graph, name: str, first: int, count: int) -> str:
    return graph.op("Slice", name, graph.constant([first]), graph.constant([first + count]), graph.constant([0]))


def _write_node(
    graph: Graph, layer: LSTM, k: int, x: str, lengths: str | None, start: list[str] | None
) -> tuple[str, list[str]]:
    """Write layer number `k` as an LSTM, GRU or RNN; return the names of output (T, B, D * H) and final states."""
    weights, cell = node_weights(layer, k), layer.cell
    names = {f: "" if a is None else graph.constant(a, f) for f, a in (("B", weights.b), ("P", weights.p))}
    given = [x, graph.constant(weights.w, "W"), graph.constant(weights.r, "R"), names["B"], lengths or ""]
    given += start or [""] * len(cell.states)
    attributes: dict[str, object] = {"hidden_size": layer.hidden_size}
    attributes |= {"direction": "bidirectional"} if layer.bidirectional else {}
    if isinstance(cell, Lstm):
        given.append(names["P"])
        attributes |= {"input_forget": 1} if cell.coupled else {}
        attributes |= {"clip": float(cell.clip)} if cell.clip is not None else {}
    if isinstance(cell, Gru):
        attributes["linear_before_reset"] = 1
    y, *final = graph.ops(str(operator_of(layer)), given, 1 + len(cell.states), attributes)
    if lengths is not None and start is not None:  # ONNX Runtime gives zeros for a sequence without steps
        none = graph.op("Equal", lengths, graph.constant(np.zeros(1, np.int32)))
        empty = graph.op("Unsqueeze", none, graph.constant([0, 2]))
        final = [graph.op("Where", empty, old, new) for old, new in zip(start, final, strict=True)]
    beside = graph.op("Transpose", y, attributes={"perm": [0, 2, 1, 3]})
    return graph.op("Reshape", beside, graph.constant([0, 0, weights.directions * weights.hidden])), final
