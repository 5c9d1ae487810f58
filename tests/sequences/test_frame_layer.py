"""The input layer of frames, and sequences of which some stand several times."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit import InputError
from lstmkit.sequences import FrameLayer, FrameLayerSettings, Padded, Ragged


def test_frames_become_differences_and_marks_beside_them():
    layer = FrameLayer(FrameLayerSettings(differences=(1,), normalise="none"), 2, marks=True)
    frames = torch.tensor([[[1.0, 4.0]], [[3.0, float("nan")]]])
    values, lengths = layer(Padded(frames, torch.tensor([2])))
    assert layer.width == 6 and lengths.tolist() == [2]
    assert values[:, 0].tolist() == [[1, 4, 0, 0, 0, 0], [3, 0, 2, 0, 0, 1]]


def test_only_the_fields_of_the_layer_are_taken_from_other_settings():
    from lstmkit.classification.classifier import SequenceSettings

    own = FrameLayerSettings.of(SequenceSettings(relative=3, noise=0.5, hidden_size=7))
    assert (own.relative, own.noise, own.stretch, own.differences) == (3, 0.5, 0.2, (1,))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"normalise": "rows"}, "normalise must be one of"),
        ({"input_dropout": 1.0}, "input_dropout must be"),
        ({"mirror": (1, 1)}, "mirror must name every channel once"),
        ({"picture": (8,)}, "picture must be rows and columns"),
        ({"picture": (8, 4)}, "picture must be from 8 to 256"),
    ],
)
def test_values_of_the_layer_are_checked(given, words):
    with pytest.raises(InputError, match=words):
        FrameLayerSettings(**given)


def test_pictures_are_seen_with_their_differences_beside_them():
    layer = FrameLayer(FrameLayerSettings(differences=(1,), picture=(8, 16), filters=4), 3 * 8 * 16, marks=False)
    assert layer.pictures.shape == (6, 8, 16) and layer.width == 16
    values, lengths = layer(Padded(torch.randn(5, 2, 384), torch.tensor([5, 3])))
    assert values.shape == (5, 2, 16) and lengths.tolist() == [5, 3]
    with pytest.raises(InputError, match="picture: frames of 384 numbers are no pictures of 16 x 10; leave it out"):
        FrameLayer(FrameLayerSettings(picture=(16, 10)), 384, marks=False)


def test_repeated_sequences_are_those_that_they_repeat():
    ragged = Ragged.of([np.array([1, 2, 3], np.int32), np.array([4], np.int32)])
    rows = np.array([1, 0, 1])
    found, copied = ragged.repeated(rows), ragged.select(rows)
    assert len(found) == 3 and found.lengths.tolist() == [1, 3, 1]
    asked = np.array([2, 1])
    assert torch.equal(found.batch(asked).values, copied.batch(asked).values)
    assert found.of.values is ragged.values
