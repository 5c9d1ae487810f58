"""The native kernel against the reference: values and every gradient, on every instruction set this machine has."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from lstmkit.recurrence.call import LstmCall
from lstmkit.recurrence.library import load_library
from lstmkit.recurrence.native import run_native
from lstmkit.recurrence.reference import lstm_reference

TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5}  # of the largest value
SIZES = ((1, 1, 1, 1), (1, 4, 3, 16), (3, 2, 1, 3), (7, 5, 3, 17), (33, 7, 4, 50), (20, 13, 63, 63), (4, 3, 150, 130))
STACKS = ((1, False, True), (2, True, True), (3, True, False), (3, False, True))


@pytest.fixture(params=["avx512", "avx2", "portable"])
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    library, why_not = load_library()
    assert library is not None, why_not
    if request.param not in library.lstmkit_targets().decode().split():
        pytest.skip(f"this machine has no {request.param}")
    before = library.lstmkit_target()
    assert library.lstmkit_use_target(request.param.encode()) == 0
    yield request.param
    library.lstmkit_use_target(before)


def make_call(sizes: tuple[int, ...], stack: tuple[int, bool, bool], dtype: torch.dtype, lengths: Any) -> LstmCall:
    """Return a call with random tensors, all of which want gradients."""
    (T, B, I, H), (K, bidirectional, bias) = sizes, stack  # noqa: E741
    D = 1 + bidirectional
    torch.manual_seed(3)
    lstm = torch.nn.LSTM(I, H, K, bias=bias, bidirectional=bidirectional, dtype=dtype)
    x, h0, c0 = (torch.randn(*s, dtype=dtype).requires_grad_() for s in ((T, B, I), (K * D, B, H), (K * D, B, H)))
    ends = None if lengths is None else torch.as_tensor(lengths)
    return LstmCall(x, h0, c0, tuple(lstm.parameters()), ends, K, bidirectional, bias, False, 0.0, True)


def everything(call: LstmCall, run: Any) -> list[Tensor]:
    """Return outputs, final states and the gradients of all inputs and weights."""
    out = run(call)
    torch.manual_seed(4)
    loss = sum((t * torch.randn_like(t)).sum() for t in (out.y, out.h, out.c))
    return [out.y, out.h, out.c, *torch.autograd.grad(loss, [call.x, call.h0, call.c0, *call.weights])]


def random_lengths(T: int, B: int) -> list[int]:
    return torch.randint(0, T + 1, (B,), generator=torch.Generator().manual_seed(T)).tolist()


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("ragged", [False, True])
def test_values_and_gradients_equal_the_references(target, ragged, sizes, stack, dtype):
    call = make_call(sizes, stack, dtype, random_lengths(*sizes[:2]) if ragged else None)
    for ours, theirs in zip(everything(call, run_native), everything(call, lstm_reference), strict=True):
        assert (ours - theirs).abs().max() <= TOLERANCES[dtype] * (1 + theirs.abs().max())


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_bits_do_not_depend_on_the_number_of_threads_nor_on_the_run(target, dtype):
    call = make_call((40, 11, 20, 70), (2, True, True), dtype, random_lengths(40, 11))
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2, 3, 4, 1):
        torch.set_num_threads(threads)
        results.append(everything(call, run_native))
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_fresh_memory_is_never_read(target):
    call = make_call((7, 5, 3, 17), (2, True, True), torch.float32, [7, 0, 3, 3, 1])
    clean = everything(call, run_native)
    torch.use_deterministic_algorithms(True)  # torch.empty then returns NaN
    filled = everything(call, run_native)
    torch.use_deterministic_algorithms(False)
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert all(torch.equal(a, b) for a, b in zip(clean, filled, strict=True))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_nan_and_infinity_come_out_as_in_the_reference(target, value, dtype):
    call = make_call((5, 3, 2, 4), (1, False, True), dtype, None)
    x = call.x.detach().clone()
    x[2, 1, 0] = value
    with torch.no_grad():
        poisoned = dataclasses.replace(call, x=x)
        ours, theirs = run_native(poisoned), lstm_reference(poisoned)
    for a, b in zip((ours.y, ours.h, ours.c), (theirs.y, theirs.h, theirs.c), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_inference_gives_the_bits_of_training(target):
    call = make_call((40, 5, 3, 17), (3, True, True), torch.float32, random_lengths(40, 5))
    trained = run_native(call)
    with torch.no_grad():
        inferred = run_native(call)
    assert all(torch.equal(getattr(trained, f.name), getattr(inferred, f.name)) for f in dataclasses.fields(trained))


def test_second_gradients_go_through_the_reference():
    call = make_call((3, 2, 2, 3), (1, True, True), torch.float64, [3, 2])

    def run(x: Tensor, h0: Tensor, *weights: Tensor) -> Tensor:
        return run_native(dataclasses.replace(call, x=x, h0=h0, weights=weights)).y

    inputs = (call.x, call.h0, *call.weights)
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize("ragged", [False, True])
def test_operators_pass_torchs_own_checks(ragged):
    call = make_call((4, 3, 2, 5), (2, True, True), torch.float32, [4, 0, 2] if ragged else None)
    given = [t.detach() for t in (call.x, call.h0, call.c0)]
    how = ([w.detach() for w in call.weights], call.lengths, 2, 2, True)
    checks = ("test_schema", "test_faketensor")
    torch.library.opcheck(torch.ops.lstmkit.lstm_infer.default, (*given, *how), test_utils=checks)
    torch.library.opcheck(torch.ops.lstmkit.lstm.default, (*given, *how), test_utils=("test_schema",))
    y, h, c, reserve = torch.ops.lstmkit.lstm(*given, *how)
    backward = (*given, *how, y, reserve, torch.ones_like(y), h, c, True)
    torch.library.opcheck(torch.ops.lstmkit.lstm_backward.default, backward, test_utils=checks)
    fake = torch.library.opcheck(torch.ops.lstmkit.lstm.default, (*given, *how), test_utils=("test_faketensor",))
    assert set(fake.values()) == {"SUCCESS"}


def test_a_forked_process_runs_on_threads_of_its_own():
    call = make_call((60, 8, 64, 64), (1, False, True), torch.float32, None)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    wanted = everything(call, run_native)  # starts the pool in this process
    context = torch.multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_run_in_child, args=(call, queue))
    child.start()
    child.join(60)
    torch.set_num_threads(before)
    assert child.exitcode == 0
    assert queue.get() == float(wanted[0].detach().sum())


def _run_in_child(call: LstmCall, queue: Any) -> None:
    with torch.no_grad():
        queue.put(float(run_native(call).y.sum()))


def test_a_target_this_machine_lacks_is_refused():
    library, _ = load_library()
    assert library is not None
    assert library.lstmkit_use_target(b"sse9") == 1
