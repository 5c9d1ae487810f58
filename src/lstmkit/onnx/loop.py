"""Write one layer of any cell as ONNX: a Scan over time whose body is the cell's step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor
from torch.export import ExportedProgram

from lstmkit.nn import LSTM
from lstmkit.onnx.graph import Graph
from lstmkit.onnx.package import onnx_package
from lstmkit.onnx.trace import trace, write_program
from lstmkit.recurrence.cell import Masks, Sizes

if TYPE_CHECKING:
    from onnx import ValueInfoProto

Described = tuple[list["ValueInfoProto"], list["ValueInfoProto"]]
"""The inputs and the outputs of the body of a loop."""

_T, _B = 5, 3
"""Sizes of the examples that a step is traced with."""


def sizes_of(layer: LSTM, k: int) -> Sizes:
    """Return the sizes of layer number `k` of a stack."""
    output = layer.proj_size or layer.hidden_size
    return Sizes(layer.directions * output if k else layer.input_size, layer.hidden_size, output, layer.bias)


def write_loop(
    graph: Graph, layer: LSTM, k: int, x: str, lengths: str | None, start: list[str] | None
) -> tuple[str, list[str]]:
    """Write layer number `k` as a Scan for each direction.

    graph    receives the nodes
    x        name of the input (T, B, I)
    lengths  name of the lengths (B,), or None
    start    names of the initial states (D, B, width), or None for zeros
    Returns  the names of the output (T, B, D * P) and of the final states (D, B, width)
    """
    alive = None if lengths is None else _alive(graph, x, lengths)
    widths = layer.cell.state_widths(sizes_of(layer, k))
    traces, outputs, finals = _trace(layer, k), [], []
    for direction in range(layer.directions):
        if start is None:
            state = [_zeros(graph, x, width) for width in widths]
        else:
            index = graph.constant([direction])
            parts = [graph.op("Gather", name, index, attributes={"axis": 0}) for name in start]
            state = [graph.op("Squeeze", part, graph.constant([0])) for part in parts]
        y, final = _write_direction(graph, layer, k, direction, x, alive, state, traces)
        outputs.append(y)
        finals.append([graph.op("Unsqueeze", name, graph.constant([0])) for name in final])
    joined = [graph.op("Concat", *parts, attributes={"axis": 0}) for parts in zip(*finals, strict=True)]
    return graph.op("Concat", *outputs, attributes={"axis": 2}), joined


def _alive(graph: Graph, x: str, lengths: str) -> str:
    """Write which steps belong to their sequence, (T, B, 1)."""
    T = graph.op("Squeeze", graph.op("Shape", x, attributes={"start": 0, "end": 1}))
    zero, one = (graph.op("Squeeze", graph.constant([value])) for value in (0, 1))
    steps = graph.op("Unsqueeze", graph.op("Range", zero, T, one), graph.constant([1, 2]))
    kind = {"to": int(onnx_package().TensorProto.INT64)}
    ends = graph.op("Unsqueeze", graph.op("Cast", lengths, attributes=kind), graph.constant([0, 2]))
    return graph.op("Less", steps, ends)


def _zeros(graph: Graph, x: str, width: int) -> str:
    B = graph.op("Shape", x, attributes={"start": 1, "end": 2})
    shape = graph.op("Concat", B, graph.constant([width]), attributes={"axis": 0})
    return graph.op("Expand", graph.constant(0.0), shape)


@dataclass(frozen=True, slots=True)
class _Traces:
    """What one direction of a layer computes, traced.

    inputs  from x (T, B, I) and the weights
    step    from the state, what `inputs` gave for a step (B, width), the weights and the rates of zoneout
    width   of what `inputs` gives
    rates   of zoneout, (1, H) each
    """

    inputs: ExportedProgram
    step: ExportedProgram
    width: int
    rates: list[Tensor]


def _trace(layer: LSTM, k: int) -> _Traces:
    """Trace layer number `k`; the weights are arguments, so one trace serves both directions."""
    cell, sizes = layer.cell, sizes_of(layer, k)
    weights = _weights(layer, k, 0)
    like = next(iter(weights.values()))
    masks = layer.regularization.masks(like.new_zeros(1, 1, 1), 1, sizes.hidden, sizes.output, training=False)
    chosen = masks.of_state(0).of_step(0).in_order()
    rates = [mask for mask in chosen if mask is not None]
    states = [like.new_zeros((_B, width)) for width in cell.state_widths(sizes)]

    def inputs(x: Tensor, *weights_: Tensor) -> tuple[Tensor]:
        return (cell.inputs(x, dict(zip(weights, weights_, strict=True))),)

    def step(*tensors: Tensor) -> tuple[Tensor, ...]:
        state, given, rest = tensors[: len(states)], tensors[len(states)], tensors[len(states) + 1 :]
        remaining = iter(rest[len(weights) :])
        masks = Masks(*(None if mask is None else next(remaining) for mask in chosen))
        y, after = cell.step(given, state, dict(zip(weights, rest, strict=False)), masks)
        return (y, *after)

    x, values = like.new_zeros((_T, _B, sizes.inputs)), list(weights.values())
    (given,) = inputs(x, *values)
    return _Traces(
        trace(inputs, [x, *values], ["TB", *[""] * len(values)]),
        trace(step, [*states, given[0], *values, *rates], ["B"] * (len(states) + 1) + [""] * len(values + rates)),
        given.shape[-1],
        rates,
    )


def _weights(layer: LSTM, k: int, direction: int) -> dict[str, Tensor]:
    """Return the weights of one direction of layer number `k` by name."""
    suffix = f"_l{k}{'_reverse' * direction}"
    names = layer.cell.weight_shapes(sizes_of(layer, k))
    weights = layer.named_weights()
    return {name: weights[name + suffix].detach().cpu() for name in names}


def _write_direction(
    graph: Graph, layer: LSTM, k: int, direction: int, x: str, alive: str | None, state: list[str], traces: _Traces
) -> tuple[str, list[str]]:
    """Write one direction; return the names of its output (T, B, P) and of its final states (B, width)."""
    weights = [graph.constant(value.numpy(), name) for name, value in _weights(layer, k, direction).items()]
    (given,) = write_program(graph, traces.inputs, [x, *weights])
    body = graph.body()
    described = _write_step(body, layer, sizes_of(layer, k), weights, traces, alive is not None)
    return _write_scan(graph, body, described, state, [given] if alive is None else [given, alive], direction)


def _write_step(body: Graph, layer: LSTM, sizes: Sizes, weights: list[str], traces: _Traces, padded: bool) -> Described:
    """Write the body of a Scan; return the descriptions of its inputs and outputs: states, then what is per step."""
    widths = layer.cell.state_widths(sizes)
    before = [body.fresh(name) for name in layer.cell.states]
    given, alive = body.fresh("given"), body.fresh("alive")
    rates = [body.constant(rate.cpu().numpy(), "rate") for rate in traces.rates]
    y, *after = write_program(body, traces.step, [*before, given, *weights, *rates])
    if padded:
        y = body.op("Where", alive, y, body.constant(0.0))
        after = [body.op("Where", alive, new, old) for new, old in zip(after, before, strict=True)]
    results = [body.op("Identity", name) for name in (*after, y)]
    ins = [body.value(name, ("B", w)) for name, w in zip(before, widths, strict=True)]
    ins += [body.value(given, ("B", traces.width))] + ([body.value(alive, ("B", 1), kind="bool")] if padded else [])
    return ins, [body.value(n, ("B", w)) for n, w in zip(results, (*widths, sizes.output), strict=True)]


def _write_scan(
    graph: Graph,
    body: Graph,
    described: Described,
    state: list[str],
    steps: list[str],
    direction: int,
) -> tuple[str, list[str]]:
    """Write the Scan; return the names of what it gathered and of its final states."""
    attributes: dict[str, object] = {
        "body": onnx_package().helper.make_graph(body.nodes, "step", *described),
        "num_scan_inputs": len(steps),
        "scan_input_directions": [direction] * len(steps),
        "scan_output_directions": [direction],
    }
    *final, y = graph.ops("Scan", [*state, *steps], len(state) + 1, attributes)
    return y, final
