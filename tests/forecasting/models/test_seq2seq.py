"""Encoder and decoder: where they begin, what reaches the forecast, what is learnt, and the attention by hand."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from lstmkit.data import Batch, TableSettings, Windows, make_windows, read_table
from lstmkit.errors import InputError
from lstmkit.forecasting.models.model import Task
from lstmkit.forecasting.models.seq2seq import ATTENTIONS, Seq2Seq, Seq2SeqSettings
from lstmkit.recurrence.cells import CELLS

LEVELS = (0.1, 0.5, 0.9)
PLAIN = Task(12, 4, (), LEVELS)
FULL = Task(12, 4, (5,), LEVELS, series=3, marked=True, seen=2, known=3, numbers=1, categories=(4,))


def batch_of(task: Task, B: int = 6) -> Batch:
    torch.manual_seed(1)
    L, P = task.context + max(task.seasons, default=0), task.horizon

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64)

    return Batch(
        past=20 + numbers(B, L).cumsum(1),
        future=20 + numbers(B, P),
        seen=numbers(B, L, task.seen),
        known=numbers(B, L + P, task.known),
        numbers=numbers(B, task.numbers),
        categories=torch.zeros(B, len(task.categories), dtype=torch.long),
        series=torch.arange(B) % task.series,
        row=torch.arange(B) + L,
    )


def model_of(task: Task, **settings: object) -> Seq2Seq:
    torch.manual_seed(0)
    model = Seq2Seq(task, Seq2SeqSettings(hidden_size=8, **settings)).eval()  # type: ignore[arg-type]
    torch.nn.init.normal_(model.head.weight)  # it begins at zero, where nothing would reach the forecast
    return model


def windows_of(values: np.ndarray, task: Task) -> Windows:
    L = task.context + max(task.seasons, default=0)
    return make_windows(read_table(pl.DataFrame({"y": values}), TableSettings("y")), L, task.horizon)


def changed(batch: Batch, name: str, at: tuple[object, ...], value: float) -> Batch:
    tensor = getattr(batch, name).clone()
    tensor[at] = value
    return batch._replace(**{name: tensor})


@pytest.mark.parametrize("cell", list(CELLS))
def test_every_cell_forecasts_and_learns(cell: str) -> None:
    model = model_of(FULL, cell=cell, num_layers=2)
    quantiles = model.quantiles(batch_of(FULL))
    assert quantiles.shape == (6, 4, 3)
    assert quantiles.dtype == torch.float64
    assert quantiles.isfinite().all()
    model.train().loss(batch_of(FULL)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_before_training_the_median_is_exactly_the_last_value() -> None:
    model, batch = Seq2Seq(PLAIN, Seq2SeqSettings(hidden_size=8)).eval(), batch_of(PLAIN)
    assert torch.equal(model.quantiles(batch)[..., 1], batch.past[:, -1:].expand(-1, 4))


def test_before_training_a_pure_season_is_already_repeated() -> None:
    task = Task(12, 4, (7,), LEVELS)
    windows = windows_of(np.tile([1.0, 5, 2, 8, 3, 3, 9], 30), task)
    model = Seq2Seq(task, Seq2SeqSettings(hidden_size=8)).eval()
    model.start_from(windows)
    batch = windows.batch(torch.arange(len(windows)))
    error = (model.quantiles(batch)[..., 1] - batch.future).abs().mean()
    assert error < 0.2 * (batch.past[:, -1:] - batch.future).abs().mean()


def test_nothing_after_the_cutoff_reaches_the_forecast() -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    with torch.no_grad():
        before = model.quantiles(batch)
        assert torch.equal(before, model.quantiles(batch._replace(future=batch.future * torch.nan)))


@pytest.mark.parametrize("name", ["past", "seen", "known", "numbers"])
def test_every_part_of_the_window_reaches_the_forecast_of_its_own_series_only(name: str) -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    with torch.no_grad():
        moved = (model.quantiles(batch) - model.quantiles(changed(batch, name, (1, -1), 0.5))).abs().amax((1, 2))
    assert moved[1] > 1e-6
    assert (moved[[0, 2, 3, 4, 5]] < 1e-9).all()


@pytest.mark.parametrize("name", ["past", "seen", "known", "numbers"])
def test_missing_values_are_marked_and_do_not_spread(name: str) -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    holes = changed(batch, name, (slice(None, None, 2), 0), math.nan)
    if name != "numbers":
        holes = changed(holes, name, (0, slice(-9, -2)), math.nan)
    quantiles = model.quantiles(holes)
    assert quantiles.isfinite().all()
    assert (quantiles[1::2] - model.quantiles(batch)[1::2]).abs().max() < 1e-9
    model.train().loss(holes._replace(future=changed(batch, "future", (0, 1), math.nan).future)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_window_that_begins_before_its_series_and_an_empty_one_are_forecast() -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    short = changed(batch, "past", (0, slice(None, -2)), math.nan)
    empty = changed(short, "past", (1,), math.nan)
    assert model.quantiles(empty).isfinite().all()


def test_missing_future_values_count_for_nothing_in_the_loss() -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    gone = batch.future.clone()
    gone[3:] = torch.nan
    first = Batch(*(t[:3] for t in batch))
    torch.testing.assert_close(model.loss(batch._replace(future=gone)), model.loss(first))


def test_the_loss_is_the_pinball_loss_of_the_forecast_in_units_of_the_window() -> None:
    model, batch = model_of(PLAIN), batch_of(PLAIN)
    quantiles = model.quantiles(batch).detach().numpy()
    unit = np.abs(np.diff(batch.past.numpy(), axis=1)).mean(1)[:, None, None]
    error = batch.future.numpy()[..., None] - quantiles
    expected = np.where(error > 0, np.array(LEVELS) * error, (np.array(LEVELS) - 1) * error) / unit
    assert float(model.loss(batch).detach()) == pytest.approx(expected.mean(), rel=1e-5)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_attention_weights_are_those_of_the_scores_by_hand(attention: str) -> None:
    model, batch = model_of(PLAIN, attention=attention), batch_of(PLAIN)
    with torch.no_grad():
        weights = model.attention(batch)
        scale = model.start.scale(batch.past)
        memory, state = model.encoder_lstm(model.start.context(batch.past, scale))
        decoded, _ = model.decoder_lstm(model.step_number.weight.expand(6, -1, -1), state)
        if attention == "additive":
            own = model.attend
            keys = memory @ own.memory_projection.weight.T + own.memory_projection.bias
            queries = decoded @ own.query_projection.weight.T
            scores = torch.tanh(queries[:, :, None] + keys[:, None]) @ own.score.weight[0]
        else:
            W = torch.eye(8) if attention == "dot" else model.attend.query_projection.weight
            scores = torch.einsum("bpq,hq,bth->bpt", decoded, W, memory) / math.sqrt(8)
    assert weights.shape == (6, 4, 12)
    torch.testing.assert_close(weights, scores.softmax(2))


def test_additive_attention_in_parts_is_the_same_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = model_of(FULL, attention="additive"), batch_of(FULL)
    whole, weights = model.quantiles(batch), model.attention(batch)
    monkeypatch.setattr("lstmkit.forecasting.models.seq2seq.MOST_SCORES", 4 * 12 * 8 * 4)
    torch.testing.assert_close(model.quantiles(batch), whole)
    torch.testing.assert_close(model.attention(batch), weights)


def test_a_covariate_known_ahead_is_learnt_and_beats_the_last_value() -> None:
    task = Task(12, 4, (), LEVELS, known=1)
    torch.manual_seed(0)
    signal = (torch.rand(600, dtype=torch.float64) < 0.3).double()
    values = 10 + 5 * signal + 0.1 * torch.randn(600, dtype=torch.float64)
    cutoffs = torch.arange(12, 596)
    at = cutoffs[:, None]
    past, known = values[at + torch.arange(-12, 0)], signal[at + torch.arange(-12, 4)][..., None]
    future = values[at + torch.arange(4)]
    none = torch.zeros(len(at), 0)
    batch = Batch(past, future, past.new_zeros(*past.shape, 0), known, none.double(), none.long(), cutoffs * 0, cutoffs)
    train, test = Batch(*(t[:450] for t in batch)), Batch(*(t[466:] for t in batch))
    model = Seq2Seq(task, Seq2SeqSettings(hidden_size=16, dropout=0.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        model.loss(train).backward()
        optimizer.step()
    with torch.no_grad():
        error = (model.eval().quantiles(test)[..., 1] - test.future).abs().mean()
    assert error < 0.3 * (test.past[:, -1:] - test.future).abs().mean()


def test_the_state_dict_carries_everything() -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    with torch.no_grad():
        model.start.spread.fill_(2.5)
    other = Seq2Seq(FULL, model.settings).eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.quantiles(batch), other.quantiles(batch))


@pytest.mark.parametrize("value", [0.0, 1.0, -1e9, 1e-30])
def test_a_constant_window_stays_finite_and_is_forecast_as_constant(value: float) -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    quantiles = model.quantiles(batch._replace(past=torch.full_like(batch.past, value)))
    assert quantiles.detach().numpy() == pytest.approx(value, rel=1e-3, abs=1e-100)


def test_settings_refuse_what_makes_no_sense() -> None:
    with pytest.raises(InputError, match="attention must be one of general, dot, additive; got 'soft'"):
        Seq2SeqSettings(attention="soft")
    with pytest.raises(InputError, match="hidden_size must be at least 1"):
        Seq2SeqSettings(hidden_size=0)
