"""With lengths: torch's packed sequences, nothing read from the padding, true ends in both directions."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence

from lstmkit.errors import InputError
from lstmkit.nn import LSTM

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")

T = 7
WIDTH = 4
DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
LENGTHS = pytest.mark.parametrize(
    "lengths",
    [[3, 7, 3, 1, 5], [1, 1, 1, 1, 1], [7, 7, 7, 7, 7], [2, 4, 4, 2, 6], [1], [7]],
    ids=["mixed", "ones", "full", "ties-none-full", "single-one", "single-full"],
)
BOTH = {"num_layers": 2, "bidirectional": True}
OPTIONS = pytest.mark.parametrize(
    "options",
    [{}, BOTH, {"batch_first": True, "bias": False}, {**BOTH, "proj_size": 2}],
    ids=["plain", "stacked-both-ways", "batch_first-no-bias", "projected"],
)


def _padding(lengths: list[int]) -> torch.Tensor:
    return torch.arange(T)[:, None] >= torch.tensor(lengths)


@DTYPES
@LENGTHS
@OPTIONS
def test_lengths_give_the_numbers_of_packed_sequences(
    dtype, lengths, options, backend, pair, states, everything, assert_same
):
    theirs, ours = pair(WIDTH, 3, **options, dtype=dtype, backend=backend)
    B = len(lengths)
    x = torch.randn(*((B, T) if "batch_first" in options else (T, B)), WIDTH, dtype=dtype)
    hx = states(theirs, B)
    assert_same(everything(ours, x, hx, lengths), everything(theirs, x, hx, lengths))
    assert_same(everything(ours, x, None, lengths), everything(theirs, x, None, lengths))


@pytest.mark.parametrize("hidden_size", [1, 63])
def test_odd_sizes_with_lengths_equal_torchs(hidden_size, backend, pair, states, everything, assert_same):
    theirs, ours = pair(WIDTH, hidden_size, **BOTH, dtype=torch.float64, backend=backend)
    x, hx, lengths = torch.randn(T, 3, WIDTH, dtype=torch.float64), states(theirs, 3), [2, 7, 1]
    assert_same(everything(ours, x, hx, lengths), everything(theirs, x, hx, lengths))


@pytest.mark.parametrize("as_given", [list, tuple, torch.tensor, lambda n: torch.tensor(n, dtype=torch.int32)])
def test_lengths_may_be_a_list_or_an_integer_tensor(as_given, backend, pair):
    _, ours = pair(WIDTH, 3, backend=backend)
    x = torch.randn(T, 3, WIDTH)
    assert torch.equal(ours(x, lengths=as_given([2, 7, 1]))[0], ours(x, lengths=[2, 7, 1])[0])


@OPTIONS
def test_full_lengths_give_what_no_lengths_give(options, backend, pair, states, everything, assert_same):
    _, ours = pair(WIDTH, 3, **options, dtype=torch.float64, backend=backend)
    x, hx = torch.randn(T, T, WIDTH, dtype=torch.float64), states(ours, T)
    assert_same(everything(ours, x, hx, [T] * T), everything(ours, x, hx))


@LENGTHS
def test_outputs_at_padding_are_exactly_zero(lengths, backend, pair):
    _, ours = pair(WIDTH, 3, **BOTH, backend=backend)
    y, _ = ours(torch.randn(T, len(lengths), WIDTH), lengths=lengths)
    assert y.shape[0] == T
    assert torch.equal(y.eq(0).all(dim=2), _padding(lengths))


@pytest.mark.parametrize("junk", [torch.nan, torch.inf, 1e30])
@OPTIONS
def test_nothing_reads_the_padding(junk, options, backend, pair, states, everything):
    _, ours = pair(WIDTH, 3, **options, backend=backend)
    lengths = [3, 7, 3, 1, 5]
    clean, hx = torch.randn(T, 5, WIDTH), states(ours, 5)
    dirty = clean.masked_fill(_padding(lengths)[..., None], junk)
    if "batch_first" in options:
        clean, dirty = clean.transpose(0, 1), dirty.transpose(0, 1)
    expected, found = everything(ours, clean, hx, lengths), everything(ours, dirty, hx, lengths)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    gradient = found["gradient of x"].transpose(0, 1) if "batch_first" in options else found["gradient of x"]
    assert torch.equal(gradient.eq(0).all(dim=2), _padding(lengths))


def test_each_sequence_ends_as_if_it_were_alone(backend, pair, states):
    _, ours = pair(WIDTH, 3, **BOTH, dtype=torch.float64, backend=backend)
    lengths = [3, 7, 1, 5]
    x, (h0, c0) = torch.randn(T, 4, WIDTH, dtype=torch.float64), states(ours, 4)
    y, (h, c) = ours(x, (h0, c0), lengths=lengths)
    for b, length in enumerate(lengths):
        alone, (h_alone, c_alone) = ours(x[:length, b], (h0[:, b], c0[:, b]))
        torch.testing.assert_close(y[:length, b], alone, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(h[:, b], h_alone, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(c[:, b], c_alone, rtol=1e-10, atol=1e-12)


def test_final_state_is_the_output_at_the_true_ends(backend, pair):
    _, ours = pair(WIDTH, 3, bidirectional=True, backend=backend)
    lengths = torch.tensor([3, 7, 1, 5])
    y, (h, _) = ours(torch.randn(T, 4, WIDTH), lengths=lengths)
    assert torch.equal(h[0], y[lengths - 1, torch.arange(4), :3])
    assert torch.equal(h[1], y[0, :, 3:])


@pytest.mark.parametrize("options", [{}, BOTH, {"proj_size": 2}], ids=["plain", "stacked-both-ways", "projected"])
@pytest.mark.parametrize("name", [None, "reference"])
def test_a_sequence_of_no_steps_keeps_its_initial_state(options, name, pair, states, everything):
    _, ours = pair(WIDTH, 3, **options, backend=name)
    x, hx = torch.full((T, 3, WIDTH), torch.nan), states(ours, 3)
    x[:4, 1] = 1.0
    found = everything(ours, x, hx, [0, 4, 0])
    assert not any(value.isnan().any() for value in found.values())
    assert not found["y"][:, [0, 2]].any() and found["y"][:4, 1].any()
    for state, initial in (("h", hx[0]), ("c", hx[1])):
        assert torch.equal(found[state][:, [0, 2]], initial[:, [0, 2]])
        assert not torch.equal(found[state][:, 1], initial[:, 1])


def test_torch_refuses_a_sequence_of_no_steps_when_forced():
    ours = LSTM(WIDTH, 3, backend="torch")
    with pytest.raises(InputError, match="backend 'torch' cannot take this call: a sequence has length 0, which"):
        ours(torch.zeros(T, 2, WIDTH), lengths=[0, 3])


WRONG = {
    "floating": (torch.tensor([1.0, 2.0]), "must be integers; got torch.float32"),
    "boolean": (torch.tensor([True, True]), "must be integers; got torch.bool"),
    "too few": ([3], r"shape \(2,\); got shape \(1,\)"),
    "too many axes": (torch.ones(2, 1, dtype=torch.int64), r"shape \(2,\); got shape \(2, 1\)"),
    "a number": (torch.tensor(3), r"got shape \(\)"),
    "negative": ([3, -1], r"in 0\.\.7, the steps of the input; sequence 1 has -1"),
    "too long": ([8, 3], r"in 0\.\.7, the steps of the input; sequence 0 has 8"),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("batch_first", [False, True])
def test_wrong_lengths_are_refused_with_their_value(what, batch_first, backend):
    lengths, message = WRONG[what]
    ours = LSTM(WIDTH, 3, batch_first=batch_first, backend=backend)
    x = torch.zeros((2, T, WIDTH) if batch_first else (T, 2, WIDTH))
    with pytest.raises(InputError, match=message):
        ours(x, lengths=lengths)


def test_lengths_of_an_unbatched_sequence_are_refused(backend):
    with pytest.raises(InputError, match="lengths= needs a batch"):
        LSTM(WIDTH, 3, backend=backend)(torch.zeros(T, WIDTH), lengths=[T])


def test_lengths_with_a_packed_sequence_are_refused(backend):
    with pytest.raises(InputError, match="carries its own lengths"):
        LSTM(WIDTH, 3, backend=backend)(pack_sequence([torch.zeros(T, WIDTH)]), lengths=[T])


@DTYPES
@OPTIONS
@pytest.mark.parametrize("enforce_sorted", [True, False], ids=["sorted", "unsorted"])
@pytest.mark.parametrize("with_state", [True, False], ids=["state", "no-state"])
def test_a_packed_sequence_gives_torchs_packed_sequence(
    dtype, options, enforce_sorted, with_state, backend, pair, states, assert_same
):
    theirs, ours = pair(WIDTH, 3, **options, dtype=dtype, backend=backend)
    lengths = torch.tensor([7, 4, 4, 1] if enforce_sorted else [4, 1, 7, 4])
    hx = states(theirs, 4) if with_state else None
    numbers, packed = [], []
    for layer in (ours, theirs):
        x = torch.randn(T, 4, WIDTH, dtype=dtype, generator=torch.Generator().manual_seed(1)).requires_grad_()
        out, (h, c) = layer(pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted), hx)
        (out.data.square().sum() + h.square().sum() + c.square().sum()).backward()
        gradients = {name: p.grad for name, p in layer.named_parameters()}
        numbers.append({"data": out.data, "h": h, "c": c, "gradient of x": x.grad, **gradients})
        packed.append(out)
    assert_same(*numbers)
    assert torch.equal(packed[0].batch_sizes, packed[1].batch_sizes)
    for order in ("sorted_indices", "unsorted_indices"):
        found, expected = getattr(packed[0], order), getattr(packed[1], order)
        assert (found is None) == (expected is None) == enforce_sorted
        assert found is None or torch.equal(found, expected)
