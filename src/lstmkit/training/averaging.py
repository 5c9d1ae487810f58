"""Weights beside those in training: a moving average of them, and copies of the best epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lstmkit.training.records import EpochRecord
from lstmkit.training.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The weights of one epoch.

    epoch       counted from 1; 0 is the untrained model
    valid_loss  of that epoch, or nan without a validation
    weights     state dict, a copy
    """

    epoch: int
    valid_loss: float
    weights: dict[str, Tensor]


class Snapshots:
    """The weights of the best epochs; `train` fills it."""

    def __init__(self) -> None:
        self.kept: list[Snapshot] = []
        """Best first, `TrainSettings.keep` at most."""

    def update(self, history: Sequence[EpochRecord], settings: TrainSettings, average: Average) -> None:
        """Keep the weights of the last epoch of `history` if they are among the best, and drop what they displace."""
        earlier = {snapshot.epoch: snapshot for snapshot in self.kept}
        self.kept = [
            earlier.get(r.epoch) or Snapshot(r.epoch, r.valid_loss, average.weights())
            for r in kept_epochs(history, settings)
        ]

    def restore(
        self, history: Sequence[EpochRecord], settings: TrainSettings, weights: Sequence[dict[str, Tensor]]
    ) -> None:
        """Take over the state dicts of an interrupted training, best first."""
        epochs = kept_epochs(history, settings)
        self.kept = [Snapshot(r.epoch, r.valid_loss, w) for r, w in zip(epochs, weights, strict=True)]


def kept_epochs(history: Sequence[EpochRecord], settings: TrainSettings) -> list[EpochRecord]:
    """Return the records of the epochs whose weights are kept, best first.

    Without patience the latest is the best, and the untrained model is none.
    """
    if settings.patience is None:
        return [record for record in reversed(history) if record.epoch > 0][: settings.keep]
    return sorted(history, key=lambda record: (record.valid_loss, record.epoch))[: settings.keep]


class Average:
    """An exponential moving average of a model's parameters; with decay None it is the parameters themselves.

    In step t, counted from 1, the decay is at most (1 + t) / (10 + t), so that the first weights are soon forgotten.
    Buffers, such as the statistics of batch normalization, are not averaged.
    """

    def __init__(self, model: nn.Module, decay: float | None) -> None:
        self._model = model
        self._decay = decay
        named = {} if decay is None else dict(model.named_parameters())
        self._parameters = list(named.values())
        self._averages = {name: parameter.detach().clone() for name, parameter in named.items()}

    def update(self, steps: int) -> None:
        """Take in the parameters after a step.

        steps  how many steps there have been, this one included
        """
        if self._decay is None:
            return
        weight = 1.0 - min(self._decay, (1 + steps) / (10 + steps))
        with torch.no_grad():
            for average, parameter in zip(self._averages.values(), self._parameters, strict=True):
                average.lerp_(parameter, weight)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages into the model for the time of a block."""
        with torch.no_grad():
            own = [parameter.clone() for parameter in self._parameters]
            for parameter, average in zip(self._parameters, self._averages.values(), strict=True):
                parameter.copy_(average)
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, value in zip(self._parameters, own, strict=True):
                    parameter.copy_(value)

    def weights(self) -> dict[str, Tensor]:
        """Return a state dict of the model with the averages in place of the parameters; a copy."""
        with self.applied():
            return {name: tensor.detach().clone() for name, tensor in self._model.state_dict().items()}

    def state(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps: the averages by the name of the parameter, nothing without a decay."""
        return dict(self._averages)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Undo `state`."""
        for name, average in self._averages.items():
            average.copy_(state[name])
