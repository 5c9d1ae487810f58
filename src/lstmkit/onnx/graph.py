"""ONNX nodes as they are written, one method call a node: the main graph, and the bodies of its loops."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lstmkit.onnx.layout import Array
from lstmkit.onnx.package import onnx_package

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto, ValueInfoProto

Attributes = Mapping[str, object]


@dataclass
class Graph:
    """Nodes in the order they were written, and the constants they read.

    dtype  numpy's float type of every tensor that is not an index; float32 or float64
    """

    dtype: np.dtype[np.generic]
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def body(self) -> Graph:
        """Return an empty graph for the body of a loop; its constants and names belong to this one."""
        return Graph(self.dtype, constants=self.constants, _numbers=self._numbers)

    def fresh(self, stem: str) -> str:
        """Return a name that no other tensor has."""
        return f"{stem}_{next(self._numbers)}"

    def constant(self, value: Array | Sequence[int] | float, stem: str = "constant") -> str:
        """Store an array; a sequence of integers becomes an int64 tensor, a number a scalar of `dtype`."""
        if isinstance(value, float | int):
            array: Array = np.asarray(value, self.dtype)
        else:
            array = np.asarray(value) if isinstance(value, np.ndarray) else np.asarray(value, np.int64)
        name = self.fresh(stem)
        self.constants.append(onnx_package().numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def op(self, operator: str, *inputs: str, attributes: Attributes | None = None) -> str:
        """Write a node with one output; return the output's name."""
        return self.ops(operator, inputs, 1, attributes)[0]

    def ops(
        self, operator: str, inputs: Sequence[str], outputs: int, attributes: Attributes | None = None
    ) -> list[str]:
        """Write a node; return the names of its outputs."""
        names = [self.fresh(operator.lower()) for _ in range(outputs)]
        node = onnx_package().helper.make_node(operator, list(inputs), names, name=self.fresh(operator))
        for key, value in (attributes or {}).items():
            node.attribute.append(onnx_package().helper.make_attribute(key, value))
        self.nodes.append(node)
        return names

    def value(self, name: str, shape: Sequence[str | int | None] | None, *, kind: str = "float") -> ValueInfoProto:
        """Describe a tensor: of `dtype`, or of `kind` "int32" or "bool"; `shape` None leaves it open."""
        onnx = onnx_package()
        types = {"float": self.dtype, "int32": np.dtype(np.int32), "bool": np.dtype(np.bool_)}
        element = onnx.helper.np_dtype_to_tensor_dtype(types[kind])
        described: ValueInfoProto = onnx.helper.make_tensor_value_info(name, element, shape)
        return described
