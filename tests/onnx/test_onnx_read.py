"""Reading ONNX LSTM nodes into layers."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from lstmkit import InputError
from lstmkit.nn import LSTM, Lstm
from lstmkit.onnx import export, load_lstm

CELLS = [Lstm(), Lstm(peephole=True), Lstm(coupled="input"), Lstm(coupled="input", peephole=True, clip=0.5)]


def random_layer(**options) -> LSTM:
    torch.manual_seed(5)
    return LSTM(3, 4, **options)


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("options", [{}, {"num_layers": 3, "bidirectional": True}, {"bias": False}], ids=str)
def test_an_exported_layer_is_read_back(tmp_path, cell, options):
    layer = random_layer(cell=cell, **options)
    export(layer, tmp_path / "layer.onnx")
    found = load_lstm(tmp_path / "layer.onnx")
    assert found.state_dict().keys() == layer.state_dict().keys()
    for name, value in layer.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, rtol=0, atol=0)
    assert (found.num_layers, found.bidirectional, found.bias) == (layer.num_layers, layer.bidirectional, layer.bias)
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(found(x)[0], layer(x)[0])


def test_a_coupled_forget_gate_is_read_as_an_input_gate(tmp_path):
    layer = random_layer(cell=Lstm(coupled="forget", peephole=True), bidirectional=True)
    export(layer, tmp_path / "layer.onnx")
    found, x = load_lstm(str(tmp_path / "layer.onnx")), torch.randn(5, 2, 3)
    assert found.cell == Lstm(coupled="input", peephole=True)
    torch.testing.assert_close(found(x)[0], layer(x)[0])


def two_layers(tmp_path):
    export(random_layer(num_layers=2), tmp_path / "layer.onnx")
    return onnx.load(tmp_path / "layer.onnx")


def test_one_node_of_several_by_name(tmp_path):
    layer, model = random_layer(num_layers=2), two_layers(tmp_path)
    second = [node.name for node in model.graph.node if node.op_type == "LSTM"][1]
    torch.testing.assert_close(load_lstm(model, second).weight_hh_l0, layer.weight_hh_l1, rtol=0, atol=0)
    with pytest.raises(InputError, match=r"expected one LSTM node named 'other'; found 'LSTM_"):
        load_lstm(model, "other")


def test_weights_may_be_constants_but_not_computed(tmp_path):
    model = two_layers(tmp_path)
    first = next(node for node in model.graph.node if node.op_type == "LSTM")
    stored = next(tensor for tensor in model.graph.initializer if tensor.name == first.input[1])
    model.graph.initializer.remove(stored)
    model.graph.node.append(onnx.helper.make_node("Constant", [], [stored.name], value=stored))
    torch.testing.assert_close(load_lstm(model).weight_ih_l0, random_layer(num_layers=2).weight_ih_l0, rtol=0, atol=0)
    first.input[1] = model.graph.node[0].output[0]
    with pytest.raises(InputError, match=r"W of node 'LSTM_\d+' is computed"):
        load_lstm(model)


def test_nodes_that_are_no_stack_are_refused(tmp_path):
    model = two_layers(tmp_path)
    second = [node for node in model.graph.node if node.op_type == "LSTM"][1]
    second.attribute.append(onnx.helper.make_attribute("clip", 0.5))
    with pytest.raises(InputError, match="not one stack: their attributes differ"):
        load_lstm(model)
    del second.attribute[-1]
    between = second.input[0]
    second.input[0] = "input"
    with pytest.raises(InputError, match="not one stack: one does not read the output of the other"):
        load_lstm(model)
    second.input[0] = between
    transpose = next(node for node in model.graph.node if node.op_type == "Transpose")
    transpose.attribute[0].ints[:] = [1, 2, 0, 3]
    with pytest.raises(InputError, match=r"a Transpose between them has perm \[1, 2, 0, 3\]"):
        load_lstm(model)
    wide = numpy_helper.from_array(np.zeros((1, 16, 5), np.float32), second.input[1])
    next(tensor for tensor in model.graph.initializer if tensor.name == second.input[1]).CopyFrom(wide)
    with pytest.raises(InputError, match="one gives 4 values a step, the next takes 5"):
        load_lstm(model)


def test_a_reverse_node_a_model_without_lstm_and_a_missing_file_are_refused(tmp_path):
    model = two_layers(tmp_path)
    first = next(node for node in model.graph.node if node.op_type == "LSTM")
    first.attribute.append(onnx.helper.make_attribute("direction", "reverse"))
    with pytest.raises(InputError, match="direction reverse alone is no layer"):
        load_lstm(model, first.name)
    export(random_layer(cell="gru"), tmp_path / "gru.onnx")
    with pytest.raises(InputError, match="expected an LSTM node; found none"):
        load_lstm(tmp_path / "gru.onnx")
    with pytest.raises(InputError, match=r"there is no file '.*missing\.onnx'"):
        load_lstm(tmp_path / "missing.onnx")


def test_a_damaged_file_is_refused_in_one_line(tmp_path):
    path = tmp_path / "a.onnx"
    export(random_layer(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with pytest.raises(InputError, match=r"a\.onnx' is no readable ONNX file"):
        load_lstm(path)
    model = onnx.load_from_string(whole)
    model.graph.initializer[0].data_type = 0
    with pytest.raises(InputError, match=r"[WRB] of node '.*' is no tensor of numbers"):
        load_lstm(model)
    model = onnx.load_from_string(whole)
    del model.graph.initializer[1].dims[-1]
    with pytest.raises(InputError, match=r"[WRB] of node '.*' is no tensor of numbers"):
        load_lstm(model)
