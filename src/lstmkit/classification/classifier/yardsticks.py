"""What a classifier of sequences must beat, beside it on the same sequences: once, or over folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit.classification.baselines import Constant
from lstmkit.classification.classifier.sequence_classifier import SequenceClassifier
from lstmkit.classification.evaluation import CONSTANT, MODEL, Evaluation, evaluate_answers
from lstmkit.classification.functionals import FunctionalsModel
from lstmkit.classification.labels import Coding
from lstmkit.classification.metrics import Floats
from lstmkit.classification.nearest import LEFT_OUT, MOST_STEPS, NearestNeighbour
from lstmkit.classification.reading import Labelled
from lstmkit.results import Run
from lstmkit.sequences import Ragged

FUNCTIONALS, NEAREST = "functionals", "nearest"
BUDGET = 4e9
"""Pairs of steps that the nearest neighbour may compare: some minutes on a core."""
FEWEST = 20
"""Sequences to be near to, below which it is left out."""


@dataclass(frozen=True)
class Divided:
    """Sequences by what they are for, all labelled."""

    training: Labelled
    validation: Labelled
    test: Labelled


@dataclass(frozen=True)
class Told:
    """Answers for the sequences of a test part.

    answers   (N, K), or (N, 1) in the units of the labels, by who gave them
    test      the sequences
    shares    (K,) of the classes in the training part
    strength  of the linear yardstick's data against its penalty
    near      sequences that the nearest neighbour was looked for among, and how many there were; zeros without it
    """

    answers: dict[str, Floats]
    test: Labelled
    shares: Floats
    strength: float
    near: tuple[int, int]


def tell(classifier: SequenceClassifier, parts: Divided, coding: Coding, near: bool = True) -> Told:
    """Answer for the test part by a fitted classifier, and by the yardsticks, fitted as it was.

    coding  of the answers: its classes are those of all parts
    near    whether the nearest neighbour is looked for, if it can be in some minutes
    """
    own = classifier.coding_
    training, validation, test = (part.frames for part in (parts.training, parts.validation, parts.test))
    targets, wanted = (
        own.targets(part.labels or [], name)
        for part, name in ((parts.training, "training"), (parts.validation, "validation"))
    )
    given, features = (training, targets, validation, wanted, own.outputs), classifier.settings.features
    constant, functionals = Constant.fit(targets, own.outputs), FunctionalsModel.fit(*given, features)
    found = {
        MODEL: classifier.answers(parts.test),
        FUNCTIONALS: own.restored(functionals.answers(test)),
        CONSTANT: own.restored(constant.answers(len(test))),
    }
    most, there = _affordable(training, validation, test) if near else -1, len(training)
    if most >= min(FEWEST, there):
        rows = np.arange(there)
        if most < there:  # as many of each class as it has
            order = np.argsort(targets.numpy(), kind="stable")
            rows = np.sort(order[np.linspace(0, there - 1, most).astype(np.int64)])
        nearest = NearestNeighbour.fit(
            training.select(rows), targets[torch.from_numpy(rows)], validation, wanted, own.outputs, features
        )
        found[NEAREST] = own.restored(nearest.answers(test))
    answers = {name: _among(one, own, coding) for name, one in found.items()}
    shares = _among(constant.answer[None], own, coding)[0]
    reached = (most, there) if NEAREST in found else (0, 0)
    return Told(answers, parts.test, shares, functionals.linear.strength, reached)


def judged(tellings: Sequence[Told], coding: Coding, measure: str) -> tuple[Evaluation, Floats]:
    """Return the scores over the answers of one test part or of the folds together, and the answers of the model."""
    names = [name for name in (MODEL, FUNCTIONALS, NEAREST, CONSTANT) if all(name in one.answers for one in tellings)]
    found = {name: np.concatenate([one.answers[name] for one in tellings]) for name in names}
    labels = [label for one in tellings for label in one.test.labels or []]
    groups = [group for one in tellings for group in one.test.groups or []]
    near, there = (min(one.near[k] for one in tellings) for k in (0, 1))
    among = f" among {near:,} of {there:,}" if near < there else ""
    titles = {
        MODEL: "network",
        FUNCTIONALS: f"functionals + {'logistic' if coding.classes else 'ridge'} regression",
        NEAREST: f"nearest neighbour{among}, time warped",
        CONSTANT: "always the largest class" if coding.classes else "always the mean",
    }
    shares = np.mean([one.shares for one in tellings], axis=0)
    told = groups if len(groups) == len(labels) and len(set(groups)) > 1 else None
    strength = tellings[0].strength
    return evaluate_answers(coding, coding.truth(labels), found, shares, titles, strength, told, measure), found[MODEL]


def over_folds(
    classifier: SequenceClassifier,
    rows: Labelled,
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    coding: Coding,
    share: float,
    run: Run,
    near: bool = True,
) -> list[Told]:
    """Return the answers for every fold by a classifier and yardsticks that have not seen it.

    folds  rows to learn from, and rows to answer for
    share  of the rows that validates
    run    the job, of which every fold is a stage
    near   as for `tell`
    """
    found = []
    for number, (learnt, tested) in enumerate(folds, 1):
        own = SequenceClassifier(**classifier.get_params(deep=False))
        training, validation = own.validating(rows.select(learnt), share)
        run.begin(f"fold {number}", own.settings.most_epochs(len(training), cut=True))
        own.fit_rows(training, validation, run.watcher.on_epoch, cut=True)
        found.append(tell(own, Divided(training, validation, rows.select(tested)), coding, near))
    return found


def _affordable(training: Ragged, validation: Ragged, test: Ragged) -> int:
    """Return among how many training sequences the nearest neighbour can be looked for, in `BUDGET`."""
    short = [np.minimum(part.lengths, MOST_STEPS).astype(np.float64) for part in (training, validation, test)]
    steps = float(short[0].mean())
    tried = 4 * (short[1].sum() + LEFT_OUT * steps) + short[2].sum()  # by the views it chooses from, then once
    left = BUDGET - short[2].sum() * short[1].sum()
    return int(min(len(training), max(0.0, left) / max(1.0, tried * steps)))


def _among(found: Floats, own: Coding, coding: Coding) -> Floats:
    """Return answers (N, K) of a classifier that was given fewer classes among all; numbers as they are."""
    if own.classes == coding.classes:
        return found
    full = np.zeros((len(found), len(coding.classes)))
    full[:, [coding.classes.index(name) for name in own.classes]] = found
    return full
