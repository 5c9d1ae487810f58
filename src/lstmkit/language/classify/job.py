"""What `lstm language classify train` reads, trains, scores and writes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from lstmkit.classification.advice import label_notes, no_class_to_cut
from lstmkit.classification.evaluation import Evaluation
from lstmkit.classification.labels import class_numbers, classes_of, numbers_of
from lstmkit.classification.verdict import judge, judged_summary
from lstmkit.data.content import place_of
from lstmkit.data.read import read_with_notes
from lstmkit.errors import InputError
from lstmkit.language.classify.baselines import evaluate
from lstmkit.language.classify.start import Beginning
from lstmkit.language.classify.table import Columns, Rows, read_rows
from lstmkit.language.classify.text_classifier import TextClassifier
from lstmkit.language.text.parts import Repeats, find_repeats
from lstmkit.results import SUMMARY, Job, Run, Verdict

SHARE = 0.1
"""Of the rows that validate, and of those that test, where no file is given for them."""


@dataclass(frozen=True)
class Parts:
    """The rows of a job by what they are for.

    blank      rows of the tables with nothing in any column, which were left out
    notes      how the training table was read
    beginning  what is taken of a language model, or None
    """

    training: Rows
    validation: Rows
    test: Rows
    blank: int = 0
    notes: tuple[str, ...] = ()
    beginning: Beginning | None = None

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


@dataclass(frozen=True)
class ClassifyJob(Job[Parts, None, JobResult]):
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

    results: ClassVar = (SUMMARY, "model")

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

    def read(self) -> Parts:
        """Read the training, validation and test rows, and the language model to begin with."""
        parts = _read_parts(self)
        return parts if self.start is None else dataclasses.replace(parts, beginning=Beginning.of(self.start))

    def understood(self, read: Parts) -> list[str]:
        """Return a line about what was read, then what was noticed."""
        columns, rows = self.columns, read.training
        texts = " and ".join(repr(name) for name in columns.sides)
        counts = f"{len(rows):,} rows to learn from, {len(read.validation):,} to validate, {len(read.test):,} to test"
        lines = [f"{place_of(Path(self.source))}: text {texts}, label {columns.label!r}, {counts}"]
        if self.classifier.task == "classes":
            assert rows.labels is not None
            lines += label_notes(rows.labels, read.test.labels or (), self.classifier.settings)
        lines += read.notes
        if read.blank:
            lines.append(f"{read.blank:,} row{'s are' if read.blank > 1 else ' is'} blank in every column and left out")
        empty = sum(not text.strip() for side in rows.texts for text in side)
        if empty:
            lines.append(f"{empty:,} text{'s are' if empty > 1 else ' is'} empty")
        most = self.classifier.settings.max_length
        long = sum(len(text.split()) > most for side in rows.texts for text in side)
        if long:
            lines.append(
                f"{long:,} text{'s have' if long > 1 else ' has'} more than {most} words: the rest is not read"
            )
        return lines + [read.repeats.note("rows")] * (read.repeats.repeated > 0)

    def fit(self, read: Parts, run: Run) -> None:
        """Train the classifier."""
        run.begin("fit", self.classifier.settings.epochs_for(len(read.training)))
        rows, kept = (read.training, read.validation), (run.checkpoint, self.resume)
        self.classifier.fit_rows(*rows, self.columns, read.beginning, run.watcher.on_epoch, *kept)

    def score(self, read: Parts, fitted: None, run: Run) -> JobResult:
        """Score the network and the baselines on the test rows."""
        classifier = self.classifier
        evaluation = evaluate(classifier, read.training, read.validation, read.test)
        verdict = judge(evaluation, not read.repeats.notable)
        own = _summary(self, read, evaluation, verdict)
        settings = dataclasses.asdict(classifier.settings)
        summary = run.summary(own, settings, classifier.network_, classifier.seed, lengths=[2, 1])
        return JobResult(self, evaluation, verdict, summary)

    def write(self, found: JobResult) -> None:
        """Write the model."""
        self.classifier.save(self.out / "model", self.replaces)


def _read_parts(job: ClassifyJob) -> Parts:
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


def _summary(job: ClassifyJob, parts: Parts, evaluation: Evaluation, verdict: Verdict) -> dict[str, Any]:
    classifier = job.classifier
    return {
        **judged_summary(evaluation, verdict),
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
        "columns": dataclasses.asdict(job.columns),
        "tfidf_strength": evaluation.strength,
    }
