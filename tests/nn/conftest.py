"""What the tests of the LSTM layer share: the tolerances, a pair of equal layers, and every number a call gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstmkit.nn import LSTM

TOLERANCES = {
    torch.float64: {"rtol": 1e-10, "atol": 1e-12},
    torch.float32: {"rtol": 1e-5, "atol": 1e-5},
}
"""The only table of tolerances; float32 sums of a few hundred products differ in the order they are added."""

Numbers = dict[str, Tensor]


@pytest.fixture(params=[None, "torch", "reference"])
def backend(request: pytest.FixtureRequest) -> str | None:
    """Every backend by name, and the automatic choice."""
    return request.param


@pytest.fixture
def assert_same() -> Callable[[Numbers, Numbers], None]:
    """Compare everything two calls gave, by the table of tolerances."""

    def check(ours: Numbers, theirs: Numbers) -> None:
        assert ours.keys() == theirs.keys()
        for name, expected in theirs.items():
            assert ours[name].dtype == expected.dtype, name
            bounds = TOLERANCES[expected.dtype]
            # Sums of many products are as exact as their largest value, not as each value that happens to be small.
            largest = float(expected.detach().abs().max()) if expected.numel() else 0.0
            torch.testing.assert_close(
                ours[name],
                expected,
                rtol=bounds["rtol"],
                atol=bounds["atol"] * (1 + largest),
                msg=lambda text, name=name: f"{name}: {text}",
            )

    return check


@pytest.fixture
def pair() -> Callable[..., tuple[torch.nn.LSTM, LSTM]]:
    """Make a torch.nn.LSTM and one of ours with the same weights, larger than the initial ones so that gates move."""

    def make(*sizes: Any, backend: str | None = None, **options: Any) -> tuple[torch.nn.LSTM, LSTM]:
        torch.manual_seed(11)
        theirs = torch.nn.LSTM(*sizes, **options)
        with torch.no_grad():
            for parameter in theirs.parameters():
                parameter.uniform_(-0.7, 0.7)
        ours = LSTM(*sizes, **options, backend=backend)
        ours.load_state_dict(theirs.state_dict(), strict=True)
        return theirs, ours

    return make


@pytest.fixture
def states() -> Callable[[torch.nn.LSTM, int | None], tuple[Tensor, Tensor]]:
    """Make random initial states of a layer for a batch of B sequences, or for an unbatched sequence (None)."""

    def make(layer: torch.nn.LSTM, B: int | None) -> tuple[Tensor, Tensor]:
        count = layer.num_layers * (2 if layer.bidirectional else 1)
        batch = () if B is None else (B,)
        dtype = layer.weight_ih_l0.dtype
        width = layer.proj_size or layer.hidden_size
        return torch.randn(count, *batch, width, dtype=dtype), torch.randn(
            count, *batch, layer.hidden_size, dtype=dtype
        )

    return make


def _call(layer: torch.nn.LSTM, x: Tensor, hx: Any, lengths: list[int] | None) -> tuple[Tensor, Any]:
    if lengths is None:
        return layer(x, hx)
    if isinstance(layer, LSTM):
        return layer(x, hx, lengths=lengths)
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=layer.batch_first, enforce_sorted=False)
    y, state = layer(packed, hx)
    steps = x.shape[1 if layer.batch_first else 0]
    return pad_packed_sequence(y, batch_first=layer.batch_first, total_length=steps)[0], state


@pytest.fixture
def everything() -> Callable[..., Numbers]:
    """Call a layer; return output, states, and the gradient of a random function of all three by all that went in.

    Lengths are given to our layer as lengths, to torch's as a packed sequence.
    """

    def call(layer: torch.nn.LSTM, x: Tensor, hx: Any = None, lengths: list[int] | None = None) -> Numbers:
        inputs = {"x": x.detach().requires_grad_()}
        if hx is not None:
            hx = tuple(state.detach().requires_grad_() for state in hx)
            inputs |= {"h0": hx[0], "c0": hx[1]}
        y, (h, c) = _call(layer, inputs["x"], hx, lengths)
        numbers = {"y": y, "h": h, "c": c}
        draw = torch.Generator().manual_seed(5)
        loss = sum((v * torch.randn(v.shape, generator=draw, dtype=v.dtype)).sum() for v in numbers.values())
        inputs |= dict(layer.named_parameters())
        gradients = torch.autograd.grad(loss, list(inputs.values()))
        numbers |= {f"gradient of {name}": g for name, g in zip(inputs, gradients, strict=True)}
        return {name: v.detach() for name, v in numbers.items()}

    return call
