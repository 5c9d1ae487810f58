"""Piano rolls that are completed: what is given stays, and what is found is the likeliest that there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from test_note_frames import HIGHEST, LOWEST, model, rolls

from lstmkit.errors import InputError
from lstmkit.music.frames import below_melody, completed


@pytest.mark.parametrize("notes", ["in order", "independent"])
def test_what_is_given_stays_and_the_nats_are_those_of_the_model(notes):
    own, whole = model(notes), rolls(5)[0]
    given = np.where(np.arange(88) % 2, whole, -1).astype(np.int8)
    found, nats = completed(own, given, versions=8, seed=1)
    assert (found[given >= 0] == whole[given >= 0]).all()
    assert nats == pytest.approx(own.nats([found])[0].sum(), abs=1e-4)
    same, _ = completed(own, whole.astype(np.int8), versions=2)
    np.testing.assert_array_equal(same, whole)
    np.testing.assert_array_equal(found, completed(own, given, versions=8, seed=1)[0])


@pytest.mark.parametrize("ensemble", [1, 2])
def test_the_best_of_many_versions_is_the_likeliest_of_all(ensemble):
    own, whole = model("in order", ensemble=ensemble), rolls(3, seed=3)[0]
    given = whole.astype(np.int8)
    free = [(0, LOWEST), (0, LOWEST + 2), (1, HIGHEST), (1, LOWEST + 1), (2, LOWEST)]
    candidates = []
    for sounds in itertools.product((0, 1), repeat=len(free)):
        candidates.append(whole.copy())
        for (step, key), one in zip(free, sounds, strict=True):
            candidates[-1][step, key], given[step, key] = one, -1
    costs = [nats.sum() for nats in own.nats(candidates)]
    found, nats = completed(own, given, versions=400)
    assert nats == pytest.approx(min(costs), abs=1e-4)
    np.testing.assert_array_equal(found, candidates[int(np.argmin(costs))])


def test_below_a_melody_all_is_open_and_above_it_nothing_sounds():
    melody = np.zeros((2, 88), np.uint8)
    melody[0, [30, 50]] = 1
    given = below_melody(melody)
    assert (given[0, :50] == -1).all() and given[0, 50] == 1 and not given[0, 51:].any() and (given[1] == -1).all()


def test_a_key_outside_the_range_is_held_too():
    given = np.full((2, 88), -1, np.int8)
    given[1, 5] = 1
    found, nats = completed(model("in order"), given, versions=3)
    assert found[:, 5].tolist() == [0, 1] and np.isfinite(nats)


def test_another_shape_is_refused():
    with pytest.raises(InputError, match=r"given: a piano roll is \(steps, 88\) numbers; got \(3, 128\)"):
        completed(model("in order"), np.zeros((3, 128), np.int8))
