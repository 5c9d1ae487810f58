"""Moving averages and the best epochs: equal to what a plain loop averages, kept through an interruption."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from lstmkit.errors import InputError
from lstmkit.training import Checkpoint, Snapshots, TrainSettings


def _scripted(losses):
    given = iter(losses)
    return lambda: next(given)


def _seen_weights(one, **options):
    """Train; return the weights after every epoch, epoch 0 first, and the records."""
    history, weights = [], []
    for record in one.steps(**options):
        history.append(record)
        weights.append(one.weights())
    return history, weights


@pytest.mark.parametrize(
    ("keep", "losses", "epochs"),
    [
        (1, [5, 4, 3, 6, 1, 2, 7], [4]),
        (3, [5, 4, 3, 6, 1, 2, 7], [4, 5, 2]),
        (2, [5, 4, 4, 4, 4, 4, 4], [1, 2]),
        (3, [1, 4, 3, 6, 5, 5, 7], [0, 2, 1]),
        (9, [5, 4, 3, 6, 1, 2, 7], [4, 5, 2, 1, 0, 3, 6]),
    ],
    ids=["the best", "three", "ties: the earlier", "untrained is best", "fewer epochs"],
)
def test_the_best_epochs_are_kept_best_first(keep, losses, epochs, training, equal):
    one, snapshots = training(), Snapshots()
    _, seen = _seen_weights(one, keep=keep, validate=_scripted(losses), snapshots=snapshots)
    assert [s.epoch for s in snapshots.kept] == epochs
    assert [s.valid_loss for s in snapshots.kept] == [losses[e] for e in epochs]
    assert all(equal(s.weights, seen[s.epoch]) for s in snapshots.kept)
    assert equal(one.weights(), seen[epochs[0]])


@pytest.mark.parametrize("validate", [True, None])
def test_without_patience_the_last_epochs_are_kept(validate, training, equal):
    one, snapshots = training(), Snapshots()
    history, seen = _seen_weights(one, keep=3, patience=None, validate=validate, snapshots=snapshots)
    assert [s.epoch for s in snapshots.kept] == [6, 5, 4]
    by_epoch = dict(zip([r.epoch for r in history], seen, strict=True))
    assert all(equal(s.weights, by_epoch[s.epoch]) for s in snapshots.kept)


def test_the_untrained_model_is_never_kept_without_patience(training):
    snapshots = Snapshots()
    training().run(keep=5, patience=None, max_epochs=2, snapshots=snapshots)
    assert [s.epoch for s in snapshots.kept] == [2, 1]


def test_snapshots_start_empty_in_every_training(training):
    snapshots = Snapshots()
    for _ in range(2):
        training().run(keep=2, patience=None, max_epochs=3, snapshots=snapshots)
        assert [s.epoch for s in snapshots.kept] == [3, 2]


@pytest.mark.parametrize("options", [{"keep": 3}, {"keep": 3, "patience": None}, {"average": 0.9}], ids=str)
@pytest.mark.parametrize("stop", [1, 2, 5])
def test_a_resumed_training_keeps_the_same_bits(options, stop, training, equal, tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint", {})
    whole, stopped, resumed = training(), training(), training()
    expected, found = Snapshots(), Snapshots()
    whole.run(snapshots=expected, **options)
    steps = stopped.steps(checkpoint=checkpoint, **options)
    [next(steps) for _ in range(stop + 1)]
    steps.close()
    resumed.run(checkpoint=checkpoint, resume=True, snapshots=found, **options)
    assert equal(resumed.weights(), whole.weights())
    assert [(s.epoch, s.valid_loss) for s in found.kept] == [(s.epoch, s.valid_loss) for s in expected.kept]
    assert all(equal(a.weights, b.weights) for a, b in zip(found.kept, expected.kept, strict=True))


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_moving_average_equals_that_of_a_plain_loop(decay, training):
    """In float64 from the batches that were seen."""
    one, plain = training(dropout=0.0), training(dropout=0.0)
    one.run(average=decay, patience=None, validate=None)
    average = {k: v.double() for k, v in plain.weights().items()}
    for step, items in enumerate(one.seen, 1):
        plain.optimizer.zero_grad()
        plain.loss(torch.tensor(items)).backward()
        nn.utils.clip_grad_norm_(plain.model.parameters(), 1.0)
        plain.optimizer.step()
        now = min(decay, (1 + step) / (10 + step))
        average = {k: now * average[k] + (1 - now) * v.double() for k, v in plain.weights().items()}
    for name, weight in one.weights().items():
        torch.testing.assert_close(weight.double(), average[name], rtol=1e-4, atol=1e-5)
        assert (weight - plain.weights()[name]).abs().max() > 1e-3, "the average is the weights themselves"


def test_the_average_is_validated_and_kept_while_the_weights_train_on(training, equal):
    one, losses = training(), []
    one_validate = one.validate
    trained = []

    def validate():
        losses.append((one_validate(), one.weights()))
        return losses[-1][0]

    for record in one.steps(average=0.9, validate=validate):
        assert record.valid_loss == losses[-1][0]
        trained.append(one.weights())
    assert not any(equal(a, b) for a, (_, b) in itertools.islice(zip(trained, losses, strict=True), 1, None))
    best = min(range(len(losses)), key=lambda epoch: losses[epoch][0])
    assert equal(one.weights(), losses[best][1])


def test_averaging_leaves_training_itself_alone(training, equal):
    averaged, plain = training(), training()
    _, with_average = _seen_weights(averaged, average=0.9, patience=None)
    _, without = _seen_weights(plain, patience=None)
    assert all(equal(a, b) for a, b in zip(with_average, without, strict=True))


def test_buffers_are_copied_not_averaged(training):
    one = training()
    with torch.random.fork_rng():
        torch.manual_seed(2)
        one.model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    one.optimizer = torch.optim.SGD(one.model.parameters(), lr=0.05)
    last = {}
    for _ in one.steps(average=0.95, patience=None):
        last = one.weights()
    ended = one.weights()
    for name in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
        assert torch.equal(ended[name], last[name])
    assert int(ended["1.num_batches_tracked"]) == 42
    assert not torch.equal(ended["1.weight"], last["1.weight"])


def test_shared_weights_stay_shared(training):
    one = training(dropout=0.0)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        inner = nn.Linear(4, 4)
    one.model = nn.Sequential(inner, nn.Tanh(), inner, nn.Linear(4, 1))
    one.optimizer = torch.optim.SGD(one.model.parameters(), lr=0.05)
    snapshots = Snapshots()
    one.run(average=0.9, patience=None, snapshots=snapshots)
    weights = snapshots.kept[0].weights
    assert torch.equal(weights["0.weight"], weights["2.weight"])
    assert torch.equal(one.model[0].weight, weights["0.weight"])


@pytest.mark.parametrize("average", [0.0, 1.0, -0.5])
def test_an_average_outside_its_range_is_refused(average):
    with pytest.raises(InputError, match="average must be between 0 and 1; got"):
        TrainSettings(1, 1, average=average)


def test_keeping_none_is_refused():
    with pytest.raises(InputError, match="keep must be at least 1; got 0"):
        TrainSettings(1, 1, keep=0)
