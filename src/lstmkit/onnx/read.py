"""Read ONNX LSTM nodes into an `lstmkit.nn.LSTM`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lstmkit.errors import InputError
from lstmkit.nn import LSTM
from lstmkit.onnx.layout import Array, NodeWeights
from lstmkit.onnx.node import NodeSettings, array_of, check_weights, make_layer, read_settings
from lstmkit.onnx.package import onnx_package

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

_BETWEEN_LAYERS = ("Transpose", "Reshape", "Squeeze", "Identity", "Dropout")
"""What stands between the LSTM nodes of an exported stack: from (T, D, B, H) to the next node's (T, B, D * H)."""


def load_lstm(model: ModelProto | str | Path, node: str | None = None) -> LSTM:
    """Read the weights of an ONNX LSTM node, or of a stack of them, into a layer.

    The initial states of the node, and its sequence_lens, are inputs of a call, not of the layer: they are not read.

    model    an ONNX model or the path of one; weights must be initializers or constants
    node     name of one LSTM node; or None for all of the model's, which must then be one, or a chain of equal form in
             which each reads the whole output of the one before
    Returns  a layer, with a cell that is peephole, coupled or clipped as the node is; batch_first if the layout is 1
    Raises   InputError if there is no such file or node, its weights are computed, or the nodes are not one stack
    """
    onnx_package()  # what is missing is said first
    if isinstance(model, str | Path) and not Path(model).is_file():
        raise InputError(f"load_lstm: there is no file {str(model)!r}")
    graph = (_opened(model) if isinstance(model, str | Path) else model).graph
    nodes = [candidate for candidate in graph.node if candidate.op_type == "LSTM"]
    names = ", ".join(repr(candidate.name) for candidate in nodes) or "none"
    if node is not None:
        nodes = [candidate for candidate in nodes if candidate.name == node]
    if not nodes or (node is not None and len(nodes) > 1):
        wanted = "an LSTM node" if node is None else f"one LSTM node named {node!r}"
        raise InputError(f"load_lstm: expected {wanted}; found {names}")
    settings = [read_settings(candidate) for candidate in nodes]
    weights = [_weights(graph, candidate) for candidate in nodes]
    for w, s in zip(weights, settings, strict=True):
        check_weights(w, s)
    if settings[0].direction == "reverse":
        raise InputError("load_lstm: direction reverse alone is no layer; run the node's weights on reversed sequences")
    for before, after in zip(range(len(nodes)), range(1, len(nodes)), strict=False):
        problem = _why_no_stack(graph, nodes, settings, weights, before, after)
        if problem:
            raise InputError(f"load_lstm: the LSTM nodes {names} are not one stack: {problem}; give the name of one")
    return make_layer(weights, settings[0])


def _opened(path: str | Path) -> ModelProto:
    from google.protobuf.message import DecodeError

    try:
        model: ModelProto = onnx_package().load(str(path))
    except (DecodeError, OSError, ValueError) as error:  # ValueError: weights in a file beside it that is not right
        raise InputError(f"load_lstm: {str(path)!r} is no readable ONNX file ({error})") from error
    return model


def _why_no_stack(
    graph: GraphProto,
    nodes: list[NodeProto],
    settings: list[NodeSettings],
    weights: list[NodeWeights],
    before: int,
    after: int,
) -> str:
    """Return "" if node number `after` can be the layer above node number `before`, else why not."""
    a, b = weights[before], weights[after]
    if settings[before] != settings[after]:
        return "their attributes differ"
    if a.hidden != b.hidden or (a.b is None, a.p is None) != (b.b is None, b.p is None):
        return "their sizes, biases or peepholes differ"
    if b.inputs != a.directions * a.hidden:
        return f"one gives {a.directions * a.hidden} values a step, the next takes {b.inputs}"
    source = {output: node for node in graph.node for output in node.output}
    name = nodes[after].input[0]
    while name in source and source[name].op_type in _BETWEEN_LAYERS:
        step = source[name]
        if step.op_type == "Transpose" and list(step.attribute[0].ints) != [0, 2, 1, 3]:
            return f"a Transpose between them has perm {list(step.attribute[0].ints)}"
        name = step.input[0]
    return "" if name == nodes[before].output[0] else "one does not read the output of the other"


def _weights(graph: GraphProto, node: NodeProto) -> NodeWeights:
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for constant in graph.node:
        if constant.op_type == "Constant":
            for given in constant.attribute:
                if given.name == "value":
                    stored[constant.output[0]] = given.t
    found: dict[str, Array | None] = {}
    for role, place in (("W", 1), ("R", 2), ("B", 3), ("P", 7)):
        name = node.input[place] if place < len(node.input) else ""
        if name and name not in stored:
            raise InputError(f"load_lstm: {role} of node {node.name!r} is computed; it must be a stored tensor")
        found[role] = array_of(stored[name], f"load_lstm: {role} of node {node.name!r}") if name else None
    w, r = found["W"], found["R"]
    if w is None or r is None:
        raise InputError(f"load_lstm: node {node.name!r} lacks its weights W or R")
    return NodeWeights(w, r, found["B"], found["P"])
