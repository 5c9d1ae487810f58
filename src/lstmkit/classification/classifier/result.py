"""What `lstm classify train` found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmkit.classification.classifier.charts import Example
from lstmkit.classification.classifier.sequence_classifier import SequenceClassifier
from lstmkit.classification.evaluation import Evaluation
from lstmkit.classification.labels import Coding
from lstmkit.classification.metrics import Floats
from lstmkit.classification.reading import Labelled
from lstmkit.results import Verdict


@dataclass(frozen=True)
class JobResult:
    """What a job found; the folder `out` holds it.

    source   of the sequences
    tested   the sequences that were scored, in the order of `answers`
    answers  of the network for them
    summary  what summary.json holds
    played   returns as HTML what plays sequences that are shown; None: their channels are drawn
    """

    source: str
    out: Path
    classifier: SequenceClassifier
    evaluation: Evaluation
    verdict: Verdict
    tested: list[Labelled]
    answers: Floats
    coding: Coding
    summary: dict[str, Any] = field(repr=False)
    played: Callable[[Sequence[Example]], str] | None = None
