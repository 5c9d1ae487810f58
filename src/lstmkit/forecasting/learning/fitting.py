"""From a table of series to a trained ensemble: the rows held back, the context, the networks, the training."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, TableSettings, Windows, make_windows
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.forecasting.learning.ensemble import BATCH, MOST_WATCHED, Ensemble
from lstmkit.forecasting.learning.seasons import Seasons, cycle_note, find_seasons
from lstmkit.forecasting.models import ForecastModel, ModelSettings, Task
from lstmkit.training import Checkpoint, Devices, EpochRecord, Snapshots, TrainSettings, threads_for, train

Rows = NDArray[np.int64]
LEAST_STEPS = 25
"""Steps between two looks at the validation part, at least, where a pass over the windows has fewer."""


@dataclass(frozen=True)
class Request:
    """What a forecaster is to be fitted for; the fields are arguments of `Forecaster`.

    levels  quantile levels
    seeds   networks that differ by their seed; None for one, or as many as suit the table where settings do
    snapshots  epochs of each network that are kept, the best ones
    chosen  whether the settings were given; if not, the model may take others that suit the table
    """

    model: type[ForecastModel[Any]]
    settings: ModelSettings
    horizon: int
    context: int | None
    levels: tuple[float, ...]
    seasons: tuple[int, ...] | None
    seed: int
    backend: str | None
    seeds: int | None = 1
    snapshots: int = 1
    devices: Devices | None = None
    chosen: bool = True

    @property
    def networks(self) -> int:
        """How many networks differ by their seed."""
        return self.seeds or 1

    def held_back(self, rows: Rows) -> Rows:
        """Return how many of a series' rows, at its end, only early stopping sees."""
        share = (self.settings.validation * rows).astype(np.int64)
        return np.asarray(np.maximum(share, np.minimum(2 * self.horizon, rows // 4)))

    def least_rows(self, season: int = 0) -> int:
        """Return how many rows a series needs at least, so that it has a training window and a validation window.

        season  longest season shown by the rows, which comes before the context
        """
        needed = (self.context or 2) + season + self.horizon
        most = 2 * needed + 4 * self.horizon + 4  # less than half is held back, and a quarter of 4 P holds a window
        rows = np.arange(1, most + 1)
        held_back = self.held_back(rows)
        return int(rows[(rows - held_back >= needed) & (held_back >= self.horizon)][0])


@dataclass(frozen=True)
class Fit:
    """What fitting leaves: trained networks, the seasons found, a record per epoch, and the settings trained with."""

    network: Ensemble
    seasons: Seasons
    history: list[EpochRecord]
    settings: ModelSettings


def build(request: Request, task: Task) -> Ensemble:
    """Return untrained networks, a seed each."""
    members = []
    for k in range(request.networks):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(request.seed + k)
            members.append(request.model(task, request.settings))
    return Ensemble(members)


def with_snapshots(network: Ensemble, snapshots: int) -> Ensemble:
    """Return an ensemble with `snapshots` copies of every member, to load their weights into."""
    return Ensemble([copy.deepcopy(member) for _ in range(snapshots) for member in network.networks])


def train_ensemble(
    request: Request,
    table: SeriesTable,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
) -> Fit:
    """Fit networks to all rows of a table; the last ones only decide when to stop, and how wide intervals are.

    Raises  InputError if a series is too short
    """
    fit_rows = table.lengths - request.held_back(table.lengths)
    seasons = seasons_of(table, request)
    task = make_task(request, table, fit_rows, seasons)
    request = _suited(request, task, fit_rows, table)
    network = build(request, task)
    training = make_windows(table, network.window, request.horizon, last=fit_rows)
    validation = make_windows(table, network.window, request.horizon, first=fit_rows)
    if not len(training) or not len(validation):
        raise InputError(
            f"no complete window to {'learn from' if not len(training) else 'stop by'}; fewer missing values "
            f"or a smaller --context or --horizon are needed"
        )
    network.start_from(training)
    start = copy.deepcopy(network).eval()
    history: list[EpochRecord] = []

    def follow(records: Iterable[EpochRecord], before: EpochRecord | None = None) -> None:
        for record in records:
            history.append(record if before is None else record.after(before))
            if on_epoch is not None:
                on_epoch(history[-1])

    with threads_for(request.settings.hidden_size):
        snapshots = Snapshots()
        follow(_records(request, network, training, validation, checkpoint, resume, snapshots))
        network = _of_snapshots(network, snapshots) if request.snapshots > 1 else network
        # Few series can be told from one whose best forecast is its last value: to leave that takes evidence.
        kept = 1.0 if start.leaves_last_value else network.believed_gain(start, validation)
        network.hold_back(start, kept)
        network.calibrate(training, validation)
        if request.settings.final_fit:
            epochs = max(record.epoch for record in history if record.improved)
            everything = make_windows(table, network.window, request.horizon)
            final, snapshots = build(request, task), Snapshots()
            final.start_from(everything)
            start = copy.deepcopy(final).eval()
            if epochs:  # else the start, fitted to all rows, is what was best
                again = dataclasses.replace(request, settings=dataclasses.replace(request.settings, max_epochs=epochs))
                follow(_records(again, final, everything, None, None, False, snapshots), history[-1])
            final = _of_snapshots(final, snapshots) if snapshots.kept and request.snapshots > 1 else final
            final.hold_back(start, kept)
            final.calibrated_as(network)
            network = final
    return Fit(network, seasons, history, request.settings)


def suited(request: Request, table: SeriesTable) -> Request:
    """Return what is asked, with the settings and the number of networks that suit a table, unless they were given."""
    if request.chosen:
        return request
    fit_rows = table.lengths - request.held_back(table.lengths)
    task = make_task(request, table, fit_rows, seasons_of(table, request))
    return _suited(request, task, fit_rows, table)


def _suited(request: Request, task: Task, fit_rows: Rows, table: SeriesTable) -> Request:
    if request.chosen:
        return request
    rows = int(fit_rows.sum())
    settings = request.model.suited(request.settings, task, rows, int(table.lengths.sum()) - rows)
    seeds = request.seeds or request.model.members(task, rows)
    return dataclasses.replace(request, settings=settings, seeds=seeds, chosen=True)


def make_task(request: Request, table: SeriesTable, fit_rows: Rows, seasons: Seasons) -> Task:
    """Return what the networks must do, with the context chosen."""
    given = table.covariates
    context = _context(request, table, fit_rows, seasons)
    padded = table.columns.short == "pad"
    dated = table.known_width
    return Task(
        context=context,
        horizon=request.horizon,
        seasons=seasons.shown,
        levels=request.levels,
        series=len(table),
        marked=padded or bool(np.isnan(table.values).any()),
        seen=given.seen.shape[1],
        known=dated,
        numbers=given.numbers.shape[1],
        categories=tuple(len(levels) for levels in given.category_levels),
        backend=request.backend,
        lower=table.columns.lower,
        upper=table.columns.upper,
        means=_means(context, seasons.shown, len(table)),
    )


def _means(context: int, seasons: tuple[int, ...], series: int) -> tuple[int, ...]:
    """Return of how many last values a start without a season knows the mean.

    Of many series some are noise around a level and others walks: one blend for all suits few of them.
    """
    return () if seasons or series > 1 else tuple(k for k in (4, 16, 64) if k <= context) or (context,)


def _context(request: Request, table: SeriesTable, fit_rows: Rows, seasons: Seasons) -> int:
    """Return the context, and make sure that every series has a training window and a validation window."""
    season = max(seasons.shown, default=0)
    least = request.least_rows(season)
    s = decisive(table, table.lengths, least)
    available = int(fit_rows[s]) - season - request.horizon
    context = request.context
    if context is None:
        context = request.model.context(available, seasons.shown, request.horizon)
    if table.lengths[s] < least:
        what = ("" if request.context is None else f"context {context} and ") + f"horizon {request.horizon}"
        what += f" after a season of {season}" if season else ""
        raise InputError(
            f"{table.name(s)}: {table.lengths[s]} rows to learn from; at least {least} for {what}; "
            f"use a smaller {'--horizon' if request.context is None else '--context or --horizon'}"
            f"{'' if len(table) == 1 else ', or --short drop or pad'}"
        )
    return context


def _records(
    request: Request,
    network: Ensemble,
    training: Windows,
    validation: Windows | None,
    checkpoint: Checkpoint | None,
    resume: bool,
    snapshots: Snapshots,
) -> Iterator[EpochRecord]:
    """Train; without a validation part all epochs, and the last is kept."""
    settings = request.settings
    groups = [
        {
            "params": group["params"],
            "lr": settings.learning_rate * group["lr_scale"],
            "weight_decay": settings.weight_decay * group["weight_decay"],
        }
        for member in network.networks
        for group in member.parameter_groups()
        if group["params"]
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)

    def validate(held_back: Windows) -> float:
        watched = torch.arange(0, len(held_back), max(1, len(held_back) // MOST_WATCHED))
        losses = [float(network.loss(held_back.batch(items))) * len(items) for items in torch.split(watched, BATCH)]
        return sum(losses) / len(watched)

    how = TrainSettings(
        max_epochs=settings.max_epochs,
        batch_size=min(settings.batch_size, max(8, len(training) // 16)),
        steps_per_epoch=settings.steps_per_epoch,
        least_steps=min(LEAST_STEPS, settings.steps_per_epoch),
        patience=None if validation is None else settings.patience,
        clip_norm=1.0,
        seed=request.seed,
        schedule=settings.schedule,
        keep=request.snapshots,
        average=settings.average,
        max_seconds=settings.max_seconds,
    )
    return train(
        network,
        optimizer,
        how,
        len(training),
        lambda items: network.loss(training.batch(items)),
        None if validation is None else functools.partial(validate, validation),
        checkpoint,
        resume,
        snapshots=snapshots,
        devices=request.devices,
    )


def _of_snapshots(network: Ensemble, snapshots: Snapshots) -> Ensemble:
    """Return an ensemble of the members as they were at each of the epochs kept."""
    states = [kept.weights for kept in snapshots.kept]
    ensemble = with_snapshots(network, len(states))
    n = len(network.networks)
    for k, state in enumerate(states):
        for j, member in enumerate(ensemble.networks[k * n : (k + 1) * n]):
            prefix = f"members.{j}."
            member.load_state_dict(
                {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}
            )
    return ensemble.eval()


def decisive(table: SeriesTable, rows: Rows, least: int) -> int:
    """Return the series whose rows (S,) decide about the context: the shortest, unless shorter ones are padded.

    Then it is one that half of the series are no longer than; the longest, if that one has fewer rows than `least`.
    """
    if table.columns.short not in ("auto", "pad"):
        return int(rows.argmin())
    typical = int(rows.argsort(kind="stable")[len(rows) // 2])
    return typical if rows[typical] >= least else int(rows.argmax())


def bounded(values: NDArray[np.float64], by: TableSettings) -> NDArray[np.float64]:
    """Return values within the bounds of a table."""
    return values if by.lower is None and by.upper is None else np.clip(values, by.lower, by.upper)


def _check_bounds(table: SeriesTable) -> None:
    """Raise InputError if a value lies beyond a bound."""
    for name, bound, sign in (("lower", table.columns.lower, 1), ("upper", table.columns.upper, -1)):
        if bound is not None and (sign * table.values < sign * bound).any():
            k = int((sign * table.values < sign * bound).argmax())
            side = "below" if sign > 0 else "above"
            raise InputError(
                f"{table.name(table.series_of(k))}: the value {table.values[k]:g} at {table.time_name(k)} is {side} "
                f"--{name} {bound:g}; give another bound, or correct the value"
            )


def note_on_bounds(table: SeriesTable) -> list[str]:
    """Return a sentence about `lower`, if every value is at or above zero and nothing is said of bounds."""
    unsaid = table.columns.lower is None and table.columns.upper is None
    if not unsaid or not len(table.values) or np.nanmin(table.values) < 0:
        return []
    return ["no value is below 0; if none can be, --lower 0 keeps forecasts and intervals there"]


def table_to_learn_from(table: SeriesTable, request: Request, kept_back: int | Rows = 0) -> SeriesTable:
    """Return the table with its short series left out or padded, as its settings say; a note tells which.

    kept_back  rows of each series that are not learnt from
    """
    _check_bounds(table)
    if table.columns.short == "auto":
        return _short_ones_padded(table, request, np.maximum(table.lengths - kept_back, 0))
    if table.columns.short != "drop":
        return table
    least = request.least_rows()
    short = np.flatnonzero(table.lengths - kept_back < least)
    if not len(short) or len(short) == len(table):
        return table
    names = shorten([table.ids[s] for s in short])
    kept = table.choose(np.flatnonzero(table.lengths - kept_back >= least))
    note = f"{len(short)} series with fewer than {least} rows to learn from ({names}): left out"
    return dataclasses.replace(kept, learnt=None, notes=(*table.notes, note))


def _short_ones_padded(table: SeriesTable, request: Request, rows: Rows) -> SeriesTable:
    """Return the table to be padded if some series are shorter than what suits most of them, else as it is.

    rows  (S,) to learn from
    """
    P, held_back = request.horizon, request.held_back(rows)
    fit_rows, kept_back = rows - held_back, table.lengths - rows
    if len(table) == 1:
        return table
    padded = dataclasses.replace(table, columns=dataclasses.replace(table.columns, short="pad"))
    seasons = find_seasons(padded.head(fit_rows), P, request.seasons)
    season = max(seasons.shown, default=0)
    if rows[decisive(padded, rows, request.least_rows(season))] < request.least_rows(season):
        return table  # which is refused where it is fitted
    needed = _context(request, padded.head(rows), fit_rows, seasons) + season + P
    short = np.flatnonzero((fit_rows < needed) | (held_back < P) | ((kept_back > 0) & (kept_back < P)))
    if not len(short):
        return table
    names = shorten([table.ids[s] for s in short])
    note = f"{len(short)} of {len(table):,} series are short beside the others ({names}): their windows begin before "
    note += "they do; --short drop leaves them out"
    return dataclasses.replace(padded, notes=(*table.notes, note))


def seasons_of(table: SeriesTable, request: Request) -> Seasons:
    """Return the seasons of the rows of a table that networks would be fitted to."""
    fit_rows = table.lengths - request.held_back(table.lengths)
    return find_seasons(table.head(fit_rows), request.horizon, request.seasons)


def noted(table: SeriesTable, request: Request, seasons: Seasons) -> SeriesTable:
    """Return the table with a note about a cycle that was found and the calendar does not imply."""
    note = "" if request.seasons is not None else cycle_note(seasons, table.frequency)
    return table if not note or note in table.notes else dataclasses.replace(table, notes=(*table.notes, note))
