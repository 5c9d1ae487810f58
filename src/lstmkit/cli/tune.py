"""`lstm tune`: try settings on the training rows, and say which forecast best."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import options, printing
from lstmkit.cli.progress import JobProgress, run_shown

if TYPE_CHECKING:
    from lstmkit.forecasting.tune_job import TuneSummary

SHOWN_TRIALS = 5
KEPT = "interrupted; the trials so far are kept in {}: run the same command to go on"
EXAMPLES = """\b
examples:
  lstm tune AAPL.csv --target Close --horizon 5 --trials 30 --minutes 10
  lstm tune sales.csv --target sold --id shop --model lstm --model segrnn --jobs 4
"""

Models = Annotated[
    list[str], typer.Option("--model", help="Model to tune, as in lstm forecast; repeated: the best of several.")
]
Trials = Annotated[int, typer.Option(help="Trials in all, those of earlier runs included.")]
Minutes = Annotated[float | None, typer.Option(help="Stop after this time; no limit if left out.")]
Jobs = Annotated[int, typer.Option(help="Trials at a time on this machine, each in a process of one thread.")]
Storage = Annotated[
    Path | None, typer.Option(help="SQLite file of the trials.  [default: tune.db in --out]", show_default=False)
]
Out = Annotated[Path | None, typer.Option(help="Folder for the results.  [default: tune-NAME]", show_default=False)]
Test = Annotated[
    float, typer.Option(help="Share of the rows, at the end, that is kept for lstm forecast and not looked at.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the result of another question in --out.")]
READ: tuple[str, ...] = (
    "future",
    "past",
    "static",
    "calendar",
    "freq",
    "time_format",
    "missing",
    "duplicates",
    "short",
)
READ += ("decimal", "lower", "upper")
"""Fields of `TableSettings` that are options of `lstm forecast`, too."""
UNSAID: dict[str, Any] = {"level": [80, 95], "test": 0.2, "missing": "refuse", "duplicates": "refuse"}
UNSAID |= {"short": "auto", "seed": 0}
"""Values that need not be said, because they are the defaults of `lstm forecast`."""


def tune(
    file: options.Source,
    target: options.Target = None,
    time: options.Time = None,
    id: options.Id = None,
    horizon: options.Horizon = None,
    model: Models = ["lstm"],  # noqa: B006
    trials: Trials = 30,
    minutes: Minutes = None,
    jobs: Jobs = 1,
    ray: options.Ray = None,
    storage: Storage = None,
    out: Out = None,
    setting: options.Set = None,
    cell: options.Cell = None,
    context: options.Context = None,
    level: options.Level = [80, 95],  # noqa: B006
    season: options.Season = None,
    test: Test = 0.2,
    future: options.Future = None,
    past: options.Past = None,
    static: options.Static = None,
    calendar: options.Calendar = False,
    freq: options.Freq = None,
    time_format: options.TimeFormat = None,
    missing: options.Missing = "refuse",
    duplicates: options.Duplicates = "refuse",
    short: options.Short = "auto",
    delimiter: options.Delimiter = None,
    decimal: options.Decimal = None,
    lower: options.Lower = None,
    upper: options.Upper = None,
    seed: options.Seed = 0,
    backend: options.Backend = None,
    force: Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Try settings on the training rows, and print the command that forecasts with the best of them.

    Interrupted or run again, it goes on where it stopped. What --set, --cell and --context say is not tried.
    """
    from lstmkit.forecasting.tune_job import TuneJob

    options.refuse_without_effect("with --ray", {"jobs": ray is not None and jobs != 1})
    rest = (future, past, static, calendar, short, decimal, lower, upper)
    table = options.columns(file, target, time, id, freq, time_format, missing, duplicates, *rest)
    said: dict[str, Any] = {"target": target, "time": time, "id": id, "horizon": horizon, "season": season}
    said |= {"level": level, "test": test} | {name.replace("_", "-"): getattr(table, name) for name in READ}
    said |= {"delimiter": delimiter, "seed": seed, "backend": backend}
    same = (cell, setting, "1", level, season, seed, backend)
    forecasters = tuple(options.forecaster(horizon, context, name, *same) for name in dict.fromkeys(model))
    fixed = frozenset(pair.partition("=")[0].strip().replace("-", "_") for pair in setting or ())
    fixed |= {"cell"} if cell else set()
    how = (delimiter, test, trials, minutes, jobs, ray, storage, force)
    where = out or options.named_after(file, "tune")
    job = TuneJob(file, where, table, forecasters, fixed, (file, *_words(said)), *how)
    found = run_shown(job, JobProgress(quiet or json), KEPT.format(job.storage_path))
    printing.print_json(found.summary) if json else _print(found)


def _words(said: dict[str, Any]) -> list[str]:
    """Return options as words of a command line, without those that say the default."""
    words: list[str] = []
    for option, value in said.items():
        if value is None or value is False or value == UNSAID.get(option):
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            name = f"--{option}"
            words += [name] if one is True else [name, f"{one:g}" if isinstance(one, float) else str(one)]
    return words


def _print(found: TuneSummary) -> None:
    from lstmkit.forecasting.tune_job import in_words, verdict

    best = sorted((t for t in found.result.trials if t.state == "complete"), key=lambda t: (t.score, t.number))
    rows = [(in_words(t), str(t.number), f"{t.score:.4f}") for t in best[:SHOWN_TRIALS]]
    printing.print_table(("settings", "trial", "score"), rows, "The best trials", bold_first=True)
    out = printing.stdout()
    out.print(verdict(found.result))
    out.print(f"{found.job.out}: best.json and tune.csv hold it all. To forecast with these settings:")
    out.print(found.command, style="bold", soft_wrap=True)
