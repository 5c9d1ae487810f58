"""Which settings tuning tries for a model: few values each, around the model's own defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from lstmkit.data import SeriesTable
from lstmkit.forecasting.learning import Request
from lstmkit.forecasting.learning.fitting import decisive, make_task, seasons_of
from lstmkit.forecasting.models import ModelSettings

CELLS = ("lstm", "gru", "slstm")
DROPOUTS = (0.0, 0.1, 0.2, 0.3, 0.5)
MULTIPLES = (0.5, 1, 2)
"""Of the default hidden size, batch size and context."""

RATE_FACTOR = 5.0
"""The learning rate is tried from the default over this to the default times this."""

SEARCH: dict[str, dict[str, tuple[Any, ...]]] = {
    "esrnn": {"num_layers": ()},  # its dilations already are the layers
    "segrnn": {"num_layers": (), "scale": ("window", "series")},
    "slstm": {"cell": ()},
}
"""What differs for a model: values to try in place of the usual ones, or of another setting; () leaves it alone."""


@dataclass(frozen=True)
class Between:
    """A range of positive numbers, tried evenly on a logarithmic scale and rounded to two digits."""

    low: float
    high: float


Space = dict[str, "tuple[Any, ...] | Between"]


def search_space(model: str, settings: ModelSettings, fixed: Collection[str]) -> Space:
    """Return the values to try of each setting; those of `settings` are always among them.

    settings  to begin from
    fixed     names that are left as they are
    """
    usual: Space = {
        "hidden_size": tuple(max(1, round(m * settings.hidden_size)) for m in MULTIPLES),
        "num_layers": (1, 2),
        "dropout": DROPOUTS,
        "learning_rate": Between(settings.learning_rate / RATE_FACTOR, settings.learning_rate * RATE_FACTOR),
        "batch_size": tuple(max(1, round(m * settings.batch_size)) for m in MULTIPLES),
        "cell": CELLS,
    }
    found: Space = {}
    for name, values in (usual | SEARCH.get(model, {})).items():
        if name in fixed or values == ():
            continue
        own = getattr(settings, name)
        found[name] = values if isinstance(values, Between) or own in values else (*values, own)
    return found


def contexts(request: Request, table: SeriesTable) -> tuple[int | None, ...]:
    """Return the contexts to try on the rows of a table: None for the model's own choice, then half of it and twice.

    Raises  InputError if a series is too short
    """
    rows = table.lengths - request.held_back(table.lengths)
    seasons = seasons_of(table, request)
    own = make_task(request, table, rows, seasons).context
    season = max(seasons.shown, default=0)
    others = [round(m * own) for m in MULTIPLES if m != 1]
    most = int(table.lengths[decisive(table, table.lengths, request.least_rows(season))])
    return None, *(c for c in others if c >= 2 and dataclasses.replace(request, context=c).least_rows(season) <= most)
