"""Streams equal whole sequences; and what weighed in an answer."""

from __future__ import annotations

import numpy as np
import pytest
from small_sequences import quick, rising_and_falling

from lstmkit import InputError, SequenceClassifier
from lstmkit.classification.classifier.explaining import added
from lstmkit.errors import NotFittedError

X, Y = rising_and_falling(30)
LONG = np.random.default_rng(5).normal(size=(57, 2)).cumsum(axis=0)


@pytest.mark.parametrize(
    "given",
    [
        {"pooling": "last"},
        {"pooling": "mean-max", "differences": (1, 4)},
        {"pooling": "attention", "relative": 1},
        {"pooling": "max", "relative": 3, "differences": (2,), "normalise": "none"},
        {"pooling": "mean", "max_steps": 20, "ensemble": 2, "normalise": "together"},
        {"pooling": "last", "convolution": 5, "filters": 6, "differences": (2,), "max_steps": 30},
        {"pooling": "mean-max", "convolution": 1, "filters": 6},
        {"pooling": "mean-max", "convolution": 0},
        {"pooling": "mean", "max_steps": 20, "relative": 5, "cell": "gru", "num_layers": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("chunk", [1, 2, 7, 57])
def test_a_stream_says_at_every_step_what_the_sequence_up_to_there_gets(given, chunk) -> None:
    classifier = SequenceClassifier(quick(epochs=1, bidirectional=False, **given)).fit(X, Y)
    stream = classifier.stream()
    for begin in range(0, len(LONG), chunk):
        found = stream.push(LONG[begin : begin + chunk])
        end = min(begin + chunk, len(LONG))
        assert stream.steps == end
        if chunk > 1 or end % 9 in (1, 2, 3) or end in (20, 21, 57):
            np.testing.assert_allclose(found, classifier.predict_proba([LONG[:end]])[0], atol=2e-5)


def test_a_stream_takes_gaps_and_gives_numbers() -> None:
    holes = [np.where(np.random.default_rng(k).random(own.shape) < 0.2, np.nan, own) for k, own in enumerate(X)]
    numbers = [float(len(own)) for own in X]
    classifier = SequenceClassifier(quick(epochs=1, bidirectional=False), "number", missing="mask").fit(holes, numbers)
    line = np.where(np.random.default_rng(9).random(LONG.shape) < 0.2, np.nan, LONG)
    stream = classifier.stream()
    for step in line:
        found = stream.push(step)
    np.testing.assert_allclose(found, classifier.predict([line]), rtol=1e-4)


@pytest.mark.parametrize(
    ("given", "missing", "words"),
    [
        ({}, "refuse", "reads backwards"),
        ({"bidirectional": False, "normalise": "sequence"}, "refuse", "by the whole sequence"),
        ({"bidirectional": False, "relative": 1}, "mask", "relative=0"),
    ],
)
def test_what_must_see_the_whole_sequence_has_no_stream(given, missing, words) -> None:
    classifier = SequenceClassifier(quick(epochs=1, **given), missing=missing).fit(X, Y)
    with pytest.raises(InputError, match=words):
        classifier.stream()


def test_steps_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(NotFittedError):
        SequenceClassifier().stream()
    stream = SequenceClassifier(quick(epochs=1, bidirectional=False)).fit(X, Y).stream()
    with pytest.raises(InputError, match=r"steps must be \(2,\)"):
        stream.push([1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="missing or infinite"):
        stream.push([1.0, np.nan])


@pytest.mark.parametrize("pooling", ["attention", "mean-max"])
def test_weights_sum_to_one_over_the_steps_of_each_sequence(pooling) -> None:
    classifier = SequenceClassifier(quick(epochs=2, pooling=pooling, max_steps=20)).fit(X, Y)
    weights = classifier.explain([*X, LONG])
    assert [len(own) for own in weights] == [len(own) for own in [*X, LONG]]
    np.testing.assert_allclose([own.sum() for own in weights], 1)
    assert all((own >= 0).all() for own in weights)


def test_weights_lie_where_the_classes_differ() -> None:
    generator = np.random.default_rng(0)
    sequences = [0.1 * generator.normal(size=(20, 1)) for _ in range(60)]
    for k, own in enumerate(sequences):
        own[12:15] += 2 if k % 2 else -2
    labels = ["high" if k % 2 else "low" for k in range(60)]
    classifier = SequenceClassifier(quick(stretch=0.0)).fit(sequences, labels)
    assert classifier.score(sequences, labels) == 1
    assert np.mean([own[12:15].sum() for own in classifier.explain(sequences)]) > 0.4  # three of twenty steps


def test_weights_lie_there_too_where_other_steps_are_missing() -> None:
    generator = np.random.default_rng(0)
    sequences = [0.1 * generator.normal(size=(20, 1)) for _ in range(60)]
    for k, own in enumerate(sequences):
        own[12:15] += 2 if k % 2 else -2
        own[generator.choice(12, 3, replace=False)] = np.nan
    labels = ["high" if k % 2 else "low" for k in range(60)]
    settings = quick(stretch=0.0, normalise="sequence")
    classifier = SequenceClassifier(settings, missing="mask").fit(sequences, labels)
    assert np.mean([own[12:15].sum() for own in classifier.explain(sequences)]) > 0.4


def test_what_values_add_is_the_score_beside_that_of_the_means() -> None:
    classifier = SequenceClassifier(quick(epochs=3)).fit(X, Y)
    frames = classifier.read(X).frames
    batch = frames.batch(np.arange(len(X)))
    found = added(classifier.network_, batch).sum(dim=(0, 2)).numpy()
    means = [np.repeat(own.mean(axis=0, keepdims=True), len(own), axis=0) for own in X]
    told = classifier.predict_proba(X)
    best = told.argmax(axis=1)[:, None]
    own, other = (np.take_along_axis(np.log(p), best, 1)[:, 0] for p in (told, classifier.predict_proba(means)))
    np.testing.assert_allclose(found, own - other, atol=0.01)
