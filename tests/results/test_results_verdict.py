"""The kind of a verdict."""

from __future__ import annotations

import math

import pytest

from lstmkit.results.verdict import kind_of


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [
        (0.1, 0.2, "better"),
        (-0.2, -0.1, "worse"),
        (-0.1, 0.1, "equal"),
        (0.0, 0.1, "equal"),
        (-0.1, 0.0, "equal"),
        (math.nan, math.nan, "equal"),
    ],
)
def test_only_an_interval_without_zero_is_a_difference(low: float, high: float, kind: str) -> None:
    assert kind_of(low, high) == kind
