"""The native kernel against the reference: values and every gradient, for every cell and instruction set here."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from lstmkit.nn import LSTM
from lstmkit.recurrence import Call, Cell, Masks, run_reference
from lstmkit.recurrence.cells import ALstm, Gru, Lstm, Mogrifier, Rnn, SLstm
from lstmkit.recurrence.library import load_library
from lstmkit.recurrence.native import run_native

TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5}  # of the largest value
SIZES = ((1, 1, 1, 1), (1, 4, 3, 16), (3, 2, 1, 3), (7, 5, 3, 17), (33, 7, 4, 50), (20, 13, 63, 63), (4, 3, 150, 130))
STACKS = ((1, False, True), (2, True, True), (3, True, False), (3, False, True))
GATED = [
    Lstm(peephole=peephole, coupled=coupled, layer_norm=norm)
    for peephole in (False, True)
    for coupled in (None, "input", "forget")
    for norm in (None, "ba", "gates")
]
OTHERS = [
    ALstm(),
    ALstm(lags=(1,)),
    ALstm(lags=(3, 1), period=4),
    ALstm(mean=True),
    Mogrifier(),
    Mogrifier(rounds=2, rank=3),
    Mogrifier(rounds=0),
    SLstm(),
    SLstm(exponential_forget=True),
    Gru(),
    Rnn(),
]
ODD, WIDE = (7, 5, 3, 17), (13, 9, 20, 35)


def make_call(
    cell: Cell,
    sizes: tuple[int, ...],
    stack: tuple[int, bool, bool],
    dtype: torch.dtype,
    lengths: Any = None,
    proj_size: int = 0,
) -> Call:
    """Return a call with random tensors, all of which want gradients."""
    (T, B, I, H), (K, bidirectional, bias) = sizes, stack  # noqa: E741
    torch.manual_seed(3)
    lstm = LSTM(I, H, K, bias, bidirectional=bidirectional, proj_size=proj_size, dtype=dtype, cell=cell)
    ends = None if lengths is None else torch.as_tensor(lengths)
    call = lstm._assemble(torch.randn(T, B, I, dtype=dtype), None, ends)
    weights = tuple((w + 0.3 * torch.randn_like(w)).detach().requires_grad_() for w in call.weights)
    state = [torch.randn_like(s) for s in call.state]
    if "n" in cell.states:  # a normaliser is positive
        state[2] = state[2].abs() + 0.5
    if "phase" in cell.states:
        state[2:] = call.state[2:]
    return dataclasses.replace(
        call, x=call.x.requires_grad_(), state=tuple(s.requires_grad_() for s in state), weights=weights
    )


def in_double(call: Call, seed: int | None = None) -> Call:
    """Return the call in float64; with a seed, every value moved by up to one unit in the last place of float32."""
    draw = torch.Generator().manual_seed(seed or 0)

    def convert(tensor: Tensor) -> Tensor:
        exact = tensor.detach().double()
        if seed is not None:
            exact = exact * (1 + 2**-23 * (2 * torch.rand(exact.shape, generator=draw, dtype=exact.dtype) - 1))
        return exact.requires_grad_()

    masks = Masks(*(None if mask is None else mask.double() for mask in call.masks.in_order()))
    state, weights = tuple(map(convert, call.state)), tuple(map(convert, call.weights))
    return dataclasses.replace(call, x=convert(call.x), state=state, weights=weights, masks=masks)


def everything(call: Call, run: Any) -> list[Tensor]:
    """Return outputs, final states and the gradients of all inputs and weights; the loss is the same in every type."""
    out = run(call)
    torch.manual_seed(4)
    ends = [s for name, s in zip(call.cell.states, out.state, strict=True) if name not in ("m", "phase")]
    loss = sum((t * torch.randn(t.shape).to(t)).sum() for t in (out.y, *ends))
    found = torch.autograd.grad(loss, call.tensors, allow_unused=True)
    gradients = [torch.zeros_like(t) if g is None else g for g, t in zip(found, call.tensors, strict=True)]
    return [t.detach() for t in (out.y, *out.state, *gradients)]


def distance(a: Tensor, b: Tensor) -> float:
    """Return the largest difference, of the largest value of b."""
    assert a.shape == b.shape
    return float((a - b).abs().max() / (1 + b.abs().max())) if a.numel() else 0.0  # a past of width 0


def assert_same(call: Call, dtype: torch.dtype) -> None:
    """Compare with the reference in float64.

    Where rounding is magnified, as in a norm of values that are almost equal, the reference in float32 is further off
    than the tolerance, too. What is allowed then is a few times its distance, or what rounding of the inputs would do.
    That takes many draws: the largest of three is often a third of the largest of sixty, and a kernel is one more draw.
    """
    exact = in_double(call)
    truth = everything(exact, run_reference)
    found = [distance(ours, theirs) for ours, theirs in zip(everything(call, run_native), truth, strict=True)]
    if max(found) <= TOLERANCES[dtype]:
        return
    assert dtype == torch.float32, found
    others = [everything(in_double(call, seed), run_reference) for seed in range(1, 17)]
    others.append(everything(call, run_reference))
    reach = max(distance(a, b) for other in others for a, b in zip(other, truth, strict=True))
    assert max(found) <= max(TOLERANCES[dtype], 4 * reach)  # tanh alone is 4 units in the last place here, 1 in torch


def random_lengths(T: int, B: int) -> list[int]:
    return torch.randint(0, T + 1, (B,), generator=torch.Generator().manual_seed(T)).tolist()


def random_masks(call: Call) -> Masks:
    """Return masks of every kind for a call."""
    (T, B, _), states = call.x.shape, call.state[0].shape[0]
    H, P, like = call.hidden, call.output, call.x.detach()
    draw = torch.Generator().manual_seed(5)
    zoneout_h, zoneout_c, candidate, state = (
        torch.randint(0, 2, shape, generator=draw).to(like)
        for shape in ((states, T, B, P), (states, T, B, H), (states, T, B, H), (states, 1, B, P))
    )
    return Masks(zoneout_h, zoneout_c, candidate / 0.5, state / 0.5)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("ragged", [False, True])
def test_values_and_gradients_equal_the_references(target, ragged, sizes, stack, dtype):
    assert_same(make_call(Lstm(), sizes, stack, dtype, random_lengths(*sizes[:2]) if ragged else None), dtype)


@pytest.mark.parametrize(
    ("sizes", "dtype"),
    [
        *((ODD, dtype) for dtype in TOLERANCES),
        (WIDE, torch.float32),
        pytest.param(WIDE, torch.float64, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("cell", GATED + OTHERS, ids=str)
@pytest.mark.parametrize("stack", STACKS[1:])
def test_every_cell_equals_the_reference(target, sizes, stack, cell, dtype):
    assert_same(make_call(cell, sizes, stack, dtype, random_lengths(*sizes[:2])), dtype)
    assert_same(make_call(cell, sizes, stack, dtype), dtype)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", GATED, ids=str)
@pytest.mark.parametrize("proj_size", [0, 6])
def test_all_masks_and_projections_equal_the_reference(target, cell, proj_size, dtype):
    call = make_call(cell, ODD, (2, True, True), dtype, random_lengths(*ODD[:2]), proj_size)
    assert_same(dataclasses.replace(call, masks=random_masks(call)), dtype)


@pytest.mark.parametrize("cell", GATED, ids=str)
@pytest.mark.parametrize("which", range(4), ids=["zoneout h", "zoneout c", "candidate", "state"])
def test_each_mask_by_itself_equals_the_reference(cell, which):
    call = make_call(cell, ODD, (2, True, True), torch.float64, random_lengths(*ODD[:2]), 6)
    drawn = Masks(*(m if k == which else None for k, m in enumerate(random_masks(call).in_order())))
    assert_same(dataclasses.replace(call, masks=drawn), torch.float64)


@pytest.mark.parametrize("heads", [2, 3])
def test_heads_of_an_slstm_equal_the_reference(heads):
    assert_same(
        make_call(SLstm(heads=heads), (7, 5, 3, 18), (2, True, True), torch.float64, [7, 0, 3, 3, 1]), torch.float64
    )


def test_a_state_in_the_middle_of_a_period_equals_the_reference():
    call = make_call(ALstm(), ODD, (2, True, True), torch.float64, [7, 0, 3, 3, 1])
    first = run_reference(call)
    assert_same(dataclasses.replace(call, state=tuple(s.detach().requires_grad_() for s in first.state)), torch.float64)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", [Lstm(), Lstm(peephole=True, coupled="input", layer_norm="ba"), *OTHERS], ids=str)
def test_bits_do_not_depend_on_the_number_of_threads_nor_on_the_run(target, cell, dtype):
    call = make_call(cell, (70, 11, 20, 70), (2, True, True), dtype, random_lengths(70, 11))
    if isinstance(cell, Lstm):
        call = dataclasses.replace(call, masks=random_masks(call))
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2, 3, 4, 1):
        torch.set_num_threads(threads)
        results.append(everything(call, run_native))
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("cell", GATED + OTHERS, ids=str)
def test_fresh_memory_is_never_read(target, cell):
    call = make_call(cell, ODD, (2, True, True), torch.float32, [7, 0, 3, 3, 1])
    clean = everything(call, run_native)
    torch.use_deterministic_algorithms(True)  # torch.empty then returns NaN
    filled = everything(call, run_native)
    torch.use_deterministic_algorithms(False)
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert all(torch.equal(a, b) for a, b in zip(clean, filled, strict=True))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("cell", [Lstm(), Lstm(peephole=True, coupled="forget"), Gru(), Rnn()], ids=str)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_nan_and_infinity_come_out_as_in_the_reference(target, value, cell, dtype):
    call = make_call(cell, (5, 3, 2, 4), (1, False, True), dtype)
    x = call.x.detach().clone()
    x[2, 1, 0] = value
    with torch.no_grad():
        poisoned = dataclasses.replace(call, x=x)
        ours, theirs = run_native(poisoned), run_reference(poisoned)
    for a, b in zip((ours.y, *ours.state), (theirs.y, *theirs.state), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("cell", GATED + OTHERS, ids=str)
def test_inference_gives_the_bits_of_training(target, cell):
    call = make_call(cell, (40, 5, 3, 17), (3, True, True), torch.float32, random_lengths(40, 5))
    trained = run_native(call)
    with torch.no_grad():
        inferred = run_native(call)
    pairs = zip((trained.y, *trained.state), (inferred.y, *inferred.state), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "cell",
    [
        Lstm(),
        Gru(),
        *(
            pytest.param(cell, marks=pytest.mark.slow)
            for cell in (Lstm(peephole=True, coupled="input"), Mogrifier(rounds=2))
        ),
    ],
    ids=str,
)
def test_second_gradients_go_through_the_reference(cell):
    call = make_call(cell, (3, 2, 2, 3), (1, True, True), torch.float64, [3, 2])

    def run(x: Tensor, *weights: Tensor) -> Tensor:
        return run_native(dataclasses.replace(call, x=x, weights=weights)).y

    inputs = (call.x, *call.weights)
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


def test_a_forked_process_runs_on_threads_of_its_own():
    call = make_call(Lstm(), (60, 8, 64, 64), (1, False, True), torch.float32)
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


def _run_in_child(call: Call, queue: Any) -> None:
    with torch.no_grad():
        queue.put(float(run_native(call).y.sum()))


def test_a_target_this_machine_lacks_is_refused():
    library, _ = load_library()
    assert library is not None
    assert library.lstmkit_use_target(b"sse9") == 1
