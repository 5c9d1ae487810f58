"""How results look in a terminal: results to stdout, talk to stderr, nothing that moves unless someone watches."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from lstmkit.training import EpochRecord

PIPED_WIDTH = 110


def stdout() -> Console:
    """Return the console for results."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)


def stderr() -> Console:
    """Return the console for talk."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else PIPED_WIDTH, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print JSON to stdout, null for NaN."""
    from lstmkit.results import without_nan

    print(json.dumps(without_nan(value), indent=2))  # noqa: T201


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", bold_first: bool = False) -> None:
    """Print a table to stdout, the first column to the left, the others to the right."""
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", pad_edge=False)
    for k, name in enumerate(head):
        table.add_column(name, justify="left" if k == 0 else "right", no_wrap=True)
    for k, row in enumerate(rows):
        table.add_row(*row, style="bold" if bold_first and k == 0 else None)
    stdout().print(table)


def print_interrupted(out: Path, part: str = "epoch") -> None:
    """Say on stderr what an interrupted training has kept in `out`, and how it goes on.

    part  after each of which the state is kept
    """
    from lstmkit.results import CHECKPOINT

    line = f"lstm: interrupted before the first {part} was complete; nothing is kept"
    if (out / CHECKPOINT).exists():
        line = f"lstm: interrupted; the training so far is kept in {out}: run the same command with --resume to go on"
    stderr().print(line, markup=False)


class JobProgress:
    """A progress bar on stderr for each stage that trains; silent when quiet, bars only when somebody watches.

    epochs  by name of the stage, how many epochs it takes at most
    """

    def __init__(self, epochs: dict[str, int], quiet: bool) -> None:
        self._epochs, self._quiet = epochs, quiet
        self._console = stderr()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> JobProgress:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bars as they stand."""
        self._progress.stop()

    def on_read(self, lines: list[str]) -> None:
        """Print what was understood."""
        if not self._quiet:
            for line in lines:
                self._console.print(line, soft_wrap=True)

    def on_stage(self, name: str) -> None:
        """Fill the bar of the stage before (early stopping ends it sooner), and begin one if this stage trains."""
        if self._task is not None:
            self._progress.update(self._task, completed=self._progress.tasks[self._task].total)
            self._task = None
        if name in self._epochs:
            title = {"fit": "training", "refit": "fitting again", "tutorial": "tutorial"}[name]
            self._task = self._progress.add_task(title, total=self._epochs[name], state="")

    def on_epoch(self, record: EpochRecord) -> None:
        """Move the bar to the epoch of `record`."""
        if self._task is not None:
            loss = record.valid_loss if record.valid_loss == record.valid_loss else record.train_loss
            self._progress.update(self._task, completed=record.epoch, state=f"epoch {record.epoch}, loss {loss:.4f}")

    def on_window(self, windows: int) -> None:
        """Move the bar to the number of windows that are done."""
        if self._task is not None:
            self._progress.update(self._task, completed=windows, state=f"window {windows}")
