"""The layer is a torch.nn.LSTM to everything around it: names, initial weights, copies, functional calls, errors."""

from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import load, save
from torch.func import functional_call
from torch.nn.utils.rnn import pack_sequence

from lstmkit.errors import InputError
from lstmkit.nn import LSTM

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
FULL = {"num_layers": 2, "bidirectional": True, "proj_size": 2}


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"num_layers": 2, "bidirectional": True}, FULL])
def test_initial_weights_under_a_seed_are_torchs(options):
    torch.manual_seed(4)
    theirs = torch.nn.LSTM(5, 3, **options).state_dict()
    torch.manual_seed(4)
    ours = LSTM(5, 3, **options).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_state_dicts_load_both_ways():
    theirs, ours = torch.nn.LSTM(5, 3, **FULL), LSTM(5, 3, **FULL, backend="torch")
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    x = torch.randn(4, 2, 5)
    assert not torch.equal(ours(x)[0], theirs(x)[0])
    theirs.load_state_dict(ours.state_dict(), strict=True)
    assert torch.equal(ours(x)[0], theirs(x)[0])
    fresh = LSTM(5, 3, **FULL, backend="torch")
    fresh.load_state_dict(theirs.state_dict(), strict=True)
    assert torch.equal(fresh(x)[0], theirs(x)[0])


def test_weights_survive_a_file_without_pickle(backend):
    ours, other = LSTM(5, 3, **FULL, backend=backend), LSTM(5, 3, **FULL, backend=backend)
    other.load_state_dict(load(save(ours.state_dict())), strict=True)
    x = torch.randn(4, 2, 5)
    assert torch.equal(ours(x)[0], other(x)[0])


def test_a_deep_copy_is_equal_and_independent(backend):
    ours = LSTM(5, 3, **FULL, backend=backend)
    x = torch.randn(4, 2, 5)
    before = ours(x)[0].detach().clone()
    copied = copy.deepcopy(ours)
    assert copied.backend == backend
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
    assert torch.equal(ours(x)[0], before)
    assert not copied(x)[0].any()


def test_functional_call_uses_the_given_weights(backend):
    ours, other = LSTM(5, 3, **FULL, backend=backend), LSTM(5, 3, **FULL, backend=backend)
    x = torch.randn(4, 2, 5)
    weights = {name: p.detach().clone().requires_grad_() for name, p in other.named_parameters()}
    y, _ = functional_call(ours, weights, (x,))
    assert torch.equal(y, other(x)[0])
    y.sum().backward()
    assert all(w.grad is not None for w in weights.values())
    assert all(p.grad is None for p in ours.parameters())


@pytest.mark.parametrize("x", [torch.zeros(4, 2, 5).double(), pack_sequence([torch.zeros(3, 5).double()])])
def test_functional_call_may_change_the_type(x, backend):
    ours = LSTM(5, 3, backend=backend)
    weights = {name: p.detach().double() for name, p in ours.named_parameters()}
    assert functional_call(ours, weights, (x,))[1][0].dtype == torch.float64
    assert ours(torch.zeros(4, 2, 5))[0].dtype == torch.float32


def test_conversion_to_another_type_takes_effect(backend):
    ours = LSTM(5, 3, backend=backend)
    x = torch.randn(4, 2, 5, dtype=torch.float64)
    y, (h, c) = ours.double()(x)
    assert y.dtype == h.dtype == c.dtype == torch.float64


def test_nothing_is_kept_between_calls(backend):
    ours = LSTM(5, 3, backend=backend)
    x = torch.randn(4, 2, 5)
    first = ours(x)[0]
    ours(torch.randn(9, 3, 5), lengths=[9, 1, 4])
    assert torch.equal(ours(x)[0], first)


def _zeros(*shape: int, **options) -> torch.Tensor:
    return torch.zeros(shape, **options)


WRONG = {
    "one axis": (_zeros(5), None),
    "four axes": (_zeros(2, 2, 2, 5), None),
    "input size": (_zeros(4, 2, 6), None),
    "unbatched input size": (_zeros(4, 6), None),
    "no steps": (_zeros(0, 2, 5), None),
    "input type": (_zeros(4, 2, 5, dtype=torch.float64), None),
    "integer input": (_zeros(4, 2, 5, dtype=torch.int64), None),
    "h0 batch": (_zeros(4, 2, 5), (_zeros(1, 3, 3), _zeros(1, 2, 3))),
    "c0 batch": (_zeros(4, 2, 5), (_zeros(1, 2, 3), _zeros(1, 3, 3))),
    "h0 layers": (_zeros(4, 2, 5), (_zeros(2, 2, 3), _zeros(2, 2, 3))),
    "c0 width": (_zeros(4, 2, 5), (_zeros(1, 2, 3), _zeros(1, 2, 4))),
    "unbatched state for a batch": (_zeros(4, 2, 5), (_zeros(1, 3), _zeros(1, 3))),
    "batched state for one sequence": (_zeros(4, 5), (_zeros(1, 1, 3), _zeros(1, 1, 3))),
    "state type": (_zeros(4, 2, 5), (_zeros(1, 2, 3, dtype=torch.float64), _zeros(1, 2, 3, dtype=torch.float64))),
    "c0 type": (_zeros(1, 2, 5), (_zeros(1, 2, 3), _zeros(1, 2, 3, dtype=torch.float64))),
    "packed input size": (pack_sequence([_zeros(3, 6), _zeros(2, 6)]), None),
    "packed state": (pack_sequence([_zeros(3, 5), _zeros(2, 5)]), (_zeros(1, 3, 3), _zeros(1, 3, 3))),
    "packed state type": (
        pack_sequence([_zeros(1, 5)]),
        (_zeros(1, 1, 3), _zeros(1, 1, 3, dtype=torch.float64)),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_raises_what_torch_raises(what, backend):
    x, hx = WRONG[what]
    with pytest.raises((ValueError, RuntimeError)) as theirs:
        torch.nn.LSTM(5, 3)(x, hx)
    with pytest.raises((ValueError, RuntimeError)) as ours:
        LSTM(5, 3, backend=backend)(x, hx)
    assert ours.type is theirs.type, f"{ours.value} / {theirs.value}"


@pytest.mark.parametrize("what", ["input size", "h0 batch", "c0 width", "input type"])
def test_wrong_shapes_are_named_in_torchs_words(what, backend):
    x, hx = WRONG[what]
    with pytest.raises((ValueError, RuntimeError)) as theirs:
        torch.nn.LSTM(5, 3)(x, hx)
    with pytest.raises((ValueError, RuntimeError)) as ours:
        LSTM(5, 3, backend=backend)(x, hx)
    assert str(ours.value) == str(theirs.value)


def test_an_empty_batch_gives_what_torch_gives(backend):
    x = torch.zeros(4, 0, 5)
    theirs, ours = torch.nn.LSTM(5, 3)(x), LSTM(5, 3, backend=backend)(x)
    assert ours[0].shape == theirs[0].shape
    assert [s.shape for s in ours[1]] == [s.shape for s in theirs[1]]


@pytest.mark.parametrize(
    ("options", "error"),
    [({"dropout": 2.0}, ValueError), ({"proj_size": 3}, ValueError), ({"num_layers": 0}, ValueError)],
    ids=["dropout", "proj_size", "num_layers"],
)
def test_wrong_settings_raise_what_torch_raises(options, error):
    with pytest.raises(error) as theirs:
        torch.nn.LSTM(5, 3, **options)
    with pytest.raises(error) as ours:
        LSTM(5, 3, **options)
    assert str(ours.value) == str(theirs.value)


def test_an_unknown_backend_is_refused_when_the_layer_is_built():
    with pytest.raises(InputError, match="one of native, torch, chunkwise, reference; got 'cuda'"):
        LSTM(5, 3, backend="cuda")
