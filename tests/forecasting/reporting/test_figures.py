"""Numbers as they are printed: never a zero that is none, never an interval of which both ends look alike."""

from __future__ import annotations

import math

import pytest

from lstmkit.forecasting.reporting.figures import figure, fixed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (56.2071, "56.207"),
        (-1.84561, "-1.8456"),
        (0.0345591, "0.034559"),
        (0.000012345678, "0.000012346"),
        (1234567.8, "1,234,568"),
        (3.4559e-14, "3.4559e-14"),
        (1e20, "1e+20"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_a_figure_has_five_significant_digits(value: float, text: str) -> None:
    assert figure(value) == text


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        (56.2071, 3.486, "56.207"),
        (1.0283123e-12, 8.6e-14, "1.0283e-12"),
        (1.0283123e20, 8.6e18, "1.0283e+20"),
        (1000000000003.4, 10.0, "1,000,000,000,003.4"),
        (1 + 3.25e-12, 1e-12, "1.00000000000325"),
        (-3e-9, 1.0, "0"),
        (1e300, 1e290, "1.000000000000e+300"),
    ],
)
def test_the_width_of_its_interval_is_shown_with_three_digits_at_least(value: float, width: float, text: str) -> None:
    shown = figure(value, width)
    assert float(shown.replace(",", "")) == pytest.approx(float(text.replace(",", "")), rel=1e-15, abs=0)
    assert len(shown) <= max(len(text), 22)


@pytest.mark.parametrize("level", [0.0, 1.0, 1e6, 1e12, 1e15])
@pytest.mark.parametrize("width", [1e-12, 1e-3, 1.0, 1e3])
def test_the_ends_of_an_interval_look_different_wherever_a_float_can_tell_them_apart(
    level: float, width: float
) -> None:
    low, high = level - width / 2, level + width / 2
    if high - low > 0.5 * width:
        assert figure(low, high - low) != figure(high, high - low)


@pytest.mark.parametrize(("value", "text"), [(0.917, "0.917"), (2e-5, "2e-05"), (0.0, "0.000"), (math.nan, "-")])
def test_what_is_not_zero_is_never_printed_as_zero(value: float, text: str) -> None:
    assert fixed(value, 3) == text
