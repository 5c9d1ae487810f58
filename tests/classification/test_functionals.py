"""Functionals of channels against numpy, one sequence at a time; the linear model on them against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from lstmkit.classification import functionals as module
from lstmkit.classification.functionals import FunctionalsModel, functionals
from lstmkit.sequences import Features, Ragged


def frames_of(lengths: list[int], channels: int, seed: int = 0, missing: float = 0.0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    found = [generator.normal(size=(length, channels)).cumsum(axis=0) for length in lengths]
    for frames in found:
        frames[generator.random(frames.shape) < missing] = np.nan
    return found


def by_hand(values: np.ndarray) -> list[float]:
    """The numbers about one channel of one piece."""
    there = ~np.isnan(values)
    if not there.any():
        return [np.nan] * 8
    known = values[there]
    time = np.linspace(0, 1, len(values))[there] if len(values) > 1 else np.zeros(1)
    slope = np.polyfit(time, known, 1)[0] if len(known) > 1 else 0.0
    return [known.mean(), known.std(), slope, *np.quantile(known, [0, 0.25, 0.5, 0.75, 1])]


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("at_once", [1_000_000, 10])
def test_functionals_are_those_of_each_sequence_and_its_thirds(
    missing: float, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    lengths = [7, 1, 20, 2, 9, 3]
    sequences = frames_of(lengths, 2, 1, missing)
    found = functionals(Ragged.of(sequences, 2)).reshape(6, 4, 8, 2)
    for row, (frames, T) in enumerate(zip(sequences, lengths, strict=True)):
        pieces = [frames, frames[: T // 3], frames[T // 3 : 2 * T // 3], frames[2 * T // 3 :]]
        expected = [np.stack([by_hand(piece[:, c]) for c in range(2)], axis=1) for piece in pieces]
        np.testing.assert_allclose(found[row], expected, atol=1e-9)


def test_an_empty_sequence_has_none() -> None:
    found = functionals(Ragged.of([np.zeros((0, 3)), np.ones((4, 3))], 3))
    assert np.isnan(found[0]).all() and not np.isnan(found[1]).any()


def told(rows: int, seed: int) -> tuple[Ragged, torch.Tensor]:
    """Sequences of three kinds: rising at the end, rising in the middle, and a channel that stands still."""
    generator = np.random.default_rng(seed)
    kinds, sequences = generator.integers(3, size=rows), []
    for kind in kinds:
        T = int(generator.integers(9, 20))
        frames = generator.normal(0, 0.5, (T, 3))
        frames[:, 2] = 5.0
        place = slice(2 * T // 3, T) if kind == 0 else slice(T // 3, 2 * T // 3)
        frames[place, 0] += 2.0 * (kind < 2)
        sequences.append(frames)
    return Ragged.of(sequences, 3), torch.from_numpy(kinds)


@pytest.mark.parametrize("rows", [30, 400])
def test_the_weights_are_scikit_learns_also_where_there_are_more_functionals_than_rows(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STRENGTHS", (0.1,))
    (side, kinds), (held, wanted), (later, truth) = told(rows, 0), told(60, 1), told(100, 2)
    model = FunctionalsModel.fit(side, kinds, held, wanted, 3, Features())
    whole, both = functionals(side.joined(held)), torch.cat([kinds, wanted])
    spread = np.where(whole.std(axis=0) > 1e-9, whole.std(axis=0), np.inf)
    own, other = (
        np.clip((functionals(part) - whole.mean(axis=0)) / spread, -module.FURTHEST, module.FURTHEST)
        for part in (side.joined(held), later)
    )
    plain = LogisticRegression(C=0.1, tol=1e-8, max_iter=5000).fit(own, both)
    np.testing.assert_allclose(model.answers(later), plain.predict_proba(other), atol=5e-4)
    assert (model.answers(later).argmax(axis=1) == truth.numpy()).mean() > 0.9


def test_numbers_are_told_from_the_features_of_the_network() -> None:
    """Where sequences begin is noise; how far they come is what is asked."""
    generator = np.random.default_rng(3)
    far = generator.normal(size=200)
    sequences = [np.linspace(0, end, 12)[:, None] + generator.normal(0, 100) for end in far]
    side, targets = Ragged.of(sequences, 1), torch.from_numpy(far.astype(np.float32))
    rows = [np.arange(120), np.arange(120, 160), np.arange(160, 200)]
    parts = [(side.select(own), targets[own]) for own in rows]
    errors = {}
    for features in (Features(), Features(relative=1)):
        model = FunctionalsModel.fit(*parts[0], *parts[1], 1, features)
        errors[features] = np.mean((model.answers(parts[2][0])[:, 0] - parts[2][1].numpy()) ** 2)
    assert errors[Features(relative=1)] < 1e-3


def test_what_was_nearly_still_where_it_was_learnt_from_does_not_decide_alone() -> None:
    (side, kinds), (held, wanted), (later, truth) = told(60, 0), told(40, 1), told(100, 2)
    generator = np.random.default_rng(5)
    for part, size in ((side, 1e-3), (held, 1e-3), (later, 1.0)):
        part.values[:, 2] += generator.normal(0, size, len(part.values))
    model = FunctionalsModel.fit(side, kinds, held, wanted, 3, Features())
    assert (model.answers(later).argmax(axis=1) == truth.numpy()).mean() > 0.85


def test_gaps_are_taken_for_the_mean() -> None:
    side, kinds = told(200, 4)
    values = side.values.copy()
    values[np.random.default_rng(0).random(values.shape) < 0.2] = np.nan
    gaps = Ragged(values, side.offsets)
    model = FunctionalsModel.fit(gaps, kinds, side, kinds, 3, Features())
    assert (model.answers(gaps).argmax(axis=1) == kinds.numpy()).mean() > 0.9
    empty = Ragged.of([np.full((4, 3), np.nan), np.zeros((0, 3))], 3)
    assert np.isfinite(model.answers(empty)).all()
