"""The one training loop: epochs of mini-batches, early stopping, best weights kept, a record per epoch."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lstmkit.errors import InputError
from lstmkit.training.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to train.

    max_epochs       epochs at most
    batch_size       items in a step
    steps_per_epoch  steps in an epoch at most; with more items than that an epoch is a random part of them, so that
                     validation and checkpoints come at a steady pace on large data
    patience         epochs without a better validation loss before stopping; None trains all epochs and keeps the last
    clip_norm        gradients are scaled down to this Euclidean norm; None leaves them
    seed             of the order of the items and of dropout
    """

    max_epochs: int
    batch_size: int
    steps_per_epoch: int | None = None
    patience: int | None = None
    clip_norm: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value."""
        for name in ("max_epochs", "batch_size", "steps_per_epoch", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"TrainSettings: {name} must be at least 1; got {value}")


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What one epoch did.

    epoch       counted from 1; 0 is the untrained model, which early stopping may prefer
    train_loss  mean over the epoch's items (nan in epoch 0)
    valid_loss  of the whole validation part, or nan without one
    improved    whether this is the best epoch so far
    steps       optimizer steps so far
    seconds     of this epoch, validation included
    """

    epoch: int
    train_loss: float
    valid_loss: float
    improved: bool
    steps: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-able data, null for nan."""
        return {k: None if v != v else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> EpochRecord:
        """Undo `to_json`."""
        values: dict[str, Any] = {k: math.nan if v is None else v for k, v in record.items()}
        return cls(**values)


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: TrainSettings,
    num_items: int,
    batch_loss: Callable[[Tensor], Tensor],
    validate: Callable[[], float] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
) -> Iterator[EpochRecord]:
    """Train `model` in place, yielding a record after each epoch; at the end the best weights are in the model.

    num_items   how many training items there are
    batch_loss  maps item numbers (B,) to a scalar loss to be minimised
    validate    returns the validation loss; the model is in evaluation mode. Needed for early stopping
    checkpoint  where to keep the state after every epoch, or None
    resume      continue from the checkpoint if there is one: earlier epochs are yielded again from its record, and the
                weights end bit for bit as in an uninterrupted run
    Raises      InputError if the loss stops being finite, or the checkpoint belongs to other data or settings
    """
    if settings.patience is not None and validate is None:
        raise InputError("train: early stopping (patience) needs a validation loss")
    history: list[EpochRecord] = []
    best = _copy(model)
    rng = _seeded_rng(settings.seed)
    restored = checkpoint.load(model, optimizer) if checkpoint is not None and resume else None
    if restored is not None:
        best, rng, progress = restored
        history = [EpochRecord.from_json(record) for record in progress]
        yield from history
    elif validate is not None:
        start = time.perf_counter()
        history.append(
            EpochRecord(0, math.nan, _validation_loss(model, validate, 0), True, 0, time.perf_counter() - start)
        )
        yield history[-1]
    while not _finished(history, settings):
        start = time.perf_counter()
        epoch = history[-1].epoch + 1 if history else 1
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(rng)
            train_loss, steps = _epoch(model, optimizer, settings, num_items, batch_loss, epoch)
            rng = torch.get_rng_state()
        valid_loss = math.nan if validate is None else _validation_loss(model, validate, epoch)
        improved = settings.patience is None or valid_loss < min(r.valid_loss for r in history)
        if improved:
            best = _copy(model)
        total = (history[-1].steps if history else 0) + steps
        history.append(EpochRecord(epoch, train_loss, valid_loss, improved, total, time.perf_counter() - start))
        if checkpoint is not None:
            checkpoint.save(model, best, optimizer, rng, [r.to_json() for r in history])
        yield history[-1]
    model.load_state_dict(best)
    model.eval()


def _epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: TrainSettings,
    num_items: int,
    batch_loss: Callable[[Tensor], Tensor],
    epoch: int,
) -> tuple[float, int]:
    """Run one epoch; return the mean loss and the number of steps."""
    model.train()
    order = torch.randperm(num_items, generator=torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch))
    if settings.steps_per_epoch is not None:
        order = order[: settings.steps_per_epoch * settings.batch_size]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    total = torch.zeros((), dtype=torch.float64)
    batches = torch.split(order, settings.batch_size)
    for items in batches:
        loss = batch_loss(items)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        optimizer.step()
        total += loss.detach() * len(items)
    mean = float(total) / len(order)
    if not math.isfinite(mean):
        raise InputError(f"training: the loss became {mean} in epoch {epoch}; try a smaller learning rate")
    return mean, len(batches)


def _finished(history: list[EpochRecord], settings: TrainSettings) -> bool:
    if not history:
        return False
    if history[-1].epoch >= settings.max_epochs:
        return True
    last_improvement = max((r.epoch for r in history if r.improved), default=0)
    return settings.patience is not None and history[-1].epoch - last_improvement >= settings.patience


def _validation_loss(model: nn.Module, validate: Callable[[], float], epoch: int) -> float:
    model.eval()
    with torch.no_grad():
        loss = validate()
    if not math.isfinite(loss):  # nothing is better than nan, so early stopping would go on with it unseen
        raise InputError(
            f"training: the validation loss became {loss} in epoch {epoch}; look for extreme values in the last "
            f"training rows, or try a smaller learning rate"
        )
    return loss


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in model.state_dict().items()}


def _seeded_rng(seed: int) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.get_rng_state()
