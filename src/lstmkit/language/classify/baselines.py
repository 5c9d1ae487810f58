"""What every classifier must beat: the largest class or the mean, and TF-IDF with a linear model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.language.classify.learning import answer_score
from lstmkit.language.classify.linear import LinearModel, fit_logistic, fit_ridge, full_scores
from lstmkit.language.classify.table import Rows
from lstmkit.language.classify.texts import encode_texts, joined
from lstmkit.language.classify.tfidf import Floats, Sparse, TfIdf, pair_features
from lstmkit.language.tokens import Tokens
from lstmkit.language.words import Words

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Constant:
    """The answer that looks at no text.

    answer  (K,) shares of the classes in the training part, or (1,) the mean number
    """

    answer: Floats

    @classmethod
    def fit(cls, targets: Tensor, count: int) -> Constant:
        """Learn from targets (N,), of `count` classes or numbers."""
        if targets.is_floating_point():
            return cls(np.array([float(targets.double().mean())]))
        return cls(torch.bincount(targets, minlength=count).numpy() / len(targets))

    def answers(self, rows: Rows) -> Floats:
        """Return the answer once a row, (N, K)."""
        return np.tile(self.answer, (len(rows), 1))


@dataclass(frozen=True)
class TfIdfModel:
    """TF-IDF of words and of pairs of neighbours, with logistic regression, or ridge regression for numbers.

    words     every word of the training part, in lower case
    strength  of the data against the penalty, chosen on the validation part
    """

    words: Tokens
    tfidf: TfIdf
    linear: LinearModel
    strength: float
    number: bool

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
        fit: Callable[[float, LinearModel | None], LinearModel]
        if targets.is_floating_point():
            truth = targets.double().numpy()
            fit = lambda strength, begin: fit_ridge(rows, truth, strength, begin)  # noqa: E731
        else:
            fit = lambda strength, begin: fit_logistic(rows, targets.numpy(), count, strength, begin)  # noqa: E731
        found: list[tuple[float, float, LinearModel]] = []
        model = None
        for strength in STRENGTHS:
            model = fit(strength, model)
            score = answer_score(_answers(model, held, targets.is_floating_point()), wanted)
            found.append((score, strength, model))
        _, strength, best = min(found, key=lambda own: own[0])
        return cls(words, tfidf, best, strength, targets.is_floating_point())

    def answers(self, rows: Rows) -> Floats:
        """Return probabilities (N, K), or numbers (N, 1)."""
        features = _features(self.tfidf, [_ids(self.words, side) for side in rows.texts])
        return _answers(self.linear, features, self.number)


def _ids(words: Tokens, texts: Sequence[str]) -> list[NDArray[np.int32]]:
    encoded = encode_texts(words, texts, True)
    return [encoded[row] for row in range(len(encoded))]


def _features(tfidf: TfIdf, sides: Sequence[list[NDArray[np.int32]]]) -> Sparse:
    found = [tfidf.transform(side) for side in sides]
    return found[0] if len(found) == 1 else pair_features(found[0], found[1])


def _answers(model: LinearModel, rows: Sparse, number: bool) -> Floats:
    scores = model.scores(rows)
    if number:
        return scores
    return np.asarray(full_scores(torch.from_numpy(scores)).softmax(dim=1).numpy())
