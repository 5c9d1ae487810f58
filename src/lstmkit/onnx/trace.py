"""Write a function of tensors as ONNX nodes: torch traces it, and every operator it met is written as ONNX.

So a cell's equations stand in its own file only, and a new cell can be exported without a word here, unless it uses an
operator that `operators.py` does not have yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from lstmkit.errors import InputError
from lstmkit.onnx.graph import Graph
from lstmkit.onnx.operators import OPEN_SIZE, WRITERS, Place, Written


class _Traced(nn.Module):
    def __init__(self, function: Callable[..., Sequence[Tensor]]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Call the function; torch.export wants a module."""
        return tuple(self.function(*tensors))


def trace(
    function: Callable[..., Sequence[Tensor]], examples: Sequence[Tensor], open_axes: Sequence[str]
) -> ExportedProgram:
    """Trace a function of tensors; its Python runs once.

    examples   a tensor for each argument
    open_axes  for each argument letters of its first axes whose size is only known when the model runs, such as "TB";
               equal letters are equal sizes
    """
    sizes = {letter: Dim(letter) for letters in open_axes for letter in letters}
    shapes = tuple({k: sizes[letter] for k, letter in enumerate(letters)} or None for letters in open_axes)
    arguments = tuple(example.detach().cpu() for example in examples)
    with torch.no_grad():
        return torch.export.export(_Traced(function), arguments, dynamic_shapes=(shapes,), strict=False)


def write_program(graph: Graph, program: ExportedProgram, names: Sequence[str]) -> list[str]:
    """Write a traced function into `graph`.

    names    of the tensors that are its arguments
    Returns  the names of its results
    Raises   InputError that names an operator of torch that cannot be written
    """
    values: dict[torch.fx.Node, Written] = {}
    arguments = iter(names)
    lifted = program.graph_signature.inputs_to_lifted_tensor_constants
    for node in program.graph.nodes:
        if node.op == "placeholder":
            stored = program.constants[lifted[node.name]].numpy() if node.name in lifted else None
            if stored is not None and stored.dtype.kind == "f":  # torch mixes float types with a scalar, ONNX does not
                stored = stored.astype(graph.dtype)
            values[node] = next(arguments) if stored is None else graph.constant(stored)
        elif node.op == "call_function":
            values[node] = _write(graph, node, values)
        elif node.op == "output":
            return [values[result] for result in node.args[0]]
    raise AssertionError("a trace without an output")


def _write(graph: Graph, node: torch.fx.Node, values: dict[torch.fx.Node, Written]) -> Written:
    target: Any = node.target
    arguments: Sequence[Any] = node.args
    if isinstance(target, torch._ops.OpOverload):
        name = target._schema.name.removeprefix("aten::")
        by_place = dict(zip((a.name for a in target._schema.arguments), node.args, strict=False))
        arguments = [node.kwargs.get(a.name, by_place.get(a.name, a.default_value)) for a in target._schema.arguments]
    else:
        name = target.__name__
    if isinstance(node.meta.get("val"), torch.SymInt):
        return OPEN_SIZE
    if name not in WRITERS:
        raise InputError(f"export: torch's operator {target} has no translation to ONNX in lstmkit")
    first = node.args[0].meta["val"] if isinstance(node.args[0], torch.fx.Node) else None
    place = Place(graph, first, node.meta["val"])
    return WRITERS[name](place, *torch.fx.node.map_arg(arguments, lambda argument: values[argument]))
