"""`lstm tune`: try settings on the training rows, and say which forecast best."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress, run_shown

if TYPE_CHECKING:
    from lstmkit.forecasting.tuning.job import TuneSummary

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


@parameters.grouped
def tune(
    series: parameters.Series,
    *,
    horizon: parameters.Horizon = None,
    model: Models = ["lstm"],  # noqa: B006
    trials: Trials = 30,
    minutes: Minutes = None,
    jobs: Jobs = 1,
    ray: parameters.Ray = None,
    storage: Storage = None,
    out: Out = None,
    setting: parameters.Set = None,
    cell: parameters.Cell = None,
    context: parameters.Context = None,
    level: parameters.Level = [80, 95],  # noqa: B006
    season: parameters.Season = None,
    test: Test = 0.2,
    reading: parameters.Reading,
    chance: parameters.Chance,
    force: Force = False,
    json: parameters.Json = False,
    quiet: parameters.Quiet = False,
) -> None:
    """Try settings on the training rows, and print the command that forecasts with the best of them.

    Interrupted or run again, it goes on where it stopped. What --set, --cell and --context say is not tried.
    """
    from lstmkit.forecasting.tuning.job import TuneJob

    parameters.refuse_without_effect("with --ray", {"jobs": ray is not None and jobs != 1})
    learners = [parameters.Learner(context, name, cell, setting, None, level, season) for name in dict.fromkeys(model)]
    forecasters = tuple(learner.forecaster(horizon, chance) for learner in learners)
    fixed = frozenset(pair.partition("=")[0].strip().replace("-", "_") for pair in setting or ())
    fixed |= {"cell"} if cell else set()
    where = out or parameters.named_after(series.file, "tune")
    how = (reading.delimiter, test, trials, minutes, jobs, ray, storage, force)
    job = TuneJob(series.file, where, reading.settings(series), forecasters, fixed, *how)
    found = run_shown(job, JobProgress(quiet or json), KEPT.format(job.storage_path))
    printing.print_json(found.summary) if json else _print(found)


def _print(found: TuneSummary) -> None:
    from lstmkit.forecasting.tuning.job import in_words, verdict

    best = sorted((t for t in found.result.trials if t.state == "complete"), key=lambda t: (t.score, t.number))
    rows = [(in_words(t), str(t.number), f"{t.score:.4f}") for t in best[:SHOWN_TRIALS]]
    printing.print_table(("settings", "trial", "score"), rows, "The best trials", bold_first=True)
    out = printing.stdout()
    out.print(verdict(found.result))
    out.print(f"{found.job.out}: best.json and tune.csv hold it all. To forecast with these settings:")
    out.print(found.command, style="bold", soft_wrap=True)
