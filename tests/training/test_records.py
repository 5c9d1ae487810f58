"""Records of epochs, and the seconds that are left."""

from __future__ import annotations

import math

import pytest

from lstmkit.training import EpochRecord, TrainSettings, seconds_left


def _records(*seconds, first=1):
    return [EpochRecord(e, 1.0, 1.0, False, e, s, 0.1) for e, s in enumerate(seconds, first)]


def test_a_record_without_a_rate_still_loads():
    old = {"epoch": 3, "train_loss": 0.5, "valid_loss": None, "improved": True, "steps": 7, "seconds": 0.5}
    record = EpochRecord.from_json(old)
    assert (record.epoch, record.steps) == (3, 7)
    assert math.isnan(record.learning_rate)
    assert record.to_json()["learning_rate"] is None


@pytest.mark.parametrize(
    ("records", "budget", "expected"),
    [
        ([], None, math.nan),
        ([], 30.0, 30.0),
        (_records(9.0, first=0), None, math.nan),
        (_records(9.0, first=0), 30.0, 21.0),
        (_records(2.0), None, 18.0),
        (_records(9.0, 2.0, 2.0, first=0), None, 16.0),
        (_records(90.0, 2.0, 2.0, 2.0, 2.0, 3.0), None, 8.0),
        (_records(2.0, 2.0, 2.0), 10.0, 4.0),
        (_records(2.0, 2.0, 2.0), 1000.0, 14.0),
        (_records(2.0, 2.0, 2.0), 5.0, 0.0),
        (_records(*[1.0] * 10), None, 0.0),
    ],
)
def test_the_seconds_left(records, budget, expected):
    left = seconds_left(records, TrainSettings(10, 8, patience=3, max_seconds=budget))
    assert left == pytest.approx(expected, nan_ok=True)
