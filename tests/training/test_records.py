"""Records of epochs, as they are written and read."""

from __future__ import annotations

import math

from lstmkit.training import StoredRecord
from lstmkit.training.schema import checked


def test_a_record_without_a_rate_still_loads():
    old = {"epoch": 3, "train_loss": 0.5, "valid_loss": None, "improved": True, "steps": 7, "seconds": 0.5}
    record = checked(old, StoredRecord).record()
    assert (record.epoch, record.steps) == (3, 7)
    assert math.isnan(record.learning_rate)
    assert record.to_json()["learning_rate"] is None
