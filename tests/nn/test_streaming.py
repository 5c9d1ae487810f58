"""A step always uses the weights and the state as they are now, whatever changed them."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import torch
from torch import Tensor, nn

from lstmkit.nn import LSTM, Gru, Lstm, SLstm

CELLS = pytest.mark.parametrize("cell", [Lstm(), Lstm(peephole=True), Gru(), SLstm(heads=2)], ids=str)


def set_by_data(weight: Tensor) -> None:
    weight.data.mul_(0.5)


def set_other_data(weight: Tensor) -> None:
    weight.data = weight.data * 0.5


def set_by_numpy(weight: Tensor) -> None:
    weight.detach().numpy()[...] *= 0.5


def set_in_inference_mode(weight: Tensor) -> None:
    with torch.inference_mode():
        weight.data.copy_(weight * 0.5)


def set_storage(weight: Tensor) -> None:
    weight.data.set_(weight.detach().clone() * 0.5)


def set_by_foreach(weight: Tensor) -> None:
    torch._foreach_mul_([weight.data], 0.5)


def set_last_value(weight: Tensor) -> None:
    weight.data.view(-1)[-1] += 1.0


def set_bits_of_a_zero(weight: Tensor) -> None:
    weight.data.zero_()
    weight.data.neg_()


def set_elsewhere(weight: Tensor) -> None:
    """Change the weight from another process, through shared memory."""
    weight.share_memory_()
    context = torch.multiprocessing.get_context("spawn")
    other = context.Process(target=set_by_data, args=(weight,))
    other.start()
    other.join()
    assert other.exitcode == 0


CHANGES = [
    set_by_data,
    set_other_data,
    set_by_numpy,
    set_in_inference_mode,
    set_storage,
    set_by_foreach,
    set_last_value,
    set_bits_of_a_zero,
]


def assert_step_is_forward(layer: LSTM, x: Tensor, state: tuple[Tensor, ...]) -> None:
    with torch.no_grad():
        y, after = layer.step(x, state)
        known, last = layer(x[None], tuple(s.clone() for s in state))
    torch.testing.assert_close(y, known[0], rtol=1e-6, atol=1e-6)
    for found, expected in zip(after, last, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def make(cell: object, layers: int = 2) -> tuple[LSTM, Tensor, tuple[Tensor, ...]]:
    """Return a layer that has made a step, an input, and the state after the step."""
    torch.manual_seed(0)
    layer, x = LSTM(5, 6, layers, cell=cell), torch.randn(3, 5)
    with torch.no_grad():
        for name, weight in layer.named_parameters():
            if "hh" in name:
                weight.normal_()
        _, state = layer.step(x)
        _, state = layer.step(x, state)
    assert layer.stream is not None
    return layer, x, state


@CELLS
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("which", [0, -1])
def test_any_change_of_a_weight_is_seen(cell, change, which):
    layer, x, state = make(cell)
    change(list(layer.parameters())[which])
    assert_step_is_forward(layer, x, state)


def test_a_weight_that_is_replaced_is_seen():
    layer, x, state = make("lstm")
    layer.weight_hh_l1 = nn.Parameter(layer.weight_hh_l1.detach() * 0.5)
    assert_step_is_forward(layer, x, state)


def test_a_change_by_another_process_is_seen():
    layer, x, state = make("lstm")
    before = layer.step(x, state)[0]
    set_elsewhere(layer.weight_hh_l0)
    assert_step_is_forward(layer, x, state)
    assert not torch.equal(layer.step(x, state)[0], before)


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad])
@pytest.mark.parametrize("how", [{"fused": True}, {"foreach": True}, {}], ids=str)
def test_a_step_of_an_optimizer_is_seen(optimizer, how):
    layer, x, state = make("lstm")
    adapt = optimizer(layer.parameters(), lr=0.1, **how)
    for _ in range(3):
        with torch.no_grad():
            before = layer.step(x, state)[0]
        layer(x[None])[0].sum().backward()
        adapt.step()
        with torch.no_grad():
            assert not torch.equal(layer.step(x, state)[0], before)
        assert_step_is_forward(layer, x, state)


def test_a_weight_that_is_transposed_in_place_is_seen():
    layer, x, state = make("rnn", layers=1)
    layer.weight_hh_l0.data = layer.weight_hh_l0.data.t()
    assert_step_is_forward(layer, x, state)
    layer.weight_hh_l0.data = torch._neg_view(layer.weight_hh_l0.data.contiguous())
    assert_step_is_forward(layer, x, state)


def test_settings_that_change_are_seen():
    layer, x, state = make("lstm")
    layer.regularization = LSTM(1, 1, zoneout=0.5).regularization
    layer._draws = True
    layer.eval()
    assert_step_is_forward(layer, x, state)
    layer.cell = Lstm(epsilon=1.0)
    layer.double()
    assert_step_is_forward(layer, x.double(), tuple(s.double() for s in state))


def set_state_data(state: Tensor) -> None:
    state.data = torch.full_like(state, 0.25)


def set_state_storage(state: Tensor) -> None:
    state.set_(torch.full((2, 3, 6), 0.25))


def swap_state(state: Tensor) -> None:
    torch.utils.swap_tensors(state, torch.full((2, 3, 6), 0.25))


def strides_of_state(state: Tensor) -> None:
    state.data = torch.randn(3, 2, 6).transpose(0, 1)


def expand_state(state: Tensor) -> None:
    state.data = torch.randn(2, 1, 6).expand(2, 3, 6)


def negate_state(state: Tensor) -> None:
    state.data = torch._neg_view(state.data.clone())


def share_state(state: Tensor) -> None:
    state.share_memory_()


def overlap_state(state: Tensor) -> None:
    state.data = torch.as_strided(torch.randn(12), (2, 3, 6), (3, 1, 1))


STATES = [
    set_state_data,
    set_state_storage,
    swap_state,
    strides_of_state,
    expand_state,
    negate_state,
    share_state,
    overlap_state,
]


@CELLS
@pytest.mark.parametrize("change", STATES)
def test_a_returned_state_is_read_where_and_as_it_lies(cell, change):
    layer, x, state = make(cell)
    for each in state[: 2 if cell == Lstm() else 1]:
        change(each)
    freed = [torch.full((2, 3, 6), 9.0) for _ in range(20)]  # takes the memory that the states had
    assert_step_is_forward(layer, x, state)
    assert all(bool((memory == 9).all()) for memory in freed)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda s: s.resize_(2, 3, 5), r"Expected hidden\[0\] size \(2, 3, 6\), got \[2, 3, 5\]"),
        (lambda s: s.resize_(9, 3, 6).zero_(), r"Expected hidden\[0\] size \(2, 3, 6\), got \[9, 3, 6\]"),
        (lambda s: setattr(s, "data", s.data.double()), "not the same dtype"),
    ],
)
def test_a_returned_state_of_another_size_or_type_is_refused(change, error):
    layer, x, state = make("lstm")
    change(state[0])
    with torch.no_grad(), pytest.raises(RuntimeError, match=error):
        layer.step(x, state)


def test_an_input_is_read_as_it_lies():
    layer, x, state = make("lstm")
    for other in (
        torch._neg_view(x.clone()),
        torch.randn(5, 3).t(),
        torch.randn(1, 5).expand(3, 5),
        torch._efficientzerotensor((3, 5)),
        torch.randn(6, 5)[::2],
        torch.randn(3, 5, dtype=torch.complex64).conj().imag,
    ):
        assert_step_is_forward(layer, other, state)


def test_steps_with_and_without_inference_mode_agree():
    layer, x, state = make("lstm")
    with torch.no_grad():
        known = layer.step(x, state)
    with torch.inference_mode():
        y, after = layer.step(x, state)
        again = layer.step(x, after)[0]
    assert torch.equal(y, known[0])
    with torch.no_grad():
        assert torch.equal(layer.step(x, known[1])[0], again)


def test_threads_may_step_one_layer_at_the_same_time():
    layer, x, state = make("lstm")
    with torch.no_grad():
        known, found = layer.step(x, state)[0], []

    @torch.no_grad()
    def work() -> None:
        found.extend(bool(torch.equal(layer.step(x, state)[0], known)) for _ in range(200))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 800


@pytest.mark.parametrize("how", ["small", "big"])
def test_a_resized_state_ends_in_an_exception_and_not_in_a_crash(how):
    shape = {"small": "1, 1, 8", "big": "64, 1, 16"}[how]
    code = (
        "import torch; from lstmkit.nn import LSTM\n"
        "m, x = LSTM(8, 16), torch.randn(1, 8); zero = tuple(torch.zeros(1, 1, 16) for _ in range(2))\n"
        "with torch.no_grad():\n"
        "  for _ in range(300):\n"
        "    _, s = m.step(x, zero)\n"
        f"    for t in s: t.resize_({shape})\n"
        "    try: m.step(x, s); raise SystemExit('taken')\n"
        "    except RuntimeError: pass\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
