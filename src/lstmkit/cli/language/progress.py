"""Where the training of a language model stands: a bar if somebody watches, and a line on stderr for each round."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from rich.progress import TaskID, TimeElapsedColumn

from lstmkit.cli import printing
from lstmkit.visible import visible_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from lstmkit.language.fitting import Window
    from lstmkit.language.pace import Plan
    from lstmkit.training import EpochRecord

SMOOTHING = 0.98
REDRAW = 0.2
MINUTE = 60.0
"""Seconds without a line, where nothing shows a bar, after which one is printed."""
NEWLINE = "\n"


class LanguageProgress:
    """Told by the job what happens.

    unit     of the tokens: characters show nats, others perplexity
    minutes  after which the training ends, or None
    quiet    say nothing
    started  whether it begins with a finished model
    """

    def __init__(self, unit: str, minutes: float | None, quiet: bool, started: bool = False) -> None:
        self._unit, self._quiet = unit, quiet
        self._first = "As it was" if started else "Untrained"
        self._seconds = math.inf if minutes is None else 60.0 * minutes
        self._console = printing.stderr()
        self._progress = printing.bars(self._console, TimeElapsedColumn(), quiet=quiet)
        self._task: TaskID | None = None
        self._total = self._tokens = 0
        self._likelihood = math.nan
        self._began = self._drawn = self._said = time.perf_counter()

    def __enter__(self) -> LanguageProgress:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it stands."""
        self._progress.stop()

    def on_read(self, lines: list[str]) -> None:
        """Print what was understood."""
        for line in lines:
            self._say(line)

    def on_stage(self, name: str) -> None:
        """Begin the bar with the training, and fill it at its end."""
        if name == "fit":
            self._task = self._progress.add_task("training", total=None, state="")
            self._began = time.perf_counter()
        elif self._task is not None:
            self._progress.update(self._task, total=1, completed=1, state="")
            self._task = None
        if name == "score":
            self._say("Scoring on the text never seen")

    def on_size(self, tokens: int, parameters: int) -> None:
        """Take how much there is to do."""
        self._total = tokens
        self._say(f"{parameters:,} parameters; {tokens:,} tokens to read at most")

    def on_plan(self, plan: Plan) -> None:
        """Print how the text is gone through, and about how long that takes."""
        seconds = min(self._seconds, plan.seconds or math.inf)
        shape = f"{plan.columns:,} rows side by side, {plan.window:,} tokens of each a step"
        by_time = "; --minutes ends it by time" if math.isinf(self._seconds) and seconds > MINUTE else ""
        self._say(f"{shape}: {plan.steps:,} steps at most, about {_duration(seconds)} on this machine{by_time}")
        self._began = self._drawn = self._said = time.perf_counter()

    def on_window(self, window: Window) -> None:
        """Move the bar."""
        self._tokens += window.tokens
        new = window.likelihood
        known = not math.isnan(self._likelihood)
        self._likelihood = SMOOTHING * self._likelihood + (1 - SMOOTHING) * new if known else new
        now = time.perf_counter()
        if not self._console.is_terminal and now - self._said > MINUTE:
            self._say(f"{self.shown(self._likelihood)} in training; {self._pace(now)}")
        if self._task is not None and now - self._drawn > REDRAW:
            self._drawn = now
            state = f"{self.shown(self._likelihood)}, {self._pace(now)}"
            # at the budget's end, if that comes before the last epoch's
            share = max(self._tokens / max(1, self._total), (now - self._began) / self._seconds)
            self._progress.update(self._task, total=1, completed=share, state=state)

    def on_epoch(self, record: EpochRecord) -> None:
        """Print what came of a round."""
        mark = " (best so far)" if record.improved and record.epoch else ""
        learnt = "" if math.isnan(record.train_loss) else f"{self.shown(record.train_loss)} in training, "
        pace = f"; {self._pace(time.perf_counter())}" if self._tokens else ""
        what = f"Round {record.epoch}" if record.epoch else self._first
        self._say(f"{what}: {learnt}{self.shown(record.valid_loss)} on validation{mark}{pace}")

    def on_sample(self, write: Callable[[], str]) -> None:
        """Print what the network would write."""
        if not self._quiet:
            self._say(visible_line(f"  {write().strip().replace(NEWLINE, ' / ')}"))

    def shown(self, nats: float) -> str:
        """Return a loss in the measure of the unit."""
        if self._unit == "character":
            return f"{nats:.4f} nats a character"
        return f"perplexity {math.exp(min(nats, 700)):,.1f}"

    def _pace(self, now: float) -> str:
        """Return tokens a second, and how long the rest takes at most."""
        spent = max(now - self._began, 1e-9)
        rate = self._tokens / spent
        left = min((self._total - self._tokens) / max(rate, 1e-9), self._seconds - spent)
        return f"{rate:,.0f} tokens a second, {_duration(max(0.0, left))} left at most"

    def _say(self, line: str) -> None:
        self._said = time.perf_counter()
        if not self._quiet:
            self._console.print(line)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
