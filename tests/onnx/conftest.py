"""What the tests of the ONNX room share: one-node models, and ONNX Runtime to hold them against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

Arrays = dict[str, NDArray[np.generic]]
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")


@pytest.fixture
def node_model() -> Callable[..., ModelProto]:
    """Make a model of one LSTM node that has the given inputs by their roles, and the given attributes."""

    def make(given: Arrays, **attributes: object) -> ModelProto:
        names = [role if role in given else "" for role in INPUTS]
        node = helper.make_node("LSTM", names, ["Y", "Y_h", "Y_c"], **attributes)
        inputs = [
            helper.make_tensor_value_info(role, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for role, array in given.items()
        ]
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("Y", "Y_h", "Y_c")]
        graph = helper.make_graph([node], "one node", inputs, outputs)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)

    return make


@pytest.fixture
def onnx_runtime() -> Callable[[ModelProto | Path, Arrays], Arrays]:
    """Run a model in ONNX Runtime on one thread; return its outputs by name."""

    def run(model: ModelProto | Path, inputs: Arrays) -> Arrays:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        source = str(model) if isinstance(model, Path) else model.SerializeToString()
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))

    return run
