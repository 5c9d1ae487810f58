"""The learning rate as a function of the step, so that a resumed training goes on with the same rate."""

from __future__ import annotations

import math

import torch

from lstmkit.training.settings import TrainSettings

CONSTANT_EPOCHS = 3
DECAY = 0.8


def rate_factor(settings: TrainSettings, step: int, steps_per_epoch: int, time_share: float = 0.0) -> float:
    """Return what the base learning rate is multiplied by in a step.

    step             counted from 0 over all epochs
    steps_per_epoch  steps in each epoch
    time_share       part of the time budget that is used, 0 without one
    Returns          factor in 0 to 1
    Source           cosine: Loshchilov & Hutter 2017, without restarts; decay: Lin et al. 2023 (SegRNN)
    """
    factor = 1.0
    if settings.schedule == "cosine":
        share = max(step / (settings.max_epochs * steps_per_epoch), time_share)
        factor = 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))
    elif settings.schedule == "decay":
        factor = DECAY ** max(0, step // steps_per_epoch - CONSTANT_EPOCHS + 1)
    return factor * min(1.0, (step + 1) / settings.warmup) if settings.warmup else factor


class Schedule:
    """Sets the learning rate of every group of an optimizer, and gives the optimizer's own rates back at the end."""

    def __init__(self, settings: TrainSettings, optimizer: torch.optim.Optimizer, steps_per_epoch: int) -> None:
        self._settings = settings
        self._optimizer = optimizer
        self._rates = [group["lr"] for group in optimizer.param_groups]
        self._steps_per_epoch = steps_per_epoch
        self._changes = settings.schedule != "constant" or settings.warmup > 0

    def set(self, step: int, time_share: float) -> None:
        """Set the rates for a step, counted from 0; see `rate_factor`."""
        if self._changes:
            factor = rate_factor(self._settings, step, self._steps_per_epoch, time_share)
            for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
                group["lr"] = rate * factor

    def rate(self) -> float:
        """Return the rate of the first group as it is now."""
        return float(self._optimizer.param_groups[0]["lr"])

    def restore(self) -> None:
        """Give the optimizer its own rates back."""
        if self._changes:
            for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
                group["lr"] = rate
