"""At which moments a video is looked at, and what is shown then."""

from __future__ import annotations

import itertools

import pytest

from lstmkit.video.film import Shot
from lstmkit.video.sampling import at_rate, looks, spread


def shots(*times: float) -> list[Shot]:
    return [Shot(time, name) for time, name in zip(times, "abcdefgh", strict=False)]


def seen(found: list) -> list[tuple[float, str, bool]]:
    return [(look.time, look.shot.frame, look.fresh) for look in found]


def test_each_moment_sees_the_frame_that_is_shown_then() -> None:
    found = list(looks(shots(0, 0.3, 0.5, 1.6), at_rate(2)))
    assert seen(found) == [(0, "a", True), (0.5, "c", True), (1.0, "c", False), (1.5, "c", False)]


def test_a_faster_rate_repeats_frames_and_a_slower_one_leaves_some_out() -> None:
    assert seen(list(looks(shots(0, 1), at_rate(3))))[:3] == [
        (0, "a", True),
        (pytest.approx(1 / 3), "a", False),
        (pytest.approx(2 / 3), "a", False),
    ]
    assert [look.shot.frame for look in looks(shots(*range(8)), at_rate(0.5))] == ["a", "c", "e", "g"]


def test_moments_spread_over_a_video_lie_in_the_middles_of_equal_parts() -> None:
    assert spread([0, 1, 2, 3], 4) == [0.5, 1.5, 2.5, 3.5]
    found = looks(shots(0, 1, 2, 3), spread([0, 1, 2, 3], 4), to_the_end=True)
    assert [look.shot.frame for look in found] == ["a", "b", "c", "d"]


def test_frames_that_are_missing_at_the_end_are_the_last_one() -> None:
    found = list(looks(shots(0, 1), [0.5, 1.5, 2.5], to_the_end=True))
    assert seen(found) == [(0.5, "a", True), (1.5, "b", True), (2.5, "b", False)]
    assert len(list(looks(shots(0, 1), [0.5, 1.5, 2.5]))) == 1


def test_no_more_frames_are_taken_than_are_looked_at() -> None:
    taken = iter(shots(0, 1, 2, 3, 4))
    assert len(list(looks(taken, [0.0, 1.0]))) == 2
    assert [shot.frame for shot in taken] == ["d", "e"]


def test_without_frames_nothing_is_seen() -> None:
    assert list(looks([], at_rate(5))) == []
    assert list(itertools.islice(at_rate(4), 3)) == [0, 0.25, 0.5]
