"""Numbers as people read them in printed tables and in the report."""

from __future__ import annotations

import math

SIGNIFICANT = 5
OF_WIDTH = 3
"""Digits that the width of an interval is shown with at least, however large the level is."""
DIGITS = 17
"""Significant digits that a float64 has at most."""
FIXED = range(-5, 12)
"""Decimal exponents that are written without an exponent, whole numbers up to 1e15 too where their units matter."""


def figure(value: float, width: float = 0.0) -> str:
    """Return a number with five significant digits, without an exponent where people would not write one.

    width  of the interval around it: as many digits more as it takes to tell its ends apart; 0 for none
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = math.floor(math.log10(abs(value)))
    digits = SIGNIFICANT - 1 - exponent
    if width > 0 and math.isfinite(width):
        needed = OF_WIDTH - 1 - math.floor(math.log10(width))
        if exponent < -needed:
            return "0"  # nothing beside the interval
        digits = max(digits, needed)
    digits = min(digits, DIGITS - 1 - exponent)
    if exponent in FIXED or (digits >= 0 and 0 <= exponent < DIGITS - 2):
        return f"{value:,.{max(digits, 0)}f}"
    return f"{value:.{digits + exponent}e}" if width > 0 else f"{value:.{SIGNIFICANT}g}"


def fixed(value: float, digits: int) -> str:
    """Return a number without a unit to so many decimals; a smaller one, other than zero, to two digits."""
    if math.isnan(value):
        return "-"
    return f"{value:.2g}" if 0 < abs(value) < 0.5 * 10.0**-digits else f"{value:.{digits}f}"


def percent(share: float) -> str:
    """Return a share as a signed percentage; nothing where there is none."""
    return "" if math.isnan(share) else f"{100 * share + 0.0:+.1f} %".replace("-0.0", "0.0")


def p_value(p: float) -> str:
    """Return the p-value of a test."""
    return "" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def steps_ahead(step: int) -> str:
    """Return how far ahead a forecast is, in words."""
    return f"{step} step{'s' if step > 1 else ''} ahead"
