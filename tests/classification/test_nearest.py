"""Dynamic time warping against the recursion cell by cell, and what the nearest neighbour answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lstmkit.classification import nearest as module
from lstmkit.classification.nearest import NearestNeighbour, View, warped_distances
from lstmkit.sequences import Features, Ragged

LENGTHS = [6, 1, 11, 4, 0, 7, 30]


def frames_of(lengths: list[int], channels: int, seed: int, missing: float = 0.0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    found = [generator.normal(size=(length, channels)) for length in lengths]
    for frames in found:
        frames[generator.random(frames.shape) < missing] = np.nan
    return found


def by_hand(one: np.ndarray, other: np.ndarray, window: float) -> float:
    """The smallest sum over all paths, one cell at a time."""
    one, other = (np.nan_to_num(own) if len(own) else np.zeros((1, own.shape[1])) for own in (one, other))
    n, m = len(one), len(other)
    radius = max(int(window * max(n, m)), abs(n - m))
    table = {(-1, -1): 0.0}
    for i in range(n):
        for j in range(m):
            if abs(i - j) <= radius:
                before = min(table.get(place, math.inf) for place in ((i - 1, j), (i, j - 1), (i - 1, j - 1)))
                table[i, j] = before + sum((a - b) ** 2 for a, b in zip(one[i], other[j], strict=True))
    return table[n - 1, m - 1]


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("at_once", [2_000_000, 400])
def test_distances_are_those_of_the_recursion(missing: float, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    rows, references = frames_of(LENGTHS, 3, 0, missing), frames_of([5, 9, 6, 1, 22, 0, 6, 6, 10], 3, 1, missing)
    windows = (0.0, 0.1, 0.3, 1.0)
    found = warped_distances(Ragged.of(rows, 3), Ragged.of(references, 3), windows)
    expected = [[[by_hand(one, other, window) for other in references] for one in rows] for window in windows]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_frames_of_fewer_digits_give_the_same_to_rounding() -> None:
    rows = frames_of([20, 31, 25], 4, 2)
    exact, rough = (Ragged.of(rows, 4, dtype=dtype) for dtype in (np.float64, np.float32))
    found = warped_distances(rough, rough, (0.2,))[0]
    np.testing.assert_allclose(found, warped_distances(exact, exact, (0.2,))[0], rtol=1e-4, atol=1e-3)


def test_without_a_window_equal_lengths_are_compared_step_by_step() -> None:
    rows = np.stack(frames_of([9] * 5, 2, 3))
    side = Ragged.of(rows, 2)
    expected = ((rows[:, None] - rows[None]) ** 2).sum(axis=(2, 3))
    np.testing.assert_allclose(warped_distances(side, side, (0.0,))[0], expected, atol=1e-12)


def movements(rows: int, seed: int, noise: float = 0.1) -> tuple[Ragged, torch.Tensor]:
    """A bump that comes early or late in one of two channels, from anywhere, at any pace; the third is large noise."""
    generator = np.random.default_rng(seed)
    kinds, sequences = generator.integers(4, size=rows), []
    for kind in kinds:
        T = int(generator.integers(12, 24))
        place = (0.25 if kind % 2 else 0.75) + generator.uniform(-0.1, 0.1)
        frames = generator.normal(0, noise, (T, 3)) + generator.normal(0, 3, 3)
        frames[:, kind // 2] += np.exp(-(((np.linspace(0, 1, T) - place) / 0.12) ** 2))
        frames[:, 2] += generator.normal(0, 50, T)
        sequences.append(frames)
    return Ragged.of(sequences, 3), torch.from_numpy(kinds)


def test_the_view_and_the_window_are_chosen_that_tell_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEFT_OUT", 20)
    monkeypatch.setattr(module, "WINDOWS", (0.1, 0.4))
    (side, kinds), (held, wanted), (later, truth) = movements(60, 0), movements(20, 1), movements(60, 2)
    model = NearestNeighbour.fit(side, kinds, held, wanted, 4, Features(relative=2, differences=(1,)))
    assert model.view.normalisation.kind == "features"  # else the third channel drowns the others
    assert (model.answers(later).argmax(axis=1) == truth.numpy()).mean() > 0.8
    plain = NearestNeighbour.fit(side, kinds, held, wanted, 4, Features())
    assert (plain.answers(later).argmax(axis=1) == truth.numpy()).mean() < 0.7  # where one begins is noise
    assert len(model.frames) == 80 and set(np.unique(model.answers(later))) == {0.0, 1.0}


def test_level_and_units_make_no_difference() -> None:
    (side, kinds), (held, wanted), (later, _) = movements(30, 7), movements(10, 8), movements(20, 9)
    moved = [Ragged(1000 * own.values + 1e9, own.offsets) for own in (side, held, later)]
    one = NearestNeighbour.fit(side, kinds, held, wanted, 4, Features())
    other = NearestNeighbour.fit(moved[0], kinds, moved[1], wanted, 4, Features())
    assert np.array_equal(one.answers(later), other.answers(moved[2]))


def test_a_row_is_not_told_by_itself() -> None:
    """Labels are noise: whoever found a row of the training part in itself would be right with every view."""
    generator = np.random.default_rng(0)
    side = Ragged.of(frames_of([8] * 60, 2, 4), 2)
    kinds = torch.from_numpy(generator.integers(2, size=60))
    own = View.of(Features(), "none", side)(side)
    answers = warped_distances(own, own, (0.1,))[0]
    assert (answers.argmin(axis=1) == np.arange(60)).all()
    scores: list[float] = []

    def noted(found: np.ndarray, targets: torch.Tensor) -> float:
        scores.append(float((found.argmax(axis=1) == targets.numpy()).mean()))
        return 0.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "answer_score", noted)
        NearestNeighbour.fit(side, kinds, side.select(np.arange(1)), kinds[:1], 2, Features())
    assert scores and max(scores) < 0.75


def test_numbers_are_those_of_the_nearest() -> None:
    generator = np.random.default_rng(5)
    far = np.sort(generator.uniform(0, 10, 60)).astype(np.float32)
    side = Ragged.of([np.linspace(0, end, int(generator.integers(8, 12)))[:, None] for end in far], 1)
    rows = [np.arange(0, 60, 2), np.arange(1, 60, 4), np.arange(3, 60, 4)]
    parts = [(side.select(own), torch.from_numpy(far[own])) for own in rows]
    model = NearestNeighbour.fit(*parts[0], *parts[1], 1, Features())
    found = model.answers(parts[2][0])[:, 0]
    assert np.abs(found - far[rows[2]]).max() < 0.8
    assert set(found.astype(np.float32)) <= set(far[np.concatenate(rows[:2])])


def test_sequences_of_any_length_are_compared_in_bounded_memory() -> None:
    generator = np.random.default_rng(6)
    sequences = []
    for kind in range(4):
        T = int(generator.integers(20_000, 30_000))
        wave = np.sin(np.linspace(0, 6 * (1 + kind % 2), T))[:, None] + generator.normal(0, 0.5, (T, 1))
        wave[generator.random((T, 1)) < 0.1] = np.nan
        sequences.append(wave)
    side, kinds = Ragged.of(sequences, 1), torch.tensor([0, 1, 0, 1])
    model = NearestNeighbour.fit(side, kinds, side.select(np.array([0, 1])), kinds[:2], 2, Features())
    assert model.frames.lengths.tolist() == [500] * 6
    assert model.answers(side).argmax(axis=1).tolist() == [0, 1, 0, 1]
    piece = sequences[0][: len(sequences[0]) // 500]
    view = View.of(Features(), "none", side)
    np.testing.assert_allclose(view(side)[0][0], np.nanmean(piece, axis=0), rtol=1e-5)
