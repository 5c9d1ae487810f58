"""The choice of a backend: the first that can, the forced one or its reason, and the explanation."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.nn import LSTM, Lstm
from lstmkit.recurrence import BACKENDS, Explanation

X = torch.zeros(4, 2, 3)
NO_STEPS = "a sequence has length 0, which torch's packed sequences refuse"


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    monkeypatch.delenv("LSTMKIT_BACKEND", raising=False)


def test_every_backend_has_its_own_name_and_a_description():
    names = [b.name for b in BACKENDS]
    assert len(set(names)) == len(names)
    assert names[-1] == "reference"
    assert all(b.description for b in BACKENDS)


REASONS = (("native", ""), ("torch", ""), ("chunkwise", "lstm has no parallel form"), ("reference", ""))


def test_the_first_that_can_is_chosen():
    assert LSTM(3, 2).explain(X) == Explanation("native", "", REASONS)
    assert LSTM(3, 2).explain(X, lengths=[4, 1]).chosen == "native"
    assert LSTM(3, 2, dtype=torch.float64).explain(X.double()).chosen == "native"


SSE4 = {"ATEN_CPU_CAPABILITY": "default", "DNNL_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}


@pytest.mark.parametrize("torchs", [{}, SSE4], ids=["torch as it is", "torch without AVX2"])
def test_portable_code_leaves_equal_lengths_to_a_torch_with_more_unless_it_is_forced(torchs):
    program = (
        "import torch; from lstmkit.nn import LSTM; x = torch.zeros(4, 2, 3)\n"
        "for forced in (None, 'native'):\n"
        "    lstm = LSTM(3, 2, backend=forced)\n"
        "    print(lstm.explain(x).chosen, lstm.explain(x, lengths=[4, 1]).chosen)\n"
        "print(LSTM(3, 2, cell='alstm').explain(x).chosen, torch.backends.cpu.get_cpu_capability())"
    )
    environment = os.environ | {"LSTMKIT_TARGET": "portable"} | torchs
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    *chosen, capability = done.stdout.split()
    more = capability in ("AVX2", "AVX512")
    assert not (more and torchs)
    assert chosen == ["torch" if more else "native", *["native"] * 4]


def test_the_next_is_chosen_when_the_first_cannot():
    found = LSTM(3, 2, cell=Lstm(clip=1.0)).explain(X, lengths=[4, 0])
    assert (found.chosen, dict(found.reasons)["native"]) == ("reference", "it does not clip")
    assert LSTM(3, 2, dtype=torch.float16).explain(X.half()).chosen == "torch"


def test_the_argument_forces():
    assert LSTM(3, 2, backend="reference").explain(X) == Explanation("reference", "argument", REASONS)


def test_the_environment_variable_forces(monkeypatch):
    layer = LSTM(3, 2)
    monkeypatch.setenv("LSTMKIT_BACKEND", "reference")
    found = layer.explain(X)
    assert (found.chosen, found.forced) == ("reference", "LSTMKIT_BACKEND")


def test_the_argument_wins_over_the_environment_variable(monkeypatch):
    monkeypatch.setenv("LSTMKIT_BACKEND", "reference")
    found = LSTM(3, 2, backend="torch").explain(X)
    assert (found.chosen, found.forced) == ("torch", "argument")


def test_an_empty_environment_variable_forces_nothing(monkeypatch):
    monkeypatch.setenv("LSTMKIT_BACKEND", "")
    assert LSTM(3, 2).explain(X).forced == ""


def test_an_unknown_name_in_the_environment_variable_is_refused(monkeypatch):
    monkeypatch.setenv("LSTMKIT_BACKEND", "metal")
    with pytest.raises(InputError, match="backend must be one of native, torch, chunkwise, reference; got 'metal'"):
        LSTM(3, 2)(X)


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_a_forced_backend_that_cannot_raises_with_its_reason(how, monkeypatch):
    if how == "variable":
        monkeypatch.setenv("LSTMKIT_BACKEND", "torch")
    layer = LSTM(3, 2, backend="torch" if how == "argument" else None)
    for method in (layer, layer.explain):
        with pytest.raises(InputError) as error:
            method(X, lengths=[4, 0])
        assert str(error.value) == f"backend 'torch' cannot take this call: {NO_STEPS}"


def _operations(layer: torch.nn.LSTM) -> set[str]:
    """Return the names of all operations in the graph of an output."""
    found, stack = set(), [layer(X)[0].grad_fn]
    while stack:
        node = stack.pop()
        found.add(type(node).__name__)
        stack += [n for n, _ in node.next_functions if n is not None]
    return found


def test_the_forced_backend_is_the_one_that_runs(monkeypatch):
    torchs, ours = _operations(torch.nn.LSTM(3, 2)), _operations(LSTM(3, 2, backend="reference"))
    native = _operations(LSTM(3, 2, backend="native"))
    assert torchs != ours != native != torchs
    assert _operations(LSTM(3, 2)) == native
    assert _operations(LSTM(3, 2, backend="torch")) == torchs
    monkeypatch.setenv("LSTMKIT_BACKEND", "reference")
    assert _operations(LSTM(3, 2)) == ours


def test_the_explanation_reads_as_a_few_lines():
    assert str(LSTM(3, 2, backend="reference").explain(X, lengths=[4, 0])).splitlines() == [
        "backend: reference (forced by argument)",
        "  native: can take this call",
        f"  torch: {NO_STEPS}",
        "  chunkwise: lstm has no parallel form",
        "  reference: can take this call",
        "  cost: one Python step per time step, about ten times as slow as a kernel or more",
    ]
    assert str(LSTM(3, 2).explain(X)).splitlines()[0] == "backend: native"


def test_explaining_checks_the_call_as_running_does():
    with pytest.raises(RuntimeError, match="Expected 3, got 5"):
        LSTM(3, 2).explain(torch.zeros(4, 2, 5))
    with pytest.raises(InputError, match=r"in 0\.\.4"):
        LSTM(3, 2).explain(X, lengths=[5, 1])
