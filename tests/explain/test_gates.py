"""The gates over a real series are those of the forecast: right window, right inputs, right numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit import Forecaster
from lstmkit.data import Batch, TableSettings, make_windows, read_table
from lstmkit.errors import InputError
from lstmkit.explain import study_gates
from lstmkit.explain.gates import NO_ATTENTION, watch
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.nn import LSTM, AttentivePooling, squash, window_scale

SETTINGS = LstmSettings(hidden_size=8, num_layers=2, max_epochs=1, fold="never")


@pytest.fixture
def forecaster(prices: pl.DataFrame) -> Forecaster:
    return Forecaster(3, context=20, seasons=(5,), settings=SETTINGS).fit(prices)


def test_gates_are_those_that_the_network_computes_on_its_own_inputs(forecaster, prices):
    study = study_gates(forecaster, forecaster.read(prices))
    window = torch.from_numpy(prices["Close"].to_numpy()[None, -25:].copy())
    context = window[:, 5:]
    scale = window_scale(context)
    channels = (scale.apply(context), context.diff(prepend=context[:, :1]) / scale.spread)
    x = squash(torch.stack((*channels, (context - window[:, :-5]) / scale.spread), 2)).float()
    lstm = forecaster.network_.networks[0].reader.lstm
    with torch.no_grad():
        h = c = torch.zeros(8)
        for t in range(20):
            a = lstm.weight_ih_l0 @ x[0, t] + lstm.bias_ih_l0 + lstm.weight_hh_l0 @ h + lstm.bias_hh_l0
            i, f, g, o = a.split(8)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            for name, gate in (("input", i), ("forget", f), ("output", o)):
                np.testing.assert_allclose(getattr(study.layers[0], name)[t], torch.sigmoid(gate), atol=1e-6)
            np.testing.assert_allclose(study.layers[0].cell[t], c, atol=1e-6)
    assert [layer.title for layer in study.layers] == ["layer 1", "layer 2"]
    assert (study.remark, study.attention) == (NO_ATTENTION, ())


def test_the_forecast_shown_is_the_one_that_predict_gives(forecaster, prices):
    study = study_gates(forecaster, forecaster.read(prices))
    predicted = forecaster.predict(prices)
    np.testing.assert_allclose(
        study.quantiles[:, forecaster.quantile_levels.index(0.5)], predicted["median"], rtol=1e-12
    )
    assert [str(t)[:10] for t in study.ahead] == [str(d) for d in predicted["Date"]]
    assert study.truth.size == 0


@pytest.mark.parametrize("at", ["2024-07-01", "130", "-30"])
def test_a_row_is_found_by_its_time_and_by_its_number(forecaster, prices, at):
    assert str(prices["Date"][130]) == "2024-07-01"
    study = study_gates(forecaster, forecaster.read(prices), at=at)
    assert (str(study.times[0])[:10], str(study.times[-1])[:10]) == (str(prices["Date"][111]), "2024-07-01")
    np.testing.assert_array_equal(study.values, prices["Close"][111:131])
    np.testing.assert_array_equal(study.truth, prices["Close"][131:134])
    later = prices.with_columns(pl.when(pl.int_range(160) > 130).then(7.0).otherwise("Close").alias("Close"))
    changed = study_gates(forecaster, forecaster.read(later), at=at)
    np.testing.assert_array_equal(changed.layers[1].forget, study.layers[1].forget)


def test_a_series_is_chosen_by_its_id(prices):
    many = pl.concat([prices.with_columns(shop=pl.lit(n), Close=pl.col("Close") * k) for k, n in ((1, "A"), (3, "B"))])
    forecaster = Forecaster(2, context=10, settings=SETTINGS).fit(many, target="Close", id="shop")
    table = forecaster.read(many)
    np.testing.assert_array_equal(study_gates(forecaster, table, "B").values, 3 * prices["Close"][-10:])
    for id, message in (
        (None, "2 series in the table; choose one with --id, such as --id A"),
        ("C", "no series 'C' in column 'shop'"),
    ):
        with pytest.raises(InputError) as caught:
            study_gates(forecaster, table, id)
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("id", "at", "message"),
    [
        ("A", None, "the model was fitted on a single series; leave --id 'A' out"),
        (None, "160", "column 'Close': no row 160; it has 160, 0 to 159"),
        (None, "--1", "--at must be a time such as 2024-01-01 or a row number; got '--1'"),
        (None, "2024-06-30", "column 'Close': no row at 2024-06-30; it has rows from 2024-01-01 to 2024-08-09"),
        (None, "2024-01-10", "column 'Close': 8 rows up to 2024-01-10; the model needs 25 to forecast from"),
    ],
)
def test_a_series_or_row_that_is_not_there_is_refused(forecaster, prices, id, at, message):
    with pytest.raises(InputError) as caught:
        study_gates(forecaster, forecaster.read(prices), id, at)
    assert str(caught.value).startswith(message)


def test_a_time_of_integers_is_a_time_and_not_a_row(prices):
    table = prices.with_columns(Date=pl.int_range(1000, 1160))
    forecaster = Forecaster(2, context=10, settings=SETTINGS).fit(table, time="Date")
    study = study_gates(forecaster, forecaster.read(table), at="1100")
    np.testing.assert_array_equal(study.values, table["Close"][91:101])
    with pytest.raises(InputError, match="no row at 100; it has rows from 1000 to 1159"):
        study_gates(forecaster, forecaster.read(table), at="100")


def test_units_are_ordered_by_their_memory(forecaster, prices):
    layer = study_gates(forecaster, forecaster.read(prices)).layers[0]
    gates = np.tile([[0.5, 0.9, 0.1]], (4, 1))
    known = dataclasses.replace(layer, forget=gates)
    np.testing.assert_allclose(known.half_lives, np.log(0.5) / np.log([0.5, 0.9, 0.1]))
    assert known.order.tolist() == [1, 0, 2]


class PooledNetwork(torch.nn.Module):
    """A forecasting network with attention: what the study must find in it is known."""

    values_per_step, window = 1, 12

    def __init__(self, pooled: bool) -> None:
        super().__init__()
        self.lstm = LSTM(1, 4, batch_first=True)
        self.pooling = AttentivePooling(4, batch_first=True)
        self.pooled = pooled
        self.weights = torch.zeros(0)

    def quantiles(self, batch):
        scale = window_scale(batch.past)
        hidden, _ = self.lstm(scale.apply(batch.past)[..., None].float())
        if self.pooled:
            _, self.weights = self.pooling(hidden)
        return scale.invert(hidden[:, -1:, :3].double())


def walk() -> Batch:
    table = read_table(pl.DataFrame({"y": np.random.default_rng(0).normal(size=13).cumsum()}), TableSettings("y"))
    return make_windows(table, 12, 1).batch(torch.tensor([0]))


def test_attention_weights_are_found_where_there_are_any():
    torch.manual_seed(0)
    network = PooledNetwork(True)
    watched = watch(network, walk(), 12)
    assert watched.remark == ""
    assert [w.shape for w in watched.attention] == [(1, 12)]
    np.testing.assert_allclose(watched.attention[0], network.weights.numpy(), rtol=1e-7)
    assert "not over the steps" in watch(PooledNetwork(False), walk(), 12).remark


def test_a_network_whose_lstm_does_not_read_the_window_is_refused():
    with pytest.raises(InputError, match="no LSTM in this model reads the window, so there are no gates to show"):
        watch(PooledNetwork(False), walk(), 30)


def test_watching_leaves_nothing_on_the_network(forecaster, prices):
    before = {name: len(m._forward_hooks) for name, m in forecaster.network_.named_modules()}
    study_gates(forecaster, forecaster.read(prices))
    assert {name: len(m._forward_hooks) for name, m in forecaster.network_.named_modules()} == before


def test_steps_of_a_recurrence_over_seasons_end_with_their_season(prices):
    settings = dataclasses.replace(SETTINGS, fold="always")
    forecaster = Forecaster(3, context=20, seasons=(5,), settings=settings).fit(prices)
    study = study_gates(forecaster, forecaster.read(prices))
    assert len(study.steps) == len(study.layers[0].forget) == 4
    assert study.steps[-1] == study.times[-1]
    assert [str(t)[:10] for t in study.steps[:2]] == [str(d) for d in prices["Date"][[-16, -11]]]
