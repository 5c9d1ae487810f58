"""Which forecaster a command trains."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli.parameters.settings import Set, settings_of
from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.forecasting.forecaster import Forecaster

Horizon = Annotated[int | None, typer.Option(help="Steps ahead to forecast.  [default: 5]", show_default=False)]
Context = Annotated[
    int | None, typer.Option(help="Past values the model sees; chosen from the seasons and the length if left out.")
]
Cell = Annotated[
    str | None, typer.Option(help="Member of the LSTM family, such as gru, peephole, alstm, mogrifier, slstm.")
]
Level = Annotated[list[float], typer.Option(help="Coverage of an interval in percent; may be repeated.")]
Season = Annotated[list[int] | None, typer.Option(help="Season in steps; may be repeated; looked for if left out.")]
Ray = Annotated[str | None, typer.Option(help="Share the work among the machines of this Ray cluster: HOST:PORT.")]
Devices = Annotated[int, typer.Option(help="Processes on this machine that train together; see also torchrun.")]
NumNodes = Annotated[int, typer.Option(help="Machines that train together, each started by torchrun.")]
Baseline = Annotated[
    list[str] | None, typer.Option(help="Also score theta, ets or arima (extra baselines); may be repeated.")
]
Cost = Annotated[
    float | None,
    typer.Option(
        help="Of prices: basis points that a change of position costs, to see what trading on the forecast would have "
        "earned.  [default: 10 where the column is named like a price]",
        show_default=False,
    ),
]

DEFAULT_HORIZON = 5


@dataclass(frozen=True)
class Chance:
    """What the same forecast needs, number for number."""

    seed: Annotated[int, typer.Option(help="Of weights, order and dropout; the same seed gives the same forecast.")] = 0
    backend: Annotated[str | None, typer.Option(help="Force a backend; see lstm doctor.")] = None


@dataclass(frozen=True)
class Learner:
    """What learns."""

    context: Context = None
    model: Annotated[str, typer.Option(help="The model: lstm, seq2seq, deepar, esrnn, segrnn or slstm.")] = "lstm"
    cell: Cell = None
    setting: Set = None
    ensemble: Annotated[
        str | None,
        typer.Option(
            help="Networks whose mean is forecast: seeds, or seeds x snapshots of each, such as 3 or 3x2; 1, or 3 for "
            "fewer than 500 rows of a season where nothing is --set."
        ),
    ] = None
    level: Level = field(default_factory=lambda: [80, 95])
    season: Season = None

    def forecaster(self, horizon: int | None, chance: Chance, devices: int = 1, num_nodes: int = 1) -> Forecaster:
        """Return the forecaster that the options of a command describe."""
        from lstmkit.forecasting.forecaster import Forecaster

        steps = DEFAULT_HORIZON if horizon is None else horizon
        settings, networks = settings_of(self.model, self.setting), seeds_and_snapshots(self.ensemble)
        together = None
        if devices * num_nodes != 1:
            from lstmkit.training import Devices

            together = Devices(devices, num_nodes)
        own = (steps, self.context, self.model, levels_of(self.level), self.season)
        return Forecaster(*own, chance.seed, settings, chance.backend, self.cell, networks, devices=together)


def seeds_and_snapshots(ensemble: str | None) -> int | tuple[int, int] | None:
    """Read 3 or 3x2; None stays None.

    Raises  InputError if it is neither
    """
    if ensemble is None:
        return None
    seeds, _, snapshots = ensemble.partition("x")
    if not re.fullmatch("[0-9]{1,9}(x[0-9]{1,9})?", ensemble):
        raise InputError(f"--ensemble must be a number such as 3, or seeds x snapshots such as 3x2; got {ensemble!r}")
    return (int(seeds), int(snapshots)) if snapshots else int(seeds)


def levels_of(levels: list[float]) -> tuple[float, ...]:
    """Return levels with 80.0 written as 80, smallest first and each once."""
    return tuple(sorted({int(level) if level.is_integer() else level for level in levels}))
