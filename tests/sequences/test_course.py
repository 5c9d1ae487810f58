"""Steps that jump away from the course of a sequence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from lstmkit.sequences import Features, FrameLayer, FrameLayerSettings, Padded, Ragged
from lstmkit.sequences.course import on_course

NAN = float("nan")


def _course(values, jump=1.0):
    frames = np.array(values, float).reshape(len(values), 1, -1)
    return on_course(frames, np.array([len(values)]), jump)[:, 0].tolist()


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([0, 1, 2, 3], [1, 1, 1, 1]),  # slow enough
        ([0, 1, 9, 9, 2, 3], [1, 1, 0, 0, 1, 1]),  # away, and back
        ([9, 0, 1, 2], [0, 1, 1, 1]),  # lost at the start
        ([0, 1, 9], [1, 1, 0]),
        ([0, 9, 1, 9, 1, 9], [0, 1, 0, 1, 0, 1]),  # 9 9 9 is as long as 0 1 1, and ends later
        ([5], [1]),
        ([0, NAN, 1, 9], [1, 0, 1, 0]),  # what is missing is on no course
        ([NAN, NAN], [0, 0]),
    ],
)
def test_what_jumps_away_is_not_on_the_course(values, kept):
    assert _course(values) == [bool(own) for own in kept]


def test_a_frame_jumps_if_one_channel_does():
    assert _course([[0, 0], [0, 5], [0, 0]]) == [True, False, True]


def test_the_course_is_the_longest_there_is():
    rng = np.random.default_rng(3)
    for _ in range(60):
        values = rng.integers(0, 6, 8).astype(float)
        kept = np.flatnonzero(_course(values))
        assert (np.abs(np.diff(values[kept])) <= 1).all()
        longest = max(
            count
            for count in range(1, 9)
            for rows in itertools.combinations(range(8), count)
            if (np.abs(np.diff(values[list(rows)])) <= 1).all()
        )
        assert len(kept) == longest


def test_padding_is_on_no_course_and_changes_none():
    values = np.array([[0, 0], [7, 1], [1, 0], [0, 0]], float)[:, :, None]  # (T, B, 1)
    assert on_course(values, np.array([3, 2]), 2.0).T.tolist() == [
        [True, False, True, False],
        [True, True, False, False],
    ]


def test_features_stand_a_second_time_without_what_jumps():
    features = Features(relative=1, differences=(1,), jump=1.0)
    assert (features.groups, features.levels) == (4, (0, 2))
    frames = torch.tensor([9.0, 0.0, 1.0, 2.0]).view(4, 1, 1)
    found = features(Padded(frames, torch.tensor([4]))).values[:, 0].T
    expected = [[0, -9, -8, -7], [0, -9, 1, 1], [NAN, 0, 1, 2], [NAN, NAN, 1, 1]]
    torch.testing.assert_close(found, torch.tensor(expected), equal_nan=True)
    assert features.missing(found.T[:, None])[:, 0].T.tolist() == [[False] * 4, [True, False, False, False]]


def test_features_of_a_batch_are_those_of_each_sequence():
    rng = np.random.default_rng(0)
    sequences = [rng.choice([0.0, 0.5, 9.0], (length, 2)) for length in (1, 5, 3)]
    features = Features(differences=(1, 2), jump=1.0)
    together = features.of(Ragged.of(sequences, 2))
    for row, own in enumerate(sequences):
        alone = features(Padded(torch.from_numpy(own)[:, None], torch.tensor([len(own)]))).values[:, 0]
        np.testing.assert_array_equal(together[row], alone.numpy())


def test_what_is_off_the_course_is_so_before_a_sequence_is_stretched_and_seen_in_a_mirror():
    how = FrameLayerSettings(jump=1.0, normalise="none", stretch=0.9, mirror=(2, -1))
    layer = FrameLayer(how, 2, marks=False).train()
    torch.manual_seed(0)
    course = torch.tensor([[0.0, 5.0], [0.5, 5.5], [9.0, 9.0], [1.0, 6.0]])
    values, lengths = layer(Padded(course[:, None].repeat(1, 64, 1), torch.full((64,), 4)))
    there = torch.arange(len(values))[:, None] < lengths
    kept, marks = values[:, :, 2:4], values[:, :, 6:]
    turned = kept[0, :, 0] == 5
    assert 10 < turned.sum() < 54 and (lengths != 4).any()
    assert not values[:, :, 4:6].any() and marks[there].any()
    true = there & (marks[:, :, 0] == 0)
    low = torch.where(turned, -kept[:, :, 1], kept[:, :, 0])[true]
    high = torch.where(turned, kept[:, :, 0], kept[:, :, 1])[true]
    assert low.min() >= 0 and low.max() <= 1 and high.min() >= 5 and high.max() <= 6


def test_the_layer_marks_what_jumped_without_missing_values():
    layer = FrameLayer(FrameLayerSettings(jump=1.0, normalise="none"), 1, marks=False)
    values, _ = layer(Padded(torch.tensor([0.0, 5.0, 1.0]).view(3, 1, 1), torch.tensor([3])))
    assert layer.width == 4
    assert values[:, 0].T.tolist() == [[0, 5, 1], [0, 0, 1], [0, 0, 0], [0, 1, 0]]
