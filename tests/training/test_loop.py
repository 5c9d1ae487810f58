"""The training loop: the best weights are kept, the user's random numbers are left alone, a seed decides everything."""

from __future__ import annotations

import collections
import itertools
import math

import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.training import EpochRecord, StoredRecord, TrainSettings, threads_for
from lstmkit.training.schema import checked


def _scripted(losses: list[float]):
    """Return a validation that gives these losses in order, epoch 0 first."""
    given = iter(losses)
    return lambda: next(given)


def test_training_lowers_the_loss(training):
    history = training().run(max_epochs=30, patience=30)
    assert history[-1].train_loss < 0.5 * history[1].train_loss
    assert min(r.valid_loss for r in history) < 0.5 * history[0].valid_loss


@pytest.mark.parametrize(
    ("losses", "patience", "best", "last"),
    [
        ([5, 4, 3, 2, 1, 0.5, 0.4], 2, 6, 6),
        ([5, 4, 3, 3.5, 3.1, 1], 2, 2, 4),
        ([5, 4, 3, 3, 3, 1], 2, 2, 4),
        ([5, 4, 4.5, 3, 9, 8, 7], 3, 3, 6),
        ([1, 2, 3, 4], 3, 0, 3),
        ([5, 4, 9], 1, 1, 2),
    ],
    ids=["all epochs", "worse", "a tie is not better", "better in time", "epoch 0 wins", "patience of one"],
)
def test_early_stopping_keeps_the_weights_of_the_best_epoch(losses, patience, best, last, training, equal):
    one = training()
    seen = []
    history = []
    for record in one.steps(validate=_scripted(losses), patience=patience):
        history.append(record)
        seen.append(one.weights())
    assert [r.epoch for r in history] == list(range(last + 1))
    assert max(r.epoch for r in history if r.improved) == best
    assert [r.valid_loss for r in history] == losses[: last + 1]
    assert equal(one.weights(), seen[best])
    assert [e for e, w in enumerate(seen) if equal(w, seen[best])] == [best]
    assert not one.model.training


def test_without_patience_all_epochs_run_and_the_last_is_kept(training, equal):
    one = training()
    seen = [one.weights() for _ in one.steps(validate=_scripted([1, 2, 3, 4, 5, 6, 7]), patience=None)]
    assert len(seen) == 7
    assert equal(one.weights(), seen[-1])


def test_without_validation_there_is_no_epoch_0(training):
    history = training().run(validate=None, patience=None)
    assert [r.epoch for r in history] == [1, 2, 3, 4, 5, 6]
    assert all(math.isnan(r.valid_loss) for r in history)


def test_patience_without_validation_is_refused(training):
    with pytest.raises(InputError, match="early stopping"):
        training().run(validate=None)


def test_every_item_is_seen_once_an_epoch_in_another_order(training):
    one = training()
    history = one.run(max_epochs=2)
    first, second = ([i for batch in one.seen[s] for i in batch] for s in (slice(0, 7), slice(7, 14)))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert [len(batch) for batch in one.seen[:7]] == [8] * 6 + [2]
    assert [r.steps for r in history] == [0, 7, 14]


def test_an_epoch_is_cut_to_its_steps(training):
    one = training()
    history = one.run(max_epochs=2, steps_per_epoch=3)
    assert [r.steps for r in history] == [0, 3, 6]
    assert set(map(len, one.seen)) == {8}
    assert set(itertools.chain(*one.seen[:3])) != set(itertools.chain(*one.seen[3:]))


def test_an_epoch_of_few_items_goes_through_them_until_it_has_its_steps(training):
    one = training()
    history = one.run(max_epochs=2, least_steps=10)
    assert [r.steps for r in history] == [0, 10, 20]
    assert set(map(len, one.seen)) == {8}
    times = collections.Counter(i for batch in one.seen[:10] for i in batch)
    assert set(times) == set(range(50)) and set(times.values()) == {1, 2}


def test_the_training_loss_is_the_mean_over_items(training):
    one = training()
    one.optimizer.param_groups[0]["lr"] = 0.0
    one.optimizer.param_groups[0]["weight_decay"] = 0.0
    one.model[2].p = 0.0
    [record] = one.run(validate=None, patience=None, max_epochs=1)
    expected = torch.nn.functional.mse_loss(one.model(one.x), one.y).item()
    assert record.train_loss == pytest.approx(expected, rel=1e-6)


def test_gradients_are_clipped(training):
    norms = {}
    for clip in (None, 0.01):
        one = training()
        one.run(max_epochs=1, clip_norm=clip)
        squares = [p.grad.square().sum() for p in one.model.parameters()]
        norms[clip] = float(sum(squares) ** 0.5)
    assert norms[0.01] == pytest.approx(0.01, rel=1e-3)
    assert norms[None] > 0.1


def test_the_seed_decides_every_bit(training, equal):
    weights = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(weights))
        one = training()
        one.run(seed=seed)
        weights.append(one.weights())
    assert equal(weights[0], weights[1])
    assert not equal(weights[0], weights[2])


def test_the_seed_decides_dropout_too(training, equal):
    """With one batch per epoch the order of the items has no part in it."""
    weights = []
    for seed in (0, 1):
        one = training(dropout=0.5)
        one.loss = lambda _, one=one: torch.nn.functional.mse_loss(one.model(one.x), one.y)
        one.run(seed=seed, batch_size=50, validate=None, patience=None)
        weights.append(one.weights())
    assert not equal(*weights)


def test_dropout_is_on_in_every_epoch(training):
    modes = []
    one = training()
    loss = one.loss
    one.loss = lambda items: (modes.append(one.model.training), loss(items))[1]
    one.run(max_epochs=3)
    assert modes == [True] * 21


def test_the_users_random_numbers_are_left_alone(training):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    for _ in training().steps():
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(torch.get_rng_state(), before)


def test_random_numbers_drawn_between_epochs_change_nothing(training, equal):
    undisturbed, disturbed = training(), training()
    undisturbed.run()
    for _ in disturbed.steps():
        torch.randn(3)
        torch.manual_seed(5)
    assert equal(undisturbed.weights(), disturbed.weights())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_named_with_its_epoch(bad, training):
    one = training()
    loss = one.loss
    one.loss = lambda items: loss(items) * (bad if len(one.seen) == 14 else 1.0)
    with pytest.raises(InputError, match=f"the loss became {bad} in epoch 2; try a smaller learning rate"):
        one.run()


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_validation_loss_that_is_not_finite_is_named_with_its_epoch(epoch, training):
    with pytest.raises(InputError, match=f"validation loss became nan in epoch {epoch}"):
        training().run(validate=_scripted([1.0] * epoch + [math.nan] * 9))


@pytest.mark.parametrize("name", ["max_epochs", "batch_size", "steps_per_epoch", "patience", "least_steps"])
def test_settings_below_one_are_refused(name):
    with pytest.raises(InputError, match=f"{name} must be at least 1; got 0"):
        TrainSettings(**{"max_epochs": 1, "batch_size": 1, name: 0})


def test_a_record_survives_json():
    record = EpochRecord(3, 0.1 + 0.2, math.nan, True, 7, 0.5)
    assert record.to_json()["valid_loss"] is None
    again = checked(record.to_json(), StoredRecord).record()
    assert math.isnan(again.valid_loss)
    assert again.to_json() == record.to_json()


def test_a_small_network_trains_on_one_thread_and_the_number_is_restored():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with threads_for(8):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with threads_for(512):
        assert torch.get_num_threads() == 2
    with pytest.raises(RuntimeError, match="stop"), threads_for(8):
        raise RuntimeError("stop")
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
