"""The network against torch's own LSTM, one sequence at a time; further heads; what is learnt of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn
from torch.nn import functional

from lstmkit.classification.learning import (
    answers,
    class_weights,
    epochs_enough,
    fit_network,
    further_loss,
    row_loss,
)
from lstmkit.classification.network import Encoder, Ensemble, FurtherHead, SequenceNetwork
from lstmkit.classification.settings import NetworkSettings
from lstmkit.sequences import Examples, Padded, Ragged
from lstmkit.training import EpochRecord

SMALL = NetworkSettings(
    hidden_size=8, head_size=8, dropout=0.0, epochs=8, batch_size=16, learning_rate=0.02, average=None, patience=100
)


class Ids(Encoder):
    """The plainest input layer: a vector for each id."""

    def __init__(self, settings: NetworkSettings, symbols: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, width)
        self.stack(width, settings)

    def steps(self, batch: Padded) -> Padded:
        return Padded(self.embedding(batch.values), batch.lengths)


def ids_of(lengths: list[int], seed: int) -> Ragged:
    generator = np.random.default_rng(seed)
    return Ragged.of([generator.integers(20, size=length) for length in lengths])


def built(
    how: NetworkSettings, outputs: int, sides: int = 1, further: tuple[FurtherHead, ...] = (), count: int = 1
) -> Ensemble:
    torch.manual_seed(0)
    members = (SequenceNetwork(Ids(how, 20, 12), how, outputs, sides, further) for _ in range(count))
    return Ensemble(members, outputs)


def vector(encoder: Encoder, ids: torch.Tensor) -> torch.Tensor:
    """Encode one sequence by torch's own LSTM, without padding."""
    directions = 2 if encoder.recurrent.bidirectional else 1
    if not len(ids):
        return torch.zeros(encoder.width)
    plain = nn.LSTM(12, 8, bidirectional=directions == 2)
    plain.load_state_dict(encoder.recurrent.state_dict())
    hidden, (last, _) = plain(encoder.embedding(ids)[:, None])
    hidden = hidden.squeeze(1)
    found = {"max": hidden.max(dim=0).values, "mean": hidden.mean(dim=0), "last": last.flatten()}
    if encoder.pooling == "attention":
        return (hidden @ encoder.attention.score.weight[0]).softmax(0) @ hidden
    return torch.cat([found[name] for name in encoder.pooling.split("-")])


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", ["max", "mean", "mean-max", "last", "attention"])
def test_a_pair_is_u_v_their_difference_and_their_product(pooling: str, bidirectional: bool) -> None:
    how = dataclasses.replace(SMALL, pooling=pooling, bidirectional=bidirectional)
    network = built(how, 3, 2).eval()
    member = network.networks[0]
    first, second = ids_of([5, 2, 0], 1), ids_of([1, 4, 3], 2)
    rows = np.arange(3)
    found = network((first.batch(rows), second.batch(rows)))[0]
    for row in range(3):
        u, v = (vector(member.encoder, torch.from_numpy(side[row])) for side in (first, second))
        features = torch.cat([u, v, abs(u - v), u * v])
        hidden = torch.relu(functional.linear(features, *member.head[1].parameters()))
        torch.testing.assert_close(found.scores[row], functional.linear(hidden, *member.head[4].parameters()))
    assert [own is None for own in found.weights] == [pooling != "attention"] * 2


def told(rows: int, seed: int) -> tuple[Ragged, torch.Tensor, torch.Tensor]:
    """Sequences with a mark in them at any place, of three kinds, and how far on it stands."""
    generator = np.random.default_rng(seed)
    lengths, kinds = generator.integers(4, 12, rows), generator.integers(3, size=rows)
    sequences = [generator.integers(3, 20, length) for length in lengths]
    places = np.array([generator.integers(length) for length in lengths])
    for sequence, place, kind in zip(sequences, places, kinds, strict=True):
        sequence[place] = kind
    return Ragged.of(sequences), torch.from_numpy(kinds), torch.from_numpy((places / 10).astype(np.float32))


@pytest.mark.parametrize("measure", ["matthews", "accuracy", "uar", "f1"])
def test_classes_are_learnt_whatever_early_stopping_looks_at(measure: str) -> None:
    how = dataclasses.replace(SMALL, measure=measure, label_smoothing=0.1, class_weights="balanced")
    (side, kinds, _), (later, truth, _) = told(300, 0), told(100, 1)
    network, validation = built(how, 3, count=2), Examples((later,), truth)
    history = fit_network(network, how, Examples((side,), kinds), validation, 0)
    found = answers(network, validation, how)
    assert (found.argmax(axis=1) == truth.numpy()).mean() > 0.95
    entropy = -np.log(found[np.arange(100), truth]).mean()
    right = (found.argmax(axis=1) == truth.numpy()).mean()
    best = min(record.valid_loss for record in history)
    if measure == "accuracy":
        assert best == pytest.approx(1 - right + 0.01 * entropy, abs=1e-9)


def test_further_heads_are_learnt_beside_the_main_one_where_rows_have_their_labels() -> None:
    how = SMALL
    (side, kinds, places), (later, truth, far) = told(300, 2), told(100, 3)
    places[::3] = torch.nan
    parts = [Examples((side,), kinds, (places,)), Examples((later,), truth)]

    def fitted(weight: float) -> tuple[Ensemble, float]:
        network = built(how, 3, 1, (FurtherHead(1, weight),))
        fit_network(network, how, *parts, 0)
        with torch.no_grad():
            answer = network.eval()((later.batch(np.arange(100)),))[0]
        return network, float((answer.further[0].squeeze(1) - far).square().mean())

    network, error = fitted(3.0)
    assert error < 0.5 * float(far.var()) < fitted(0.0)[1]
    assert (answers(network, parts[1], how).argmax(axis=1) == truth.numpy()).mean() > 0.9


def test_rows_without_a_further_label_count_for_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    scores, targets = torch.randn(6, 4, generator=generator), torch.tensor([0, -1, 3, 2, -1, 1])
    known = targets >= 0
    torch.testing.assert_close(further_loss(scores, targets), row_loss(scores[known], targets[known], None).mean())
    none = torch.full((6,), torch.nan)
    numbers = torch.randn(6, 1, generator=generator, requires_grad=True)
    (gradient,) = torch.autograd.grad(further_loss(numbers, none), numbers)
    assert further_loss(numbers, none).item() == 0.0 and not gradient.any()


def test_balanced_weights_are_scikit_learns() -> None:
    targets = torch.tensor([0] * 70 + [1] * 20 + [2] * 10)
    weights = class_weights(targets, 3, "balanced")
    expected = compute_class_weight("balanced", classes=np.arange(3), y=targets.numpy())
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert class_weights(targets, 3, "none") is None
    scores = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    plain = functional.cross_entropy(scores, targets, reduction="none")
    torch.testing.assert_close(row_loss(scores, targets, weights), plain * weights[targets])


def scored(*scores: float) -> list[EpochRecord]:
    return [EpochRecord(epoch, 0.5, score, False, epoch, 0.1) for epoch, score in enumerate(scores)]


def test_training_is_enough_at_the_last_epoch_that_may_be_as_good_as_the_best() -> None:
    """Of 100 rows a tenth wrong has a standard error of 0.03; of four, none wrong counts as one of them."""
    assert epochs_enough(scored(0.9, 0.3, 0.1, 0.12, 0.129, 0.131, 0.4), 100) == 4
    assert epochs_enough(scored(0.5, 0.001, 0.002, 0.21, 0.23), 4) == 3
    assert epochs_enough(scored(0.5, 0.5, 0.51), 10) == 0
    assert (
        epochs_enough([*scored(1.0, 0.5, 0.59, 0.61), EpochRecord(4, 0.1, float("nan"), True, 4, 0.1)], 50, True) == 2
    )
