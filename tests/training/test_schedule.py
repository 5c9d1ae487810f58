"""The learning rate: equal to torch's schedulers, and to plain loops that use them."""

from __future__ import annotations

import math

import pytest
import torch
from torch.optim import lr_scheduler

from lstmkit.errors import InputError
from lstmkit.training import Checkpoint, TrainSettings
from lstmkit.training.schedule import rate_factor

STEPS = 7  # in an epoch of the training fixture: 50 items in batches of 8


def _torch_rates(schedule, epochs):
    """Return the rates of torch's own schedulers, from a base of 1, in every step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    if schedule == "cosine":
        own = lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * STEPS)
    else:
        epoch = lr_scheduler.SequentialLR(
            optimizer,
            [lr_scheduler.ConstantLR(optimizer, factor=1.0), lr_scheduler.ExponentialLR(optimizer, 0.8)],
            milestones=[2],
        )
    rates = []
    for step in range(epochs * STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if schedule == "cosine":
            own.step()
        elif (step + 1) % STEPS == 0:
            epoch.step()
    return rates


@pytest.mark.parametrize("schedule", ["cosine", "decay"])
def test_rates_equal_those_of_torch(schedule):
    settings = TrainSettings(6, 8, schedule=schedule)
    own = [rate_factor(settings, step, STEPS) for step in range(6 * STEPS)]
    assert own == pytest.approx(_torch_rates(schedule, 6), abs=1e-12)


def test_decay_is_constant_for_three_epochs():
    settings = TrainSettings(6, 8, schedule="decay")
    by_epoch = [rate_factor(settings, epoch * STEPS + STEPS - 1, STEPS) for epoch in range(6)]
    assert by_epoch == pytest.approx([1, 1, 1, 0.8, 0.64, 0.512])


def test_cosine_ends_near_zero_and_its_middle_is_a_half():
    settings = TrainSettings(10, 8, schedule="cosine")
    assert rate_factor(settings, 0, 100) == 1.0
    assert rate_factor(settings, 500, 100) == pytest.approx(0.5)
    assert rate_factor(settings, 1000, 100) == 0.0
    assert 0 < rate_factor(settings, 999, 100) < 1e-5


def test_cosine_follows_the_time_where_that_is_further():
    settings = TrainSettings(10, 8, schedule="cosine", max_seconds=60)
    assert rate_factor(settings, 250, 100, 0.1) == rate_factor(settings, 250, 100)
    assert rate_factor(settings, 250, 100, 0.5) == pytest.approx(0.5)
    assert rate_factor(settings, 250, 100, 1.5) == 0.0


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_warmup_rises_evenly_to_the_schedule(schedule):
    plain, warm = TrainSettings(6, 8, schedule=schedule), TrainSettings(6, 8, schedule=schedule, warmup=10)
    shares = [rate_factor(warm, step, STEPS) / rate_factor(plain, step, STEPS) for step in range(12)]
    assert shares == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("schedule", ["constant", "cosine", "decay"])
def test_weights_equal_those_of_a_plain_loop(schedule, training):
    """The plain loop takes the batches that were seen, and torch's rates."""
    one, plain = training(dropout=0.0), training(dropout=0.0)
    one.optimizer.param_groups[0]["lr"] = plain.optimizer.param_groups[0]["lr"] = 0.05
    history = one.run(schedule=schedule, patience=None)
    rates = [1.0] * 6 * STEPS if schedule == "constant" else _torch_rates(schedule, 6)
    assert len(one.seen) == len(rates)
    for items, rate in zip(one.seen, rates, strict=True):
        plain.optimizer.param_groups[0]["lr"] = 0.05 * rate
        plain.optimizer.zero_grad()
        plain.loss(torch.tensor(items)).backward()
        torch.nn.utils.clip_grad_norm_(plain.model.parameters(), 1.0)
        plain.optimizer.step()
    for name, weight in plain.weights().items():
        torch.testing.assert_close(one.weights()[name], weight, rtol=1e-5, atol=1e-6)
    assert math.isnan(history[0].learning_rate)
    assert [r.learning_rate for r in history[1:]] == pytest.approx([0.05 * r for r in rates[STEPS - 1 :: STEPS]])


def test_each_group_keeps_its_own_rate_and_gets_it_back(training):
    one = training()
    weight, *others = one.model.parameters()
    groups = [{"params": [weight], "lr": 0.1}, {"params": others, "lr": 0.01}]
    one.optimizer = torch.optim.SGD(groups)
    steps = one.steps(schedule="decay", patience=None)
    for record in steps:
        if record.epoch == 5:
            break
    assert [group["lr"] for group in one.optimizer.param_groups] == pytest.approx([0.064, 0.0064])
    steps.close()
    assert [group["lr"] for group in one.optimizer.param_groups] == [0.1, 0.01]


def test_a_constant_rate_may_be_changed_between_epochs(training):
    one = training()
    rates = []
    for record in one.steps(max_epochs=3):
        rates.append(record.learning_rate)
        one.optimizer.param_groups[0]["lr"] /= 2
    assert rates[1:] == [0.01, 0.005, 0.0025]


@pytest.mark.parametrize("schedule", ["cosine", "decay"])
@pytest.mark.parametrize("stop", [1, 4])
def test_a_resumed_schedule_ends_with_the_same_bits(schedule, stop, training, equal, tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint", {})
    options = {"schedule": schedule, "warmup": 9, "checkpoint": checkpoint}
    whole, stopped, resumed = training(), training(), training()
    expected = whole.run(schedule=schedule, warmup=9)
    steps = stopped.steps(**options)
    [next(steps) for _ in range(stop + 1)]
    steps.close()
    history = resumed.run(**options, resume=True)
    assert [r.learning_rate for r in history[1:]] == [r.learning_rate for r in expected[1:]]
    assert equal(resumed.weights(), whole.weights())


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"schedule": "decay"}, "schedule = 'cosine over 6 epochs', this one has 'decay'"),
        ({"max_epochs": 9}, "schedule = 'cosine over 6 epochs', this one has 'cosine over 9 epochs'"),
        ({"warmup": 3}, "warmup = None, this one has 3"),
        ({"keep": 2}, "keep = None, this one has 2"),
        ({"average": 0.9}, "average = None, this one has 0.9"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value),
)
def test_resuming_with_other_settings_is_refused(changed, difference, training, tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint", {})
    steps = training().steps(schedule="cosine", checkpoint=checkpoint)
    [next(steps) for _ in range(2)]
    steps.close()
    with pytest.raises(InputError) as error:
        training().run(**{"schedule": "cosine"} | changed, checkpoint=checkpoint, resume=True)
    assert f"the interrupted run had TrainSettings.{difference}; repeat its options" in str(error.value)


def test_an_unknown_schedule_is_refused_by_name():
    with pytest.raises(InputError, match="schedule must be one of constant, cosine, decay; got 'step'"):
        TrainSettings(1, 1, schedule="step")
    with pytest.raises(InputError, match="warmup must not be negative; got -1"):
        TrainSettings(1, 1, warmup=-1)
