"""`lstm explain`: how gradients fall, how far memory reaches, what the gates of a model do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress

if TYPE_CHECKING:
    from lstmkit.explain.memory import Moment, Trial

explain = typer.Typer(
    name="explain",
    help="Look inside: gradients, memory, gates.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Cells = Annotated[
    str, typer.Option(help="Cells with commas between; lstm+1 is the LSTM with a forget bias of 1 to begin with.")
]
Hidden = Annotated[int, typer.Option(help="Units of the layer.")]


@explain.command()
def gradients(
    cells: Cells = "rnn,gru,lstm,lstm+1,lstm+3,alstm",
    hidden: Hidden = 32,
    steps: Annotated[int, typer.Option(help="Distances to look at.")] = 200,
    seeds: Annotated[int, typer.Option(help="Random initialisations; medians over them are shown.")] = 10,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("gradients.html"),
    force: parameters.ForceFile = False,
    json: parameters.Json = False,
    quiet: parameters.Quiet = False,
) -> None:
    """Draw how the gradient of the last output falls with the distance to the input; nothing is trained.

    \b
    examples:
      lstm explain gradients
      lstm explain gradients --cells lstm,lstm+1,peephole,slstm --steps 500
    """
    from lstmkit.explain import GradientSettings, measure_gradients, parse_variants
    from lstmkit.explain.gradients import in_words
    from lstmkit.explain.report import GRADIENT_HEAD, gradient_rows, write_gradient_page

    parameters.check_out(out, force)
    settings = GradientSettings(hidden, steps, seeds)
    talk = printing.stderr()
    silent = quiet or json
    curves = measure_gradients(
        parse_variants(cells), settings, lambda cell: None if silent else talk.print(f"measuring {cell.title}")
    )
    write_gradient_page(out, curves, settings)
    if json:
        printing.print_json({"settings": dataclasses.asdict(settings), "curves": [curve.to_json() for curve in curves]})
        return
    title = f"The gradient against the distance, {hidden} units, {seeds} seeds, untrained"
    printing.print_table(GRADIENT_HEAD, gradient_rows(curves), title)
    for curve in curves:
        printing.stdout().print(in_words(curve))
    printing.stdout().print(f"{out} shows the curves")


@explain.command()
def memory(
    context: typer.Context,
    cells: Cells = "rnn,gru,lstm,lstm+1,alstm",
    longest: Annotated[int, typer.Option(help="Longest lag; the lags are 10, 20, 40 and so on.")] = 160,
    minutes: Annotated[float, typer.Option(help="The study ends after this time, wherever it stands.")] = 5.0,
    hidden: Hidden = 32,
    steps: Annotated[int, typer.Option(help="Training steps for a cell at a lag, at most.")] = 4000,
    seed: Annotated[int, typer.Option(help="Of weights and sequences.")] = 0,
    fast: Annotated[
        bool,
        typer.Option(
            "--quick", help="Lags up to 20, at most 500 steps each, whatever the clock says; about half a minute."
        ),
    ] = False,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("memory.html"),
    force: parameters.ForceFile = False,
    json: parameters.Json = False,
    quiet: parameters.Quiet = False,
) -> None:
    """Find up to which lag each cell learns to add and to tell the order of two symbols.

    \b
    examples:
      lstm explain memory --quick
      lstm explain memory --cells lstm,lstm+1 --longest 640 --minutes 20
    """
    from lstmkit.explain import MemorySettings, measure_memory, parse_variants
    from lstmkit.explain.problems import PROBLEMS
    from lstmkit.explain.report import memory_head, memory_in_words, memory_rows, write_memory_page

    parameters.check_out(out, force)
    settings = MemorySettings(longest, minutes, hidden, steps, seed=seed)
    if fast:
        timed = {name: parameters.is_given(context, name) for name in ("longest", "minutes", "steps")}
        parameters.refuse_without_effect("with --quick", timed)
        settings = settings.quick()
    with JobProgress(quiet or json, passing=True) as progress:
        result = measure_memory(parse_variants(cells), settings, *_shown_by(progress, settings.minutes))
    write_memory_page(out, result)
    if json:
        printing.print_json(result.to_json())
        return
    for problem in PROBLEMS:
        title = f"{problem.name}: {problem.measure}"
        printing.print_table(memory_head(result), memory_rows(result, problem), title)
    printing.stdout().print("x: not learnt; ?: not learnt when time was up.")
    printing.stdout().print(memory_in_words(result))
    printing.stdout().print(f"{out} shows it all ({result.seconds:.0f} s)")


def _shown_by(
    progress: JobProgress, minutes: float | None
) -> tuple[Callable[[Moment], None], Callable[[Trial, float], None]]:
    """Say how long a study takes at most; return what shows a moment of it, and a trial that has ended.

    minutes  after which the study ends, or None if it does not look at the clock
    """
    from lstmkit.explain.report import trial_in_words

    seconds = None if minutes is None else 60 * minutes
    end = "when every cell has had its steps" if minutes is None else f"within {minutes:g} minutes"
    progress.on_lines([f"The study ends {end}; Ctrl-C stops it."])
    progress.begin("beginning", seconds)

    def on_moment(moment: Moment) -> None:
        state, done = f"step {moment.step:,}, error {moment.error:.3f}", 0.0
        if seconds is not None:
            state += f", at most {moment.seconds_left / 60:.1f} min left"
            done = seconds - moment.seconds_left
        progress.move(done, state, f"{moment.problem}, lag {moment.lag}, {moment.variant.title}")

    return on_moment, lambda trial, seconds_left: progress.on_lines([trial_in_words(trial, seconds_left)])


@explain.command()
@parameters.grouped
def gates(
    model: parameters.ModelFolder,
    file: parameters.Source,
    *,
    id: Annotated[str | None, typer.Option(help="Which series: its value in the id column.")] = None,
    at: Annotated[
        str | None,
        typer.Option(help="Last row that the model sees: its time, or its number; the last one if left out."),
    ] = None,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("gates.html"),
    reading: parameters.ReadingAsFitted,
    force: parameters.ForceFile = False,
    json: parameters.Json = False,
) -> None:
    """Draw the gates and the cell of a trained forecaster over a window of a real series.

    \b
    examples:
      lstm explain gates forecast-aapl AAPL.csv
      lstm explain gates sales/model sales.csv --id north --at 2024-06-30 --out north.html
    """
    from lstmkit.explain import study_gates
    from lstmkit.explain.report import GATES_HEAD, gate_rows, gates_in_words, gates_title, write_gates_page

    parameters.check_out(out, force)
    forecaster = reading.load(model)
    study = study_gates(forecaster, forecaster.read_source(file, reading.delimiter), id, at)
    write_gates_page(out, study, forecaster)
    if json:
        printing.print_json(study.to_json())
        return
    printing.print_table(GATES_HEAD, gate_rows(study), f"Gates over {gates_title(study)}")
    for layer in study.layers:
        printing.stdout().print(gates_in_words(layer))
    if study.remark:
        printing.stdout().print(study.remark)
    printing.stdout().print(f"{out} shows them over the series")
