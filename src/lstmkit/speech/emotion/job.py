"""What `lstm speech emotion train` reads, trains, scores and writes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

from lstmkit.classification.classifier.job import ClassifyJob, Parts
from lstmkit.classification.classifier.report import write_report
from lstmkit.classification.classifier.result import JobResult
from lstmkit.classification.reading import Form
from lstmkit.errors import InputError
from lstmkit.results import SUMMARY, Job, Run
from lstmkit.speech.emotion.classifier import EmotionClassifier
from lstmkit.speech.emotion.clips import SPEAKER, Clips, read_clips
from lstmkit.speech.emotion.page import played_examples
from lstmkit.speech.manifest import refuse_shared


@dataclass(frozen=True)
class EmotionParts:
    """What a job reads.

    parts   frames by what they are for
    tested  the recordings of which those that are tested are
    """

    parts: Parts
    tested: Clips


@dataclass(frozen=True)
class EmotionJob(Job[EmotionParts, None, JobResult]):
    """What `lstm speech emotion train` was asked to do: a `ClassifyJob` whose sequences are recordings.

    source   folder or table of the recordings
    out      folder for the results
    emotion  unfitted
    label    column or field of the classes
    pattern  of the names of a folder's files
    valid    recordings for early stopping, or None to hold some back
    test     recordings that are only used to score, or None likewise
    one_out  whether each speaker is scored by a network trained on the others
    folds    parts that are each scored by a network trained on the others; 0 for one test part
    force    replace results that are in `out`
    resume   continue an interrupted job in `out`
    """

    results: ClassVar = (SUMMARY, "model", "report.html")

    source: str
    out: Path
    emotion: EmotionClassifier
    label: str = "label"
    pattern: str | None = None
    valid: str | None = None
    test: str | None = None
    one_out: bool = False
    folds: int = 0
    force: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        """Check what does not go together."""
        if self.one_out and self.folds:
            raise InputError("--folds and --leave-one-speaker-out are two ways to score; leave one out")
        if (self.one_out or self.folds) and (self.valid is not None or self.test is not None):
            raise InputError("--folds and --leave-one-speaker-out score on all; leave out --valid and --test")
        self.inner  # noqa: B018, it checks

    @cached_property
    def inner(self) -> ClassifyJob:
        """The job of the frames."""
        form = Form(self.label, group=SPEAKER, missing="mask", layout="arrays")
        own = (self.source, self.out, form, self.emotion.unfitted(), self.valid, self.test, self.folds, self.one_out)
        return ClassifyJob(*own, self.force, self.resume, near=False)

    def read(self) -> EmotionParts:
        """Read the recordings, and divide them by speaker."""
        clips = self._clips(self.source)
        beside = [None if path is None else self._clips(path) for path in (self.valid, self.test)]
        notes: list[str] = []
        for other in beside:
            notes += () if other is None else refuse_shared(clips.manifest, other.manifest)
        rows = self.emotion.rows(clips, self.label)
        if rows.groups is None:
            if self.one_out:
                raise InputError(
                    f"{self.source}: nobody is named who speaks; add a column or field speaker, or score by --folds"
                )
            notes.append("no speaker is named: voices that are scored may be learnt from, and strangers told less well")
        rows = dataclasses.replace(rows, notes=(*rows.notes, *notes))
        held, test = (None if own is None else self.emotion.rows(own, self.label) for own in beside)
        tested = clips if self.test is None else beside[1]
        assert tested is not None
        return EmotionParts(self.inner.divided(rows, held, test), tested)

    def _clips(self, path: str) -> Clips:
        return read_clips(path, self.label, self.pattern if Path(path).is_dir() else None)

    def understood(self, read: EmotionParts) -> list[str]:
        """Return lines about what was read, then what was noticed."""
        return self.inner.understood(read.parts)

    def fit(self, read: EmotionParts, run: Run) -> None:
        """Train the classifier that is kept, and choose from which probability on it tells an answer."""
        self.inner.fit(read.parts, run)
        self.emotion.fitted(self.inner.classifier)

    def score(self, read: EmotionParts, fitted: None, run: Run) -> JobResult:
        """Score the network and the yardsticks on the test part, or on every fold by one that has not heard it."""
        found = self.inner.score(read.parts, fitted, run)
        own = {"threshold": self.emotion.threshold_, "frames": dataclasses.asdict(self.emotion.frames)}
        played = partial(played_examples, read.tested, self.emotion.frames.shift / 1000)
        return dataclasses.replace(found, summary=found.summary | own, played=played)

    def write(self, found: JobResult) -> None:
        """Write the model and the report."""
        self.emotion.save(self.out / "model", self.replaces)
        write_report(found, self.out / "report.html", "lstm speech emotion")
