"""The job of `lstm language classify train`, from files to a folder of results: read, fit, score, write."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from lstmkit.classification.advice import label_notes, no_class_to_cut
from lstmkit.classification.evaluation import Evaluation
from lstmkit.classification.labels import class_numbers, classes_of, numbers_of
from lstmkit.classification.verdict import Verdict, judge
from lstmkit.data.content import place_of
from lstmkit.data.read import read_with_notes
from lstmkit.errors import InputError
from lstmkit.language.classify.baselines import evaluate
from lstmkit.language.classify.start import Beginning
from lstmkit.language.classify.table import Columns, Rows, read_rows
from lstmkit.language.classify.text_classifier import TextClassifier
from lstmkit.language.parts import Repeats, find_repeats
from lstmkit.nn import LSTM
from lstmkit.results import CHECKPOINT, SUMMARY, Clock, check_folder, job_folder, versions, without_nan, write_summary
from lstmkit.training import EpochRecord

RESULTS = (SUMMARY, "model")
SHARE = 0.1
"""Of the rows that validate, and of those that test, where no file is given for them."""


@dataclass(frozen=True)
class ClassifyJob:
    """What `lstm language classify train` was asked to do.

    source      path of the training table
    out         folder for the results
    columns     which columns of the tables hold what
    classifier  unfitted
    valid       path of the validation table, or None to cut a tenth of the rows off at random
    test        path of the test table, or None likewise
    start       folder of a language model to begin with, or None
    force       replace results that are in `out`
    resume      continue an interrupted job in `out`
    delimiter   between the columns of the tables; None finds it
    decimal     before decimals in labels that are numbers; None finds it
    """

    source: str
    out: Path
    columns: Columns
    classifier: TextClassifier
    valid: str | None = None
    test: str | None = None
    start: Path | None = None
    force: bool = False
    resume: bool = False
    delimiter: str | None = None
    decimal: str | None = None


class Watcher(Protocol):
    """Who is told about the progress of a job."""

    def on_read(self, lines: list[str]) -> None:
        """Take what was understood, then what was noticed."""

    def on_stage(self, name: str) -> None:
        """Take the name of what begins: fit, score, write."""

    def on_epoch(self, record: EpochRecord) -> None:
        """Take the record of an epoch."""


@dataclass(frozen=True)
class Parts:
    """The rows of a job by what they are for.

    blank  rows of the tables with nothing in any column, which were left out
    notes  how the training table was read
    """

    training: Rows
    validation: Rows
    test: Rows
    blank: int = 0
    notes: tuple[str, ...] = ()

    @cached_property
    def repeats(self) -> Repeats:
        """How many rows of the test part have the texts of a training row."""
        learnt, tested = (map(" ".join, zip(*rows.texts, strict=True)) for rows in (self.training, self.test))
        return find_repeats(learnt, tested, 1)


@dataclass(frozen=True)
class JobResult:
    """What a job found; the folder `job.out` holds it.

    summary  what summary.json holds
    """

    job: ClassifyJob
    evaluation: Evaluation
    verdict: Verdict
    summary: dict[str, Any] = field(repr=False)


def run_job(job: ClassifyJob, watcher: Watcher | None = None, parts: Parts | None = None) -> JobResult:
    """Do the whole job.

    parts   what `read_parts` returned, if it was called before
    Raises  InputError if something given cannot be used; KeyboardInterrupt leaves the checkpoint in `job.out`, and the
            job can be resumed
    """
    check_folder(job.out, RESULTS, job.force, job.resume)
    clock = Clock(None if watcher is None else watcher.on_stage)
    parts = read_parts(job) if parts is None else parts
    beginning = None if job.start is None else Beginning.of(job.start)
    with job_folder(job.out, RESULTS, job.force, job.resume):
        if watcher is not None:
            watcher.on_read(understood(job, parts))
        return _fit_and_write(job, parts, beginning, watcher, clock)


def read_parts(job: ClassifyJob) -> Parts:
    """Return the training, validation and test rows, their labels checked.

    Raises  InputError if a file or a label cannot be used
    """
    columns, task = job.columns, job.classifier.task
    tables = [
        None if path is None else read_with_notes(path, job.delimiter, columns.header, texts=True)
        for path in (job.source, job.valid, job.test)
    ]
    rows, validation, test = (
        None if own is None else read_rows(own.frame, columns, labelled=True, decimal=job.decimal) for own in tables
    )
    assert rows is not None and rows.labels is not None
    classes = classes_of(rows.labels, columns.label) if task == "classes" else ()
    for part, own in (("training", rows), ("validation", validation), ("test", test)):
        if own is not None and own.labels is not None:
            if task == "classes":
                if len(classes) == len(rows) and not set(own.labels) <= set(classes):
                    raise InputError(no_class_to_cut(rows.labels, columns.label, SHARE))
                class_numbers(own.labels, classes, columns.label, part)
            else:
                numbers_of(own.labels, columns.label)
    total, blank = len(rows), sum(own.blank for own in (rows, validation, test) if own is not None)
    if test is None:
        rows, test = job.classifier.split(rows, columns, SHARE)
    if validation is None:
        rows, validation = job.classifier.split(rows, columns, SHARE * total / len(rows))
    return Parts(rows, validation, test, blank, () if tables[0] is None else tables[0].notes)


def understood(job: ClassifyJob, parts: Parts) -> list[str]:
    """Return a line about what was read, then what was noticed."""
    columns, rows = job.columns, parts.training
    texts = " and ".join(repr(name) for name in columns.sides)
    counts = f"{len(rows):,} rows to learn from, {len(parts.validation):,} to validate, {len(parts.test):,} to test"
    lines = [f"{place_of(Path(job.source))}: text {texts}, label {columns.label!r}, {counts}"]
    if job.classifier.task == "classes":
        assert rows.labels is not None
        lines += label_notes(rows.labels, parts.test.labels or (), job.classifier.settings)
    lines += parts.notes
    if parts.blank:
        lines.append(f"{parts.blank:,} row{'s are' if parts.blank > 1 else ' is'} blank in every column and left out")
    empty = sum(not text.strip() for side in rows.texts for text in side)
    if empty:
        lines.append(f"{empty:,} text{'s are' if empty > 1 else ' is'} empty")
    most = job.classifier.settings.max_length
    long = sum(len(text.split()) > most for side in rows.texts for text in side)
    if long:
        lines.append(f"{long:,} text{'s have' if long > 1 else ' has'} more than {most} words: the rest is not read")
    return lines + [parts.repeats.note("rows")] * (parts.repeats.repeated > 0)


def _fit_and_write(
    job: ClassifyJob, parts: Parts, beginning: Beginning | None, watcher: Watcher | None, clock: Clock
) -> JobResult:
    clock.begin("fit")
    on_epoch = None if watcher is None else watcher.on_epoch
    checkpoint = job.out / CHECKPOINT
    classifier = job.classifier.fit_rows(
        parts.training, parts.validation, job.columns, beginning, on_epoch, checkpoint, job.resume
    )
    clock.begin("score")
    evaluation = evaluate(classifier, parts.training, parts.validation, parts.test)
    verdict = judge(evaluation, not parts.repeats.notable)
    clock.begin("write")
    seconds = clock.seconds | {"total": clock.total()}
    result = JobResult(job, evaluation, verdict, _summary(job, parts, evaluation, verdict, seconds))
    classifier.save(job.out / "model", force=job.force or job.resume)
    write_summary(job.out, result.summary)
    checkpoint.unlink(missing_ok=True)
    return result


def _summary(
    job: ClassifyJob, parts: Parts, evaluation: Evaluation, verdict: Verdict, seconds: dict[str, float]
) -> dict[str, Any]:
    classifier, difference = job.classifier, evaluation.difference
    summary = {
        "scores": evaluation.scores,
        "measure": evaluation.measure,
        "best_baseline": evaluation.best,
        "gain": difference.value,
        "gain_interval": [difference.low, difference.high],
        "verdict": verdict.kind,
        "headline": verdict.headline,
        "detail": verdict.detail,
        "task": classifier.task,
        "classes": list(classifier.classes_),
        "rows": {
            "training": len(parts.training),
            "validation": len(parts.validation),
            "test": len(parts.test),
        },
        "repeats": parts.repeats._asdict(),
        "words": len(classifier.tokens_.symbols),
        "start": None if job.start is None else str(job.start),
        "epochs": classifier.history_[-1].epoch,
        "steps": classifier.history_[-1].steps,
        "seconds": seconds,
        "settings": dataclasses.asdict(classifier.settings),
        "columns": dataclasses.asdict(job.columns),
        "tfidf_strength": evaluation.strength,
        "backend": _backend(classifier),
        "versions": versions(),
        "seed": classifier.seed,
    }
    return without_nan(summary)  # type: ignore[no-any-return]


def _backend(classifier: TextClassifier) -> str:
    """Return the backends that run the recurrent layers."""
    layers = [m for m in classifier.network_.modules() if isinstance(m, LSTM)]
    return ", ".join(sorted({m.explain(torch.zeros(2, 2, m.input_size), lengths=[2, 1]).chosen for m in layers}))
