"""Run a one-node ONNX LSTM model through `lstmkit.nn.LSTM`: the way to hold lstmkit to ONNX's own tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.nn import LSTM, Lstm
from lstmkit.onnx.layout import Array, NodeWeights, fill_layer
from lstmkit.onnx.package import onnx_package

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
_OUTPUTS = ("Y", "Y_h", "Y_c")
_DIRECTIONS = ("forward", "reverse", "bidirectional")
_ATTRIBUTES = {
    "direction": "STRING",
    "activations": "STRINGS",
    "activation_alpha": "FLOATS",
    "activation_beta": "FLOATS",
    "clip": "FLOAT",
    "hidden_size": "INT",
    "layout": "INT",
    "input_forget": "INT",
}
_TYPES = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The attributes of an ONNX LSTM node.

    direction     "forward", "reverse" or "bidirectional"
    hidden_size   H, or None if the node leaves it to the weights
    clip          limit of every gate's pre-activation (W x + R h + peephole + both biases), or None. The text of ONNX
                  says "the input of activations"; ONNX Runtime, whose numbers we take, limits the gates i, o, f, c
                  just before their activation, and never the cell before its tanh
    coupled       f = 1 - i; ONNX does not say which gate is kept, ONNX Runtime keeps the input gate
    batch_first   layout 1: X is (B, T, I), Y (B, T, D, H), states (B, D, H)
    """

    direction: str
    hidden_size: int | None
    clip: float | None
    coupled: bool
    batch_first: bool


def read_settings(node: NodeProto) -> NodeSettings:
    """Return the attributes of an ONNX LSTM node.

    Raises   InputError that names an attribute, or a value of one, that lstmkit does not compute
    """
    onnx = onnx_package()
    for attribute in node.attribute:
        kind = _ATTRIBUTES.get(attribute.name)
        if kind is not None and attribute.type != onnx.AttributeProto.AttributeType.Value(kind):
            raise InputError(f"ONNX LSTM: attribute {attribute.name} must be of type {kind}; the file is damaged")
    given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    direction = given.pop("direction", b"forward").decode(errors="replace")
    if direction not in _DIRECTIONS:
        raise InputError(f"ONNX LSTM: direction must be one of {', '.join(_DIRECTIONS)}; got {direction!r}")
    activations = [name.decode(errors="replace") for name in given.pop("activations", [])]
    expected = ["Sigmoid", "Tanh", "Tanh"] * (2 if direction == "bidirectional" else 1)
    if activations and [name.lower() for name in activations] != [name.lower() for name in expected]:
        raise InputError(f"ONNX LSTM: activations must be {', '.join(expected)}; got {', '.join(activations)}")
    for name in ("activation_alpha", "activation_beta"):
        if len(given.pop(name, [])):
            raise InputError(f"ONNX LSTM: {name} is given, but Sigmoid and Tanh have no such parameter; remove it")
    clip = given.pop("clip", None)
    if clip is not None and not clip > 0:
        raise InputError(f"ONNX LSTM: clip must be positive; got {clip}")
    hidden_size, layout, coupled = given.pop("hidden_size", None), given.pop("layout", 0), given.pop("input_forget", 0)
    for name, value in (("layout", layout), ("input_forget", coupled)):
        if value not in (0, 1):
            raise InputError(f"ONNX LSTM: {name} must be 0 or 1; got {value}")
    if given:
        raise InputError(f"ONNX LSTM: unknown attribute {', '.join(sorted(map(str, given)))}")
    return NodeSettings(direction, hidden_size, clip, coupled == 1, layout == 1)


def array_of(tensor: TensorProto, what: str) -> Array:
    """Return a stored tensor as an array.

    what    begins the message
    Raises  InputError if its type, shape and content do not fit together
    """
    try:
        array: Array = onnx_package().numpy_helper.to_array(tensor)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"{what} is no tensor of numbers ({error}); the file is damaged") from error
    return array


def check_weights(weights: NodeWeights, settings: NodeSettings) -> None:
    """Raise InputError unless hidden_size and direction of the node fit its weights."""
    if settings.hidden_size is not None and settings.hidden_size != weights.hidden:
        raise InputError(f"ONNX LSTM: hidden_size is {settings.hidden_size}, but R has {weights.hidden} units")
    directions = 2 if settings.direction == "bidirectional" else 1
    if directions != weights.directions:
        raise InputError(f"ONNX LSTM: direction {settings.direction} needs {directions}, W has {weights.directions}")


def make_layer(weights: list[NodeWeights], settings: NodeSettings) -> LSTM:
    """Return an `LSTM` with a layer for every node in `weights`; all of them have the same `settings`."""
    first = weights[0]
    if first.w.dtype not in _TYPES:
        raise InputError(f"ONNX LSTM: weights must be float32 or float64; got {first.w.dtype}")
    lstm = LSTM(
        first.inputs,
        first.hidden,
        len(weights),
        bias=first.b is not None,
        batch_first=settings.batch_first,
        bidirectional=settings.direction == "bidirectional",
        dtype=_TYPES[first.w.dtype],
        cell=Lstm(
            peephole=first.p is not None, coupled="input" if settings.coupled else None, clip=settings.clip or None
        ),
    )
    for layer, node in enumerate(weights):
        fill_layer(lstm, layer, node)
    return lstm


def run_node(model: ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Run an ONNX model that is one LSTM node.

    model    its graph has one node, an LSTM
    inputs   the graph's inputs by name, as numpy arrays; initializers of the graph need not be given
    Returns  the graph's outputs by name, in the node's layout
    Raises   InputError if the graph is another, an input is missing, or the node asks for what lstmkit lacks
    Source   the operator LSTM of ONNX, versions 7 to 22; `clip` and `input_forget` as ONNX Runtime computes them
    """
    graph = model.graph
    if [node.op_type for node in graph.node] != ["LSTM"]:
        raise InputError(f"run_node: the graph must be one LSTM; it has {[node.op_type for node in graph.node]}")
    node = graph.node[0]
    settings = read_settings(node)
    stored = {tensor.name: array_of(tensor, f"run_node: initializer {tensor.name!r}") for tensor in graph.initializer}
    values = stored | dict(inputs)
    given: dict[str, Array] = {}
    for role, name in zip(_INPUTS, node.input, strict=False):
        if name and name not in values:
            raise InputError(f"run_node: the input {name!r} of the node ({role}) is not given")
        if name:
            given[role] = np.asarray(values[name])
    if "W" not in given or "R" not in given:
        raise InputError(f"run_node: node {node.name!r} lacks its weights W or R")
    weights = NodeWeights(given["W"], given["R"], given.get("B"), given.get("P"))
    check_weights(weights, settings)
    outputs = dict(zip(_OUTPUTS, _run(make_layer([weights], settings), settings, given), strict=True))
    return {name: outputs[role] for role, name in zip(_OUTPUTS, node.output, strict=False) if name}


def _run(lstm: LSTM, settings: NodeSettings, given: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    x = torch.from_numpy(given["X"].copy())
    B, T = x.shape[:2] if settings.batch_first else (x.shape[1], x.shape[0])
    D, H = 2 if lstm.bidirectional else 1, lstm.hidden_size
    lengths = torch.as_tensor(given["sequence_lens"]).long() if "sequence_lens" in given else None
    states = []
    for role in ("initial_h", "initial_c"):
        state = torch.from_numpy(given[role].copy()) if role in given else x.new_zeros((B, D, H))
        states.append(state.transpose(0, 1) if settings.batch_first or role not in given else state)
    if settings.direction == "reverse":
        x = reverse_sequences(x, lengths, settings.batch_first)
    with torch.no_grad():
        y, (h, c) = lstm(x, (states[0].contiguous(), states[1].contiguous()), lengths=lengths)
    if settings.direction == "reverse":
        y = reverse_sequences(y, lengths, settings.batch_first)
    if settings.batch_first:
        return y.reshape(B, T, D, H).numpy(), h.transpose(0, 1).numpy(), c.transpose(0, 1).numpy()
    return y.reshape(T, B, D, H).transpose(1, 2).numpy(), h.numpy(), c.numpy()


def reverse_sequences(x: Tensor, lengths: Tensor | None, batch_first: bool) -> Tensor:
    """Return x (T, B, I) or (B, T, I) with the first `lengths` (B,) steps of each sequence in reverse order."""
    along = x.transpose(0, 1) if batch_first else x
    T, B = along.shape[:2]
    ends = torch.full((B,), T) if lengths is None else lengths
    steps = torch.arange(T)[:, None]
    order = torch.where(steps < ends, ends - 1 - steps, steps)
    reversed_ = along[order, torch.arange(B)]
    return reversed_.transpose(0, 1) if batch_first else reversed_
