"""The network beside its baselines on rows that none of them has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstmkit.language.classify.baselines import Constant, TfIdfModel
from lstmkit.language.classify.metrics import SKEWED, Difference, class_difference, number_difference
from lstmkit.language.classify.table import Rows
from lstmkit.language.classify.text_classifier import TextClassifier

MODEL, TFIDF, CONSTANT = "model", "tfidf", "constant"


@dataclass(frozen=True)
class Evaluation:
    """Scores on the test rows.

    scores      by who answered: "model", "tfidf", "constant"
    measure     what is compared: "accuracy"; "matthews" where one class has most of the training rows; "rmse"
    best        name of the better baseline by that measure
    difference  how much better the model is than it, an RMSE counting the other way round
    rows        in the test part
    strength    of TF-IDF's linear model against its penalty
    only        class that the network answers for every test row though there are others; "" if there is none
    """

    scores: dict[str, dict[str, float]]
    measure: str
    best: str
    difference: Difference
    rows: int
    strength: float
    only: str = ""


def evaluate(classifier: TextClassifier, training: Rows, validation: Rows, test: Rows) -> Evaluation:
    """Fit the baselines as the classifier was fitted, and score all of them on the test rows."""
    targets, wanted = classifier.targets(training, "training"), classifier.targets(validation, "validation")
    count = max(1, len(classifier.classes_))
    constant = Constant.fit(targets, count)
    tfidf = TfIdfModel.fit(training, targets, validation, wanted, count)
    found = {MODEL: classifier.answers(test), TFIDF: tfidf.answers(test), CONSTANT: constant.answers(test)}
    if classifier.task == "number":
        mean, spread = classifier.scale_
        found |= {name: found[name] * spread + mean for name in (TFIDF, CONSTANT)}
    scores = {name: classifier.scores_of(test, own) for name, own in found.items()}
    truth, only = classifier.truth(test), ""
    if classifier.task == "number":
        measure = "rmse"
        best = min((TFIDF, CONSTANT), key=lambda name: scores[name][measure])
        difference = number_difference(truth, found[MODEL][:, 0], found[best][:, 0])
    else:
        measure = "matthews" if constant.answer.max() > SKEWED else "accuracy"
        best = max((TFIDF, CONSTANT), key=lambda name: scores[name][measure])
        own, other = np.argmax(found[MODEL], axis=1), np.argmax(found[best], axis=1)
        difference = class_difference(truth, own, other, count, measure)
        if len(np.unique(own)) == 1 < len(np.unique(truth)):
            only = classifier.classes_[own[0]]
    return Evaluation(scores, measure, best, difference, len(test), tfidf.strength, only)
