"""What a forecasting model is to the rest: a task, settings, and a network that turns batches into quantiles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from lstmkit.data import Batch, Windows
from lstmkit.nn import LSTM
from lstmkit.ranges import BELOW_1, BETWEEN_0_AND_1, MORE_THAN_0, NOT_NEGATIVE, Range, check_fields
from lstmkit.training.schema import Natural, Positive
from lstmkit.training.settings import SCHEDULES

UP_TO_HALF = Range("must be between 0 and 0.5", above=0, below=0.5, percent=0.01)


@dataclass(frozen=True, slots=True)
class Task:
    """What a model must forecast, and from what.

    context     past values that the model looks at, C
    horizon     steps ahead, P
    seasons     periods that the training rows show, in steps, shortest first, (S,)
    levels      quantile levels, increasing, 0.5 among them, (Q,)
    series      how many series there are to learn from
    marked      whether values may be missing, so that the model must be told which are
    seen, known, numbers  how many covariates of each kind there are: R, F, K
    categories  number of levels of each static category, (C,)
    backend     name of the backend that must run the recurrence; None for the fastest
    lower, upper  bounds of what is forecast, or None
    means       numbers of last values whose mean a naive start may lean on, shortest first
    """

    context: Positive
    horizon: Positive
    seasons: tuple[Positive, ...]
    levels: tuple[float, ...]
    series: Positive = 1
    marked: bool = False
    seen: Natural = 0
    known: Natural = 0
    numbers: Natural = 0
    categories: tuple[Positive, ...] = ()
    backend: str | None = None
    lower: float | None = None
    upper: float | None = None
    means: tuple[Positive, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Size and training of a network; every model names its own defaults.

    cell             member of the family, a name of `cell=` in `lstmkit.nn.LSTM`
    hidden_size      cells per layer
    num_layers       recurrent layers
    dropout          probability of zeroing an element between layers and before the output
    learning_rate    of AdamW at the start
    schedule         how the learning rate falls: "constant", "cosine", or "decay" (constant for three epochs, then 0.8
                     times that of the epoch before)
    weight_decay     of AdamW, on the recurrent matrices only
    batch_size       windows in a step
    max_epochs       epochs at most
    steps_per_epoch  steps in an epoch at most
    patience         epochs without a better validation loss before training stops; None trains them all
    validation       share of the training rows, at their end, that early stopping watches
    average          decay of a moving average of the weights over the steps, which then is what is validated and kept;
                     None for the weights themselves
    max_seconds      training stops after so long; such a run depends on the machine and cannot be repeated exactly
    final_fit        whether networks are trained once more from the start on all rows, those held back included, for as
                     many epochs as were best; the intervals stay those calibrated on rows that were held back
    """

    cell: str = "lstm"
    hidden_size: int = 64
    num_layers: int = 1
    dropout: float = 0.2
    learning_rate: float = 1e-3
    schedule: str = "constant"
    weight_decay: float = 1e-2
    batch_size: int = 128
    max_epochs: int = 40
    steps_per_epoch: int = 100
    patience: int | None = 6
    validation: float = 0.125
    average: float | None = None
    max_seconds: float | None = None
    final_fit: bool = False

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({})

    def check(self, own: Mapping[str, Range | Sequence[str]]) -> None:
        """Check every value; `own` are ranges and choices of the fields that a model adds."""
        shares = {"dropout": BELOW_1, "validation": UP_TO_HALF, "average": BETWEEN_0_AND_1}
        rates = {"learning_rate": MORE_THAN_0, "weight_decay": NOT_NEGATIVE, "max_seconds": MORE_THAN_0}
        check_fields(self, {"schedule": SCHEDULES, **shares, **rates, **own})


S = TypeVar("S", bound=ModelSettings)


class ForecastModel(nn.Module, ABC, Generic[S]):
    """A network that forecasts quantiles.

    Everything that scales is a function of the window, or a buffer fitted by `start_from` on training windows only.
    """

    Settings: ClassVar[type[ModelSettings]]
    """Settings of this model; their defaults are the model's own."""
    title: ClassVar[str]
    """How a reader knows the model."""
    values_per_step: int = 1
    """Values that a step of the recurrence reads; 0 where its steps are not those of the series."""
    most_calibrated: ClassVar[int] = 8192
    """Windows of each part that the intervals are calibrated on, at most."""

    def __init__(self, task: Task, settings: S) -> None:
        super().__init__()
        self.task, self.settings = task, settings

    @classmethod
    def context(cls, available: int, seasons: tuple[int, ...], horizon: int) -> int:
        """Return how many past values to look at when the user does not say; at most a third of `available`.

        available  values before the horizon, and before a season, that the shortest series has to learn from
        """
        return max(2, min(max(60, 2 * min(seasons, default=0)), available // 3))

    @classmethod
    def suited(cls, settings: S, task: Task, rows: int, held_back: int) -> S:
        """Return the settings for a task where the user gives none; the usual ones by default.

        settings   the usual ones, with the cell that was asked for
        rows       of all series that are learnt from
        held_back  rows of all series that only early stopping sees
        """
        return settings

    @classmethod
    def members(cls, task: Task, rows: int) -> int:
        """Return how many networks forecast together where the user gives neither settings nor their number; one here.

        rows  of all series that are learnt from
        """
        return 1

    @property
    def window(self) -> int:
        """Values before the cutoff that a batch must hold, L: the context and the longest season before it."""
        return self.task.context + max(self.task.seasons, default=0)

    @abstractmethod
    def quantiles(self, batch: Batch) -> Tensor:
        """Return quantiles (B, P, Q) of what follows, float64, in the units of the series, not yet sorted."""

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss over the values of `batch.future` that are there, a scalar."""

    def start_from(self, windows: Windows) -> None:
        """Fit what has a closed form, such as a blend of naive forecasts, to training windows; nothing by default."""

    @property
    def leaves_last_value(self) -> bool:
        """Whether the forecast before training is anything but the last value, or that is not known."""
        return True

    def hold_back(self, start: Self, share: float) -> None:
        """Keep only a share of how the middle of the forecasts has moved since the start; all of it by default.

        How wide the forecasts are stays as it was learnt.

        start  this network as it was before training
        share  0 for the middle of the start, 1 for what was learnt
        """

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return groups of parameters for the optimizer, with `lr_scale` and `weight_decay` (relative to the settings).

        By default the matrices of recurrent layers decay, and nothing else does.
        """
        recurrent: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for module in self.modules():
            for name, parameter in module.named_parameters(recurse=False):
                decays = isinstance(module, LSTM) and name.startswith("weight")
                (recurrent if decays else others).append(parameter)
        return [
            {"params": recurrent, "lr_scale": 1.0, "weight_decay": 1.0},
            {"params": others, "lr_scale": 1.0, "weight_decay": 0.0},
        ]

    def samples(self, batch: Batch, paths: int) -> Tensor | None:
        """Return sample paths (B, paths, P), float64, or None for a model that has quantiles only."""
        return None


def recurrent_layers(inputs: int, task: Task, settings: ModelSettings) -> LSTM:
    """Return the recurrent layers that settings ask for, batch first; dropout lies between layers only.

    inputs  width of a step
    """
    return LSTM(
        inputs,
        settings.hidden_size,
        settings.num_layers,
        batch_first=True,
        dropout=settings.dropout if settings.num_layers > 1 else 0.0,
        cell=settings.cell,
        backend=task.backend,
    )


def masked_mean(loss: Tensor, future: Tensor) -> Tensor:
    """Return the mean of a loss (B, P, ...) over the steps of `future` (B, P) that are not NaN; NaN losses there are
    allowed elsewhere and do not spread into gradients if the caller filled them in before.
    """
    there = ~torch.isnan(future)
    if bool(there.all()):
        return loss.mean()
    return loss[there].mean() if bool(there.any()) else loss.sum() * 0.0
