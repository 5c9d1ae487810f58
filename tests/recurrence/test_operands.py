"""What the kernel is given is what its cell and sizes ask for, and is read as it is meant, at every door."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lstmkit.errors import InputError
from lstmkit.nn import LSTM, ALstm, Gru, Lstm, MLstm, Mogrifier, Rnn, SLstm
from lstmkit.recurrence import BACKENDS, Call, Cell, Masks
from lstmkit.recurrence.backends import run
from lstmkit.recurrence.kernels import kernel_cell, kernel_epsilon

T, B, I, H = 4, 3, 5, 6  # noqa: E741
CELLS = [Lstm(), Lstm(peephole=True), Lstm(coupled="input", layer_norm="ba"), Lstm(layer_norm="gates"), Gru(), Rnn()]
CELLS += [ALstm(), Mogrifier(), Mogrifier(rounds=3, rank=2), SLstm(heads=2)]
OPERATORS = ("run", "forward", "backward")


def make_call(cell: Cell = Lstm(), dtype: torch.dtype = torch.float64, **options: Any) -> Call:  # noqa: B008
    torch.manual_seed(0)
    layer = LSTM(I, H, 2, cell=cell, dtype=dtype, **options)
    call = layer._assemble(torch.randn(T, B, I, dtype=dtype), None, None)
    return dataclasses.replace(call, weights=tuple(w.detach() for w in call.weights))


def operands(call: Call) -> tuple[Any, ...]:
    epsilon, how = kernel_epsilon(call.cell), tuple(kernel_cell(call))
    masks = list(call.masks.in_order())
    return call.x, list(call.state), list(call.weights), call.lengths, masks, epsilon, how


def run_operator(name: str, call: Call) -> Any:
    """Run one of the operators by itself; for "backward" after a forward of the call as it should be."""
    operator = getattr(torch.ops.lstmkit, name).default
    if name != "backward":
        return operator(*operands(call))
    right = make_call(call.cell)
    y, last, reserve = torch.ops.lstmkit.forward.default(*operands(right))
    return operator(*operands(call), y, reserve, y, last, True)


def wrong_weights(call: Call) -> list[tuple[Tensor, ...]]:
    """Return the weights with each of them, in turn, of other shapes."""
    found = []
    for k, w in enumerate(call.weights):
        shapes = [(1,) * w.dim(), (0, *w.shape[1:]), (*w.shape[:-1], w.shape[-1] + 1), (*w.shape, 1)]
        shapes += [tuple(reversed(w.shape))] if w.dim() == 2 and w.shape[0] != w.shape[1] else []
        found += [(*call.weights[:k], w.new_zeros(shape), *call.weights[k + 1 :]) for shape in shapes]
    return [*found, call.weights[:-1], (*call.weights, call.weights[-1]), ()]


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_refuses_weights_of_other_shapes(cell, name):
    call = make_call(cell)
    run_operator(name, call)
    for weights in wrong_weights(call):
        with pytest.raises(InputError, match=r"recurrence: .*(must have shape|weights; got)"):
            run_operator(name, dataclasses.replace(call, weights=weights))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(
    "change",
    [
        {"x": torch.zeros(T, B, I + 1, dtype=torch.float64)},
        {"x": torch.zeros(T, B, dtype=torch.float64)},
        {"x": torch.zeros(T, B, I)},
        {"x": torch.zeros(T, B, I, dtype=torch.int64)},
        {"x": torch.zeros(T, B, I, dtype=torch.bfloat16)},
        {"state": (torch.zeros(2, B, H, dtype=torch.float64),)},
        {"state": (torch.zeros(2, B, H, dtype=torch.float64), torch.zeros(2, B + 1, H, dtype=torch.float64))},
        {"state": (torch.zeros(2, B, H, dtype=torch.float64), torch.zeros(2, B, H))},
        {"state": (torch.zeros(1, B, H, dtype=torch.float64),) * 2},
        {"lengths": torch.zeros(B + 1, dtype=torch.int64)},
        {"lengths": torch.zeros(B)},
        {"lengths": torch.tensor([0, T + 1, 0])},
        {"lengths": torch.tensor([0, -1, 0])},
        {"lengths": torch.tensor([0, 2**62, -(2**62)])},
        {"masks": Masks(torch.zeros(1, T, B, H, dtype=torch.float64))},
        {"masks": Masks(torch.zeros(2, T - 1, B, H, dtype=torch.float64))},
        {"masks": Masks(candidate=torch.zeros(2, T, B - 1, H, dtype=torch.float64))},
        {"masks": Masks(state=torch.zeros(2, 1, 1, H - 1, dtype=torch.float64))},
        {"masks": Masks(zoneout_c=torch.zeros(2, 1, 1, H))},
        {"masks": Masks(zoneout_c=torch.zeros(H, dtype=torch.float64))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_operator_refuses_other_tensors(name, change):
    with pytest.raises(InputError, match="recurrence: "):
        run_operator(name, dataclasses.replace(make_call(), **change))


@pytest.mark.parametrize("cell", [Gru(), Rnn(), ALstm(), Mogrifier(), SLstm()], ids=str)
def test_an_operator_refuses_masks_that_its_cell_does_not_take(cell):
    with pytest.raises(InputError, match="on a cell that takes masks"):
        run_operator("run", dataclasses.replace(make_call(cell), masks=Masks(torch.zeros(2, 1, 1, H).double())))


@pytest.mark.parametrize(
    ("place", "value"), [("H", 0), ("H", -1), ("K", 0), ("K", -2), ("D", 0), ("D", 3), ("P", 0), ("P", 9), ("H", 7)]
)
@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_refuses_sizes_that_are_none(name, place, value):
    call = make_call()
    given = list(operands(call))
    given[-1] = tuple(kernel_cell(call)._replace(**{place: value}))
    rest = (torch.zeros(T, B, H).double(), torch.zeros(0).double(), torch.zeros(T, B, H).double(), given[1], True)
    with pytest.raises(InputError, match="recurrence: "):
        getattr(torch.ops.lstmkit, name).default(*given, *(rest if name == "backward" else ()))


@pytest.mark.parametrize("k", range(5))
def test_the_backward_refuses_what_is_not_of_its_forward(k):
    call = make_call()
    y, last, reserve = torch.ops.lstmkit.forward.default(*operands(call))
    right: list[Any] = [y, reserve, y, *last]
    torch.ops.lstmkit.backward.default(*operands(call), *right[:3], right[3:], True)
    for wrong in (right[k][1:], right[k].float(), right[k].new_zeros(0)):
        given = [*right[:k], wrong, *right[k + 1 :]]
        with pytest.raises(InputError, match="recurrence: y, reserve, dy and dlast must be"):
            torch.ops.lstmkit.backward.default(*operands(call), *given[:3], given[3:], True)


@pytest.mark.parametrize("backend", [b.name for b in BACKENDS])
def test_every_backend_refuses_weights_of_other_shapes(backend):
    call = make_call(MLstm() if backend == "chunkwise" else Lstm())
    run(call, backend)
    for weights in wrong_weights(call):
        with pytest.raises(InputError, match=r"recurrence: .*(must have shape|weights; got)"):
            run(dataclasses.replace(call, weights=weights), backend)


CHANGES: dict[str, Callable[[LSTM], Any]] = {
    "hidden_size": lambda m: setattr(m, "hidden_size", 7),
    "hidden_size below": lambda m: setattr(m, "hidden_size", 5),
    "num_layers": lambda m: setattr(m, "num_layers", 3),
    "num_layers below": lambda m: setattr(m, "num_layers", 1),
    "bidirectional": lambda m: setattr(m, "bidirectional", True),
    "proj_size": lambda m: setattr(m, "proj_size", 2),
    "bias": lambda m: setattr(m, "bias", False),
    "cell": lambda m: setattr(m, "cell", Lstm(peephole=True)),
    "a weight": lambda m: setattr(m, "weight_hh_l0", nn.Parameter(torch.zeros(24, 5))),
    "a bias": lambda m: setattr(m, "bias_hh_l1", nn.Parameter(torch.zeros(1))),
    "data": lambda m: setattr(m.weight_ih_l1, "data", torch.zeros(24, 7)),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("backend", [None, "native", "torch", "reference"])
@pytest.mark.parametrize("grad", [True, False])
def test_a_layer_that_was_changed_after_it_was_built_says_so(what, backend, grad):
    layer = LSTM(I, H, 2, backend=backend)
    x, state = torch.randn(T, B, I), (torch.zeros(2, B, H), torch.zeros(2, B, H))
    with torch.set_grad_enabled(grad):
        layer(x)
        layer.step(x[0], state)
        CHANGES[what](layer)
        with pytest.raises((InputError, RuntimeError), match=r"^(recurrence|LSTM|Expected hidden|backend)"):
            layer(x)
        with pytest.raises((InputError, RuntimeError), match=r"^(recurrence|LSTM|Expected hidden|backend)"):
            layer.step(x[0], state)


def test_another_input_size_is_refused_too():
    layer = LSTM(I, H)
    layer.input_size = I - 1
    with pytest.raises(InputError, match=r"weight_ih of layer 0 must have shape \(24, 4\); got \(24, 5\)"):
        layer(torch.randn(T, B, I - 1))


# Marks that say what a tensor's memory means, and layouts of the same numbers.
FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "negated by a mark": lambda t: torch._neg_view(-t),
    "part of a conjugate": lambda t: torch.complex(t, -t).conj().imag,
    "every other": lambda t: torch.stack([t, torch.full_like(t, torch.nan)], -1)[..., 0],
    "transposed": lambda t: t.transpose(0, -1).contiguous().transpose(0, -1),
    "a parameter": lambda t: nn.Parameter(t, requires_grad=False),
}


def gradients(call: Call, cotangents: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    y, last, reserve = torch.ops.lstmkit.forward.default(*operands(call))
    dx, dstate, dweights = torch.ops.lstmkit.backward.default(
        *operands(call), y, reserve, cotangents[0], list(cotangents[1:]), True
    )
    return (y, *last, dx, *dstate, *dweights)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_tensors_are_read_as_they_are_meant(form, cell):
    change, call = FORMS[form], make_call(cell)
    masks = Masks()
    if isinstance(cell, Lstm):
        masks = Masks(*(torch.rand(2, T, B, H, dtype=torch.float64) for _ in range(4)))
    call = dataclasses.replace(call, masks=masks, lengths=torch.tensor([T, 2, 0]))
    dy = tuple(torch.randn(s, dtype=torch.float64) for s in [(T, B, H), *(s.shape for s in call.state)])
    known = gradients(call, dy)
    other = dataclasses.replace(
        call,
        x=change(call.x),
        state=tuple(map(change, call.state)),
        weights=tuple(map(change, call.weights)),
        masks=Masks(*(None if m is None else change(m) for m in masks.in_order())),
        lengths=torch.tensor([[T, 2, 0], [9, 9, 9]]).t()[:, 0],
    )
    for found, expected in zip(gradients(other, tuple(map(change, dy))), known, strict=True):
        assert torch.equal(found, expected)
    assert torch.equal(run(other, "native").y, known[0])


@pytest.mark.parametrize("form", [form for form in FORMS if form != "a parameter"])
def test_a_layer_and_its_gradients_read_tensors_as_they_are_meant(form):
    change, call = FORMS[form], make_call()
    leaves = [t.clone().requires_grad_() for t in call.tensors]
    weight = torch.randn(T, B, H, dtype=torch.float64)

    def loss(tensors: list[Tensor], dy: Tensor) -> tuple[Tensor, ...]:
        n = len(call.state)
        out = run(
            dataclasses.replace(call, x=tensors[0], state=tuple(tensors[1 : n + 1]), weights=tuple(tensors[n + 1 :]))
        )
        return torch.autograd.grad(out.y, leaves, dy)

    for found, expected in zip(loss([change(t) for t in leaves], change(weight)), loss(leaves, weight), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_a_tensor_that_is_zero_by_a_mark_alone_is_zero():
    call = make_call()
    zeros = torch._efficientzerotensor
    other = dataclasses.replace(
        call,
        x=zeros(T, B, I, dtype=torch.float64),
        state=tuple(zeros(2, B, H, dtype=torch.float64) for _ in range(2)),
        weights=(*call.weights[:-1], zeros(4 * H, dtype=torch.float64)),
    )
    same = dataclasses.replace(
        other, x=torch.zeros_like(call.x), weights=(*call.weights[:-1], torch.zeros(24).double())
    )
    same = dataclasses.replace(same, state=call.state)
    assert torch.equal(run(other, "native").y, run(same, "native").y)
    with torch.no_grad():
        assert torch.equal(torch.ops.lstmkit.run.default(*operands(other))[0], run(same).y)


@pytest.mark.parametrize("backend", [None, "native"])
def test_tensors_that_are_no_plain_numbers_in_memory_end_in_an_exception(backend):
    layer, x = LSTM(I, H, backend=backend), torch.randn(T, B, I)
    for other in (x.to(torch.complex64), x.to(torch.int32), x.bool()):
        with torch.no_grad(), pytest.raises(ValueError, match="RNN input dtype"):
            layer(other)
    dense = layer.weight_hh_l0.detach()
    for convert in (torch.Tensor.to_sparse, torch.Tensor.to_mkldnn):
        with (
            torch.no_grad(),
            pytest.raises(InputError, match="recurrence: tensors must lie densely in memory; got torch"),
        ):
            layer(convert(x))
        layer.weight_hh_l0 = nn.Parameter(convert(dense), requires_grad=False)
        with (
            torch.no_grad(),
            pytest.raises(InputError, match="recurrence: tensors must lie densely in memory; got torch"),
        ):
            layer.step(x[0], (torch.zeros(1, B, H), torch.zeros(1, B, H)))
        layer.weight_hh_l0 = nn.Parameter(dense)
    with pytest.raises(InputError, match="recurrence: tensors must lie densely in memory; got torch"):
        layer(x)[0].backward(torch.ones(T, B, H).to_sparse())


def test_a_tensor_without_its_memory_is_refused():
    layer, x = LSTM(I, H), torch.randn(T, B, I)
    x.untyped_storage().resize_(0)
    with torch.no_grad(), pytest.raises(InputError, match="has no memory"):
        layer(x)
    layer.weight_hh_l0.untyped_storage().resize_(0)
    with torch.no_grad(), pytest.raises(InputError, match="has no memory"):
        layer(torch.randn(T, B, I))
