"""Ragged arrays of ids and of frames, in memory and mapped, and padded batches of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.sequences import Examples, Padded, Ragged
from lstmkit.sequences.ragged import batches_by_length, map_batches, padded

LENGTHS = [3, 0, 5, 1, 4]


def frames_of(lengths: list[int], channels: int, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(length, channels)) for length in lengths]


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_batch_is_the_sequences_with_zeros_behind_them(on_disk: bool) -> None:
    sequences = frames_of(LENGTHS, 2)
    ragged = Ragged.of(iter(sequences), channels=2, on_disk=on_disk)
    assert isinstance(ragged.values, np.memmap) == on_disk
    assert (len(ragged), ragged.lengths.tolist()) == (5, LENGTHS)
    batch = ragged.batch(np.array([2, 1, 4]))
    assert (batch.values.shape, batch.values.dtype) == ((5, 3, 2), torch.float64)
    assert batch.lengths.tolist() == [5, 0, 4]
    for place, row in enumerate((2, 1, 4)):
        own = sequences[row]
        np.testing.assert_array_equal(ragged[row], own)
        np.testing.assert_array_equal(batch.values[: len(own), place], own)
        assert not batch.values[len(own) :, place].any()


@pytest.mark.parametrize("on_disk", [False, True])
def test_ids_become_whole_numbers(on_disk: bool) -> None:
    ragged = Ragged.of([np.array([4, 5]), np.array([], int), np.array([6])], on_disk=on_disk)
    batch = ragged.batch(np.array([0, 2, 1]))
    assert batch.values.dtype == torch.int64
    assert batch.values.T.tolist() == [[4, 5], [6, 0], [0, 0]]


@pytest.mark.parametrize("on_disk", [False, True])
def test_some_of_the_sequences_in_another_order(on_disk: bool) -> None:
    sequences = frames_of(LENGTHS, 3)
    ragged = Ragged.of(sequences, 3, on_disk).select(np.array([4, 1, 0, 4]))
    assert ragged.lengths.tolist() == [4, 0, 3, 4]
    for own, row in zip((4, 1, 0, 4), range(4), strict=True):
        np.testing.assert_array_equal(ragged[row], sequences[own])


def test_frames_of_fewer_digits_take_half_the_room() -> None:
    ragged = Ragged.of([np.ones((2, 3))], 3, dtype=np.float32)
    assert ragged.batch(np.array([0])).values.dtype == torch.float32


def test_no_sequences_at_all() -> None:
    assert len(Ragged.of([])) == 0 and Ragged.of([], 4, on_disk=True).values.shape == (0, 4)
    assert Ragged.of([np.empty((0, 2))], 2).batch(np.array([0])).values.shape == (1, 1, 2)


def test_what_is_missing_stays_missing() -> None:
    batch = Ragged.of([np.array([[1.0], [np.nan], [3.0]]), np.array([[np.nan]])], 1).batch(np.array([0, 1]))
    assert torch.isnan(batch.values).squeeze(2).T.tolist() == [[False, True, False], [True, False, False]]


def test_a_sequence_of_another_shape_is_named() -> None:
    with pytest.raises(InputError, match=r"^sequence 2: its shape must be \(T, 3\); got \(4, 2\)$"):
        Ragged.of([np.zeros((1, 3)), np.zeros((4, 2))], 3)
    with pytest.raises(InputError, match=r"^sequence 1: its shape must be \(T,\); got \(1, 3\)$"):
        Ragged.of([np.zeros((1, 3))])
    with pytest.raises(InputError, match=r"^sequence 1: its shape must be \(T,\); got \(\)$"):
        Ragged.of([np.array(7)])


def test_memory_does_not_grow_with_what_lies_in_a_file() -> None:
    """Sequences are taken one by one: at no time do two of them exist."""
    alive = itertools.count()

    def sequences():
        for number in range(50):
            assert next(alive) == number
            yield np.full((1000, 8), number, np.float32)

    ragged = Ragged.of(sequences(), 8, on_disk=True)
    assert [int(ragged[row][0, 0]) for row in (0, 17, 49)] == [0, 17, 49]
    assert ragged.batch(np.array([49, 3])).values[5].tolist() == [[49.0] * 8, [3.0] * 8]


def test_of_wide_frames_fewer_steps_are_worked_on_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmkit.sequences.ragged.NUMBERS_AT_ONCE", 80)
    wide = Ragged(np.zeros((40, 10), np.float32), np.arange(0, 41, 4))
    assert wide.bounded(100) == 8 and wide.bounded(5) == 5
    assert Ragged(np.zeros(90, np.int32), np.array([0, 90])).bounded(70) == 70
    batches = [*Examples((wide,), torch.empty(0)).by_length(100, 50)]
    assert [len(own) for own in batches] == [2] * 5
    seen = []

    def first(batch: Padded) -> torch.Tensor:
        seen.append(batch.values.shape[1])
        return batch.values[:, :, :1]

    map_batches(wide, first, 1, np.float32)
    assert seen == [2] * 5


def test_batches_by_length_hold_all_and_are_bounded() -> None:
    lengths = np.random.default_rng(0).geometric(0.05, 500)
    lengths[:3] = (0, 900, 0)
    found = list(batches_by_length(lengths, 300, 20))
    assert sorted(np.concatenate(found)) == list(range(500))
    assert (np.diff(lengths[np.concatenate(found)]) >= 0).all()
    for rows, after in itertools.zip_longest(found, found[1:]):
        assert len(rows) <= 20 and (len(rows) == 1 or lengths[rows].max() * len(rows) <= 300)
        if after is not None and len(rows) < 20:
            assert lengths[after[0]] * (len(rows) + 1) > 300
    assert [own.tolist() for own in batches_by_length(np.zeros(3, np.int64), 2)] == [[0, 1], [2]]
    assert list(batches_by_length(np.zeros(0, np.int64), 2)) == []


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_is_made_of_a_mapped_array_is_mapped(on_disk: bool) -> None:
    sequences = frames_of([40_000, 0, 30_000, 5, 200], 2)
    ragged = Ragged.of(sequences, 2, on_disk)
    found = map_batches(ragged, lambda batch: batch.values[:, :, :1] * 2 + 1, 1, np.float32)
    assert isinstance(found.values, np.memmap) == on_disk and found.values.dtype == np.float32
    for row, frames in enumerate(sequences):
        np.testing.assert_allclose(found[row], 2 * frames[:, :1] + 1, atol=1e-6)


def test_pieces_are_padded_with_what_is_asked_for() -> None:
    values = np.arange(10.0).reshape(5, 2)
    found = padded(values, np.array([0, 3, 5]), np.array([3, 1, 0]), np.nan)
    assert found.shape == (3, 3, 2)
    assert found[:, 0].tolist() == values[:3].tolist() and found[0, 1].tolist() == [6.0, 7.0]
    assert np.isnan(found[1:, 1]).all() and np.isnan(found[:, 2]).all()
    assert padded(np.arange(4, dtype=np.int32), np.array([2]), np.array([0]), 0, np.int64).tolist() == [[0]]
