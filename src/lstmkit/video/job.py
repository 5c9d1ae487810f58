"""What `lstm video classify train` reads, trains, scores and writes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

from lstmkit.classification.classifier.job import ClassifyJob, Parts
from lstmkit.classification.classifier.report import write_report
from lstmkit.classification.classifier.result import JobResult
from lstmkit.classification.classifier.sequence_classifier import SequenceClassifier
from lstmkit.classification.reading import Form, Labelled
from lstmkit.results import SUMMARY, Job, Run
from lstmkit.video.classifier import ActionClassifier
from lstmkit.video.clips import Clips, refuse_shared
from lstmkit.video.page import played_examples
from lstmkit.video.rows import SOURCE, Asked, Watch


@dataclass(frozen=True)
class ActionParts:
    """What a job reads.

    parts   frames by what they are for
    tested  the clips of which those that are tested are; None if they are skeletons
    """

    parts: Parts
    tested: Clips | None


@dataclass(frozen=True)
class ActionJob(Job[ActionParts, None, JobResult]):
    """What `lstm video classify train` was asked to do: a `ClassifyJob` whose sequences are clips or skeletons.

    source   folder or table of the clips
    out      folder for the results
    action   unfitted
    asked    what says of which class and source a clip is
    valid    clips for early stopping, or None to hold some back
    test     clips that are only used to score, or None likewise
    folds    parts that are each scored by a network trained on the others; 0 for one test part
    one_out  whether each source is scored by a network trained on the others
    force    replace results that are in `out`
    resume   continue an interrupted job in `out`
    watch    is told how far the reading of clips is
    """

    results: ClassVar = (SUMMARY, "model", "report.html")

    source: str
    out: Path
    action: ActionClassifier
    asked: Asked = field(default_factory=Asked)
    valid: str | None = None
    test: str | None = None
    folds: int = 0
    one_out: bool = False
    force: bool = False
    resume: bool = False
    watch: Watch | None = None

    def __post_init__(self) -> None:
        """Check what does not go together."""
        self._inner(self.action.unfitted())

    def _inner(self, classifier: SequenceClassifier) -> ClassifyJob:
        """Return the job of the frames."""
        label = self.asked.label or "label"
        group = self.asked.group or (None if self.one_out else SOURCE)
        form = Form(label, group=group, missing="mask", layout="arrays")
        own = (self.source, self.out, form, classifier, self.valid, self.test, self.folds, self.one_out)
        return ClassifyJob(*own, self.force, self.resume, near=self.action.reads_skeletons)

    def read(self) -> ActionParts:
        """Read the clips, and divide them by source."""
        rows, clips = self._read(self.source)
        held, test = (None if path is None else self._read(path) for path in (self.valid, self.test))
        for own in (held, test):
            if own is not None and own[1] is not None and clips is not None:
                refuse_shared(clips, own[1])
        parts = self._inner(self.action.unfitted()).divided(
            rows, None if held is None else held[0], None if test is None else test[0]
        )
        played = clips if test is None else test[1]
        return ActionParts(parts, None if self.action.reads_skeletons else played)

    def _read(self, path: str) -> tuple[Labelled, Clips | None]:
        pattern = self.asked.pattern if Path(path).is_dir() else None
        asked = self.asked if path == self.source else dataclasses.replace(self.asked, pattern=pattern)
        return self.action.rows(path, asked, self.watch)

    def understood(self, read: ActionParts) -> list[str]:
        """Return lines about what was read, then what was noticed."""
        return self._inner(self.action.unfitted()).understood(read.parts)

    def fit(self, read: ActionParts, run: Run) -> None:
        """Train the classifier that is kept, and choose from which probability on it tells an answer."""
        inner = self._inner(self.action.unfitted(read.parts.rows.form.channels))
        inner.fit(read.parts, run)
        self.action.fitted(inner.classifier)

    def score(self, read: ActionParts, fitted: None, run: Run) -> JobResult:
        """Score the network and the yardsticks on the test part, or on every fold by one that has not seen it."""
        found = self._inner(self.action.classifier_).score(read.parts, fitted, run)
        own = {"threshold": self.action.threshold_, "frames": dataclasses.asdict(self.action.frames)}
        played = None if read.tested is None else partial(played_examples, read.tested)
        return dataclasses.replace(found, summary=found.summary | own, played=played)

    def write(self, found: JobResult) -> None:
        """Write the model and the report."""
        self.action.save(self.out / "model", self.replaces)
        write_report(found, self.out / "report.html", "lstm video classify")
