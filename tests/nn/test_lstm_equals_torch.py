"""Without lengths, the layer gives torch.nn.LSTM's numbers: outputs, states and every gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from lstmkit.nn import LSTM

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
HIDDEN = pytest.mark.parametrize("hidden_size", [1, 3, 63])
DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])


@pytest.mark.filterwarnings("ignore:Fail to import hypothesis:ImportWarning")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_torchs_own_module_tests_give_torchs_numbers(backend, training, everything, assert_same):
    from torch.testing._internal.common_modules import module_db  # here: it warns when it is imported

    [info] = [info for info in module_db if info.module_cls is torch.nn.LSTM]
    inputs = info.module_inputs_func(info, device="cpu", dtype=torch.float64, requires_grad=True, training=training)
    assert len(inputs) >= 32
    for case in inputs:
        args, kwargs = case.constructor_input.args, case.constructor_input.kwargs
        theirs = torch.nn.LSTM(*args, **kwargs, dtype=torch.float64).train(training)
        ours = LSTM(*args, **kwargs, dtype=torch.float64, backend=backend).train(training)
        ours.load_state_dict(theirs.state_dict(), strict=True)
        given = (case.forward_input.args, case.forward_input.kwargs)
        assert_same(everything(ours, *given[0], **given[1]), everything(theirs, *given[0], **given[1]))


@HIDDEN
@DTYPES
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["plain", "stacked-both-ways"])
def test_values_and_gradients_equal_torchs(hidden_size, dtype, options, backend, pair, states, everything, assert_same):
    theirs, ours = pair(5, hidden_size, **options, dtype=dtype, backend=backend)
    x, hx = torch.randn(7, 4, 5, dtype=dtype), states(theirs, 4)
    assert_same(everything(ours, x, hx), everything(theirs, x, hx))


@DTYPES
@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 2},
        {"bidirectional": True},
        {"bias": False},
        {"proj_size": 2},
        {"proj_size": 2, "bias": False, "num_layers": 2, "bidirectional": True},
        {"batch_first": True, "num_layers": 2},
        {"batch_first": True, "bidirectional": True, "proj_size": 1},
    ],
    ids=lambda options: "-".join(options),
)
def test_every_option_equals_torchs(dtype, options, backend, pair, states, everything, assert_same):
    theirs, ours = pair(4, 3, **options, dtype=dtype, backend=backend)
    x, hx = torch.randn(6, 5, 4, dtype=dtype), states(theirs, 6 if "batch_first" in options else 5)
    assert_same(everything(ours, x, hx), everything(theirs, x, hx))
    assert_same(everything(ours, x), everything(theirs, x))


@DTYPES
@pytest.mark.parametrize(("T", "B"), [(1, 4), (6, 1), (1, 1)], ids=["one-step", "one-sequence", "one-of-each"])
def test_smallest_sizes_equal_torchs(dtype, T, B, backend, pair, states, everything, assert_same):
    theirs, ours = pair(1, 3, num_layers=2, bidirectional=True, dtype=dtype, backend=backend)
    x, hx = torch.randn(T, B, 1, dtype=dtype), states(theirs, B)
    assert_same(everything(ours, x, hx), everything(theirs, x, hx))


@DTYPES
@pytest.mark.parametrize("options", [{}, {"batch_first": True, "bidirectional": True}], ids=["plain", "batch_first"])
def test_unbatched_input_equals_torchs(dtype, options, backend, pair, states, everything, assert_same):
    theirs, ours = pair(4, 3, **options, dtype=dtype, backend=backend)
    x, hx = torch.randn(6, 4, dtype=dtype), states(theirs, None)
    assert_same(everything(ours, x, hx), everything(theirs, x, hx))
    assert_same(everything(ours, x), everything(theirs, x))


def _strided(t: Tensor) -> Tensor:
    """Return the same numbers with gaps between them in memory."""
    return torch.stack([t, torch.full_like(t, torch.nan)], dim=-1)[..., 0]


@DTYPES
def test_input_and_state_need_not_be_contiguous(dtype, backend, pair, states, everything, assert_same):
    theirs, ours = pair(4, 3, num_layers=2, bidirectional=True, dtype=dtype, backend=backend)
    x, hx = torch.randn(6, 5, 4, dtype=dtype), states(theirs, 5)
    strided = _strided(x), tuple(map(_strided, hx))
    assert not strided[0].is_contiguous() and not strided[1][0].is_contiguous()
    assert_same(everything(ours, *strided), everything(theirs, x, hx))


def test_evaluation_without_gradients_equals_torchs(backend, pair, states):
    theirs, ours = pair(4, 63, num_layers=2, backend=backend, dtype=torch.float64)
    x, hx = torch.randn(6, 5, 4, dtype=torch.float64), states(theirs, 5)
    with torch.inference_mode():
        ys, yt = ours.eval()(x, hx)[0], theirs.eval()(x, hx)[0]
    torch.testing.assert_close(ys, yt, rtol=1e-10, atol=1e-12)
    assert not ys.requires_grad


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_dropout_draws_what_torch_draws(dropout, training, backend, pair, states, everything, assert_same):
    theirs, ours = pair(4, 3, num_layers=3, bidirectional=True, dropout=dropout, dtype=torch.float64, backend=backend)
    x, hx = torch.randn(6, 5, 4, dtype=torch.float64), states(theirs, 5)
    numbers: list[Any] = []
    for layer in (ours.train(training), theirs.train(training)):
        torch.manual_seed(2)
        numbers.append(everything(layer, x, hx))
    assert_same(*numbers)


def test_dropout_really_drops_between_layers(backend, pair):
    _, ours = pair(4, 3, num_layers=2, dropout=0.5, dtype=torch.float64, backend=backend)
    x = torch.randn(6, 5, 4, dtype=torch.float64)
    assert not torch.equal(ours(x)[0], ours(x)[0])
    ours.eval()
    assert torch.equal(ours(x)[0], ours(x)[0])
