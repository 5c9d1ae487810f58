"""Labels that are learnt beside the main ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from small_sequences import quick, rising_and_falling

from lstmkit import InputError, SequenceClassifier
from lstmkit.classification.classifier.beside import Beside
from lstmkit.classification.reading import Form, Labelled, read_labelled

X, Y = rising_and_falling(30)
WEIGHTS = {"who": 0.3, "hand": 0.6}
BESIDE = {"who": ["a", "b", ""] * 10, "hand": ["left", "right"] * 15}


def rows_with(beside: Mapping[str, Sequence[str]]) -> Labelled:
    return dataclasses.replace(read_labelled(X, Form(), True, Y), beside=beside)


def test_each_label_has_a_head_with_its_weight_and_is_saved(tmp_path) -> None:
    classifier = SequenceClassifier(quick(epochs=2), beside=WEIGHTS).fit_rows(rows_with(BESIDE))
    assert [(head.outputs, head.weight) for head in classifier.shape_.further] == [(2, 0.3), (2, 0.6)]
    alone = SequenceClassifier(quick(epochs=2)).fit_rows(rows_with(BESIDE))
    assert not alone.shape_.further
    assert not np.allclose(alone.predict_proba(X), classifier.predict_proba(X))
    classifier.save(tmp_path / "model")
    loaded = SequenceClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    assert loaded.beside == WEIGHTS


def test_every_piece_has_the_places_of_its_labels_and_none_where_it_is_not_known() -> None:
    rows = rows_with(BESIDE)
    learnt, held = rows.select(np.arange(2)), rows.select(np.arange(2, 30))
    beside = Beside.learn(WEIGHTS, learnt, held)
    assert beside.classes == {"who": ("a", "b"), "hand": ("left", "right")}
    who, hand = beside.targets(held, torch.tensor([0, 0, 1, 2]))
    assert who.tolist() == [-1, -1, 0, 1] and hand.tolist() == [0, 0, 1, 0]
    nobody = dataclasses.replace(held, beside={})
    assert [own.tolist() for own in beside.targets(nobody, torch.tensor([0, 1]))] == [[-1, -1]] * 2


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"age": 1.0}, "the sequences have no label 'age' to learn beside; give it, or leave it out"),
        ({"same": 1.0}, "label 'same': is the same everywhere; it cannot be learnt beside, leave it out"),
        ({"who": -1.0}, "weight of 'who' must not be negative"),
    ],
)
def test_a_label_that_cannot_be_learnt_beside_is_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SequenceClassifier(quick(), beside=weights).fit_rows(rows_with({**BESIDE, "same": ["x"] * 30}))
