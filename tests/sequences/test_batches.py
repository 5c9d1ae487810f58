"""Batches of rows of about equal length."""

from __future__ import annotations

import numpy as np
import torch

from lstmkit.sequences import Examples, LengthBatches, Ragged


def test_batches_hold_every_row_once_with_lengths_alike() -> None:
    lengths = np.random.default_rng(0).geometric(0.1, 1003)
    batches = LengthBatches(lengths, 16, seed=0)
    epochs = []
    for epoch in (1, 2):
        batches.begin(epoch)
        rows = [batches.rows(item).numpy() for item in range(len(batches))]
        assert [len(own) for own in rows] == [16] * 62 + [11]
        assert sorted(np.concatenate(rows)) == list(range(1003))
        read = sum(lengths[own].max() * len(own) for own in rows)
        shuffled = np.random.default_rng(1).permutation(lengths)[:992].reshape(62, 16)
        assert read < 1.2 * lengths.sum() < 0.5 * 16 * shuffled.max(axis=1).sum()
        epochs.append([frozenset(own.tolist()) for own in rows])
    assert not set(epochs[0]) & set(epochs[1])
    batches.begin(1)
    assert frozenset(batches.rows(5).tolist()) == epochs[0][5]


def test_pairs_are_sorted_by_the_steps_of_both() -> None:
    sides = [Ragged.of([np.arange(n) for n in lengths]) for lengths in ((3, 0, 2, 5), (1, 9, 2, 1))]
    rows = Examples(tuple(sides), torch.empty(0))
    assert rows.lengths().tolist() == [4, 9, 4, 6]
    assert [own.tolist() for own in rows.by_length(100, 3)] == [[0, 2, 3], [1]]
    first, second = rows.batch(np.array([2, 1]))
    assert (first.values.T.tolist(), first.lengths.tolist()) == ([[0, 1], [0, 0]], [2, 0])
    assert (second.values.T.tolist()[0], second.lengths.tolist()) == ([0, 1, *[0] * 7], [2, 9])
