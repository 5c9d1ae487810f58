"""Student's t: how likely a statistic is by chance, and which statistic is how likely."""

from __future__ import annotations

import math


def student_p(statistic: float, degrees: float) -> float:
    """Return the two-sided p-value of a statistic that follows Student's t."""
    return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + statistic * statistic))


def student_quantile(p: float, degrees: float) -> float:
    """Return the statistic of which `student_p` is `p`, from 1e-6 to 1."""
    low, high = 0.0, 1.0
    while student_p(high, degrees) > p and high < 1e150:
        low, high = high, 4 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if student_p(middle, degrees) > p else (low, middle)
    return high


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function of x in [0, 1], by its continued fraction.

    Source  Abramowitz & Stegun 26.5.8, with the method of Lentz (1976)
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast only below the mean
        return 1 - incomplete_beta(b, a, 1 - x)
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    numerator, denominator = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    fraction = denominator
    for k in range(1, 1000):
        even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
        odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        for term in (even, odd):
            denominator = 1 / (1 + term * denominator)
            numerator = 1 + term / numerator
            step = numerator * denominator
            fraction *= step
        if abs(step - 1) < 1e-15:
            break
    return math.exp(front) * fraction / a
