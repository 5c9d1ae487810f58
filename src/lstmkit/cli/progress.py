"""Where a job stands, on stderr: lines, and a bar for each stage that trains where somebody watches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rich.progress import TaskID, TimeElapsedColumn, TimeRemainingColumn

from lstmkit.cli import printing
from lstmkit.visible import visible_line

if TYPE_CHECKING:
    from typing import Any

    from lstmkit.results import Job
    from lstmkit.results.job import Finding
    from lstmkit.training import EpochRecord

Found = TypeVar("Found", bound="Finding")

TITLES = {"fit": "training", "refit": "fitting again", "tutorial": "tutorial"}
SMOOTHING = 0.98
REDRAW = 0.2
MINUTE = 60.0
"""Seconds without a line, where nothing shows a bar, after which one is printed."""
NEWLINE = "\n"


@dataclass(frozen=True)
class Rounds:
    """The words for a training of which every epoch is a line, because it takes long.

    loss   in words
    first  what the state before the first epoch is called
    items  what is read
    """

    loss: Callable[[float], str]
    first: str = "Untrained"
    items: str = "tokens"


class JobProgress:
    """A watcher that shows what it is told; silent when quiet.

    rounds   None: an epoch only moves the bar
    passing  whether the bar goes when all is done
    """

    def __init__(self, quiet: bool, rounds: Rounds | None = None, passing: bool = False) -> None:
        self._quiet, self._rounds = quiet, rounds
        self._console = printing.stderr()
        times = [] if passing else [TimeElapsedColumn()] if rounds else [TimeElapsedColumn(), TimeRemainingColumn()]
        self._progress = printing.bars(self._console, *times, quiet=quiet, transient=passing)
        self._task: TaskID | None = None
        self._most, self._items = 0, 0
        self._seconds, self._loss = math.inf, math.nan
        self._began = self._drawn = self._said = time.perf_counter()

    def __enter__(self) -> JobProgress:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bars as they stand."""
        self._progress.stop()

    def on_lines(self, lines: Sequence[str]) -> None:
        """Print lines."""
        self._said = time.perf_counter()
        if not self._quiet:
            for line in lines:
                self._console.print(line)

    def on_stage(self, name: str, epochs: int) -> None:
        """Fill the bar of the stage before (early stopping ends it sooner), and begin one if this stage trains."""
        if self._task is not None:
            task = self._progress.tasks[self._task]
            self.move(task.total or 0, task.fields["state"] if self._rounds is None else "")
            self._task = None
        if epochs:
            self.begin(TITLES.get(name, name), epochs)

    def on_work(self, items: int, seconds: float) -> None:
        """Begin to measure the pace."""
        self._most, self._seconds = items, seconds
        self._began = self._drawn = self._said = time.perf_counter()

    def on_step(self, items: int, loss: float) -> None:
        """Move the bar, or print a line where there is none and the last was long ago."""
        self._items += items
        self._loss = loss if math.isnan(self._loss) else SMOOTHING * self._loss + (1 - SMOOTHING) * loss
        now = time.perf_counter()
        if not self._console.is_terminal and now - self._said > MINUTE:
            self.on_lines([f"{self._worded(self._loss)} in training; {self._pace(now)}"])
        if self._task is not None and now - self._drawn > REDRAW:
            self._drawn = now
            # at the end of the time, if that comes before the end of the last epoch
            share = max(self._items / max(1, self._most), (now - self._began) / self._seconds)
            total = self._progress.tasks[self._task].total or 1
            self.move(share * total, f"{self._worded(self._loss)}, {self._pace(now)}")

    def on_epoch(self, record: EpochRecord) -> None:
        """Move the bar to the epoch of `record`, or print what came of it."""
        if self._rounds is None:
            loss = record.train_loss if math.isnan(record.valid_loss) else record.valid_loss
            self.move(record.epoch, f"epoch {record.epoch}, loss {loss:.4f}")
            return
        mark = " (best so far)" if record.improved and record.epoch else ""
        learnt = "" if math.isnan(record.train_loss) else f"{self._worded(record.train_loss)} in training, "
        pace = f"; {self._pace(time.perf_counter())}" if self._items else ""
        what = f"Round {record.epoch}" if record.epoch else self._rounds.first
        self.on_lines([f"{what}: {learnt}{self._worded(record.valid_loss)} on validation{mark}{pace}"])

    def on_sample(self, write: Callable[[], str]) -> None:
        """Print what the model can do now."""
        if not self._quiet:
            self.on_lines([visible_line(f"  {write().strip().replace(NEWLINE, ' / ')}")])

    def begin(self, title: str, most: float | None) -> None:
        """Begin a bar; None: of a length that nobody knows."""
        self._task = self._progress.add_task(title, total=most, state="")

    def move(self, done: float, state: str, title: str | None = None) -> None:
        """Move the bar, and say where that is; None leaves its title."""
        if self._task is not None:
            self._progress.update(self._task, completed=done, state=state, description=title)

    def _worded(self, loss: float) -> str:
        return f"loss {loss:.4f}" if self._rounds is None else self._rounds.loss(loss)

    def _pace(self, now: float) -> str:
        """Return how much is read in a second, and how long the rest takes at most."""
        from lstmkit.results import duration

        spent = max(now - self._began, 1e-9)
        rate = self._items / spent
        left = min((self._most - self._items) / max(rate, 1e-9), self._seconds - spent)
        items = "items" if self._rounds is None else self._rounds.items
        return f"{rate:,.0f} {items} a second, {duration(max(0.0, left))} left at most"


def run_shown(job: Job[Any, Any, Found], progress: JobProgress, kept: str = "", part: str = "epoch") -> Found:
    """Do a job while its progress is shown.

    kept  what is said of an interruption; "": what a checkpoint after each `part` of the training keeps
    """
    from lstmkit.results import CHECKPOINT, run_job

    try:
        with progress:
            return run_job(job, progress)
    except KeyboardInterrupt:
        if not kept:
            kept = f"interrupted before the first {part} was complete; nothing is kept"
            if (job.out / CHECKPOINT).exists():
                kept = f"interrupted; the training so far is kept in {job.out}: run the same command with --resume to "
                kept += "go on"
        printing.stderr().print(f"lstm: {kept}")
        raise
