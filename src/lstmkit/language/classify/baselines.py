"""What a text classifier must beat: the answer that looks at no text, and TF-IDF with a linear model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.classification.baselines import Constant, LinearAnswers
from lstmkit.classification.evaluation import CONSTANT, MODEL, Evaluation, evaluate_answers
from lstmkit.classification.metrics import Floats
from lstmkit.language.classify.table import Rows
from lstmkit.language.classify.text_classifier import TextClassifier
from lstmkit.language.classify.tfidf import Sparse, TfIdf, pair_features
from lstmkit.language.text.rows import encode_texts, joined
from lstmkit.language.vocabulary import Tokens, Words

TFIDF = "tfidf"


@dataclass(frozen=True)
class TfIdfModel:
    """TF-IDF of words and of pairs of neighbours, with logistic regression, or ridge regression for numbers.

    words   every word of the training part, in lower case
    """

    words: Tokens
    tfidf: TfIdf
    linear: LinearAnswers

    @classmethod
    def fit(cls, training: Rows, targets: Tensor, validation: Rows, wanted: Tensor, count: int) -> TfIdfModel:
        """Learn the weights on the training part, and how far to shrink them on the validation part.

        targets, wanted  (N,) of the training and of the validation part
        count            classes; 1 for numbers
        """
        texts = [text for side in training.texts for text in side]
        words = Words.learn([joined(texts, True)], "auto", min_count=1)
        sides = [_ids(words, side) for side in training.texts]
        tfidf = TfIdf.fit([text for side in sides for text in side], len(words.symbols))
        rows, held = _features(tfidf, sides), _features(tfidf, [_ids(words, side) for side in validation.texts])
        return cls(words, tfidf, LinearAnswers.fit(rows, targets, held, wanted, count))

    def answers(self, rows: Rows) -> Floats:
        """Return probabilities (N, K), or numbers (N, 1)."""
        return self.linear.answers(_features(self.tfidf, [_ids(self.words, side) for side in rows.texts]))


def evaluate(classifier: TextClassifier, training: Rows, validation: Rows, test: Rows) -> Evaluation:
    """Fit the baselines as the classifier was fitted, and score all of them on the test rows."""
    coding = classifier.coding_
    targets, wanted = classifier.targets(training, "training"), classifier.targets(validation, "validation")
    constant = Constant.fit(targets, coding.outputs)
    tfidf = TfIdfModel.fit(training, targets, validation, wanted, coding.outputs)
    found = {
        MODEL: classifier.answers(test),
        TFIDF: coding.restored(tfidf.answers(test)),
        CONSTANT: coding.restored(constant.answers(len(test))),
    }
    titles = {
        MODEL: "network",
        TFIDF: f"TF-IDF + {'logistic' if coding.classes else 'ridge'} regression",
        CONSTANT: "always the largest class" if coding.classes else "always the mean",
    }
    strength, measure = tfidf.linear.strength, classifier.settings.compared
    return evaluate_answers(coding, classifier.truth(test), found, constant.answer, titles, strength, measure=measure)


def _ids(words: Tokens, texts: Sequence[str]) -> list[NDArray[np.int32]]:
    encoded = encode_texts(words, texts, True)
    return [encoded[row] for row in range(len(encoded))]


def _features(tfidf: TfIdf, sides: Sequence[list[NDArray[np.int32]]]) -> Sparse:
    found = [tfidf.transform(side) for side in sides]
    return found[0] if len(found) == 1 else pair_features(found[0], found[1])
