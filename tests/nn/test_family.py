"""Every cell through the layer: parameters, shapes, saving, steps against sequences, the single-step module."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.nn import CELLS, LSTM, ALstm, Lstm, LSTMCell

EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
X = torch.randn(11, 4, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@EVERY_CELL
def test_a_stack_in_both_directions_has_the_shapes_it_says(cell):
    lstm = LSTM(3, 6, 2, bidirectional=True, cell=cell)
    y, state = lstm(X, lengths=[11, 0, 4, 1])
    assert y.shape == (11, 4, 12)
    assert len(state) == len(lstm.cell.states)
    assert all(s.shape[:2] == (4, 4) for s in state)
    assert not y[4:, 2].any()
    assert not y[:, 1].any()
    again, _ = lstm(X, state)
    assert again.shape == y.shape


@EVERY_CELL
def test_parameters_have_torchs_names_and_go_through_state_dicts_copies_and_pickles(cell):
    lstm = LSTM(3, 6, 2, bidirectional=True, cell=cell)
    names = [name for name, _ in lstm.named_parameters()]
    assert names == list(lstm.state_dict())
    assert {"weight_ih_l0", "weight_ih_l1_reverse"} <= set(names)
    wanted, _ = lstm(X)
    other = LSTM(3, 6, 2, bidirectional=True, cell=cell)
    other.load_state_dict(lstm.state_dict())
    for twin in (other, copy.deepcopy(lstm), pickle.loads(pickle.dumps(lstm))):
        torch.testing.assert_close(twin(X)[0], wanted, rtol=0, atol=0)
    assert lstm.double()(X.double())[0].dtype == torch.float64


@EVERY_CELL
@pytest.mark.parametrize("grad", [False, True])
def test_step_by_step_is_the_whole_sequence(cell, grad):
    lstm = LSTM(3, 6, 2, cell=cell)
    whole, state = lstm(X)
    own, outputs = None, []
    with torch.set_grad_enabled(grad):
        for x in X:
            y, own = lstm.step(x, own)
            outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs), whole)
    for ours, theirs in zip(own, state, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert outputs[0].requires_grad == grad


@EVERY_CELL
def test_the_single_step_module_unrolls_to_the_layer(cell):
    layer, one = LSTM(3, 6, cell=cell), LSTMCell(3, 6, cell=cell)
    one.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    whole, _ = layer(X)
    state, outputs = None, []
    for x in X:
        y, state = one(x, state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs), whole)
    single, _ = one(X[0, 0])
    torch.testing.assert_close(single, outputs[0][0])


def test_the_single_step_module_is_torchs_for_the_plain_cell():
    ours, theirs = LSTMCell(3, 6, cell=Lstm()), torch.nn.LSTMCell(3, 6)
    ours.load_state_dict(theirs.state_dict())
    state = (torch.randn(4, 6), torch.randn(4, 6))
    for a, b in zip(ours(X[0], state)[1], theirs(X[0], state), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("cell", "kind"), [("gru", torch.nn.GRU), ("rnn", torch.nn.RNN)])
@pytest.mark.parametrize("how", [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True}])
def test_cells_of_one_state_take_and_give_the_tensor_alone_as_torchs_do(cell, kind, how):
    ours, theirs = LSTM(3, 6, cell=cell, **how), kind(3, 6, **how)
    ours.load_state_dict(theirs.state_dict())
    B = X.shape[0] if "batch_first" in how else X.shape[1]
    h = torch.randn(ours.num_layers * ours.directions, B, 6)
    y, last = ours(X, h)
    expected, known = theirs(X, h)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(last, known)
    assert torch.equal(ours(X, (h,))[1][0], last)
    packed = torch.nn.utils.rnn.pack_padded_sequence(X, torch.full((B,), 3), ours.batch_first)
    torch.testing.assert_close(ours(packed, h)[1], theirs(packed, h)[1])
    torch.testing.assert_close(ours(X[:, 0], h[:, 0])[1], theirs(X[:, 0], h[:, 0])[1])
    assert ours.explain(X, h).chosen == ours.explain(X, (h,)).chosen


@pytest.mark.parametrize("grad", [True, False])
def test_single_steps_of_cells_of_one_state_take_and_give_the_tensor_alone(grad):
    layer, cell = LSTM(3, 6, cell="gru"), LSTMCell(3, 6, cell="gru")
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    theirs = torch.nn.GRUCell(3, 6)
    theirs.load_state_dict(cell.state_dict())
    h = torch.randn(4, 6)
    with torch.set_grad_enabled(grad):
        for after in (layer.step(X[0], h[None])[1][0], cell(X[0], h)[1]):
            torch.testing.assert_close(after, theirs(X[0], h))


@pytest.mark.parametrize("call", [lambda m, s: m(X, s), lambda m, s: m.step(X[0], s)], ids=["forward", "step"])
def test_a_state_that_is_no_tuple_of_tensors_is_refused(call):
    h = torch.zeros(1, 4, 6)
    with pytest.raises(InputError, match="the state of lstm is a tuple of h, c; got one tensor"):
        call(LSTM(3, 6), h)
    for wrong in ((h, None), "hc", 3, {"h": h}):
        with pytest.raises(InputError, match="the state of lstm is a tuple of the tensors h, c; got"):
            call(LSTM(3, 6), wrong)


@pytest.mark.parametrize("wrong", [None, [[1.0]], X.numpy(), "x"], ids=lambda w: type(w).__name__)
def test_an_input_that_is_no_tensor_is_refused(wrong):
    with pytest.raises(
        InputError, match=f"the input must be a tensor or a PackedSequence; got {type(wrong).__name__}$"
    ):
        LSTM(3, 6)(wrong)
    with pytest.raises(InputError, match=rf"step\(\) takes a tensor; got {type(wrong).__name__}$"):
        LSTM(3, 6).step(wrong)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "wrong", [NAN, INF, -INF, "1", True, None, 1j, (0.1,) * 4, (NAN,) * 2, (0.1, "x", 0.1)], ids=repr
)
def test_numbers_of_a_layer_must_be_finite_numbers(wrong):
    for name in ("zoneout", "weight_drop", "locked_dropout", "recurrent_dropout"):
        with pytest.raises(InputError, match=f"LSTM: {name} must be "):
            LSTM(3, 6, **{name: wrong})
    for name in ("forget_bias",) if wrong is not None else ():
        with pytest.raises(InputError, match=f"LSTM: {name} must be "):
            LSTM(3, 6, **{name: wrong})
    for name in ("clip", "epsilon"):
        if not (name == "clip" and wrong is None):
            with pytest.raises(InputError, match=f"Lstm: {name} must be "):
                Lstm(**{name: wrong})
    with pytest.raises((ValueError, TypeError)):
        LSTM(3, 6, 2, dropout=wrong if wrong is not True else -1)


def test_a_changed_weight_is_seen_by_the_next_step():
    lstm = LSTM(3, 6, 2)
    with torch.no_grad():
        first, _ = lstm.step(X[0])
        lstm.weight_hh_l1.add_(1)
        lstm.bias_ih_l1.add_(1)
        second, _ = lstm.step(X[0])
        torch.testing.assert_close(second, lstm(X[:1])[0][0])
        lstm.load_state_dict(LSTM(3, 6, 2).state_dict())
        torch.testing.assert_close(lstm.step(X[0])[0], lstm(X[:1])[0][0])
        lstm.weight_ih_l0 = torch.nn.Parameter(torch.zeros(24, 3))
        torch.testing.assert_close(lstm.step(X[0])[0], lstm(X[:1])[0][0])
    assert not torch.equal(first, second)


def test_a_step_under_functional_call_uses_the_weights_given():
    lstm, other = LSTM(3, 6, 2), LSTM(3, 6, 2)

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = lstm

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer.step(x)[0]

    with torch.no_grad():
        before, _ = lstm.step(X[0])
        given = {f"layer.{name}": value.detach().clone() for name, value in other.named_parameters()}
        torch.testing.assert_close(torch.func.functional_call(Step(), given, (X[0],)), other(X[:1])[0][0])
        torch.testing.assert_close(lstm.step(X[0])[0], before, rtol=0, atol=0)


def test_steps_take_any_batch_type_and_layout_of_memory():
    lstm = LSTM(3, 6, 2, proj_size=4, zoneout=0.2).eval()
    with torch.no_grad():
        for x in (X[0], X[0, :1], X[0].T.contiguous().T, X[:0, 0]):
            y, _ = lstm.step(x)
            assert y.shape == (len(x), 4)
            if len(x):
                torch.testing.assert_close(y, lstm(x[None])[0][0])
        lstm.double()
        torch.testing.assert_close(lstm.step(X[0].double())[0], lstm(X[:1].double())[0][0])


def test_steps_leave_their_input_state_alone():
    lstm = LSTM(3, 6, 2)
    with torch.no_grad():
        _, state = lstm.step(X[0])
        before = [s.clone() for s in state]
        lstm.step(X[1], state)
    assert all(torch.equal(a, b) for a, b in zip(state, before, strict=True))


def test_wrong_steps_are_refused():
    with pytest.raises(InputError, match=r"step\(\) needs a layer of one direction"):
        LSTM(3, 6, bidirectional=True).step(X[0])
    with pytest.raises(InputError, match=r"step\(\) takes one step of a batch, shape \(B, I\); got shape \(11, 4, 3\)"):
        LSTM(3, 6).step(X)
    with torch.no_grad(), pytest.raises(RuntimeError, match="Expected 3, got 2"):
        LSTM(3, 6).step(X[0, :, :2])
    with torch.no_grad(), pytest.raises(InputError, match="the state of lstm is h, c; got 1 tensors"):
        LSTM(3, 6).step(X[0], (torch.zeros(1, 4, 6),))
    with pytest.raises(InputError, match="LSTMCell: input and state must be"):
        LSTMCell(3, 6)(X[0, :, :2])
    with pytest.raises(InputError, match="LSTMCell: gru has no recurrent projection"):
        LSTMCell(3, 6, cell="gru", proj_size=2)


def test_an_alstm_with_the_lag_one_is_the_plain_lstm():
    plain = LSTM(3, 6, 2, bidirectional=True)
    ours = LSTM(3, 6, 2, bidirectional=True, cell=ALstm(lags=(1,)))
    ours.load_state_dict(plain.state_dict(), strict=False)
    for backend in ("native", "reference"):
        plain.backend = ours.backend = backend
        assert torch.equal(plain(X, lengths=[11, 0, 4, 1])[0], ours(X, lengths=[11, 0, 4, 1])[0])


def test_the_layer_prints_its_cell():
    assert "cell=ALstm(lags=(7, 1)" in str(LSTM(3, 6, cell=ALstm(lags=(7, 1))))
    assert str(LSTM(3, 6)) == str(torch.nn.LSTM(3, 6))
