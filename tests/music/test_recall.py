"""What is recalled of a piece: found by looking at every pair of places, and the same frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_note_frames import HIGHEST, LOWEST, model

from lstmkit.music.frames import FrameSettings, completed
from lstmkit.music.frames.learning import _moved
from lstmkit.music.frames.model import parted, pieces_of
from lstmkit.music.frames.recall import LONGEST, MOST, WAYS, Memory, both_ways, places


def repeating(length: int, kinds: int = 3, seed: int = 0) -> np.ndarray:
    """Return a piece of few different frames, so that much of it comes again."""
    random = np.random.default_rng(seed)
    frames = np.zeros((kinds, 88), np.uint8)
    frames[:, LOWEST : HIGHEST + 1] = random.random((kinds, HIGHEST - LOWEST + 1)) < 0.4
    return frames[random.integers(kinds, size=length)]


def by_pairs(marks: np.ndarray, at: int) -> tuple[int, int]:
    """Return what `places` says of a frame, found by comparing all that can be compared."""
    best, where = 0, 0
    for end in range(at - 1):
        same = 0
        while same < LONGEST and end - same >= 0 and (marks[end - same] == marks[at - 1 - same]).all():
            same += 1
        if same and same >= best:
            best, where = same, end + 1
    return where, best


@pytest.mark.parametrize("length", [0, 1, 2, 50, 90])
def test_the_latest_of_the_longest_matches_is_recalled(length):
    piece = np.concatenate([repeating(length), repeating(length)[: length // 2]])
    where, lengths = places(piece)
    assert where.shape == lengths.shape == (len(piece), WAYS)
    for way, marks in enumerate(both_ways(piece)):
        for at in range(len(piece)):
            assert (where[at, way], lengths[at, way]) == by_pairs(marks, at)
    if length == 90:
        assert lengths.max() == LONGEST


def test_the_highest_notes_are_recalled_under_other_chords():
    piece = np.zeros((5, 88), np.uint8)
    for step, (low, high) in enumerate([(40, 50), (41, 51), (42, 52), (43, 50), (44, 51)]):
        piece[step, [low, high]] = 1
    where, lengths = places(np.concatenate([piece, piece[:1]]))
    assert lengths[5].tolist() == [0, 2] and where[5, 1] == 2  # 50 and 51 came before 52
    assert np.flatnonzero(both_ways(piece)[1][2]).tolist() == [52]


def test_a_memory_that_grows_frame_by_frame_recalls_the_same():
    pieces = [repeating(60, seed=1), repeating(60, seed=2)]
    memory = Memory.empty(2)
    found = [places(piece) for piece in pieces]
    for at in range(60):
        recalled = memory.recalled()
        for version, (piece, (where, lengths)) in enumerate(zip(pieces, found, strict=True)):
            assert recalled.lengths[version].tolist() == lengths[at].tolist()
            for way in range(WAYS):
                wanted = both_ways(piece)[way, where[at, way]] * (lengths[at, way] > 0)
                assert (recalled.frames[version, way] == wanted).all()
        memory = memory.after(np.stack([piece[at] for piece in pieces]))
    swapped = memory.of(np.array([1, 0])).recalled()
    assert (swapped.lengths == memory.recalled().lengths[::-1]).all()


def test_a_long_piece_remembers_a_bounded_number_of_frames():
    piece = repeating(MOST + 40, kinds=2)
    piece[:3] = repeating(3, seed=5)
    where, lengths = places(piece)
    memory = Memory.empty()
    for at, frame in enumerate(piece):
        if at > MOST - 10:  # before and after the first frames are forgotten
            assert memory.recalled().lengths[0].tolist() == lengths[at].tolist()
        memory = memory.after(frame[None])
    assert len(memory.seen) == MOST
    late = np.arange(len(piece))[:, None]
    assert (late - where)[where > 0].max() <= MOST


@pytest.mark.parametrize("notes", ["in order", "independent"])
def test_frame_by_frame_is_as_the_whole_where_frames_come_again(notes):
    own, piece = model(notes), repeating(20)
    state, found = own.begin(), []
    for frame in piece:
        following = own.next_frame(state)
        found.append(following.nats(frame))
        state = following.advance(frame)
    assert found == pytest.approx(own.nats([piece])[0], abs=1e-4)
    assert own.key_nats(piece).sum(axis=1) == pytest.approx(own.nats([piece])[0], abs=1e-4)
    filled, nats = completed(own, piece.astype(np.int8), versions=2)
    assert (filled == piece).all() and nats == pytest.approx(sum(found), abs=1e-3)
    drawn = np.full(piece.shape, -1, np.int8)
    drawn[:, LOWEST + 2 :] = piece[:, LOWEST + 2 :]
    filled, nats = completed(own, drawn, versions=6, seed=4)
    assert nats == pytest.approx(own.nats([filled])[0].sum(), abs=1e-3)


def test_a_long_piece_is_scored_in_parts_to_the_same(monkeypatch):
    own, piece = model("in order"), repeating(30)
    whole = own.nats([piece, piece[:7]])
    monkeypatch.setattr("lstmkit.music.frames.model.AT_ONCE", 8)
    for one, other in zip(own.nats([piece, piece[:7]]), whole, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_what_is_recalled_is_moved_with_a_piece():
    piece = repeating(12)
    batch = pieces_of([piece], FrameSettings()).batch(np.zeros(1, np.int64)).values
    moved = _moved(batch, torch.tensor([[5, 5]]))
    shifted = pieces_of([np.roll(piece, 5, axis=1)], FrameSettings()).batch(np.zeros(1, np.int64)).values
    for one, other in zip(
        (*parted(moved)[1], parted(moved)[0]), (*parted(shifted)[1], parted(shifted)[0]), strict=True
    ):
        assert (one == other).all()


def test_a_model_that_is_not_told_has_no_memory():
    own, piece = model("in order", recall=False), repeating(10)
    assert (
        own.begin().memory is None
        and parted(pieces_of([piece], own.settings).batch(np.zeros(1, int)).values)[1] is None
    )
    assert completed(own, piece.astype(np.int8), versions=2)[1] == pytest.approx(own.nats([piece])[0].sum(), abs=1e-4)
