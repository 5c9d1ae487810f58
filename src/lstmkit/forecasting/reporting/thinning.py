"""Which points of a long curve are drawn: all where few, else the lowest and the highest of each stretch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


def thin(values: NDArray[np.float64], most: int) -> Positions:
    """Return the positions of at most about `most` points that draw a curve (N,) as all of them would.

    Of each of `most / 2` stretches of equal length the lowest and the highest value is kept, and both ends of the
    curve: no peak is lost. A stretch without any value keeps its first position, so that the gap is seen.
    """
    n = len(values)
    if n <= most:
        return np.arange(n)
    size = -(-2 * n // most)
    stretches = -(-n // size)
    padded = np.full(stretches * size, np.nan)
    padded[:n] = values
    rows = padded.reshape(stretches, size)
    seen = np.isfinite(rows)
    low = np.where(seen, rows, np.inf).argmin(1)
    high = np.where(seen, rows, -np.inf).argmax(1)
    begin = np.arange(stretches) * size
    return np.unique(np.concatenate([[0, n - 1], begin + low, begin + high]))


def thin_before(values: NDArray[np.float64], whole: int, most: int) -> Positions:
    """Return the positions of the last `whole` points of a curve (N,), and of at most about `most` before them."""
    n = len(values)
    if n <= whole + most:
        return np.arange(n)
    return np.concatenate([thin(values[: n - whole], most), np.arange(n - whole, n)])
