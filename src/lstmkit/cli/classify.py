"""`lstm classify`: learn classes or numbers of sequences, and answer for others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress, run_shown
from lstmkit.errors import InputError
from lstmkit.visible import visible_line

if TYPE_CHECKING:
    from lstmkit.classification.classifier import SequenceClassifier
    from lstmkit.classification.reading import Labelled

classify = typer.Typer(
    name="classify",
    help="Classes or numbers of sequences: learn them, predict them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
SOURCES = "CSV or other text, JSON lines, Parquet, .ts, .npz or .npy file, or a folder with a table a sequence."


@classify.command()
@parameters.grouped
def train(
    file: Annotated[str, typer.Argument(metavar="FILE|FOLDER", help=SOURCES)],
    *,
    sequences: parameters.Sequences,
    valid: Annotated[str | None, typer.Option(help="File for early stopping; a fifth at random if left out.")] = None,
    test: Annotated[
        str | None, typer.Option(help="File that is only used to score; a fifth at random if left out.")
    ] = None,
    folds: Annotated[
        int, typer.Option(help="Score on all, in so many parts, each by a network that saw none of it.")
    ] = 0,
    leave_one_group_out: Annotated[
        bool, typer.Option("--leave-one-group-out", help="Score each group by a network trained on the others.")
    ] = False,
    task: Annotated[str, typer.Option(help="classes, or number for regression.")] = "classes",
    network: parameters.FrameNetwork,
    seed: Annotated[int, typer.Option(help="Of weights, the sequences held back, order and dropout.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.  [default: classify-NAME]", show_default=False)
    ] = None,
    delimiter: parameters.Delimiter = None,
    decimal: parameters.Decimal = None,
    manner: parameters.Manner,
) -> None:
    """Train on labelled sequences, and score beside simple methods on sequences never seen.

    \b
    examples:
      lstm classify train steps.csv --id walk --time t --label activity --group person
      lstm classify train vowels_TRAIN.ts --test vowels_TEST.ts
      lstm classify train wide.csv --label kind --folds 5
    """
    from lstmkit.classification.classifier import SequenceClassifier
    from lstmkit.classification.classifier.job import ClassifyJob

    classifier = SequenceClassifier(network.settings(), task, seed, sequences.missing)
    folder = out or parameters.named_after(file, "classify")
    scored = (valid, test, folds, leave_one_group_out)
    job = ClassifyJob(
        file, folder, sequences.form(), classifier, *scored, manner.force, manner.resume, delimiter, decimal
    )
    result = run_shown(job, JobProgress(manner.silent))
    printing.print_json(result.summary) if manner.json else printing.print_trained(result, "sequences")


@classify.command()
def predict(
    model: parameters.ModelFolder,
    files: Annotated[list[str], typer.Argument(metavar="FILE|FOLDER...", help=SOURCES)],
    window: Annotated[
        int | None, typer.Option(help="Steps of a window that moves along: labels along a long recording.")
    ] = None,
    every: Annotated[int | None, typer.Option(help="Steps by which the window moves; half of it if left out.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="With --window: below this probability a stretch is unsure.  [default: 0.5]")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how much each step weighed.")] = False,
    out: Annotated[Path | None, typer.Option(help="CSV file to write instead of printing.")] = None,
    delimiter: parameters.Delimiter = None,
    decimal: parameters.Decimal = None,
    force: parameters.ForceFile = False,
    json: parameters.Json = False,
) -> None:
    """Answer for every sequence, or along long recordings.

    A table is read as in training; one without the column of the ids is a single recording.

    \b
    examples:
      lstm classify predict classify-steps new.csv
      lstm classify predict classify-steps monday.csv tuesday.csv --out answers.csv
      lstm classify predict classify-steps new.csv --explain
      lstm classify predict classify-steps day.csv --window 100 --every 20
    """
    from lstmkit.classification.classifier import SequenceClassifier
    from lstmkit.classification.reading import read_labelled

    parameters.check_out(out, force)
    classifier = SequenceClassifier.load(model)
    given = {"every": every is not None, "threshold": threshold is not None}
    if window is None:
        parameters.refuse_without_effect("without --window", given)
    else:
        parameters.refuse_without_effect("with --window", {"explain": explain})
    if window is not None and classifier.task == "number":
        raise InputError("--window: this model tells numbers, which make no segments; leave the option out")
    records: list[dict[str, Any]] = []
    for file in files:
        rows = read_labelled(file, classifier.form_, labelled=False, delimiter=delimiter, decimal=decimal)
        name = {"file": file} if len(files) > 1 else {}
        if window is None:
            found = _answers(classifier, rows)
            if explain:
                weights = classifier.weights_of(rows.frames)
                found = [one | {"weights": own.tolist()} for one, own in zip(found, weights, strict=True)]
        else:
            found = _segments(classifier, rows, window, every, 0.5 if threshold is None else threshold)
        records += [name | record for record in found]
    if out is not None:
        printing.write_records(records, out, "weights")
    if json:
        printing.print_json(records)
    elif out is None:
        _print_answers(records)


def _answers(classifier: SequenceClassifier, rows: Labelled) -> list[dict[str, Any]]:
    """Return a record for each sequence: its name, the answer, and probabilities."""
    columns = classifier.coding_.columns(classifier.answers(rows))
    answers = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [{"id": id, **dict(zip(columns, own, strict=True))} for id, own in zip(rows.ids, answers, strict=True)]


def _segments(
    classifier: SequenceClassifier, rows: Labelled, window: int, every: int | None, threshold: float
) -> list[dict[str, Any]]:
    from lstmkit.classification.classifier.timeline import timeline

    found: list[dict[str, Any]] = []
    for own in timeline(classifier, rows, window, every, threshold):
        times = {} if own.times is None else {"start_time": str(own.times[0]), "end_time": str(own.times[1])}
        place = {"id": own.id, "start": own.start, "end": own.end}
        found.append({**place, **times, "label": own.label, "probability": own.probability})
    return found


def _print_answers(records: list[dict[str, Any]]) -> None:
    """Print a table: of a class its probability alone, the others are in --json and --out."""
    rows = [{k: v for k, v in record.items() if not k.startswith("p_") and k != "weights"} for record in records]
    for row, record in zip(rows, records, strict=True):
        shares = [v for k, v in record.items() if k.startswith("p_")]
        if shares:
            row["probability"] = max(shares)
        if "weights" in record:
            row["weight of the steps"] = printing.weight_bars(record["weights"])
    shown = [tuple(_shown(name, value) for name, value in row.items()) for row in rows]
    printing.print_table([visible_line(name) for name in rows[0]], shown)


def _shown(name: str, value: Any) -> str:
    if name == "probability":
        return f"{100 * value:.0f} %"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
