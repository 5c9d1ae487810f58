"""ES-RNN: it begins as seasonal smoothing, sees no future, bears what is missing, learns, and serves unseen series."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit.data import Batch, TableSettings, Windows, make_windows, read_table
from lstmkit.errors import InputError
from lstmkit.forecasting.models.esrnn import EsRnnModel, EsRnnSettings, dilations_for
from lstmkit.forecasting.models.model import Task
from lstmkit.nn import CELLS, pinball_loss

LEVELS = (0.1, 0.5, 0.9)
PLAIN = Task(12, 3, (4,), LEVELS)
COVARIATES = dataclasses.replace(PLAIN, series=2, marked=True, seen=1, known=2, numbers=1, categories=(3,))
SEASON = np.array([3.0, -1, 0, -2])


def model_of(task: Task, **settings: object) -> EsRnnModel:
    torch.manual_seed(0)
    return EsRnnModel(task, EsRnnSettings(**{"hidden_size": 8, **settings})).eval()


def windows_of(values: np.ndarray, model: EsRnnModel) -> Windows:
    """Windows of one series, or of the rows of a matrix, NaN where missing."""
    values = np.atleast_2d(values)
    S, N = values.shape
    frame = pl.DataFrame({"id": np.repeat(np.arange(S), N), "t": np.tile(np.arange(N), S), "y": values.ravel()})
    table = read_table(frame, TableSettings("y", "t", "id", missing="mask"))
    return make_windows(table, model.window, model.task.horizon)


def everything(windows: Windows) -> Batch:
    return windows.batch(torch.arange(len(windows)))


def random_batch(task: Task, B: int = 5, missing: float = 0.0) -> Batch:
    torch.manual_seed(1)
    L, P = task.context + max(task.seasons, default=0), task.horizon

    def numbers(*shape: int) -> torch.Tensor:
        values = 5 + torch.randn(*shape, dtype=torch.float64)
        return values.masked_fill(torch.rand(shape) < missing, torch.nan)

    categories = torch.randint(0, 3, (B, len(task.categories)))
    covariates = numbers(B, L, task.seen), numbers(B, L + P, task.known), numbers(B, task.numbers), categories
    return Batch(numbers(B, L), numbers(B, P), *covariates, torch.arange(B) % task.series, torch.arange(B) + L)


def stirred(model: EsRnnModel) -> EsRnnModel:
    """Give every parameter that begins at zero some value."""
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.mark.parametrize("kind", ["multiplicative", "additive"])
def test_before_training_the_median_is_level_and_season(kind: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, 80)
    values = np.tile(SEASON, 20) + noise + (0 if kind == "additive" else 10)
    model = model_of(PLAIN)
    windows = windows_of(values, model)
    model.start_from(windows)
    assert bool(model.multiplicative[0]) == (kind == "multiplicative")
    a, b = model.rates[0].sigmoid().tolist()
    batch = everything(windows)
    median = model.quantiles(batch)[..., 1]
    for k in (0, 7):
        y = batch.past[k].numpy()
        y = np.log(y) if kind == "multiplicative" else y
        phase = (int(batch.row[k]) - len(y)) % 4
        season = [model.factors[0, (phase + j) % 4].item() * model.size.item() for j in range(4)]
        level = np.mean(y[:4] - season)
        for t, value in enumerate(y):
            level = a * (value - season[t]) + (1 - a) * level
            season.append(b * (value - level) + (1 - b) * season[t])
        expected = level + np.array(season[-4:-1])
        expected = np.exp(expected) if kind == "multiplicative" else expected
        assert median[k].detach().numpy() == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_before_training_a_pure_season_is_repeated_and_a_constant_stays() -> None:
    for values in (20 + np.tile(SEASON, 20), np.tile(SEASON, 20), np.full(80, 7.0), np.zeros(80), np.full(80, -1e9)):
        model = model_of(dataclasses.replace(PLAIN, series=2))
        windows = windows_of(np.stack([values, np.arange(80.0)]), model)  # a table of constants alone is refused
        model.start_from(windows)
        batch = windows.batch(torch.arange(len(windows) // 2))
        error = (model.quantiles(batch)[..., 1] - batch.future).abs().max()
        assert error <= 1e-4 * np.abs(values).max()


def test_before_training_the_intervals_hold_their_share_of_the_training_windows() -> None:
    model = model_of(PLAIN)
    windows = windows_of(50 + np.random.default_rng(2).normal(size=300).cumsum(), model)
    model.start_from(windows)
    batch = everything(windows)
    below = (batch.future[..., None] < model.quantiles(batch)).double().mean((0, 1))
    assert below[[0, 2]].tolist() == pytest.approx([0.1, 0.9], abs=0.01)


def test_every_series_has_its_own_kind_and_rates() -> None:
    generator = np.random.default_rng(0)
    walk, noise = 100 + generator.normal(size=200).cumsum(), generator.normal(size=200)
    model = model_of(dataclasses.replace(PLAIN, series=2))
    model.start_from(windows_of(np.stack([walk, noise]), model))
    assert model.multiplicative.tolist() == [True, False]
    rates = model.rates[:, 0].sigmoid().tolist()
    assert rates[0] > 0.5 > rates[1]  # a walk is where it was last, noise is around its mean


@pytest.mark.parametrize(
    "task", [PLAIN, COVARIATES, dataclasses.replace(PLAIN, seasons=()), Task(12, 6, (3, 5, 9), LEVELS)]
)
def test_quantiles_have_their_shape_and_do_not_see_the_future(task: Task) -> None:
    model = stirred(model_of(task))
    batch = random_batch(task, missing=0.2 if task.marked else 0.0)
    quantiles = model.quantiles(batch)
    assert quantiles.shape == (5, task.horizon, 3) and quantiles.dtype == torch.float64
    assert quantiles.isfinite().all()
    assert torch.equal(quantiles, model.quantiles(batch._replace(future=torch.full_like(batch.future, torch.nan))))


@pytest.mark.parametrize("name", ["past", "seen", "known", "numbers", "categories"])
def test_everything_known_has_an_influence(name: str) -> None:
    model = stirred(model_of(COVARIATES))
    batch = random_batch(COVARIATES)
    old = getattr(batch, name)
    changed = model.quantiles(batch._replace(**{name: (old + 1) % 3 if name == "categories" else old * 1.1}))
    assert (changed - model.quantiles(batch)).abs().amax((1, 2)).min() > 1e-6


def test_a_covariate_known_ahead_acts_on_its_own_step() -> None:
    model = stirred(model_of(COVARIATES))
    batch = random_batch(COVARIATES)
    known = batch.known.clone()
    known[:, -2] += 1
    change = (model.quantiles(batch._replace(known=known)) - model.quantiles(batch)).abs().amax((0, 2))
    assert change[1] > 1e-3 and change[[0, 2]].max() == 0


def test_what_is_missing_neither_spreads_nor_is_taken_for_a_number() -> None:
    model = stirred(model_of(COVARIATES)).train()
    batch = random_batch(COVARIATES, missing=0.3)
    batch.past[0], batch.future[1] = torch.nan, torch.nan
    batch.seen[2], batch.known[2], batch.numbers[2] = torch.nan, torch.nan, torch.nan
    assert model.quantiles(batch).isfinite().all()
    loss = model.loss(batch)
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in model.parameters())
    model.eval()
    filled = batch._replace(past=batch.past.nan_to_num(5.0))
    assert (model.quantiles(filled) - model.quantiles(batch)).abs().max() > 1e-3


@pytest.mark.parametrize("cell", list(CELLS))
def test_every_cell_learns_from_all_its_parameters(cell: str) -> None:
    model = stirred(model_of(COVARIATES, cell=cell, dropout=0.0, inputs=2, dilations=((1,), (2,)))).train()
    model.loss(random_batch(COVARIATES, B=8)).backward()
    without = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert without == set()
    grouped = [p for group in model.parameter_groups() for p in group["params"]]
    assert {id(p) for p in grouped} == {id(p) for p in model.parameters()} and len(set(grouped)) == len(grouped)


def test_what_belongs_to_a_series_has_its_own_learning_rate() -> None:
    model = model_of(PLAIN, series_rate=7.0)
    recurrent, others, own = model.parameter_groups()
    assert {id(p) for p in own["params"]} == {id(model.rates), id(model.factors)} and own["lr_scale"] == 7.0
    assert own["weight_decay"] == 0.0 == others["weight_decay"] and recurrent["weight_decay"] == 1.0


def test_the_loss_in_training_is_over_places_within_the_window_and_the_roughness() -> None:
    task = dataclasses.replace(PLAIN, marked=True)
    model = stirred(model_of(task, loss_stride=3, roughness=0.5, dropout=0.0, inputs=5)).train()
    batch = random_batch(task, missing=0.2)
    units = model.smoothing(batch).units
    values = units.apply(torch.cat([batch.past, batch.future], 1))
    losses = []
    for position in (15, 12, 9, 6):  # the window has 16 values
        quantiles, smoothing = model(batch, torch.tensor([position]))
        target = values[:, position + 1 : position + 4]
        there = ~target.isnan()
        losses.append(pinball_loss(quantiles[:, 0][there], target[there], model.levels))
    slope = smoothing.smoothed.level.diff(dim=1)
    expected = torch.cat(losses).mean() + 0.5 * ((slope[:, 1:] - slope[:, :-1]) ** 2).mean()
    torch.testing.assert_close(model.loss(batch), expected)
    torch.testing.assert_close(model.eval().loss(batch), losses[0].mean())


def test_a_window_where_nothing_moved_does_not_spoil_the_loss() -> None:
    model = stirred(model_of(PLAIN))
    model.size.zero_()
    batch = random_batch(PLAIN)
    without = model.loss(batch._replace(**{name: getattr(batch, name)[1:] for name in Batch._fields}))
    batch.past[0] = 0.0
    torch.testing.assert_close(model.loss(batch), without)


def test_an_unseen_series_has_the_mean_of_its_kind() -> None:
    task = dataclasses.replace(PLAIN, series=4)
    model = stirred(model_of(task))
    model.multiplicative[:2] = True
    batch = random_batch(task)._replace(series=torch.full((5,), -1))
    batch.past[1, 3] = -1.0
    found = model.quantiles(batch)
    for kind, rows in ((slice(0, 2), [0, 2, 3, 4]), (slice(2, 4), [1])):
        with torch.no_grad():
            alone = model_of(task)
            alone.load_state_dict(model.state_dict())
            alone.rates[0], alone.factors[0] = model.rates[kind].mean(0), model.factors[kind].mean(0)
            alone.multiplicative[0] = kind.start == 0
        for k in rows:
            one = Batch(*(field[k : k + 1] for field in batch))._replace(series=torch.zeros(1, dtype=torch.long))
            alone.size[0] = 0.0
            alone.size[0] = alone.smoothing(one).units.swing[0, 0]
            torch.testing.assert_close(found[k : k + 1], alone.quantiles(one))


def test_a_flat_end_of_the_training_rows_does_not_inflate_the_factors() -> None:
    model = model_of(PLAIN)
    windows = windows_of(np.concatenate([np.tile(SEASON, 20), np.zeros(24)]), model)
    model.start_from(windows)
    median = model.quantiles(everything(windows))[..., 1]
    assert median.abs().max() < 4


@pytest.mark.parametrize("shift", [1, 4])
def test_factors_follow_the_phase_of_the_row(shift: int) -> None:
    model = model_of(PLAIN)
    with torch.no_grad():
        model.factors.copy_(torch.from_numpy(SEASON))
        model.size.fill_(7.0)
        model.rates.fill_(-20.0)  # nothing is smoothed: the first factors stay
    batch = random_batch(PLAIN, B=1)
    median = model.quantiles(batch)[0, :, 1]
    later = model.quantiles(batch._replace(row=batch.row + shift))[0, :, 1]
    at = int(batch.row[0]) + np.arange(3)
    change = 7.0 * (SEASON[(at + shift) % 4] - SEASON[at % 4])
    assert (later - median).detach().numpy() == pytest.approx(change, abs=1e-5)


def test_it_learns_what_smoothing_cannot_know() -> None:
    t = np.arange(400)
    wave = 30 + np.tile(SEASON, 100) + 4 * np.sin(2 * np.pi * t / 29) + np.random.default_rng(0).normal(0, 0.1, 400)
    model = model_of(Task(24, 3, (4,), LEVELS), learning_rate=0.02, dropout=0.0)
    windows = windows_of(wave, model)
    model.start_from(windows)
    rate, groups = model.settings.learning_rate, model.parameter_groups()
    optimizer = torch.optim.Adam([{"params": g["params"], "lr": rate * g["lr_scale"]} for g in groups])
    generator = torch.Generator().manual_seed(0)
    train, late = torch.arange(280), torch.arange(320, len(windows))
    before = model.loss(windows.batch(late)).item()
    for _ in range(60):
        items = train[torch.randperm(280, generator=generator)[:32]]
        optimizer.zero_grad()
        model.train().loss(windows.batch(items)).backward()
        optimizer.step()
    assert model.eval().loss(windows.batch(late)).item() < 0.5 * before


def test_a_level_a_unit_and_weights_kept_give_the_same_forecasts() -> None:
    values = np.random.default_rng(2).normal(size=120).cumsum()
    values -= values.mean()  # additive, so that a level only moves the forecast
    forecasts = []
    for level, unit in ((0.0, 1.0), (-1e3, 1.0), (0.0, 1e3)):
        model = model_of(PLAIN)
        windows = windows_of(level + unit * values, model)
        model.start_from(windows)
        torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(3))
        forecasts.append((model.quantiles(everything(windows)) - level).detach() / unit)
        kept = model_of(PLAIN)
        kept.load_state_dict(model.state_dict())
        assert torch.equal(kept.quantiles(everything(windows)), model.quantiles(everything(windows)))
    torch.testing.assert_close(forecasts[1], forecasts[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(forecasts[2], forecasts[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("periods", "expected"),
    [((), ((1, 2), (4, 8))), ((2,), ((1, 2), (2, 4))), ((7,), ((1, 2), (7, 14))), ((24, 168), ((1, 4), (24, 168)))],
)
def test_dilations_follow_the_seasons(periods: tuple[int, ...], expected: tuple[tuple[int, ...], ...]) -> None:
    assert dilations_for(periods) == expected
    assert model_of(Task(20, 3, periods, LEVELS)).stack.dilations == expected
    assert model_of(Task(20, 3, periods, LEVELS), dilations=((1,), (3, 5))).stack.dilations == ((1,), (3, 5))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dilations", ((1, 0),)),
        ("dilations", ((),)),
        ("inputs", 0),
        ("loss_stride", 0),
        ("roughness", -1.0),
        ("series_rate", 0.0),
        ("hidden_size", 0),
    ],
)
def test_settings_are_checked(name: str, value: object) -> None:
    with pytest.raises(InputError, match=name):
        EsRnnSettings(**{name: value})  # type: ignore[arg-type]


def test_the_context_holds_two_of_the_longer_season_if_there_is_room() -> None:
    assert EsRnnModel.context(3000, (24, 168), 48) == 336
    assert EsRnnModel.context(300, (24, 168), 48) == 100
    assert EsRnnModel.context(3000, (), 48) == 60
