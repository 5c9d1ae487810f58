"""The default model: when a step of its recurrence is a season, what it then computes, and what models promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.data import Batch, TableSettings, Windows, make_windows, read_table
from lstmkit.errors import InputError
from lstmkit.forecasting.models import Task
from lstmkit.forecasting.models.folded import FoldedLstm
from lstmkit.forecasting.models.lstm import LstmModel, LstmSettings, fold_period
from lstmkit.forecasting.models.stepwise import StepwiseLstm

C, P, M = 20, 6, 12
m = 4
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
COVARIATES = {"seen": 2, "known": 1, "numbers": 2, "categories": (3,)}


def task(**given: Any) -> Task:
    return Task(**{"context": C, "horizon": P, "seasons": (m, M), "levels": LEVELS, "series": 3, **given})


def build(given: Task, **chosen: Any) -> LstmModel:
    torch.manual_seed(0)
    return LstmModel(given, LstmSettings(**{"hidden_size": 16, "dropout": 0.0, "fold": "always", **chosen}))


def batch_for(given: Task, B: int = 5) -> Batch:
    torch.manual_seed(1)
    L = given.context + max(given.seasons, default=0)
    return Batch(
        past=50 + torch.randn(B, L, dtype=torch.float64).cumsum(1),
        future=50 + torch.randn(B, given.horizon, dtype=torch.float64),
        seen=torch.randn(B, L, given.seen, dtype=torch.float64),
        known=torch.randn(B, L + given.horizon, given.known, dtype=torch.float64),
        numbers=torch.randn(B, given.numbers, dtype=torch.float64),
        categories=torch.randint(3, (B, len(given.categories))),
        series=torch.arange(B) % 3,
        row=torch.arange(B) + L,
    )


def wake(model: LstmModel) -> None:
    """Give the layers that begin at zero something to say."""
    torch.manual_seed(2)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter.data, std=0.1)


def folded(model: LstmModel) -> FoldedLstm:
    assert isinstance(model.reader, FoldedLstm)
    return model.reader


def days(rows: int = 400, level: float = 50.0) -> Windows:
    """Three series of seasons with shapes of two kinds; which comes next follows from the two before."""
    rng = np.random.default_rng(0)
    shapes = np.array([[0.0, 4.0, 1.0, -2.0], [0.0, -3.0, 2.0, 3.0]])
    columns = []
    for s in range(3):
        kinds = [0, 1]
        while len(kinds) < rows // m:
            kinds.append(kinds[-1] ^ kinds[-2])
        kinds = kinds[s:] + kinds[:s]
        columns.append(level * (s + 1) + shapes[kinds].ravel() + 0.05 * rng.normal(size=rows))
    frame = pl.DataFrame({"id": np.repeat(list("abc"), rows), "y": np.concatenate(columns)})
    return make_windows(read_table(frame, TableSettings(target="y", id="id")), C + M, P)


@pytest.mark.parametrize(
    ("seasons", "context", "horizon", "fold", "period"),
    [
        ((24, 168), 96, 48, "auto", 24),
        ((24, 168), 71, 48, "auto", None),  # not three days
        ((24, 168), 96, 11, "auto", None),  # a step would be more than twice the horizon
        ((3,), 96, 48, "auto", None),
        ((12,), 96, 48, "auto", None),  # a year of months is little to read at once
        ((500,), 2000, 600, "auto", None),
        ((), 96, 48, "auto", None),
        ((24, 168), 96, 48, "never", None),
        ((24, 168), 96, 1, "always", 24),
        ((), 96, 48, "always", None),
        ((), 96, 48, 10, 10),
        ((24, 168), 96, 48, 12, 12),
    ],
)
def test_fold_period(seasons: tuple[int, ...], context: int, horizon: int, fold: str | int, period: int | None) -> None:
    assert fold_period(task(seasons=seasons, context=context, horizon=horizon), fold) == period


def test_settings_and_context_say_what_is_wrong() -> None:
    for fold in ("sometimes", 1, True):
        with pytest.raises(InputError, match="fold must be"):
            LstmSettings(fold=fold)
    with pytest.raises(InputError, match="fold 30 needs a context of at least 60; got 59"):
        LstmModel(task(seasons=(), context=59), LstmSettings(fold=30))
    LstmModel(task(seasons=(), context=60), LstmSettings(fold=30))


@pytest.mark.parametrize(
    ("available", "seasons", "horizon", "context"),
    [
        (10_000, (24, 168), 48, 7 * 24),
        (200, (24, 168), 48, 5 * 24),
        (84, (24, 168), 48, 28),  # two days are not worth folding: a third of what there is
        (1000, (), 5, 60),
        (1000, (365,), 7, 333),
    ],
)
def test_context(available: int, seasons: tuple[int, ...], horizon: int, context: int) -> None:
    assert LstmModel.context(available, seasons, horizon) == context


def independent(model: LstmModel, batch: Batch) -> tuple[list[list[NDArray[np.float64]]], list[NDArray[np.float64]]]:
    """Return quantiles (P, Q) in raw units after every step of every window, and the size of each step (n,)."""
    own = folded(model)
    n = C // m
    blend, offset = own.blend.detach().double().numpy(), own.offset.detach().double().numpy()
    spread = own.spread.double().numpy()
    plain = torch.nn.LSTM(own.lstm.input_size, own.lstm.hidden_size, own.lstm.num_layers, batch_first=True)
    plain.load_state_dict(own.lstm.state_dict())
    everything, sizes = [], []
    for past in batch.past.numpy():
        inputs, naive = [], []
        units: list[tuple[float, float]] = []
        for step in range(n):
            end = len(past) - (n - 1 - step) * m
            season = past[end - M : end]
            center, size = season.mean(), np.abs(season - season.mean()).mean()
            last_center, last_size = units[-1] if units else (center, size)
            units.append((center, size))
            z = (past - center) / size
            same = z[end - m : end]
            ahead = z[end - M : end - M + min(P, 2 * m)]
            moved = [(center - last_center) / size, np.log(size / last_size)]
            inputs.append(np.concatenate([same, same - z[end - 2 * m : end - m], ahead, moved]))
            columns = []
            for s in (m, M):
                columns.append([z[end + p - s * (p // s + 1)] for p in range(P)])
                columns.append([z[end - 1] - z[end - 1 - s]] * P)
            naive.append(np.array(columns).T)
        hidden, _ = plain(torch.tensor(np.array(inputs), dtype=torch.float32)[None])
        change = own.head(hidden[0]).detach().double().numpy().reshape(n, P, -1)
        steps = []
        for (center, size), c, forecasts in zip(units, change, naive, strict=True):
            level = (forecasts * blend).sum(1, keepdims=True)
            steps.append(center + size * (level + spread[:, None] * (c + offset)))
        everything.append(steps)
        sizes.append(np.array([size for _, size in units]))
    return everything, sizes


def test_quantiles_and_loss_equal_an_independent_computation() -> None:
    given = task()
    model, batch = build(given, num_layers=2), batch_for(given)
    wake(model)
    folded(model).spread.uniform_(0.5, 2.0)
    steps, sizes = independent(model, batch)
    expected = np.array([own[-1] for own in steps])
    torch.testing.assert_close(model.quantiles(batch), torch.tensor(expected), rtol=1e-5, atol=1e-4)
    for relative, taught in ((0.0, 5), (3.0, 5), (3.0, 2)):
        folded(model).relative.fill_(relative)
        folded(model).taught = taught
        for training in (True, False):
            model.train(training)
            losses = []
            for own, size, past, future in zip(steps, sizes, batch.past.numpy(), batch.future.numpy(), strict=True):
                everything = np.concatenate([past, future])
                usual = np.abs(past[m:] - past[:-m]).mean()
                for j, quantiles in enumerate(own):
                    if j < len(own) - (taught if training else 1):
                        continue
                    end = len(past) - (len(own) - 1 - j) * m
                    for y, row in zip(everything[end : end + P], quantiles, strict=True):
                        pinball = [max(q * (y - f), (q - 1) * (y - f)) for q, f in zip(LEVELS, row, strict=True)]
                        error = 0.5 * pinball[2] + 0.125 * (sum(pinball) - pinball[2])
                        share = 2 / (abs(y) + abs(row[2]))
                        losses.append(error * (1 / max(usual, size[j] / 20) + relative * share))
            assert model.loss(batch).item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_long_horizons_are_taught_at_the_last_steps_only() -> None:
    assert [folded(build(task(horizon=horizon))).taught for horizon in (6, 300, 2000)] == [5, 3, 1]


def test_begins_as_the_blend_that_ridge_regression_gives() -> None:
    windows = days()
    model = build(task())
    model.start_from(windows)
    own, batch = folded(model), windows.batch(torch.arange(len(windows)))
    naive, targets, weights, centers = [], [], [], []
    for past, future in zip(batch.past.numpy(), batch.future.numpy(), strict=True):
        center = past[-M:].mean()
        size = np.abs(past[-M:] - center).mean()
        z = (past - center) / size
        columns = [np.resize(z[-s:], P) if k == 0 else np.full(P, z[-1] - z[-1 - s]) for s in (m, M) for k in (0, 1)]
        naive.append(np.array(columns).T)
        targets.append((future - center) / size)
        weights.append(size / max(np.abs(past[m:] - past[:-m]).mean(), size / 20))
        centers.append((center, size))
    for p in range(P):
        X = np.array([rows[p] for rows in naive]).astype(np.float32) * np.array(weights)[:, None]
        y = np.array([row[p] for row in targets]) * np.array(weights)
        gram = X.T @ X
        ridge = 10.0 * np.trace(gram) / 4 / len(X) * np.eye(4)
        np.testing.assert_allclose(own.blend[p].detach(), np.linalg.solve(gram + ridge, X.T @ y), rtol=1e-3, atol=1e-4)
    level = np.array([(rows * own.blend.detach().double().numpy()).sum(1) for rows in naive])
    expected = np.array([c + s * row for (c, s), row in zip(centers, level, strict=True)])
    median = model.quantiles(batch)[..., 2].detach().numpy()
    np.testing.assert_allclose(median, expected, rtol=1e-5)
    covered = (batch.future.numpy() <= model.quantiles(batch)[..., 3].detach().numpy()).mean()
    assert covered == pytest.approx(0.75, abs=0.03)


def test_relative_errors_count_only_where_all_values_are_positive() -> None:
    for level, counts in ((50.0, True), (0.0, False)):
        model = build(task())
        model.start_from(days(level=level))
        assert (float(folded(model).relative) > 0) == counts


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "slstm", "mlstm", "peephole", "alstm", "mogrifier"])
@pytest.mark.parametrize("seasons", [(m, M), ()])
def test_every_cell_forecasts_and_all_parameters_learn(cell: str, seasons: tuple[int, ...]) -> None:
    given = task(seasons=seasons, marked=True, **COVARIATES)
    model, batch = build(given, cell=cell, num_layers=2), batch_for(given)
    assert isinstance(model.reader, FoldedLstm if seasons else StepwiseLstm)
    wake(model)
    assert model.quantiles(batch).shape == (5, P, len(LEVELS))
    assert model.quantiles(batch).dtype == torch.float64
    model.loss(batch).backward()  # type: ignore[no-untyped-call]
    silent = [name for name, p in model.named_parameters() if p.numel() and (p.grad is None or not p.grad.any())]
    assert not silent
    other = build(given, cell=cell, num_layers=2)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.eval().quantiles(batch), model.eval().quantiles(batch))


@pytest.mark.parametrize("seasons", [(m, M), (m,), (m, 9)])
def test_what_is_missing_does_not_spread(seasons: tuple[int, ...]) -> None:
    given = task(seasons=seasons, marked=True, **COVARIATES)
    model, batch = build(given), batch_for(given)
    wake(model)
    batch.past[0, ::2] = torch.nan
    batch.past[1, :-2] = torch.nan
    batch.past[2, -m:] = torch.nan
    batch.past[3, 1:-1] = torch.nan
    for values in (batch.seen, batch.known, batch.numbers):
        values[:3] = torch.nan
    batch.future[0, 2:] = torch.nan
    for training in (True, False):
        model.train(training).zero_grad()
        assert bool(torch.isfinite(model.quantiles(batch)).all())
        loss = model.loss(batch)
        assert bool(torch.isfinite(loss))
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)


def test_a_gap_is_filled_from_a_season_before_and_marked() -> None:
    given = task(marked=True)
    model, batch = build(given), batch_for(given)
    wake(model)
    gap, filled = batch.past.clone(), batch.past.clone()
    gap[:, -2] = torch.nan
    filled[:, -2] = filled[:, -2 - m]
    there, missing = (folded(model).folds(batch._replace(past=past)) for past in (filled, gap))
    assert torch.equal(there.views, missing.views)
    assert there.missing is not None and missing.missing is not None
    assert int((there.missing ^ missing.missing).sum()) == len(gap)
    assert not torch.equal(model.quantiles(batch._replace(past=gap)), model.quantiles(batch._replace(past=filled)))


def test_targets_that_are_missing_do_not_count() -> None:
    given = task()
    model, batch = build(given).eval(), batch_for(given)
    wake(model)
    known = model.loss(batch._replace(future=batch.future.index_fill(1, torch.tensor([1, 4]), torch.nan)))
    steps = torch.tensor([0, 2, 3, 5])
    alone = []
    for row in range(len(batch.past)):
        one = Batch(*(t[row : row + 1] for t in batch))
        for p in steps:
            future = torch.full_like(one.future, torch.nan)
            future[:, p] = one.future[:, p]
            alone.append(model.loss(one._replace(future=future)).item())
    assert known.item() == pytest.approx(np.mean(alone), rel=1e-5)


def test_no_step_knows_what_follows_it() -> None:
    given = task(**COVARIATES)
    model, batch = build(given), batch_for(given)
    wake(model)
    reader = folded(model)
    later = batch._replace(future=batch.future * 9, past=batch.past.clone(), seen=batch.seen.clone())
    assert torch.equal(model.quantiles(batch), model.quantiles(later))
    later.past[:, -m:] *= 1.5
    later.seen[:, -m:] += 1
    steps = [reader(b, reader.folds(b), C // m) for b in (batch, later)]
    assert torch.equal(steps[0][:, :-1], steps[1][:, :-1])
    assert not torch.equal(steps[0][:, -1], steps[1][:, -1])


@pytest.mark.parametrize("fold", ["auto", 3, 7])
def test_shift_and_scale_of_a_series_shift_and_scale_its_forecast(fold: str | int) -> None:
    given = task()
    model, batch = build(given, fold=fold), batch_for(given)
    wake(model)
    plain: Tensor = model.quantiles(batch)
    moved = model.quantiles(batch._replace(past=batch.past * 64 - 4096))
    torch.testing.assert_close(moved, plain * 64 - 4096, rtol=1e-5, atol=1e-2)


def test_constant_windows_are_forecast_as_constant() -> None:
    given = task()
    model, batch = build(given), batch_for(given)
    flat = batch._replace(past=torch.full_like(batch.past, 7.0), future=torch.full_like(batch.future, 7.0))
    torch.testing.assert_close(
        model.quantiles(flat), torch.full((5, P, 5), 7.0, dtype=torch.float64), rtol=1e-4, atol=0
    )
    assert bool(torch.isfinite(model.loss(flat)))


def test_a_window_without_change_is_measured_by_its_series() -> None:
    given = task()
    model, batch = build(given), batch_for(given)
    flat = batch._replace(past=torch.full_like(batch.past, 7.0))
    folded(model).usual.change.fill_(3.0)
    torch.testing.assert_close(folded(model).folds(flat).size, torch.full((5, C // m, 1), 0.3, dtype=torch.float64))
    stranger = flat._replace(series=torch.full_like(flat.series, -1))
    assert float(folded(model).folds(stranger).size.max()) < 1e-4


def test_learns_a_pattern_that_no_blend_of_naive_forecasts_knows() -> None:
    windows = days()
    items = torch.arange(len(windows))
    learn, judge = items[: len(items) // 2], windows.batch(items[len(items) // 2 :])
    model = build(task(seasons=(m,), context=C + M - m), hidden_size=24)
    model.start_from(windows)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def error() -> float:
        return (model.eval().quantiles(judge)[..., 2] - judge.future).abs().mean().item()

    begin = error()
    for step in range(120):
        model.train()
        loss = model.loss(windows.batch(learn[torch.randint(len(learn), (32,), generator=torch.manual_seed(step))]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert error() < 0.2 * begin


def test_folded_models_learn_faster_than_others() -> None:
    rates = {
        fold: {group["lr_scale"] for group in build(task(), fold=fold).parameter_groups()}
        for fold in ("always", "never")
    }
    assert rates == {"always": {2.5}, "never": {1.0}}
