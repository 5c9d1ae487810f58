"""Zoneout, weight-drop and the dropouts of the recurrence: their rates, what they leave alone, and evaluation."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.nn import LSTM
from lstmkit.nn.regularization import _chosen, locked
from lstmkit.recurrence import Masks, run_reference

BOTH = pytest.mark.parametrize("backend", ["native", "reference"])
X = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("probability", [0.0, 1e-3, 0.1, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("shape", [(1_000_000,), (3, 333_333)])
def test_draws_have_the_probability_asked_for(shape, probability):
    drawn = _chosen(torch.zeros(1), shape, probability)
    assert drawn.shape == shape
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    deviation = (probability * (1 - probability) / drawn.numel()) ** 0.5
    assert abs(float(drawn.mean()) - probability) <= 5 * deviation + 2**-17


def test_draws_are_independent_of_each_other():
    drawn = _chosen(torch.zeros(1), (4, 250_000), 0.5) - 0.5
    for lag in (1, 2, 3, 4, 5, 8):
        assert abs(float((drawn[:, lag:] * drawn[:, :-lag]).mean())) < 5 * 0.25 / 1000


def test_draws_follow_the_seed():
    first, second = (torch.manual_seed(seed) and _chosen(torch.zeros(1), (1000,), 0.5) for seed in (3, 3))
    assert torch.equal(first, second)
    assert not torch.equal(first, _chosen(torch.zeros(1), (1000,), 0.5))


@BOTH
def test_full_zoneout_keeps_the_state(backend):
    lstm = LSTM(3, 5, zoneout=1.0, backend=backend)
    hx = (torch.randn(1, 4, 5), torch.randn(1, 4, 5))
    for layer in (lstm, lstm.eval()):
        y, (h, c) = layer(X, hx)
        assert torch.equal(y, hx[0].expand(6, -1, -1))
        assert torch.equal(h, hx[0])
        assert torch.equal(c, hx[1])


def test_zoneout_of_h_alone_keeps_about_its_share_of_h():
    lstm = LSTM(3, 400, zoneout=(0.3, 0.0), backend="native")
    y, _ = lstm(X)
    kept = (y[1:] == y[:-1]).double().mean()
    assert abs(float(kept) - 0.3) < 5 * (0.21 / (5 * 4 * 400)) ** 0.5


@BOTH
def test_zoneout_in_evaluation_uses_its_expectation(backend):
    lstm = LSTM(3, 5, 2, bidirectional=True, zoneout=(0.3, 0.2), backend=backend).eval()
    call = lstm._assemble(X, None, None)
    masks = Masks(torch.full((4, 1, 1, 5), 0.3), torch.full((4, 1, 1, 5), 0.2))
    torch.testing.assert_close(lstm(X)[0], run_reference(dataclasses.replace(call, masks=masks)).y)


def test_weight_drop_drops_its_share_once_a_call_and_never_in_the_parameters():
    lstm = LSTM(3, 200, weight_drop=0.5)
    before = lstm.weight_hh_l0.detach().clone()
    y, _ = lstm(X)
    y.sum().backward()
    assert torch.equal(lstm.weight_hh_l0, before)
    dropped = float((lstm.weight_hh_l0.grad == 0).double().mean())
    assert abs(dropped - 0.5) < 5 * 0.5 / lstm.weight_hh_l0.numel() ** 0.5
    assert not torch.equal(lstm(X)[0], y)
    plain = LSTM(3, 200).eval()
    plain.load_state_dict(lstm.state_dict())
    torch.testing.assert_close(lstm.eval()(X)[0], plain(X)[0])


def test_a_dropped_matrix_is_the_matrix_with_entries_dropped_and_scaled():
    lstm = LSTM(3, 5, weight_drop=0.5)
    torch.manual_seed(7)
    y, _ = lstm(X)
    torch.manual_seed(7)
    mask = torch.nn.functional.dropout(torch.ones(20, 5), 0.5)
    plain = LSTM(3, 5)
    plain.load_state_dict(lstm.state_dict() | {"weight_hh_l0": lstm.weight_hh_l0 * mask})
    torch.testing.assert_close(y, plain(X)[0])


def test_a_locked_mask_is_the_same_at_every_step_and_keeps_the_mean():
    out = locked(torch.ones(5, 300, 200), 0.25, training=True)
    assert torch.equal(out, out[:1].expand_as(out))
    assert set(out.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert abs(float(out.mean()) - 1) < 5 * (0.25 / 0.75 / 60_000) ** 0.5
    assert torch.equal(locked(X, 0.25, training=False), X)


def test_locked_dropout_acts_on_inputs_of_layers_and_on_the_output():
    lstm = LSTM(3, 50, 2, locked_dropout=(0.0, 0.0, 0.5))
    y, _ = lstm(X)
    zero = (y == 0).all(0)
    assert 0.3 < float(zero.double().mean()) < 0.7
    nothing = LSTM(3, 50, 2, locked_dropout=(1.0, 0.0, 0.0))
    first, second = nothing(X)[0], nothing(torch.randn_like(X))[0]
    assert torch.equal(first, second)  # neither layer sees anything


@BOTH
def test_dropout_of_the_whole_state_leaves_no_recurrence(backend):
    lstm = LSTM(3, 5, locked_dropout=(0.0, 1.0, 0.0), zoneout=0.0, backend=backend)
    y, _ = lstm(X[:1], (torch.randn(1, 4, 5), torch.zeros(1, 4, 5)))
    torch.testing.assert_close(y, lstm.eval()(X[:1])[0])


@BOTH
def test_recurrent_dropout_of_everything_leaves_the_cell_to_decay(backend):
    lstm = LSTM(3, 5, recurrent_dropout=1.0, backend=backend)
    assert not lstm(X)[0].any()
    _, (_, c) = lstm(X, (torch.zeros(1, 4, 5), torch.ones(1, 4, 5)))
    assert ((c > 0) & (c < 1)).all()


@BOTH
def test_all_regularisers_together_have_the_same_masks_on_every_backend(backend):
    lstm = LSTM(3, 5, 3, dropout=0.2, zoneout=0.1, weight_drop=0.3, locked_dropout=0.2, recurrent_dropout=0.2)
    found = {}
    for name in (backend, "reference"):
        lstm.backend = name
        torch.manual_seed(5)
        y, _ = lstm(X, lengths=[6, 1, 4, 0])
        found[name] = torch.autograd.grad(y.square().sum(), list(lstm.parameters()))
    for ours, theirs in zip(found[backend], found["reference"], strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("cell", "rows"), [("lstm", slice(5, 10)), ("coupled-forget", slice(0, 5))])
def test_the_forget_bias_is_the_sum_of_both_biases(cell, rows):
    lstm = LSTM(3, 5, 2, bidirectional=True, cell=cell, forget_bias=1.5)
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        total = getattr(lstm, f"bias_ih_{suffix}") + getattr(lstm, f"bias_hh_{suffix}")
        assert (total[rows] == 1.5).all()
        assert (total[10:] != 1.5).all()
    assert not (LSTM(3, 5).bias_ih_l0[rows] == 1.5).any()


def test_a_cell_with_one_bias_has_the_forget_bias_in_it():
    lstm = LSTM(3, 4, cell="mlstm", forget_bias=1.5)
    rows = lstm.cell.forget_rows(4)
    assert (lstm.bias_ih_l0[rows] == 1.5).all() and (lstm.bias_ih_l0[: rows.start] != 1.5).all()


WRONG = [
    ({"zoneout": 1.5}, "zoneout must be a probability from 0 to 1; got 1.5"),
    ({"zoneout": (0.1, 0.2, 0.3)}, "zoneout must be one number or 2 of them; got 3"),
    ({"weight_drop": -0.1}, "weight_drop must be a probability from 0 to 1; got -0.1"),
    ({"locked_dropout": (0.1, 0.2)}, "locked_dropout must be one number or 3 of them; got 2"),
    ({"recurrent_dropout": float("nan")}, "recurrent_dropout must be a probability from 0 to 1; got nan"),
    ({"cell": "gru", "zoneout": 0.1}, "gru has no zoneout and no dropout on its state or candidate"),
    ({"cell": "gru", "proj_size": 2}, "gru has no recurrent projection"),
    ({"cell": "gru", "forget_bias": 1.0}, "gru has no forget gate of its own, which forget_bias= could set"),
    ({"bias": False, "forget_bias": 1.0}, "forget_bias= needs bias=True"),
    ({"cell": "gated"}, "cell must be one of lstm, peephole"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=str)
def test_wrong_settings_are_refused_when_the_layer_is_built(options, message):
    with pytest.raises(InputError) as error:
        LSTM(3, 5, **options)
    assert message in str(error.value)
