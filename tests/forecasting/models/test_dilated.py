"""Dilated layers against single steps whose states are kept by hand."""

from __future__ import annotations

import pytest
import torch

from lstmkit.forecasting.models.dilated import DilatedStack, dilated
from lstmkit.nn import CELLS, LSTM


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize(("T", "dilation"), [(7, 1), (7, 3), (8, 4), (3, 5)])
def test_each_step_reads_its_state_from_so_many_steps_before(cell: str, T: int, dilation: int) -> None:
    torch.manual_seed(0)
    layer = LSTM(3, 8, cell=cell, dtype=torch.float64)
    x = torch.randn(T, 2, 3, dtype=torch.float64)
    states: list = []
    for t in range(T):
        y, state = layer.step(x[t], states[t - dilation] if t >= dilation else None)
        states.append(state)
        torch.testing.assert_close(dilated(layer, x, dilation)[t], y)


def test_every_block_but_a_widening_one_has_a_shortcut() -> None:
    torch.manual_seed(0)
    stack = DilatedStack(3, 4, ((1, 2), (3,)))
    x = torch.randn(6, 2, 3)
    first = dilated(stack.layers[1], dilated(stack.layers[0], x, 1), 2)
    torch.testing.assert_close(stack(x), first + dilated(stack.layers[2], first, 3))
    as_wide = DilatedStack(4, 4, ((1,),))
    x = torch.randn(6, 2, 4)
    torch.testing.assert_close(as_wide(x), x + dilated(as_wide.layers[0], x, 1))


def test_no_step_has_an_influence_on_those_before() -> None:
    torch.manual_seed(0)
    stack = DilatedStack(3, 4, ((1, 2), (5, 8)))
    x = torch.randn(11, 2, 3)
    later = x.clone()
    later[6:] += 1
    assert torch.equal(stack(x)[:6], stack(later)[:6])
    assert not torch.equal(stack(x)[6:], stack(later)[6:])


def test_several_layers_at_one_dilation_are_a_stack_of_the_same() -> None:
    torch.manual_seed(0)
    stack = DilatedStack(3, 4, ((2,),), num_layers=2)
    x = torch.randn(6, 2, 3)
    expected = torch.stack([stack.layers[0](x[k::2])[0] for k in range(2)], 1).flatten(0, 1)
    torch.testing.assert_close(stack(x), expected)
