"""What the epochs of a training did, and how long the rest may take."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from lstmkit.training.schema import Natural


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What one epoch did.

    epoch          counted from 1; 0 is the untrained model, which early stopping may prefer
    train_loss     mean over the epoch's items (nan in epoch 0)
    valid_loss     of the whole validation part, or nan without one
    improved       whether this is the best epoch so far
    steps          optimizer steps so far
    seconds        of this epoch, validation included
    learning_rate  of the optimizer's first group in the epoch's last step (nan in epoch 0)
    """

    epoch: int
    train_loss: float
    valid_loss: float
    improved: bool
    steps: int
    seconds: float
    learning_rate: float = math.nan

    def after(self, before: EpochRecord) -> EpochRecord:
        """Return the record of an epoch of a second training, with epochs and steps counted on from the first one's."""
        return dataclasses.replace(self, epoch=before.epoch + self.epoch, steps=before.steps + self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-able data, null for nan."""
        return {k: None if v != v else v for k, v in dataclasses.asdict(self).items()}


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """An `EpochRecord` as `to_json` writes it; older ones have no learning rate."""

    epoch: Natural
    train_loss: float | None
    valid_loss: float | None
    improved: bool
    steps: Natural
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    learning_rate: float | None = None

    def record(self) -> EpochRecord:
        """Undo `EpochRecord.to_json`."""
        values: dict[str, Any] = {k: math.nan if v is None else v for k, v in dataclasses.asdict(self).items()}
        return EpochRecord(**values)
