"""Torch's operators as ONNX nodes: those that the cells of the family use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lstmkit.errors import InputError
from lstmkit.onnx.graph import Graph
from lstmkit.onnx.package import onnx_package

Written = Any
"""What stands for a value of the trace: the name of an ONNX tensor, a number, or a list of these."""
Writer = Callable[..., Written]

OPEN_SIZE = "a size known when the model runs"
"""What stands for such a size among the arguments of an operator."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operator is written.

    graph   receives the nodes
    first   the operator's first argument when it was traced: a tensor without numbers, or anything else
    result  what the operator gave when it was traced: a tensor without numbers, or a sequence of these
    """

    graph: Graph
    first: Any
    result: Any

    @property
    def rank(self) -> int:
        """Number of axes of the first argument."""
        return int(self.first.dim())

    def tensor(self, value: Written) -> str:
        """Return the name of a tensor; a number becomes a constant."""
        return value if isinstance(value, str) else self.graph.constant(float(value))

    def axis(self, axis: int) -> int:
        """Return `axis` counted from the front."""
        return axis % self.rank

    def op(self, name: str, *inputs: Written, attributes: dict[str, object] | None = None) -> str:
        """Write a node of which every input is a tensor or a number."""
        return self.graph.op(name, *(self.tensor(value) for value in inputs), attributes=attributes)

    def cast(self, x: str, kind: str) -> str:
        """Write a Cast to a type of ONNX's TensorProto."""
        return self.graph.op("Cast", x, attributes={"to": int(onnx_package().TensorProto.DataType.Value(kind))})

    def reshaped(self, x: str) -> str:
        """Write a Reshape to the result's shape; an open size is copied if it stands in its place, else inferred."""
        before, after = self.first.shape, self.result.shape
        copied = [k < len(before) and str(size) == str(before[k]) for k, size in enumerate(after)]
        sizes = [size if isinstance(size, int) else 0 if copied[k] else -1 for k, size in enumerate(after)]
        if sizes.count(-1) > 1:
            raise InputError(
                "export: a step reshapes two open sizes at once, which has no translation to ONNX in lstmkit"
            )
        return self.graph.op("Reshape", x, self.graph.constant(sizes))

    def filled(self, x: str, value: float) -> str:
        """Write a tensor of the result's shape: open sizes are those of `x`, the first argument."""
        open_axes = [k for k, size in enumerate(self.result.shape) if not isinstance(size, int)]
        if any(str(self.result.shape[k]) != str(self.first.shape[k]) for k in open_axes):
            raise InputError("export: a step fills a tensor whose shape has no translation to ONNX in lstmkit")
        parts = [
            self.graph.op("Shape", x, attributes={"start": k, "end": k + 1})
            if k in open_axes
            else self.graph.constant([size])
            for k, size in enumerate(self.result.shape)
        ]
        shape = self.graph.op("Concat", *parts, attributes={"axis": 0})
        return self.graph.op("Expand", self.graph.constant(float(value)), shape)


def _plain(name: str) -> Writer:
    """A torch operator of tensors or numbers that ONNX has as it is."""
    return lambda at, *values: at.op(name, *values)


def _scaled(name: str) -> Writer:
    """Write add or sub; their third argument multiplies the second."""

    def write(at: Place, a: Written, b: Written, alpha: float = 1) -> str:
        return at.op(name, a, b if alpha == 1 else at.op("Mul", b, alpha))

    return write


def _linear(at: Place, x: str, weight: str, bias: str | None = None) -> str:
    product = at.op("MatMul", x, at.op("Transpose", weight, attributes={"perm": [1, 0]}))
    return product if bias is None else at.op("Add", product, bias)


def _split(at: Place, x: str, parts: int, axis: int = 0) -> list[str]:
    return at.graph.ops("Split", [x], parts, {"axis": at.axis(axis), "num_outputs": parts})


def _split_sizes(at: Place, x: str, sizes: list[int], axis: int = 0) -> list[str]:
    return at.graph.ops("Split", [x, at.graph.constant(sizes)], len(sizes), {"axis": at.axis(axis)})


def _unbind(at: Place, x: str, axis: int = 0) -> list[str]:
    return [_select(at, x, axis, k) for k in range(len(at.result))]


def _select(at: Place, x: str, axis: int, index: int) -> str:
    return at.graph.op("Gather", x, at.graph.constant(np.array(index, np.int64)), attributes={"axis": at.axis(axis)})


def _index(at: Place, x: str, indices: list[str | None]) -> str:
    """Write x[:, [...]]: one list of indices along one axis."""
    axes = [k for k, index in enumerate(indices) if index is not None]
    if len(axes) != 1:
        raise InputError("export: indexing along several axes has no translation to ONNX in lstmkit")
    return at.graph.op("Gather", x, str(indices[axes[0]]), attributes={"axis": axes[0]})


def _slice(at: Place, x: str, axis: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> str:
    first, last = 0 if start is None else start, 2**62 if end is None else end
    return at.graph.op("Slice", x, *(at.graph.constant([value]) for value in (first, last, at.axis(axis), step)))


def _layer_norm(
    at: Place, x: str, shape: list[int], weight: str | None, bias: str | None, epsilon: float, cudnn: bool = True
) -> str:
    scale = at.graph.constant(torch.ones(shape).numpy().astype(at.graph.dtype)) if weight is None else weight
    given = (x, scale) if bias is None else (x, scale, bias)
    return at.op("LayerNormalization", *given, attributes={"axis": -len(shape), "epsilon": epsilon})


def _clamp(at: Place, x: str, low: Written = None, high: Written = None) -> str:
    below = x if low is None else at.op("Max", x, low)
    return below if high is None else at.op("Min", below, high)


def _reduce(name: str) -> Writer:
    def write(at: Place, x: str, axes: int | list[int], keep: bool = False, dtype: object = None) -> str:
        listed = [axes] if isinstance(axes, int) else list(axes)
        return at.graph.op(name, x, at.graph.constant([at.axis(a) for a in listed]), attributes={"keepdims": int(keep)})

    return write


def _all(at: Place, x: str, axis: int, keep: bool = False) -> str:
    """Write whether all are true, which ONNX has for numbers only."""
    attributes: dict[str, object] = {"keepdims": int(keep)}
    least = at.graph.op("ReduceMin", at.cast(x, "INT32"), at.graph.constant([at.axis(axis)]), attributes=attributes)
    return at.cast(least, "BOOL")


def _softmax(at: Place, x: str, axis: int, dtype: object = None) -> str:
    return at.op("Softmax", x, attributes={"axis": at.axis(axis)})


def _filled(place: int) -> Writer:
    """Write a tensor filled with the argument at `place`, or with 0 or 1 for -2 or -1."""
    return lambda at, x, *values: at.filled(x, place + 2 if place < 0 else values[place])


def _permute(at: Place, x: str, order: list[int]) -> str:
    return at.op("Transpose", x, attributes={"perm": [at.axis(axis) for axis in order]})


def _transpose(at: Place, x: str, first: int, second: int) -> str:
    order = list(range(at.rank))
    order[at.axis(first)], order[at.axis(second)] = at.axis(second), at.axis(first)
    return _permute(at, x, order)


def _reshape(at: Place, x: str, *_: object) -> str:
    return at.reshaped(x)


def _unsqueeze(at: Place, x: str, axis: int) -> str:
    return at.graph.op("Unsqueeze", x, at.graph.constant([axis % (at.rank + 1)]))


def _squeeze(at: Place, x: str, axes: int | list[int]) -> str:
    listed = [axes] if isinstance(axes, int) else axes
    return at.graph.op("Squeeze", x, at.graph.constant([at.axis(axis) for axis in listed]))


def _cat(at: Place, parts: list[str], axis: int = 0) -> str:
    return at.op("Concat", *parts, attributes={"axis": axis % at.result.dim()})


def _einsum(at: Place, equation: str, parts: list[str], path: object = None) -> str:
    return at.op("Einsum", *parts, attributes={"equation": equation})


def _getitem(at: Place, parts: list[Written], index: int) -> Written:
    return parts[index]


def _log_sigmoid(at: Place, x: str) -> str:
    return at.op("Neg", at.op("Softplus", at.op("Neg", x)))


def _same(at: Place, x: Written, *_: object) -> Written:
    return x


WRITERS: dict[str, Writer] = {
    **dict.fromkeys(("clone", "detach", "detach_", "lift_fresh_copy"), _same),
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten"), _reshape),
    **{name: _plain(name.capitalize()) for name in ("sigmoid", "tanh", "exp", "log", "neg", "abs", "sqrt", "relu")},
    **{name: _plain(name.capitalize()) for name in ("mul", "div", "pow", "where")},
    "matmul": _plain("MatMul"),
    "maximum": _plain("Max"),
    "minimum": _plain("Min"),
    "eq": _plain("Equal"),
    "gt": _plain("Greater"),
    "ge": _plain("GreaterOrEqual"),
    "lt": _plain("Less"),
    "le": _plain("LessOrEqual"),
    "add": _scaled("Add"),
    "sub": _scaled("Sub"),
    "rsub": lambda at, a, b, alpha=1: _scaled("Sub")(at, b, a, alpha),
    "linear": _linear,
    "einsum": _einsum,
    "chunk": _split,
    "split_with_sizes": _split_sizes,
    "unbind": _unbind,
    "select": _select,
    "slice": _slice,
    "getitem": _getitem,
    "layer_norm": _layer_norm,
    "clamp": _clamp,
    "log_sigmoid": _log_sigmoid,
    "softmax": _softmax,
    "sum": _reduce("ReduceSum"),
    "mean": _reduce("ReduceMean"),
    "all": _all,
    **dict.fromkeys(("zeros_like", "new_zeros"), _filled(-2)),
    **dict.fromkeys(("ones_like", "new_ones"), _filled(-1)),
    "full_like": _filled(0),
    "new_full": _filled(1),
    "index": _index,
    "permute": _permute,
    "transpose": _transpose,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "cat": _cat,
}
"""How each operator of torch is written, by its name without "aten::"; arguments are in the order of torch's schema."""
