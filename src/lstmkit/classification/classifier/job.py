"""What `lstm classify train` reads, trains, scores and writes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.advice import label_notes, no_class_to_cut
from lstmkit.classification.classifier.report import write_report
from lstmkit.classification.classifier.result import JobResult
from lstmkit.classification.classifier.sequence_classifier import VALID_SHARE, SequenceClassifier
from lstmkit.classification.classifier.yardsticks import Divided, Told, judged, over_folds, tell
from lstmkit.classification.evaluation import Evaluation
from lstmkit.classification.labels import Coding
from lstmkit.classification.reading import Form, Labelled, read_labelled
from lstmkit.classification.reading.labelled import group_note
from lstmkit.classification.verdict import judge, judged_summary
from lstmkit.data.content import place_of
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.ranges import AT_LEAST_2, whole
from lstmkit.results import SUMMARY, Job, Run, Verdict
from lstmkit.sequences import fold_numbers, one_group_out

TEST_SHARE = 0.2
"""Of the sequences that test, where no file is given for them."""


@dataclass(frozen=True)
class Parts:
    """The sequences of a job.

    rows     all that were read, but those of files for validation and test
    divided  by what they are for
    coding   of the labels of all
    folds    rows to learn from and rows to test, for each fold; empty without folds
    """

    rows: Labelled
    divided: Divided
    coding: Coding
    folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]


@dataclass(frozen=True)
class ClassifyJob(Job[Parts, None, JobResult]):
    """What `lstm classify train` was asked to do.

    source      path of the sequences
    out         folder for the results
    form        how sequences lie in the file
    classifier  unfitted
    valid       path of sequences for early stopping, or None to hold back a fifth
    test        path of sequences that are only used to score, or None likewise
    folds       parts that are each scored by a network trained on the others; 0 for one test part
    one_out     whether each group is scored by a network trained on the others
    force       replace results that are in `out`
    resume      continue an interrupted job in `out`
    delimiter   between the columns of a text; None finds it
    decimal     before decimals in text; None finds it
    near        whether the nearest neighbour is a yardstick
    """

    results: ClassVar = (SUMMARY, "model", "report.html")

    source: str
    out: Path
    form: Form
    classifier: SequenceClassifier
    valid: str | None = None
    test: str | None = None
    folds: int = 0
    one_out: bool = False
    force: bool = False
    resume: bool = False
    delimiter: str | None = None
    decimal: str | None = None
    near: bool = True

    def __post_init__(self) -> None:
        """Check what does not go together."""
        if self.folds:
            whole("folds", self.folds, AT_LEAST_2)
        if self.folds and self.one_out:
            raise InputError("--folds and --leave-one-group-out are two ways to score; leave one out")
        if (self.folds or self.one_out) and (self.test is not None or self.valid is not None):
            raise InputError("--folds and --leave-one-group-out score on all sequences; leave out --valid and --test")
        if self.one_out and self.form.group is None:
            raise InputError("--leave-one-group-out needs --group, the column of the groups")

    def read(self) -> Parts:
        """Read the sequences, and divide them."""
        rows = self._read(self.source, self.form)
        held, test = (None if path is None else self._read(path, rows.form) for path in (self.valid, self.test))
        return self.divided(rows, held, test)

    def divided(self, rows: Labelled, held: Labelled | None, test: Labelled | None) -> Parts:
        """Return sequences by what they are for, their labels checked.

        held, test  of files of their own, if there are such
        Raises      InputError if a label cannot be used, or too few are there to be divided
        """
        classifier, labels = self.classifier, rows.labels or []
        coding = Coding.learn(labels, rows.form.label, classifier.task, rows.whole)
        if coding.classes and len(coding.classes) == len(rows) and test is None:
            raise InputError(no_class_to_cut(labels, rows.form.label, TEST_SHARE))
        for part, own in (("validation", held), ("test", test)):
            if own is not None:
                coding.targets(own.labels or [], part)
        if held is None or test is None:
            classifier.require_several(rows)
        folds, learnt = _folds(self, rows, coding), rows
        if not folds and test is None:
            learnt, test = classifier.split(rows, TEST_SHARE)
        if held is None:
            learnt, held = classifier.validating(learnt, VALID_SHARE)
        return Parts(rows, Divided(learnt, held, held if test is None else test), coding, folds)

    def _read(self, path: str, form: Form) -> Labelled:
        return read_labelled(path, form, delimiter=self.delimiter, decimal=self.decimal)

    def understood(self, read: Parts) -> list[str]:
        """Return a line about what was read, then what was noticed."""
        rows, parts = read.rows, read.divided
        lengths, names = rows.frames.lengths, rows.form.channels
        steps = f"{lengths.min():,}" if lengths.min() == lengths.max() else f"{lengths.min():,} to {lengths.max():,}"
        counts = f"{len(parts.training):,} to learn from, {len(parts.validation):,} to validate, "
        counts += f"all to test in {len(read.folds)} folds" if read.folds else f"{len(parts.test):,} to test"
        channels = f"{len(names)} channel{'s' if len(names) > 1 else ''} ({shorten(names)})"
        lines = [f"{place_of(Path(self.source))}: {len(rows):,} sequences of {steps} steps, {channels}; {counts}"]
        if self.classifier.task == "classes":
            tested = rows.labels if read.folds else parts.test.labels
            ways = "--test" if read.folds or self.test is not None else "--folds 5, which scores all"
            lines += label_notes(rows.labels or [], tested or [], self.classifier.settings, ways)
        learnt = (len(parts.training), len(parts.validation), self.valid is None)
        lines += [*rows.notes, *group_note(rows)]
        lines += self.classifier.settings.networks_note(self.classifier.settings.rows_learnt(*learnt))
        most = self.classifier.settings.max_steps
        if long := int((lengths > most).sum()):
            lines.append(f"{long:,} sequence{'s' if long > 1 else ''} of more than {most:,} steps: read in pieces")
        return lines

    def fit(self, read: Parts, run: Run) -> None:
        """Train the classifier that is kept."""
        parts = read.divided
        cut = self.valid is None
        run.begin("fit", self.classifier.settings.most_epochs(len(parts.training), cut))
        kept = (run.checkpoint, self.resume)
        self.classifier.fit_rows(parts.training, parts.validation, run.watcher.on_epoch, *kept, cut)

    def score(self, read: Parts, fitted: None, run: Run) -> JobResult:
        """Score the network and the yardsticks on the test part, or on every fold by one that has not seen it."""
        classifier = self.classifier
        if read.folds:
            run.watcher.on_lines([f"scoring {len(read.folds)} folds, each by a network trained on the others"])
            told = over_folds(classifier, read.rows, read.folds, read.coding, VALID_SHARE, run, self.near)
            run.begin("score")
        else:
            told = [tell(classifier, read.divided, read.coding, self.near)]
        evaluation, answers = judged(told, read.coding, classifier.settings.compared)
        verdict = judge(evaluation, unit="sequence")
        own = _summary(self, read, evaluation, verdict, told)
        settings = dataclasses.asdict(classifier.settings)
        summary = run.summary(own, settings, classifier.network_, classifier.seed, lengths=[2, 1])
        tested = [one.test for one in told]
        asked = (self.source, self.out, classifier)
        return JobResult(*asked, evaluation, verdict, tested, answers, read.coding, summary)

    def write(self, found: JobResult) -> None:
        """Write the model and the report."""
        self.classifier.save(self.out / "model", self.replaces)
        write_report(found, self.out / "report.html")


def _folds(job: ClassifyJob, rows: Labelled, coding: Coding) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    if job.one_out:
        return [(learnt, tested) for _, learnt, tested in one_group_out(rows.groups or [])]
    if not job.folds:
        return []
    places = coding.truth(rows.labels or []) if coding.classes else np.zeros(len(rows), np.int64)
    numbers = fold_numbers(places, job.folds, job.classifier.seed, rows.groups)
    return [(np.flatnonzero(numbers != k), np.flatnonzero(numbers == k)) for k in range(job.folds)]


def _summary(
    job: ClassifyJob, parts: Parts, evaluation: Evaluation, verdict: Verdict, told: list[Told]
) -> dict[str, Any]:
    classifier, divided = job.classifier, parts.divided
    tested = sum(len(one.test) for one in told)
    return {
        **judged_summary(evaluation, verdict),
        "task": classifier.task,
        "classes": list(classifier.coding_.classes),
        "sequences": {"training": len(divided.training), "validation": len(divided.validation), "test": tested},
        "folds": len(parts.folds),
        "groups": evaluation.groups,
        "near": list(told[0].near),
        "channels": list(parts.rows.form.channels),
        "form": dataclasses.asdict(parts.rows.form),
        "networks": classifier.shape_.networks,
        "epochs": classifier.history_[-1].epoch,
        "steps": classifier.history_[-1].steps,
        "functionals_strength": evaluation.strength,
    }
