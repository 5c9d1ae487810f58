"""DeepAR: where it begins, what it reads, its likelihood and its paths against loops by hand, what it learns."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from lstmkit.data import Batch, TableSettings, Windows, make_windows, read_table
from lstmkit.errors import InputError
from lstmkit.forecasting.models.deepar import DeepAr, DeepArSettings, lags_of
from lstmkit.forecasting.models.heads import HEADS
from lstmkit.forecasting.models.model import Task
from lstmkit.recurrence.cells import CELLS

LEVELS = (0.1, 0.5, 0.9)
PLAIN = Task(12, 4, (), LEVELS)
FULL = Task(12, 4, (5,), LEVELS, series=3, marked=True, seen=2, known=3, numbers=1, categories=(4,))


def batch_of(task: Task, B: int = 6, counts: bool = False) -> Batch:
    torch.manual_seed(1)
    L, P = task.context + max(task.seasons, default=0), task.horizon

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64)

    past, future = 20 + numbers(B, L).cumsum(1), 20 + numbers(B, P)
    return Batch(
        past=past.round().abs() if counts else past,
        future=future.round().abs() if counts else future,
        seen=numbers(B, L, task.seen),
        known=numbers(B, L + P, task.known),
        numbers=numbers(B, task.numbers),
        categories=torch.zeros(B, len(task.categories), dtype=torch.long),
        series=torch.arange(B) % task.series,
        row=torch.arange(B) + L,
    )


def model_of(task: Task, **settings: object) -> DeepAr:
    torch.manual_seed(0)
    given = {"hidden_size": 8, "paths": 20, **settings}
    model = DeepAr(task, DeepArSettings(**given)).eval()  # type: ignore[arg-type]
    torch.nn.init.normal_(model.head.weight, std=0.5)  # it begins at zero, where nothing would reach the forecast
    torch.nn.init.normal_(model.weights, std=0.1)
    return model


def windows_of(values: np.ndarray, task: Task) -> Windows:
    L = task.context + max(task.seasons, default=0)
    return make_windows(read_table(pl.DataFrame({"y": values}), TableSettings("y")), L, task.horizon)


def changed(batch: Batch, name: str, at: tuple[object, ...], value: float) -> Batch:
    tensor = getattr(batch, name).clone()
    tensor[at] = value
    return batch._replace(**{name: tensor})


def trained(model: DeepAr, windows: Windows, steps: int, rate: float = 0.01) -> DeepAr:
    model.start_from(windows)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        model.train().loss(windows.batch(torch.randint(len(windows), (32,), generator=generator))).backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize("cell", list(CELLS))
def test_every_cell_forecasts_and_learns(cell: str) -> None:
    model = model_of(FULL, cell=cell)
    quantiles = model.quantiles(batch_of(FULL))
    assert quantiles.shape == (6, 4, 3)
    assert quantiles.dtype == torch.float64
    assert quantiles.isfinite().all()
    model.train().loss(batch_of(FULL)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("cell", ["lstm", "gru", "slstm", "mlstm"])
@pytest.mark.parametrize("head", list(HEADS))
def test_paths_are_those_of_a_plain_loop_over_whole_windows(head: str, cell: str) -> None:
    """Every step again from the beginning of the window, with the paths drawn so far as if they had been observed."""
    model, batch = model_of(FULL, head=head, cell=cell), batch_of(FULL, counts=True)
    batch = changed(batch, "past", (2, slice(3, 9)), math.nan)
    paths, B = 3, 6
    drawn = model.samples(batch, paths)
    generator = torch.Generator().manual_seed(hash((int(model.path_seed), 0, 17)) & (2**63 - 1))
    repeated = Batch(*(t.repeat_interleave(paths, 0) for t in batch))
    scale = model.scale(repeated)
    future = torch.full((B * paths, 4), math.nan, dtype=torch.float64)
    with torch.no_grad():
        for p in range(4):
            scaled = model._scaled(torch.cat([repeated.past, future], 1), scale)
            steps = model._steps(repeated, scaled, scale)
            hidden, _ = model.lstm(torch.cat([steps.inputs, steps.fixed], 2)[:, : 12 + p + 1])
            raw, level = model.head(hidden[:, -1]), steps.level[:, 12 + p]
            shaped = (raw.view(B, paths, -1), level.view(B, paths), model.spread, scale.unit.view(B, paths))
            value = model.distribution.sample(model.distribution.parameters(*shaped), generator).flatten().double()
            future[:, p] = value if model.distribution.counts else (scale.centre + value[:, None] * scale.unit)[:, 0]
    torch.testing.assert_close(drawn.transpose(1, 2).flatten(), future.view(B, paths, 4).transpose(1, 2).flatten())


def test_paths_of_many_windows_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    assert model.samples(batch, 7).shape == (6, 7, 4)
    monkeypatch.setattr("lstmkit.forecasting.models.deepar.ROWS", 14)
    parts = model.samples(batch, 7)
    assert parts.shape == (6, 7, 4)
    first = model.samples(Batch(*(t[:2] for t in batch)), 7)
    assert torch.equal(parts[:2], first)


def test_quantiles_are_those_of_the_paths_and_the_same_call_gives_the_same() -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    quantiles = model.quantiles(batch)
    assert torch.equal(quantiles, model.quantiles(batch))
    expected = np.quantile(model.samples(batch, 20).numpy(), LEVELS, axis=1)
    assert quantiles.numpy() == pytest.approx(expected.transpose(1, 2, 0), rel=1e-12)
    assert not torch.equal(quantiles, model.quantiles(changed(batch, "row", (0,), 99)))
    other = DeepAr(FULL, model.settings).eval()
    other.load_state_dict(model.state_dict())
    other.path_seed.copy_(torch.tensor(7))
    assert not torch.equal(quantiles, other.quantiles(batch))


def test_the_loss_is_the_likelihood_of_each_step_given_the_true_values_before_it() -> None:
    model, batch = model_of(PLAIN, head="normal"), batch_of(PLAIN)
    values = torch.cat([batch.past, batch.future], 1)
    centre = batch.past.mean(1, keepdim=True)
    unit = (batch.past - centre).abs().mean(1, keepdim=True)
    scaled = ((values - centre) / unit).float()
    before = torch.nn.functional.pad(scaled, (3, 0))
    lagged = torch.stack([before[:, 3 - k : 3 - k + 16] for k in (1, 2, 3)], 2)
    age = torch.log1p((batch.row[:, None] + torch.arange(-12, 4)).float())[..., None] / 10
    zero = torch.log1p((centre / unit).clamp_max(20)).float()[:, None].expand(-1, 16, -1)
    hidden, _ = model.lstm(torch.cat([lagged.sign() * lagged.abs().log1p(), age, zero], 2))
    raw = model.head(hidden)
    location = lagged @ model.weights + raw[..., 0]
    width = torch.nn.functional.softplus(raw[..., 1] + math.log(math.e - 1)) + 1e-3
    loss = -torch.distributions.Normal(location, width).log_prob(scaled)
    torch.testing.assert_close(model.loss(batch), loss[:, 12:].mean())
    model.dropout.p, model.lstm.dropout = 0.0, 0.0
    torch.testing.assert_close(model.train().loss(batch), loss.mean())


@pytest.mark.parametrize("head", list(HEADS))
def test_nothing_after_the_cutoff_reaches_the_forecast(head: str) -> None:
    model, batch = model_of(FULL, head=head), batch_of(FULL, counts=True)
    before = model.quantiles(batch)
    assert torch.equal(before, model.quantiles(batch._replace(future=batch.future * torch.nan)))


@pytest.mark.parametrize("name", ["past", "seen", "known", "numbers", "row"])
def test_every_part_of_the_window_reaches_the_forecast_of_its_own_series_only(name: str) -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    at = (1,) if name == "row" else (1, -1)
    moved = (model.quantiles(batch) - model.quantiles(changed(batch, name, at, 2))).abs().amax((1, 2))
    assert moved[1] > 1e-6
    assert (moved[[0, 2, 3, 4, 5]] < 1e-9).all()


def test_a_covariate_known_ahead_acts_on_its_own_step_and_later() -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    moved = (model.quantiles(batch) - model.quantiles(changed(batch, "known", (slice(None), 17 + 2), 2.0))).abs()
    assert (moved[:, :2] == 0).all()
    assert (moved[:, 2:].amax((0, 2)) > 1e-6).all()


@pytest.mark.parametrize("head", list(HEADS))
@pytest.mark.parametrize("name", ["past", "seen", "known", "numbers"])
def test_missing_values_are_marked_and_do_not_spread(name: str, head: str) -> None:
    model, batch = model_of(FULL, head=head), batch_of(FULL, counts=True)
    holes = changed(batch, name, (slice(None, None, 2), 0), math.nan)
    if name != "numbers":
        holes = changed(holes, name, (0, slice(-9, -2)), math.nan)
    assert model.quantiles(holes).isfinite().all()
    model.train().loss(holes._replace(future=changed(batch, "future", (0, 1), math.nan).future)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_window_that_begins_before_its_series_and_an_empty_one_are_forecast() -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    short = changed(batch, "past", (0, slice(None, -2)), math.nan)
    empty = changed(short, "past", (1,), math.nan)
    assert model.quantiles(empty).isfinite().all()
    assert model.loss(empty).isfinite()


def test_missing_future_values_count_for_nothing_in_the_loss() -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    gone = batch.future.clone()
    gone[3:] = torch.nan
    torch.testing.assert_close(model.loss(batch._replace(future=gone)), model.loss(Batch(*(t[:3] for t in batch))))


@pytest.mark.parametrize("head", list(HEADS))
@pytest.mark.parametrize("value", [0.0, 1.0, 1e9])
def test_a_constant_window_stays_finite(head: str, value: float) -> None:
    model, batch = model_of(FULL, head=head), batch_of(FULL, counts=True)
    batch = batch._replace(past=torch.full_like(batch.past, value))
    quantiles = model.quantiles(batch)
    assert quantiles.isfinite().all()
    assert model.loss(batch).isfinite()
    if not model.distribution.counts:
        assert quantiles.numpy() == pytest.approx(value, rel=1e-3, abs=1e-100)


def test_a_constant_window_of_a_series_that_moves_is_measured_by_the_series() -> None:
    rng = np.random.default_rng(0)
    model = DeepAr(PLAIN, DeepArSettings(hidden_size=8)).eval()
    values = rng.normal(size=200).cumsum()
    model.start_from(windows_of(values, PLAIN))
    usual = np.abs(np.diff(values)).mean()
    batch = batch_of(PLAIN)._replace(past=torch.full((6, 12), 5.0, dtype=torch.float64))
    assert model.scale(batch).unit.numpy() == pytest.approx(0.1 * usual)
    unknown = batch._replace(series=torch.full((6,), -1))
    assert model.scale(unknown).unit.numpy() == pytest.approx(0.1 * usual)  # as one that is usual
    untold = DeepAr(PLAIN, DeepArSettings(hidden_size=8)).eval()
    assert not untold.scale(unknown).moves.any()


@pytest.mark.parametrize("centre", [True, False])
def test_the_unit_of_a_series_only_stretches_the_forecast(centre: bool) -> None:
    model, batch = model_of(FULL, centre=centre), batch_of(FULL)
    plain = model.quantiles(batch)
    stretched = model.quantiles(batch._replace(past=batch.past * 1024))
    torch.testing.assert_close(stretched / 1024, plain)
    # Far from zero the level does not matter; nearer it does, because a series may never go below zero.
    far, farther = (model.quantiles(batch._replace(past=batch.past + level)) - level for level in (1e6, 1e9))
    assert bool((far - farther).abs().max() < 1e-3) == centre


def test_before_training_a_season_is_already_repeated_and_its_width_known() -> None:
    task = Task(14, 7, (7,), LEVELS)
    rng = np.random.default_rng(0)
    values = np.tile([1.0, 5, 2, 8, 3, 3, 9], 60) + rng.normal(0, 0.1, 420)
    windows = windows_of(values, task)
    model = DeepAr(task, DeepArSettings(hidden_size=8)).eval()
    model.start_from(windows)
    batch = windows.batch(torch.arange(len(windows)))
    quantiles = model.quantiles(batch)
    assert (quantiles[..., 1] - batch.future).abs().mean() < 0.2 * (batch.past[:, -1:] - batch.future).abs().mean()
    inside = (quantiles[..., 0] <= batch.future) & (batch.future <= quantiles[..., 2])
    assert 0.7 < float(inside.double().mean()) < 0.99


def test_training_beats_the_last_value_and_the_start() -> None:
    k = np.arange(500)
    values = 20 + 3 * np.abs(np.sin(2 * np.pi * k / 9)) + np.random.default_rng(4).normal(0, 0.1, 500)
    task = Task(12, 4, (), LEVELS)
    train, test = windows_of(values[:400], task), windows_of(values[400:], task)
    batch = test.batch(torch.arange(len(test)))
    start = trained(DeepAr(task, DeepArSettings(hidden_size=16)), train, 0)
    model = trained(DeepAr(task, DeepArSettings(hidden_size=16)), train, 150)
    errors = [(m.quantiles(batch)[..., 1] - batch.future).abs().mean() for m in (start, model)]
    assert errors[1] < 0.7 * errors[0]
    assert errors[1] < 0.3 * (batch.past[:, -1:] - batch.future).abs().mean()


def test_counts_are_learnt_as_counts() -> None:
    rng = np.random.default_rng(0)
    busy = np.tile([0.0, 0, 0, 0, 0, 1, 1], 70)
    rate = 0.2 + 5.8 * busy
    values = rng.negative_binomial(2, 2 / (2 + rate)).astype(float)
    task = Task(14, 7, (), LEVELS, known=1)
    table = read_table(pl.DataFrame({"y": values, "busy": busy}), TableSettings("y", future=("busy",)))
    windows = make_windows(table, 14, 7)
    model = trained(DeepAr(task, DeepArSettings(hidden_size=16, head="negative-binomial")), windows, 150)
    batch = windows.batch(torch.arange(0, len(windows), 7))
    paths = model.samples(batch, 200)
    assert torch.equal(paths, paths.round()) and paths.min() == 0
    known = torch.from_numpy(rate)[batch.row[:, None] + torch.arange(7)]
    assert (paths.mean(1) - known).abs().mean() < 0.3 * (values.mean() - known).abs().mean()
    assert float(paths.var(1)[known > 1].mean()) == pytest.approx(6 + 6**2 / 2, rel=0.35)


@pytest.mark.parametrize(("values", "wrong"), [([1.0, 2.5, 3], "2.5"), ([1.0, -2, 3], "-2")])
def test_the_head_for_counts_refuses_other_values(values: list[float], wrong: str) -> None:
    task = Task(4, 2, (), LEVELS)
    windows = windows_of(np.tile(values, 10), task)
    model = DeepAr(task, DeepArSettings(head="negative-binomial"))
    message = rf'{wrong} is no count; head "negative-binomial" needs whole numbers'
    with pytest.raises(InputError, match=message):
        model.start_from(windows)
    with pytest.raises(InputError, match=message):
        model.loss(windows.batch(torch.arange(3)))


def test_the_state_dict_carries_everything() -> None:
    model, batch = model_of(FULL), batch_of(FULL)
    model.spread.fill_(2.5)
    other = DeepAr(FULL, model.settings).eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.quantiles(batch), other.quantiles(batch))


def test_lags_stand_around_each_season_and_reach_one_step_before_the_window() -> None:
    assert lags_of(()) == (1, 2, 3)
    assert lags_of((7,)) == (1, 2, 3, 6, 7, 8)
    assert lags_of((24, 168)) == (1, 2, 3, 23, 24, 25, 48, 167, 168, 169)


def test_settings_refuse_what_makes_no_sense() -> None:
    with pytest.raises(InputError, match="head must be one of student, normal, negative-binomial, mixture"):
        DeepArSettings(head="cauchy")
    with pytest.raises(InputError, match="paths must be from 2 to 10000; got 1"):
        DeepArSettings(paths=1)
    with pytest.raises(InputError, match="hidden_size must be at least 1"):
        DeepArSettings(hidden_size=0)
