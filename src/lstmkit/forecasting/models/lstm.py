"""The default model: an LSTM that begins as a naive forecast and learns how to differ from it.

Where the training rows show a season and enough of it, a step of the recurrence is a season of values (`folded.py`);
elsewhere it is one value (`stepwise.py`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from lstmkit.data import Batch, Windows
from lstmkit.errors import InputError
from lstmkit.forecasting.models.folded import FoldedLstm
from lstmkit.forecasting.models.model import ForecastModel, ModelSettings, Task
from lstmkit.forecasting.models.naive import hold_back
from lstmkit.forecasting.models.stepwise import StepwiseLstm
from lstmkit.ranges import AT_LEAST_2

LEAST_PERIOD, MOST_PERIOD = 24, 400
LEAST_STEPS = 3
MOST_STEPS = 7
FOLDED_RATE = 2.5
PANEL_SERIES, PANEL_ROWS = 50, 100_000
"""From as many series and rows on, a panel read season by season teaches a larger network."""
PANEL: dict[str, Any] = {
    "hidden_size": 128,
    "num_layers": 2,
    "dropout": 0.1,
    "learning_rate": 4e-3,
    "schedule": "cosine",
    "batch_size": 64,
    "max_epochs": 10,
    "steps_per_epoch": 400,
    "patience": 10,
    "average": None,
    "final_fit": True,
}
"""Settings of such a panel; see docs/models.md for how they were found."""
MUCH = 1 / 6
"""Share of the rows that, held back for early stopping alone, is too much to learn nothing from."""

FEW_ROWS, FEW_MEMBERS = 500, 3
"""Rows below which several networks forecast a season together, and how many."""


@dataclass(frozen=True, slots=True)
class LstmSettings(ModelSettings):
    """The default model and its training. How the defaults were chosen is told in docs/models.md.

    fold  values that make up a step of the recurrence: "auto" is the shortest shown season, if it has 24 to 400 values,
          is at most twice the horizon, and fits three times into the context; "never" is one value; "always" is the
          shortest shown season whatever its length; a number is a period of your own
    """

    learning_rate: float = 2e-3
    weight_decay: float = 0.3
    average: float | None = 0.99
    fold: str | int = "auto"

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({"fold": ("auto", "never", "always")} if isinstance(self.fold, str) else {"fold": AT_LEAST_2})


class LstmModel(ForecastModel[LstmSettings]):
    """Direct multi-step quantile forecasts from a context window."""

    Settings = LstmSettings
    title = "LSTM"

    def __init__(self, task: Task, settings: LstmSettings) -> None:
        super().__init__(task, settings)
        period = fold_period(task, settings.fold)
        self.values_per_step = period or 1
        self.reader = FoldedLstm(task, settings, period) if period else StepwiseLstm(task, settings)

    @classmethod
    def context(cls, available: int, seasons: tuple[int, ...], horizon: int) -> int:
        """Return how many past values to look at when the user does not say.

        Windows that are read season by season teach at each of their steps, so they may take two thirds of what there
        is; others take a third at most.
        """
        m = _shortest(seasons, horizon)
        if m and 2 * available // 3 >= LEAST_STEPS * m:
            return m * min(MOST_STEPS, 2 * available // 3 // m)
        return max(2, min(max(60, 2 * min(seasons, default=0)), available // 3))

    @classmethod
    def suited(cls, settings: LstmSettings, task: Task, rows: int, held_back: int) -> LstmSettings:
        """Return larger networks, trained for longer, for large panels that are read season by season.

        Elsewhere networks are trained once more on all rows where those held back are many of them.
        """
        if task.series >= PANEL_SERIES and rows >= PANEL_ROWS and fold_period(task, settings.fold) is not None:
            return dataclasses.replace(settings, **PANEL)
        return dataclasses.replace(settings, final_fit=held_back > MUCH * (rows + held_back))

    @classmethod
    def members(cls, task: Task, rows: int) -> int:
        """Return several for a few rows with a season: the mean of networks depends less on their seeds."""
        return FEW_MEMBERS if task.seasons and rows < FEW_ROWS else 1

    def quantiles(self, batch: Batch) -> Tensor:
        """Return quantiles (B, P, Q) of what follows, in the units of the series."""
        return self.reader.quantiles(batch)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean pinball loss."""
        return self.reader.loss(batch)

    def start_from(self, windows: Windows) -> None:
        """Fit the blend of naive forecasts, the width of the intervals and the scales of covariates to windows."""
        self.reader.start_from(windows)

    @property
    def leaves_last_value(self) -> bool:
        """Whether the blend of naive forecasts is more than the last value."""
        return bool(self.reader.naive.blend.any())

    def hold_back(self, start: LstmModel, share: float) -> None:
        """Keep only a share of how the middle of the forecasts has moved since the start."""
        reader, ahead = self.reader, self.reader.ahead
        layers = [reader.head] if ahead is None else [reader.head, ahead.head]
        hold_back(layers, reader.naive, start.reader.naive, share)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the groups of the other models; with seasons for steps the recurrence is short and learns faster."""
        groups = ForecastModel.parameter_groups(self)
        rate = FOLDED_RATE if isinstance(self.reader, FoldedLstm) else 1.0
        return [{**group, "lr_scale": rate} for group in groups]


def fold_period(task: Task, fold: str | int) -> int | None:
    """Return how many values make up a step of the recurrence, or None for one.

    Raises  InputError if the context does not hold one step of the period asked for
    """
    if fold == "never":
        return None
    if fold == "auto":
        m = _shortest(task.seasons, task.horizon)
        return m if m and task.context >= LEAST_STEPS * m else None
    if fold == "always" and not task.seasons:
        return None
    period = fold if isinstance(fold, int) else task.seasons[0]
    window = task.context + max(task.seasons, default=0)
    needed = period + max(*task.seasons, period, 0)
    if window < needed:
        longer = needed - max(task.seasons, default=0)
        raise InputError(f"fold {fold!r} needs a context of at least {longer}; got {task.context}")
    return period


def _shortest(seasons: tuple[int, ...], horizon: int) -> int | None:
    """Return the shortest season if it is worth a step of the recurrence."""
    m = min(seasons, default=0)
    return m if LEAST_PERIOD <= m <= min(MOST_PERIOD, 2 * horizon) else None
