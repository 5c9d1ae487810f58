"""Unequal lengths on torch's LSTM without lengths: the same numbers as the definition, and when that way is taken."""

from __future__ import annotations

import pytest
import torch

from lstmkit.nn import LSTM
from lstmkit.recurrence.gated import run_gated
from lstmkit.recurrence.processor import lower_precision_refusal
from lstmkit.recurrence.reference import run_reference

LENGTHS = torch.tensor([7, 4, 7, 5, 1])
lowers = pytest.mark.skipif(
    bool(lower_precision_refusal(torch.bfloat16, True)), reason="this processor has no LSTM in bfloat16"
)


def call_of(layer: LSTM, lengths: torch.Tensor = LENGTHS, filler: float = 0.0):
    x = torch.randn(int(lengths.max()), len(lengths), layer.input_size)
    x[torch.arange(len(x)).unsqueeze(1) >= lengths] = filler
    states = layer.num_layers * layer.directions
    h, c = (torch.randn(states, len(lengths), layer.hidden_size) for _ in range(2))
    return layer._call(x.requires_grad_(), (torch.zeros_like(h) if layer.bidirectional else h, c), lengths)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bias", [False, True])
def test_outputs_states_and_gradients_are_those_of_the_definition(layers, bidirectional, bias):
    torch.manual_seed(0)
    layer = LSTM(3, 5, layers, bias=bias, bidirectional=bidirectional)
    call = call_of(layer, filler=float("nan"))
    found, known = run_gated(call), run_reference(call)
    wanted = (call.x, *layer.parameters())
    for ours, theirs in zip((found.y, *found.state), (known.y, *known.state), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
        weights = torch.randn_like(ours)
        own, other = (torch.autograd.grad((v * weights).sum(), wanted, retain_graph=True) for v in (ours, theirs))
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5)
    padding = torch.arange(7).unsqueeze(1) >= LENGTHS
    assert bool((found.y[padding] == 0).all())


@lowers
def test_under_autocast_lengths_are_computed_in_its_type_where_little_is_padding():
    torch.manual_seed(0)
    layer, x = LSTM(3, 5, bidirectional=True), torch.randn(7, 5, 3)
    known, (h, c) = layer(x, lengths=[7, 5, 7, 6, 5])
    with torch.autocast("cpu", torch.bfloat16):
        explained = layer.explain(x, lengths=[7, 5, 7, 6, 5])
        y, states = layer(x, lengths=[7, 5, 7, 6, 5])
        assert layer.explain(x, lengths=[7, 2, 3, 2, 2]).chosen == "native"
    assert explained.chosen == "torch"
    assert explained.note == "autocast is on: computed in torch.bfloat16, returned in torch.bfloat16"
    for ours, theirs in zip((y, *states), (known, h, c), strict=True):
        assert ours.dtype == torch.bfloat16
        torch.testing.assert_close(ours.float(), theirs, rtol=0.02, atol=0.02)  # bfloat16 has three digits


def test_torch_func_goes_over_lengths_under_autocast_as_before():
    torch.manual_seed(0)
    layer, x, state = LSTM(3, 5, bidirectional=True), torch.randn(2, 7, 5, 3), torch.zeros(2, 2, 5, 5)
    run = torch.func.vmap(lambda own, h: layer(own, (h, h), lengths=[7, 7, 6, 7, 7])[0])
    with torch.autocast("cpu", torch.bfloat16):
        found = run(x, state)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), run(x, state), rtol=0.02, atol=0.02)


@lowers
def test_what_padding_would_lose_is_left_to_our_kernel():
    """A length of 0, the backward direction after a state, and other cells than the plain LSTM."""
    x, state = torch.randn(7, 5, 3), (torch.ones(2, 5, 5), torch.ones(2, 5, 5))
    most = [7, 6, 7, 7, 6]
    with torch.autocast("cpu", torch.bfloat16):
        assert LSTM(3, 5).explain(x, lengths=[7, 7, 7, 7, 0]).chosen == "native"
        assert LSTM(3, 5, bidirectional=True).explain(x, state, lengths=most).chosen == "native"
        assert LSTM(3, 5, cell="peephole").explain(x, lengths=most).chosen == "native"
        assert LSTM(3, 5, zoneout=0.1).explain(x, lengths=most).chosen == "native"
        assert LSTM(3, 5, proj_size=2).explain(x, lengths=most).chosen == "native"
        assert LSTM(3, 5).explain(x, tuple(s[:1] for s in state), lengths=most).chosen == "torch"
