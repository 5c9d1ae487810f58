"""How to train: the settings of the loop."""

from __future__ import annotations

from dataclasses import dataclass

from lstmkit.ranges import BETWEEN_0_AND_1, MORE_THAN_0, NOT_NEGATIVE, SEED, check_fields

SCHEDULES = ("constant", "cosine", "decay")
ORDERS = ("random", "sequential")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to train.

    max_epochs       epochs at most
    batch_size       items in a step
    steps_per_epoch  steps in an epoch at most; with more items than that an epoch is a random part of them, so that
                     validation and checkpoints come at a steady pace on large data
    least_steps      steps in an epoch at least: few items are gone through several times, each time in another order
    patience         epochs without a better validation loss before stopping; None trains all epochs and keeps the last
    clip_norm        gradients are scaled down to this Euclidean norm; None leaves them
    seed             of the order of the items and of dropout
    schedule         of the learning rate, from the optimizer's own: "constant"; "cosine", to zero over all epochs;
                     "decay", three epochs constant, then times 0.8 an epoch
    warmup           steps in which the rate rises evenly to that of the schedule
    keep             epochs whose weights are kept for `Snapshots`: those with the lowest validation loss, or without
                     patience the last
    average          decay, in 0 to 1, of an exponential moving average of the weights, which is what is validated and
                     kept; None validates and keeps the weights themselves
    max_seconds      training stops after the step in which it has lasted so long; a cosine then reaches zero with the
                     time, if that comes sooner. Such a run depends on the machine and cannot be repeated
    epoch_seconds    an epoch ends after the step in which it has lasted so long; the next goes on where it stopped, and
                     training ends after as many steps as `max_epochs` whole epochs have. Needs `order` "sequential"
    order            of the items: "random", drawn afresh every epoch; "sequential", from the first to the last, where
                     an epoch of a part of them goes on where the one before stopped
    """

    max_epochs: int
    batch_size: int
    steps_per_epoch: int | None = None
    patience: int | None = None
    clip_norm: float | None = None
    seed: int = 0
    schedule: str = "constant"
    warmup: int = 0
    keep: int = 1
    average: float | None = None
    max_seconds: float | None = None
    epoch_seconds: float | None = None
    order: str = "random"
    least_steps: int = 1

    def __post_init__(self) -> None:
        """Check every value."""
        ranges = {"warmup": NOT_NEGATIVE, "seed": SEED, "average": BETWEEN_0_AND_1}
        positive = dict.fromkeys(("clip_norm", "max_seconds", "epoch_seconds"), MORE_THAN_0)
        check_fields(self, ranges | positive | {"schedule": SCHEDULES, "order": ORDERS}, "TrainSettings")
        if self.epoch_seconds is not None and self.order != "sequential":
            raise ValueError("TrainSettings: epoch_seconds needs the items in order")
        if self.least_steps > 1 and self.order == "sequential":
            raise ValueError("TrainSettings: least_steps needs the items in random order")

    def steps_an_epoch(self, num_items: int) -> int:
        """Return how many steps an epoch over `num_items` has."""
        steps = max(self.least_steps, -(-num_items // self.batch_size))
        return steps if self.steps_per_epoch is None else min(steps, self.steps_per_epoch)
