"""torch.compile and torch.export of layers that the native kernel runs: one operator in the graph, eager's numbers."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend
from torch.export import Dim
from torch.nn import Module

from lstmkit.nn import CELLS, LSTM
from lstmkit.recurrence.kernels import kernel_refusal
from lstmkit.recurrence.library import load_library

NATIVE = [name for name, cell in CELLS.items() if not kernel_refusal(cell)]
SETTINGS: list[dict[str, Any]] = [
    {"zoneout": 0.3},
    {"weight_drop": 0.3},
    {"locked_dropout": 0.3},
    {"recurrent_dropout": 0.3},
    {"dropout": 0.3},
]

pytestmark = [
    pytest.mark.skipif(load_library()[0] is None, reason=load_library()[1] or "there is a library"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
]


@pytest.fixture(autouse=True)
def _nothing_compiled() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Network(Module):
    """A module that holds a layer: B 4, T 7, I 3."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.lstm = LSTM(3, 5, 2, batch_first=True, bidirectional=True, **settings)
        self.head = torch.nn.Linear(10, 2)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, state = self.lstm(x, lengths=lengths)
        return self.head(y), state[0]


class EqualLengths(Network):
    """The same without lengths, in float64: eager runs it natively too, so that the numbers are the same."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        y, state = self.lstm(x)
        return self.head(y), state[0]


def batch(B: int = 4, T: int = 7) -> tuple[Tensor, Tensor]:
    torch.manual_seed(B * T)
    return torch.randn(B, T, 3, dtype=torch.float64), torch.randint(0, T + 1, (B,))


def outputs_and_gradients(network: Any, parameters: list[Tensor], *given: Tensor) -> list[Tensor]:
    torch.manual_seed(5)
    x = given[0].clone().requires_grad_()
    found = network(x, *given[1:])
    loss = sum(f.square().sum() for f in found)
    return [*found, *torch.autograd.grad(loss, [x, *parameters])]


def operators(counter: Any) -> list[str]:
    """Return the kernel's operators in all graphs that were compiled, one after another."""
    return [str(n.target) for graph in counter.graphs for n in graph.graph.nodes if "lstmkit" in str(n.target)]


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("cell", NATIVE)
def test_every_cell_compiles_to_one_operator_with_eagers_numbers(cell, ragged):
    network = Network(cell=cell).double()
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(network, fullgraph=True, backend=counter)
    x, lengths = batch()
    given = (x, lengths) if ragged else (x,)
    parameters = list(network.parameters())
    eager = outputs_and_gradients(network, parameters, *given)
    torch.testing.assert_close(outputs_and_gradients(compiled, parameters, *given), eager, rtol=1e-12, atol=1e-12)
    assert operators(counter) == ["lstmkit.run.default"]
    network.eval()
    with torch.no_grad():
        torch.testing.assert_close(compiled(*given), network(*given), rtol=0, atol=0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_regularisers_compile_and_draw_what_eager_draws(settings, training):
    network = Network(**settings).double().train(training)
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(network, fullgraph=True, backend=counter)
    parameters = list(network.parameters())
    given = batch()
    eager = outputs_and_gradients(network, parameters, *given)
    torch.testing.assert_close(outputs_and_gradients(compiled, parameters, *given), eager, rtol=1e-12, atol=1e-12)
    assert set(operators(counter)) == {"lstmkit.run.default"}


@pytest.mark.parametrize(("cell", "ragged"), [("lstm", False), *((cell, True) for cell in NATIVE)])
def test_one_graph_serves_every_batch_and_time(cell, ragged):
    network = Network(cell=cell).double()
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(network, fullgraph=True, dynamic=True, backend=counter)
    for B, T in ((4, 7), (5, 9), (2, 30), (16, 3)):
        given = batch(B, T)[: 2 if ragged else 1]
        torch.testing.assert_close(compiled(*given), network(*given), rtol=0, atol=0)
    assert operators(counter) == ["lstmkit.run.default"]


def test_sizes_become_dynamic_after_the_first_change():
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(Network().double(), fullgraph=True, backend=counter)
    for B, T in ((4, 7), (4, 9), (5, 9), (6, 12), (7, 20), (9, 3)):
        compiled(*batch(B, T))
    assert len(operators(counter)) <= 3  # one for the first sizes, one for a new T, one for a new B


def test_the_backend_that_is_asked_for_is_compiled(monkeypatch):
    monkeypatch.setenv("LSTMKIT_BACKEND", "reference")
    counter = CompileCounterWithBackend("eager")
    network = Network().double()
    torch.testing.assert_close(torch.compile(network, fullgraph=True, backend=counter)(*batch()), network(*batch()))
    assert operators(counter) == []


def test_wrong_lengths_are_refused_by_compiled_code():
    compiled = torch.compile(Network().double(), fullgraph=True, backend="aot_eager")
    x, _ = batch()
    with pytest.raises(RuntimeError, match="lengths must lie in"):
        compiled(x, torch.tensor([7, 3, 8, 1]))


def test_inductor_gives_eagers_numbers():
    network = Network().double()
    compiled = torch.compile(network, fullgraph=True)
    parameters = list(network.parameters())
    eager = outputs_and_gradients(network, parameters, *batch())
    torch.testing.assert_close(outputs_and_gradients(compiled, parameters, *batch()), eager, rtol=1e-10, atol=1e-10)


def test_autocast_compiles():
    network = Network()
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    x, lengths = batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, known = compiled(x.float(), lengths), network(x.float(), lengths)
    assert found[1].dtype == torch.bfloat16
    torch.testing.assert_close(found, known, rtol=0, atol=0)


@pytest.mark.parametrize("graded", [True, False])
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("kind", [Network, EqualLengths])
def test_an_exported_program_equals_eager_after_a_round_trip(kind, cell, strict, graded):
    network = kind(cell=cell).double().eval()
    B, T = Dim("B", max=1024), Dim("T", max=100_000)
    shapes = ({0: B, 1: T}, {0: B})
    count = 2 if kind is Network else 1
    with torch.set_grad_enabled(graded):
        program = torch.export.export(network, batch()[:count], dynamic_shapes=shapes[:count], strict=strict)
    assert [str(n.target) for n in program.graph.nodes if "lstmkit" in str(n.target)] == ["lstmkit.run.default"]
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    for sizes in ((4, 7), (1, 1), (2, 300), (33, 2)):
        given = batch(*sizes)[:count]
        for module in (program.module(), loaded):
            torch.testing.assert_close(module(*given), network(*given), rtol=0, atol=0)
    found, known = (outputs_and_gradients(m, list(m.parameters()), *batch()[:count]) for m in (loaded, network))
    torch.testing.assert_close(found, known, rtol=0, atol=0)


KEPT = """
    import torch
    from lstmkit.nn import LSTM
    from lstmkit.recurrence.kernels import kernel_cell

    layer = LSTM(3, 3)
    call = layer._assemble(torch.zeros(7, 2, 3), None, None)
    how = list(kernel_cell(call))
    given = (call.x, call.state, call.weights, None, [None] * 4, 0.0, how)
    print(torch.ops.lstmkit.forward(*given)[2].numel(), *how)
"""


def test_what_a_graph_keeps_follows_from_its_arguments_on_every_instruction_set():
    """A compiler keeps graphs on disk by their arguments; one of another instruction set would be of the wrong size."""
    library, _ = load_library()
    assert library is not None
    found = []
    for target in library.lstmkit_targets().decode().split():
        command = [sys.executable, "-c", textwrap.dedent(KEPT)]
        environment = os.environ | {"LSTMKIT_TARGET": target}
        found.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    sizes, arguments = ({text.split(maxsplit=1)[k] for text in found} for k in (0, 1))
    assert len(sizes) <= len(arguments)
