"""`lstm language classify`: learn classes or numbers of texts, and answer for others."""

from __future__ import annotations

import csv
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress, run_shown
from lstmkit.cli.streams import named_or_input
from lstmkit.errors import InputError
from lstmkit.visible import visible_line

if TYPE_CHECKING:
    from lstmkit.language.classify import ClassifierSettings, TextClassifier
    from lstmkit.language.classify.job import JobResult
    from lstmkit.language.classify.table import Columns, Rows

classify = typer.Typer(
    name="classify",
    help="Classes or numbers of texts: learn them, predict them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

BAR = 30
"""Characters of the bar of the word that weighs most."""

FILES = (".csv", ".tsv", ".tab", ".jsonl", ".json", ".parquet", ".xlsx", ".xls", ".gz")
TableFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="CSV, TSV or other text, JSON lines (also .gz) or Parquet; - for standard input."
    ),
]
TextColumn = Annotated[str | None, typer.Option("--text", help="Column of the texts.  [default: sentence]")]
NoHeader = Annotated[
    bool, typer.Option("--no-header", help="The files have no line of names: columns are column_1, column_2 and so on.")
]


@classify.command()
@parameters.grouped
def train(
    file: TableFile,
    *,
    text: Annotated[str, typer.Option(help="Column of the texts.")] = "sentence",
    label: Annotated[str, typer.Option(help="Column of the classes, or of the numbers.")] = "label",
    pair: Annotated[str | None, typer.Option(help="Column of second texts: pairs of texts are told.")] = None,
    valid: Annotated[
        str | None, typer.Option(help="File for early stopping; a tenth of the rows at random if left out.")
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="File that is only used to score; a tenth of the rows at random if left out.")
    ] = None,
    task: Annotated[str, typer.Option(help="classes, or number for regression.")] = "classes",
    cell: parameters.Cell = None,
    pooling: Annotated[
        str | None, typer.Option(help="From words to a text: max, mean, mean-max, last or attention.")
    ] = None,
    class_weights: Annotated[
        str | None, typer.Option(help="balanced: every class weighs the same; none: every row does.")
    ] = None,
    start: Annotated[Path | None, typer.Option(help="Folder of a language model to begin with.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Times through the training rows, at most.")] = None,
    minutes: parameters.Minutes = None,
    setting: parameters.Set = None,
    seed: Annotated[int, typer.Option(help="Of weights, the rows held back, order and dropout.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.  [default: classify-NAME]", show_default=False)
    ] = None,
    no_header: NoHeader = False,
    delimiter: parameters.Delimiter = None,
    decimal: parameters.Decimal = None,
    manner: parameters.Manner,
) -> None:
    """Train on a table of texts, and score beside baselines on rows never seen.

    \b
    examples:
      lstm language classify train reviews.csv --text review --label stars
      lstm language classify train train.tsv --valid dev.tsv --test test.tsv --pooling attention
      lstm language classify train pairs.tsv --text first --pair second --label score --task number
    """
    from lstmkit.language.classify import TextClassifier
    from lstmkit.language.classify.job import ClassifyJob
    from lstmkit.language.classify.table import Columns

    given = {"cell": cell, "pooling": pooling, "class_weights": class_weights, "epochs": epochs, "minutes": minutes}
    settings = _settings(setting, given)
    classifier = TextClassifier(settings, task, seed)
    folder = out or parameters.named_after(file, "classify")
    columns = Columns(text, label, pair, not no_header)
    form = (delimiter, decimal)
    job = ClassifyJob(file, folder, columns, classifier, valid, test, start, manner.force, manner.resume, *form)
    result = run_shown(job, JobProgress(manner.silent))
    printing.print_json(result.summary) if manner.json else _print(result)


@classify.command()
def predict(
    model: parameters.ModelFolder,
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|TEXT...",
            help="A table; or texts, for a model of pairs the two of a pair; or - for standard input.",
        ),
    ],
    text: TextColumn = None,
    pair: Annotated[str | None, typer.Option(help="Column of the second texts, if not as in training.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how much each word weighed.")] = False,
    out: Annotated[Path | None, typer.Option(help="CSV file to write instead of printing.")] = None,
    no_header: NoHeader = False,
    delimiter: parameters.Delimiter = None,
    force: parameters.ForceFile = False,
    json: parameters.Json = False,
) -> None:
    """Answer for texts, or for every row of a table.

    Standard input is a table if its first line names the columns of the texts, else each line is a text; for a model of
    pairs, two with a tab between them.

    \b
    examples:
      lstm language classify predict classify-reviews "a fine film" "dull and far too long"
      lstm language classify predict classify-reviews new.csv --out answers.csv
      lstm language classify predict classify-reviews "a fine film" --explain
      head -n 20 reviews.txt | lstm language classify predict classify-reviews -
    """
    from lstmkit.language.classify import TextClassifier

    parameters.check_out(out, force)
    classifier = TextClassifier.load(model)
    if explain:
        classifier.require_attention()
    rows = _rows(classifier, source, text, pair, no_header, delimiter)
    records = _records(classifier, rows)
    weights = classifier.word_weights(rows) if explain else None
    if weights is not None:
        for record, sides in zip(records, weights, strict=True):
            record["words"] = [[{"word": w, "weight": round(share, 6)} for w, share in side] for side in sides]
    if out is not None:
        printing.write_records(records, out, "words")
    if json:
        printing.print_json(records)
    elif out is None:
        _print_answers(classifier, rows, records)


def _settings(pairs: list[str] | None, given: dict[str, Any]) -> ClassifierSettings:
    """Return settings from --set NAME=VALUE, and from options of their own."""
    from lstmkit.language.classify import ClassifierSettings

    return ClassifierSettings(**parameters.given_settings(ClassifierSettings, pairs, "a text classifier", given))


def _print(result: JobResult) -> None:
    printing.print_classifier(result.evaluation, result.verdict, "rows")
    seconds = result.summary["seconds"]["total"]
    printing.stdout().print(f"{result.job.out / 'model'} answers for other texts ({seconds:.1f} s)")


def _rows(
    classifier: TextClassifier,
    source: list[str],
    text: str | None,
    pair: str | None,
    no_header: bool,
    delimiter: str | None,
) -> Rows:
    """Return the rows of a file, or those that the arguments are."""
    from lstmkit.language.classify.table import Rows, open_table, read_rows

    columns = classifier.columns_
    header = columns.header and not no_header
    named = dataclasses.replace(columns, text=text or columns.text, pair=pair or columns.pair, header=header)
    if pair is not None and columns.pair is None:
        raise InputError(f"--pair {pair}: this model tells single texts; leave the option out")
    if source == ["-"]:
        with named_or_input("-") as path:
            return _input_rows(path, named, delimiter)
    if len(source) == 1 and (os.path.isfile(source[0]) or source[0].endswith(FILES)):
        return read_rows(open_table(source[0], header, delimiter)[0], named, labelled=False)
    where = "where the texts stand in the command"
    given = {"text": text is not None, "pair": pair is not None, "delimiter": delimiter is not None}
    parameters.refuse_without_effect(where, given | {"no_header": no_header})
    if not any(text.strip() for text in source):
        raise InputError(f"text column {columns.text!r}: the text is empty in every row")
    if columns.pair is None:
        return Rows((source,), None)
    if len(source) % 2:
        raise InputError(f"this model tells pairs of texts: give two texts for each, or a file; got {len(source)}")
    return Rows((source[::2], source[1::2]), None)


def _input_rows(path: Path, columns: Columns, delimiter: str | None) -> Rows:
    """Return the rows of a table, if its first line names the columns or they have no names, or of lines of text."""
    from lstmkit.data.content import opened
    from lstmkit.data.parquet import MARK
    from lstmkit.language.classify.table import Rows, open_table, read_rows
    from lstmkit.language.text.reading import read_lines

    with opened(path) as file:
        packed = file.read(len(MARK)) == MARK
    first = "" if packed else next(read_lines(path)).rstrip("\n")
    names = first.split("\t") if "\t" in first else next(csv.reader([first]), [])
    if packed or not columns.header or set(columns.sides) <= set(names):
        table = path.rename(path.with_suffix(".tsv" if "\t" in first else ".csv"))
        return read_rows(open_table(table, columns.header, delimiter)[0], columns, labelled=False)
    lines = "".join(read_lines(path)).removesuffix("\n").split("\n")
    if columns.pair is None:
        return Rows((lines,), None)
    pairs = [line.split("\t") for line in lines]
    for number, one in enumerate(pairs, 1):
        if len(one) != 2:
            raise InputError(
                f"standard input: line {number} is not a pair of texts; give two in a line, with a tab between, or "
                f"a table with the columns {columns.text!r} and {columns.pair!r}"
            )
    return Rows(([one for one, _ in pairs], [other for _, other in pairs]), None)


def _records(classifier: TextClassifier, rows: Rows) -> list[dict[str, Any]]:
    """Return one record a row: its texts, and the answer."""
    columns = dict(zip(classifier.columns_.sides, rows.texts, strict=True))
    columns |= {name: own.tolist() for name, own in classifier.coding_.columns(classifier.answers(rows)).items()}
    return [dict(zip(columns, own, strict=True)) for own in zip(*columns.values(), strict=True)]


def _print_answers(classifier: TextClassifier, rows: Rows, records: list[dict[str, Any]]) -> None:
    out = printing.stdout()
    for record in records:
        if classifier.task == "number":
            answer = f"{record['value']:.4g}"
        else:
            answer = f"{record['label']} ({100 * max(record[f'p_{name}'] for name in classifier.classes_):.0f} %)"
        shown = " | ".join(str(record[name]) for name in classifier.columns_.sides)
        out.print(visible_line(f"{answer:16} {shown}"))
        for side in record.get("words", ()):
            largest = max((own["weight"] for own in side), default=1.0)
            for own in side:
                bar = "█" * round(BAR * own["weight"] / largest) if largest else ""
                out.print(visible_line(f"{100 * own['weight']:6.1f} %  {own['word']:20.20} {bar}"))
