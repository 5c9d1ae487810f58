"""How results look in a terminal: results to stdout, talk to stderr, nothing that moves unless someone watches.

What is printed is text, never markup: an id such as "[/red]" is shown as it is. Control characters in it are shown as
escapes (`lstmkit.visible`). Data goes to a pipe or a file unchanged, and to a terminal as text does.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, JustifyMethod, OverflowMethod
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.style import Style
from rich.table import Table
from rich.text import Text

from lstmkit.visible import visible, visible_line

if TYPE_CHECKING:
    from lstmkit.classification.classifier.result import JobResult
    from lstmkit.classification.evaluation import Evaluation
    from lstmkit.forecasting.judgement.trading import Trading
    from lstmkit.results import Verdict

PIPED_WIDTH = 110
NAMES_WIDTH = 24
"""Characters that names of recordings or clips have at least, which take several lines where they are longer."""
BARS, WIDTH = "▁▂▃▄▅▆▇█", 50
"""Bars of the weights of steps, and how many of them a line has at most."""


class PlainConsole(Console):
    """A console that prints strings as they are: no markup, no emoji names, no colours of its own, nothing hidden.

    talk   on stderr; when nobody reads it any more, it ends and the work goes on
    """

    def __init__(self, talk: bool = False) -> None:
        stream = sys.stderr if talk else sys.stdout
        width = None if stream.isatty() else PIPED_WIDTH
        super().__init__(stderr=talk, width=width, markup=False, emoji=False, highlight=False, soft_wrap=talk)

    def render_str(
        self,
        text: str,
        *,
        style: str | Style = "",
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        emoji: bool | None = None,
        markup: bool | None = None,
        highlight: bool | None = None,
        highlighter: Callable[[str | Text], Text] | None = None,
    ) -> Text:
        """Return a string as text in one style; rich calls this for everything that is printed."""
        return Text(visible(text), style=style, justify=justify, overflow=overflow)

    def on_broken_pipe(self) -> None:
        """Stop talking; a reader of results who has gone ends the command."""
        self.quiet = True
        if not self.stderr:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def stdout() -> PlainConsole:
    """Return the console for results."""
    return PlainConsole()


def stderr() -> PlainConsole:
    """Return the console for talk."""
    return PlainConsole(talk=True)


def remark(lines: Sequence[str]) -> None:
    """Print what was noticed to stderr, a line each."""
    for line in lines:
        stderr().print(line)


def write(data: str) -> None:
    """Write data to stdout at once: unchanged to a pipe or a file, with control characters shown to a terminal."""
    sys.stdout.write(visible(data) if sys.stdout.isatty() else data)
    sys.stdout.flush()


def bars(console: PlainConsole, *more: ProgressColumn, quiet: bool, transient: bool = False) -> Progress:
    """Return a display of bars with a description and a state; it shows itself only where somebody watches.

    more  columns after these
    """
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[state]}", markup=False),
        *more,
        console=console,
        disable=quiet or not console.is_terminal,
        transient=transient,
    )


def print_json(value: Any) -> None:
    """Print JSON to stdout, null for NaN."""
    from lstmkit.results import without_nan

    write(json.dumps(without_nan(value), indent=2) + "\n")


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", bold_first: bool = False) -> None:
    """Print a table to stdout, the first column to the left, the others to the right.

    Where the terminal is narrow the first column, which says whose the row is, takes several lines.
    """
    shown = visible_line(title) or None
    table = Table(box=box.SIMPLE_HEAD, title=shown, title_justify="left", title_style="bold", pad_edge=False)
    for k, name in enumerate(head):
        justify: JustifyMethod = "left" if k == 0 else "right"
        table.add_column(visible_line(name), justify=justify, no_wrap=k > 0, overflow="fold" if k == 0 else "ellipsis")
    for k, row in enumerate(rows):
        table.add_row(*map(visible_line, row), style="bold" if bold_first and k == 0 else None)
    stdout().print(table)


def weight_bars(weights: Sequence[float]) -> str:
    """Return weights as bars, a character each, or one for several steps of a long sequence."""
    width = -(-len(weights) // WIDTH)
    sums = [sum(weights[k : k + width]) for k in range(0, len(weights), width)]
    highest = max(sums) or 1.0
    return "".join(BARS[round((len(BARS) - 1) * own / highest)] for own in sums)


def shares_of(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the probability of every class, which a record of an answer holds as p_CLASS."""
    return {name.removeprefix("p_"): own for name, own in record.items() if name.startswith("p_")}


def print_told(what: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Print what is told of recordings or clips, which are called so, and what weighed where records hold that."""
    from lstmkit.classification.unsure import MOST_NAMED, most_probable

    weighed = "weights" in records[0]
    head = [what, "label", "most probable", *(["where it was heard"] if weighed else [])]
    bars = [[weight_bars(own["weights"])] if weighed else [] for own in records]
    room = stdout().width
    for count in range(MOST_NAMED, 0, -1):  # as many classes as the terminal has room for beside the names
        rows = [
            [own["id"], own["label"], most_probable(shares_of(own), count), *bar]
            for own, bar in zip(records, bars, strict=True)
        ]
        widths = [3 + max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
        if min(widths[0], NAMES_WIDTH) + sum(widths[1:]) <= room:
            break
    print_table(head, rows)


def print_verdict(verdict: Verdict) -> None:
    """Print a judgement, its headline in bold."""
    stdout().print(verdict.headline, style="bold")
    stdout().print(verdict.detail)


def print_trained(result: JobResult, rows: str) -> None:
    """Print what came of training a classifier of sequences, which are called so, and where it is."""
    print_classifier(result.evaluation, result.verdict, rows)
    if least := result.summary.get("threshold"):
        stdout().print(f"Answers below a probability of {100 * least:.0f} % are unsure.")
    seconds = result.summary["seconds"]["total"]
    stdout().print(f"{result.out / 'model'} answers for other {rows} ({seconds:.1f} s)")


def print_classifier(evaluation: Evaluation, verdict: Verdict, rows: str) -> None:
    """Print what a classifier and its baselines scored on the test part, whose rows are called so, and the verdict."""
    from lstmkit.classification.verdict import score_head, score_rows

    title = f"{evaluation.rows:,} test {rows}"
    print_table(score_head(evaluation), score_rows(evaluation), title, bold_first=True)
    print_verdict(verdict)


def write_records(records: Sequence[Mapping[str, Any]], out: Path, without: str) -> None:
    """Write records as CSV, without one of their fields, which is no number and no text."""
    import polars as pl

    from lstmkit.training import write_atomically

    plain = [{name: value for name, value in record.items() if name != without} for record in records]
    write_atomically(out, pl.DataFrame(plain, infer_schema_length=None).write_csv().encode())


def print_trading(trading: Trading | None) -> None:
    """Print what trading on the forecasts would have earned; nothing where nobody traded."""
    from lstmkit.forecasting.judgement import judge_trading

    if trading is not None:
        print_verdict(judge_trading(trading))
