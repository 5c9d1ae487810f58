"""SegRNN and the sLSTM model: what both promise, with several cells, covariates, gaps, and a pattern to be learnt."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from lstmkit.data import Batch, TableSettings, Windows, make_windows, read_table
from lstmkit.errors import InputError
from lstmkit.forecasting.models import ForecastModel, Task
from lstmkit.forecasting.models.segrnn import SegRnnModel, SegRnnSettings
from lstmkit.forecasting.models.slstm import SLstmModel, SLstmSettings
from lstmkit.nn import mean_weights, pinball_loss

C, P, S = 24, 10, 3
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
MODELS = (SegRnnModel, SLstmModel)
CELLS = ("lstm", "gru", "rnn", "slstm", "mlstm", "peephole", "alstm", "mogrifier")


def build(kind: Any, task: Task, **chosen: Any) -> ForecastModel[Any]:
    torch.manual_seed(0)
    settings = {"hidden_size": 16, "dropout": 0.0, **chosen}
    return kind(task, kind.Settings(**settings))


def task(**given: Any) -> Task:
    return Task(**{"context": C, "horizon": P, "seasons": (8,), "levels": LEVELS, "series": S, **given})


def random_batch(B: int = 6, seen: int = 0, known: int = 0, numbers: int = 0, categories: int = 0) -> Batch:
    torch.manual_seed(1)
    return Batch(
        past=50 + torch.randn(B, C, dtype=torch.float64).cumsum(1),
        future=50 + torch.randn(B, P, dtype=torch.float64),
        seen=torch.randn(B, C, seen, dtype=torch.float64),
        known=torch.randn(B, C + P, known, dtype=torch.float64),
        numbers=torch.randn(B, numbers, dtype=torch.float64),
        categories=torch.randint(3, (B, categories)),
        series=torch.arange(B) % S,
        row=torch.arange(B) + C,
    )


def wake(model: ForecastModel[Any]) -> None:
    """Give the layers that begin at zero something to say."""
    torch.manual_seed(2)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter.data, std=0.1)


def waves(rows: int = 400) -> Windows:
    """Three series whose next rise is as large as a product of what was seen: nothing a linear forecast can learn."""
    rng = np.random.default_rng(0)
    columns = []
    for s in range(S):
        size = rng.choice([-1.0, 1.0], rows // 8 + 1)
        steps = np.zeros((len(size), 8))
        steps[:, 1], steps[:, 3] = size, np.roll(size, -1)
        steps[:, 6] = 2 * steps[:, 1] * steps[:, 3]
        columns.append(10 * s + steps.ravel()[:rows] + 0.02 * rng.normal(size=rows))
    frame = pl.DataFrame({"id": np.repeat(list("abc"), rows), "y": np.concatenate(columns)})
    return make_windows(read_table(frame, TableSettings(target="y", id="id")), C, P)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_forecasts_and_learns(kind: Any, cell: str) -> None:
    own = {"segment": 4} if kind is SegRnnModel else {}  # an A-LSTM looks five steps back
    model = build(kind, task(), cell=cell, num_layers=2, **own)
    wake(model)
    batch = random_batch()
    assert model.quantiles(batch).shape == (6, P, len(LEVELS))
    assert model.quantiles(batch).dtype == torch.float64
    model.loss(batch).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


@pytest.mark.parametrize("kind", MODELS)
def test_covariates_reach_the_forecast_and_gradients_reach_them(kind: Any) -> None:
    model = build(kind, task(seen=2, known=3, numbers=1, categories=(3,), marked=True))
    wake(model)
    batch = random_batch(seen=2, known=3, numbers=1, categories=1)
    plain = model.quantiles(batch)
    ahead = batch.known.clone()
    ahead[:, C:] += 1.0
    others = {
        "seen": batch.seen + 1.0,
        "known": ahead,
        "numbers": batch.numbers + 1.0,
        "categories": (batch.categories + 1) % 3,
    }
    for name, values in others.items():
        assert not torch.allclose(model.quantiles(batch._replace(**{name: values})), plain), name
    model.loss(batch).backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())


@pytest.mark.parametrize("kind", MODELS)
def test_missing_values_are_marked_and_do_not_spread(kind: Any) -> None:
    model = build(kind, task(seen=1, known=1, marked=True))
    wake(model)
    batch = random_batch(seen=1, known=1)
    whole = model.quantiles(batch)
    past, seen, known, future = (x.clone() for x in (batch.past, batch.seen, batch.known, batch.future))
    past[0, 5], past[1, -1], seen[2, 3], known[3, C + 1], future[4, 2:] = (torch.nan,) * 5
    past[5] = torch.nan
    holed = batch._replace(past=past, seen=seen, known=known, future=future)
    quantiles = model.quantiles(holed)
    assert bool(torch.isfinite(quantiles).all())
    assert torch.allclose(quantiles[4], whole[4])
    assert not torch.allclose(quantiles[0], whole[0])
    model.loss(holed).backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)
    filled = batch.past.clone()
    filled[0, 5] = filled[0, 4]  # the same input but for the mark
    assert not torch.allclose(model.quantiles(batch._replace(past=filled))[0], quantiles[0])


@pytest.mark.parametrize("kind", MODELS)
def test_the_loss_leaves_out_what_is_missing(kind: Any) -> None:
    model = build(kind, task(), squared=0.5)
    wake(model)
    batch = random_batch()
    holed = batch.future.clone()
    holed[0, 3:], holed[2] = torch.nan, torch.nan
    there = ~torch.isnan(holed)
    start = model.start(batch)
    expressed = model.output(start.forecast, model.change(start, batch))
    target = start.express(batch.future)
    unit = model.output.spread.mean()
    pinball = pinball_loss(expressed, target, torch.tensor(LEVELS)).mean(2) / unit
    squared = ((expressed @ mean_weights(LEVELS).float() - target) / unit) ** 2
    expected = (pinball + 0.5 * squared)[there].mean()
    assert torch.allclose(model.loss(batch._replace(future=holed)), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", MODELS)
def test_the_future_has_no_influence(kind: Any) -> None:
    model = build(kind, task())
    wake(model)
    batch = random_batch()
    assert torch.equal(model.quantiles(batch), model.quantiles(batch._replace(future=batch.future * torch.nan)))


@pytest.mark.parametrize("kind", MODELS)
def test_it_begins_as_its_linear_forecast_with_the_errors_made(kind: Any) -> None:
    windows = waves()
    model = build(kind, task(), scale="series").eval()
    model.start_from(windows)
    batch = windows.batch(torch.arange(len(windows)))
    start = model.start(batch)
    quantiles = model.quantiles(batch)
    linear = start.invert(start.forecast[:, :, None])[:, :, 0]
    assert torch.allclose(quantiles[:, :, 2], linear)
    below = (batch.future[:, :, None] <= quantiles).double().mean((0, 1))
    assert torch.allclose(below[[0, 1, 3, 4]], torch.tensor([0.1, 0.25, 0.75, 0.9]).double(), atol=0.03)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("cell", ["gru", "slstm"])
def test_it_learns_what_a_linear_forecast_cannot(kind: Any, cell: str) -> None:
    windows = waves()
    model = build(kind, task(), cell=cell, hidden_size=32, scale="series")
    model.start_from(windows)
    everything = windows.batch(torch.arange(0, len(windows), 3))
    before = model.loss(everything).item()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(100):
        loss = model.loss(windows.batch(torch.randint(len(windows), (64,))))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.loss(everything).item() < 0.8 * before


@pytest.mark.parametrize("kind", MODELS)
def test_a_state_dict_carries_everything(kind: Any) -> None:
    windows = waves()
    model = build(kind, task(), profile=True, returning=True, scale="series").eval()
    model.start_from(windows)
    other = build(kind, task(), profile=True, returning=True, scale="series").eval()
    batch = windows.batch(torch.arange(9))
    assert not torch.equal(other.quantiles(batch), model.quantiles(batch))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.quantiles(batch), model.quantiles(batch))


@pytest.mark.parametrize("kind", MODELS)
def test_odd_contexts_and_unknown_series(kind: Any) -> None:
    for context, seasons in ((C - 1, ()), (7, (8,)), (2, ())):
        model = build(kind, task(context=context, seasons=seasons))
        wake(model)
        batch = random_batch()
        cut = {name: getattr(batch, name)[:, C - context :] for name in ("past", "seen", "known")}
        unknown = batch._replace(**cut, series=torch.full((6,), -1))
        assert bool(torch.isfinite(model.quantiles(unknown)).all())
        assert model.window == context


def test_segments_ahead_do_not_see_one_another() -> None:
    """The parallel steps give what one step at a time from the same state gives."""
    model = build(SegRnnModel, task(seasons=()), segment=4, cell="lstm")
    wake(model)
    assert isinstance(model, SegRnnModel)
    batch = random_batch()
    start = model.start(batch)
    cut = start.values.view(6, 6, 4)
    _, state = model.recurrent(torch.relu(model.segments(cut)))
    parts = []
    for place in range(3):
        told = torch.cat([model.places[place].expand(6, -1), model.series[batch.series]], 1)
        y, _ = model.recurrent(told[:, None], state)
        parts.append(model.head(y[:, 0]).view(6, 4, len(LEVELS)))
    expected: Tensor = torch.cat(parts, 1)[:, :P]
    assert torch.allclose(model.change(start, batch), expected, atol=1e-6)


def test_blocks_are_causal() -> None:
    model = build(SLstmModel, task())
    wake(model)
    steps = torch.randn(2, 9, 16)
    later = steps.clone()
    later[:, 5:] += 1.0
    for block in model.blocks:
        assert torch.allclose(block(steps)[:, :5], block(later)[:, :5], atol=1e-6)
        assert not torch.allclose(block(steps)[:, 5:], block(later)[:, 5:])


@pytest.mark.parametrize(
    ("settings", "wrong", "sentence"),
    [
        (SegRnnSettings, {"hidden_size": 15}, "hidden_size must be even"),
        (SegRnnSettings, {"segment": 0}, "segment must be at least 1"),
        (SegRnnSettings, {"scale": "row"}, "scale must be one of window, series"),
        (SegRnnSettings, {"linear": "yes"}, "linear must be one of own, shared, none"),
        (SegRnnSettings, {"squared": -1.0}, "squared must not be negative"),
        (SegRnnSettings, {"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        (SLstmSettings, {"heads": 3}, "heads must divide hidden_size"),
        (SLstmSettings, {"kernel": 0}, "kernel must be at least 1"),
    ],
)
def test_wrong_settings_are_refused(settings: Any, wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        dataclasses.replace(settings(), **wrong)
