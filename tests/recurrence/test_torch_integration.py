"""The native operators as citizens of PyTorch: opcheck, autocast, long sequences, and life without the library."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest
import torch
from torch import Tensor

from lstmkit.nn import LSTM, Gru, Lstm, Rnn
from lstmkit.recurrence import Call, Cell, Masks
from lstmkit.recurrence import operators as native_operators
from lstmkit.recurrence.kernels import kernel_cell, kernel_refusal
from lstmkit.recurrence.library import load_library
from lstmkit.recurrence.processor import lower_precision_refusal

CELLS = [Lstm(), Lstm(peephole=True, coupled="input"), Lstm(layer_norm="ba"), Gru(), Rnn()]
CELLS = [cell for cell in CELLS if not kernel_refusal(cell)]
LENGTHS = torch.tensor([6, 0, 3, 1])

pytestmark = pytest.mark.skipif(load_library()[0] is None, reason=load_library()[1] or "there is a library")


def operands(cell: Cell, lengths: Tensor | None, masked: bool) -> tuple[Any, ...]:
    """Return arguments of `lstmkit::run`: T 6, B 4, I 3, H 5, two layers, both directions; all want gradients."""
    torch.manual_seed(0)
    layer = LSTM(3, 5, 2, bidirectional=True, cell=cell, dtype=torch.float64)
    call = layer._assemble(torch.randn(6, 4, 3, dtype=torch.float64, requires_grad=True), None, lengths)
    if masked:
        call = dataclasses.replace(call, masks=_masks(call))
    state = [torch.randn_like(s).requires_grad_() for s in call.state]
    epsilon = cell.epsilon if isinstance(cell, Lstm) else 0.0
    masks = list(call.masks.in_order())
    return call.x, state, list(call.weights), call.lengths, masks, epsilon, list(kernel_cell(call))


def _masks(call: Call) -> Masks:
    shape = (4, *call.x.shape[:2], call.hidden)
    drawn = (torch.rand(s, dtype=call.x.dtype) for s in (shape, shape, shape, (4, 1, 4, call.hidden)))
    return Masks(*drawn)


def without_gradients(arguments: Any) -> Any:
    return torch.utils._pytree.tree_map_only(Tensor, lambda t: t.detach(), arguments)


@pytest.fixture
def zeroed_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the forward keeps has parts that nobody writes, such as ended steps; opcheck compares them too."""
    monkeypatch.setattr(Tensor, "new_empty", Tensor.new_zeros)


@pytest.mark.usefixtures("zeroed_memory")
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "lengths"])
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_operators_pass_opcheck(cell, lengths):
    masked = isinstance(cell, Lstm) and lengths is not None
    arguments = operands(cell, lengths, masked)
    plain = without_gradients(arguments)
    for given in (arguments, plain):
        torch.library.opcheck(torch.ops.lstmkit.run.default, given)
    torch.library.opcheck(torch.ops.lstmkit.forward.default, plain)
    y, last, reserve = torch.ops.lstmkit.forward.default(*plain)
    more = (y, reserve, torch.randn_like(y), [torch.randn_like(s) for s in last])
    for needs_dx in (False, True):
        torch.library.opcheck(torch.ops.lstmkit.backward.default, (*plain, *more, needs_dx))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_operator_has_the_layers_gradients(cell):
    layer = LSTM(3, 5, 2, bidirectional=True, cell=cell, backend="reference", dtype=torch.float64)
    x, state, _, _, masks, epsilon, how = operands(cell, None, masked=False)
    weights = list(layer.parameters())
    ours, _ = torch.ops.lstmkit.run(x, state, weights, LENGTHS, masks, epsilon, how)
    theirs, _ = layer(x, tuple(state), lengths=LENGTHS)
    torch.testing.assert_close(ours, theirs)
    wanted = (x, *state, *weights)
    found, known = (torch.autograd.grad(y.square().sum(), wanted) for y in (ours, theirs))
    torch.testing.assert_close(found, known)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "lengths"])
@pytest.mark.parametrize("cell", [*CELLS, "slstm"], ids=str)
def test_autocast_gives_torchs_type_and_float32_gradients(cell, lengths, dtype):
    torch.manual_seed(0)
    layer, x = LSTM(3, 5, 2, cell=cell), torch.randn(6, 4, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, state = layer(x.to(dtype), lengths=lengths)
        torchs = torch.nn.Linear(3, 5)(x.to(dtype))  # torch's own LSTM raises where oneDNN has none in bfloat16
    assert y.dtype == torchs.dtype == torch.bfloat16
    assert all(s.dtype == torch.bfloat16 for s in state)
    known, _ = layer(x, lengths=lengths)
    torch.testing.assert_close(y.float(), known, rtol=0.02, atol=0.02)  # bfloat16 has three digits
    found, exact = (torch.autograd.grad(v.float().sum(), list(layer.parameters())) for v in (y, known))
    for ours, theirs in zip(found, exact, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - theirs).abs().max() <= 0.03 * (1 + theirs.abs().max())


def test_only_rounding_at_the_end_differs_under_autocast_where_the_kernel_runs():
    torch.manual_seed(0)
    layer, x = LSTM(3, 5, 2, cell="peephole"), torch.randn(6, 4, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = layer(x, lengths=LENGTHS)
        note = layer.explain(x, lengths=LENGTHS).note
        own = torch.float32 if lower_precision_refusal(torch.bfloat16, True) else torch.bfloat16  # torch's own kernel
        assert LSTM(3, 5, 2).explain(x).note == f"autocast is on: computed in {own}, returned in torch.bfloat16"
    assert note == "autocast is on: computed in torch.float32, returned in torch.bfloat16"
    assert f"note: {note}" not in str(layer.explain(x, lengths=LENGTHS))
    assert torch.equal(y, layer(x, lengths=LENGTHS)[0].bfloat16())


def test_autocast_leaves_float64_alone_as_torch_does():
    layer, x = LSTM(3, 5, dtype=torch.float64), torch.randn(6, 4, 3, dtype=torch.float64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x)[0].dtype == torch.nn.LSTM(3, 5, dtype=torch.float64)(x)[0].dtype == torch.float64
        assert torch.equal(layer(x)[0], layer(x, lengths=[6] * 4)[0])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_inference_in_parts_of_time_gives_the_same_bits(monkeypatch, cell, training):
    torch.manual_seed(0)
    rate = 0.1 if isinstance(cell, Lstm) else 0.0  # in training a mask a step, which keeps the parts together
    layer, x = LSTM(3, 17, 3, cell=cell, zoneout=rate, backend="native").train(training), torch.randn(50, 5, 3)
    for lengths in (None, [50, 0, 20, 21, 7]):
        with torch.no_grad():
            torch.manual_seed(1)
            whole = layer(x, lengths=lengths)
            monkeypatch.setattr(native_operators, "_PART", 7 * 5 * 17 * 4)
            torch.manual_seed(1)
            parts = layer(x, lengths=lengths)
            monkeypatch.undo()
        assert torch.equal(whole[0], parts[0])
        assert all(torch.equal(a, b) for a, b in zip(whole[1], parts[1], strict=True))


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter; it must end well."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran


def test_a_long_sequence_keeps_its_output_and_little_else():
    ran = run_python(
        """
        import resource, torch
        from lstmkit.nn import LSTM

        torch.set_num_threads(1)
        layer, x = LSTM(8, 64, 2, backend="native"), torch.zeros(400_000, 1, 8)
        with torch.no_grad():
            layer(x[:10])
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            y, _ = layer(x)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print((after - before) * 1024 - y.nbytes)
        """
    )
    assert int(ran.stdout) < 40 * 2**20  # a second layer's output alone would be 98 MiB


ABSENT = """
    import warnings, torch
    from lstmkit.nn import LSTM

    torch.manual_seed(0)
    x, lengths = torch.randn(6, 4, 3), [6, 2, 3, 1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer, plain = LSTM(3, 5, 2), torch.nn.LSTM(3, 5, 2)
        plain.load_state_dict(layer.state_dict())
        LSTM(3, 5, backend="reference")(x, lengths=lengths)
        assert not caught, "the user chose this"
        assert torch.equal(layer(x)[0], plain(x)[0])
        for _ in range(2):
            y, _ = layer(x, lengths=lengths)
            LSTM(3, 5, cell="peephole")(x, lengths=[6, 0, 3, 1])[0].sum().backward()
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    assert torch.equal(y, torch.nn.utils.rnn.pad_packed_sequence(plain(packed)[0])[0])
    print([str(w.message) for w in caught])
    print(layer.explain(x, lengths=lengths).reasons[0][1])
"""


def test_without_the_library_everything_runs_and_says_so_once(tmp_path):
    ran = run_python(ABSENT, LSTMKIT_LIBRARY=str(tmp_path / "absent.so"))
    warned, reason = ran.stdout.splitlines()
    absent = "the native library is not installed; it is built when lstmkit is installed with a C++ compiler"
    assert reason == absent
    assert warned == str([f"lstmkit: {absent}; until then torch and the reference run in its place, more slowly"])
