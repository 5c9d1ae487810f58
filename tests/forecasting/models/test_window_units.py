"""Units of a window against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from lstmkit.forecasting.models import window_units as module
from lstmkit.forecasting.models.window_units import WindowUnits

NAN = math.nan


def window_units(past: torch.Tensor, logs: torch.Tensor, period: int, size: float = 0.0) -> WindowUnits:
    return module.window_units(past, logs, period, torch.full((len(past),), size, dtype=torch.float64))


def test_mean_change_over_a_season_and_swing() -> None:
    past = torch.tensor([[1.0, 5, 2, 8, NAN, 6]], dtype=torch.float64)
    units = window_units(past, torch.tensor([False]), 2)
    assert units.mean.item() == pytest.approx(22 / 5)
    assert units.unit.item() == pytest.approx((1 + 3 + 2) / 3)  # 2 - 1, 8 - 5, 6 - 8; the others have a missing end
    assert units.swing.item() == pytest.approx((3.4 + 0.6 + 2.4 + 3.6 + 1.6) / 5)
    assert units.apply(past)[0, [0, 3]].tolist() == pytest.approx([-3.4 / 2, 3.6 / 2], rel=1e-6)


def test_logarithms_are_the_same_of_the_logarithms() -> None:
    torch.manual_seed(0)
    past = torch.rand(3, 12, dtype=torch.float64) + 0.5
    plain, logs = torch.zeros(3, dtype=torch.bool), torch.ones(3, dtype=torch.bool)
    found, expected = window_units(past, logs, 4), window_units(past.log(), plain, 4)
    torch.testing.assert_close(found.mean + found.base.log(), expected.mean)
    torch.testing.assert_close(found.unit, expected.unit)
    torch.testing.assert_close(found.apply(past), expected.apply(past.log()))


@pytest.mark.parametrize("logs", [False, True])
def test_invert_undoes_apply(logs: bool) -> None:
    torch.manual_seed(0)
    past = 100 + torch.rand(3, 12, dtype=torch.float64)
    units = window_units(past, torch.full((3,), logs), 1)
    torch.testing.assert_close(units.invert(units.apply(past)[:, :, None])[:, :, 0], past, rtol=1e-7, atol=0)


def test_what_has_no_logarithm_becomes_nan_and_the_rest_stays() -> None:
    past = torch.tensor([[4.0, 0, 2, -1, 3, 5]], dtype=torch.float64)
    hidden = torch.tensor([[4.0, NAN, 2, NAN, 3, 5]], dtype=torch.float64)
    logs = torch.tensor([True])
    units = window_units(past, logs, 1)
    assert units.apply(past).isnan().tolist() == [[False, True, False, True, False, False]]
    assert units == window_units(hidden, logs, 1)


@pytest.mark.parametrize("value", [0.0, 1.0, -1e9, 1e-30, NAN])
def test_a_window_where_nothing_changes_stays_finite(value: float) -> None:
    units = window_units(torch.full((1, 9), value, dtype=torch.float64), torch.tensor([False]), 2)
    assert units.unit.item() > 0 and units.swing.item() > 0
    assert units.invert(torch.zeros(1, 1, 1)).item() == pytest.approx(0.0 if math.isnan(value) else value)
    assert units.invert(torch.ones(1, 1, 1)).isfinite().all()


def test_the_unit_is_not_much_smaller_than_the_swing() -> None:
    past = torch.tensor([0.0, 1.0], dtype=torch.float64).repeat(10)[None]
    units = window_units(past, torch.tensor([False]), 2)
    assert units.unit.item() == pytest.approx(0.02 * 0.5)


def test_a_known_size_is_the_measure_of_a_window_where_nothing_changes() -> None:
    still = torch.zeros(1, 9, dtype=torch.float64)
    assert window_units(still, torch.tensor([False]), 2, size=3.0).unit.item() == pytest.approx(0.06)
    assert window_units(still + torch.arange(9), torch.tensor([False]), 2, size=3.0).unit.item() == 2.0


@pytest.mark.parametrize("power", [-900, -100, 100, 900])
def test_another_unit_of_two_gives_the_same_bits_in_logarithms(power: int) -> None:
    torch.manual_seed(0)
    past, logs = torch.rand(3, 12, dtype=torch.float64) + 0.5, torch.ones(3, dtype=torch.bool)
    plain, scaled = window_units(past, logs, 4), window_units(past * 2.0**power, logs, 4)
    assert torch.equal(scaled.apply(past * 2.0**power), plain.apply(past))
    assert torch.equal(scaled.invert(torch.ones(3, 1, 1)), plain.invert(torch.ones(3, 1, 1)) * 2.0**power)


def test_logarithms_never_overflow() -> None:
    past = torch.tensor([[1.0, 1e300, 1.0, 1e300]], dtype=torch.float64)
    units = window_units(past, torch.tensor([True]), 1)
    assert units.invert(torch.full((1, 1, 1), 5.0)).isfinite().all()
