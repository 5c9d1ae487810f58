"""Displacement and differences against a loop over steps; frames that are missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.sequences import Features, Ragged

LENGTHS = [5, 1, 0, 8, 3, 2]


def frames_of(lengths: list[int], channels: int, seed: int = 0, missing: float = 0.0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    found = [generator.normal(size=(length, channels)) for length in lengths]
    for frames in found:
        frames[generator.random(frames.shape) < missing] = np.nan
    return found


def by_hand(frames: np.ndarray, relative: int, lags: tuple[int, ...]) -> np.ndarray:
    """One sequence, one step and one channel at a time."""
    T, C = frames.shape
    found = np.zeros((T, C * (1 + len(lags))))
    for c in range(C):
        there = [value for value in frames[:, c] if not np.isnan(value)]
        begun = [value for value in frames[:relative, c] if not np.isnan(value)]
        origin = (sum(begun) / len(begun) if begun else there[0] if there else 0.0) if relative else 0.0
        for t in range(T):
            found[t, c] = frames[t, c] - origin
            for k, lag in enumerate(lags, 1):
                found[t, k * C + c] = frames[t, c] - frames[max(0, t - lag), c]
    return found


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize(("relative", "lags"), [(0, ()), (2, ()), (0, (1, 3)), (1, (2,)), (4, (1,))])
def test_features_are_those_of_each_sequence_by_itself(relative: int, lags: tuple[int, ...], missing: float) -> None:
    sequences = frames_of(LENGTHS, 3, 1, missing)
    found = Features(relative, lags).of(Ragged.of(sequences, 3))
    assert found.lengths.tolist() == LENGTHS
    for row, frames in enumerate(sequences):
        np.testing.assert_allclose(found[row], by_hand(frames, relative, lags), atol=1e-12)


def test_nothing_stands_in_the_padding() -> None:
    batch = Features(2, (1, 2)).__call__(Ragged.of(frames_of([4, 1, 0], 2), 2).batch(np.arange(3)))
    assert batch.values.shape == (4, 3, 6)
    assert not batch.values[1:, 1].any() and not batch.values[:, 2].any() and batch.values[1:, 0].any()


def test_a_place_far_away_makes_no_difference() -> None:
    """Displacement and differences are the same wherever a movement takes place, also very far off."""
    sequences = frames_of([6, 9], 2)
    moved = [frames + 2.0**20 for frames in sequences]
    how = Features(3, (1, 2))
    torch.testing.assert_close(
        how.of(Ragged.of(moved, 2)).values, how.of(Ragged.of(sequences, 2)).values, atol=1e-9, rtol=0
    )


def test_many_sequences_are_worked_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmkit.sequences.ragged.AT_ONCE", 50)
    lengths = np.random.default_rng(0).integers(0, 20, 200).tolist()
    sequences = frames_of(lengths, 2)
    found = Features(1, (1,)).of(Ragged.of(sequences, 2))
    for row in (0, 63, 64, 100, 199):
        np.testing.assert_allclose(found[row], by_hand(sequences[row], 1, (1,)), atol=1e-12)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"relative": -1}, "Features: relative must not be negative; got -1"),
        ({"differences": (1, 0)}, "Features: differences must be at least 1; got 0"),
        ({"differences": 3}, "Features: differences must be a tuple; got 3"),
    ],
)
def test_features_that_make_no_sense(choices: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        Features(**choices)
    assert str(caught.value) == expected
