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
from lstmkit.training.averaging import Average, Snapshots
from lstmkit.training.checkpoint import Checkpoint
from lstmkit.training.devices import Alone, Devices, Together
from lstmkit.training.order import draw_items, next_items
from lstmkit.training.records import EpochRecord
from lstmkit.training.schedule import Schedule
from lstmkit.training.settings import TrainSettings


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: TrainSettings,
    num_items: int,
    batch_loss: Callable[[Tensor], Tensor],
    validate: Callable[[], float] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
    snapshots: Snapshots | None = None,
    devices: Devices | None = None,
) -> Iterator[EpochRecord]:
    """Train `model` in place, yielding a record after each epoch; at the end the best weights are in the model.

    num_items   how many training items there are
    batch_loss  maps item numbers (B,) to a scalar loss to be minimised, a mean over the items
    validate    returns the validation loss; the model is in evaluation mode. Needed for early stopping
    checkpoint  where to keep the state after every epoch, or None
    resume      continue from the checkpoint if there is one: earlier epochs are yielded again from its record, and the
                weights end bit for bit as in an uninterrupted run
    snapshots   filled, best first, with the weights of the best epochs; complete at the end
    devices     train on a device, or in several processes that share each batch, and end with equal weights in all of
                them; the first validates and writes the checkpoint, all yield the same records. `batch_loss` must put
                its data where the parameters are. None trains here, where the tensors are
    Raises      InputError if the loss stops being finite, or the checkpoint belongs to other data or settings
    """
    if settings.patience is not None and validate is None:
        raise InputError("train: early stopping (patience) needs a validation loss")
    processes = Alone() if devices is None else Together(devices)
    processes.enter(model)
    schedule = Schedule(settings, optimizer, settings.steps_an_epoch(num_items))
    training = _Training(
        model,
        optimizer,
        settings,
        num_items,
        batch_loss,
        validate,
        processes,
        schedule,
        Average(model, settings.average),
        Snapshots() if snapshots is None else snapshots,
    )
    try:
        yield from training.run(None if checkpoint is None else _with_settings(checkpoint, settings), resume)
    finally:
        schedule.restore()
        processes.leave(model)


@dataclass
class _Training:
    """A training under way; `began` is when, so that earlier sessions of a resumed one count."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    settings: TrainSettings
    num_items: int
    batch_loss: Callable[[Tensor], Tensor]
    validate: Callable[[], float] | None
    processes: Alone | Together
    schedule: Schedule
    average: Average
    snapshots: Snapshots
    began: float = 0.0

    def run(self, checkpoint: Checkpoint | None, resume: bool) -> Iterator[EpochRecord]:
        """Run all epochs that are left; the best weights go into the model."""
        history: list[EpochRecord] = []
        rng = _seeded_rng(self.settings.seed)
        self.snapshots.kept = []
        if checkpoint is not None and resume:
            rng, history = self._restore(checkpoint, rng)
        self.began = time.perf_counter() - sum(record.seconds for record in history)
        if history:
            yield from history
        elif self.validate is not None:
            start = time.perf_counter()
            loss = self._validation_loss(self.validate, 0)
            history.append(EpochRecord(0, math.nan, loss, True, 0, time.perf_counter() - start))
            self.snapshots.update(history, self.settings, self.average)
            yield history[-1]
        while not self._finished(history):
            history.append(self._next_epoch(history, rng))
            self.snapshots.update(history, self.settings, self.average)
            if checkpoint is not None and self.processes.first:
                self._save(checkpoint, rng, history)
            yield history[-1]
        self.model.load_state_dict(self.snapshots.kept[0].weights)
        self.model.eval()

    def _next_epoch(self, history: list[EpochRecord], rng: Tensor) -> EpochRecord:
        """Run the epoch after `history`; `rng`, the state of the random numbers, is advanced in place."""
        start = time.perf_counter()
        epoch, steps = (history[-1].epoch + 1, history[-1].steps) if history else (1, 0)
        with torch.random.fork_rng(devices=self.processes.cuda):
            torch.set_rng_state(rng)
            if self.processes.own_random:
                torch.manual_seed((self.settings.seed * 1_000_003 + epoch) * 1_009 + self.processes.rank)
            train_loss, steps = self._steps(epoch, steps)
            rng.copy_(torch.get_rng_state())
        self.processes.share_buffers(self.model)
        rate = self.schedule.rate()
        loss = math.nan if self.validate is None else self._validation_loss(self.validate, epoch)
        improved = self.settings.patience is None or loss < min(r.valid_loss for r in history)
        return EpochRecord(epoch, train_loss, loss, improved, steps, time.perf_counter() - start, rate)

    def _steps(self, epoch: int, steps: int) -> tuple[float, int]:
        """Run the steps of an epoch, or as many as the time allows.

        steps    how many there were before
        Returns  the mean loss over the items, and how many steps there have been now
        """
        self.model.train()
        how, began = self.settings, time.perf_counter()
        count = how.steps_an_epoch(self.num_items) * how.batch_size
        if how.least_steps == 1:
            count = min(self.num_items, count)
        if how.epoch_seconds is not None:
            left = how.max_epochs * how.steps_an_epoch(self.num_items) - steps
            order = next_items(self.num_items, min(count, left * how.batch_size), steps * how.batch_size)
        elif how.order == "sequential":
            order = next_items(self.num_items, count, (epoch - 1) * count)
        else:
            order = draw_items(self.num_items, count, how.seed * 1_000_003 + epoch)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        total = torch.zeros((), dtype=torch.float64, device=parameters[0].device)
        seen, time_share = 0, self._time_share()
        for items in torch.split(order, how.batch_size):
            self.schedule.set(steps, time_share)
            loss = self.processes.backward(self.batch_loss, self.optimizer, parameters, items)
            if how.clip_norm is not None:
                nn.utils.clip_grad_norm_(parameters, how.clip_norm)
            self.optimizer.step()
            steps += 1
            self.average.update(steps)
            total += loss * len(items)
            seen += len(items)
            time_share = self._time_share()
            if time_share >= 1.0 or self._share_of(how.epoch_seconds, began) >= 1.0:
                break
        mean = float(total) / seen
        if not math.isfinite(mean):
            raise InputError(f"training: the loss became {mean} in epoch {epoch}; try a smaller learning rate")
        return mean, steps

    def _time_share(self) -> float:
        """Return the part of the time budget that is used, equal in all processes; 0 without a budget."""
        return self._share_of(self.settings.max_seconds, self.began)

    def _share_of(self, budget: float | None, began: float) -> float:
        """Return the part of some seconds, None for no bound, that has passed since a time, equal in all processes."""
        if budget is None:
            return 0.0
        return self.processes.share_number(lambda: (time.perf_counter() - began) / budget)

    def _finished(self, history: list[EpochRecord]) -> bool:
        how = self.settings
        if not history or history[-1].epoch == 0:
            return False
        if how.epoch_seconds is None:
            complete = history[-1].epoch >= how.max_epochs
        else:
            complete = history[-1].steps >= how.max_epochs * how.steps_an_epoch(self.num_items)
        if complete or self._time_share() >= 1.0:
            return True
        last_improvement = max((r.epoch for r in history if r.improved), default=0)
        return how.patience is not None and history[-1].epoch - last_improvement >= how.patience

    def _validation_loss(self, validate: Callable[[], float], epoch: int) -> float:
        self.model.eval()
        with self.average.applied(), torch.no_grad():
            loss = self.processes.share_number(validate)
        if not math.isfinite(loss):  # nothing is better than nan, so early stopping would go on with it unseen
            raise InputError(
                f"training: the validation loss became {loss} in epoch {epoch}; look for extreme values in the last "
                f"training rows, or try a smaller learning rate"
            )
        return loss

    def _save(self, checkpoint: Checkpoint, rng: Tensor, history: list[EpochRecord]) -> None:
        best, *others = [snapshot.weights for snapshot in self.snapshots.kept]
        more = {f"kept{number}": weights for number, weights in enumerate(others, 1)}
        more["average"] = self.average.state()
        checkpoint.save(self.model, best, self.optimizer, rng, history, more)

    def _restore(self, checkpoint: Checkpoint, rng: Tensor) -> tuple[Tensor, list[EpochRecord]]:
        """Return the state of the random numbers and the records of an interrupted training; `rng` and none if new."""
        content = self.processes.share_content(checkpoint.read)
        if content is None:
            return rng, []
        best, rng, history, more = checkpoint.restore(content, self.model, self.optimizer)
        try:
            if (history[0].epoch == 0) != (self.validate is not None):
                raise InputError("validated epochs")
            self.average.restore(more.pop("average", {}))
            others = [more.pop(f"kept{number}") for number in range(1, len(more) + 1)]
            self.snapshots.restore(history, self.settings, [best, *others])
        except (InputError, KeyError, ValueError) as error:
            raise InputError(f"{checkpoint.path}: holds other epochs ({error}); delete it to start again") from error
        return rng, history


def _with_settings(checkpoint: Checkpoint, settings: TrainSettings) -> Checkpoint:
    """Return the checkpoint with those settings in its fingerprint without which it could not go on as it began."""
    plain: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(TrainSettings)}
    names = [
        n for n in ("schedule", "warmup", "keep", "average", "order", "least_steps") if getattr(settings, n) != plain[n]
    ]
    changed = {f"TrainSettings.{n}": getattr(settings, n) for n in names}
    if settings.schedule == "cosine":
        changed["TrainSettings.schedule"] = f"cosine over {settings.max_epochs} epochs"
    return dataclasses.replace(checkpoint, fingerprint={**checkpoint.fingerprint, **changed})


def _seeded_rng(seed: int) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.get_rng_state()
