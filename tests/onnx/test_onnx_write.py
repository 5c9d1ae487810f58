"""Exported layers, run by ONNX Runtime with random weights, equal the layers."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

from lstmkit import InputError
from lstmkit.nn import CELLS, LSTM, ALstm, Lstm, MLstm, SLstm
from lstmkit.onnx import export

RUNTIME_TOLERANCE = {"rtol": 1e-5, "atol": 3e-6}
"""Float32 against float32: ONNX Runtime's activations are rational approximations."""

NODES = {
    "plain": Lstm(),
    "peephole": Lstm(peephole=True),
    "coupled input": Lstm(coupled="input"),
    "coupled forget": Lstm(coupled="forget"),
    "coupled forget, peephole": Lstm(coupled="forget", peephole=True),
    "clip": Lstm(clip=0.5),
    "all": Lstm(coupled="input", peephole=True, clip=0.5),
    "gru": "gru",
    "rnn": "rnn",
}
LOOPS = {name: name for name in CELLS if name not in ("lstm", "peephole", "coupled", "coupled-forget", "gru", "rnn")}
LOOPS |= {
    "norm of every form": Lstm(layer_norm="gates", peephole=True, coupled="forget", clip=0.7),
    "alstm of two scores": ALstm(lags=(2, 1), share_score=False),
    "slstm of two heads": SLstm(heads=2),
    "mlstm of two heads": MLstm(heads=2),
}


def random_layer(cell, **options) -> LSTM:
    torch.manual_seed(3)
    layer = LSTM(3, 6, cell=cell, backend="reference", **options).eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-0.8, 0.8)
    return layer


def assert_export_equals(layer, folder, onnx_runtime, *, lengths=None, initial_state=False, T=9, B=4):
    """Compare everything with the layer; return the operators of the model."""
    path = folder / "layer.onnx"
    export(layer, path, lengths=lengths is not None, initial_state=initial_state)
    torch.manual_seed(4)
    x = torch.randn(B, T, 3) if layer.batch_first else torch.randn(T, B, 3)
    given = {"input": x.numpy()}
    with torch.no_grad():
        state = layer(x)[1] if initial_state else None  # a state that the cell can be in
        y, final = layer(x, state, lengths=lengths)
    if state is not None:
        given |= {f"{name}0": value.numpy() for name, value in zip(layer.cell.states, state, strict=True)}
    if lengths is not None:
        given["lengths"] = np.array(lengths, np.int32)
    found = onnx_runtime(path, given)
    assert list(found) == ["output", *layer.cell.states]
    for (name, value), expected in zip(found.items(), (y, *final), strict=True):
        np.testing.assert_allclose(value, expected.numpy(), **RUNTIME_TOLERANCE, err_msg=name)
    return {node.op_type for node in onnx.load(path).graph.node}


FORMS = [
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"bias": False},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("name", NODES)
def test_standard_cells_are_nodes(tmp_path, onnx_runtime, name, form):
    operators = assert_export_equals(random_layer(NODES[name], **form), tmp_path, onnx_runtime)
    assert "Scan" not in operators and operators & {"LSTM", "GRU", "RNN"}


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("name", LOOPS)
def test_other_cells_are_loops(tmp_path, onnx_runtime, name, form):
    operators = assert_export_equals(random_layer(LOOPS[name], **form), tmp_path, onnx_runtime)
    assert "Scan" in operators and not operators & {"LSTM", "GRU", "RNN"}


@pytest.mark.parametrize("options", [{"proj_size": 2}, {"zoneout": (0.1, 0.3)}], ids=str)
def test_projection_and_zoneout_are_loops(tmp_path, onnx_runtime, options):
    layer = random_layer("lstm", num_layers=2, bidirectional=True, **options)
    assert "Scan" in assert_export_equals(layer, tmp_path, onnx_runtime, initial_state=True)


@pytest.mark.parametrize("cell", [*NODES.values(), *LOOPS.values()], ids=str)
def test_lengths_and_initial_state(tmp_path, onnx_runtime, cell):
    layer = random_layer(cell, bidirectional=True)
    assert_export_equals(layer, tmp_path, onnx_runtime, lengths=[9, 0, 1, 5], initial_state=True)


@pytest.mark.parametrize("cell", ["lstm", "layer-norm"])
def test_lengths_of_a_stack_from_zero(tmp_path, onnx_runtime, cell):
    layer = random_layer(cell, num_layers=2, bidirectional=True)
    assert_export_equals(layer, tmp_path, onnx_runtime, lengths=[9, 0, 1, 5])


@pytest.mark.parametrize("cell", ["lstm", "layer-norm"])
def test_batch_and_time_are_open(tmp_path, onnx_runtime, cell):
    layer = random_layer(cell)
    for T, B in ((1, 1), (6, 2)):
        assert_export_equals(layer, tmp_path, onnx_runtime, T=T, B=B)


@pytest.mark.parametrize("cell", ["peephole", "mogrifier"])
def test_float64_is_a_loop(tmp_path, onnx_runtime, cell):
    layer = random_layer(cell).double()
    export(layer, tmp_path / "layer.onnx")
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    found = onnx_runtime(tmp_path / "layer.onnx", {"input": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found["output"], layer(x)[0].numpy(), rtol=1e-12, atol=1e-14)


def test_half_precision_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must be float32 or float64; got torch\.float16"):
        export(LSTM(3, 4).half(), tmp_path / "layer.onnx")


@pytest.mark.parametrize("cell", ["lstm", "gru", "layer-norm"])
def test_weights_that_are_computed_are_written_as_they_are(cell, tmp_path, onnx_runtime):
    layer = random_layer(cell, num_layers=2, bidirectional=True)
    torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    torch.nn.utils.parametrizations.spectral_norm(layer, "weight_ih_l1_reverse")
    assert_export_equals(layer.eval(), tmp_path, onnx_runtime)
