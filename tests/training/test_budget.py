"""A budget of time: training stops after the step that passes it. Time stands still but for what a test adds."""

from __future__ import annotations

import pytest

from lstmkit.errors import InputError
from lstmkit.training import Checkpoint, TrainSettings, loop


@pytest.fixture
def timed(training, clock, monkeypatch):
    """Make a training whose every step takes a second, and whose validation takes none."""
    monkeypatch.setattr(loop, "time", clock)

    def make():
        one = training()
        loss = one.loss

        def slow(items):
            clock.now += 1.0
            return loss(items)

        one.loss = slow
        return one

    return make


@pytest.mark.parametrize(("budget", "steps"), [(0.5, [1]), (7, [7]), (7.5, [7, 8]), (10, [7, 10]), (1e6, [7, 14, 21])])
def test_training_stops_after_the_step_that_passes_the_budget(budget, steps, timed, equal):
    one = timed()
    history = one.run(max_seconds=budget, max_epochs=3)
    assert [r.steps for r in history] == [0, *steps]
    assert len(one.seen) == steps[-1]
    assert not one.model.training


def test_the_weights_of_a_cut_epoch_count(timed, equal):
    one = timed()
    weights = [one.weights() for _ in one.steps(max_seconds=9, patience=None)]
    assert len(weights) == 3
    assert equal(one.weights(), weights[2])
    assert not equal(weights[1], weights[2])


def test_the_loss_of_a_cut_epoch_is_the_mean_over_its_items(timed):
    one = timed()
    losses = []
    loss = one.loss
    one.loss = lambda items: (losses.append(loss(items)), losses[-1])[1]
    [record] = one.run(max_seconds=3, validate=None, patience=None)
    assert record.train_loss == pytest.approx(sum(loss.item() for loss in losses) / 3)


def test_cosine_reaches_zero_with_the_time(timed):
    history = timed().run(max_seconds=14, max_epochs=100, patience=None, schedule="cosine")
    assert [r.steps for r in history] == [0, 7, 14]
    assert history[1].learning_rate == pytest.approx(0.02 * 0.61126, rel=1e-4)  # step 7 begins after 6 of 14 seconds
    assert history[2].learning_rate == pytest.approx(0.02 * 0.01254, rel=1e-3)  # step 14 after 13


def test_the_seconds_before_an_interruption_count(timed, tmp_path):
    options = {"max_seconds": 16, "checkpoint": Checkpoint(tmp_path / "checkpoint", {})}
    steps = timed().steps(**options)
    [next(steps) for _ in range(2)]
    steps.close()
    history = timed().run(**options, resume=True)
    assert [r.steps for r in history] == [0, 7, 14, 16]


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_no_time_is_refused(seconds):
    with pytest.raises(InputError, match="max_seconds must be more than 0; got"):
        TrainSettings(1, 1, max_seconds=seconds)


def test_rounds_by_time_go_on_in_order_and_end_with_the_last_item(timed):
    one = timed()
    history = one.run(max_epochs=2, batch_size=10, order="sequential", epoch_seconds=3, patience=None)
    assert [r.steps for r in history] == [0, 3, 6, 9, 10], "two times 50 items, three batches of ten at a time"
    assert [items[0] for items in one.seen] == [0, 10, 20, 30, 40, 0, 10, 20, 30, 40]
    assert [r.epoch for r in history] == [0, 1, 2, 3, 4]


def test_a_round_by_time_is_no_longer_than_a_round_without(timed):
    history = timed().run(max_epochs=2, batch_size=10, order="sequential", epoch_seconds=1e6, patience=None)
    assert [r.steps for r in history] == [0, 5, 10]


def test_rounds_by_time_resume_where_they_stopped(timed, tmp_path, equal):
    options = {"max_epochs": 2, "batch_size": 10, "order": "sequential", "epoch_seconds": 3, "patience": None}
    whole = timed()
    expected = whole.run(**options)
    kept = {"checkpoint": Checkpoint(tmp_path / "checkpoint", {})}
    steps = timed().steps(**options, **kept)
    [next(steps) for _ in range(3)]
    steps.close()
    resumed = timed()
    assert [r.steps for r in resumed.run(**options, **kept, resume=True)] == [r.steps for r in expected]
    assert resumed.seen == whole.seen[6:]
    assert equal(resumed.weights(), whole.weights())


def test_rounds_by_time_need_an_order():
    with pytest.raises(ValueError, match="epoch_seconds needs the items in order"):
        TrainSettings(1, 1, epoch_seconds=3)
