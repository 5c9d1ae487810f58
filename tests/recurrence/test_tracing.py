"""torch.jit.trace, torch.onnx.export and the meta device see the recurrence, or say that they do not."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
from torch import Tensor, nn
from torch.export import Dim

from lstmkit.nn import LSTM, LSTMCell
from lstmkit.recurrence.cells import CELLS

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's own words on its tracer
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # on values that become constants
]
SHAPES = ((6, 3), (9, 3), (6, 2), (1, 1), (40, 5))


class Network(nn.Module):
    """A network with a recurrent layer in its middle."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.before, self.layer = nn.Linear(4, 5), LSTM(5, 7, **options)
        self.after = nn.Linear(7 * self.layer.directions, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(torch.tanh(self.before(x)))[0]
        return self.after(y)


class Padded(Network):
    """The same with lengths as an input."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        y: Tensor = self.layer(torch.tanh(self.before(x)), lengths=lengths)[0]
        return self.after(y)


OPTIONS = pytest.mark.parametrize(
    "options",
    [{}, {"num_layers": 2, "bidirectional": True}, {"cell": "gru"}, {"cell": "rnn"}],
    ids=["lstm", "stack", "gru", "rnn"],
)


def make(kind: type[Network] = Network, **options: Any) -> Network:
    torch.manual_seed(0)
    return kind(**options).eval()


@OPTIONS
@pytest.mark.parametrize("grad", [True, False])
def test_a_trace_computes_for_any_size(options, grad):
    network = make(**options)
    with torch.set_grad_enabled(grad):
        traced = torch.jit.trace(network, torch.randn(6, 3, 4))
        for shape in SHAPES:
            x = torch.randn(*shape, 4)
            torch.testing.assert_close(traced(x), network(x), rtol=1e-5, atol=1e-6)


def test_a_trace_follows_its_weights_and_has_their_gradients():
    network, x = make(), torch.randn(6, 3, 4)
    traced = torch.jit.trace(network, x)
    with torch.no_grad():
        network.layer.weight_hh_l0.mul_(0.5)
    torch.testing.assert_close(traced(x), network(x), rtol=1e-5, atol=1e-6)
    found, known = (torch.autograd.grad(n(x).sum(), network.layer.weight_hh_l0)[0] for n in (traced, network))
    torch.testing.assert_close(found, known, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_a_trace_of_a_cell_that_torch_lacks_holds_for_its_number_of_steps_and_refuses_others(cell):
    network = make(cell=cell)
    with torch.no_grad():
        traced = torch.jit.trace(network, torch.randn(6, 3, 4))
        for shape in ((6, 3), (6, 2)):
            x = torch.randn(*shape, 4)
            torch.testing.assert_close(traced(x), network(x), rtol=1e-4, atol=1e-5)
        if cell in ("lstm", "gru", "rnn"):
            return
        for T in (5, 7) if cell != "mlstm" else (65, 200):  # it works on up to 64 steps at once
            with pytest.raises(RuntimeError, match=r"Expected [16] elements in a list but found"):
                traced(torch.randn(T, 3, 4))


def test_a_trace_takes_lengths_of_any_values():
    network = make(Padded)
    with torch.no_grad():
        traced = torch.jit.trace(network, (torch.randn(6, 3, 4), torch.tensor([6, 2, 3])))
        for lengths in ([1, 6, 4], [6, 6, 6], [2, 1, 1]):
            x, ends = torch.randn(6, 3, 4), torch.tensor(lengths)
            torch.testing.assert_close(traced(x, ends), network(x, ends), rtol=1e-5, atol=1e-6)


def test_a_trace_of_steps_follows_weights_and_states():
    layer = make().layer
    x, state = torch.randn(3, 5), (torch.randn(1, 3, 7), torch.randn(1, 3, 7))
    with torch.no_grad():
        layer.step(x, state)
        traced = torch.jit.trace_module(layer, {"step": (x, state)})
        layer.weight_hh_l0.mul_(0.5)
        other = tuple(s + 1 for s in state)
        found, known = traced.step(2 * x, other), layer.step(2 * x, other)
    torch.testing.assert_close(found[0], known[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", ["native"])
def test_a_forced_kernel_refuses_to_be_traced(backend):
    with pytest.raises(
        ValueError, match=r"backend 'native' cannot take this call: torch.jit.trace records torch's own"
    ):
        torch.jit.trace(make(backend=backend), torch.randn(6, 3, 4))


def test_scripting_says_what_it_cannot_do():
    with pytest.raises(torch.jit.frontend.NotSupportedError):
        torch.jit.script(LSTM(5, 7))


def run_onnx(path: Path, *inputs: Tensor) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, (i.numpy() for i in inputs), strict=True)))[0]


def export_older(network: nn.Module, path: Path, *inputs: Tensor) -> None:
    names = ["x", "lengths"][: len(inputs)]
    axes = dict(zip(names, ({0: "T", 1: "B"}, {0: "B"}), strict=False))
    with warnings.catch_warnings(action="ignore"):  # of torch's own exporter
        torch.onnx.export(network, inputs, path, dynamo=False, input_names=names, dynamic_axes=axes, opset_version=17)


def export_newer(network: nn.Module, path: Path, *inputs: Tensor) -> None:
    T, B = Dim("T"), Dim("B")
    shapes = ({0: T, 1: B}, {0: B})[: len(inputs)]
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(network, inputs, path, dynamo=True, dynamic_shapes=shapes, verbose=False)


@OPTIONS
def test_torchs_older_onnx_export_of_a_network_is_right_for_any_size(options, tmp_path: Path):
    network, path = make(**options), tmp_path / "network.onnx"
    export_older(network, path, torch.randn(6, 3, 4))
    for shape in SHAPES:
        x = torch.randn(*shape, 4)
        np.testing.assert_allclose(run_onnx(path, x), network(x).detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "peephole"])
def test_torchs_newer_onnx_export_is_right_for_its_number_of_steps_and_refuses_others(cell, tmp_path: Path):
    pytest.importorskip("onnxscript", reason="torch.onnx.export(dynamo=True) needs onnxscript")
    network, path = make(cell=cell), tmp_path / "network.onnx"
    export_newer(network, path, torch.randn(6, 3, 4))
    for B in (1, 3, 5):
        x = torch.randn(6, B, 4)
        np.testing.assert_allclose(run_onnx(path, x), network(x).detach().numpy(), rtol=1e-4, atol=1e-5)
    for T in (3, 7, 12):
        with pytest.raises(InvalidArgument, match=f"Got: {T} Expected: 6"):
            run_onnx(path, torch.randn(T, 3, 4))


def test_torchs_older_onnx_export_takes_lengths_of_any_values(tmp_path: Path):
    network, path = make(Padded), tmp_path / "network.onnx"
    export_older(network, path, torch.randn(6, 3, 4), torch.tensor([6, 2, 3]))
    for lengths in ([1, 6, 4], [6, 6, 6], [2, 6]):
        x, ends = torch.randn(6, len(lengths), 4), torch.tensor(lengths)
        np.testing.assert_allclose(run_onnx(path, x, ends), network(x, ends).detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_on_the_meta_device_every_cell_gives_shapes(cell):
    layer = LSTM(5, 8, 2, device="meta", cell=cell, bidirectional=True)
    real = LSTM(5, 8, 2, cell=cell, bidirectional=True)
    x = torch.randn(6, 3, 5)
    for lengths in (None, [6, 2, 3]):
        y, state = layer(x.to("meta"), lengths=lengths)
        known, last = real(x, lengths=lengths)
        assert y.is_meta and y.shape == known.shape
        assert [s.shape for s in state] == [s.shape for s in last]
    y.sum().backward()
    assert layer.weight_ih_l0.grad.shape == layer.weight_ih_l0.shape
    one = LSTM(5, 8, device="meta", cell=cell)
    step, after = one.step(torch.randn(3, 5, device="meta"))
    assert step.is_meta and step.shape == (3, 8) and after[0].shape == (1, 3, 8)
    assert LSTMCell(5, 8, device="meta", cell=cell)(torch.randn(3, 5, device="meta"))[0].shape == (3, 8)


def test_a_layer_goes_to_the_meta_device_and_comes_back_empty():
    layer = LSTM(5, 7)
    assert layer.to("meta")(torch.randn(4, 2, 5, device="meta"))[0].is_meta
    layer.to_empty(device="cpu").reset_parameters()
    assert torch.isfinite(layer(torch.randn(4, 2, 5))[0]).all()


def test_a_buffer_for_the_trace_is_no_constant():
    stream = io.BytesIO()
    traced = torch.jit.trace(make(), torch.randn(6, 3, 4))
    torch.jit.save(traced, stream)
    stream.seek(0)
    x = torch.randn(6, 3, 4)
    assert torch.equal(torch.jit.load(stream)(x), traced(x))
